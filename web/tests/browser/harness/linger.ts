// The ground of each browser test file: its own server, its own Chromium.
//
// Called once at the top of every spec. A page that reports an error, a
// violated Content-Security-Policy or a dialog fails the test that opened it; a
// test that fails leaves a picture of each of its pages in `.failures/`.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { Chat } from './chat'
import { chromiumPath, lingerPath, WEB } from './programs'
import { findLastingPort, PLAIN_HOST, Server } from './server'

export const FAILURES = join(WEB, 'tests/browser/.failures')

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--host-resolver-rules=MAP ${PLAIN_HOST} 127.0.0.1`,
  // A process that waits for the next tab would be taken for that tab's.
  '--disable-features=SpareRendererForSitePerProcess',
]
const HOSTS = ['--hosts', PLAIN_HOST]
const ACTION_MS_MAX = 60_000
/** Chromium's complaint about every answer that is no 2xx; that is for the page to handle. */
const ABOUT_NETWORK = /^Failed to load resource/

export interface OpenOptions extends BrowserContextOptions {
  /** The name of the person who opens the page; without one, the page asks for a friendly name. */
  name?: string
  /** Leaves the browser its SharedWorker. */
  sharedWorker?: boolean
  /** The address of a proxy before the server. */
  url?: string
  /** Called before the page is opened. */
  prepare?: (context: BrowserContext) => Promise<void>
}

export class Linger {
  server = new Server(0, HOSTS)
  private browser: Browser | null = null
  private contexts: BrowserContext[] = []
  private complaints: string[] = []

  constructor(private readonly restarts: boolean) {}

  async start(): Promise<void> {
    if (this.restarts) this.server = new Server(await findLastingPort(), HOSTS)
    await this.server.start()
    const page = await fetch(`${this.server.url}/settings`).then((answer) => answer.text())
    // Each test would wait for it to its time-out.
    if (!page.includes('type="module"')) throw new Error(`${lingerPath()} was built without the page: ${page}`)
    this.browser = await chromium.launch({ executablePath: chromiumPath(), args: FLAGS })
  }

  /** Opens Linger's page in a browser of its own: other cookies, other storage. */
  async open({ name, url = this.server.url, prepare, ...options }: OpenOptions = {}): Promise<Chat> {
    const context = await this.newContext(options)
    if (name !== undefined) {
      const arrival = await context.request.post(`${url}/api/v1/guests`, { data: { name } })
      expect(arrival.status()).toBe(201)
    }
    await prepare?.(context)
    const chat = new Chat(context, await context.newPage())
    await chat.visit(url)
    return chat
  }

  /** Returns an empty page in a browser of its own, for pages that are not Linger's. */
  async openBlank(): Promise<Page> {
    return (await this.newContext({})).newPage()
  }

  async newContext({ sharedWorker = false, ...options }: Omit<OpenOptions, 'name' | 'url' | 'prepare'> = {}): Promise<BrowserContext> {
    if (!this.browser) throw new Error('the browser is not running')
    const context = await this.browser.newContext({ locale: 'en-GB', viewport: { width: 1000, height: 700 }, ...options })
    context.setDefaultTimeout(ACTION_MS_MAX)
    this.contexts.push(context)
    this.listen(context)
    // No test can see or hold up the requests of a SharedWorker; tabs.spec.ts has one.
    if (!sharedWorker) await context.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'))
    return context
  }

  /** Returns the ids of the browser's processes that show pages or run their workers. */
  async renderers(): Promise<number[]> {
    const session = await this.browser?.newBrowserCDPSession()
    const answer = await session?.send('SystemInfo.getProcessInfo')
    await session?.detach()
    return (answer?.processInfo ?? []).filter(({ type }) => type === 'renderer').map(({ id }) => id)
  }

  /** Drops the complaints that a test has caused on purpose. */
  forgive(complaint: RegExp): void {
    this.complaints = this.complaints.filter((text) => !complaint.test(text))
  }

  /** Closes all pages, and returns what they complained of. */
  async closePages(picturesOf: string | null): Promise<string[]> {
    const { contexts, complaints } = this
    this.contexts = []
    this.complaints = []
    if (picturesOf !== null) await takePictures(contexts, picturesOf)
    await Promise.all(contexts.map((context) => context.close()))
    return complaints
  }

  async end(): Promise<void> {
    await this.browser?.close()
    await this.server.remove()
  }

  private listen(context: BrowserContext): void {
    context.on('weberror', (error) => this.complaints.push(`error: ${error.error().message}`))
    context.on('console', (message) => {
      const isSevere = ['error', 'warning', 'assert'].includes(message.type())
      if (isSevere && !ABOUT_NETWORK.test(message.text())) this.complaints.push(`console: ${message.text()}`)
    })
    context.on('dialog', (dialog) => {
      this.complaints.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
  }
}

/**
 * Starts a server and a browser for the tests of this file, and ends them after it.
 *
 * Call it before other hooks. `restarts`: the tests will stop the server and
 * start it again.
 */
export function useLinger({ restarts = false } = {}): Linger {
  const linger = new Linger(restarts)
  beforeAll(() => linger.start())
  afterEach(async ({ task }) => {
    const hasFailed = task.result?.state === 'fail'
    expect(await linger.closePages(hasFailed ? task.name : null)).toEqual([])
  })
  afterAll(() => linger.end())
  return linger
}

async function takePictures(contexts: BrowserContext[], test: string): Promise<void> {
  mkdirSync(FAILURES, { recursive: true })
  const pages = contexts.flatMap((context) => context.pages())
  const base = test.replaceAll(/[^\p{L}\p{N}]+/gu, '-').slice(0, 100)
  for (const [index, page] of pages.entries()) {
    // A page that cannot be pictured must not hide why the test failed.
    await page.screenshot({ path: join(FAILURES, `${base}-${index + 1}.png`), timeout: 10_000 }).catch(() => {})
  }
}
