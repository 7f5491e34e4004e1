// All states of the page, one after the other, as somebody comes upon them.
//
// Called by the tests that judge every screen: pictures, zoom, direction, motion.
// `setStage` fills a server once, with the names, words and rooms that are hard
// to show; `tour` opens one browser and calls `see` in each state.
import type { Page, Route } from 'playwright-core'
import type { Chat } from './chat'
import { Gate } from './gate'
import type { Linger, OpenOptions } from './linger'
import { Person } from './person'

/** Called in each state, when nothing moves any more. */
export type See = (state: string, chat: Chat) => Promise<void>

export interface Stage {
  bob: Person
  mo: Person
}

const TALK = [
  'The new kettle is here. It holds a litre and a half, and it sings.',
  'A watched pot never boils.\nIt does, if the request is held.',
  'See https://example.org/tea/how-long-to-wait?leaf=oolong&water=95 for more.',
]
const LONG_WORD = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(3)
/** As long as a name may be. */
const LONG_NAME = '一个名字很长很长的人 whose name goes on & on'
const HEBREW = 'שלום לכולם, מישהו רוצה תה? המים רותחים (95°C).'
const ARABIC = 'أهلا وسهلا! الساعة 16:30 في #tea مع bob.'
const ROOMS: [slug: string, topic: string][] = [
  ['tea', 'Leaves, water, waiting. The kettle is on at four, and whoever comes late gets what is left of it.'],
  ['harbour', 'Ships, and who is on them'],
  ['大厅-二', '什么都可以说，慢慢来。'],
  ['minutes-of-the-society-for-the-slow-repair-of-the-old-harbour', 'Read them slowly'],
  ['مقهى-المساء', 'قهوة وشاي بعد الغروب'],
]

export async function setStage(url: string): Promise<Stage> {
  const [bob, mo, long, dafna] = await Promise.all(['bob', '陈默', LONG_NAME, 'دفنة'].map((name) => Person.arrive(url, name)))
  if (!bob || !mo || !long || !dafna) throw new Error('nobody came')
  for (const [slug, topic] of ROOMS) await bob.openRoom(slug, { topic })
  for (const text of TALK) await bob.say(text, 'tea')
  await mo.say('水开了。你要红茶还是绿茶？两样都有，还有一点点心。', 'tea')
  await dafna.say(HEBREW, 'tea')
  await dafna.say(ARABIC, 'tea')
  await long.say(`A long name needs a long word: ${LONG_WORD}`, 'tea')
  await bob.say('The end of the afternoon 🍵', 'tea')
  for (let line = 1; line <= 60; line += 1) await (line % 5 < 3 ? bob : mo).say(`ship ${line} is in sight`, 'harbour')
  return { bob, mo }
}

type At = (path: string, ready: string) => Promise<void>
type Still = (state: string) => Promise<void>

let tours = 0

/** Walks through all states in a browser of its own. */
export async function tour(linger: Linger, { bob }: Stage, options: OpenOptions, see: See): Promise<void> {
  tours += 1
  const chat = await linger.open({ name: `ann ${tours}`, ...options })
  const isPhone = (options.viewport?.width ?? 1000) < 736
  const still = async (state: string) => {
    await chat.isStill()
    await see(state, chat)
  }
  const at = async (path: string, ready: string) => {
    await goTo(chat.page, path)
    await chat.page.locator(ready).first().waitFor()
  }
  const own = `quiet-corner-${tours}`
  await bob.openRoom(own)
  await arrival(chat, own, at, still)
  await inRoom(chat, bob, at, still)
  await dialogs(chat, isPhone, at, still)
  await closedRoom(chat, `bridge-club-${tours}`, at, still)
  await elsewhere(at, still)
  await drawer(chat, at, still)
  await trouble(chat, at, still)
}

/** A room where nothing is said; one that is on its way, and one that does not come. */
async function arrival({ page }: Chat, own: string, at: At, still: Still): Promise<void> {
  await at(`/r/${own}`, '.welcome dl')
  await still('empty')
  await page.locator('.welcome .button:not(.plain)').click()
  await page.locator('.invite .note p').first().waitFor()
  await still('invite')

  const gate = new Gate()
  const hold = async (route: Route) => {
    await gate.opened
    await route.continue()
  }
  await page.route('**/rooms/harbour/messages?*', hold)
  await at('/r/harbour', '.shapes')
  await still('loading')
  gate.open()
  await page.locator('.said').first().waitFor()
  await page.unroute('**/rooms/harbour/messages?*', hold)

  await page.route('**/rooms/tea/messages?*', (route) => route.fulfill({ status: 503, json: { status: 503 } }), { times: 1 })
  await at('/r/tea', '.welcome')
  await still('failed')
  await page.locator('.welcome .button:not(.plain)').click()
  await page.locator('.said').first().waitFor()
}

/** A conversation: as a visitor, with news elsewhere, with news here, away from its end, at a link. */
async function inRoom({ page }: Chat, bob: Person, at: At, still: Still): Promise<void> {
  await still('visitor')
  await page.locator('.head .button').click()
  await page.locator('.head .button').waitFor({ state: 'detached' })
  await at('/r/harbour', '.said')
  for (const text of ['The lamp is lit again', 'Come and see']) await bob.say(text, 'tea')
  await page.locator('.room-link .count').first().waitFor({ state: 'attached' })
  await still('unread')
  await at('/r/tea', '.fresh')
  await still('room')
  await at('/r/harbour', '.said')
  await page.locator('.scroller').evaluate((box) => (box.scrollTop = -400))
  await page.locator('.jump').waitFor()
  await still('jump')
  await at('/r/harbour/12', '#m12.is-target')
  await still('target')
}

/** The people, and all that lies over the page. */
async function dialogs({ page }: Chat, isPhone: boolean, at: At, still: Still): Promise<void> {
  await at('/r/tea', '.said')
  await page.locator('.people-count').click()
  await page.locator('.aside .person').first().waitFor()
  await still('people')
  const open = async (state: string, act: () => Promise<void>, ready = 'dialog[open]') => {
    await act()
    await page.locator(ready).first().waitFor()
    await still(state)
    await page.keyboard.press('Escape')
    await page.locator('dialog').waitFor({ state: 'detached' })
  }
  await open('add', () => page.locator('.aside .fact').nth(1).click())
  await open('leave', () => page.locator('.aside .fact').nth(2).click())
  await page.locator('.aside .tool').first().click()
  await open('keys', () => page.locator('#main').press('?'), '.key-list')
  if (isPhone) await page.locator('.head .back').click()
  await open('open-room', async () => {
    await page.locator('.rail-top .tool').click()
    await page.locator('#room-name').fill('tea')
    await page.locator('#room-name').press('Enter')
  }, '#room-problem:not(:empty)')
  await page.locator('.find input').fill('no such room')
  await page.locator('.rail-nothing').waitFor()
  await still('nothing-found')
  await page.locator('.find input').fill('')
  await still('rooms')
}

/** A room behind a door, and what is left of it when one has gone. */
async function closedRoom({ page }: Chat, club: string, at: At, still: Still): Promise<void> {
  await page.evaluate(async (slug) => {
    const asks: [path: string, body: object][] = [
      ['/rooms', { slug, kind: 'closed', topic: 'Four at a table' }],
      [`/rooms/${slug}/messages`, { text: 'Who deals?' }],
    ]
    for (const [path, body] of asks) {
      await fetch(`/api/v1${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
    }
  }, club)
  await at(`/r/${club}`, '.said')
  await still('closed')
  await page.locator('.people-count').click()
  await page.locator('.aside .fact').nth(2).click()
  await page.locator('dialog .button').first().click()
  await page.locator('.welcome').waitFor()
  await still('left')
}

/** Screens that are no room. */
async function elsewhere(at: At, still: Still): Promise<void> {
  await at('/r/nowhere', '.welcome')
  await still('no-room')
  await at('/rooms', '.room-row')
  await still('browse')
  await at('/settings', '#my-name')
  await still('settings')
}

async function drawer({ page }: Chat, at: At, still: Still): Promise<void> {
  await at('/r/tea', '.said')
  await page.locator('button.state').click()
  await page.locator('.wire .is-held').waitFor()
  await page.locator('.wire').getByRole('switch').click()
  await page.locator('.wire .is-held').waitFor()
  await still('wire')
  await page.locator('.wire').evaluate((wire) => (wire.scrollTop = wire.scrollHeight))
  await still('wire-end')
  await page.keyboard.press('Escape')
  await page.locator('.wire').waitFor({ state: 'detached' })
  await at('/how', '.wire .requests li')
  await still('how')
  await page.locator('.step').last().scrollIntoViewIfNeeded()
  await still('how-end')
}

/** A text that was refused, one that waits, and no network. */
async function trouble(chat: Chat, at: At, still: Still): Promise<void> {
  const { page, context } = chat
  await at('/r/tea', '.said')
  await chat.composer.fill('long '.repeat(801))
  await page.locator('.counter.is-over').waitFor()
  await still('too-long')
  await chat.composer.fill('')
  await page.route('**/messages/*', (route) => route.fulfill({ status: 403, json: { status: 403 } }), { times: 1 })
  await chat.say('This may not be said here')
  await page.locator('.needs-hand').waitFor()
  await context.setOffline(true)
  await chat.is('offline')
  await chat.say('Said on the train, in a tunnel')
  await page.locator('.fate:not(.needs-hand)').waitFor()
  await still('trouble')
  await context.setOffline(false)
}

/** Goes to a path as a click on a link does: the page stays. */
async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate((address) => {
    const link = document.createElement('a')
    link.href = address
    document.body.append(link)
    link.click()
    link.remove()
  }, path)
}
