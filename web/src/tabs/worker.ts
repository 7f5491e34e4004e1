// The SharedWorker: one engine, and a port for each tab.
//
// Built as a file of its own; `sharedWorker.ts` starts it. The browser ends it
// when the last tab is gone. When the tabs have turned to another worker, or to
// none, it ends by itself: it may have stood still, and would hold its request on.
import { browser } from '../browser'
import { openDatabase } from '../store/database'
import { startHost } from './host'
import { createWorkerPorts } from './workerPorts'

const database = openDatabase({ factory: () => indexedDB, after: browser.clock.after })
const connect = createWorkerPorts((post) => startHost({ platform: browser, database, post }), () => self.close())

self.addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports
  if (port) connect(port)
})
