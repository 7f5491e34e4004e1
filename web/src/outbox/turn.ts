// Turns to send: one request of the outbox at a time in this browser.
//
// Called by the pump. There may be more than one pump: a tab that experiments
// has an engine of its own, and so has a page of another version. A turn is
// taken for one request, in the same transaction that picks the entry. It has a
// number, and what comes after somebody else's turn began has no effect; one
// that is never ended (its process was killed) ends by itself.
import { allEntries, putEntry } from '../store/entries'
import type { Entry } from '../store/entries'
import type { Transaction } from '../store/tables'

/** Longer than any request takes, which is given up after 15 s. */
const TURN_MS_MAX = 20_000
/** Older than this, an entry asks: the text may be wrong to say by now. */
export const AGE_MS_MAX = 3_600_000
/** The time in which a deletion can be taken back. */
export const DELETION_WAITS_MS = 10_000

interface Turn {
  number: number
  /** When it ends at the latest, in ms since 1970; 0 when it was ended. */
  until: number
}

export type Taken =
  | { kind: 'entry'; entry: Entry; turn: number }
  /** `againMs`: there will be something then. */
  | { kind: 'nothing'; againMs?: number }
  | { kind: 'others'; forMs: number }

/**
 * Begins a turn with the next entry of this person, at `now` by the computer's clock.
 *
 * `isFirst`: the pump has just begun. Its engine follows one that is gone, so
 * the other's turn is not waited for; if it does go on, the request id keeps the
 * two requests from being two messages.
 */
export async function takeTurn(tx: Transaction, userId: number, now: number, isFirst: boolean): Promise<Taken> {
  const before = await tx.get<Turn>('leases', 'outbox')
  const forMs = (before?.until ?? 0) - now
  // A turn that seems to last longer than any is of before the clock was set back.
  const isOthers = forMs > 0 && forMs <= TURN_MS_MAX && !isFirst
  let againMs = Infinity
  for (const entry of await allEntries(tx)) {
    if (entry.userId !== userId || !(entry.state === 'waiting' || entry.state === 'sending')) continue
    const waitMs = waitOf(entry, now)
    if (waitMs > 0) {
      againMs = Math.min(againMs, waitMs)
      continue
    }
    if (mayBeWrongByNow(entry) && now - entry.at > AGE_MS_MAX) {
      putEntry(tx, { ...entry, state: 'asking' })
      continue
    }
    if (isOthers) return { kind: 'others', forMs }
    const turn = (before?.number ?? 0) + 1
    tx.put('leases', 'outbox', { number: turn, until: now + TURN_MS_MAX } satisfies Turn)
    const taken: Entry = { ...entry, state: 'sending', attempts: entry.attempts + 1 }
    putEntry(tx, taken)
    return { kind: 'entry', entry: taken, turn }
  }
  return againMs === Infinity ? { kind: 'nothing' } : { kind: 'nothing', againMs }
}

/** A wait that is longer than any is of before the clock was set back. */
function waitOf({ notBefore = 0 }: Entry, now: number): number {
  const waitMs = notBefore - now
  return waitMs > DELETION_WAITS_MS ? 0 : waitMs
}

/** A text may be wrong to say later; a deletion or a reaction is not. */
function mayBeWrongByNow({ deed }: Entry): boolean {
  return deed === undefined || deed.kind === 'edit'
}

/** Ends a turn; returns false where another one has begun since. */
export async function endTurn(tx: Transaction, turn: number): Promise<boolean> {
  const current = await tx.get<Turn>('leases', 'outbox')
  if (current?.number !== turn) return false
  tx.put('leases', 'outbox', { number: turn, until: 0 } satisfies Turn)
  return true
}
