// Where a tab finds the engine, and keeps it.
//
// The page has one station. It chooses the best way that the browser has (a
// SharedWorker; else an engine in one of the tabs, chosen by Web Locks or by a
// lease; else one in this tab alone), notices when the engine is gone, and
// says to the next one what the page said to the last: hello with the newest
// cursor, what it watches, whether it is seen. So the page itself says hello
// once, and hears `begin` again whenever there is another engine.
//
// It also says by itself what no screen knows: `alive`, `visible`, `wake`, `bye`.
import type { Platform } from '../api/platform'
import type { Database } from '../store/database'
import type { EngineMessage, TabMessage } from '../wire/protocol'
import { alone } from './alone'
import { channel } from './channel'
import { createHeartbeat } from './heartbeat'
import { fetchHostWhenQuiet } from './hostLater'
import { lease } from './lease'
import { locks } from './locks'
import { createMemo } from './memo'
import { sharedWorker } from './sharedWorker'
import { onWake } from './wakeups'
import type { OpenWay, Way } from './way'

/** The beats, of 300 ms, that a worker may take to load over a slow network, or on a busy machine. */
const LOAD_BEATS_MAX = 35
/** So many engines in a row that say nothing: this way leads nowhere. */
const REPLACEMENTS_MAX = 2

export type Kind = 'shared_worker' | 'locks' | 'lease' | 'alone'

export interface Station {
  post(message: TabMessage): void
  close(): void
  /** Where the engine lives now. */
  kind(): Kind
}

export interface StationOptions {
  tab: string
  platform: Platform
  database: Database
  onMessage(message: EngineMessage): void
  /** The ways to try, best first; all that this browser has, without it. */
  kinds?: readonly Kind[]
  /** Other ways than the browser's, for tests. */
  ways?: Partial<Record<Kind, OpenWay>>
}

export function connect({ tab, platform, database, onMessage, kinds = kindsHere(), ways }: StationOptions): Station {
  const memo = createMemo()
  const options = { platform, database }
  const openers: Record<Kind, OpenWay> = {
    shared_worker: sharedWorker,
    locks: channel(locks, options),
    lease: channel(lease, options),
    alone: alone(options),
    ...ways,
  }
  /** The ways that were not found to lead nowhere. */
  let left = kinds.filter((other) => other !== 'alone')
  let kind: Kind = 'alone'
  let way: Way | null = null
  let replacements = 0

  const heartbeat = createHeartbeat({
    clock: platform.clock,
    isVisible,
    ask: () => way?.post({ type: 'alive', tab }),
    onSilent,
  })

  function open(): void {
    close()
    const chosen = memo.isExperiment() || database.isBlocked() ? 'alone' : (left[0] ?? 'alone')
    kind = chosen
    replacements = 0
    try {
      way = openWay(chosen)
    } catch (error) {
      if (chosen === 'alone') throw error
      return giveUp(chosen)
    }
    meet()
  }

  /** Begins with another engine. */
  function meet(): void {
    greet()
    heartbeat.start(kind === 'shared_worker' ? LOAD_BEATS_MAX : 0)
  }

  function openWay(chosen: Kind): Way {
    const opened: Way = openers[chosen]({
      tab,
      onMessage: (message) => way === opened && hear(message),
      onNewEngine: () => way === opened && meet(),
      onFailed: () => way === opened && giveUp(chosen),
    })
    return opened
  }

  function close(): void {
    heartbeat.stop()
    way?.post({ type: 'bye', tab })
    way?.close()
    way = null
  }

  function giveUp(failed: Kind): void {
    left = left.filter((other) => other !== failed)
    open()
  }

  function hear(message: EngineMessage): void {
    if (message.to !== undefined && message.to !== tab) return
    heartbeat.heard()
    replacements = 0
    if (message.type === 'introduce') return greet()
    if (message.type === 'alive') return
    memo.hear(message)
    onMessage(message)
  }

  function onSilent(): void {
    if (kind === 'alone') return
    replacements += 1
    if (replacements > REPLACEMENTS_MAX) giveUp(kind)
    else way?.replaceEngine()
  }

  function greet(): void {
    for (const message of memo.greet(isVisible(), kind === 'alone')) way?.post(message)
  }

  function post(message: TabMessage): void {
    const wasExperiment = memo.isExperiment()
    memo.say(message)
    if (memo.isExperiment() !== wasExperiment) open()
    else if (way && memo.isForEngine(message)) way.post(message)
  }

  function onVisibility(): void {
    way?.post({ type: 'visible', tab, isVisible: isVisible() })
    heartbeat.hurry()
  }

  const listening = new AbortController()
  const { signal } = listening
  document.addEventListener('visibilitychange', onVisibility, { signal })
  // A tab that leaves, or is frozen, hands the engine on, and comes back as a new one.
  window.addEventListener('pagehide', close, { signal })
  document.addEventListener('freeze', close, { signal })
  window.addEventListener('pageshow', ({ persisted }) => persisted && open(), { signal })
  document.addEventListener('resume', open, { signal })
  const stopWaking = onWake(() => way?.post({ type: 'wake', tab }))
  const stopFetching = fetchHostWhenQuiet(platform.clock)
  open()
  database.onBlocked(() => kind !== 'alone' && open())

  return {
    post,
    close() {
      listening.abort()
      stopWaking()
      stopFetching()
      close()
    },
    kind: () => kind,
  }
}

function isVisible(): boolean {
  return document.visibilityState === 'visible'
}

/** Returns the ways that this browser seems to have, best first. */
function kindsHere(): Kind[] {
  const kinds: Kind[] = []
  if (typeof SharedWorker !== 'undefined') kinds.push('shared_worker')
  if (typeof BroadcastChannel !== 'undefined') kinds.push('locks' in navigator ? 'locks' : 'lease')
  return kinds
}
