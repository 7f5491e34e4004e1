// Which tab calls for a message: the first that claims it, and no other.
//
// A tab that shows the message claims it at once and stays silent; the others
// wait a moment before they try. A transaction decides: what localStorage holds
// reaches other tabs too late.
import type { Database } from '../store/database'

/** Claims message `id`. False: this or a later one is claimed already. */
export type Claim = (id: number) => Promise<boolean>

export function createClaim(database: Database): Claim {
  return (id) =>
    database.transact(['leases'], async (tx) => {
      if (id <= ((await tx.get<number>('leases', 'alerted')) ?? 0)) return false
      tx.put('leases', 'alerted', id)
      return true
    })
}
