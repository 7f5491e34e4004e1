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
import type { StartHost } from './host'
import { fetchHostWhenQuiet, startHostLater } from './hostLater'
import { lease } from './lease'
import { locks } from './locks'
import { createMemo } from './memo'
import { sharedWorker } from './sharedWorker'
import { onWake } from './wakeups'
import type { OpenWay, Way } from './way'
import { areWorkersGivenUp, giveWorkersUp, onWorkerNumber } from './workerNumber'

/** The beats, of 300 ms, that a worker may take to load over a slow network, or on a busy machine. */
const LOAD_BEATS_MAX = 35
/** The beats that the next worker may take: its code is at hand. */
const RESTART_BEATS_MAX = 1
/**
 * When so many engines that followed a silent one say nothing either, the way leads nowhere. Chromium begins each next
 * worker in the process that stands still, so that more than one of them is time lost; of the tabs, each can have the engine.
 */
const REPLACEMENTS_MAX: Record<Kind, number> = { shared_worker: 1, locks: 5, lease: 5, alone: Infinity }

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
  const startHere: StartHost = (tell) => startHostLater({ platform, database, post: tell })
  const openers: Record<Kind, OpenWay> = {
    shared_worker: sharedWorker,
    locks: channel(locks, startHere),
    lease: channel(lease, startHere),
    alone: alone(startHere),
    ...ways,
  }
  /** The ways that were not found to be missing in this browser. */
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
    kind = choose()
    replacements = 0
    try {
      way = openWay(kind)
    } catch (error) {
      if (kind === 'alone') throw error
      return leaveOut(kind)
    }
    meet(LOAD_BEATS_MAX)
  }

  /** Returns the best way of those that all tabs of this browser can take: two ways are two engines. */
  function choose(): Kind {
    if (memo.isExperiment() || database.isBlocked()) return 'alone'
    const isWithout = areWorkersGivenUp(platform.clock.date())
    return left.find((other) => other !== 'shared_worker' || !isWithout) ?? 'alone'
  }

  /** Goes where the other tabs have gone. */
  function follow(): void {
    if (way && kind !== choose()) open()
  }

  /** Begins with another engine, which may take so many beats more than usual. */
  function meet(patience: number): void {
    greet()
    heartbeat.start(kind === 'shared_worker' ? patience : 0)
  }

  function openWay(chosen: Kind): Way {
    const opened: Way = openers[chosen]({
      tab,
      onMessage: (message) => way === opened && hear(message),
      onNewEngine: () => way === opened && meetNext(),
      onFailed: () => way === opened && giveUp(chosen),
    })
    return opened
  }

  function meetNext(): void {
    // Another tab may have found the one before silent.
    replacements = Math.max(replacements, 1)
    meet(RESTART_BEATS_MAX)
  }

  function close(): void {
    heartbeat.stop()
    way?.post({ type: 'bye', tab })
    way?.close()
    way = null
  }

  function giveUp(failed: Kind): void {
    const isAgreed = failed === 'shared_worker' && giveWorkersUp(platform.clock.date())
    if (isAgreed) open()
    else leaveOut(failed)
  }

  function leaveOut(missing: Kind): void {
    left = left.filter((other) => other !== missing)
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
    if (replacements > REPLACEMENTS_MAX[kind]) giveUp(kind)
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
  onWorkerNumber(follow, signal)
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
