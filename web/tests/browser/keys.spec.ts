// The keys: for writing, for composing with an input method, and for people without a mouse.
import type { CDPSession } from 'playwright-core'
import { expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'

const linger = useLinger()

/** The key that ends a composition, as it is reported on Linux and Windows, and on a Mac. */
const ENTERS_OF_INPUT_METHODS = [
  { key: 'Process', code: 'Enter', windowsVirtualKeyCode: 229 },
  { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 },
  { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13 },
]

test('Enter sends, and Shift+Enter makes a line', async () => {
  const ann = await linger.open({ name: 'ann' })
  await ann.composer.pressSequentially('first line')
  await ann.composer.press('Shift+Enter')
  await ann.composer.pressSequentially('second line')
  expect(await ann.composer.inputValue()).toBe('first line\nsecond line')
  expect(await ann.texts()).toEqual([])

  await ann.composer.press('Enter')
  await ann.shows(['first line\nsecond line'])
  expect(await ann.composer.inputValue()).toBe('')

  await ann.composer.press('Enter')
  await ann.composer.pressSequentially('   ')
  await ann.composer.press('Enter')
  await ann.say('the next one')
  await ann.shows(['first line\nsecond line', 'the next one'])
})

test('Enter belongs to the input method while it composes', async () => {
  const ann = await linger.open({ name: 'ann' })
  const before = await ann.texts()
  const keyboard = await ann.context.newCDPSession(ann.page)
  await ann.composer.focus()

  for (const enter of ENTERS_OF_INPUT_METHODS) {
    await compose(keyboard, 'ni hao')
    await expect.poll(() => ann.composer.inputValue()).toBe('ni hao')
    await keyboard.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...enter })
    await keyboard.send('Input.insertText', { text: '你好' })
    await keyboard.send('Input.dispatchKeyEvent', { type: 'keyUp', ...enter })
    await expect.poll(() => ann.composer.inputValue()).toBe('你好')

    await compose(keyboard, 'shi jie')
    await keyboard.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...enter })
    await keyboard.send('Input.insertText', { text: '，世界' })
    await expect.poll(() => ann.composer.inputValue()).toBe('你好，世界')
    expect(await ann.texts()).toEqual(before)

    await liftFinger(ann)
    await ann.composer.press('Enter')
    before.push('你好，世界')
    await ann.shows(before)
  }
})

test('Enter belongs to the input method in the name as well', async () => {
  const ann = await linger.open({ name: 'ann' })
  const keyboard = await ann.context.newCDPSession(ann.page)
  await ann.page.getByRole('link', { name: 'Change name' }).click()
  const field = ann.page.locator('#my-name')

  for (const enter of ENTERS_OF_INPUT_METHODS) {
    await field.fill('')
    await compose(keyboard, 'chen mo')
    await keyboard.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...enter })
    await keyboard.send('Input.insertText', { text: '陈默' })
    await keyboard.send('Input.dispatchKeyEvent', { type: 'keyUp', ...enter })
    await expect.poll(() => field.inputValue()).toBe('陈默')
  }
  await liftFinger(ann)
  await field.press('Enter')
  await expect.poll(() => ann.name()).toBe('陈默')
})

/** The other fields that Enter does something in: the way to each, and what is written there, so that Enter would act. */
const FIELDS: { field: string; path: string; open: string[]; text: string }[] = [
  { field: '.find input', path: '', open: [], text: 'lobby' },
  { field: '.dialog [type=search]', path: '', open: ['.people-count', '.aside .fact >> nth=1'], text: 'bob' },
  { field: '#room-name', path: '', open: ['.rail-top .tool'], text: 'tea' },
  { field: '#room-slug', path: '', open: ['.rail-top .tool'], text: 'tea' },
  { field: '#room-topic', path: '', open: ['.rail-top .tool'], text: 'leaves' },
  { field: '.say input', path: '/how', open: [], text: 'hello' },
]

test('Enter belongs to the input method in every field that it does something in', async () => {
  const { url } = linger.server
  const bob = await Person.arrive(url, 'bob')
  await bob.say('I am in the lobby')
  const dan = await Person.arrive(url, 'dan')
  const ann = await linger.open({ name: 'ann' })
  await ann.say('so am I')
  await ann.endsWith(['so am I'])
  const keyboard = await ann.context.newCDPSession(ann.page)
  const acts: string[] = []
  ann.page.on('request', (request) => request.method() !== 'GET' && acts.push(`${request.method()} ${new URL(request.url()).pathname}`))
  for (const [index, { field: selector, path, open, text }] of FIELDS.entries()) {
    const room = `/r/field-${index}`
    await dan.openRoom(`field-${index}`)
    await ann.page.goto(url + (path || room))
    await ann.page.locator('.my-name').waitFor()
    if (path === '') {
      await ann.page.getByRole('button', { name: /^Join/ }).click()
      await ann.page.getByRole('button', { name: /^Join/ }).waitFor({ state: 'detached' })
    }
    for (const step of open) await ann.page.locator(step).click()
    const field = ann.page.locator(selector)
    if (selector === '#room-topic') await ann.page.locator('#room-name').fill(`of topic ${index}`)
    if (text === 'bob') await ann.page.locator('.dialog .person').first().waitFor()
    acts.length = 0
    for (const enter of ENTERS_OF_INPUT_METHODS) {
      await field.fill('')
      await field.focus()
      await compose(keyboard, text)
      await keyboard.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...enter })
      await keyboard.send('Input.insertText', { text })
      await keyboard.send('Input.dispatchKeyEvent', { type: 'keyUp', ...enter })
      await expect.poll(() => field.inputValue()).toBe(text)
      await liftFinger(ann)
    }
    expect([selector, acts, new URL(ann.page.url()).pathname]).toEqual([selector, [], path || room])
    // The same key does act when no input method works, or this would prove nothing.
    await field.press('Enter')
    await expect.poll(() => acts.length > 0 || new URL(ann.page.url()).pathname !== (path || room)).toBe(true)
  }
})

test('the Tab key visits everything in reading order, and each stop is visible', async () => {
  const ann = await linger.open({ name: 'ann' })
  await ann.say('see https://example.org/ there')
  await ann.endsWith(['see https://example.org/ there'])
  await ann.composer.pressSequentially('a draft')
  expect(await focused(ann)).toBe('Message #lobby')

  // The list of rooms is one stop; the arrow keys move in it.
  const backwards = ['https://example.org/', 'Messages in #lobby', /^\d+ (person|people). Show them$/, 'Settings, ann', 'Change name', '#lobby', 'Find a room', 'Open a room']
  for (const stop of backwards) {
    do await press(ann, 'Shift+Tab')
    while (/^(Show the requests|Edit|Show earlier messages)/.test(await focused(ann)))
    expect(await focused(ann)).toMatch(stop)
  }
  for (const stop of [...backwards.toReversed().slice(1), 'Message #lobby']) {
    do await press(ann, 'Tab')
    while (/^(Show the requests|Edit|Show earlier messages)/.test(await focused(ann)))
    expect(await focused(ann)).toMatch(stop)
  }
})

test('the first stop leads straight to writing', async () => {
  const ann = await linger.open({ name: 'ann' })
  for (let stop = 0; (await focused(ann)) !== 'Skip to writing a message' && stop < 50; stop += 1) {
    await ann.page.keyboard.press('Shift+Tab')
  }
  await ann.page.keyboard.press('Enter')
  expect(await focused(ann)).toBe('Message #lobby')
})

test('one can take a name and talk without a mouse', async () => {
  const ann = await linger.open({ name: 'ann' })
  const bob = await linger.open({ name: 'bob' })
  const before = await ann.texts()
  for (let stop = 0; (await focused(ann)) !== 'Change name' && stop < 50; stop += 1) {
    await ann.page.keyboard.press('Shift+Tab')
  }
  await ann.page.keyboard.press('Enter')
  for (let stop = 0; (await ann.page.evaluate(() => document.activeElement?.id)) !== 'my-name' && stop < 50; stop += 1) {
    await ann.page.keyboard.press('Tab')
  }
  await ann.page.keyboard.press('Control+a')
  await ann.page.keyboard.type('Annika')
  await ann.page.keyboard.press('Enter')
  await expect.poll(() => ann.name()).toBe('Annika')
  // As the browser's own keys for the way back do.
  await ann.page.goBack()
  await ann.composer.waitFor()

  for (let stop = 0; (await focused(ann)) !== 'Message #lobby' && stop < 50; stop += 1) {
    await ann.page.keyboard.press('Tab')
  }
  await ann.page.keyboard.type('said without a mouse')
  await ann.page.keyboard.press('Enter')
  await bob.shows([...before, 'said without a mouse'])
  expect(await bob.authorOf('said without a mouse')).toBe('Annika')
  expect(await focused(ann)).toBe('Message #lobby')
})

async function compose(keyboard: CDPSession, text: string): Promise<void> {
  // As it comes from a keyboard: letter by letter.
  for (let length = 1; length <= text.length; length += 1) {
    const part = { text: text.slice(0, length), selectionStart: length, selectionEnd: length }
    await keyboard.send('Input.imeSetComposition', part)
  }
}

/** Lets the page come to rest, as it does between two keys of a person. */
function liftFinger({ page }: Chat): Promise<void> {
  return page.evaluate(() => new Promise((resolve) => setTimeout(resolve)))
}

/** Returns what a screen reader would call the element that has the focus. */
function focused({ page }: Chat): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement
    return element?.getAttribute('aria-label') ?? element?.textContent?.trim() ?? ''
  })
}

/** Presses a key that moves the focus, and checks that the focus could be seen before. */
async function press(chat: Chat, key: string): Promise<void> {
  const AROUND_PX = 8
  await chat.isStill()
  const box = await chat.page.evaluate(() => {
    const { x, y, width, height } = document.activeElement?.getBoundingClientRect() ?? new DOMRect()
    return { x, y, width, height }
  })
  const x = Math.max(0, box.x - AROUND_PX)
  const y = Math.max(0, box.y - AROUND_PX)
  const clip = { x, y, width: box.width + 2 * AROUND_PX, height: box.height + 2 * AROUND_PX }
  const stop = await focused(chat)
  const withFocus = await chat.page.screenshot({ clip })
  await chat.page.keyboard.press(key)
  await chat.isStill()
  const without = await chat.page.screenshot({ clip })
  expect(withFocus.equals(without), `the focus on "${stop}" is invisible`).toBe(false)
}
