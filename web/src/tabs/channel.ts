// The way to an engine that lives in one of the tabs: a BroadcastChannel.
//
// An election (`locks.ts` or `lease.ts`) chooses the tab. All words of the
// engine carry its fence. A tab that hears a newer engine than its own has been
// replaced while it was frozen, and ends its own.
import type { EngineMessage, TabMessage } from '../wire/protocol'
import { isNewer, NO_FENCE, nextFence } from './fence'
import type { Fence } from './fence'
import { fetchHostAhead } from './hostLater'
import type { Host, StartHost } from './host'
import { NAME } from './way'
import type { OpenWay } from './way'

export interface Candidate {
  tab: string
  /** Whether an engine has been heard. */
  hasEngine(): boolean
  onElected(): void
  onLost(): void
}

export interface Election {
  /** The engine of the elected tab is silent: be elected in its place. */
  replace(): void
  /** Another engine is newer: stand back, and wait for the next election. */
  resign(): void
  close(): void
}

export type Elect = (candidate: Candidate) => Election

type Word =
  | { kind: 'tab'; message: TabMessage }
  | { kind: 'elected'; fence: Fence }
  | { kind: 'engine'; fence: Fence; message: EngineMessage }

export function channel(elect: Elect, startHost: StartHost): OpenWay {
  return ({ tab, onMessage, onNewEngine }) => {
    fetchHostAhead()
    const others = new BroadcastChannel(NAME)
    let newest = NO_FENCE
    let isClosed = false
    let own: { fence: Fence; host: Host } | null = null
    const election = elect({ tab, hasEngine: () => newest !== NO_FENCE, onElected, onLost })
    others.addEventListener('message', ({ data }: MessageEvent<Word>) => hear(data))

    function onElected(): void {
      const fence = nextFence(newest, tab)
      newest = fence
      own = { fence, host: startHost((message) => say(fence, message)) }
      others.postMessage({ kind: 'elected', fence } satisfies Word)
      onNewEngine()
    }

    function onLost(): void {
      own?.host.stop()
      own = null
    }

    function say(fence: Fence, message: EngineMessage): void {
      if (isClosed || fence !== newest) return
      if (message.to !== tab) others.postMessage({ kind: 'engine', fence, message } satisfies Word)
      // Later, as from any other place: the tab may be in the middle of its own words.
      queueMicrotask(() => fence === newest && onMessage(message))
    }

    function hear(word: Word): void {
      if (word.kind === 'tab') return own?.host.hear(word.message)
      if (isNewer(newest, word.fence)) return
      if (isNewer(word.fence, newest)) {
        newest = word.fence
        if (own) election.resign()
        onLost()
        onNewEngine()
      }
      if (word.kind === 'engine') onMessage(word.message)
    }

    return {
      post(message) {
        if (own) own.host.hear(message)
        else others.postMessage({ kind: 'tab', message } satisfies Word)
      },
      replaceEngine: () => own ?? election.replace(),
      close() {
        isClosed = true
        onLost()
        election.close()
        others.close()
      },
    }
  }
}
