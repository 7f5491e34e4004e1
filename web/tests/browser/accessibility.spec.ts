// Accessibility: axe-core finds nothing to say about the page, in all its looks and states.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type * as Axe from 'axe-core'
import { expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import type { OpenOptions } from './harness/linger'
import { Person } from './harness/person'

const linger = useLinger()

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

const DESK = { viewport: { width: 1200, height: 800 }, locale: 'en-GB' }
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, locale: 'en-GB' }
const LOOKS: { look: string; invite: string; options: OpenOptions }[] = [
  { look: 'in the light', invite: 'Invite', options: { ...DESK, colorScheme: 'light' } },
  { look: 'in the dark', invite: 'Invite', options: { ...DESK, colorScheme: 'dark' } },
  { look: 'on a phone', invite: 'Invite', options: { ...PHONE, colorScheme: 'light' } },
  { look: 'on a phone in the dark, in Chinese', invite: '邀请', options: { ...PHONE, colorScheme: 'dark', locale: 'zh-CN' } },
  { look: 'in Chinese', invite: '邀请', options: { ...DESK, colorScheme: 'light', locale: 'zh-CN' } },
  { look: 'with forced colours', invite: 'Invite', options: { ...DESK, forcedColors: 'active' } },
]

test.each(LOOKS)('an empty room is accessible, $look', async ({ invite, options }) => {
  const ann = await linger.open({ name: 'ann', ...options })
  await ann.page.locator('.empty-room').waitFor()
  expect(await ann.page.locator('.room-header .invite-link').innerText()).toBe(invite)
  expect(await findings(ann)).toEqual([])
})

test.each(LOOKS)('a room in use is accessible, $look', async ({ options }) => {
  const ann = await linger.open({ name: 'ann', ...options })
  const bob = await Person.arrive(linger.server.url, 'bob')
  await ann.say('Same here. 我也是。')
  await bob.sayAll(['See https://example.org/ for more', 'and\nthis'])
  await expect.poll(() => ann.texts().then((texts) => texts.at(-1))).toBe('and\nthis')
  expect(await findings(ann)).toEqual([])

  // A form that is open, and a name that is refused.
  await ann.page.locator('.name-editor button').click()
  await ann.page.route('**/api/v1/me', (route) => route.fulfill({ status: 409, json: { status: 409 } }), { times: 1 })
  await ann.page.locator('.name-editor input').fill('bob')
  await ann.page.locator('.name-editor input').press('Enter')
  await ann.page.locator('#name-problem:not(:empty)').waitFor()
  expect(await findings(ann)).toEqual([])
  await ann.page.locator('.name-editor input').press('Escape')

  // The link is copied, and a text is too long.
  await ann.page.locator('.room-header .invite-link button').click()
  await ann.page.locator('.room-header .note p').first().waitFor()
  await ann.composer.fill('long '.repeat(801))
  await ann.page.locator('.counter.is-over').waitFor()
  expect(await findings(ann)).toEqual([])
  await ann.composer.fill('')

  // A message was refused, another waits for the network.
  await ann.page.route('**/messages/*', (route) => route.fulfill({ status: 403, json: { status: 403 } }), { times: 1 })
  await ann.say('not allowed')
  await ann.page.locator('.needs-hand').waitFor()
  await ann.context.setOffline(true)
  await ann.is('offline')
  await ann.say('not now')
  await expect.poll(() => ann.line('not now').locator('.outbox-note').count()).toBe(1)
  await ann.isStill()
  expect(await findings(ann)).toEqual([])
})

test.each(LOOKS)('nothing is cut off or wider than the screen, $look', async ({ options }) => {
  const ann = await linger.open({ name: '一个名字很长很长的人 with a very long name', ...options })
  await ann.say(`${'w'.repeat(400)} ${'字'.repeat(200)} https://example.org/${'path/'.repeat(60)}`)
  await ann.page.locator('.line[data-state]').waitFor({ state: 'detached' })
  await ann.isStill()
  const widths = await ann.page.evaluate(() => {
    const selectors = ['html', '.scroller', '.room-header', '.message-composer']
    return selectors.map((selector) => {
      const element = document.querySelector(selector)
      return [selector, element ? element.scrollWidth - element.clientWidth : Number.NaN]
    })
  })
  expect(widths).toEqual(widths.map(([selector]) => [selector, 0]))
})

/** Returns one line for each thing that axe-core finds wrong. */
async function findings(chat: Chat): Promise<string[]> {
  await chat.isStill()
  // As a debugger does it: a script element would be stopped by the policy.
  await chat.page.evaluate(AXE)
  return chat.page.evaluate(async (rules) => {
    const { axe } = window as unknown as { axe: typeof Axe }
    const { violations } = await axe.run({ runOnly: rules })
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`))
  }, RULES)
}
