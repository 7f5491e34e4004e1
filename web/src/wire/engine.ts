// The engine: one held request for all tabs of a browser.
//
// It runs in a SharedWorker, or in one of the tabs (`tabs/` decides), and knows
// neither a window nor Vue. Tabs say what they want by `hear`, and are told by
// `post`; both in the words of `protocol.ts`. It brings pages of events and
// shows nothing: each tab folds for itself.
import { Refused } from '../api/client'
import type { Client, FeedQuestion } from '../api/client'
import type { Platform } from '../api/platform'
import type { EventPage, User } from '../api/types'
import type { Timing } from './exchanges'
import { createHeard } from './heard'
import { createLine } from './line'
import { createLoop } from './loop'
import type { EngineMessage, Exchange, Link, Session, TabMessage } from './protocol'
import { createRecentPages } from './recentPages'
import { createTelling } from './telling'
import { createWatchers } from './watchers'

/** The person that this browser is, as the engine needs it. The engine calls, and is told of changes. */
export interface SessionSource {
  current(): Session
  /** The first tab is here: be known. Later calls do nothing. */
  start(locale: string): void
  /** The server did not know the caller: be known again, at most once a minute whatever the server answers. */
  renew(): void
  /** The person changed at the server. */
  take(user: User): void
}

/** Sends the texts that wait in the store. */
export interface OutboxPump {
  /** There may be something new to send, or a better moment. */
  look(): void
  stop(): void
}

export interface EngineOptions {
  platform: Platform
  post(message: EngineMessage): void
  /** Tells what the browser measures of requests; without it, whether a connection was new is not known. */
  watchTimings?(hear: (timing: Timing) => void): () => void
  /** Makes the session; without one, the browser's cookie is all there is. */
  createSession?(wiring: Wiring): SessionSource
  createPump?(wiring: Wiring): OutboxPump
}

/** The engine's own, for the parts that it runs. */
export interface Wiring {
  client: Client
  platform: Platform
  /** To be called after each change: of the session, or of the outbox in the store. */
  onChange(): void
}

export interface Engine {
  hear(message: TabMessage): void
  /** Ends all requests and timers, for good. */
  stop(): void
}

const UNKNOWN: Session = { state: 'starting', user: null }

export function createEngine({ platform: base, post, watchTimings, createSession, createPump }: EngineOptions): Engine {
  const records = createTelling(base.clock, tellExchanges)
  const line = createLine({ platform: base, tab: null, transport: () => loop.plan().transport, onExchange })
  const { client, platform } = line
  const watchers = createWatchers(platform.clock)
  const recent = createRecentPages()
  const heard = createHeard(() => currentSession().user?.id)
  /** The rooms of the request that is out, or was last. */
  let asked: readonly string[] = []
  /** Rooms that are looked at and are not there for us. */
  const barred = new Set<string>()
  /** The first tab's cursor is where the engine begins. */
  let hasBegun = false
  /** Tabs that were told to begin at a cursor that was not known yet. */
  const beginners = new Set<string>()
  const loop = createLoop(client, platform, { rooms, onAsked, onPage, onLink, onRefused })
  const session = createSession?.({ client, platform, onChange: onSession }) ?? null
  const pump = createPump?.({ client, platform, onChange: () => post({ type: 'outbox' }) }) ?? null
  const stopTimings = watchTimings?.(line.exchanges.measured)
  let knownAs = identity()
  line.setToken(currentSession().token)

  function hear(message: TabMessage): void {
    if (message.type === 'hello') return welcome(message)
    const { tab } = message
    if (message.type === 'bye') return dismiss(tab)
    if (!watchers.hear(tab)) return post({ to: tab, type: 'introduce' })
    switch (message.type) {
      case 'watch':
        for (const room of watchers.watch(tab, message.rooms)) barred.delete(room)
        return cover(tab, message.rooms)
      case 'visible':
        return watchers.show(tab, message.isVisible)
      case 'wake':
        pump?.look()
        return loop.wake()
      case 'outbox':
        return pump?.look()
      case 'unknown_caller':
        return session?.renew()
      case 'renamed':
        return session?.take(message.user)
      case 'mode':
        return loop.choose(message.mode, message.intervalMs)
      case 'weather':
        return line.setWeather(message.weather)
      case 'wire':
        watchers.look(tab, message.isOpen)
        return message.isOpen ? show(tab) : undefined
      case 'alive':
        return post({ to: tab, type: 'alive' })
    }
  }

  /** Tells the drawer that was opened what it has missed: its code comes late, and a link may stay as it is for long. */
  function show(tab: string): void {
    post({ to: tab, type: 'link', link: link() })
    post({ to: tab, type: 'exchanges', exchanges: line.exchanges.list() })
  }

  function welcome({ tab, rooms: wanted, cursor, isVisible, locale }: TabMessage & { type: 'hello' }): void {
    watchers.come(tab, wanted, isVisible)
    session?.start(locale)
    pump?.look()
    const here = hasBegun ? loop.cursor() : cursor
    hasBegun = true
    const pages = cursor === null || cursor === here ? [] : recent.after(cursor, wanted)
    const begin = pages && cursor !== null ? cursor : here
    if (begin === null) beginners.add(tab)
    post({ to: tab, type: 'begin', cursor: begin, session: currentSession(), link: link() })
    for (const { from, to, events } of pages ?? []) post({ to: tab, type: 'page', from, to_cursor: to, events })
    loop.start(cursor)
    cover(tab, wanted)
    onLink()
  }

  function dismiss(tab: string): void {
    watchers.leave(tab)
    beginners.delete(tab)
    // With nobody there, the request is given up and no other one made.
    if (watchers.count() === 0) loop.askAgain()
    else onLink()
  }

  /** Sees to it that a request for these rooms is out, and tells the tab when it is. */
  function cover(tab: string, wanted: readonly string[]): void {
    const isCovered = wanted.every((room) => asked.includes(room) || barred.has(room))
    // A room that nobody looks at any more is left out of the next request.
    if (!isCovered || loop.isResting()) loop.askAgain()
    else post({ to: tab, type: 'watching', rooms: [...asked] })
  }

  function rooms(): readonly string[] | null {
    watchers.leaveSilent()
    const wanted = watchers.rooms().filter((room) => !barred.has(room))
    const hasNothing = watchers.count() === 0 || (wanted.length === 0 && session !== null && !session.current().user)
    return hasNothing ? null : wanted
  }

  function onAsked({ rooms: now }: FeedQuestion): void {
    const isChanged = now.join() !== asked.join()
    for (const room of asked) if (!now.includes(room)) heard.forget(room)
    asked = now
    if (isChanged) post({ type: 'watching', rooms: [...now] })
    onLink()
  }

  function onPage({ events: all, cursor, reset }: EventPage, { after, rooms: covered }: FeedQuestion): void {
    const { events, gaps } = heard.take(all)
    // Told before the page: what a tab has then is what the missing events join on to.
    for (const room of gaps) post({ type: 'gap', room })
    if (reset) {
      heard.forget()
      recent.forget()
      post({ type: 'reset', cursor })
    } else if (after !== 'latest' && (events.length > 0 || cursor !== after)) {
      recent.add({ from: after, to: cursor, events, rooms: covered })
      post({ type: 'page', from: after, to_cursor: cursor, events })
    }
    for (const tab of beginners) post({ to: tab, type: 'begin', cursor, session: currentSession(), link: link() })
    beginners.clear()
  }

  function onRefused({ problem: { status } }: Refused, question: FeedQuestion): void {
    if (status === 401) session?.renew()
    if (status === 404) void bar(question.rooms)
  }

  /** Finds the rooms that are not there for us: one of them would keep all others from us. */
  async function bar(suspects: readonly string[]): Promise<void> {
    for (const room of suspects) {
      await client.fetchRoom(room).catch((error: unknown) => {
        if (error instanceof Refused && error.problem.status === 404) barred.add(room)
      })
    }
    if (suspects.some((room) => barred.has(room))) loop.askAgain()
  }

  function onSession(): void {
    post({ type: 'session', session: currentSession() })
    if (identity() === knownAs) return
    knownAs = identity()
    line.setToken(currentSession().token)
    heard.forget()
    barred.clear()
    // Somebody else is in other rooms.
    loop.askAgain()
    pump?.look()
  }

  function identity(): string {
    const { user, token } = currentSession()
    return `${user?.id} ${token}`
  }

  function currentSession(): Session {
    return session?.current() ?? UNKNOWN
  }

  function onLink(): void {
    post({ type: 'link', link: link() })
  }

  function link(): Link {
    const { transport, reason, holdS, intervalMs } = loop.plan()
    return {
      connection: loop.connection(),
      transport,
      reason,
      holdS: transport === 'short' ? intervalMs / 1000 : holdS,
      heldSince: loop.heldSince(),
      heardAt: loop.heardAt(),
      tabs: watchers.count(),
    }
  }

  function onExchange(exchange: Exchange): void {
    if (watchers.lookers().length > 0) records.add(exchange)
  }

  function tellExchanges(exchanges: Exchange[]): void {
    for (const tab of watchers.lookers()) post({ to: tab, type: 'exchanges', exchanges })
  }

  function stop(): void {
    stopTimings?.()
    records.stop()
    loop.stop()
    pump?.stop()
  }

  return { hear, stop }
}
