// The messages that were written and are not acknowledged yet.
//
// App owns the one outbox of the page; RoomTimeline shows its entries. They go out
// one after another, in order, each under a request id made here once, so that
// however often an entry is repeated it is stored once. Entries survive a
// reload, each under a key of its own, so that two tabs do not overwrite each
// other. An entry leaves when the server answers that it is stored, when the
// room shows a message of this person with its request id, or when the person
// discards it; never otherwise.
import { onScopeDispose, ref, watch } from 'vue'
import type { Ref } from 'vue'
import { isPassing, isUnknownCaller, Refused } from '../api/client'
import { askedDelayMs, createPause, retryDelayMs } from '../api/retry'
import type { Author, Message } from '../api/types'
import { browser, client } from '../browser'
import { ownRequestId } from '../feed/roomState'
import type { RoomState } from '../feed/roomState'
import { onWake } from '../tabs/wakeups'
import { itemKeys, readItem, removeItem, storeItem } from '../storage'

/** Older than this, an entry asks: the text may be wrong to say by now. */
export const AGE_MS_MAX = 3_600_000

/** `asking`: too old to be sent without a word. `refused`: the server said no. */
export type EntryState = 'waiting' | 'sending' | 'asking' | 'refused'

/** The statuses that say of the text itself that it cannot be taken, now or later. */
const REFUSED_FOR_EVER = new Set([400, 413, 415, 422])

export interface Entry {
  requestId: string
  text: string
  /** When it was written, or last confirmed, in ms since 1970. */
  at: number
  attempts: number
  state: EntryState
  /** The HTTP status of the refusal. */
  status?: number
}

export interface Outbox {
  entries: Ref<Entry[]>
  add(text: string): void
  /** Sends an entry that asks, or that was refused and may be taken another time. */
  retry(requestId: string): void
  discard(requestId: string): void
}

export interface OutboxOptions {
  room: string
  user: Ref<Author | null>
  /** The room as the page shows it. */
  state: Readonly<Ref<RoomState>>
  /** Called with the stored message before its entry leaves the outbox. */
  onStored(message: Message): void
  /** Called when the server does not know the sender any more. */
  onUnknownCaller(): void
}

export function useOutbox({ room, user, state, onStored, onUnknownCaller }: OutboxOptions): Outbox {
  const entries = ref<Entry[]>([])
  const pause = createPause(browser.clock)
  let isPumping = false
  let stopped = false

  function add(text: string): void {
    const entry: Entry = {
      requestId: makeRequestId(),
      text,
      at: Date.now(),
      attempts: 0,
      state: 'waiting',
    }
    entries.value.push(entry)
    save(entry)
    void pump()
  }

  function retry(requestId: string): void {
    const entry = entries.value.find((other) => other.requestId === requestId)
    if (!entry || !mayGo(entry)) return
    if (entry.status === 409) {
      // The id stands for another message of this person, so this one needs its own.
      remove(requestId)
      add(entry.text)
      return
    }
    // A refusal leaves the request id free. It is kept, for an earlier attempt
    // whose answer was lost may have been stored: a new id would double it.
    delete entry.status
    entry.at = Date.now()
    entry.state = 'waiting'
    save(entry)
    void pump()
  }

  function discard(requestId: string): void {
    remove(requestId)
  }

  async function pump(): Promise<void> {
    if (isPumping) return
    isPumping = true
    let failures = 0
    for (let entry = nextEntry(); entry && !stopped; entry = nextEntry()) {
      if (Date.now() - entry.at > AGE_MS_MAX) {
        entry.state = 'asking'
        continue
      }
      pause.begin()
      try {
        await send(entry)
        failures = 0
      } catch (error) {
        failures += 1
        entry.state = 'waiting'
        await pause.wait(retryDelayMs(failures, error, browser.random), askedDelayMs(error))
      }
    }
    isPumping = false
  }

  /** Sends one entry; rejects where the same request is worth a repeat. */
  async function send(entry: Entry): Promise<void> {
    entry.state = 'sending'
    entry.attempts += 1
    save(entry)
    try {
      const message = await client.sendMessage(room, entry.requestId, entry.text)
      // In one step, so that the page shows neither both nor none. An older server
      // leaves the request id out, but this answer belongs to this request.
      onStored({ ...message, request_id: entry.requestId })
      remove(entry.requestId)
    } catch (error) {
      if (isPassing(error)) throw error
      entry.state = 'refused'
      entry.status = (error as Refused).problem.status
      save(entry)
      if (isUnknownCaller(error)) onUnknownCaller()
    }
  }

  function nextEntry(): Entry | undefined {
    return user.value ? entries.value.find((entry) => entry.state === 'waiting') : undefined
  }

  function save(entry: Entry): void {
    // One that left while its answer was under way must not come back.
    if (!entries.value.some(({ requestId }) => requestId === entry.requestId)) return
    if (user.value) storeItem(storageKey(user.value.id, entry.requestId), JSON.stringify(entry))
  }

  function remove(requestId: string): void {
    entries.value = entries.value.filter((entry) => entry.requestId !== requestId)
    if (user.value) removeItem(storageKey(user.value.id, requestId))
  }

  function storageKey(userId: number, requestId: string): string {
    return `outbox.${userId}.${room}.${requestId}`
  }

  /** Drops what the room shows already, at once, so that none is shown twice. */
  function dropStored(): void {
    if (entries.value.length === 0) return
    const stored = new Set(state.value.items.map((item) => ownRequestId(item, user.value)))
    for (const { requestId } of entries.value) if (stored.has(requestId)) remove(requestId)
  }

  /** Takes up what an earlier page of this person left behind. */
  function load(userId: number): void {
    const found = itemKeys(storageKey(userId, '')).map((key) => parseEntry(readItem(key)))
    const kept = found.filter((entry) => entry !== null)
    const unseen = kept.filter((entry) => entries.value.every(({ requestId }) => requestId !== entry.requestId))
    entries.value = [...entries.value, ...unseen].toSorted((one, other) => one.at - other.at)
    dropStored()
    void pump()
  }

  watch(
    () => user.value?.id,
    (id, before) => {
      if (id === undefined) return
      // After a new start under another id, unsent entries move along.
      for (const entry of entries.value) {
        if (before !== undefined) removeItem(storageKey(before, entry.requestId))
        save(entry)
      }
      load(id)
    },
    { immediate: true, flush: 'sync' },
  )

  watch(state, dropStored, { flush: 'sync' })

  const stopWaking = onWake(pause.cut)
  onScopeDispose(() => {
    stopped = true
    stopWaking()
    pause.end()
  })

  return { entries, add, retry, discard }
}

/** Says whether an entry may be taken when it is sent by hand. */
export function mayGo({ state, status }: Entry): boolean {
  return state !== 'refused' || status === undefined || !REFUSED_FOR_EVER.has(status)
}

function parseEntry(json: string | null): Entry | null {
  try {
    const entry = JSON.parse(json ?? '') as Entry
    // A message that was under way when the page went is repeated under the same id.
    return entry.state === 'refused' ? entry : { ...entry, state: 'waiting' }
  } catch {
    return null
  }
}

/** Returns 128 random bits in hexadecimal. `crypto.randomUUID` is missing on plain HTTP. */
function makeRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
