// At most one guest a minute, over all tabs and reloads of this browser.
//
// The session asks here before it becomes a guest. A server that does not know
// the guest whom it has just made (a proxy signs in by itself, a cookie is lost
// on the way) would otherwise be asked for one more each time. While it knows
// none of them, the wait doubles.
import type { Clock } from '../api/platform'
import type { Database } from '../store/database'

const APART_MS_MIN = 60_000
const APART_MS_MAX = 3_600_000

interface LastGuest {
  /** When it was asked for, by the computer's clock. */
  at: number
  /** How many were asked for since the server last knew us. */
  count: number
  /** Whether the server said that it made the last one. */
  isMade: boolean
}

/** `too_soon`: the last one is not a minute ago, and `isMade` if the server made it. */
export type Permit = { kind: 'go' } | { kind: 'too_soon'; isMade: boolean }

export interface GuestLimit {
  /** Counts a guest, if one may be asked for now. */
  take(): Promise<Permit>
  /** The server made it. */
  made(): Promise<void>
  /** The server made none: the next may be asked for at once. */
  giveBack(): Promise<void>
  /** The server knows us. The minute is kept to all the same. */
  forgive(): Promise<void>
}

export function createGuestLimit(database: Database, clock: Clock): GuestLimit {
  /** The same by the clock that cannot jump, for the guests of this engine. */
  let freeAt = -Infinity

  function change(act: (last: LastGuest) => LastGuest): Promise<void> {
    return database.transact(['guests'], async (tx) => {
      const last = await tx.get<LastGuest>('guests', 'last')
      if (last) tx.put('guests', 'last', act(last))
    })
  }

  async function take(): Promise<Permit> {
    const permit = await database.transact<Permit>(['guests'], async (tx) => {
      const last = await tx.get<LastGuest>('guests', 'last')
      const passedMs = last ? clock.date() - last.at : Infinity
      // One from the future is of before the clock was set back, and tells nothing.
      const isSoon = passedMs >= 0 && passedMs < apartMs(last?.count ?? 0)
      if (isSoon || clock.now() < freeAt) return { kind: 'too_soon', isMade: last?.isMade ?? false }
      tx.put('guests', 'last', { at: clock.date(), count: (last?.count ?? 0) + 1, isMade: false } satisfies LastGuest)
      return { kind: 'go' }
    })
    if (permit.kind === 'go') freeAt = clock.now() + APART_MS_MIN
    return permit
  }

  return {
    take,
    made: () => change((last) => ({ ...last, isMade: true })),
    giveBack() {
      freeAt = -Infinity
      return change((last) => ({ at: 0, count: last.count - 1, isMade: false }))
    },
    forgive: () => change((last) => ({ ...last, count: 0 })),
  }
}

/** After 1, 2, 4 … minutes. */
function apartMs(count: number): number {
  return Math.min(APART_MS_MAX, APART_MS_MIN * 2 ** Math.max(0, count - 1))
}
