// On a phone one thing is shown at a time, and the way back leads to the one before.
import { expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'

const linger = useLinger()
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true }

async function shown({ page }: Chat): Promise<string> {
  for (const [name, selector] of Object.entries({ rooms: '.rail', room: '.room', people: '.aside' })) {
    if (await page.locator(selector).first().isVisible().catch(() => false)) return name
  }
  return 'nothing'
}

test.each(['en-GB', 'zh-CN'])('the rooms, a room and its people, back and forth (%s)', async (locale) => {
  const bob = await Person.arrive(linger.server.url, `bob ${locale}`)
  await bob.openRoom(`tea-${locale.toLowerCase()}`, { topic: 'Leaves' })
  const ann = await linger.open({ name: `ann ${locale}`, locale, ...PHONE })
  expect(await shown(ann)).toBe('room')
  await ann.say('hello')
  await ann.endsWith(['hello'])

  await ann.page.locator('.head .back').tap()
  expect(await shown(ann)).toBe('rooms')
  await ann.page.locator('.room-link', { hasText: /Browse open rooms|浏览公开房间/ }).tap()
  await ann.page.locator('.room-row', { hasText: `tea-${locale.toLowerCase()}` }).tap()
  await expect.poll(() => ann.page.locator('h1').innerText()).toBe(`#tea-${locale.toLowerCase()}`)
  expect(await shown(ann)).toBe('room')

  await ann.page.locator('.people-count').tap()
  await ann.page.locator('.aside .person').first().waitFor()
  expect(await shown(ann)).toBe('people')
  await ann.page.goBack()
  await expect.poll(() => shown(ann)).toBe('room')
  await ann.page.goBack()
  await ann.page.locator('.room-row').first().waitFor()
  await ann.page.goBack()
  await expect.poll(() => shown(ann)).toBe('rooms')
  await ann.page.goBack()
  await expect.poll(() => shown(ann)).toBe('room')
  expect(await ann.page.locator('h1').innerText()).toMatch(/^#(lobby|大厅)$/)
})
