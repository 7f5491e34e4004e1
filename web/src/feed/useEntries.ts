// The texts that the server has not confirmed yet, as the page shows them.
//
// `useChat` makes one. The entries are kept in the store and sent by the engine's
// pump. One that was sent stays in sight until its message comes by the events,
// so that it is shown once all the time, never twice and never not at all.
import { computed, shallowRef } from 'vue'
import type { ComputedRef, ShallowRef } from 'vue'
import type { Database } from '../store/database'
import type { DraftPlace } from '../store/drafts'
import { createEntries } from '../store/entries'
import type { Entry } from '../store/entries'
import { makeId } from '../tabs/tabId'
import type { ChatState } from './fold'
import { ownRequestId } from './timeline'

/** An entry that left the outbox and whose message does not come for so long was taken back in another tab. */
const SETTLING_MS_MAX = 10_000

export interface Outbox {
  /** The entries of this person, in order, without those whose message is shown. */
  entries: ComputedRef<readonly Entry[]>
  add(text: string, place: DraftPlace): void
  retry(requestId: string): void
  /** Takes an entry back, and returns its text. */
  discard(requestId: string): string | null
  /** The store has changed. */
  reload(): Promise<void>
}

export interface OutboxOptions {
  database: Database
  state: ShallowRef<ChatState>
  /** There is something to send. */
  onAdded(): void
  /** A message was sent, and its event does not come. */
  onLost(room: string): void
}

export function useEntries({ database, state, onAdded, onLost }: OutboxOptions): Outbox {
  const store = createEntries(database)
  const kept = shallowRef<readonly Entry[]>([])
  /** Those that left the store, most likely because they were sent. */
  const settling = shallowRef<readonly Entry[]>([])
  const discarded = new Set<string>()

  const shown = computed(() => {
    const { me, rooms } = state.value
    const ids = new Set<string | undefined>()
    if (kept.value.length + settling.value.length === 0) return ids
    for (const { timeline } of rooms.values()) for (const item of timeline?.items ?? []) ids.add(ownRequestId(item, me))
    return ids
  })

  const entries = computed(() => {
    const mine = state.value.me?.id
    return [...settling.value, ...kept.value].filter((entry) => entry.userId === mine && !shown.value.has(entry.requestId))
  })

  function add(text: string, place: DraftPlace): void {
    const newest = kept.value.reduce((order, entry) => Math.max(order, entry.order), 0)
    const entry: Entry = {
      requestId: makeId(),
      userId: place.userId,
      room: place.room,
      text,
      order: Math.max(newest + 1, Date.now()),
      at: Date.now(),
      attempts: 0,
      state: 'waiting',
    }
    kept.value = [...kept.value, entry]
    void store.add(entry, place).then(onAdded)
  }

  function retry(requestId: string): void {
    const entry = kept.value.find((other) => other.requestId === requestId)
    if (!entry) return
    // A refusal leaves the request id free. It is kept, for an earlier attempt whose
    // answer was lost may have been stored: a new id would double it. Only where
    // the id stands for another message of this person does it need its own.
    const again = { ...entry, requestId: entry.status === 409 ? makeId() : requestId, at: Date.now(), state: 'waiting' as const }
    delete again.status
    delete again.detail
    discarded.add(requestId)
    kept.value = kept.value.map((other) => (other === entry ? again : other))
    void store.change(requestId, () => again).then(onAdded)
  }

  function discard(requestId: string): string | null {
    const entry = entries.value.find((other) => other.requestId === requestId)
    discarded.add(requestId)
    kept.value = kept.value.filter((other) => other.requestId !== requestId)
    settling.value = settling.value.filter((other) => other.requestId !== requestId)
    void store.remove([requestId]).then(onAdded)
    return entry?.text ?? null
  }

  async function reload(): Promise<void> {
    const all = await store.all()
    const here = new Set(all.map(({ requestId }) => requestId))
    const gone = kept.value.filter(({ requestId, state: was }) => {
      return !here.has(requestId) && !discarded.has(requestId) && was !== 'refused'
    })
    kept.value = all
    if (gone.length === 0) return
    settling.value = [...settling.value, ...gone]
    setTimeout(() => settle(gone), SETTLING_MS_MAX)
  }

  function settle(gone: readonly Entry[]): void {
    settling.value = settling.value.filter((entry) => !gone.includes(entry))
    for (const { requestId, room } of gone) if (!shown.value.has(requestId)) onLost(room)
  }

  return { entries, add, retry, discard, reload }
}
