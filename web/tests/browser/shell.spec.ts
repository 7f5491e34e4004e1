// The page without a network, and how it calls somebody who looks elsewhere.
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'

const linger = useLinger({ restarts: true })

it('a page that was here before opens without the server, and goes on when it is back', async () => {
  const chat = await linger.open({ name: 'ann' })
  await chat.page.evaluate(() => navigator.serviceWorker.ready)
  // The next load is the worker's to keep.
  await chat.reload()
  await linger.server.kill()
  await chat.page.reload()
  await chat.page.locator('#composer').waitFor()
  await chat.say('said while the server is away')
  await linger.server.start()
  await expect.poll(() => chat.page.locator('.said:not(.is-pending)', { hasText: 'said while' }).count()).toBe(1)
})

it('the API never passes through the worker', async () => {
  const chat = await linger.open({ name: 'ann' })
  await chat.page.evaluate(() => navigator.serviceWorker.ready)
  await chat.reload()
  const answers: string[] = []
  chat.page.on('response', (answer) => answer.fromServiceWorker() && answers.push(new URL(answer.url()).pathname))
  await chat.reload()
  await chat.say('hello')
  await expect.poll(() => answers.some((path) => path.startsWith('/assets/'))).toBe(true)
  expect(answers.filter((path) => path.startsWith('/api/'))).toEqual([])
})

it('somebody who looks elsewhere is called once, by one tab, if they chose so', async () => {
  const chat = await linger.open({ name: 'ann', permissions: ['notifications'] })
  await chat.say('here I am')
  await expect.poll(() => chat.page.locator('.said', { hasText: 'here I am' }).count()).toBe(1)
  await chat.context.addInitScript(record)
  const tabs = [chat.page, await chat.context.newPage()]
  for (const tab of tabs) await tab.goto(`${linger.server.url}/settings`)
  const bob = await Person.arrive(linger.server.url, 'bob')
  await bob.say('not called for: nobody chose it')
  await choose(tabs)
  await bob.say('are you there?')
  await expect.poll(() => calls(tabs)).toEqual([['bob in lobby', 'are you there?']])
  await bob.say('and now?')
  await expect.poll(() => calls(tabs)).toEqual([
    ['bob in lobby', 'are you there?'],
    ['bob in lobby', 'and now?'],
  ])
})

async function choose([tab]: Page[]): Promise<void> {
  await tab?.getByLabel('Show a notification').check()
}

async function calls(tabs: Page[]): Promise<string[][]> {
  const ofEach = await Promise.all(tabs.map((tab) => tab.evaluate(() => window.calls)))
  // In the order in which they came, whichever tab called.
  return ofEach.flat().sort(([, , one = 0], [, , other = 0]) => Number(one) - Number(other)).map(([title = '', body = '']) => [title, body])
}

declare global {
  interface Window {
    calls: string[][]
  }
}

/** Runs in the page: keeps what would be shown by the system. */
function record(): void {
  window.calls = []
  // The first page of a tab is empty and has none.
  if (!('serviceWorker' in navigator)) return
  ServiceWorkerRegistration.prototype.showNotification = (title, options) => {
    window.calls.push([title, options?.body ?? '', String(Date.now())])
    return Promise.resolve()
  }
}
