// The server's HTML is there before the script, and the script takes it over in its place.
import { beforeAll, expect, test } from 'vitest'
import { Chat } from './harness/chat'
import { Gate } from './harness/gate'
import { useLinger } from './harness/linger'
import type { OpenOptions } from './harness/linger'
import { Person } from './harness/person'
import { png, silence } from './harness/pictures'

const linger = useLinger()
const TEXTS = Array.from({ length: 60 }, (_, index) => `said ${index + 1}${index % 7 === 0 ? '\nin two lines' : ''}`)

beforeAll(async () => {
  const bob = await Person.arrive(linger.server.url, 'bob')
  await bob.sayAll(TEXTS)
})

/** Opens a page as the server sends it, and waits until it is whole and a reader sees it: its script waits until the gate is opened. */
async function openBeforeScript(path: string, options: OpenOptions = {}): Promise<{ ann: Chat; gate: Gate }> {
  const context = await linger.newContext(options)
  const ann = new Chat(context, await context.newPage())
  const gate = new Gate()
  await ann.page.route('**/assets/index-*.js', async (route) => {
    await gate.opened
    await route.continue()
  })
  await ann.page.goto(`${linger.server.url}${path}`, { waitUntil: 'commit' })
  // Before its styles are there nothing is painted, and has places all the same, which are others.
  await ann.page.waitForFunction(() => document.readyState !== 'loading' && performance.getEntriesByName('first-contentful-paint').length > 0)
  return { ann, gate }
}

const SIZES = [
  { size: 'on a desk', viewport: { width: 1200, height: 800 }, locale: 'en-GB' },
  { size: 'on a phone', viewport: { width: 390, height: 844 }, locale: 'en-GB' },
  { size: 'on a desk, in Chinese', viewport: { width: 1200, height: 800 }, locale: 'zh-CN' },
]

test.each(SIZES)('messages are read before the script, and none moves when it comes, $size', async ({ viewport, locale }) => {
  const { ann, gate } = await openBeforeScript('/r/lobby', { viewport, locale, timezoneId: 'UTC' })
  await expect.poll(() => ann.texts()).toEqual(TEXTS.slice(-50))
  await ann.composer.fill('typed before the script')
  const before = await places(ann)

  gate.open()
  await ann.page.locator('[data-v-app]').waitFor()
  expect(await ann.composer.inputValue()).toBe('typed before the script')
  expect(await places(ann)).toEqual(before)
  await ann.isReady()
  expect(await places(ann)).toEqual(before)
  // A name that is too long for its place makes nothing higher, either.
  await ann.page.locator('.composer .name bdi').evaluateAll((names) => names.forEach((name) => (name.textContent = 'Early and Thoughtful Capybara')))
  expect(await places(ann)).toEqual(before)
})

/** Does to messages all that makes a row higher, or a text longer. */
async function talk(room: string): Promise<void> {
  const bob = await Person.arrive(linger.server.url, 'bob')
  await bob.openRoom(room)
  const first = await bob.say('the kettle is on', room)
  const answer = await bob.say('two cups', room, { reply_to: first.id })
  await bob.call('PATCH', `/messages/${answer.id}`, { text: 'three cups' })
  const gone = await bob.say('gone', room)
  await bob.say('to what is gone', room, { reply_to: gone.id })
  await bob.call('DELETE', `/messages/${gone.id}`)
  for (const emoji of ['🍵', '👍']) await bob.call('PUT', `/messages/${first.id}/reactions/${encodeURIComponent(emoji)}`)
  await bob.say('> a quote\n\n```js\nlet cups = 3\n```\n**and** ||more||', room, { format: 'markdown' })
  const files = [await bob.sendFile('pier.png', png(600, 400)), await bob.sendFile('list.txt', Buffer.from('Sencha, Assam'))]
  await bob.say('', room, { files: files.map(({ id }) => id) })
  const more = [png(300, 900), png(90, 30), silence(1)].map((bytes, at) => bob.sendFile(at === 2 ? 'kettle.wav' : `cup${at}.png`, bytes))
  const [high, small, sound] = await Promise.all(more)
  const played = await bob.say('with **pictures**', room, { format: 'markdown', files: [high?.id, small?.id, sound?.id] })
  await bob.say('to the pictures', room, { reply_to: played.id })
}

test.each(SIZES)('answers, edits, deletions, files and reactions stay where they are, $size', async ({ size, viewport, locale }) => {
  const room = `deeds-${SIZES.findIndex((it) => it.size === size)}`
  await talk(room)
  const { ann, gate } = await openBeforeScript(`/r/${room}`, { viewport, locale, timezoneId: 'UTC' })
  await ann.page.locator('.reaction').first().waitFor()
  await ann.page.locator('.edited').waitFor()
  const before = await rows(ann)
  gate.open()
  await ann.isReady()
  expect(await rows(ann)).toEqual(before)
})

test.each(SIZES)('the rooms, the head and people of any script stay where they are, $size', async ({ size, viewport, locale }) => {
  const room = `calm-${SIZES.findIndex((it) => it.size === size)}`
  const people = await Promise.all(['ann', '爽朗的海豹', 'دفنة'].map((name) => Person.arrive(linger.server.url, name)))
  await people[0]?.openRoom(room, { topic: 'Leaves, water, waiting.' })
  for (const person of people) {
    await person.say('https://tea.example/ and a line that is long enough to go on in the next one, somewhere.\n\nשלום', room)
  }
  const { ann, gate } = await openBeforeScript(`/r/${room}`, { viewport, locale })
  const before = await landmarks(ann)
  expect(Object.keys(before).length).toBeGreaterThan(12)
  gate.open()
  await ann.isReady()
  expect(await landmarks(ann)).toEqual(before)
})

test.each(SIZES)('the open rooms are there all the time, in their place, $size', async ({ size, viewport, locale }) => {
  const bob = await Person.arrive(linger.server.url, 'bob')
  await bob.openRoom(`tea-${SIZES.findIndex((it) => it.size === size)}`, { name: '茶 and biscuits', topic: 'Leaves, water, waiting.' })
  const { ann, gate } = await openBeforeScript('/rooms', { viewport, locale })
  const before = await landmarks(ann)
  expect(Object.keys(before).filter((part) => part.startsWith('.room-row')).length).toBeGreaterThan(1)
  // Each change of the page is looked at, as a reader's eye does.
  await ann.page.evaluate(() => {
    const app = document.getElementById('app') as HTMLElement
    new MutationObserver(() => app.querySelector('.room-row') ?? app.classList.add('had-none')).observe(app, { childList: true, subtree: true })
  })
  gate.open()
  await ann.page.getByRole('button', { name: /^(Open a room|新建房间)/ }).last().waitFor()
  expect(await landmarks(ann)).toEqual(before)
  expect(await ann.page.locator('.had-none').count()).toBe(0)
})

test('a reader who has scrolled up before the script came stays there', async () => {
  const { ann, gate } = await openBeforeScript('/r/lobby')
  await ann.page.locator('#m40').evaluate((said) => said.scrollIntoView({ block: 'start' }))
  const top = () => ann.page.locator('#m40').evaluate((said) => said.getBoundingClientRect().top)
  const before = await top()
  gate.open()
  await ann.isReady()
  expect(Math.abs((await top()) - before)).toBeLessThan(2)
})

/** Returns where all that is beside texts stands, and the texts, to a tenth of a px. */
function rows({ page }: Chat): Promise<string[]> {
  return page.evaluate(() => {
    return [...document.querySelectorAll('.said[id], .said .text > *, .reaction .emoji, .files *')].map((element) => {
      const { left, top, width, height } = element.getBoundingClientRect()
      const [x, y, w, h] = [left, top, width, height].map((side) => Math.round(side * 10) / 10)
      return `${element.closest('.said')?.id} ${element.className} ${x} ${y} ${w} ${h}`
    })
  })
}

/** Returns where each message and the field stand, in whole px. */
function places({ page }: Chat): Promise<string[]> {
  return page.evaluate(() => {
    return [...document.querySelectorAll('.said[id] .text, #composer')].map((element) => {
      const { left, top, width } = element.getBoundingClientRect()
      return `${element.parentElement?.id || element.id} ${Math.round(left)} ${Math.round(top)} ${Math.round(width)}`
    })
  })
}

/** Returns where the parts that the server and the script both draw stand, in whole px; of a line only its beginning, for tools come beside it. */
function landmarks({ page }: Chat): Promise<Record<string, number[]>> {
  return page.evaluate(() => {
    const lines = ['.wordmark', '.room-link', 'h1', '.topic', '.hint', '.room-row', '.day', '.name']
    const boxes = ['.rail', '.head', '.said p', '.avatar', '.composer textarea', '.send']
    const found: Record<string, number[]> = {}
    for (const part of [...lines, ...boxes]) {
      // The reader's own name and face come with the script.
      const elements = [...document.querySelectorAll(`.page ${part}`)].filter((element) => !element.closest('.me, .composer .by'))
      for (const [index, element] of elements.entries()) {
        const { x, y, width, height } = element.getBoundingClientRect()
        found[`${part} ${index}`] = (lines.includes(part) ? [x, y, height] : [x, y, width, height]).map(Math.round)
      }
    }
    return found
  })
}
