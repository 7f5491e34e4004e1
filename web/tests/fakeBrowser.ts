// A browser for the tests of tabs: its processes can stand still, go on, or be killed.
//
// Each tab has a process with a window of its own, and what tabs share comes through the
// browser: localStorage, SharedWorkers, BroadcastChannels and locks. A process that stands
// still takes all of it later, in order; what it has asked of the network goes on without it.
import { vi } from 'vitest'
import type { Platform } from '../src/api/platform'
import type { Host } from '../src/tabs/host'
import type { Kind } from '../src/tabs/station'
import { createWorkerPorts } from '../src/tabs/workerPorts'
import { createEngine } from '../src/wire/engine'
import type { EngineMessage } from '../src/wire/protocol'
import { createFakeChat } from './fakeChat'
import { createFakePlatform } from './fakePlatform'
import { Tab } from './fakeTab'

/** Runs what comes to it, in order, while it neither stands still nor is killed. */
export class Process {
  isStopped = false
  isKilled = false
  private waiting: (() => void)[] = []
  private readonly onKilled = new AbortController()
  readonly window = new EventTarget()
  readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' })

  constructor(private readonly browser: FakeBrowser) {}

  take(act: () => void): void {
    if (this.isKilled) return
    if (this.isStopped) this.waiting.push(act)
    else this.browser.runIn(this, act)
  }

  goOn(): void {
    this.isStopped = false
    for (const act of this.waiting.splice(0)) this.take(act)
  }

  kill(): void {
    this.isKilled = true
    this.onKilled.abort()
    this.browser.forget(this)
  }

  /** The platform of what runs here: timers and answers wait while it stands still. */
  platform(): Platform {
    const { platform, chat } = this.browser
    return {
      ...platform,
      fetch: (url, init) =>
        new Promise((resolve, reject) => {
          const signal = AbortSignal.any([this.onKilled.signal, ...(init.signal ? [init.signal] : [])])
          void chat.fetch(url, { ...init, signal }).then(
            (answer) => this.take(() => resolve(answer)),
            (error: Error) => this.take(() => reject(error)),
          )
        }),
      clock: { ...platform.clock, after: (ms, act) => this.after(ms, act) },
    }
  }

  private after(ms: number, act: () => void): () => void {
    let isCancelled = false
    const cancel = this.browser.platform.clock.after(ms, () => this.take(() => isCancelled || act()))
    return () => {
      isCancelled = true
      cancel()
    }
  }
}

export class FakeBrowser {
  readonly platform = createFakePlatform()
  readonly chat = createFakeChat(this.platform.clock)
  readonly tabs: Tab[] = []
  /** Those that were started, and not ended. */
  readonly engines = new Set<Host & { process: Process }>()
  private processes: Process[] = []
  private current: Process | null = null
  readonly stored = new Map<string, string>()
  readonly channels = new Set<EventTarget & { name: string; process: Process }>()
  private workers = new Map<string, { process: Process; connect(port: MessagePort): void }>()
  private holder: { process: Process; lose(): void } | null = null
  private queue: { process: Process; grant(): void }[] = []

  /** `chance` chooses the process in which a worker begins; without it, the oldest. */
  constructor(private readonly chance = () => 0) {
    giveGlobals(this)
  }

  openTab(kinds: Kind[]): Tab {
    const process = new Process(this)
    this.processes.push(process)
    this.runIn(process, () => this.tabs.push(new Tab(`t${this.processes.length}`, process, this, kinds)))
    return this.tabs.at(-1) as Tab
  }

  /** Runs code with the window of this process. */
  runIn(process: Process, act: () => void): void {
    const before = this.current
    this.enter(process)
    try {
      act()
    } finally {
      this.enter(before)
    }
  }

  private enter(process: Process | null): void {
    this.current = process
    vi.stubGlobal('window', process?.window)
    vi.stubGlobal('document', process?.document)
  }

  startEngine(process: Process, post: (message: EngineMessage) => void): Host {
    const { hear, stop } = createEngine({ platform: process.platform(), post })
    const engine = {
      process,
      hear,
      stop: () => {
        this.engines.delete(engine)
        stop()
      },
    }
    this.engines.add(engine)
    return engine
  }

  forget(process: Process): void {
    for (const each of this.engines) if (each.process === process) this.engines.delete(each)
    for (const each of this.channels) if (each.process === process) this.channels.delete(each)
    for (const [name, worker] of this.workers) if (worker.process === process) this.workers.delete(name)
    this.queue = this.queue.filter((other) => other.process !== process)
    if (this.holder?.process === process) this.passLockOn()
  }

  here(): Process {
    if (!this.current) throw new Error('no process runs now')
    return this.current
  }

  write(key: string, newValue: string | null): void {
    if (newValue === null) this.stored.delete(key)
    else this.stored.set(key, newValue)
    for (const process of this.processes) {
      if (process === this.current) continue
      process.take(() => process.window.dispatchEvent(Object.assign(new Event('storage'), { key, newValue })))
    }
  }

  /** Returns a tab's end of a port to the worker of this name, which begins if there is none. */
  connectWorker(name: string): MessagePort {
    const living = this.processes.filter(({ isKilled }) => !isKilled)
    const process = this.workers.get(name)?.process ?? (living[Math.floor(this.chance() * living.length)] as Process)
    const [mine, its] = portPair(this.here(), process)
    process.take(() => {
      if (!this.workers.has(name)) {
        const connect = createWorkerPorts((post) => this.startEngine(process, post), () => void this.workers.delete(name))
        this.workers.set(name, { process, connect })
      }
      this.workers.get(name)?.connect(its)
    })
    return mine
  }

  /** `navigator.locks.request`, for the one lock that there is; what is caught is caught in the tab's process. */
  request(_name: string, { signal, steal }: LockOptions, hold: () => Promise<void>): Pick<Promise<void>, 'catch'> {
    const process = this.here()
    let onLost: (() => void) | null = null
    const lose = () => process.take(() => onLost?.())
    const grant = () => {
      const holder = { process, lose }
      this.holder = holder
      const begin = () => void hold().then(() => this.holder === holder && this.passLockOn())
      queueMicrotask(() => process.take(begin))
    }
    if (steal) {
      this.holder?.lose()
      grant()
    } else {
      const waiting = { process, grant }
      this.queue.push(waiting)
      signal?.addEventListener('abort', () => (this.queue = this.queue.filter((other) => other !== waiting)))
      if (!this.holder) this.passLockOn()
    }
    return { catch: (act: unknown) => void (onLost = act as () => void) as never }
  }

  private passLockOn(): void {
    this.holder = null
    this.queue.shift()?.grant()
  }
}

/** Puts in place what code in a tab or a worker calls by its global name. */
function giveGlobals(browser: FakeBrowser): void {
  const after = (act: () => void, ms: number) => browser.here().platform().clock.after(ms, act)
  vi.stubGlobal('setTimeout', after)
  vi.stubGlobal('clearTimeout', (cancel?: () => void) => cancel?.())
  vi.stubGlobal('setInterval', () => 0)
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => browser.stored.get(key) ?? null,
    setItem: (key: string, value: string) => browser.write(key, value),
    removeItem: (key: string) => browser.write(key, null),
  })
  vi.stubGlobal('navigator', { locks: { request: browser.request.bind(browser) } })
  class FakeWorker extends EventTarget {
    readonly port: MessagePort
    constructor(_url: URL, { name }: { name: string }) {
      super()
      this.port = browser.connectWorker(name)
    }
  }
  class FakeChannel extends EventTarget {
    readonly process = browser.here()
    constructor(readonly name: string) {
      super()
      browser.channels.add(this)
    }
    postMessage(data: unknown): void {
      for (const other of browser.channels) {
        const hear = () => browser.channels.has(other) && other.dispatchEvent(new MessageEvent('message', { data }))
        if (other !== this && other.name === this.name) other.process.take(hear)
      }
    }
    close(): void {
      browser.channels.delete(this)
    }
  }
  vi.stubGlobal('SharedWorker', FakeWorker)
  vi.stubGlobal('BroadcastChannel', FakeChannel)
}

/** Two ends of a port: what is said at one comes to the other, as soon as its process runs. */
function portPair(one: Process, other: Process): [MessagePort, MessagePort] {
  const [here, there] = [new EventTarget(), new EventTarget()]
  const pass = (to: EventTarget, process: Process) => (data: unknown) =>
    process.take(() => to.dispatchEvent(new MessageEvent('message', { data: structuredClone(data) })))
  return [portAt(here, pass(there, other)), portAt(there, pass(here, one))]
}

function portAt(end: EventTarget, postMessage: (data: unknown) => void): MessagePort {
  return Object.assign(end, { postMessage, start() {}, close() {} }) as unknown as MessagePort
}
