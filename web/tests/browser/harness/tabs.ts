// Several tabs of one browser, of one person.
//
// Called by the tests of what tabs share. Each tab knows its process, so that a
// test can kill it or make it stand still.
import type { BrowserContext, Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Linger } from './linger'

/** The ways from a tab to the engine, by what the browser is without. */
export const BROWSERS = {
  'with SharedWorker': [],
  'without SharedWorker': ['SharedWorker'],
  'without SharedWorker and Web Locks': ['SharedWorker', 'locks'],
} as const
export type BrowserKind = keyof typeof BROWSERS

export class Tab {
  readonly composer: Locator

  constructor(
    readonly page: Page,
    /** Its process; 0 where it shares that of another tab. */
    readonly process: number,
  ) {
    this.composer = page.locator('#composer')
  }

  async say(text: string): Promise<void> {
    await this.composer.fill(text)
    await this.composer.press('Enter')
  }

  /** Returns the texts of all messages, from the top down. */
  texts(): Promise<string[]> {
    return this.page.locator('.said .text > :first-child').allInnerTexts()
  }

  /** Waits until these are the last messages, in this order, and all acknowledged. */
  async endsWith(texts: readonly string[]): Promise<void> {
    await expect.poll(async () => (await this.texts()).slice(-texts.length)).toEqual(texts)
    await expect.poll(() => this.page.locator('.said[data-state]').count()).toBe(0)
  }

  /** Returns how the tabs have chosen the one with the engine; a SharedWorker needs no choice. */
  election(): Promise<'Web Locks' | 'a lease' | 'none'> {
    return this.page.evaluate(async () => {
      // Missing on plain HTTP.
      const locks = navigator.locks as LockManager | undefined
      const { held = [] } = (await locks?.query()) ?? {}
      if (held.length > 0) return 'Web Locks'
      return localStorage.getItem('linger.engine') === null ? 'none' : 'a lease'
    })
  }

  /** Says that the tab is hidden or seen, which a browser without a screen does not. */
  async isSeen(isSeen: boolean): Promise<void> {
    await this.page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, isSeen ? 'visible' : 'hidden')
  }

  async freeze(): Promise<void> {
    const session = await this.page.context().newCDPSession(this.page)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  }

  kill(): void {
    process.kill(this.process, 'SIGKILL')
  }

  standStill(): void {
    process.kill(this.process, 'SIGSTOP')
  }

  goOn(): void {
    process.kill(this.process, 'SIGCONT')
  }
}

export class Tabs {
  readonly all: Tab[] = []

  private constructor(
    private readonly linger: Linger,
    readonly context: BrowserContext,
    private readonly url: string,
  ) {}

  static async open(linger: Linger, count: number, url: string, kind: BrowserKind = 'with SharedWorker'): Promise<Tabs> {
    const missing: readonly string[] = BROWSERS[kind]
    const context = await linger.newContext({ sharedWorker: !missing.includes('SharedWorker') })
    if (missing.includes('locks')) await context.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'locks'))
    const tabs = new Tabs(linger, context, url)
    for (let opened = 0; opened < count; opened += 1) await tabs.openOne()
    return tabs
  }

  /** Opens one more tab, and waits until one can write there. */
  async openOne(): Promise<Tab> {
    const before = await this.linger.renderers()
    const page = await this.context.newPage()
    await page.goto(this.url)
    await page.locator('.strip[data-connection=connected]').waitFor()
    await page.locator('#composer').waitFor()
    const mine = (await this.linger.renderers()).find((id) => !before.includes(id))
    const tab = new Tab(page, mine ?? 0)
    this.all.push(tab)
    return tab
  }

  /** Waits until each tab ends with these messages. */
  async allEndWith(texts: readonly string[], tabs: readonly Tab[] = this.all): Promise<void> {
    for (const tab of tabs) await tab.endsWith(texts)
  }
}
