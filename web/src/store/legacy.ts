// Takes over what earlier versions of the page kept in localStorage.
//
// Called once by each page when it starts. Each item is removed when the tables
// have it; two tabs may do this at once, for both write the same.
import type { Database } from './database'
import type { Drafts } from './drafts'
import { createEntries } from './entries'
import type { Entry } from './entries'

/** Drafts had no tab of their own: this one is closed, so that the next tab takes them over. */
const CLOSED_TAB = 'before'
const DRAFT = /^linger\.draft\.(\d+)\.(.+)$/
const ENTRY = /^linger\.outbox\.(\d+)\.(.+)\.([0-9a-f]{32})$/

export async function takeOverLocalStorage(storage: Storage, database: Database, drafts: Drafts): Promise<void> {
  if (!Object.keys(storage).some((key) => DRAFT.test(key) || ENTRY.test(key))) return
  await database.opened
  // In memory it would be lost with the page.
  if (database.isBlocked()) return
  const entries = createEntries(database)
  for (const key of Object.keys(storage)) {
    const value = storage.getItem(key)
    const [, draftOf, draftRoom] = DRAFT.exec(key) ?? []
    const [, entryOf, entryRoom] = ENTRY.exec(key) ?? []
    const entry = entryOf !== undefined && entryRoom !== undefined ? readEntry(value, Number(entryOf), entryRoom) : null
    if (draftOf !== undefined && draftRoom !== undefined && value !== null) {
      await drafts.save({ userId: Number(draftOf), room: draftRoom, tab: CLOSED_TAB }, value)
    } else if (entry) await entries.add(entry)
    else continue
    storage.removeItem(key)
  }
}

function readEntry(json: string | null, userId: number, room: string): Entry | null {
  try {
    const { requestId, text, at, attempts, state, status } = JSON.parse(json ?? '') as Entry
    const refusal = state === 'refused' ? { state, ...(status !== undefined && { status }) } : { state: 'waiting' as const }
    return { requestId, userId, room, text, order: at, at, attempts, ...refusal }
  } catch {
    return null
  }
}
