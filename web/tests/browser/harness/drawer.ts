// The wire drawer in one browser, as somebody sees and uses it.
//
// Made by the tests of the drawer and of /how. It opens, looks and presses; the
// expectations stand in the tests.
import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Mode } from '../../../src/wire/protocol'
import type { Linger, OpenOptions } from './linger'
import { picture } from './sight'

export class Drawer {
  readonly root: Locator
  readonly rows: Locator

  private constructor(readonly page: Page) {
    this.root = page.locator('.wire')
    this.rows = page.locator('.requests li')
  }

  /** Opens a page at `path` in a browser of its own, as a new guest, and the drawer if it is not there. */
  static async open(linger: Linger, path: string, { name, url = linger.server.url, ...options }: OpenOptions = {}): Promise<Drawer> {
    const context = await linger.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    if (name !== undefined) await context.request.post(`${url}/api/v1/guests`, { data: { name } })
    const page = await context.newPage()
    return Drawer.at(page, url + path)
  }

  static async at(page: Page, address: string): Promise<Drawer> {
    await page.goto(address)
    const drawer = new Drawer(page)
    if (!address.endsWith('/how')) await page.locator('button.state').click()
    await drawer.root.waitFor()
    await drawer.rows.first().waitFor()
    return drawer
  }

  async say(text: string): Promise<void> {
    await this.page.locator('#composer').fill(text)
    await this.page.locator('#composer').press('Enter')
  }

  async choose(mode: Mode): Promise<void> {
    await this.root.locator(`.segments label:has([value=${mode}])`).click()
  }

  async setInterval(seconds: number): Promise<void> {
    await this.root.locator('.interval').selectOption(String(seconds))
  }

  async turnWeather(): Promise<void> {
    await this.root.getByRole('switch').click()
  }

  stand(): Promise<string> {
    return this.root.locator('.stand').innerText()
  }

  proof(): Promise<string> {
    return this.root.locator('.proof').innerText()
  }

  /** Returns `lost 0 · doubled 0`. */
  async counters(): Promise<string> {
    return (await this.root.locator('.clean').innerText()).split('\n')[0]?.replace(/ of .*/, '') ?? ''
  }

  /** Returns the cells of the totals, by the names of their lines. */
  totals(): Promise<string[][]> {
    return this.root.locator('.totals tbody tr').evaluateAll((lines) =>
      lines.map((line) => [...line.querySelectorAll('th, td')].map((cell) => cell.textContent?.trim() ?? '')),
    )
  }

  /** Picks a row, and returns the lines for a shell: the request, and how to get its token if it needs one. */
  async curl(row: Locator): Promise<string[]> {
    await row.locator('.what').click()
    return this.root.locator('.look code').allInnerTexts()
  }

  picture(name: string): Promise<void> {
    return picture(this.page, name)
  }
}

/** Waits until the texts that are heard in the room end with these. */
export async function endsWith(page: Page, texts: readonly string[]): Promise<void> {
  const said = async () => (await page.locator('.said .text').allInnerTexts()).map((text) => text.trim()).slice(-texts.length)
  await expect.poll(said).toEqual(texts)
}
