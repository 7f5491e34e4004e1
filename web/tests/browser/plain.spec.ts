// The page over plain HTTP under a name that is not localhost: what browsers withhold is not offered, and the rest works.
import { beforeEach, expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { Drawer } from './harness/drawer'
import { useLinger } from './harness/linger'
import { Tabs } from './harness/tabs'
import { readLog } from './harness/person'

const linger = useLinger()
let ann: Chat

beforeEach(async () => {
  ann = await linger.open({ url: linger.server.plainUrl })
})

/** Returns which of the things that need a secure origin this page has. */
function offered({ page }: Chat): Promise<Record<string, boolean>> {
  return page.evaluate(() => ({
    secure: isSecureContext,
    serviceWorker: 'serviceWorker' in navigator,
    clipboard: 'clipboard' in navigator,
    locks: 'locks' in navigator,
    randomUUID: 'randomUUID' in crypto,
  }))
}

test('the browser withholds what it withholds from plain HTTP, or these tests prove nothing', async () => {
  expect(await offered(ann)).toEqual({ secure: false, serviceWorker: false, clipboard: false, locks: false, randomUUID: false })
})

test('notifications are not offered, and the sound is', async () => {
  await ann.page.goto(`${linger.server.plainUrl}/settings`)
  await ann.page.getByLabel('Play two soft notes').waitFor()
  expect(await ann.page.locator('.choice input').count()).toBe(1)
  // The same page offers both where the browser gives them.
  await ann.page.goto(`${linger.server.url}/settings`)
  await ann.page.getByLabel('Show a notification').waitFor()
})

test('nothing is installed, nothing offers it, and nothing is complained of', async () => {
  await ann.say('without a worker')
  await ann.endsWith(['without a worker'])
  const cdp = await ann.context.newCDPSession(ann.page)
  const { installabilityErrors } = await cdp.send('Page.getInstallabilityErrors')
  expect(installabilityErrors.map(({ errorId }) => errorId)).toContain('not-from-secure-origin')
  expect(await ann.page.getByText(/install/i).count()).toBe(0)
})

/** Pastes into the field to write, as Ctrl+V does, and returns what came. */
async function pasted({ composer }: Pick<Chat, 'composer'>): Promise<string> {
  await composer.fill('')
  await composer.press('Control+v')
  return composer.inputValue()
}

test('a link is copied by the older way, and the focus stays where it was', async () => {
  await ann.say('somebody is here')
  await ann.page.locator('.people-count').click()
  const invite = ann.page.locator('.invite button')
  await invite.focus()
  await ann.page.keyboard.press('Enter')
  await ann.page.getByText('Link copied').waitFor()
  expect(await invite.evaluate((button) => document.activeElement === button)).toBe(true)
  expect(await pasted(ann)).toBe(`${linger.server.plainUrl}/r/lobby`)
})

test('a line for the shell is copied by the older way; where nothing can be copied, it is selected for copying by hand', async () => {
  const drawer = await Drawer.at(ann.page, `${linger.server.plainUrl}/r/lobby`)
  const line = drawer.root.locator('.look code').first()
  const copy = drawer.root.locator('.look .tool').first()
  await drawer.root.getByRole('button', { name: 'Stand still' }).click()
  await copy.click()
  await drawer.root.getByText('Copied').first().waitFor()
  expect(await pasted(ann)).toBe(await line.innerText())

  await ann.page.evaluate(() => (document.execCommand = () => false))
  await copy.click()
  await expect.poll(() => ann.page.evaluate(() => getSelection()?.toString())).toBe(await line.innerText())
})

test('a text gets an id without randomUUID, and is sent once', async () => {
  for (const text of ['plain one', 'plain two']) await ann.say(text)
  await ann.endsWith(['plain one', 'plain two'])
  expect((await readLog(linger.server.url)).filter((text) => text.startsWith('plain '))).toEqual(['plain one', 'plain two'])
})

/** Returns the holder of the lease, as each tab reads it. */
function leases({ all }: Tabs): Promise<(string | null)[]> {
  return Promise.all(all.map(({ page }) => page.evaluate(() => localStorage.getItem('linger.engine'))))
}

test('without Web Locks a lease finds one engine for all tabs; with SharedWorker there is no need of one', async () => {
  const url = `${linger.server.plainUrl}/r/lobby`
  const byLease = await Tabs.open(linger, 2, url, 'without SharedWorker')
  const [first, second] = await leases(byLease)
  expect(first).toMatch(/./)
  expect(second).toBe(first)
  const byWorker = await Tabs.open(linger, 2, url)
  expect(await leases(byWorker)).toEqual([null, null])
  await byWorker.all[0]?.say('from a plain tab')
  for (const tabs of [byLease, byWorker]) await tabs.allEndWith(['from a plain tab'])
  // Three browsers, and no more held requests than these.
  await expect.poll(() => linger.server.held()).toBe(3)
})
