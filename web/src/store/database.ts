// The tables of this device: in IndexedDB, or in memory where that is blocked.
//
// Each tab and the engine open their own, and meet in IndexedDB. A browser may
// refuse to store anything (private windows, a policy), now or later (a full
// disk); then what is here lives in memory for this visit, `isBlocked` says so
// for the page to tell, and the tab has to go alone: others see none of it.
import { createMemory } from './memory'
import { openIndexedDb } from './indexedDb'
import type { Act, Table, Tables } from './tables'

/** Some browsers neither open a database nor say why not. */
const OPEN_MS_MAX = 5000

export interface Database {
  /** Whether what is kept here goes with the page. Settled before the first transaction is. */
  isBlocked(): boolean
  /** Resolves when it is known whether the browser stores anything. */
  opened: Promise<void>
  /** Calls `act` when the browser stops storing; at once if it has. */
  onBlocked(act: () => void): void
  /** Runs `act` as one transaction over all tabs; rejects only as `act` does. */
  transact<Result>(tables: readonly Table[], act: Act<Result>): Promise<Result>
  close(): void
}

export interface DatabaseOptions {
  /** Returns the browser's IndexedDB; throws or has none where it is blocked. */
  factory: () => IDBFactory | undefined
  after(ms: number, act: () => void): () => void
}

export function openDatabase({ factory, after }: DatabaseOptions): Database {
  const memory = createMemory()
  const listeners: (() => void)[] = []
  let tables: Tables | null = null
  let opening: Promise<void> | null = null
  let isClosed = false
  const opened = open()

  function open(): Promise<void> {
    opening ??= openInTime()
      .then((found) => void (tables = found))
      .catch(block)
      .finally(() => (opening = null))
    return opening
  }

  function openInTime(): Promise<Tables> {
    return new Promise((resolve, reject) => {
      const found = factory()
      if (!found) throw new Error('this browser has no IndexedDB')
      const cancel = after(OPEN_MS_MAX, () => reject(new Error('IndexedDB does not open')))
      openIndexedDb(found).then(resolve, reject).finally(cancel)
    })
  }

  function block(): void {
    tables = memory
    for (const listener of listeners.splice(0)) listener()
  }

  async function transact<Result>(names: readonly Table[], act: Act<Result>): Promise<Result> {
    // Without a wait where it is open, so that the last words of a page are kept.
    for (let tries = 1; ; tries += 1) {
      if (!tables) await open()
      const used = tables ?? memory
      const attempt = watched(act)
      try {
        return await used.transact(names, attempt.act)
      } catch (error) {
        if (attempt.threw(error) || used === memory || isClosed) throw error
        // The browser may have closed the database, or may store nothing any more.
        used.close()
        if (tables !== used) continue
        if (tries > 1) block()
        else tables = null
      }
    }
  }

  function close(): void {
    isClosed = true
    tables?.close()
  }

  return {
    isBlocked: () => tables === memory,
    opened,
    onBlocked: (act) => void (tables === memory ? act() : listeners.push(act)),
    transact,
    close,
  }
}

/** Tells the failures of `act` itself from those of the tables. */
function watched<Result>(act: Act<Result>): { act: Act<Result>; threw(error: unknown): boolean } {
  let thrown: { error: unknown } | null = null
  const note = (error: unknown): never => {
    // An exception that IndexedDB throws at `act` is the tables' failure.
    if (!(error instanceof DOMException)) thrown = { error }
    throw error
  }
  const run: Act<Result> = (tx) => {
    try {
      const outcome = act(tx)
      return outcome instanceof Promise ? outcome.catch(note) : outcome
    } catch (error) {
      return note(error)
    }
  }
  return { act: run, threw: (error) => thrown !== null && thrown.error === error }
}
