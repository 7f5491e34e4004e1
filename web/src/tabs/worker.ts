// The SharedWorker: one engine, and a port for each tab.
//
// Built as a file of its own; `sharedWorker.ts` starts it. The browser ends it
// when the last tab is gone.
import { browser } from '../browser'
import { openDatabase } from '../store/database'
import type { EngineMessage, TabMessage } from '../wire/protocol'
import { startHost } from './host'

/** The newest port of each tab: one that lost its engine from sight comes by another. */
const ports = new Map<string, MessagePort>()
const host = startHost({
  platform: browser,
  database: openDatabase({ factory: () => indexedDB, after: browser.clock.after }),
  post,
})

self.addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports
  if (!port) return
  port.addEventListener('message', ({ data }: MessageEvent<TabMessage>) => hear(port, data))
  port.start()
})

function hear(port: MessagePort, message: TabMessage): void {
  if (message.type === 'bye') ports.delete(message.tab)
  else ports.set(message.tab, port)
  host.hear(message)
}

function post(message: EngineMessage): void {
  if (message.to === undefined) for (const port of ports.values()) port.postMessage(message)
  else ports.get(message.to)?.postMessage(message)
}
