// A browser keeps: texts that are not sent, drafts, and who one is.
import { afterEach, expect, test } from 'vitest'
import { useLinger } from './harness/linger'
import { Person, readLog } from './harness/person'
import { Proxy } from './harness/proxy'
import { Tabs } from './harness/tabs'
import type { Tab } from './harness/tabs'

const linger = useLinger()
const proxies: Proxy[] = []

afterEach(() => proxies.splice(0).forEach((proxy) => proxy.stop()))

async function startProxy(): Promise<Proxy> {
  const proxy = await Proxy.start(linger.server.url, {})
  proxies.push(proxy)
  return proxy
}

async function openTwo(url = linger.server.url): Promise<{ tabs: Tabs; first: Tab; second: Tab }> {
  const tabs = await Tabs.open(linger, 2, `${url}/r/lobby`)
  const [first, second] = tabs.all
  if (!first || !second) throw new Error('no tabs')
  return { tabs, first, second }
}

const countOf = async (text: string) => (await readLog(linger.server.url)).filter((other) => other === text).length

test('what was written offline in a tab that is closed is sent once, in order, from another tab', async () => {
  const proxy = await startProxy()
  const { tabs, first, second } = await openTwo(proxy.url)
  proxy.goOffline()
  for (const text of ['one offline', 'two offline', 'three offline']) await first.say(text)
  await second.page.getByText('three offline', { exact: true }).waitFor()
  await first.page.close()
  proxy.goOnline()
  await tabs.allEndWith(['one offline', 'two offline', 'three offline'], [second])
  expect((await readLog(linger.server.url)).slice(-3)).toEqual(['one offline', 'two offline', 'three offline'])
})

test('a text is sent once when the tab’s process is killed right after Enter', async () => {
  const { first, second } = await openTwo()
  await first.say('killed after this')
  await expect.poll(() => first.composer.inputValue()).toBe('')
  first.kill()
  await second.endsWith(['killed after this'])
  expect(await countOf('killed after this')).toBe(1)
})

test('a text of days ago asks before it is sent, and is then sent once', async () => {
  const { tabs, first } = await openTwo()
  await first.page.evaluate(async () => {
    const request = indexedDB.open('linger')
    await new Promise((resolve) => (request.onsuccess = resolve))
    const me = (await fetch('/api/v1/me').then((answer) => answer.json())) as { user: { id: number } }
    const at = Date.now() - 3 * 86_400_000
    const entry = { requestId: 'of-days-ago', userId: me.user.id, room: 'lobby', text: 'of days ago', order: at, at, attempts: 4, state: 'waiting' }
    request.result.transaction('outbox', 'readwrite').objectStore('outbox').put(entry, entry.requestId)
  })
  const late = await tabs.openOne()
  const failed = late.page.locator('.said.failed', { hasText: 'of days ago' })
  await failed.waitFor()
  expect(await countOf('of days ago')).toBe(0)
  await failed.locator('button').first().click()
  await expect.poll(() => countOf('of days ago')).toBe(1)
  await late.endsWith(['of days ago'])
})

test('each tab keeps its own draft over a reload, and a closed tab’s draft comes to the next one', async () => {
  const { tabs, first, second } = await openTwo()
  await first.composer.fill('in the first')
  await second.composer.fill('in the second')
  await first.page.reload()
  await expect.poll(() => first.composer.inputValue()).toBe('in the first')
  expect(await second.composer.inputValue()).toBe('in the second')
  await second.page.close()
  const third = await tabs.openOne()
  await expect.poll(() => third.composer.inputValue()).toBe('in the second')
})

test('a new name in one tab is everywhere at once', async () => {
  const { first, second } = await openTwo()
  await first.page.evaluate(async () => {
    const init = { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: '{"name":"ann of all tabs"}' }
    await fetch('/api/v1/me', init)
  })
  for (const tab of [first, second]) await tab.page.locator('.my-name', { hasText: 'ann of all tabs' }).waitFor()
})

test('where cookies do not get through one is the same person in all tabs, may write, and is told', async () => {
  const proxy = await startProxy()
  proxy.habits.dropsCookies = true
  const { tabs, first, second } = await openTwo(proxy.url)
  await first.say('without a cookie')
  await second.say('me neither')
  await tabs.allEndWith(['without a cookie', 'me neither'])
  expect(await first.page.locator('.my-name').innerText()).toBe(await second.page.locator('.my-name').innerText())
  await first.page.getByText('This browser keeps nothing for Linger').waitFor()
  expect(proxy.passages.filter(({ line }) => line === 'POST /api/v1/guests')).toHaveLength(1)
})

test('where the server knows nobody again one guest is made, and no more', async () => {
  const proxy = await startProxy()
  Object.assign(proxy.habits, { dropsCookies: true, dropsTokens: true })
  const context = await linger.newContext({})
  const page = await context.newPage()
  await page.goto(`${proxy.url}/r/lobby`)
  await page.getByText('The server does not recognize this browser').waitFor()
  await page.reload()
  await page.getByText('The server does not recognize this browser').waitFor()
  expect(proxy.passages.filter(({ line }) => line === 'POST /api/v1/guests')).toHaveLength(1)
})

test('where nothing can be stored the page works for this visit, and says so in one sentence', async () => {
  const context = await linger.newContext({})
  await context.addInitScript(() => {
    const denial = new DOMException('denied', 'SecurityError')
    for (const name of ['indexedDB', 'localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, {
        get() {
          throw denial
        },
      })
    }
    Reflect.deleteProperty(window, 'SharedWorker')
  })
  const page = await context.newPage()
  await page.goto(`${linger.server.url}/r/lobby`)
  await page.getByText('This browser keeps nothing for Linger').waitFor()
  await page.locator('#composer').fill('stored nowhere')
  await page.locator('#composer').press('Enter')
  await expect.poll(() => countOf('stored nowhere')).toBe(1)
  const ann = await Person.arrive(linger.server.url, 'ann')
  await ann.say('heard all the same')
  await page.getByText('heard all the same').first().waitFor()
})
