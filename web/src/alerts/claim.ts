// Which tab calls for a message: the first that claims it, and no other.
//
// A tab that shows the message claims it at once and stays silent; the others
// wait a moment before they try. Without localStorage each tab claims for itself.
import { readItem, storeItem } from '../storage'

const KEY = 'alerted'

/** Claims message `id`. False: this or a later one is claimed already. */
export function claim(id: number): boolean {
  if (id <= Number(readItem(KEY))) return false
  storeItem(KEY, String(id))
  return true
}
