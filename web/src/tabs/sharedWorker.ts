// The way to the engine in a SharedWorker, which plain HTTP has as well.
//
// The worker lives in the process of one of the tabs. When that process is
// killed it does not come back by itself: a new one is made by the first tab
// that notices, and the others find it under the same address.
import type { OpenWay } from './way'

export const sharedWorker: OpenWay = ({ onMessage, onFailed }) => {
  let worker = start()

  function start(): SharedWorker {
    const started = new SharedWorker(new URL('worker.ts', import.meta.url), { name: 'linger', type: 'module' })
    started.addEventListener('error', () => started === worker && onFailed())
    started.port.addEventListener('message', ({ data }) => started === worker && onMessage(data))
    started.port.start()
    return started
  }

  function replaceEngine(): void {
    worker.port.close()
    worker = start()
  }

  return { post: (message) => worker.port.postMessage(message), replaceEngine, close: () => worker.port.close() }
}
