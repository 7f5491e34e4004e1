// Drafts: one for each person, room and tab, so that two tabs lose none.
//
// Called by the composer. A draft belongs to the tab in which it is written.
// When that tab is gone, the next tab that opens the room takes it over, in one
// transaction, so that only one does.
import type { Database } from './database'

export interface DraftPlace {
  userId: number
  room: string
  tab: string
}

export interface Draft extends DraftPlace {
  text: string
  /** When it was last changed, in ms since 1970. */
  at: number
}

export interface Drafts {
  /** Keeps `text`; an empty one is none. */
  save(place: DraftPlace, text: string): Promise<void>
  /**
   * Returns this tab's draft, or else the newest one that a closed tab left.
   *
   * `openTabs` are those that are not closed; '' where there is no draft.
   */
  load(place: DraftPlace, openTabs: ReadonlySet<string>): Promise<string>
}

export function createDrafts(database: Database, date: () => number): Drafts {
  return {
    save: (place, text) =>
      database.transact(['drafts'], (tx) => {
        if (text === '') tx.remove('drafts', draftKey(place))
        else tx.put('drafts', draftKey(place), { ...place, text, at: date() } satisfies Draft)
      }),
    load: (place, openTabs) =>
      database.transact(['drafts'], async (tx) => {
        const own = await tx.get<Draft>('drafts', draftKey(place))
        if (own) return own.text
        const all = await tx.all<Draft>('drafts')
        const left = all.filter(({ userId, room, tab }) => userId === place.userId && room === place.room && !openTabs.has(tab))
        const newest = left.sort((one, other) => other.at - one.at)[0]
        if (!newest) return ''
        tx.remove('drafts', draftKey(newest))
        tx.put('drafts', draftKey(place), { ...newest, ...place } satisfies Draft)
        return newest.text
      }),
  }
}

export function draftKey({ userId, room, tab }: DraftPlace): string {
  return `${userId} ${room} ${tab}`
}
