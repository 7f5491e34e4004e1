// When to try again: the growing delay, and a pause that can be cut short.
//
// Called by all that talk to the server for ever: the engine's loop, the outbox, the
// session, and the reads that mend a gap.
import { isPassing, Refused } from './client'
import type { Clock, Platform } from './platform'

const DELAY_MS_MIN = 1000
const DELAY_MS_MAX = 30_000
/** A server that asks for more than this is asked again anyway. */
const RETRY_AFTER_MS_MAX = 300_000

/**
 * Returns how long to wait after the `failures`-th failure in a row, 1 to 30 s.
 *
 * Half of it is chance, so that clients which were cut off together do not
 * come back together. A Retry-After is a lower bound.
 */
export function retryDelayMs(failures: number, error: unknown, random: () => number): number {
  const ceiling = Math.min(DELAY_MS_MAX, 2 * DELAY_MS_MIN * 2 ** (failures - 1))
  const delay = ceiling / 2 + (random() * ceiling) / 2
  return Math.max(delay, askedDelayMs(error))
}

/** Returns the Retry-After of a refusal, in ms, 0 without one. */
export function askedDelayMs(error: unknown): number {
  if (!(error instanceof Refused)) return 0
  return Math.min(error.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX)
}

export interface Pause {
  /** Says that an attempt begins: an earlier `cut` has been heeded. */
  begin(): void
  /** Waits `ms`; a `cut` since the attempt began ends the wait early, but not before `firmMs`. */
  wait(ms: number, firmMs?: number): Promise<void>
  /** Ends the wait, or the next one, for the network may be back. */
  cut(): void
  /** Ends this wait and all later ones at once, and leaves no timer behind. */
  end(): void
}

export function createPause(clock: Clock): Pause {
  let isCut = false
  let isEnded = false
  let wake: (() => void) | null = null
  let shorten: (() => void) | null = null

  function wait(ms: number, firmMs = 0): Promise<void> {
    return new Promise((resolve) => {
      if (isEnded) return resolve()
      const startedAt = clock.now()
      wake = () => {
        cancel()
        wake = null
        shorten = null
        resolve()
      }
      let cancel = clock.after(isCut ? firmMs : ms, wake)
      shorten = () => {
        cancel()
        if (wake) cancel = clock.after(Math.max(0, startedAt + firmMs - clock.now()), wake)
      }
    })
  }

  function cut(): void {
    isCut = true
    shorten?.()
  }

  function end(): void {
    isEnded = true
    wake?.()
  }

  return { begin: () => (isCut = false), wait, cut, end }
}

export interface Retry {
  /** Returns what `task` resolves to, however often it takes; null where the server says no for good, or `isOver`. */
  until<Value>(task: () => Promise<Value>, isOver: () => boolean): Promise<Value | null>
  /** Makes the next tries begin now, for the network may be back. */
  cut(): void
  /** Ends all tries, and leaves no timer behind. */
  end(): void
}

/** For reads that somebody needs, and that no person would know to repeat. */
export function createRetry({ clock, random }: Pick<Platform, 'clock' | 'random'>): Retry {
  const pauses = new Set<Pause>()
  let isEnded = false

  async function until<Value>(task: () => Promise<Value>, isOver: () => boolean): Promise<Value | null> {
    const pause = createPause(clock)
    pauses.add(pause)
    try {
      for (let failures = 1; !isEnded && !isOver(); failures += 1) {
        pause.begin()
        try {
          return await task()
        } catch (error) {
          if (!isPassing(error) || isOver()) return null
          await pause.wait(retryDelayMs(failures, error, random), askedDelayMs(error))
        }
      }
      return null
    } finally {
      pauses.delete(pause)
    }
  }

  return {
    until,
    cut: () => pauses.forEach((pause) => pause.cut()),
    end() {
      isEnded = true
      pauses.forEach((pause) => pause.end())
    },
  }
}
