// Made-up exchanges and pages, as the engine would tell of them.
//
// Used by the tests of the wire drawer. Times are seconds after `START`.
import type { RoomEvent } from '../../src/api/types'
import type { EngineMessage, Exchange, Link, Transport } from '../../src/wire/protocol'

export const START = Date.parse('2026-11-28T10:00:00.000Z')

export function at(seconds: number): number {
  return START + seconds * 1000
}

/** A request for events, sent after `sentS` seconds; it ends after `endS`, or is still out. */
export function asked(id: string, transport: Transport, sentS: number, endS: number | null, more: Partial<Exchange> = {}): Exchange {
  return {
    id,
    tab: null,
    kind: 'events',
    method: 'GET',
    path: `/api/v1/events?after=c-${sentS}`,
    transport,
    sentAt: at(sentS),
    endedAt: endS === null ? null : at(endS),
    outcome: endS === null ? 'out' : 'empty',
    after: `c-${sentS}`,
    ...(transport === 'long' && { holdS: 25 }),
    ...more,
  }
}

export function said(requestId: string, sentS: number, endS: number): Exchange {
  const path = `/api/v1/rooms/tea/messages/${requestId}`
  return { id: `s-${requestId}`, tab: null, kind: 'send', method: 'PUT', path, sentAt: at(sentS), endedAt: at(endS), outcome: 'done', status: 201 }
}

/** Message `number` of the room tea; its position and id are the same number. */
export function event(number: number, atS: number, requestId?: string): RoomEvent {
  const time = new Date(at(atS)).toISOString()
  const by = { id: 2, name: 'bob' }
  const message = { id: number, room: 'tea', number, at: time, by, text: `text ${number}` }
  return {
    position: number,
    number,
    room: 'tea',
    type: 'message_sent',
    at: time,
    by,
    message: { ...message, ...(requestId !== undefined && { request_id: requestId }) },
  }
}

export function page(from: string, to: string, events: RoomEvent[]): EngineMessage & { type: 'page' } {
  return { type: 'page', from, to_cursor: to, events }
}

export function link(transport: Transport, more: Partial<Link> = {}): Link {
  return {
    connection: 'connected',
    transport,
    reason: 'usual',
    holdS: transport === 'short' ? 2 : 25,
    heldSince: null,
    heardAt: null,
    tabs: 1,
    ...more,
  }
}
