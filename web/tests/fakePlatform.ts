// Surroundings for the engine that are no browser: a clock that the test moves,
// a server that it answers for, and no chance at all.
//
// Used by the tests of the wire, which run without a window and in real time;
// nothing here waits for it.
import type { Clock, Platform } from '../src/api/platform'
import { createFakeServer } from './fakeServer'
import type { FakeServer } from './fakeServer'

export interface FakeClock extends Clock {
  /** Lets `ms` pass, timer by timer. */
  pass(ms: number): Promise<void>
  /** Lets time pass until the next timer has acted; throws without one. */
  passToNext(): Promise<void>
  /** Sets the computer's time ahead, or back, as a person may do. */
  setAhead(ms: number): void
  /** How many timers are set. */
  timers(): number
}

export interface FakePlatform extends Platform {
  clock: FakeClock
  server: FakeServer
  isOnline(): boolean
  setOnline(isOnline: boolean): void
}

export function createFakePlatform(): FakePlatform {
  const server = createFakeServer(settle)
  let isOnline = true
  return {
    server,
    fetch: server.fetch,
    clock: createFakeClock(),
    // The least delay that chance can give: half of the ceiling.
    random: () => 0,
    isOnline: () => isOnline,
    setOnline: (online) => (isOnline = online),
  }
}

/** The computer's time at which the clock starts. */
export const DAWN = Date.parse('2026-11-21T10:00:00.000Z')

interface Timer {
  at: number
  act: () => void
}

function createFakeClock(): FakeClock {
  let now = 0
  let aheadMs = 0
  let timers: Timer[] = []

  async function pass(ms: number): Promise<void> {
    if (!Number.isFinite(ms)) throw new Error('no timer is set')
    const end = now + ms
    // All that the test did before happens before.
    await settle()
    for (let next = nextUpTo(end); next; next = nextUpTo(end)) {
      timers = timers.filter((timer) => timer !== next)
      now = next.at
      next.act()
      await settle()
    }
    now = end
    await settle()
  }

  function nextUpTo(end: number): Timer | undefined {
    return timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0]
  }

  return {
    now: () => now,
    date: () => DAWN + now + aheadMs,
    after(ms, act) {
      const timer = { at: now + ms, act }
      timers.push(timer)
      return () => void (timers = timers.filter((other) => other !== timer))
    },
    pass,
    passToNext: () => pass(Math.min(...timers.map(({ at }) => at)) - now),
    setAhead: (ms) => void (aheadMs += ms),
    timers: () => timers.length,
  }
}

/** Resolves when no promise is left that can go on by itself. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
