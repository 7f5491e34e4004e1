// The server's HTML is there before the script, and the script takes it over in its place.
import { beforeAll, expect, test } from 'vitest'
import { Chat } from './harness/chat'
import { Gate } from './harness/gate'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'

const linger = useLinger()
const TEXTS = Array.from({ length: 60 }, (_, index) => `said ${index + 1}${index % 7 === 0 ? '\nin two lines' : ''}`)

beforeAll(async () => {
  const bob = await Person.arrive(linger.server.url, 'bob')
  await bob.sayAll(TEXTS)
})

const SIZES = [
  { size: 'on a desk', viewport: { width: 1200, height: 800 }, locale: 'en-GB' },
  { size: 'on a phone', viewport: { width: 390, height: 844 }, locale: 'en-GB' },
  { size: 'on a desk, in Chinese', viewport: { width: 1200, height: 800 }, locale: 'zh-CN' },
]

test.each(SIZES)('messages are read before the script, and none moves when it comes, $size', async ({ viewport, locale }) => {
  const context = await linger.newContext({ viewport, locale, timezoneId: 'UTC' })
  const ann = new Chat(context, await context.newPage())
  const gate = new Gate()
  await ann.page.route('**/assets/index-*.js', async (route) => {
    await gate.opened
    await route.continue()
  })
  await ann.page.goto(`${linger.server.url}/r/lobby`, { waitUntil: 'commit' })
  await expect.poll(() => ann.texts()).toEqual(TEXTS.slice(-50))
  await ann.composer.fill('typed before the script')
  const before = await places(ann)

  gate.open()
  await ann.page.locator('[data-v-app]').waitFor()
  expect(await ann.composer.inputValue()).toBe('typed before the script')
  expect(await places(ann)).toEqual(before)
  await ann.isReady()
  expect(await places(ann)).toEqual(before)
})

test('a reader who has scrolled up before the script came stays there', async () => {
  const context = await linger.newContext()
  const ann = new Chat(context, await context.newPage())
  const gate = new Gate()
  await ann.page.route('**/assets/index-*.js', async (route) => {
    await gate.opened
    await route.continue()
  })
  await ann.page.goto(`${linger.server.url}/r/lobby`, { waitUntil: 'commit' })
  await ann.page.locator('#m40').evaluate((said) => said.scrollIntoView({ block: 'start' }))
  const top = () => ann.page.locator('#m40').evaluate((said) => said.getBoundingClientRect().top)
  const before = await top()
  gate.open()
  await ann.isReady()
  expect(Math.abs((await top()) - before)).toBeLessThan(2)
})

/** Returns where each message and the field stand, in whole px. */
function places({ page }: Chat): Promise<string[]> {
  return page.evaluate(() => {
    return [...document.querySelectorAll('.said[id] .text, #composer')].map((element) => {
      const { left, top, width } = element.getBoundingClientRect()
      return `${element.parentElement?.id || element.id} ${Math.round(left)} ${Math.round(top)} ${Math.round(width)}`
    })
  })
}
