// The way to the engine in a SharedWorker, which plain HTTP has as well.
//
// The worker lives in the process of one of the tabs. When that process is
// killed or stands still, the worker of that name may be the dead one for ever.
// So the worker's name has a number: the first tab that finds the engine silent
// counts it up, and the others follow (`workerNumber.ts`).
import type { OpenWay } from './way'
import { NAME } from './way'
import { countUp, firstNumber, isWorkerOver, onWorkerNumber, workerNumber } from './workerNumber'
import type { WorkerMessage } from './workerPorts'

export const sharedWorker: OpenWay = ({ tab, onMessage, onNewEngine, onFailed }) => {
  const listening = new AbortController()
  let number = firstNumber()
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
    if (listening.signal.aborted || next <= number) return
    leave()
    number = next
    worker = start()
    onNewEngine()
  }

  function leave(): void {
    const words: WorkerMessage[] = [{ type: 'bye', tab }]
    // It may only stand still: then it must not hold a request beside the next engine's when it goes on.
    if (isWorkerOver(number)) words.push({ type: 'over' })
    for (const word of words) worker.port.postMessage(word)
    worker.port.close()
  }

  onWorkerNumber(() => moveTo(workerNumber()), listening.signal)

  return {
    post: (message) => worker.port.postMessage(message),
    replaceEngine: () => moveTo(countUp(number)),
    close() {
      listening.abort()
      leave()
    },
  }
}
