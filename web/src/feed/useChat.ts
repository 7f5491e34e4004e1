// The one door between the screens and everything else.
//
// The page makes one chat. It folds what the engine tells into the state of all
// rooms, reads what the reader looks at, and says what they do. It makes no
// decision about waiting or sending: the engine does, for all tabs together.
import { computed, ref, shallowRef } from 'vue'
import type { ComputedRef, Ref, ShallowRef } from 'vue'
import { Refused } from '../api/client'
import type { Platform } from '../api/platform'
import type { Message, MessageFile, Quote, RoomEvent } from '../api/types'
import { useAttachments } from '../files/useAttachments'
import type { Attachments } from '../files/useAttachments'
import { words } from '../i18n'
import { useDraft } from '../outbox/useDraft'
import { useOutbox } from '../outbox/useOutbox'
import type { Outbox } from '../outbox/useOutbox'
import { createDrafts } from '../store/drafts'
import type { Database } from '../store/database'
import type { Deed } from '../store/entries'
import { createRollCall } from '../tabs/rollCall'
import { createLine } from '../wire/line'
import type { Line } from '../wire/line'
import type { EngineMessage, Link, Session, TabMessage } from '../wire/protocol'
import { createDeeds } from './deeds'
import type { Deeds } from './deeds'
import type { First } from './first'
import { createFollow } from './follow'
import { EMPTY_CHAT, fold, withMyRooms } from './fold'
import type { ChatState } from './fold'
import { newRoom } from './room'
import { useHistory } from './useHistory'
import type { History } from './useHistory'
import { useShown } from './useShown'
import { useWatched } from './useWatched'

export interface ChatOptions {
  tab: string
  platform: Platform
  database: Database
  connect(onMessage: (message: EngineMessage) => void): { post(message: TabMessage): void; close(): void }
  /** The server's HTML may have brought a room along. */
  first: First | null
}

export interface Chat extends Deeds, Pick<History, 'statuses' | 'edges' | 'loadOlder' | 'loadNewer' | 'trim'> {
  tab: string
  state: ShallowRef<ChatState>
  session: ShallowRef<Session>
  link: ShallowRef<Link | null>
  outbox: Outbox
  /** The files that are about to be sent. */
  attachments: Attachments
  /** Whether it is known in which rooms I am. */
  hasRooms: ComputedRef<boolean>
  /** Begins, looking at this room; later the reader looks at another. */
  look(slug: string | null, number?: number | null): void
  toNewest(slug: string): Promise<void>
  tryAgain(slug: string): void
  say(slug: string, text: string, replyTo?: Quote, files?: readonly MessageFile[]): void
  /** Does something to a message: by the outbox, so that it is not lost. */
  act(slug: string, deed: Deed): void
  /** Keeps a text that is written as the draft of a room. Called in a component's setup. */
  keepDraft(slug: string, text: Ref<string>, replyTo: Ref<Quote | null>): void
  show(slug: string, number: number): void
  wake(): void
  /** Calls `listener` with each message of somebody else that comes live, and returns what ends that. */
  onNews(listener: (message: Message) => void): () => void
  /** Whether the browser keeps nothing of this page: neither drafts nor who I am. */
  isForThisVisit: ComputedRef<boolean>
  /** This tab's own way to the server. */
  line: Line
  /** Calls `listener` with all that the engine says, for the drawer, and with this tab's own exchanges. */
  onEngine(listener: (message: EngineMessage) => void): () => void
  post(message: TabMessage): void
  stop(): void
}

export function createChat({ tab, platform, database, connect, first }: ChatOptions): Chat {
  const state = shallowRef<ChatState>(EMPTY_CHAT)
  const session = shallowRef<Session>({ state: 'starting', user: null })
  const link = shallowRef<Link | null>(null)
  const knownRooms = shallowRef(false)
  // This tab's own line, for what it reads; it rides on the session's token where there is one.
  const line = createLine({ platform, tab, onExchange: (exchange) => tell({ type: 'exchanges', exchanges: [exchange] }) })
  const { client, setToken } = line
  const newsListeners = new Set<(message: Message) => void>()
  const engineListeners = new Set<(message: EngineMessage) => void>()
  let current: string | null = null
  let hasStarted = false
  let isLoadingMe = false
  let isFollowing = false

  const history = useHistory({
    client,
    platform,
    state,
    shownUpTo: (slug) => shown.upTo(slug),
    onMissing: (slug) => watched.leave(slug),
    onMessages: (messages) => outbox.see(messages),
  })
  const shown = useShown({ database, state, open: (slug) => history.open(slug) })
  const whoAmI = computed(() => state.value.me)
  const outbox = useOutbox({ database, platform, tab, user: whoAmI, tellEngine: () => post({ type: 'outbox', tab }) })
  const drafts = createDrafts(database, platform.clock.date)
  const rollCall = createRollCall(tab, platform.clock)
  const attachments = useAttachments({ platform: line.platform, tab, user: whoAmI, findOpenTabs: rollCall.findOpenTabs })
  const deeds = createDeeds({ client, state, onRenamed: (renamed) => post({ type: 'renamed', tab, user: renamed }) })
  const watched = useWatched({
    state,
    onChange: (rooms) => hasStarted && post({ type: 'watch', tab, rooms }),
    onCovered: (slug) => void history.refresh(slug),
  })
  const follow = createFollow({
    platform,
    read: (cursor) => client.fetchFeed({ after: cursor, holdS: 0, rooms: watched.rooms() }),
    onEvents,
    onBreak: () => void readAfresh(),
  })
  const station = connect(hear)
  const isBlocked = ref(false)
  database.onBlocked(() => (isBlocked.value = true))

  function post(message: TabMessage): void {
    station.post(message)
  }

  function tell(message: EngineMessage): void {
    for (const listener of engineListeners) listener(message)
  }

  function hear(message: EngineMessage): void {
    tell(message)
    switch (message.type) {
      case 'begin':
        takeLink(message.link)
        takeSession(message.session)
        return follow.begin(message.cursor)
      case 'page':
        return follow.take(message)
      case 'reset':
        follow.begin(message.cursor)
        return void readAfresh()
      case 'gap':
        return void history.refresh(message.room)
      case 'watching':
        return watched.cover(message.rooms)
      case 'session':
        return takeSession(message.session)
      case 'link':
        return takeLink(message.link)
      case 'outbox':
        return outbox.reload()
    }
  }

  function takeLink(now: Link): void {
    const isBack = now.connection === 'connected' && link.value?.connection !== 'connected'
    link.value = now
    if (!isBack) return
    follow.wake()
    history.wake()
    attachments.wake()
    if (!knownRooms.value && session.value.state === 'known') void loadMe()
    if (!knownRooms.value && session.value.state === 'visitor') void startAsVisitor()
    if (current !== null && history.statuses.value.get(current) === 'failed') tryAgain(current)
  }

  function takeSession(now: Session): void {
    const before = session.value
    session.value = now
    setToken(now.token)
    const isOther = now.user?.id !== state.value.me?.id || now.state !== before.state
    if (now.user && state.value.me === null) state.value = { ...state.value, me: now.user }
    if (now.state === 'known' && isOther) void loadMe()
    else if (now.state === 'visitor' && before.state !== 'visitor') void startAsVisitor()
    else if (now.user && now.user.id === state.value.me?.id) state.value = { ...state.value, me: now.user }
  }

  /** Reads who I am and in which rooms; what was read before stays where it joins on. */
  async function loadMe(): Promise<void> {
    if (isLoadingMe) return
    isLoadingMe = true
    try {
      const [me] = await Promise.all([client.fetchMe(), shown.loaded])
      const isSame = state.value.me === null || state.value.me.id === me.user.id
      if (!isSame) forget()
      state.value = withMyRooms({ ...state.value, me: me.user }, me.rooms, shown.upTo)
      startFollowing(me.cursor)
      knownRooms.value = true
      await openCurrent()
      void shown.countAhead()
    } catch (error) {
      if (error instanceof Refused && error.problem.status === 401) post({ type: 'unknown_caller', tab })
    } finally {
      isLoadingMe = false
    }
  }

  async function startAsVisitor(): Promise<void> {
    try {
      const { cursor } = await client.fetchFeed({ after: 'latest', holdS: 0, rooms: watched.rooms() })
      knownRooms.value = true
      startFollowing(cursor)
      await openCurrent()
    } catch {
      // The link tells when the server answers again.
    }
  }

  function startFollowing(cursor: string): void {
    if (isFollowing) return
    isFollowing = true
    follow.startAt(cursor)
  }

  function forget(): void {
    history.forget()
    isFollowing = false
  }

  async function readAfresh(): Promise<void> {
    forget()
    knownRooms.value = false
    if (session.value.state === 'visitor') await startAsVisitor()
    else await loadMe()
  }

  function onEvents(events: RoomEvent[]): void {
    const before = state.value
    outbox.see(events.flatMap((event) => (event.type === 'message_sent' ? [event.message] : [])))
    outbox.hear(events)
    history.take(events)
    state.value = events.reduce(fold, before)
    history.letGo(new Set(events.flatMap(({ room }) => (room === undefined || room === current ? [] : [room]))))
    watched.check()
    for (const event of events) if (event.type === 'message_sent') tellNews(before, event.message)
    if ([...state.value.rooms.values()].some(({ isMember, unread }) => isMember && unread === null)) void shown.countAhead()
  }

  function tellNews({ rooms, me }: ChatState, message: Message): void {
    const known = rooms.get(message.room)
    const isNew = known !== undefined && message.number > known.about.last_number
    if (isNew && message.by?.id !== me?.id) for (const listener of newsListeners) listener(message)
  }

  function look(slug: string | null, number: number | null = null): void {
    current = slug
    if (slug !== null) watched.look(slug)
    if (!hasStarted) start()
    if (slug === null) return
    const timeline = state.value.rooms.get(slug)?.timeline
    const isHere = timeline?.items.some((item) => item.kind === 'message' && item.message.number === number)
    if (number !== null && !isHere) void history.open(slug, number)
    else if (knownRooms.value) void openCurrent()
  }

  function start(): void {
    hasStarted = true
    const isVisible = document.visibilityState === 'visible'
    const cursor = first?.cursor ?? null
    post({ type: 'hello', tab, rooms: watched.rooms(), cursor, isVisible, locale: words.htmlLanguage })
  }

  function takeFirst({ room, messages, more, more_after, cursor }: First): void {
    history.bring(newRoom(room, false, shown.upTo(room.slug)), { messages, more, ...(more_after && { more_after }) })
    watched.coveredByFirst(room.slug)
    // Older than any later answer, so it is followed from here.
    startFollowing(cursor)
  }

  /** Reads the room that is looked at, if it is not here. */
  async function openCurrent(): Promise<void> {
    const slug = current
    if (slug === null || history.statuses.value.get(slug) === 'loading') return
    if (!state.value.rooms.get(slug)?.timeline) await history.open(slug)
  }

  function tryAgain(slug: string): void {
    void history.open(slug)
  }

  function keepDraft(slug: string, text: Ref<string>, replyTo: Ref<Quote | null>): void {
    const place = computed(() => whoAmI.value && { userId: whoAmI.value.id, room: slug, tab })
    useDraft({ drafts, findOpenTabs: rollCall.findOpenTabs, place, text, replyTo })
  }

  function stop(): void {
    follow.stop()
    history.stop()
    rollCall.close()
    post({ type: 'bye', tab })
    station.close()
  }

  // At once, so that the first drawing of the page has it.
  if (first) takeFirst(first)

  return {
    tab,
    line,
    state,
    session,
    link,
    outbox,
    attachments,
    hasRooms: computed(() => knownRooms.value),
    isForThisVisit: computed(() => isBlocked.value || session.value.token !== undefined),
    statuses: history.statuses,
    edges: history.edges,
    loadOlder: history.loadOlder,
    loadNewer: history.loadNewer,
    trim: history.trim,
    toNewest: (slug) => history.open(slug),
    look,
    tryAgain,
    say: outbox.add,
    act: outbox.act,
    show: shown.show,
    keepDraft,
    ...deeds,
    wake: () => post({ type: 'wake', tab }),
    onNews: (listener) => listen(newsListeners, listener),
    onEngine: (listener) => listen(engineListeners, listener),
    post,
    stop,
  }
}

function listen<Value>(listeners: Set<(value: Value) => void>, listener: (value: Value) => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}
