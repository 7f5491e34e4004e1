// A host whose code comes when it is needed: most tabs have their engine in a
// SharedWorker, and never start one of their own.
//
// Before its code is there it keeps what it hears, and tells those who ask that it
// is alive: another engine would wait for the same code. The station fetches the code
// ahead of its use: when an engine is gone, the network may be gone as well.
import type { Clock } from '../api/platform'
import type { TabMessage } from '../wire/protocol'
import type { Host, HostOptions } from './host'

const RETRY_MS = 3000
/** By then the page is there, even over a slow network. */
const QUIET_MS = 10_000

type Code = typeof import('./host')

export function startHostLater(options: HostOptions, fetchCode = fetchHost): Host {
  const { clock } = options.platform
  let host: Host | null = null
  let isStopped = false
  let cancelRetry: (() => void) | null = null
  const early: TabMessage[] = []
  void start()

  async function start(): Promise<void> {
    try {
      const { startHost } = await fetchCode()
      if (isStopped) return
      host = startHost(options)
      early.forEach(host.hear)
    } catch {
      if (!isStopped) cancelRetry = clock.after(RETRY_MS, () => void start())
    }
  }

  function hear(message: TabMessage): void {
    if (host) host.hear(message)
    else if (message.type === 'alive') options.post({ to: message.tab, type: 'alive' })
    else early.push(message)
  }

  return {
    hear,
    stop() {
      isStopped = true
      cancelRetry?.()
      host?.stop()
    },
  }
}

/** Fetches the code when the page has come to rest; returns the function that prevents it. */
export function fetchHostWhenQuiet(clock: Clock): () => void {
  return clock.after(QUIET_MS, fetchHostAhead)
}

/** Fetches the code for a tab that may be elected at any moment. */
export function fetchHostAhead(): void {
  void fetchHost().catch(() => {})
}

function fetchHost(): Promise<Code> {
  return import('./host')
}
