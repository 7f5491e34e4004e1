// Drafts: one for each person, room and tab, so that two tabs lose none.
//
// Called by `useDraft`. A draft belongs to the tab in which it is written. When
// that tab is gone, the next tab that opens the room takes it over, in one
// transaction, so that only one does. The message that a draft answers is kept without
// its text: what is deleted meanwhile must not lie here.
import type { Quote } from '../api/types'
import type { Database } from './database'

export interface DraftPlace {
  userId: number
  room: string
  tab: string
}

interface Draft extends DraftPlace {
  text: string
  replyTo?: Quote
  /** When it was last changed, in ms since 1970. */
  at: number
}

export interface FoundDraft {
  text: string
  /** The message that it answers. */
  replyTo?: Quote
  /** The closed tab that left it; absent from a tab's own. */
  leftBy?: string
}

export interface Drafts {
  /** Keeps `text` and what it answers; an empty one that answers nothing is none. */
  save(place: DraftPlace, text: string, replyTo?: Quote | null): Promise<void>
  /**
   * Returns this tab's draft, or else the newest one that a closed tab left.
   *
   * `findOpenTabs` is called only where there are others' drafts.
   */
  find(place: DraftPlace, findOpenTabs: () => Promise<ReadonlySet<string>>): Promise<FoundDraft | null>
  /** Returns the text alone, '' where there is none. */
  load(place: DraftPlace, openTabs: ReadonlySet<string>): Promise<string>
}

export function createDrafts(database: Database, date: () => number): Drafts {
  function save(place: DraftPlace, text: string, replyTo: Quote | null = null): Promise<void> {
    return database.transact(['drafts'], (tx) => {
      if (text === '' && replyTo === null) tx.remove('drafts', draftKey(place))
      else tx.put('drafts', draftKey(place), { ...place, text, ...(replyTo && { replyTo: named(replyTo) }), at: date() } satisfies Draft)
    })
  }

  async function find(
    place: DraftPlace,
    findOpenTabs: () => Promise<ReadonlySet<string>>,
  ): Promise<FoundDraft | null> {
    const here = await readRoom(place)
    if (here.own || here.others.length === 0) return here.own
    return takeOver(place, await findOpenTabs())
  }

  function readRoom({ userId, room, tab }: DraftPlace): Promise<{ own: FoundDraft | null; others: Draft[] }> {
    return database.transact(['drafts'], async (tx) => {
      const drafts = (await tx.all<Draft>('drafts')).filter((draft) => draft.userId === userId && draft.room === room)
      const own = drafts.find((draft) => draft.tab === tab)
      return { own: own ? toFound(own) : null, others: drafts.filter((draft) => draft !== own) }
    })
  }

  function takeOver(place: DraftPlace, openTabs: ReadonlySet<string>): Promise<FoundDraft | null> {
    return database.transact(['drafts'], async (tx) => {
      const drafts = (await tx.all<Draft>('drafts')).filter(
        ({ userId, room }) => userId === place.userId && room === place.room,
      )
      // Something was written here meanwhile.
      if (drafts.some(({ tab }) => tab === place.tab)) return null
      const left = drafts.filter(({ tab }) => !openTabs.has(tab)).sort((one, other) => other.at - one.at)
      const [newest] = left
      if (!newest) return null
      tx.remove('drafts', draftKey(newest))
      tx.put('drafts', draftKey(place), { ...newest, ...place } satisfies Draft)
      return { ...toFound(newest), leftBy: newest.tab }
    })
  }

  async function load(place: DraftPlace, openTabs: ReadonlySet<string>): Promise<string> {
    const found = await find(place, () => Promise.resolve(openTabs))
    return found?.text ?? ''
  }

  return { save, find, load }
}

function toFound({ text, replyTo }: Draft): FoundDraft {
  return { text, ...(replyTo && { replyTo }) }
}

/** Leaves of a quote which message it is. */
function named({ id, number, by }: Quote): Quote {
  return { id, ...(number !== undefined && { number }), ...(by && { by: { id: by.id, name: by.name } }) }
}

export function draftKey({ userId, room, tab }: DraftPlace): string {
  return `${userId} ${room} ${tab}`
}
