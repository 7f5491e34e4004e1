// How long a request may be held: as long as usual, or shorter than what cuts it.
//
// The ladder asks before each held request and says afterwards how it went. A
// proxy that cuts at N seconds shows by two requests that ended at about the
// same N; those after it stay below. A longer hold is tried again at growing
// intervals, for the network may be another by then.
import type { Clock } from '../api/platform'

/** Below the 30 s after which many proxies drop a quiet request. */
export const HOLD_S = 25
/** A request that failed sooner was refused rather than cut. */
const CUT_MS_MIN = 2000
/** Two cuts within this, or within this share, are by the same rule. */
const ALIKE_MS = 1500
const ALIKE_SHARE = 0.15
/** The server and the network add to the hold, and their share varies. */
const MARGIN = 0.8
/** A browser repeats a request by itself whose connection was closed: what we see cut at N was cut at half of it. */
const MARGIN_CLOSED = 0.4
/** After so many failures of held requests, with good looks in between, holding is of no use. */
const FAILURES_MAX = 4
/** A better way that failed is tried again after this, and later each time, up to the second. */
export const RETRY_MS_MIN = 300_000
export const RETRY_MS_MAX = 3_600_000

export interface Hold {
  /** Returns the hold to ask for now. */
  seconds(): number
  isShortened(): boolean
  /** Whether held requests fail though others get through. */
  isHopeless(): boolean
  wasAnswered(holdS: number, tookMs: number): void
  /** `isTold`: a proxy said so, with a status. */
  hasFailed(holdS: number, tookMs: number, isTold: boolean): void
  /** Begins anew, as after a change of the mode. */
  forget(): void
}

export function createHold(clock: Clock): Hold {
  /** The hold that gets through, as far as is known. */
  let goodS = HOLD_S
  let retryMs = RETRY_MS_MIN
  let retryAt = Infinity
  let lastCutMs: number | null = null
  let failures = 0

  function seconds(): number {
    return clock.now() >= retryAt ? Math.min(HOLD_S, goodS * 2) : goodS
  }

  function wasAnswered(holdS: number, tookMs: number): void {
    failures = 0
    if (lastCutMs !== null && tookMs > lastCutMs + ALIKE_MS) lastCutMs = null
    // A try that news ended soon says nothing.
    if (holdS > goodS && tookMs > goodS * 1000 + ALIKE_MS) settle(holdS, RETRY_MS_MIN)
  }

  function hasFailed(holdS: number, tookMs: number, isTold: boolean): void {
    failures += 1
    if (tookMs < CUT_MS_MIN) return
    if (holdS > goodS) return settle(goodS, Math.min(RETRY_MS_MAX, retryMs * 2))
    const cutMs = Math.min(tookMs, holdS * 1000)
    const throughMs = lastCutMs === null ? null : getsThrough(cutMs, lastCutMs, isTold)
    if (throughMs === null) return void (lastCutMs = cutMs)
    failures = 0
    settle(Math.max(1, Math.floor(throughMs / 1000)), retryMs)
  }

  /** Takes a hold as good, and plans when to try a longer one. */
  function settle(holdS: number, nextRetryMs: number): void {
    goodS = holdS
    retryMs = nextRetryMs
    retryAt = goodS < HOLD_S ? clock.now() + retryMs : Infinity
    lastCutMs = null
  }

  function forget(): void {
    settle(HOLD_S, RETRY_MS_MIN)
    failures = 0
  }

  return {
    seconds,
    isShortened: () => seconds() < HOLD_S,
    isHopeless: () => failures >= FAILURES_MAX,
    wasAnswered,
    hasFailed,
    forget,
  }
}

/** Returns the hold in ms that gets through after two cuts, or null if they are by no rule. */
function getsThrough(oneMs: number, otherMs: number, isTold: boolean): number | null {
  const [sooner, later] = [Math.min(oneMs, otherMs), Math.max(oneMs, otherMs)]
  if (areAlike(sooner, later)) return sooner * (isTold ? MARGIN : MARGIN_CLOSED)
  // The browser repeated one of the two: on a new connection it does not.
  return areAlike(sooner * 2, later) ? sooner * MARGIN : null
}

function areAlike(one: number, other: number): boolean {
  return Math.abs(one - other) <= Math.max(ALIKE_MS, ALIKE_SHARE * Math.max(one, other))
}
