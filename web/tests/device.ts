// A device for tests, with an IndexedDB of its own.
//
// `openTab` opens it once more, as another tab does.
import { IDBFactory } from 'fake-indexeddb'
import { openDatabase } from '../src/store/database'
import type { Database } from '../src/store/database'
import { createDrafts } from '../src/store/drafts'
import { createEntries } from '../src/store/entries'
import type { Entry } from '../src/store/entries'
import { createShown } from '../src/store/shown'
import { ann } from './cast'
import { DAWN } from './fakePlatform'

export interface Device {
  factory: IDBFactory
  openTab(): Database
}

export function createDevice(): Device {
  const factory = new IDBFactory()
  return { factory, openTab: () => openDatabase({ factory: () => factory, after: () => () => {} }) }
}

export function storeOf(database: Database, date = () => DAWN) {
  return { drafts: createDrafts(database, date), entries: createEntries(database), shown: createShown(database) }
}

let written = 0

/** A text that ann wrote in tea just now. */
export function entry(text: string, other: Partial<Entry> = {}): Entry {
  written += 1
  const frame = { requestId: `r${written}`, userId: ann.id, room: 'tea', order: written, at: DAWN }
  return { ...frame, text, attempts: 0, state: 'waiting', ...other }
}
