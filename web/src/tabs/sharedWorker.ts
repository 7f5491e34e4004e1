// The way to the engine in a SharedWorker, which plain HTTP has as well.
//
// The worker lives in the process of one of the tabs. When that process is
// killed or stands still, the worker of that name may be the dead one for ever.
// So the worker's name has a number, kept in localStorage: the first tab that
// finds the engine silent counts it up, and the others follow.
import type { OpenWay } from './way'
import { NAME } from './way'

const KEY = 'linger.worker'

export const sharedWorker: OpenWay = ({ tab, onMessage, onNewEngine, onFailed }) => {
  const listening = new AbortController()
  let number = readNumber()
  let worker = start()

  function start(): SharedWorker {
    const name = `${NAME}.${number}`
    const started = new SharedWorker(new URL('worker.ts', import.meta.url), { name, type: 'module' })
    started.addEventListener('error', () => started === worker && onFailed())
    started.port.addEventListener('message', ({ data }) => started === worker && onMessage(data))
    started.port.start()
    return started
  }

  function moveTo(next: number): void {
    if (next <= number) return
    // It may only stand still; then it must not wait for this tab's news when it wakes.
    leave()
    number = next
    worker = start()
    onNewEngine()
  }

  function leave(): void {
    worker.port.postMessage({ type: 'bye', tab })
    worker.port.close()
  }

  function replaceEngine(): void {
    // Another tab may have been first.
    const next = Math.max(number, readNumber() - 1) + 1
    localStorage.setItem(KEY, String(next))
    moveTo(next)
  }

  function onStorage({ key }: StorageEvent): void {
    if (key === KEY) moveTo(readNumber())
  }

  window.addEventListener('storage', onStorage, { signal: listening.signal })

  return {
    post: (message) => worker.port.postMessage(message),
    replaceEngine,
    close() {
      listening.abort()
      leave()
    },
  }
}

function readNumber(): number {
  return Number(localStorage.getItem(KEY)) || 1
}
