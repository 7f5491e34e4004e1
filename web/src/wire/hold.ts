// How long a request may be held: as long as usual, or shorter than what cuts it.
//
// The ladder asks before each held request and says afterwards how it went. A
// proxy that cuts at N seconds shows by two requests that ended at about the
// same N; those after it stay below. The usual hold is tried again at growing
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
/** Where nothing came at all, nobody knows when the connection was lost. */
const MARGIN_SILENT = 0.5
/** After so many failures of held requests, with good looks in between, holding is of no use. */
const FAILURES_MAX = 4
const RETRY_MS_MIN = 300_000
const RETRY_MS_MAX = 3_600_000

export interface Hold {
  /** Returns the hold to ask for now. */
  seconds(): number
  isShortened(): boolean
  /** Whether held requests fail though others get through. */
  isHopeless(): boolean
  wasAnswered(tookMs: number): void
  hasFailed(holdS: number, tookMs: number): void
  /** Begins anew, as after a change of the mode. */
  forget(): void
}

export function createHold(clock: Clock): Hold {
  /** Requests were cut at this; null while none were. */
  let limitMs: number | null = null
  let shortS = HOLD_S
  let retryMs = RETRY_MS_MIN
  let retryAt = Infinity
  let lastCutMs: number | null = null
  let failures = 0

  function seconds(): number {
    return limitMs === null || clock.now() >= retryAt ? HOLD_S : shortS
  }

  function wasAnswered(tookMs: number): void {
    failures = 0
    if (lastCutMs !== null && tookMs > lastCutMs + ALIKE_MS) lastCutMs = null
    if (limitMs !== null && tookMs > limitMs + ALIKE_MS) forget()
  }

  function hasFailed(holdS: number, tookMs: number): void {
    failures += 1
    if (tookMs < CUT_MS_MIN) return
    const cutMs = Math.min(tookMs, holdS * 1000)
    if (limitMs !== null && holdS > shortS && areAlike(cutMs, limitMs)) {
      retryMs = Math.min(RETRY_MS_MAX, retryMs * 2)
      retryAt = clock.now() + retryMs
    } else if (lastCutMs !== null && areAlike(cutMs, lastCutMs)) {
      shorten(Math.min(cutMs, lastCutMs), tookMs >= holdS * 1000)
    } else {
      lastCutMs = cutMs
    }
  }

  function shorten(toMs: number, isSilent: boolean): void {
    limitMs = toMs
    shortS = Math.max(1, Math.floor((toMs / 1000) * (isSilent ? MARGIN_SILENT : MARGIN)))
    retryAt = clock.now() + retryMs
    lastCutMs = null
    failures = 0
  }

  function forget(): void {
    limitMs = null
    lastCutMs = null
    retryMs = RETRY_MS_MIN
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

function areAlike(one: number, other: number): boolean {
  return Math.abs(one - other) <= Math.max(ALIKE_MS, ALIKE_SHARE * Math.max(one, other))
}
