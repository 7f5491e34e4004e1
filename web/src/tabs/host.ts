// The engine with all that it runs: the session, and the pump of the outbox.
//
// Started wherever the engine shall live: in the SharedWorker, or in the tab
// that was chosen. It knows neither a window nor how its words reach the tabs.
import type { Platform } from '../api/platform'
import { createPump } from '../outbox/pump'
import type { Pump } from '../outbox/pump'
import { createSession } from '../session/session'
import type { SessionKeeper } from '../session/session'
import type { Database } from '../store/database'
import { createEntries } from '../store/entries'
import { createEngine } from '../wire/engine'
import type { OutboxPump, SessionSource, Wiring } from '../wire/engine'
import type { EngineMessage, TabMessage } from '../wire/protocol'
import { watchTimings } from '../wire/timings'

/** A tab may be killed right after it kept a text, before it could say so. */
const LOOK_MS = 30_000

export interface Host {
  hear(message: TabMessage): void
  /** Ends all requests and timers, for good. */
  stop(): void
}

/** Starts the engine with all that it runs, in a place that passes on what it says. */
export type StartHost = (post: (message: EngineMessage) => void) => Host

export interface HostOptions {
  platform: Platform
  database: Database
  post(message: EngineMessage): void
}

export function startHost({ platform, database, post }: HostOptions): Host {
  const entries = createEntries(database)
  let session: SessionKeeper | null = null
  let pump: Pump | null = null
  /** The person whose texts are in the outbox. */
  let knownAs: number | null = null
  let cancelLook: (() => void) | null = null
  const engine = createEngine({ platform, post: tell, watchTimings, createSession: makeSession, createPump: makePump })

  function makeSession(wiring: Wiring): SessionSource {
    const keeper = createSession({
      platform: wiring.platform,
      database,
      onChange() {
        wiring.onChange()
        void followPerson(keeper)
      },
    })
    session = keeper
    // A failure shows in the link, and the engine goes on trying.
    return { ...keeper, renew: () => void keeper.renew().catch(() => {}) }
  }

  function makePump(wiring: Wiring): OutboxPump {
    pump = createPump({
      ...wiring,
      database,
      userId: () => {
        const now = session?.current()
        return now?.state === 'known' ? (now.user?.id ?? null) : null
      },
      onUnknownCaller: () => session?.renew().catch(() => {}) ?? Promise.resolve(),
    })
    return pump
  }

  /** Lets unsent texts move along when the server had forgotten their author. */
  async function followPerson(keeper: SessionKeeper): Promise<void> {
    const id = keeper.current().user?.id ?? null
    const before = knownAs
    knownAs = id ?? before
    if (id !== null && before !== null && before !== id) await entries.move(before, id)
    pump?.look()
  }

  function hear(message: TabMessage): void {
    if (message.type === 'hello' && message.token !== undefined) session?.adopt(message.token)
    if (message.type === 'wake') {
      session?.wake()
      pump?.wake()
    }
    // The other tabs show the same outbox.
    if (message.type === 'outbox') post({ type: 'outbox' })
    engine.hear(message)
    // The last words of a tab may be in the store, and not here.
    if (message.type === 'bye') pump?.look()
  }

  function tell(message: EngineMessage): void {
    post(message)
    if (message.type !== 'page') return
    const me = session?.current().user
    for (const { type, by } of message.events) {
      if (me && type === 'user_renamed' && by?.id === me.id) session?.take({ ...me, name: by.name })
    }
  }

  function keepLooking(): void {
    pump?.look()
    cancelLook = platform.clock.after(LOOK_MS, keepLooking)
  }

  function stop(): void {
    cancelLook?.()
    engine.stop()
    session?.stop()
    pump?.stop()
  }

  keepLooking()
  return { hear, stop }
}
