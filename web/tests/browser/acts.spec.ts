// The acts on messages: what one person does, all see; by mouse, by keys, by finger; online and not.
import { beforeAll, expect, test } from 'vitest'
import type { Message } from '../../src/api/types'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import { findings, LOOKS, shoot } from './harness/looks'
import { Person } from './harness/person'

const linger = useLinger()
let bob: Person

beforeAll(async () => {
  bob = await Person.arrive(linger.server.url, 'bob')
})

/** Opens a room of its own for a test, with ann in it and something that bob said. */
async function openRoom(slug: string, options: Parameters<typeof linger.open>[0] = {}): Promise<{ ann: Chat; said: Message }> {
  await bob.openRoom(slug)
  const said = await bob.say('the kettle is on', slug)
  const ann = await linger.open({ name: `ann ${slug}`, ...options })
  await ann.visit(`${linger.server.url}/r/${slug}`)
  await ann.say('one')
  await ann.endsWith(['the kettle is on', 'one'])
  return { ann, said }
}

async function menuOf(chat: Chat, text: string): Promise<void> {
  await chat.line(text).hover()
  await chat.line(text).getByRole('button', { name: /^(More|更多)$/ }).click()
  await chat.page.getByRole('menu').waitFor()
}

async function choose(chat: Chat, name: RegExp | string): Promise<void> {
  await chat.page.getByRole('menuitem', { name, exact: true }).click()
}

test('an edit is marked for all, and its versions can be read', async () => {
  const { ann } = await openRoom('edits')
  const cleo = await linger.open({ name: 'cleo' })
  await cleo.visit(`${linger.server.url}/r/edits`)
  await menuOf(ann, 'one')
  await choose(ann, 'Edit')
  await ann.composer.fill('uno')
  await ann.composer.press('Enter')
  for (const chat of [ann, cleo]) await chat.endsWith(['the kettle is on', 'uno'])
  await cleo.line('uno').locator('.edited').click()
  await expect.poll(() => cleo.page.locator('.versions .text').allInnerTexts()).toEqual(['uno', 'one'])
})

test('a deletion can be taken back; one that is not is done for all', async () => {
  const { ann } = await openRoom('deletions')
  await menuOf(ann, 'one')
  await choose(ann, 'Delete')
  await ann.page.getByRole('button', { name: 'Take back' }).click()
  await ann.endsWith(['the kettle is on', 'one'])
  await menuOf(ann, 'one')
  await choose(ann, 'Delete')
  await ann.page.locator('.said .fate', { hasText: 'Deleted.' }).waitFor()
  // The page is left at once; the next one does it.
  await ann.visit(linger.server.url)
  const { messages } = await bob.call<{ messages: Message[] }>('GET', '/rooms/deletions/messages')
  expect(messages.at(-1)?.text).toBe('one')
  await expect.poll(async () => (await bob.call<{ messages: Message[] }>('GET', '/rooms/deletions/messages')).messages.at(-1)?.deleted, { timeout: 30_000 }).toBe(true)
})

test('reactions and pins are seen by all, and a quote leads to what it answers and back', async () => {
  const { ann, said } = await openRoom('reactions')
  await bob.call('PUT', `/messages/${said.id}/reactions/${encodeURIComponent('🍵')}`)
  const chip = ann.line('the kettle is on').locator('.reaction').first()
  await chip.click()
  await expect.poll(() => chip.getAttribute('aria-label')).toBe('🍵: bob and you')
  await expect.poll(async () => (await bob.call<{ message: Message }>('GET', `/messages/${said.id}`)).message.reactions?.[0]?.by.length).toBe(2)

  await menuOf(ann, 'the kettle is on')
  await choose(ann, 'Pin')
  await ann.page.getByRole('button', { name: '1 pinned message' }).click()
  await expect.poll(() => ann.page.locator('.pin .text').allInnerTexts()).toEqual(['the kettle is on'])
  await ann.page.keyboard.press('Escape')

  for (let index = 0; index < 80; index += 1) await bob.say(`line ${index}`, 'reactions')
  await bob.say('does it sing?', 'reactions', { reply_to: said.id })
  await ann.reload()
  await ann.line('does it sing?').locator('.reply').click()
  await expect.poll(() => ann.inSight()).toContain('the kettle is on')
  await ann.page.goBack()
  await expect.poll(() => ann.inSight()).toContain('does it sing?')
})

test('all of it by keys: the arrows choose, Enter opens, the focus comes back', async () => {
  const { ann } = await openRoom('keys')
  const focused = () => ann.page.evaluate(() => document.activeElement?.id)
  await ann.composer.press('ArrowUp')
  expect(await ann.composer.inputValue()).toBe('one')
  await ann.composer.press('Escape')
  expect([await ann.composer.inputValue(), await focused()]).toEqual(['', 'composer'])

  await ann.page.locator('.scroller').focus()
  await ann.page.keyboard.press('ArrowUp')
  const own = await focused()
  await ann.page.keyboard.press('ArrowUp')
  expect([own, await focused()].every((id) => /^m\d+$/.test(id ?? ''))).toBe(true)
  await ann.page.keyboard.press('Enter')
  await ann.page.getByRole('menu').waitFor()
  await ann.page.keyboard.press('Escape')
  expect(await focused()).not.toBe(own)
  expect(await focused()).toMatch(/^m\d+$/)
  await ann.page.keyboard.press('r')
  await ann.page.locator('.answering', { hasText: 'bob' }).waitFor()
  expect(await focused()).toBe('composer')
  await ann.composer.pressSequentially('two')
  await ann.composer.press('Enter')
  await ann.endsWith(['one', 'two'])
  expect(await ann.line('two').locator('.reply').innerText()).toContain('the kettle is on')
})

test('what is done offline shows at once, survives a reload, and is done when the network is back', async () => {
  const { ann, said } = await openRoom('offline')
  await ann.context.setOffline(true)
  await ann.is('offline')
  await menuOf(ann, 'the kettle is on')
  await ann.page.getByRole('menuitemcheckbox').first().click()
  await ann.composer.press('ArrowUp')
  await ann.composer.fill('uno')
  await ann.composer.press('Enter')
  await expect.poll(() => ann.texts()).toEqual(['the kettle is on', 'uno'])
  expect(await ann.line('the kettle is on').locator('.reaction').first().getAttribute('aria-pressed')).toBe('true')
  await ann.context.setOffline(false)
  await ann.page.reload()
  await ann.isReady()
  await ann.endsWith(['the kettle is on', 'uno'])
  await expect.poll(async () => (await bob.call<{ message: Message }>('GET', `/messages/${said.id}`)).message.reactions?.map(({ emoji }) => emoji)).toEqual(['👍'])
  expect(await ann.line('the kettle is on').locator('.reaction').first().innerText()).toContain('1')
})

test('commands: the list completes, a wrong one says why, the opener changes the topic', async () => {
  const ann = await linger.open({ name: 'ann commands' })
  await ann.page.keyboard.press('Escape')
  await ann.composer.pressSequentially('/to')
  await ann.page.getByRole('option').first().waitFor()
  await ann.composer.press('Tab')
  expect(await ann.composer.inputValue()).toBe('/topic ')
  await ann.say('/tea')
  await expect.poll(() => ann.page.locator('#composer-problem').innerText()).toMatch(/^There is no command \/tea/)
  await bob.openRoom('commands', { topic: 'Leaves' })
  await ann.say('/join #commands')
  await expect.poll(() => ann.page.locator('h1').innerText()).toBe('#commands')
  await ann.say('/topic Water')
  await expect.poll(() => ann.page.locator('.notice-bar').innerText()).not.toBe('')
  await bob.call('PATCH', '/rooms/commands', { topic: 'Water' })
  await expect.poll(() => ann.page.locator('.topic').innerText()).toBe('Water')
  await ann.say('/nick Quiet Heron')
  await expect.poll(() => ann.name()).toBe('Quiet Heron')
})

test.each(LOOKS)('the menu, versions, pins and the rest are accessible, $look', async ({ look, options }) => {
  const slug = `looks-${LOOKS.findIndex((other) => other.look === look)}`
  const { ann, said } = await openRoom(slug, options)
  for (const emoji of ['🍵', '👍']) await bob.call('PUT', `/messages/${said.id}/reactions/${encodeURIComponent(emoji)}`)
  await bob.call('PATCH', `/messages/${said.id}`, { text: 'the kettle is on now' })
  await bob.call('PUT', `/messages/${said.id}/pin`)
  await bob.say('the answer to that', slug, { reply_to: said.id })
  await ann.line('the answer to that').waitFor()
  await shoot(ann, 'acts', look)
  expect(await findings(ann)).toEqual([])

  if (options.hasTouch) await pressLong(ann, 'the kettle is on now')
  else await menuOf(ann, 'the kettle is on now')
  await ann.page.getByRole('menu').waitFor()
  await shoot(ann, 'menu', look)
  expect(await findings(ann)).toEqual([])
  await choose(ann, /^(Reply|回复)$/)
  await ann.page.locator('.answering').waitFor()
  await ann.composer.fill('/')
  await ann.page.getByRole('option').first().waitFor()
  await shoot(ann, 'commands', look)
  expect(await findings(ann)).toEqual([])
  await ann.composer.fill('')

  await ann.line('the kettle is on now').locator('.edited').click()
  await ann.page.locator('.versions li').first().waitFor()
  await shoot(ann, 'versions', look)
  expect(await findings(ann)).toEqual([])
  await ann.page.keyboard.press('Escape')
  await ann.page.goto(`${linger.server.url}/r/${slug}#pins`)
  await ann.page.locator('.pin').first().waitFor()
  await shoot(ann, 'pins', look)
  expect(await findings(ann)).toEqual([])
})

async function pressLong(chat: Chat, text: string): Promise<void> {
  const box = await chat.line(text).locator('p[dir]').first().boundingBox()
  const finger = await chat.context.newCDPSession(chat.page)
  const at = { x: (box?.x ?? 0) + 20, y: (box?.y ?? 0) + 10 }
  await finger.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [at] })
  await chat.page.getByRole('menu').waitFor()
  await finger.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
}
