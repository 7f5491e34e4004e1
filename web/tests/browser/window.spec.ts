// A room with 100,000 messages: a window that moves over them, and stays small.
import type { Route } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'
import { heapBytes, slowness, startWorkClock } from './harness/speed'

const linger = useLinger()
const COUNT = 100_000
const START = Date.parse('2026-01-01T00:00:00Z')

beforeAll(async () => {
  const bob = await Person.arrive(linger.server.url, 'bob')
  await bob.openRoom('long')
  await bob.say('the only one that is real', 'long')
})

/** Message `number` of the made-up past: of many heights, of two people, with a gap now and then. */
function message(number: number) {
  const text = `message ${number}${number % 7 === 0 ? '\nwith a second line' : ''}${number % 11 === 0 ? ' that is long'.repeat(20) : ''}`
  const by = number % 9 < 5 ? { id: 901, name: 'cleo' } : { id: 902, name: 'dan' }
  return { id: number + 10, room: 'long', number, at: new Date(START + number * 120_000).toISOString(), by, text }
}

async function tellPast(route: Route): Promise<void> {
  const query = new URL(route.request().url()).searchParams
  const limit = Number(query.get('limit') ?? 50)
  const [before, after, around] = ['before', 'after', 'around_number'].map((name) => query.get(name))
  let first = COUNT - limit + 1
  if (before) first = Number(before) - 10 - limit
  if (after) first = Number(after) - 10 + 1
  if (around) first = Number(around) - limit / 2
  first = Math.max(1, first)
  const last = Math.min(COUNT, before ? Number(before) - 10 - 1 : first + limit - 1)
  const messages = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => message(first + index))
  await route.fulfill({ json: { messages, more: first > 1, more_after: last < COUNT } })
}

const NEWS = 100_000
/** The most that the server gives in one answer. */
const NEWS_PAGE = 1000
/** Each tenth is said in the room that is looked at, the others in another one. */
const LOOKED_AT = 10

/** The events of the two rooms from now on, a page for each question; after the last there is no more news. */
async function tellNews(route: Route): Promise<void> {
  const after = new URL(route.request().url()).searchParams.get('after') ?? ''
  const known = /^news-\d+$/.test(after) ? Number(after.slice(5)) : 0
  const last = Math.min(NEWS, known + NEWS_PAGE)
  const events = Array.from({ length: last - known }, (_, index) => {
    const count = known + 1 + index
    const here = Math.floor(count / LOOKED_AT)
    const room = count % LOOKED_AT === 0 ? 'long' : 'busy'
    // Each room was opened, and one thing said in it; the other one was joined besides.
    const number = room === 'long' ? here + 2 : count - here + 3
    const { at, by } = message(count)
    const position = count + 1000
    return { position, number, room, type: 'message_sent', at, by, message: { id: position, room, number, at, by, text: `news ${count}` } }
  })
  if (events.length === 0) await new Promise((resolve) => setTimeout(resolve, 500))
  await route.fulfill({ json: { events, cursor: `news-${last}` } }).catch(() => {})
}

/** Runs in the page: its short pauses, the weather's among them, pass fifty times as fast. */
function hurry(): void {
  const wait = window.setTimeout
  const quick = (act: TimerHandler, ms = 0, ...rest: unknown[]) => wait(act, ms < 10_000 ? ms / 50 : ms, ...rest)
  window.setTimeout = quick as typeof window.setTimeout
}

async function open(path: string): Promise<Chat> {
  const ann = await linger.open({ name: `ann ${path}` })
  await ann.page.route('**/rooms/long/messages?*', tellPast)
  // The page is opened by a click, so that nothing comes from the server's HTML.
  await ann.page.evaluate((address) => {
    const link = document.createElement('a')
    link.href = address
    document.body.append(link)
    link.click()
    link.remove()
  }, path)
  await ann.page.locator('.said').first().waitFor()
  await ann.isStill()
  return ann
}

function numbers({ page }: Chat): Promise<number[]> {
  return page.evaluate(() => [...document.querySelectorAll<HTMLElement>('.said[data-number]')].map(({ dataset }) => Number(dataset.number)))
}

/** Returns where a message is in the window, in px. */
function topOf({ page }: Chat, number: number): Promise<number> {
  return page.locator(`#m${number}`).evaluate((said) => said.getBoundingClientRect().top)
}

test('a link to a message opens there, with history around it, and goes on in both directions', async () => {
  const ann = await open('/r/long/50000')
  const shown = await numbers(ann)
  // Half a page on either side; more may have come ahead.
  expect(shown[0]).toBeLessThanOrEqual(49_975)
  expect(shown.at(-1)).toBeGreaterThanOrEqual(50_024)
  expect(await ann.page.evaluate(() => document.activeElement?.id)).toBe('m50000')
  expect((await ann.inSight()).some((text) => text.startsWith('message 50000'))).toBe(true)

  await ann.page.locator('.scroller').hover()
  for (let turn = 0; turn < 30; turn += 1) await ann.page.mouse.wheel(0, -600)
  await expect.poll(async () => (await numbers(ann))[0]).toBeLessThan(49_900)
  for (let turn = 0; turn < 80; turn += 1) await ann.page.mouse.wheel(0, 600)
  await expect.poll(async () => (await numbers(ann)).at(-1)).toBeGreaterThan(50_050)
})

test('loading upwards and downwards moves nothing that is being read, and the window stays small', async () => {
  const ann = await open('/r/long/50000')
  for (const [direction, edge] of [['older', 'first'], ['newer', 'last']] as const) {
    for (let turn = 0; turn < 8; turn += 1) {
      const anchor = (await numbers(ann))[direction === 'older' ? 3 : (await numbers(ann)).length - 4] ?? 0
      await ann.page.locator(`#m${anchor}`).evaluate((said) => said.scrollIntoView({ block: 'center' }))
      await ann.isStill()
      const before = await topOf(ann, anchor)
      await expect.poll(async () => (await numbers(ann)).at(edge === 'first' ? 0 : -1)).not.toBe(anchor)
      await ann.isStill()
      expect(Math.abs((await topOf(ann, anchor)) - before)).toBeLessThan(2)
      expect((await numbers(ann)).length).toBeLessThanOrEqual(300)
    }
  }
  const all = await numbers(ann)
  expect(all).toEqual(all.map((_, index) => (all[0] ?? 0) + index))
})

test('the memory is flat over thousands of messages', async () => {
  const ann = await open('/r/long')
  const session = await ann.context.newCDPSession(ann.page)
  const goUp = async (below: number) => {
    while (((await numbers(ann))[0] ?? 0) > below) {
      await ann.page.locator('.scroller').evaluate((box) => (box.scrollTop = -box.scrollHeight))
      await ann.page.evaluate(() => new Promise(requestAnimationFrame))
    }
  }
  await goUp(COUNT - 1500)
  const before = await heapBytes(session)
  await goUp(COUNT - 6000)
  expect((await heapBytes(session)) - before).toBeLessThan(5_000_000)
})

const FRAME_MS = 1000 / 60

function median(values: number[]): number {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}

test('scrolling over the messages leaves time in each frame', async () => {
  const ann = await open('/r/long/50000')
  const work = await startWorkClock(await ann.context.newCDPSession(ann.page))
  /** In a block of frames, the longest that is usual, and the longest, as a laptop would take. */
  const blocks: { usual: number; longest: number }[] = []
  // 6,000 px a second: a quick flick of the finger.
  for (const by of [-100, 100]) {
    for (let block = 0; block < 15; block += 1) {
      const frames: number[] = []
      for (let frame = 0; frame < 10; frame += 1) {
        const before = await work()
        await ann.page.locator('.scroller').evaluate((box, step) => {
          box.scrollTop += step
          return new Promise((resolve) => requestAnimationFrame(resolve))
        }, by)
        frames.push((await work()) - before)
      }
      frames.sort((one, other) => one - other)
      // A machine's speed changes from one second to the next, so each block has its own.
      const slow = Math.max(1, await slowness(ann.page, 3))
      blocks.push({ usual: (frames[8] ?? NaN) / slow, longest: (frames[9] ?? NaN) / slow })
    }
  }
  const usual = median(blocks.map((block) => block.usual))
  const longest = median(blocks.map((block) => block.longest))
  // A frame in which a page of messages comes in may be late, once in a while.
  expect({ usual, longest }).toSatisfy(() => usual < FRAME_MS && longest < 3 * FRAME_MS)
})

/** Returns the first number in a text, 0 without one. */
function digits(text: string): number {
  return Number(/\d[\d,]*/.exec(text)?.[0].replaceAll(',', '') ?? 0)
}

test('100,000 events in bad weather: none is lost, none doubled, and the heap grows by less than 20 MB', { timeout: 600_000 }, async () => {
  const bob = await Person.arrive(linger.server.url, 'bob of the news')
  await bob.openRoom('busy')
  await bob.say('the only one that is real', 'busy')
  const ann = await linger.open({ name: 'ann of the news' })
  await ann.page.goto(`${linger.server.url}/r/busy`)
  await ann.isReady()
  await ann.page.locator('.head .button').click()
  await ann.page.locator('.head .button').waitFor({ state: 'detached' })
  await ann.page.goto(`${linger.server.url}/r/long`)
  await ann.isReady()
  await ann.page.locator('button.state').click()
  const drawer = ann.page.locator('.wire')
  await drawer.locator('.requests li').first().waitFor()
  await ann.page.route(/\/api\/v1\/events\?/, tellNews)
  await ann.page.evaluate(hurry)
  await drawer.getByRole('switch').click()

  const heard = async () => digits(await drawer.locator('.clean small').innerText())
  const unread = async () => digits((await ann.page.locator('.room-link .count [aria-hidden]').first().textContent({ timeout: 1000 }).catch(() => '')) ?? '')
  const seen = new Set<string | undefined>()
  const goesOn = async () => {
    seen.add((await drawer.locator('.clean').innerText()).split('\n')[0]?.replace(/ of .*/, ''))
    return [await heard(), await unread()]
  }
  const patience = { timeout: 500_000, interval: 500 }
  const session = await ann.context.newCDPSession(ann.page)
  await expect.poll(async () => (await goesOn())[0], patience).toBeGreaterThan(NEWS / LOOKED_AT / 10)
  const before = await heapBytes(session)
  const here = NEWS / LOOKED_AT
  await expect.poll(goesOn, patience).toEqual([here, NEWS - here])
  expect((await heapBytes(session)) - before).toBeLessThan(20e6)
  expect([...seen]).toEqual(['lost 0 · doubled 0'])
  expect(await drawer.locator('.got', { hasText: 'by the weather' }).count()).toBeGreaterThan(2)
  const shown = await numbers(ann)
  expect(shown).toEqual(shown.map((_, index) => here + 3 - shown.length + index))
  await expect.poll(() => drawer.locator('.proof').innerText()).toBe(`complete: #1 to #${(here + 2).toLocaleString('en')}`)
  await ann.page.unrouteAll({ behavior: 'ignoreErrors' })
})

test('from far above one jumps to the newest', async () => {
  const ann = await open('/r/long/300')
  await ann.page.getByRole('button', { name: 'To the newest messages' }).click()
  await expect.poll(async () => (await numbers(ann)).at(-1)).toBe(COUNT)
  await ann.isStill()
  expect((await ann.inSight()).some((text) => text.startsWith(`message ${COUNT}`))).toBe(true)
  expect(new URL(ann.page.url()).pathname).toBe('/r/long')
})

test('a number that nobody has said shows what is around it', async () => {
  const ann = await open('/r/long/100001')
  await ann.page.getByText('Message #100001 is not here').waitFor()
})
