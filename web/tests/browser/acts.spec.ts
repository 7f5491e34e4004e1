// The acts on messages: what one person does, all see; by mouse, by keys, by finger; online and not.
import { beforeAll, expect, test } from 'vitest'
import type { Message } from '../../src/api/types'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
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

async function choose(chat: Chat, name: RegExp | string): Promise<void> {
  await chat.page.getByRole('menuitem', { name, exact: true }).click()
}

test('an edit is marked for all, and its versions can be read', async () => {
  const { ann } = await openRoom('edits')
  const cleo = await linger.open({ name: 'cleo' })
  await cleo.visit(`${linger.server.url}/r/edits`)
  await ann.openMenu('one')
  await choose(ann, 'Edit')
  await ann.rewrite('one', '**uno**')
  for (const chat of [ann, cleo]) await chat.endsWith(['the kettle is on', 'uno'])
  await cleo.line('uno').locator('.edited').click()
  await expect.poll(() => cleo.page.locator('.versions .text').allInnerTexts()).toEqual(['uno', 'one'])
  expect(await cleo.page.locator('.versions strong').allInnerTexts()).toEqual(['uno'])
})

test('a deletion can be taken back; one that is not is done for all', async () => {
  const { ann } = await openRoom('deletions')
  await ann.openMenu('one')
  await choose(ann, 'Delete')
  await ann.page.getByRole('button', { name: 'Take back' }).click()
  await ann.endsWith(['the kettle is on', 'one'])
  await ann.openMenu('one')
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
  await expect.poll(() => chip.getAttribute('aria-label')).toBe('🍵 2: bob and you')
  await expect.poll(async () => (await bob.call<{ message: Message }>('GET', `/messages/${said.id}`)).message.reactions?.[0]?.by.length).toBe(2)

  await ann.openMenu('the kettle is on')
  await choose(ann, 'Pin')
  await ann.page.getByRole('button', { name: '1 pinned message' }).click()
  await expect.poll(() => ann.page.locator('.pin .text').allInnerTexts()).toEqual(['the kettle is on'])
  await bob.call('PATCH', `/messages/${said.id}`, { text: 'the kettle is **on**', format: 'markdown' })
  await expect.poll(() => ann.page.locator('.pin strong').allInnerTexts()).toEqual(['on'])
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
  await expect.poll(() => ann.composer.inputValue()).toBe('one')
  await ann.composer.press('Escape')
  await expect.poll(async () => [await ann.composer.inputValue(), await focused()]).toEqual(['', 'composer'])

  await ann.page.locator('.scroller').focus()
  await ann.page.keyboard.press('ArrowUp')
  await expect.poll(focused).toMatch(/^m\d+$/)
  const own = await focused()
  await ann.page.keyboard.press('ArrowUp')
  await expect.poll(focused).not.toBe(own)
  const other = await focused()
  await ann.page.keyboard.press('Enter')
  await ann.page.getByRole('menu').waitFor()
  await ann.page.keyboard.press('Escape')
  await expect.poll(focused).toBe(other)
  expect(other).toMatch(/^m\d+$/)
  await ann.page.keyboard.press('r')
  await ann.page.locator('.answering', { hasText: 'bob' }).waitFor()
  await expect.poll(focused).toBe('composer')
  await ann.composer.pressSequentially('two')
  await ann.composer.press('Enter')
  await ann.endsWith(['one', 'two'])
  expect(await ann.line('two').locator('.reply').innerText()).toContain('the kettle is on')
})

test('what is done offline shows at once, survives a reload, and is done when the network is back', async () => {
  const { ann, said } = await openRoom('offline')
  await ann.context.setOffline(true)
  await ann.is('offline')
  await ann.openMenu('the kettle is on')
  await ann.page.getByRole('menuitemcheckbox').first().click()
  await ann.composer.press('ArrowUp')
  await ann.rewrite('one', 'uno')
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

test('a stranger with keys alone reacts by any emoji, pins, deletes, and takes that back', async () => {
  const { ann, said } = await openRoom('by-keys')
  const press = async (...keys: string[]) => {
    for (const key of keys) await ann.page.keyboard.press(key)
  }
  const focused = () => ann.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim())
  const now = () => bob.call<{ message: Message }>('GET', `/messages/${said.id}`).then(({ message }) => message)
  await ann.page.locator('.scroller').focus()
  await press('ArrowUp', 'ArrowUp', 'Enter')
  await ann.page.getByRole('menu').waitFor()
  for (let steps = 0; (await focused()) !== 'More emoji' && steps < 20; steps += 1) await press('ArrowUp')
  await press('Enter')
  const field = ann.page.getByRole('searchbox', { name: 'Find an emoji' })
  await field.waitFor()
  // Back to the acts, and in again.
  await press('Escape')
  await ann.page.getByRole('menu').waitFor()
  expect(await focused()).toBe('More emoji')
  await press('Enter')
  await field.waitFor()
  await ann.page.keyboard.type('teapot')
  await ann.page.getByRole('button', { name: 'teapot' }).waitFor()
  await press('Enter')
  await expect.poll(async () => (await now()).reactions?.map(({ emoji }) => emoji)).toEqual(['🫖'])
  expect(await ann.page.evaluate(() => document.activeElement?.id)).toMatch(/^m\d+$/)

  await press('Enter')
  await ann.page.getByRole('menu').waitFor()
  for (let steps = 0; (await focused()) !== 'Pin' && steps < 20; steps += 1) await press('ArrowDown')
  await press('Enter')
  await expect.poll(async () => (await now()).pinned).toBe(true)

  await press('ArrowDown', 'Enter')
  await ann.page.getByRole('menu').waitFor()
  await press('End')
  expect(await focused()).toBe('Delete')
  await press('Enter')
  await ann.page.locator('.said .fate', { hasText: 'Deleted.' }).waitFor()
  for (let steps = 0; (await focused()) !== 'Take back' && steps < 5; steps += 1) await press('Tab')
  await press('Enter')
  await ann.endsWith(['the kettle is on', 'one'])
})

test('a draft keeps which message it answers, over an edit in between and over a reload', async () => {
  const { ann, said } = await openRoom('answering')
  await ann.openMenu('the kettle is on')
  await choose(ann, 'Reply')
  await ann.composer.fill('two cups')
  await ann.openMenu('one')
  await choose(ann, 'Edit')
  await ann.composer.press('Escape')
  expect(await ann.composer.inputValue()).toBe('two cups')
  await ann.page.locator('.answering', { hasText: 'the kettle is on' }).waitFor()
  await ann.reload()
  await bob.call('PATCH', `/messages/${said.id}`, { text: 'the kettle sings' })
  await ann.page.locator('.answering', { hasText: 'the kettle sings' }).waitFor()
  await ann.composer.press('Enter')
  await ann.endsWith(['one', 'two cups'])
  expect(await ann.line('two cups').locator('.reply').innerText()).toContain('the kettle sings')
  const { messages } = await bob.call<{ messages: Message[] }>('GET', '/rooms/answering/messages')
  expect(messages.at(-1)?.reply_to?.id).toBe(said.id)
})

test('on a phone, in Chinese: a finger reacts by any emoji, and *these marks* stand out', async () => {
  const { ann, said } = await openRoom('by-finger', { locale: 'zh-CN', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
  await ann.openMenu('the kettle is on', true)
  await ann.page.getByRole('menuitem', { name: '更多表情' }).tap()
  const emoji = ann.page.locator('.menu .grid button').nth(30)
  const picked = await emoji.innerText()
  await emoji.tap()
  await expect.poll(async () => (await bob.call<{ message: Message }>('GET', `/messages/${said.id}`)).message.reactions?.map((one) => one.emoji)).toEqual([picked])
  await ann.say('*慢慢*来，*slowly*')
  await ann.endsWith(['慢慢来，slowly'])
  const looks = () =>
    ann.page.locator('.said em').evaluateAll((all) => {
      const styles = all.map((em) => [em.textContent, getComputedStyle(em)] as const)
      return styles.map(([text, style]) => [text, style.fontStyle, style.textEmphasisStyle !== 'none'])
    })
  const expected = [['慢慢', 'normal', true], ['slowly', 'italic', false]]
  expect(await looks()).toEqual(expected)
  // The server writes the same.
  await ann.reload()
  expect(await looks()).toEqual(expected)
})
