// A way from a tab to the engine, as the station uses it.
//
// There is one for each place where the engine can live: `sharedWorker.ts`,
// `channel.ts` (in one of the tabs) and `alone.ts` (in this tab).
import type { EngineMessage, TabMessage } from '../wire/protocol'

/**
 * The name under which tabs find each other.
 *
 * Its number changes with the words of the protocol: pages before and after an
 * upgrade of the server do not understand each other.
 */
export const NAME = 'linger.1'

export interface WayListener {
  tab: string
  onMessage(message: EngineMessage): void
  /** Another engine took over: it knows nothing of this tab. */
  onNewEngine(): void
  /** This way leads nowhere in this browser. */
  onFailed(): void
}

export interface Way {
  post(message: TabMessage): void
  /** The engine has been silent for too long: gets another one. */
  replaceEngine(): void
  /** The tab goes. An engine that lives in it ends. */
  close(): void
}

/** Opens a way; throws where the browser has none. */
export type OpenWay = (listener: WayListener) => Way
