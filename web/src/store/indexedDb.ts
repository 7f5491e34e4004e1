// The tables in IndexedDB.
//
// Opened by `database.ts`, in a tab or a worker. It closes itself when another
// tab brings a newer form of the tables, or the browser takes them away; the
// next transaction then rejects, and its caller opens them anew.
import { TABLES } from './tables'
import type { Act, Table, Tables, Transaction } from './tables'

const NAME = 'linger'
const VERSION = 1

/** Opens the tables; rejects where the browser refuses. */
export function openIndexedDb(factory: IDBFactory): Promise<Tables> {
  return new Promise((resolve, reject) => {
    const request = factory.open(NAME, VERSION)
    request.addEventListener('upgradeneeded', () => {
      for (const table of TABLES) {
        if (!request.result.objectStoreNames.contains(table)) request.result.createObjectStore(table)
      }
    })
    request.addEventListener('success', () => resolve(tablesIn(request.result)))
    request.addEventListener('error', () => reject(request.error))
  })
}

function tablesIn(db: IDBDatabase): Tables {
  // Otherwise the newer page in the other tab would wait for this one for ever.
  db.addEventListener('versionchange', () => db.close())
  return { transact: (tables, act) => transact(db, tables, act), close: () => db.close() }
}

function transact<Result>(db: IDBDatabase, tables: readonly Table[], act: Act<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const tx = db.transaction(tables, 'readwrite')
    let result: Result
    let failure: unknown = null
    tx.addEventListener('complete', () => resolve(result))
    tx.addEventListener('abort', () => reject(failure ?? tx.error ?? new Error('the transaction was given up')))
    const finish = (value: Result) => {
      result = value
      // Not left to the browser: a page that goes the next moment would undo it.
      tx.commit()
    }
    const giveUp = (error: unknown) => {
      failure = error
      tx.abort()
    }
    try {
      const outcome = act(transactionIn(tx))
      if (outcome instanceof Promise) outcome.then(finish).catch(giveUp)
      else finish(outcome)
    } catch (error) {
      giveUp(error)
    }
  })
}

function transactionIn(tx: IDBTransaction): Transaction {
  return {
    get: (table, key) => answer(tx.objectStore(table).get(key)),
    all: (table) => answer(tx.objectStore(table).getAll()),
    put: (table, key, row) => void tx.objectStore(table).put(row, key),
    remove: (table, key) => void tx.objectStore(table).delete(key),
  }
}

function answer<Value>(request: IDBRequest): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result as Value))
    request.addEventListener('error', () => reject(request.error))
  })
}
