// Somebody loses the network for a while, and catches up.
import type { Route } from 'playwright-core'
import { expect, test } from 'vitest'
import { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import { Person, readLog } from './harness/person'

const linger = useLinger()

test('a person who was offline catches up by themselves: all, in order, once each', async () => {
  const ann = await linger.open({ name: 'ann' })
  const bob = await linger.open({ name: 'bob' })
  await ann.say('before')
  await bob.endsWith(['before'])

  await bob.context.setOffline(true)
  await bob.is('offline')
  expect(await bob.status()).toMatch(/^You are offline. What you write goes out later. as of \d+:\d+$/)
  const missed = ['one', 'two', 'three', 'two', 'four']
  for (const text of missed) await ann.say(text)
  await ann.endsWith(['before', ...missed])
  expect((await bob.texts()).at(-1)).toBe('before')

  await bob.context.setOffline(false)
  await bob.is('connected')
  await bob.shows(await ann.texts())
  await ann.say('after')
  await bob.endsWith([...missed, 'after'])
})

test('a message written offline is sent once, when the network is back', async () => {
  const ann = await linger.open({ name: 'ann' })
  const bob = await linger.open({ name: 'bob' })
  await bob.context.setOffline(true)
  await bob.is('offline')

  await bob.say('written offline')
  await bob.say('and another')
  await bob.page.getByText('Goes out when the network is back').first().waitFor()
  await ann.say('meanwhile')
  await ann.endsWith(['meanwhile'])
  expect(await ann.texts()).not.toContain('written offline')

  await bob.context.setOffline(false)
  await bob.endsWith(['meanwhile', 'written offline', 'and another'])
  await ann.endsWith(['meanwhile', 'written offline', 'and another'])
  const log = await readLog(linger.server.url)
  expect(log.slice(-3)).toEqual(['meanwhile', 'written offline', 'and another'])
})

test('a message written offline survives a reload', async () => {
  const ann = await linger.open({ name: 'ann' })
  const bob = await linger.open({ name: 'bob' })
  // The network must let the page itself load again, but nothing of the API.
  await bob.page.route('**/messages/*', (route) => route.abort('internetdisconnected'))
  await bob.say('written before the reload')
  await expect.poll(() => bob.line('written before the reload').getAttribute('data-state')).toBe('waiting')

  await bob.page.unrouteAll({ behavior: 'wait' })
  await bob.reload()
  await bob.endsWith(['written before the reload'])
  await ann.endsWith(['written before the reload'])
  const log = await readLog(linger.server.url)
  expect(log.filter((text) => text === 'written before the reload')).toHaveLength(1)
})

test('a person who missed more than one page of news catches up completely', async () => {
  const bob = await linger.open({ name: 'bob' })
  const before = await bob.texts()
  await bob.context.setOffline(true)
  await bob.is('offline')
  const texts = Array.from({ length: 320 }, (_, index) => `news ${index + 1}`)
  const ann = await Person.arrive(linger.server.url, 'ann')
  const cleo = await Person.arrive(linger.server.url, 'cleo')
  await ann.sayAll(texts.slice(0, 160))
  await cleo.sayAll(texts.slice(160))

  await bob.context.setOffline(false)
  await bob.endsWith(texts.slice(-100))
  // A page keeps what is near the reader; going up reads the others again.
  const seen = new Set<string>()
  const missing = async () => {
    const here = await bob.texts()
    const news = here.filter((text) => texts.includes(text))
    const first = texts.indexOf(news[0] ?? '')
    expect(news).toEqual(texts.slice(first, first + news.length))
    for (const text of here) seen.add(text)
    await bob.page.locator('.scroller').press('Home')
    return [...before, ...texts].filter((text) => !seen.has(text))
  }
  await expect.poll(missing).toEqual([])
})

test('a page whose cookie is lost on the way makes one guest, says why, and recovers', async () => {
  const context = await linger.newContext({ viewport: { width: 390, height: 844 } })
  // The engine lives in the page then, where its requests can be caught.
  await context.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'))
  await context.request.post(`${linger.server.url}/api/v1/guests`, { data: { name: 'ann' } })
  const ann = new Chat(context, await context.newPage())
  await ann.visit(linger.server.url)
  let guests = 0
  await ann.page.route('**/api/v1/me', refuseToken)
  await ann.page.route('**/api/v1/events?*', refuseToken)
  await ann.page.route('**/api/v1/guests', (route) => {
    guests += 1
    return route.continue()
  })
  // The held request has begun already; this one begins anew.
  await ann.page.evaluate(() => window.dispatchEvent(new Event('online')))
  await ann.page.getByText('The server does not recognize this browser').waitFor()
  for (let request = 0; request < 3; request += 1) {
    await ann.page.waitForResponse((response) => response.url().includes('/events') && response.status() === 401)
  }
  expect(guests).toBe(1)

  await ann.page.unrouteAll({ behavior: 'wait' })
  await ann.page.evaluate(() => window.dispatchEvent(new Event('online')))
  await ann.say('here again')
  await ann.endsWith(['here again'])
  await ann.is('connected')
})

function refuseToken(route: Route): Promise<void> {
  return route.fulfill({ status: 401, json: { status: 401, code: 'unknown_token' } })
}
