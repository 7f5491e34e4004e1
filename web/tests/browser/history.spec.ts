// A room with a past: the newest messages first, older ones when asked for.
import { beforeAll, expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { Gate } from './harness/gate'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'

const linger = useLinger()

/** The number of messages that the page fetches at once. */
const PAGE = 50
const PAST = Array.from({ length: 120 }, (_, index) => {
  const number = index + 1
  // Of many heights, as messages are.
  return `message ${number}${number % 7 === 0 ? '\nwith a second line' : ''}${number % 11 === 0 ? ' that is long'.repeat(20) : ''}`
})

beforeAll(async () => {
  const ann = await Person.arrive(linger.server.url, 'ann')
  const bob = await Person.arrive(linger.server.url, 'bob')
  for (const [index, text] of PAST.entries()) await (index % 9 < 5 ? ann : bob).say(text)
})

test('a page opens on the newest messages', async () => {
  const cleo = await linger.open({ name: 'cleo' })
  await cleo.shows(PAST.slice(-PAGE))
  await cleo.isStill()
  expect(await cleo.inSight()).toContain(PAST.at(-1))
  expect(await cleo.inSight()).not.toContain(PAST.at(-PAGE))
})

test('scrolling up brings the older messages, and what one reads stays in its place', async () => {
  const cleo = await linger.open({ name: 'cleo' })
  await cleo.page.locator('.scroller').hover()
  await readToTheBeginning(cleo, () => cleo.page.mouse.wheel(0, -20_000))
})

test('a keyboard brings the older messages, and what one reads stays in its place', async () => {
  const cleo = await linger.open({ name: 'cleo' })
  await cleo.page.locator('.scroller').focus()
  await readToTheBeginning(cleo, () => cleo.page.keyboard.press('Home'))
})

test('the button at the top brings older messages as well, and says when it cannot', async () => {
  const cleo = await linger.open({ name: 'cleo' })
  await cleo.page.route('**/messages?before=*', (route) => route.abort())
  await cleo.page.locator('.scroller').focus()
  await cleo.page.keyboard.press('Home')
  const button = cleo.page.getByRole('button', { name: 'Try again' })
  await button.waitFor()

  await cleo.page.unrouteAll({ behavior: 'wait' })
  await button.focus()
  await cleo.page.keyboard.press('Enter')
  await cleo.shows(PAST.slice(-2 * PAGE))
})

test('a reader of old messages is not dragged down by new ones, and finds them', async () => {
  const cleo = await linger.open({ name: 'cleo' })
  const ann = await Person.arrive(linger.server.url, 'ann')
  await cleo.isStill()
  await cleo.page.locator('.scroller').hover()
  // Up, but not so far that older messages come.
  await cleo.page.mouse.wheel(0, -600)
  await cleo.page.locator('.jump').waitFor()
  await cleo.isStill()
  const before = await placeOfFirstInSight(cleo)

  await ann.sayAll(['news one', 'news two'])
  await cleo.page.getByRole('button', { name: '2 new messages' }).waitFor()
  expect(await placeOf(cleo, before.text)).toBeCloseTo(before.top, 0)

  await cleo.page.getByRole('button', { name: '2 new messages' }).click()
  await cleo.page.locator('.jump').waitFor({ state: 'detached' })
  await cleo.isStill()
  expect(await cleo.inSight()).toEqual(expect.arrayContaining(['news one', 'news two']))
})

/** Goes up by `goUp` until all is there; each answer comes while somebody is reading. */
async function readToTheBeginning(chat: Chat, goUp: () => Promise<void>): Promise<void> {
  let gate = new Gate()
  let isAsked = false
  await chat.page.route('**/messages?before=*', async (route) => {
    isAsked = true
    await gate.opened
    await route.continue()
  })

  for (const count of [2 * PAGE, PAST.length]) {
    isAsked = false
    gate = new Gate()
    await goUp()
    await expect.poll(() => isAsked).toBe(true)
    await chat.isStill()
    const before = await placeOfFirstInSight(chat)
    const trace = await followPlace(chat, before.text)
    gate.open()
    await chat.shows(PAST.slice(-count))
    await chat.isStill()
    const tops = await trace.end()
    expect(Math.max(...tops.map((top) => Math.abs(top - before.top))), `tops ${tops}, before ${before.top}`).toBeLessThan(2)
  }
  await goUp()
  await chat.page.getByText('This is where the conversation begins.').waitFor()
  await expect.poll(() => chat.inSight()).toContain(PAST[0])
}

/** Returns the first message that is wholly in sight, and where it is. */
async function placeOfFirstInSight(chat: Chat): Promise<{ text: string; top: number }> {
  const [text] = await chat.inSight()
  if (text === undefined) throw new Error('no message is in sight')
  return { text, top: await placeOf(chat, text) }
}

function placeOf({ page }: Chat, text: string): Promise<number> {
  return page.evaluate((wanted) => {
    const found = [...document.querySelectorAll('.said .text')].find((said) => [...said.querySelectorAll('p[dir]')].map((line) => line.textContent).join('\n') === wanted)
    return found?.getBoundingClientRect().top ?? Number.NaN
  }, text)
}

/** Notes in each frame where a message is, so that a jump there and back shows too. */
async function followPlace({ page }: Chat, text: string): Promise<{ end: () => Promise<number[]> }> {
  const trace = await page.evaluateHandle((wanted) => {
    const tops = new Set<number>()
    const note = () => {
      const found = [...document.querySelectorAll('.said .text')].find((said) => [...said.querySelectorAll('p[dir]')].map((line) => line.textContent).join('\n') === wanted)
      tops.add(found?.getBoundingClientRect().top ?? Number.NaN)
      requestAnimationFrame(note)
    }
    note()
    return tops
  }, text)
  return { end: () => trace.evaluate((tops) => [...tops]) }
}
