// Which tabs of this browser are open: each answers when one asks.
//
// Asked before a draft is taken over. A frozen tab does not answer and counts
// as closed; when it wakes it still has its own text, so nothing is lost.
import type { Clock } from '../api/platform'
import { NAME } from './way'

/** A tab that is awake answers sooner than this. */
const ANSWER_MS_MAX = 150

type Call = { ask: true } | { here: string }

export interface RollCall {
  /** Returns the open tabs, this one included. */
  findOpenTabs(): Promise<ReadonlySet<string>>
  close(): void
}

export function createRollCall(tab: string, clock: Clock): RollCall {
  // Where tabs cannot talk they share no drafts either.
  const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(`${NAME}.tabs`)
  let present = new Set([tab])

  channel?.addEventListener('message', ({ data }: MessageEvent<Call>) => {
    if ('here' in data) present.add(data.here)
    else channel.postMessage({ here: tab } satisfies Call)
  })

  return {
    async findOpenTabs() {
      present = new Set([tab])
      channel?.postMessage({ ask: true } satisfies Call)
      await new Promise<void>((resolve) => clock.after(ANSWER_MS_MAX, resolve))
      return present
    },
    close: () => channel?.close(),
  }
}
