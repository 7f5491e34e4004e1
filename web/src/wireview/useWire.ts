// The drawer's state: rows, totals, the proof and the counters, as they stand now.
//
// Used by the drawer's two places. The store outlives the drawer; it is looked at
// four times a second while the drawer is there, for bars grow whether something
// is said or not. Where motion is unwanted, once a second.
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { browser } from '../browser'
import type { EngineMessage, Exchange } from '../wire/protocol'
import { createProof } from './proof'
import type { Proof, ProofState, ReadEvents } from './proof'
import type { WirePort } from './port'
import { arrangeRows } from './rows'
import type { Row } from './rows'
import { createHeardMessages } from './tally'
import type { HeardMessages } from './tally'
import { createWireStore } from './wireStore'
import type { WireStore } from './wireStore'

const TICK_MS = 250
const CALM_TICK_MS = 1000
/** A room as small as this is counted unasked: one request of some 60 KB. */
const UNASKED_MAX = 200

export interface WireOptions {
  port: WirePort
  /** The slug of the room whose numbers are proved; null on a page without a room. */
  room: () => string | null
  /** My id, if I am somebody here. */
  me: () => number | undefined
  readEvents: (room: string, ...rest: Parameters<ReadEvents>) => ReturnType<ReadEvents>
  /** The ids of the room's messages as the screen holds them. */
  shownIds: () => readonly number[]
}

const stores = new WeakMap<WirePort, WireStore>()

function storeOf(port: WirePort): WireStore {
  const known = stores.get(port)
  if (known) return known
  const store = createWireStore(Date.now)
  stores.set(port, store)
  return store
}

export function useWire({ port, room, me, readEvents, shownIds }: WireOptions) {
  const store = storeOf(port)
  const now = ref(Date.now())
  const rows = shallowRef<Row[]>([])
  const totals = shallowRef(store.totals.read(now.value))
  const link = shallowRef(store.link())
  const isPaused = ref(false)
  /** The row that the reader picked; without one, the newest request for events is looked at. */
  const pickedId = ref<string | null>(null)
  const picked = computed((): Exchange | null => {
    const exchanges = rows.value.map(({ exchange }) => exchange)
    const newest = exchanges.find(({ kind, tab }) => kind === 'events' && tab === null)
    return exchanges.find(({ id }) => id === pickedId.value) ?? newest ?? exchanges[0] ?? null
  })
  const proof = shallowRef<ProofState | null>(null)
  const tally = shallowRef({ lost: 0, doubled: 0, heard: 0 })

  let subject: { proof: Proof; messages: HeardMessages } | null = null

  /** Begins to prove the room that is looked at now. */
  function look(): void {
    subject?.proof.stop()
    const slug = room()
    if (slug === null) return void (subject = null)
    const read: ReadEvents = (after, limit, signal) => readEvents(slug, after, limit, signal)
    subject = { proof: createProof({ room: slug, readEvents: read, me, platform: browser, onChange: refresh }), messages: createHeardMessages(slug) }
    void subject.proof.count(1, UNASKED_MAX)
  }

  function take(message: EngineMessage): void {
    store.take(message)
    // Another log: its numbers are others.
    if (message.type === 'reset') look()
    if (message.type !== 'page') return
    subject?.proof.hear(message)
    subject?.messages.hear(message.events)
  }

  function refresh(): void {
    now.value = Date.now()
    if (!isPaused.value) rows.value = arrangeRows(store.records(), now.value)
    totals.value = store.totals.read(now.value)
    link.value = store.link()
    proof.value = subject?.proof.read() ?? null
    const missing = proof.value?.holes.reduce((sum, { first, last }) => sum + last - first + 1, 0) ?? 0
    tally.value = subject?.messages.compare(shownIds(), missing) ?? { lost: 0, doubled: 0, heard: 0 }
  }

  const stopHearing = port.hear(take)
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches
  const ticks = setInterval(refresh, isCalm ? CALM_TICK_MS : TICK_MS)
  look()
  watch(room, look)
  watch(isPaused, refresh)
  port.say({ type: 'wire', isOpen: true })
  onScopeDispose(() => {
    port.say({ type: 'wire', isOpen: false })
    stopHearing()
    clearInterval(ticks)
    subject?.proof.stop()
  })

  function countAll(): void {
    void subject?.proof.count()
  }

  return { now, rows, totals, link, isPaused, pickedId, picked, proof, tally, countAll }
}

export type Wire = ReturnType<typeof useWire>
