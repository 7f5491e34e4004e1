// The server goes away, politely or not, and comes back with the same log.
import type { Route } from 'playwright-core'
import { expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import { readLog } from './harness/person'

const linger = useLinger({ restarts: true })

test('a restarted server finds its pages again, with nothing lost and nothing doubled', async () => {
  const { ann, bob, before } = await openBoth()
  await ann.say('before the restart')
  await bob.endsWith(['before the restart'])

  expect(await linger.server.stop()).toBe(0)
  for (const chat of [ann, bob]) {
    await chat.is('reconnecting')
    expect(await chat.status()).toMatch(/^The server does not answer. What you write goes out later. as of \d+:\d+/)
  }
  await ann.say('said to nobody yet')
  await ann.page.getByText('Goes out when the network is back').waitFor()
  await linger.server.start()

  await bothShow(ann, bob, [...before, 'before the restart', 'said to nobody yet'])
  await bob.say('welcome back')
  await bothShow(ann, bob, [...before, 'before the restart', 'said to nobody yet', 'welcome back'])
})

test('a message whose answer died with the server is sent again, and stored once', async () => {
  const { ann, bob, before } = await openBoth()
  const loseAnswer = async (route: Route) => {
    const answer = await route.fetch()
    expect(answer.status()).toBe(201)
    await linger.server.kill()
    await route.abort('connectionreset')
  }
  await ann.page.route('**/rooms/lobby/messages/*', loseAnswer, { times: 1 })

  await ann.say('stored, unanswered')
  await ann.is('reconnecting')
  await linger.server.start()

  await bothShow(ann, bob, [...before, 'stored, unanswered'])
})

test('a message that the server died of before reading it is sent again', async () => {
  const { ann, bob, before } = await openBoth()
  linger.server.freeze()
  const sent = ann.page.waitForRequest((request) => request.method() === 'PUT')
  await ann.say('never read')
  await sent
  await expect.poll(() => ann.line('never read').getAttribute('data-state')).toBe('sending')
  await linger.server.kill()
  await ann.is('reconnecting')
  await linger.server.start()

  await bothShow(ann, bob, [...before, 'never read'])
})

test('a server killed in the middle of many messages loses and doubles none', async () => {
  const { ann, bob, before } = await openBoth()
  const texts = Array.from({ length: 20 }, (_, index) => `of many ${index + 1}`)
  for (const text of texts) await ann.say(text)
  await expect.poll(() => bob.texts()).toContain('of many 3')
  await linger.server.kill()
  await linger.server.start()

  await bothShow(ann, bob, [...before, ...texts])
})

async function openBoth(): Promise<{ ann: Chat; bob: Chat; before: string[] }> {
  const ann = await linger.open({ name: 'ann' })
  const bob = await linger.open({ name: 'bob' })
  return { ann, bob, before: await readLog(linger.server.url) }
}

async function bothShow(ann: Chat, bob: Chat, texts: string[]): Promise<void> {
  for (const chat of [ann, bob]) {
    await chat.shows(texts)
    await chat.is('connected')
  }
  expect(await readLog(linger.server.url)).toEqual(texts)
}
