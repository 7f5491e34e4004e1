// When to try again: the growing delay, and a pause that can be cut short.
//
// Called by whatever talks to the server for ever: the feed, the outbox, the
// session. It keeps no state of its own and decides nothing about errors but
// how long to wait.
import { Refused } from './client'

const DELAY_MS_MIN = 1000
const DELAY_MS_MAX = 30_000
/** A server that asks for more than this is asked again anyway. */
const RETRY_AFTER_MS_MAX = 300_000

/**
 * Returns how long to wait after the `failures`-th failure in a row, 1 to 30 s.
 *
 * Half of it is chance, so that clients which were cut off together do not
 * come back together. A Retry-After is a lower bound.
 */
export function retryDelayMs(failures: number, error: unknown): number {
  const ceiling = Math.min(DELAY_MS_MAX, 2 * DELAY_MS_MIN * 2 ** (failures - 1))
  const delay = ceiling / 2 + (Math.random() * ceiling) / 2
  return Math.max(delay, askedDelayMs(error))
}

/** Returns the Retry-After of a refusal, in ms, 0 without one. */
export function askedDelayMs(error: unknown): number {
  if (!(error instanceof Refused)) return 0
  return Math.min(error.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX)
}

export interface Pause {
  /** Waits `ms`; `cut` ends the wait early, but not before `firmMs`. */
  wait(ms: number, firmMs?: number): Promise<void>
  cut(): void
}

export function createPause(): Pause {
  let cutNow: (() => void) | null = null
  return {
    wait(ms, firmMs = 0) {
      return new Promise((resolve) => {
        const startedAt = Date.now()
        let timer = setTimeout(resolve, ms)
        cutNow = () => {
          clearTimeout(timer)
          timer = setTimeout(resolve, Math.max(0, startedAt + firmMs - Date.now()))
        }
      })
    },
    cut: () => cutNow?.(),
  }
}
