// The election by Web Locks: the tab that has the lock has the engine.
//
// Secure origins only. The browser gives the lock to the next tab when its
// holder closes or crashes. A holder that is only frozen keeps it, so that
// others have to take it away.
import type { Elect } from './channel'
import { NAME } from './way'

export const locks: Elect = ({ onElected, onLost }) => {
  let waiting: AbortController | null = null
  let release: (() => void) | null = null
  let isClosed = false

  function hold(): Promise<void> {
    waiting = null
    if (isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      release = resolve
      onElected()
    })
  }

  /** Waits for the lock; gets it when all before have gone. */
  function stand(): void {
    if (isClosed || waiting) return
    waiting = new AbortController()
    navigator.locks.request(NAME, { signal: waiting.signal }, hold).catch(lose)
  }

  function lose(): void {
    if (!release) return
    // Another tab took the lock away.
    release = null
    onLost()
    stand()
  }

  function replace(): void {
    waiting?.abort()
    waiting = null
    navigator.locks.request(NAME, { steal: true }, hold).catch(lose)
  }

  function resign(): void {
    release?.()
    release = null
    stand()
  }

  function close(): void {
    isClosed = true
    waiting?.abort()
    release?.()
    release = null
  }

  stand()
  return { replace, resign, close }
}
