// Accessibility: axe-core finds nothing to say about the page, in all its looks and states.
import { expect, test } from 'vitest'
import { useLinger } from './harness/linger'
import { findings, LOOKS } from './harness/looks'
import { Person } from './harness/person'

const linger = useLinger()

test.each(LOOKS)('an empty room is accessible, $look', async ({ look, options }) => {
  const ann = await linger.open({ name: `ann ${LOOKS.findIndex((other) => other.look === look)}`, ...options })
  const bob = await Person.arrive(linger.server.url, `bob ${LOOKS.findIndex((other) => other.look === look)}`)
  const room = `empty-${LOOKS.findIndex((other) => other.look === look)}`
  await bob.openRoom(room)
  await ann.page.goto(`${linger.server.url}/r/${room}`)
  await ann.page.locator('.welcome').waitFor()
  expect(await findings(ann)).toEqual([])
})

test.each(LOOKS)('a room in use is accessible, $look', async ({ look, options }) => {
  const ann = await linger.open({ name: `ann of ${LOOKS.findIndex((other) => other.look === look)}`, ...options })
  const bob = await Person.arrive(linger.server.url, `bob of ${LOOKS.findIndex((other) => other.look === look)}`)
  await ann.say('Same here. 我也是。')
  await bob.sayAll(['See https://example.org/ for more', 'and\nthis', 'שלום לכולם, מישהו רוצה תה?\nAnd the other way.'])
  await expect.poll(() => ann.texts().then((texts) => texts.length)).toBeGreaterThan(3)
  expect(await findings(ann)).toEqual([])

  // A text is too long.
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
  await expect.poll(() => ann.line('not now').locator('.fate').count()).toBe(1)
  await ann.isStill()
  expect(await findings(ann)).toEqual([])
})

test.each(LOOKS)('the people, the dialogs and the other pages are accessible, $look', async ({ look, options }) => {
  const ann = await linger.open({ name: `ann by ${LOOKS.findIndex((other) => other.look === look)}`, ...options })
  const bob = await Person.arrive(linger.server.url, `bob by ${LOOKS.findIndex((other) => other.look === look)}`)
  const room = `people-${LOOKS.findIndex((other) => other.look === look)}`
  await bob.openRoom(room, { kind: 'closed', topic: 'Four at a table' })
  await ann.say('good evening')
  await ann.endsWith(['good evening'])
  await ann.page.locator('.people-count').click()
  await ann.page.locator('.aside .person').first().waitFor()
  expect(await findings(ann)).toEqual([])

  await ann.page.locator('.aside .fact').nth(1).click()
  await ann.page.locator('dialog[open]').waitFor()
  expect(await findings(ann)).toEqual([])
  await ann.page.keyboard.press('Escape')
  await ann.page.locator('dialog[open]').waitFor({ state: 'detached' })

  for (const [path, ready] of Object.entries({ settings: '#my-name', rooms: '.room-row', 'r/nowhere': '.welcome', nowhere: '.welcome, pre' })) {
    await ann.page.goto(`${linger.server.url}/${path}`)
    await ann.page.locator(ready).first().waitFor()
    if (path === 'nowhere') continue
    await ann.page.locator('.my-name').first().waitFor({ state: 'attached' })
    expect([path, ...(await findings(ann))]).toEqual([path])
  }
  await ann.page.goto(`${linger.server.url}/r/lobby`)
  await ann.isReady()
  await ann.page.locator('body').press('Control+,')
  await ann.page.locator('#my-name').waitFor()
  await ann.page.locator('#main').press('?')
  await ann.page.locator('.key-list').waitFor()
  expect(await findings(ann)).toEqual([])
})

test.each(LOOKS.filter(({ look }) => look.includes('phone')))('the rooms have a phone to themselves, and are accessible, $look', async ({ look, options }) => {
  const ann = await linger.open({ name: `ann among ${LOOKS.findIndex((other) => other.look === look)}`, ...options })
  await ann.page.locator('.room .back').click()
  await ann.page.locator('main.rail').waitFor()
  expect(await findings(ann)).toEqual([])
})

test.each(LOOKS)('nothing is cut off or wider than the screen, $look', async ({ options }) => {
  const ann = await linger.open({ name: '一个名字很长很长的人 with a very long name', ...options })
  await ann.say(`${'w'.repeat(400)} ${'字'.repeat(200)} https://example.org/${'path/'.repeat(60)}`)
  await ann.page.locator('.said[data-state]').waitFor({ state: 'detached' })
  await ann.isStill()
  const widths = await ann.page.evaluate(() => {
    const selectors = ['html', '.scroller', '.head', '.room']
    return selectors.map((selector) => {
      const element = document.querySelector(selector)
      return [selector, element ? element.scrollWidth - element.clientWidth : Number.NaN]
    })
  })
  expect(widths).toEqual(widths.map(([selector]) => [selector, 0]))
})

test('marks that are piled up stay within their own message', async () => {
  const ann = await linger.open({ name: 'ann with marks' })
  await ann.say(`Z${'\u0300\u0323'.repeat(30)} stays`)
  await ann.say('below')
  await ann.endsWith([`Z${'\u0300\u0323'.repeat(30)} stays`, 'below'])
  const overflow = await ann.page.locator('.said .text').first().evaluate((text) => getComputedStyle(text).overflow)
  expect(overflow).toBe('clip')
})
