// The outbox as the page shows it: all texts and deeds of this person that are not stored yet.
//
// The page has one, for all rooms. It writes to the store and tells the engine,
// whose pump sends; whatever the pump or another tab does there, it reads
// again. An entry that leaves the store was stored, and is shown until its
// message has been seen in the room, so that it never flickers.
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import type { ComputedRef, Ref } from 'vue'
import type { Platform } from '../api/platform'
import type { Author, Message, MessageFile, Quote, RoomEvent } from '../api/types'
import type { Database } from '../store/database'
import { createEntries } from '../store/entries'
import type { Deed, Entry, EntryState } from '../store/entries'
import { makeId } from '../tabs/tabId'
import { deedOf, findEcho, isAboutSame } from './echoes'
import { DELETION_WAITS_MS } from './turn'

/** The statuses that say of the text itself that it cannot be taken, now or later. */
const REFUSED_FOR_EVER = new Set([400, 413, 415, 422])
/** By then the message has come, or the room is not followed. */
const STORED_MS_MAX = 10_000
const SEEN_MAX = 1000

/** `stored`: the server has it, and its message is on its way to the room. */
export interface ShownEntry extends Omit<Entry, 'state'> {
  state: EntryState | 'stored'
}

export interface Outbox {
  /** In the order in which they were written, all rooms together. */
  entries: ComputedRef<ShownEntry[]>
  add(room: string, text: string, replyTo?: Quote, files?: readonly MessageFile[]): void
  /** Does something to a message of a room. A deletion waits, so that it can be taken back. */
  act(room: string, deed: Deed): void
  /** Sends an entry that asks, or that was refused and may be taken another time. */
  retry(requestId: string): void
  discard(requestId: string): void
  /** Discards an entry and returns its text, for the composer. */
  takeBack(requestId: string): string | null
  /** Some messages came, by whatever way: their entries leave. */
  see(messages: readonly Message[]): void
  /** Some events came: the deeds that they tell of leave. */
  hear(events: readonly RoomEvent[]): void
  /** The engine says that the store has changed. */
  reload(): void
}

export interface OutboxOptions {
  database: Database
  platform: Platform
  tab: string
  user: Readonly<Ref<Author | null>>
  /** Tells the engine that the store has changed. */
  tellEngine(): void
}

export function useOutbox({ database, platform, tab, user, tellEngine }: OutboxOptions): Outbox {
  const store = createEntries(database)
  /** As the store had them when it was last read. */
  const kept = shallowRef<readonly Entry[]>([])
  /** Not yet in the store, or not read from there yet. */
  const written = ref(new Map<string, Entry>())
  /** Written, and in the store: a reading that does not find them comes after the pump. */
  let confirmed: Entry[] = []
  /** They left the store, and their messages have not been seen. */
  const stored = ref(new Map<string, ShownEntry>())
  /** They were seen or discarded here, whatever a reading that began before says. */
  const gone = ref(new Set<string>())
  /** Deeds whose events came before their answers. */
  const heard = new Set<string>()
  let reading: Promise<void> | null = null
  let isStale = false
  let isEnded = false

  const entries = computed(() => {
    const me = user.value?.id
    const all = new Map<string, ShownEntry>(stored.value)
    for (const entry of [...kept.value, ...written.value.values()]) all.set(entry.requestId, entry)
    const mine = [...all.values()].filter((entry) => entry.userId === me && !isGone(entry))
    return mine.sort((one, other) => one.order - other.order)
  })

  function add(room: string, text: string, replyTo?: Quote, files: readonly MessageFile[] = []): void {
    write(room, { text, format: 'markdown', ...(replyTo && { replyTo }), ...(files.length > 0 && { files }) }, (entry) => store.add(entry, { userId: entry.userId, room, tab }))
  }

  function act(room: string, deed: Deed): void {
    const notBefore = deed.kind === 'delete' ? { notBefore: platform.clock.date() + DELETION_WAITS_MS } : {}
    write(room, { text: '', deed, ...notBefore }, (entry) => store.add(entry))
  }

  function write(room: string, what: Pick<Entry, 'text' | 'format' | 'replyTo' | 'files' | 'deed' | 'notBefore'>, keep: (entry: Entry) => Promise<void>): void {
    if (!user.value) return
    const at = platform.clock.date()
    const entry: Entry = { requestId: makeId(), userId: user.value.id, room, ...what, order: nextOrder(at), at, attempts: 0, state: 'waiting' }
    written.value.set(entry.requestId, entry)
    void change(keep(entry).then(() => void confirmed.push(entry)))
  }

  /** The time, or more where the clock was set back: what is written later comes later. */
  function nextOrder(at: number): number {
    return entries.value.reduce((order, entry) => Math.max(order, entry.order + 1), at)
  }

  function retry(requestId: string): void {
    const entry = find(requestId)
    if (!entry || !mayGo(entry)) return
    const at = platform.clock.date()
    void change(
      store.change(requestId, (refused) => {
        const { status, detail: _, notBefore: __, ...asked } = refused
        // After 409 the id stands for another message of this person. After other refusals it is
        // kept, for an earlier attempt whose answer was lost may have been stored.
        return { ...asked, requestId: status === 409 ? makeId() : requestId, at, state: 'waiting' }
      }),
    )
  }

  function discard(requestId: string): void {
    const entry = find(requestId)
    if (!entry) return
    forget(entry)
    void change(store.remove([requestId]))
  }

  function takeBack(requestId: string): string | null {
    const entry = find(requestId)
    discard(requestId)
    return entry ? (entry.deed?.kind === 'edit' ? entry.deed.text : entry.text) : null
  }

  function see(messages: readonly Message[]): void {
    for (const { by, request_id } of messages) {
      if (by && request_id !== undefined) forget({ userId: by.id, requestId: request_id })
    }
    // Removed from the store, too, where its answer was lost or is on its way.
    if (kept.value.some(isGone)) reload()
  }

  function hear(events: readonly RoomEvent[]): void {
    for (const event of events) {
      const deed = event.by?.id === user.value?.id ? deedOf(event) : null
      const mine = deed && entries.value.filter((entry) => !heard.has(entry.requestId))
      const entry = mine && findEcho(mine, deed)
      if (!entry) continue
      if (entry.state !== 'stored') heard.add(entry.requestId)
      else dropUpTo(entry)
    }
  }

  /** Drops a stored deed and those before it that it has overtaken. */
  function dropUpTo({ deed, order }: ShownEntry): void {
    for (const [requestId, other] of stored.value) {
      if (deed && other.deed && other.order <= order && isAboutSame(deed, other.deed)) stored.value.delete(requestId)
    }
  }

  function forget(entry: Pick<Entry, 'userId' | 'requestId'>): void {
    const known = name(entry)
    gone.value.delete(known)
    gone.value.add(known)
    if (gone.value.size > SEEN_MAX) for (const oldest of [...gone.value].slice(0, SEEN_MAX / 2)) gone.value.delete(oldest)
    stored.value.delete(entry.requestId)
  }

  async function change(done: Promise<void>): Promise<void> {
    await done
    tellEngine()
    reload()
  }

  function reload(): void {
    isStale = true
    reading ??= readAll().finally(() => (reading = null))
  }

  async function readAll(): Promise<void> {
    while (isStale && !isEnded) {
      isStale = false
      const before = [...kept.value, ...confirmed]
      const all = await store.all()
      const here = new Set(all.map(({ requestId }) => requestId))
      for (const { requestId } of [...before, ...all]) written.value.delete(requestId)
      confirmed = confirmed.filter((entry) => !before.includes(entry))
      kept.value = all.filter((entry) => !isGone(entry))
      for (const entry of before) if (!here.has(entry.requestId)) leave(entry)
      const seen = all.filter(isGone).map(({ requestId }) => requestId)
      if (seen.length > 0) void store.remove(seen).then(tellEngine)
    }
  }

  /** An entry that was under way left: the server has it. */
  function leave(entry: Entry): void {
    const isSent = entry.state === 'waiting' || entry.state === 'sending'
    if (!isSent || isGone(entry)) return
    const shown: ShownEntry = { ...entry, state: 'stored' }
    if (heard.delete(entry.requestId)) return dropUpTo(shown)
    stored.value.set(entry.requestId, shown)
    platform.clock.after(STORED_MS_MAX, () => stored.value.delete(entry.requestId))
  }

  function isGone(entry: Pick<Entry, 'userId' | 'requestId'>): boolean {
    return gone.value.has(name(entry))
  }

  function find(requestId: string): ShownEntry | undefined {
    return entries.value.find((entry) => entry.requestId === requestId)
  }

  onScopeDispose(() => (isEnded = true))
  reload()
  return { entries, add, act, retry, discard, takeBack, see, hear, reload }
}

/** Says whether an entry may be taken when it is sent by hand. */
export function mayGo({ state, status }: ShownEntry): boolean {
  return state !== 'refused' || status === undefined || !REFUSED_FOR_EVER.has(status)
}

/** Says whether an entry is a deletion that has not been sent so far. */
export function canBeTakenBack({ deed, state, attempts }: ShownEntry): boolean {
  return deed?.kind === 'delete' && state === 'waiting' && attempts === 0
}

/** Two people may choose the same request id. */
function name({ userId, requestId }: Pick<Entry, 'userId' | 'requestId'>): string {
  return `${userId} ${requestId}`
}
