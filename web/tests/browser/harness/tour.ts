// All states of the page, one after the other, as somebody comes upon them.
//
// Called by the tests that judge every screen: pictures, zoom, direction, motion.
// The server was filled by `setStage`; `walk` opens one browser and looks in each state.
import type { Page, Route } from 'playwright-core'
import type { Chat } from './chat'
import { Gate } from './gate'
import type { Linger, OpenOptions } from './linger'
import type { Person } from './person'
import type { Stage } from './stage'

/** Called in each state, when nothing moves any more. */
type See = (state: string, chat: Chat) => Promise<void>

type At = (path: string, ready: string) => Promise<void>
type Still = (state: string) => Promise<void>

/** The states in three walks, each of which begins in a browser of its own. */
export const WALKS = ['of rooms', 'of messages', 'elsewhere'] as const
export type Walk = (typeof WALKS)[number]

let tours = 0

async function tour(linger: Linger, { bob }: Stage, kind: Walk, options: OpenOptions, see: See): Promise<void> {
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
  switch (kind) {
    case 'of rooms': {
      const own = `quiet-corner-${tours}`
      await bob.openRoom(own)
      await arrival(chat, own, at, still)
      await inRoom(chat, bob, at, still)
      return dialogs(chat, isPhone, at, still)
    }
    case 'of messages':
      await deeds(chat, options.hasTouch === true, at, still)
      return callToAll(chat, at, still)
    case 'elsewhere':
      await closedRoom(chat, `bridge-club-${tours}`, at, still)
      await elsewhere(at, still)
      await drawer(chat, at, still)
      return trouble(chat, at, still)
  }
}

/** Walks through the states of one kind, and returns what `look` found wrong, each with its state. */
export async function walk(linger: Linger, stage: Stage, kind: Walk, options: OpenOptions, look: (...seen: Parameters<See>) => Promise<string[]>): Promise<string[]> {
  const found: string[] = []
  await tour(linger, stage, kind, options, async (state, chat) => {
    for (const fault of await look(state, chat)) found.push(`${state}: ${fault}`)
  })
  return found
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
  const show = showing(page, still)
  await show('add', 'dialog[open]', () => page.locator('.aside .fact').nth(1).click())
  await show('leave', 'dialog[open]', () => page.locator('.aside .fact').last().click())
  await page.locator('.aside .tool').first().click()
  await show('keys', '.key-list', () => page.locator('#main').press('?'))
  if (isPhone) await page.locator('.head .back').click()
  await show('open-room', '#room-problem:not(:empty)', async () => {
    await page.locator('.rail-top .tool').click()
    await page.locator('#room-name').fill('tea')
    await page.locator('#room-name').press('Enter')
  })
  await page.locator('.find input').fill('no such room')
  await page.locator('.rail-nothing').waitFor()
  await still('nothing-found')
  await page.locator('.find input').fill('')
  await still('rooms')
}

/** The acts on a message, and their traces. */
async function deeds(chat: Chat, isByFinger: boolean, at: At, still: Still): Promise<void> {
  const { page, composer } = chat
  await at('/r/deeds', '.said')
  await page.locator('.head .button').click()
  await page.locator('.head .button').waitFor({ state: 'detached' })
  await chat.line('the answer to that').waitFor()
  await still('acts')

  await chat.openMenu('the kettle is on now', isByFinger)
  await still('menu')
  await page.locator('.quick button').last().click()
  await page.locator('.menu .grid button').first().waitFor()
  await still('all-emoji')
  await page.keyboard.press('Escape')
  await page.getByRole('menuitem', { name: /^(Reply|回复)$/ }).click()
  await page.locator('.answering').waitFor()
  await composer.fill('/')
  await page.getByRole('option').first().waitFor()
  await still('commands')
  await composer.fill('')
  await composer.press('Escape')
  await page.locator('.answering').waitFor({ state: 'detached' })

  const show = showing(page, still)
  await show('versions', '.versions li', () => chat.line('the kettle is on now').first().locator('.edited').click())
  await show('reactors', '.choices .person', async () => {
    await chat.openMenu('the kettle is on now', isByFinger)
    await page.getByRole('menuitem', { name: /^(Reactions|表情回应)$/ }).click()
  })
  await show('command-help', '.key-list', () => chat.say('/help'))
  await page.getByRole('button', { name: /pinned message|条置顶消息/ }).click()
  await page.locator('.pin').first().waitFor()
  await still('pins')
  await page.goBack()
  await page.locator('.pin').first().waitFor({ state: 'detached' })

}

async function callToAll(chat: Chat, at: At, still: Still): Promise<void> {
  await at('/r/choir', '.said')
  await chat.page.locator('.head .button').click()
  await chat.page.locator('.head .button').waitFor({ state: 'detached' })
  await showing(chat.page, still)('call-all', 'dialog[open] .actions', () => chat.say('@all who has the score?'))
}

/** Shows a dialog, and closes it by Escape. */
function showing(page: Page, still: Still) {
  return async (state: string, ready: string, act: () => Promise<void>) => {
    await act()
    await page.locator(ready).first().waitFor()
    await still(state)
    await page.keyboard.press('Escape')
    await page.locator('dialog').waitFor({ state: 'detached' })
  }
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
  await page.locator('.aside .person').first().waitFor()
  // Offered to its opener, when the room's first event has told.
  await page.locator('.aside .fact').nth(3).waitFor()
  await still('closed-people')
  await showing(page, still)('details', 'dialog[open]', () => page.locator('.aside .fact').nth(2).click())
  await page.locator('.aside .fact').last().click()
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
  await page.locator('.segments label:has([value=short])').click()
  await page.locator('.requests li').nth(6).waitFor()
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
  await page.locator('#composer-counter.is-over').waitFor()
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
