// Many rooms on one page: what is unread, going from one to another, opening, adding, leaving.
import { beforeAll, expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'

const linger = useLinger()
let bob: Person

beforeAll(async () => {
  bob = await Person.arrive(linger.server.url, 'bob')
  for (const room of ['tea', 'harbour', '大厅-二']) await bob.openRoom(room, { topic: `All about ${room}` })
  await bob.openRoom('bridge-club', { kind: 'closed' })
  await bob.sayAll(['welcome', 'sit down'].map(String))
  for (const room of ['tea', 'harbour']) await bob.say(`first of ${room}`, room)
})

/** Opens the page in a room. */
async function visit(chat: Chat, room: string): Promise<void> {
  await chat.page.goto(`${linger.server.url}/r/${encodeURIComponent(room)}`)
  await chat.isReady()
}

function link(chat: Chat, room: string) {
  return chat.page.locator('.room-link', { hasText: room })
}

test('what comes in another room counts there, stands first, and is read by going there', async () => {
  const ann = await linger.open({ name: 'ann' })
  for (const room of ['tea', 'harbour']) {
    await visit(ann, room)
    await ann.page.getByRole('button', { name: `Join #${room}` }).click()
    await ann.page.getByRole('button', { name: `Join #${room}` }).waitFor({ state: 'detached' })
  }
  await bob.say('one', 'tea')
  await bob.say('two', 'tea')
  await expect.poll(() => link(ann, 'tea').locator('.count').innerText()).toContain('2 unread')
  expect(await ann.page.locator('.rail h2').first().innerText()).toBe('Unread')
  await expect.poll(() => ann.page.title()).toBe('(2) #harbour · Linger')

  await link(ann, 'tea').click()
  await ann.endsWith(['one', 'two'])
  await ann.page.getByRole('heading', { name: 'New', exact: true }).waitFor()
  await expect.poll(() => ann.page.title()).toBe('#tea · Linger')
  expect(await link(ann, 'tea').getAttribute('aria-current')).toBe('page')
})

test('news from while the page was away is counted when it comes back', async () => {
  const ann = await linger.open({ name: 'ann away' })
  await visit(ann, 'tea')
  await ann.say('I am in')
  await ann.endsWith(['I am in'])
  await visit(ann, 'lobby')
  await ann.page.goto('about:blank')
  await bob.say('while you were away', 'tea')
  await visit(ann, 'lobby')
  await expect.poll(() => link(ann, 'tea').locator('.count').innerText()).toContain('1 unread')
})

test('going to a room that was seen before needs no request and takes one frame', async () => {
  const ann = await linger.open({ name: 'ann quick' })
  for (const room of ['tea', 'harbour']) {
    await visit(ann, room)
    await ann.say(`from ann in ${room}`)
    await ann.endsWith([`from ann in ${room}`])
  }
  await link(ann, 'tea').click()
  await ann.endsWith(['from ann in tea'])
  const requests: string[] = []
  ann.page.on('request', (request) => {
    // The browser asks for the icon when it likes.
    if (!/\/events|favicon/.test(request.url())) requests.push(request.url())
  })
  const frames = await ann.page.evaluate(async () => {
    const target = [...document.querySelectorAll<HTMLElement>('.room-link')].find((other) => other.textContent?.includes('harbour'))
    target?.click()
    for (let passed = 0; passed < 100; passed += 1) {
      await new Promise(requestAnimationFrame)
      if (document.querySelector('.scroller')?.textContent?.includes('from ann in harbour')) return passed + 1
    }
    return Infinity
  })
  expect([frames, requests]).toEqual([1, []])
})

test('a room that is only looked at is live before the first word', async () => {
  const cleo = await linger.open({ name: 'cleo' })
  await visit(cleo, 'harbour')
  await bob.say('live', 'harbour')
  await cleo.endsWith(['live'])
  await cleo.page.getByRole('button', { name: 'Join #harbour' }).waitFor()
})

test('a room is opened, with an address that follows from its name', async () => {
  const ann = await linger.open({ name: 'ann opens' })
  await ann.page.getByRole('button', { name: 'Open a room' }).click()
  await ann.page.locator('#room-name').fill('Tea & Cake')
  expect(await ann.page.locator('#room-slug').inputValue()).toBe('tea-cake')
  await ann.page.locator('#room-topic').fill('At four')
  await ann.page.locator('#room-name').press('Enter')
  await expect.poll(() => ann.page.locator('h1').innerText()).toBe('#Tea & Cake')
  expect(new URL(ann.page.url()).pathname).toBe('/r/tea-cake')
  expect(await ann.page.locator('.topic').innerText()).toBe('At four')
  await ann.say('the first word')
  await ann.endsWith(['the first word'])

  // The address is taken now.
  await ann.page.getByRole('button', { name: 'Open a room' }).click()
  await ann.page.locator('#room-name').fill('tea cake')
  await ann.page.locator('#room-name').press('Enter')
  await ann.page.getByText('There is a room at this address already.').waitFor()
})

test('a member of a closed room adds somebody, who sees it at once; leaving closes it again', async () => {
  const ann = await linger.open({ name: 'ann inside' })
  const dan = await linger.open({ name: 'dan' })
  for (const chat of [ann, dan]) {
    await chat.say(`${await chat.name()} is here`)
    await chat.page.locator('.said[data-state]').waitFor({ state: 'detached' })
  }
  await ann.page.getByRole('button', { name: 'Open a room' }).click()
  await ann.page.locator('#room-name').fill('club')
  await ann.page.getByText('Closed', { exact: true }).click()
  await ann.page.locator('#room-name').press('Enter')
  await expect.poll(() => ann.page.locator('h1').innerText()).toBe('#club')

  await ann.say('members only')
  await ann.endsWith(['members only'])
  await ann.page.locator('.people-count').click()
  await ann.page.getByRole('button', { name: 'Add somebody' }).click()
  await ann.page.getByRole('button', { name: 'Add dan' }).click()
  await ann.page.getByText('dan is in now.').waitFor()
  await ann.page.keyboard.press('Escape')
  await link(dan, 'club').click()
  await expect.poll(() => dan.page.locator('h1').innerText()).toBe('#club')
  await ann.page.getByText('ann inside added dan').waitFor()

  await dan.page.locator('.people-count').click()
  await dan.page.getByRole('button', { name: 'Leave this room' }).click()
  await dan.page.getByRole('button', { name: 'Leave', exact: true }).click()
  await dan.page.getByText('You left this room').waitFor()
  await link(dan, 'club').waitFor({ state: 'detached' })
  await expect.poll(() => ann.page.locator('.people-count').innerText()).toContain('1 person')
  await dan.page.getByRole('button', { name: 'Come back' }).click()
  await ann.page.getByText('dan joined').waitFor()
  await ann.say('welcome back')
  await dan.endsWith(['welcome back'])
  // Said while dan was not in.
  expect(await dan.texts()).not.toContain('members only')
})

test('a room that is not there, or not for me, says so and leads on', async () => {
  const ann = await linger.open({ name: 'ann lost' })
  for (const room of ['nowhere', 'bridge-club']) {
    await ann.page.goto(`${linger.server.url}/r/${room}`)
    await ann.page.getByText('There is no such room').waitFor()
  }
  await ann.page.getByRole('link', { name: 'Go to the lobby' }).click()
  await expect.poll(() => ann.page.locator('h1').innerText()).toBe('#lobby')
})

test('the open rooms are listed with their topics, and lead there', async () => {
  const ann = await linger.open({ name: 'ann browses' })
  await ann.page.getByRole('link', { name: 'Browse open rooms' }).click()
  await ann.page.getByRole('link', { name: /#tea All about tea/ }).click()
  await expect.poll(() => ann.page.locator('h1').innerText()).toBe('#tea')
  expect(await ann.page.locator('.rows').count()).toBe(0)
})

test('a room is found by typing, and its list is walked by the arrow keys', async () => {
  const ann = await linger.open({ name: 'ann finds' })
  for (const room of ['tea', 'harbour', '大厅-二']) {
    await visit(ann, room)
    await ann.say('here')
    await ann.endsWith(['here'])
  }
  await ann.composer.press('Control+k')
  await ann.page.keyboard.type('harb')
  await expect.poll(() => ann.page.locator('.rail .room-link .hash').count()).toBe(1)
  await ann.page.keyboard.press('Enter')
  await expect.poll(() => ann.page.locator('h1').innerText()).toBe('#harbour')

  await ann.composer.press('Control+k')
  await ann.page.keyboard.press('ArrowDown')
  const focused = () => ann.page.evaluate(() => document.activeElement?.textContent?.trim())
  expect(await focused()).toContain('harbour')
  await ann.page.keyboard.press('ArrowDown')
  expect(await focused()).toContain('tea')
  await ann.page.keyboard.press('Enter')
  await expect.poll(() => ann.page.locator('h1').innerText()).toBe('#tea')

  await ann.composer.press('Alt+ArrowUp')
  await expect.poll(() => ann.page.locator('h1').innerText()).toBe('#harbour')
})

test('a new message is read out politely, once, and nothing old with it', async () => {
  const ann = await linger.open({ name: 'ann listens' })
  await visit(ann, 'tea')
  await bob.say('read this out', 'tea')
  await ann.endsWith(['read this out'])
  expect(await ann.page.locator('[aria-live=polite] p').allInnerTexts()).toEqual(['bob: read this out'])
})

test('another name and topic are offered to the room\'s opener, and to nobody else', async () => {
  const ann = await linger.open({ name: 'ann' })
  const dan = await linger.open({ name: 'dan' })
  const api = `${linger.server.url}/api/v1/rooms`
  await ann.context.request.post(api, { data: { slug: 'pantry' } })
  await dan.context.request.put(`${api}/pantry/members/me`)
  for (const chat of [ann, dan]) {
    await chat.visit(`${linger.server.url}/r/pantry`)
    const isTold = chat.page.waitForResponse((answer) => answer.url().includes('/rooms/pantry/events?after=start'))
    await chat.page.locator('.people-count').click()
    await chat.page.getByRole('button', { name: 'Add somebody' }).waitFor()
    await isTold
  }
  const offer = ({ page }: typeof ann) => page.getByRole('button', { name: 'Name and topic' })
  await offer(ann).click()
  await ann.page.locator('#details-topic').fill('Jam and flour')
  await ann.page.locator('#details-topic').press('Enter')
  await expect.poll(() => dan.page.locator('.topic').innerText()).toBe('Jam and flour')
  expect(await offer(dan).count()).toBe(0)
})
