// The engine's end of the ports in a SharedWorker: one for each tab.
//
// Used by `worker.ts`. The newest port of a tab is the one: a tab that lost its
// engine from sight comes by another.
import type { EngineMessage, TabMessage } from '../wire/protocol'
import type { StartHost } from './host'

/** `over`: the tabs have turned to another worker, or to none. */
export type WorkerMessage = TabMessage | { type: 'over' }

/** Returns the function that takes a tab's port. When the worker is over, its engine ends, and `onOver` is called. */
export function createWorkerPorts(startHost: StartHost, onOver: () => void): (port: MessagePort) => void {
  const ports = new Map<string, MessagePort>()
  const host = startHost(post)

  function connect(port: MessagePort): void {
    port.addEventListener('message', ({ data }: MessageEvent<WorkerMessage>) => hear(port, data))
    port.start()
  }

  function hear(port: MessagePort, message: WorkerMessage): void {
    if (message.type === 'over') return end()
    if (message.type === 'bye') ports.delete(message.tab)
    else ports.set(message.tab, port)
    host.hear(message)
  }

  function post(message: EngineMessage): void {
    if (message.to === undefined) for (const port of ports.values()) port.postMessage(message)
    else ports.get(message.to)?.postMessage(message)
  }

  function end(): void {
    ports.clear()
    host.stop()
    onOver()
  }

  return connect
}
