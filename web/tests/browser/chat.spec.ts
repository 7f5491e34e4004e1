// Two people talk, each in a browser of their own.
import { expect, test } from 'vitest'
import { Gate } from './harness/gate'
import { useLinger } from './harness/linger'
import { readLog } from './harness/person'

const linger = useLinger()

test('two people talk without reloading the page', async () => {
  const ann = await linger.open({ name: 'ann' })
  const bob = await linger.open({ name: 'bob' })
  const openedAt = () => Promise.all([ann, bob].map(({ page }) => page.evaluate(() => performance.timeOrigin)))
  const before = await openedAt()

  await ann.say('Hello, is anybody here?')
  await bob.endsWith(['Hello, is anybody here?'])
  await bob.say('Yes: bob.')
  await ann.endsWith(['Hello, is anybody here?', 'Yes: bob.'])
  await ann.say('你好 👋')
  await bob.endsWith(['Hello, is anybody here?', 'Yes: bob.', '你好 👋'])

  expect(await bob.authorOf('你好 👋')).toBe('ann')
  expect(await ann.authorOf('Yes: bob.')).toBe('bob')
  expect(await openedAt()).toEqual(before)
})

test('an own message shows at once, and is marked until the server has it', async () => {
  const ann = await linger.open({ name: 'ann' })
  const bob = await linger.open({ name: 'bob' })
  const gate = new Gate()
  await ann.page.route('**/rooms/lobby/messages/*', async (route) => {
    await gate.opened
    await route.continue()
  })

  await ann.say('on its way')
  await expect.poll(() => ann.line('on its way').getAttribute('data-state')).toBe('sending')
  await ann.page.getByText('Sending…').waitFor()
  expect(await ann.composer.inputValue()).toBe('')
  expect(await bob.texts()).not.toContain('on its way')

  gate.open()
  await ann.endsWith(['on its way'])
  await ann.page.getByText('Sending…').waitFor({ state: 'detached' })
  await bob.endsWith(['on its way'])
})

test('messages that are written quickly arrive in the order in which they were written', async () => {
  const ann = await linger.open({ name: 'ann' })
  const bob = await linger.open({ name: 'bob' })
  const texts = Array.from({ length: 12 }, (_, index) => `quick ${index + 1}`)
  for (const text of texts) await ann.say(text)
  await bob.endsWith(texts)
  await ann.endsWith(texts)
})

test('a reload keeps the name, the messages and the draft', async () => {
  const ann = await linger.open()
  const name = await ann.name()
  await ann.say('before the reload')
  await ann.endsWith(['before the reload'])
  await ann.composer.fill('half a thou')
  const texts = await ann.texts()

  await ann.reload()
  expect(await ann.name()).toBe(name)
  await ann.shows(texts)
  expect(await ann.authorOf('before the reload')).toBe(name)
  expect(await ann.composer.inputValue()).toBe('half a thou')
})

test('a new name survives a reload, and shows to the others with the next message', async () => {
  const ann = await linger.open({ name: 'ann' })
  const bob = await linger.open({ name: 'bob' })
  await ann.say('said as ann')
  await bob.endsWith(['said as ann'])

  await ann.rename('Marguerite 玛格丽特')
  await ann.reload()
  expect(await ann.name()).toBe('Marguerite 玛格丽特')

  await ann.say('said as Marguerite')
  await bob.endsWith(['said as ann', 'said as Marguerite'])
  expect(await bob.authorOf('said as Marguerite')).toBe('Marguerite 玛格丽特')
})

test('markup in a message shows as text', async () => {
  const texts = [
    '<img src=x onerror="window.ran = 1; alert(1)">',
    '<script>window.ran = 2; alert(2)</script>',
    '"><svg onload="window.ran = 3"></svg>',
    '<b>bold</b> &amp; <a href="javascript:window.ran = 4">link</a>',
    'javascript:window.ran = 5 // http://127.0.0.1:1/"onmouseover="window.ran=5',
    '{{ constructor.constructor("window.ran = 6")() }}',
  ]
  const ann = await linger.open({ name: '<i>ann</i>' })
  const bob = await linger.open({ name: 'bob' })
  const inside = '.text :is(img, script, b, i, [onload], [onmouseover], a[href^="javascript:"], svg[onload])'
  for (const text of texts) await ann.say(text)

  for (const chat of [ann, bob]) {
    await chat.endsWith(texts)
    expect(await chat.authorOf(texts[0] ?? '')).toBe('<i>ann</i>')
    expect(await chat.page.locator(inside).count()).toBe(0)
  }
  // A page that was opened later builds the same from history.
  await bob.reload()
  await bob.endsWith(texts)
  expect(await bob.page.locator(inside).count()).toBe(0)
  for (const { page } of [ann, bob]) expect(await page.evaluate(() => 'ran' in window)).toBe(false)
})

test('the pages show the messages that the server has', async () => {
  const ann = await linger.open({ name: 'ann' })
  const log = await readLog(linger.server.url)
  expect(log.length).toBeGreaterThan(0)
  expect(await ann.texts()).toEqual(log.slice(-50))
})
