// Why the server did not take a message, in the reader's language.
//
// Called by MessageFate. The server's own sentence is English; it is said where
// the page knows none.
import { language, words } from '../i18n'
import type { Entry } from '../store/entries'

/** The statuses that say of the text itself that it cannot be taken, now or later. */
const REFUSED_FOR_EVER = new Set([400, 413, 415, 422])

/** Says whether an entry may be taken when it is sent by hand. */
export function mayGoAgain({ state, status }: Pick<Entry, 'state' | 'status'>): boolean {
  return state !== 'refused' || status === undefined || !REFUSED_FOR_EVER.has(status)
}

export function reasonOf({ status, detail }: Pick<Entry, 'status' | 'detail'>, name: string): string {
  if (status === 401) return words.refusedUnknown(name)
  if (detail && language.value === 'en') return detail
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return words.refusedForm
    case 403:
      return words.refusedRights
    case 404:
      return words.refusedRoom
    case 429:
      return words.refusedOften
    default:
      return detail ?? words.refusedOther
  }
}
