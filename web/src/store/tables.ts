// The tables of what is kept on this device; they are read and changed in transactions.
//
// `indexedDb.ts` keeps them for good, `memory.ts` for as long as the page
// lives, and `database.ts` chooses. The rules about rows stand with their
// subjects (drafts, entries, shown, guests); nothing here knows a row.

/** `leases`: whose turn it is, among all tabs. `guests`: when this browser last became one. */
export const TABLES = ['drafts', 'outbox', 'shown', 'leases', 'guests'] as const
export type Table = (typeof TABLES)[number]

/** One transaction: all of it happens, or nothing; nobody else's comes in between. */
export interface Transaction {
  get<Row>(table: Table, key: string): Promise<Row | undefined>
  /** Returns all rows of a table, by their keys. */
  all<Row>(table: Table): Promise<Row[]>
  put(table: Table, key: string, row: unknown): void
  remove(table: Table, key: string): void
}

/**
 * The work of a transaction.
 *
 * It may wait for the transaction's own answers and for nothing else, for a
 * transaction that is given no work ends by itself. It may be run again.
 */
export type Act<Result> = (tx: Transaction) => Result | Promise<Result>

export interface Tables {
  /** Rejects where the tables do not work, and as `act` does; then nothing was changed. */
  transact<Result>(tables: readonly Table[], act: Act<Result>): Promise<Result>
  close(): void
}
