// The election by a lease in localStorage: the tab that is written there has the engine.
//
// For plain HTTP, where there are no Web Locks. A lease does not end by itself:
// browsers slow the timers of hidden tabs down so far that no date in it could
// be kept. It ends when its holder goes, or when another tab finds it silent.
// Two tabs may win at the same moment; the fence then decides.
import type { Elect } from './channel'

const KEY = 'linger.engine'
/** An engine that is there answers sooner than this. */
const ANSWER_MS_MAX = 300
/** Until then a claim of another tab has been seen; chance keeps two apart. */
const CLAIM_MS_MIN = 40
const CLAIM_MS_MAX = 120

export const lease: Elect = ({ tab, hasEngine, onElected, onLost }) => {
  const listening = new AbortController()
  let isHolder = false
  let claim: ReturnType<typeof setTimeout> | undefined

  function replace(): void {
    if (isHolder || claim !== undefined) return
    localStorage.setItem(KEY, tab)
    claim = setTimeout(settle, CLAIM_MS_MIN + Math.random() * (CLAIM_MS_MAX - CLAIM_MS_MIN))
  }

  function settle(): void {
    claim = undefined
    if (localStorage.getItem(KEY) !== tab) return
    isHolder = true
    onElected()
  }

  function onStorage({ key, newValue }: StorageEvent): void {
    if (key !== KEY) return
    // The holder has gone, and said so.
    if (newValue === null) replace()
    else if (isHolder && newValue !== tab) {
      isHolder = false
      onLost()
    }
  }

  function close(): void {
    listening.abort()
    clearTimeout(claim)
    clearTimeout(first)
    if (isHolder) localStorage.removeItem(KEY)
  }

  window.addEventListener('storage', onStorage, { signal: listening.signal })
  const isFree = localStorage.getItem(KEY) === null
  const first = setTimeout(() => hasEngine() || replace(), isFree ? 0 : ANSWER_MS_MAX)
  return { replace, resign: () => void (isHolder = false), close }
}
