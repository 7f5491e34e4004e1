// The pump of the outbox: sends what is kept, each text and each deed once, in order.
//
// The engine runs one. It takes entry after entry, under the request id that
// was made when the reader acted, and forgets an entry only when the server
// has answered that it is stored; so a crash at any step leads to a repeat,
// which the server knows, and never to a loss or a double. All it knows is in
// the store: tabs write there and call `look`.
import { isPassing, isUnknownCaller, Refused } from '../api/client'
import type { Client } from '../api/client'
import type { Platform } from '../api/platform'
import { askedDelayMs, createPause, retryDelayMs } from '../api/retry'
import type { Database } from '../store/database'
import { putEntry } from '../store/entries'
import type { Entry } from '../store/entries'
import { perform } from './perform'
import { endTurn, takeTurn } from './turn'

export interface PumpOptions {
  database: Database
  client: Client
  platform: Platform
  /** Returns the id of the person as whom to send; null while that is not known. */
  userId(): number | null
  /** The store has changed. */
  onChange(): void
  /** The server does not know the sender, or knows somebody else; resolves when that is sorted out. */
  onUnknownCaller(): Promise<void>
}

export interface Pump {
  /** There may be something to send. */
  look(): void
  /** The network may be back: a pause is cut short. */
  wake(): void
  /** Sends nothing more. An answer that is on its way is still heeded. */
  stop(): void
}

export function createPump({ database, client, platform, userId, onChange, onUnknownCaller }: PumpOptions): Pump {
  const pause = createPause(platform.clock)
  /** Ends the wait for what may not go yet. */
  let cancelAgain: (() => void) | null = null
  let isRunning = false
  /** `look` was called since the store was last read. */
  let hasNews = false
  let isFirst = true
  let isStopped = false
  let failures = 0
  /** Entries that were refused once because the server did not know the sender. */
  const unknownOnce = new Set<string>()

  function look(): void {
    hasNews = true
    if (!isRunning) void run()
  }

  async function run(): Promise<void> {
    isRunning = true
    while (hasNews && !isStopped) {
      hasNews = false
      const person = userId()
      if (person !== null) await sendAll(person)
    }
    isRunning = false
  }

  async function sendAll(person: number): Promise<void> {
    while (!isStopped && userId() === person) {
      const taken = await database.transact(['outbox', 'leases'], (tx) =>
        takeTurn(tx, person, platform.clock.date(), isFirst),
      )
      isFirst = false
      onChange()
      if (taken.kind === 'nothing') return lookAgain(taken.againMs)
      if (taken.kind === 'entry') await send(taken.entry, taken.turn)
      else await pause.wait(taken.forMs)
    }
  }

  /** Nothing is held up by what waits: others may overtake it. */
  function lookAgain(afterMs: number | undefined): void {
    cancelAgain?.()
    if (afterMs !== undefined) cancelAgain = platform.clock.after(afterMs, look)
  }

  async function send(entry: Entry, turn: number): Promise<void> {
    pause.begin()
    try {
      const message = await perform(client, entry)
      failures = 0
      await settle(turn, entry, null)
      // Another tab may have become somebody else, and the cookie is shared.
      if (message?.by && message.by.id !== entry.userId) await onUnknownCaller()
    } catch (error) {
      if (isPassing(error)) await tryLater(entry, turn, error)
      else await takeRefusal(entry, turn, error as Refused)
    }
  }

  async function tryLater(entry: Entry, turn: number, error: unknown): Promise<void> {
    failures += 1
    await settle(turn, entry, { ...entry, state: 'waiting' })
    await pause.wait(retryDelayMs(failures, error, platform.random), askedDelayMs(error))
  }

  async function takeRefusal(entry: Entry, turn: number, error: Refused): Promise<void> {
    if (isUnknownCaller(error) && !unknownOnce.has(entry.requestId)) {
      unknownOnce.add(entry.requestId)
      await onUnknownCaller()
      // The same person, known by other means: the text is theirs as before.
      if (userId() === entry.userId || userId() === null) return settle(turn, entry, { ...entry, state: 'waiting' })
    }
    const { status, detail } = error.problem
    await settle(turn, entry, { ...entry, state: 'refused', status, ...(detail !== undefined && { detail }) })
  }

  /** Ends the turn, and puts `result` in the place of the entry; null: it is stored. */
  async function settle(turn: number, entry: Entry, result: Entry | null): Promise<void> {
    await database.transact(['outbox', 'leases'], async (tx) => {
      const isMine = await endTurn(tx, turn)
      const now = await tx.get<Entry>('outbox', entry.requestId)
      // It left meanwhile: its message was seen, or the person took it back.
      if (!now) return
      if (result === null) tx.remove('outbox', entry.requestId)
      else if (isMine) putEntry(tx, { ...result, userId: now.userId })
    })
    onChange()
  }

  function stop(): void {
    isStopped = true
    cancelAgain?.()
    pause.end()
  }

  return { look, wake: pause.cut, stop }
}
