// The tables in memory, for as long as the page lives.
//
// Used by `database.ts` where the browser stores nothing, and by tests. Rows
// are copied in and out, as IndexedDB does.
import type { Act, Table, Tables, Transaction } from './tables'

type Rows = Map<string, unknown>

export function createMemory(): Tables {
  const kept = new Map<Table, Rows>()
  let last: Promise<unknown> = Promise.resolve()

  function transact<Result>(_tables: readonly Table[], act: Act<Result>): Promise<Result> {
    const run = async () => {
      const changed = new Map<Table, Rows>()
      const result = await act(transactionIn(kept, changed))
      for (const [table, rows] of changed) kept.set(table, rows)
      return result
    }
    // One after another: nobody sees what another has not finished.
    const mine = last.then(run)
    last = mine.catch(() => {})
    return mine
  }

  return { transact, close: () => {} }
}

function transactionIn(kept: Map<Table, Rows>, changed: Map<Table, Rows>): Transaction {
  const read = (table: Table) => changed.get(table) ?? kept.get(table) ?? new Map<string, unknown>()
  const write = (table: Table) => {
    const rows = changed.get(table) ?? new Map(kept.get(table))
    changed.set(table, rows)
    return rows
  }
  return {
    get: <Row>(table: Table, key: string) => Promise.resolve(structuredClone(read(table).get(key)) as Row | undefined),
    all<Row>(table: Table) {
      const rows = [...read(table)].sort(([one], [other]) => (one < other ? -1 : 1))
      return Promise.resolve(rows.map(([, row]) => structuredClone(row) as Row))
    },
    put: (table, key, row) => void write(table).set(key, structuredClone(row)),
    remove: (table, key) => void write(table).delete(key),
  }
}
