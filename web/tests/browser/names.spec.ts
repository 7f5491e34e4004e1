// The second article's two clients, on a page of another origin, in the same lobby.
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { endsWith, serveElsewhere } from './harness/article'
import type { Elsewhere } from './harness/article'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'

const linger = useLinger()
const MESSAGES = '#messages > *'
const TIME = '2026-11-21 20:05:00'

const HALVES = [
  { half: 'polls', article: 'names-polling.html' },
  { half: 'waits', article: 'names-waiting.html' },
]

let elsewhere: Elsewhere | undefined
beforeAll(async () => {
  elsewhere = await serveElsewhere()
})
afterAll(() => elsewhere?.close())

test.each(HALVES)('two readers of the article talk, where it $half', async ({ article }) => {
  const one = await open(article)
  const other = await open(article)
  await say(one.page, '一')
  await endsWith(other.page, MESSAGES, [`${one.name}: 一`])
  await say(other.page, '二')
  for (const { page } of [one, other]) await endsWith(page, MESSAGES, [`${one.name}: 一`, `${other.name}: 二`])
  expect(await one.page.locator(MESSAGES).last().getAttribute('title')).toBe(TIME)
})

test.each(HALVES)('the article and the page are in one room, where it $half', async ({ article }) => {
  const reader = await open(article)
  const ann = await linger.open({ name: 'ann' })
  await ann.say('from the page <b>& more</b>')
  await endsWith(reader.page, MESSAGES, ['ann: from the page <b>& more</b>'])
  await say(reader.page, '来自文章 <img src=x>')
  await ann.endsWith(['from the page <b>& more</b>', '来自文章 <img src=x>'])
  expect(await ann.authorOf('来自文章 <img src=x>')).toBe(reader.name)
})

test.each(HALVES)('nothing that is said quickly is dropped, where it $half', async ({ article }) => {
  const reader = await open(article)
  const ann = await Person.arrive(linger.server.url, 'ann')
  const texts = Array.from({ length: 20 }, (_, index) => `quick ${index + 1}`)
  await ann.sayAll(texts)
  await endsWith(reader.page, MESSAGES, texts.map((text) => `ann: ${text}`))
})

test('each message has a tag of its own', async () => {
  const reader = await open('names-polling.html')
  await say(reader.page, 'with a tag')
  await endsWith(reader.page, MESSAGES, [`${reader.name}: with a tag`])
  const tags = await reader.page.locator(MESSAGES).evaluateAll((lines) => lines.map(({ id }) => id))
  expect(tags.at(-1)).toBe(reader.username.split('==')[1] + TIME)
})

test('a browser that asks first is told that any origin may send JSON', async () => {
  const reader = await open('names-waiting.html')
  for (const path of ['/get_name', '/send_message', '/get_all_message', '/get_new_message']) {
    const answer = await fetch(linger.server.url + path, {
      method: 'OPTIONS',
      headers: {
        Origin: urlElsewhere(),
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type',
      },
    })
    expect([path, answer.ok, answer.headers.get('access-control-allow-origin')]).toEqual([path, true, '*'])
    expect(answer.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('content-type')
  }
  // And a refusal can be read, too: the page is told what was wrong.
  const refused = await reader.page.evaluate(async (server) => {
    const answer = await fetch(`${server}/send_message`, { method: 'POST', body: '{' })
    return answer.json()
  }, linger.server.url)
  expect(refused).toMatchObject({ status: 0, error: expect.stringMatching(/./) })
})

function urlElsewhere(): string {
  if (!elsewhere) throw new Error('the other origin is not there')
  return elsewhere.url
}

interface Reader {
  page: Page
  username: string
  /** The username without its id. */
  name: string
}

async function open(article: string): Promise<Reader> {
  const page = await linger.openBlank()
  await page.goto(`${urlElsewhere()}/${article}?server=${linger.server.url}`)
  await expect.poll(() => page.locator('#username').innerText()).toMatch(/^.+==[0-9a-f-]{36}$/)
  const username = await page.locator('#username').innerText()
  return { page, username, name: username.split('==')[0] ?? '' }
}

/** Sends as the article's button does, and checks that the server took it. */
async function say(page: Page, text: string): Promise<void> {
  const answer = await page.evaluate(
    ([message, time]) => (window as unknown as { sendMessage: (...said: unknown[]) => unknown }).sendMessage(message, time),
    [text, TIME],
  )
  expect(answer).toEqual({ status: 1, error: '', message: '' })
}
