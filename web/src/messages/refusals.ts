// Why the server did not take a message, in the reader's language.
//
// Called by MessageFate. The server's own sentence is English; it is said where
// the page knows none.
import { language, words } from '../i18n'
import type { ShownEntry } from '../outbox/useOutbox'

export function reasonOf({ status, detail }: Pick<ShownEntry, 'status' | 'detail'>, name: string): string {
  if (status === 401) return words.refusedUnknown(name)
  if (detail && language === 'en') return detail
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
