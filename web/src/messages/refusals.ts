// Why the server did not take a message or a deed, in the reader's language.
//
// Called by MessageFate. The server's own sentence is English; it is said where
// the page knows none.
import { language, words } from '../i18n'
import type { ShownEntry } from '../outbox/useOutbox'

/** Returns what was not done, and why. */
export function failureOf(entry: ShownEntry, name: string): string {
  const reason = reasonOf(entry, name)
  switch (entry.deed?.kind) {
    case undefined:
      return words.notSent(reason)
    case 'edit':
      return words.notChanged(reason)
    case 'delete':
      return words.notDeleted(reason)
    case 'react':
      return words.notReacted(entry.deed.emoji, reason)
    case 'pin':
      return words.notPinned(reason)
  }
}

function reasonOf({ status, detail, deed, files }: Pick<ShownEntry, 'status' | 'detail' | 'deed' | 'files'>, name: string): string {
  if (status === 401) return words.refusedUnknown(name)
  if (status === 404 && files) return words.refusedFiles
  if (detail && language === 'en') return detail
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return words.refusedForm
    case 403:
      return deed ? words.refusedDeed : words.refusedRights
    case 404:
      return deed ? words.refusedGone : words.refusedRoom
    case 429:
      return words.refusedOften
    default:
      return detail ?? words.refusedOther
  }
}
