// All that the wire drawer knows, fed by what the engine says to this tab.
//
// Made by `useWire`, once a tab: the totals go on while the drawer is closed and
// opened again. Plain TypeScript without Vue; whoever reads is told that
// something changed, and reads at their own pace.
import type { EngineMessage, Exchange, Link } from '../wire/protocol'
import { createDelays } from './delays'
import { createRecords } from './records'
import type { ExchangeRecord } from './records'
import { createTotals } from './totals'
import type { Totals } from './totals'

export interface WireStore {
  take(message: EngineMessage): void
  /** Those sent last first. */
  records(): ExchangeRecord[]
  totals: Pick<Totals, 'read'>
  /** Null until the engine was heard. */
  link(): Link | null
}

export function createWireStore(now: () => number): WireStore {
  const records = createRecords()
  const totals = createTotals()
  const delays = createDelays()
  let link: Link | null = null
  /** Events up to this position were heard before: they say nothing about delay. */
  let position = 0

  function take(message: EngineMessage): void {
    if (message.type === 'exchanges') takeExchanges(message.exchanges)
    else if (message.type === 'page') takeEvents(message)
    else if (message.type === 'link' || message.type === 'begin') link = message.link
  }

  function takeExchanges(exchanges: readonly Exchange[]): void {
    for (const change of records.take(exchanges, now())) {
      totals.count(change)
      const { kind, path, sentAt, endedAt, outcome } = change.after
      const requestId = path.split('/').at(-1)
      if (kind === 'send' && outcome === 'done' && requestId && endedAt !== null) delays.sent(requestId, sentAt, endedAt)
    }
  }

  function takeEvents({ events }: EngineMessage & { type: 'page' }): void {
    const arrivedAt = now()
    for (const event of events) {
      if (event.position <= position) continue
      position = event.position
      const at = Date.parse(event.at)
      if (event.type === 'message_sent' && event.message.request_id) delays.stored(event.message.request_id, at)
      if (link) totals.delay(link.transport, delays.of(at, arrivedAt))
    }
  }

  return { take, records: records.list, totals: { read: totals.read }, link: () => link }
}
