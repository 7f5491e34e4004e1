// Which transport is used, and why: down where one fails, up again later.
//
// The loop asks for a plan before each request and says how the last one went.
// The usual one is the held request; where a room is so busy that requests
// follow each other closely, a stream is cheaper (docs/decisions/0044).
import { Refused } from '../api/client'
import type { Clock } from '../api/platform'
import { createHold, RETRY_MS_MAX, RETRY_MS_MIN } from './hold'
import type { Mode, Transport, TransportReason } from './protocol'
import { StreamBuffered, StreamSilent } from './transports/sse'

/** A short poll that nobody chose: seldom enough for a server with many of them. */
export const INTERVAL_MS = 3000
/** So many answers with news in so long are busy. */
const BUSY_ANSWERS = 20
const BUSY_MS = 10_000
/** Fewer pieces than this in a minute are calm. */
const CALM_PIECES = 10
const CALM_MS = 60_000
/** A stream that ends sooner was cut, for the server speaks every 15 s. */
const STREAM_MS_MIN = 20_000
const STREAM_CUTS_MAX = 3

export interface Plan {
  transport: Transport
  reason: TransportReason
  /** Of a short poll, 0. */
  holdS: number
  intervalMs: number
}

export interface Ladder {
  plan(): Plan
  choose(mode: Mode, intervalMs: number): void
  /** A page came by this transport. */
  wasHeard(transport: Transport, hasNews: boolean): void
  /** A request came to its end after `tookMs`; with an error, it failed. */
  hasEnded(plan: Plan, tookMs: number, error?: unknown): void
}

interface Block {
  until: number
  retryMs: number
  reason: TransportReason
}

export function createLadder(clock: Clock): Ladder {
  const hold = createHold(clock)
  const blocks = new Map<Transport, Block>()
  let mode: Mode = 'automatic'
  let interval = INTERVAL_MS
  let streamCuts = 0
  let isBusy = false
  /** A stream that has just begun has not had the time to be calm. */
  let calmFrom = 0
  /** When news came lately, oldest first. */
  let heardAt: number[] = []

  function plan(): Plan {
    const [first = 'short', ...others] = rungs()
    const transport = [first, ...others].find(isOpen) ?? 'short'
    const blocked = transport === first ? undefined : blocks.get(first)
    return {
      transport,
      reason: blocked?.reason ?? reasonFor(transport),
      holdS: transport === 'long' ? hold.seconds() : 0,
      intervalMs: interval,
    }
  }

  function rungs(): Transport[] {
    const all: Transport[] = ['sse', 'long', 'short']
    if (mode !== 'automatic') return all.slice(all.indexOf(mode))
    return isBusy ? all : all.slice(1)
  }

  function isOpen(transport: Transport): boolean {
    return (blocks.get(transport)?.until ?? -Infinity) <= clock.now()
  }

  function reasonFor(transport: Transport): TransportReason {
    if (transport === 'long' && hold.isShortened()) return 'cut_early'
    if (mode !== 'automatic') return 'chosen'
    return transport === 'sse' ? 'busy' : 'usual'
  }

  function wasHeard(transport: Transport, hasNews: boolean): void {
    const now = clock.now()
    if (hasNews) heardAt.push(now)
    const memoryMs = transport === 'sse' ? CALM_MS : BUSY_MS
    heardAt = heardAt.filter((at) => at > now - memoryMs)
    if (transport === 'sse') {
      isBusy &&= now < calmFrom || heardAt.length >= CALM_PIECES
    } else if (heardAt.length >= BUSY_ANSWERS) {
      isBusy = true
      calmFrom = now + CALM_MS
    }
  }

  function hasEnded({ transport, holdS }: Plan, tookMs: number, error?: unknown): void {
    if (transport === 'sse') return endStream(tookMs, error)
    if (transport !== 'long') return
    if (error === undefined) {
      hold.wasAnswered(holdS, tookMs)
      blocks.delete('long')
      return
    }
    // The server itself said no: that is no matter of the way.
    if (error instanceof Refused && error.problem.code !== undefined) return
    hold.hasFailed(holdS, tookMs, error instanceof Refused)
    if (!hold.isHopeless()) return
    hold.forget()
    block('long', 'holds_fail')
  }

  function endStream(tookMs: number, error: unknown): void {
    if (error instanceof StreamBuffered) return block('sse', 'stream_buffered')
    const wasCut = tookMs < STREAM_MS_MIN || error instanceof StreamSilent
    if (!wasCut) {
      streamCuts = 0
      blocks.delete('sse')
    } else if (++streamCuts >= STREAM_CUTS_MAX) {
      streamCuts = 0
      block('sse', 'streams_fail')
    }
  }

  /** Leaves a transport alone for a while, each time for longer. */
  function block(transport: Transport, reason: TransportReason): void {
    const known = blocks.get(transport)
    const retryMs = known ? Math.min(RETRY_MS_MAX, known.retryMs * 2) : RETRY_MS_MIN
    blocks.set(transport, { until: clock.now() + retryMs, retryMs, reason })
  }

  function choose(next: Mode, intervalMs: number): void {
    mode = next
    interval = intervalMs
    isBusy = false
    streamCuts = 0
    // Somebody who chooses wants to see it tried.
    blocks.clear()
    hold.forget()
  }

  return { plan, choose, wasHeard, hasEnded }
}
