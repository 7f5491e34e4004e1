// Linger's page in one browser, as somebody sees and uses it.
//
// Made by `useLinger().open`. It acts and looks as a person does; the
// expectations stand in the tests.
import type { BrowserContext, Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Connection } from '../../../src/wire/protocol'

export class Chat {
  readonly composer: Locator

  constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    this.composer = page.locator('#composer')
  }

  /** Opens the page, and waits until one can talk. */
  async visit(url: string): Promise<void> {
    await this.page.goto(url)
    await this.isReady()
  }

  async reload(): Promise<void> {
    await this.page.reload()
    await this.isReady()
  }

  async isReady(): Promise<void> {
    await this.is('connected')
    await this.page.locator('.my-name, .read-only').first().waitFor({ state: 'attached' })
    await this.page.locator('[role=log], .welcome').first().waitFor()
  }

  /** Waits for a state of the connection. */
  async is(connection: Connection): Promise<void> {
    await this.page.locator(`.strip[data-connection=${connection}]`).waitFor({ timeout: 60_000 })
  }

  /** Writes `text` and presses Enter. */
  async say(text: string): Promise<void> {
    await this.composer.fill(text)
    await this.composer.press('Enter')
  }

  /** Goes to the settings, changes the name, and comes back. */
  async rename(name: string): Promise<void> {
    const back = this.page.url()
    await this.page.getByRole('link', { name: /^(Change name|改名)$/ }).click()
    await this.page.locator('#my-name').fill(name)
    await this.page.locator('#my-name').press('Enter')
    await expect.poll(() => this.name()).toBe(name)
    await this.page.goBack()
    await expect.poll(() => this.page.url()).toBe(back)
  }

  name(): Promise<string> {
    return this.page.locator('.my-name').innerText()
  }

  /** Returns what is said about the connection: the trouble, if there is any, and how it stands. */
  async status(): Promise<string> {
    const parts = await this.page.locator('.strip :is([role=status], .state)').allInnerTexts()
    return parts.filter((part) => part !== '').join(' ')
  }

  /** Returns the texts of all messages in the transcript, from the top down; a paragraph is a line. */
  texts(): Promise<string[]> {
    return this.page.evaluate(() => {
      const texts = [...document.querySelectorAll('.said .text')]
      return texts.map((text) => [...text.querySelectorAll('p[dir]')].map((line) => line.textContent ?? '').join('\n'))
    })
  }

  /** Returns the texts of the messages that are wholly in sight. */
  inSight(): Promise<string[]> {
    return this.page.evaluate(() => {
      const view = document.querySelector('.scroller')?.getBoundingClientRect() ?? new DOMRect()
      const isInside = ({ top, bottom }: DOMRect) => top >= view.top && bottom <= view.bottom
      const texts = [...document.querySelectorAll('.said .text')].filter((text) => isInside(text.getBoundingClientRect()))
      return texts.map((text) => [...text.querySelectorAll('p[dir]')].map((line) => line.textContent ?? '').join('\n'))
    })
  }

  /** Sends another text in the place of the one that is being changed. */
  async rewrite(before: string, after: string): Promise<void> {
    // The page puts the caret behind the text. Before that, what is typed would come to stand there.
    const place = () => this.composer.evaluate((field: HTMLTextAreaElement) => [field.value, field.selectionStart, document.activeElement === field])
    await expect.poll(place).toEqual([before, before.length, true])
    await this.composer.fill(after)
    await this.composer.press('Enter')
  }

  /** Waits until exactly these messages are there, in this order, and all acknowledged. */
  async shows(texts: readonly string[]): Promise<void> {
    await expect.poll(() => this.texts()).toEqual(texts)
    await expect.poll(() => this.page.locator('.said[data-state]').count()).toBe(0)
  }

  /** Waits until these messages are the last ones, in this order, and all acknowledged. */
  async endsWith(texts: readonly string[]): Promise<void> {
    await expect.poll(async () => (await this.texts()).slice(-texts.length)).toEqual(texts)
    await expect.poll(() => this.page.locator('.said[data-state]').count()).toBe(0)
  }

  /** Returns the line with exactly this text. */
  line(text: string): Locator {
    return this.page.locator('.said').filter({ has: this.page.getByText(text, { exact: true }) })
  }

  /** Opens the menu of the first message with this text; by a finger that stays on it, or by the mouse. */
  async openMenu(text: string, isByFinger = false): Promise<void> {
    // A quote has the same text, and comes later.
    const line = this.line(text).first()
    if (isByFinger) await this.pressLong(line)
    else {
      await line.hover()
      await line.getByRole('button', { name: /^(More|更多)$/ }).click()
      await this.page.getByRole('menu').waitFor()
    }
  }

  private async pressLong(line: Locator): Promise<void> {
    await line.scrollIntoViewIfNeeded()
    const box = await line.locator('p[dir]').first().boundingBox()
    const finger = await this.context.newCDPSession(this.page)
    const at = { x: (box?.x ?? 0) + 20, y: (box?.y ?? 0) + 10 }
    await finger.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [at] })
    await this.page.getByRole('menu').waitFor()
    await finger.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
    await finger.detach()
  }

  /** Returns the name that stands over the newest line with this text. */
  authorOf(text: string): Promise<string> {
    const group = this.page.locator('.group').filter({ has: this.page.getByText(text, { exact: true }) })
    return group.last().locator('.by .name bdi').innerText()
  }

  /** Waits until nothing moves any more: no animation, no scrolling. */
  async isStill(): Promise<void> {
    await this.page.evaluate(async () => {
      const scroller = document.querySelector('.scroller')
      for (let stillFrames = 0, top = -1; stillFrames < 6; stillFrames += 1) {
        const isMoving = document.getAnimations().some(({ playState, effect }) => {
          // The held line breathes for ever.
          return playState === 'running' && effect?.getTiming().iterations !== Infinity
        })
        const now = scroller?.scrollTop ?? 0
        if (isMoving || now !== top) stillFrames = 0
        top = now
        await new Promise(requestAnimationFrame)
      }
    })
  }
}
