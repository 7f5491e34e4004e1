// The outbox as it is kept: one row for each text or deed that is not stored yet.
//
// Tabs add, retry and take back; the pump sends and settles. A row is named by
// its request id, which was made once, so that however often it is sent, it is
// stored once.
import type { MessageFile, Quote } from '../api/types'
import type { Database } from './database'
import { draftKey } from './drafts'
import type { DraftPlace } from './drafts'
import type { Transaction } from './tables'

/** `asking`: too old to be sent without a word. `refused`: the server said no. */
export type EntryState = 'waiting' | 'sending' | 'asking' | 'refused'

/** Something done to a message that was sent before. */
export type Deed = { message: number } & (
  | { kind: 'edit'; text: string }
  | { kind: 'delete' }
  | { kind: 'react'; emoji: string; isOn: boolean }
  | { kind: 'pin'; isOn: boolean }
)

export interface Entry {
  requestId: string
  userId: number
  room: string
  /** The message to be sent; empty for a deed, so that a page which knows no deeds sends nothing in its place. */
  text: string
  /** The message that it answers. */
  replyTo?: Quote
  /** They are on the server. With them the text may be empty. */
  files?: readonly MessageFile[]
  deed?: Deed
  /** Not sent before then, in ms since 1970: it can be taken back. */
  notBefore?: number
  /** Absent where an older page wrote it: its text has no marks. */
  format?: 'markdown'
  /** Grows with each text that is written in this browser. */
  order: number
  /** When it was written, or last confirmed, in ms since 1970. */
  at: number
  attempts: number
  state: EntryState
  /** The HTTP status of the refusal, and the server's sentence. */
  status?: number
  detail?: string
}

export interface Entries {
  /** Returns all entries in the order in which they were written. */
  all(): Promise<Entry[]>
  /** Keeps a new entry, and forgets the draft that it was, in one step. */
  add(entry: Entry, draft?: DraftPlace): Promise<void>
  /** Puts what `change` returns in the place of an entry, if it is there; null removes it. */
  change(requestId: string, change: (entry: Entry) => Entry | null): Promise<void>
  remove(requestIds: readonly string[]): Promise<void>
  /** Hands all entries of one person on to another: the server had forgotten the first. */
  move(fromUserId: number, toUserId: number): Promise<void>
}

export function createEntries(database: Database): Entries {
  return {
    all: () => database.transact(['outbox'], allEntries),
    add: (entry, draft) =>
      // Nothing is read before: this is kept even if the tab closes the next moment.
      database.transact(['outbox', 'drafts'], (tx) => {
        putEntry(tx, entry)
        if (draft) tx.remove('drafts', draftKey(draft))
      }),
    change: (requestId, change) =>
      database.transact(['outbox'], async (tx) => {
        const entry = await tx.get<Entry>('outbox', requestId)
        if (!entry) return
        const changed = change(entry)
        if (changed?.requestId !== requestId) tx.remove('outbox', requestId)
        if (changed) putEntry(tx, changed)
      }),
    remove: (requestIds) =>
      database.transact(['outbox'], (tx) => {
        for (const requestId of requestIds) tx.remove('outbox', requestId)
      }),
    move: (fromUserId, toUserId) =>
      database.transact(['outbox'], async (tx) => {
        const all = await allEntries(tx)
        for (const entry of all) if (entry.userId === fromUserId) putEntry(tx, { ...entry, userId: toUserId })
      }),
  }
}

export async function allEntries(tx: Transaction): Promise<Entry[]> {
  const all = await tx.all<Entry>('outbox')
  return all.sort((one, other) => one.order - other.order || (one.requestId < other.requestId ? -1 : 1))
}

export function putEntry(tx: Transaction, entry: Entry): void {
  tx.put('outbox', entry.requestId, entry)
}
