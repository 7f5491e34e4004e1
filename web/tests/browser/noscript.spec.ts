// Rooms in a browser that runs no script.
import { expect, test } from 'vitest'
import { findings } from './harness/axe'
import { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'
import { png } from './harness/pictures'
import { LOOKS, picture } from './harness/sight'

const linger = useLinger()

/** Says something as somebody new, and returns their token. */
async function say(room: string, name: string, text: string): Promise<string> {
  const answer = await fetch(`${linger.server.url}/r/${room}?as=${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: text,
  })
  expect(answer.status).toBe(201)
  return answer.headers.get('linger-token') ?? ''
}

/** Opens a room for a test of its own. */
async function openRoom(slug: string): Promise<void> {
  const token = await say('lobby', 'ann', `#${slug} is open`)
  const headers = { authorization: `Bearer ${token}` }
  const body = JSON.stringify({ slug, topic: 'Leaves, water, waiting.' })
  const opened = await fetch(`${linger.server.url}/api/v1/rooms`, { method: 'POST', headers, body })
  expect(opened.status).toBe(201)
}

/** Returns how many requests the server holds. */
async function held(): Promise<number> {
  const figures = await fetch(`${linger.server.url}/metrics`).then((answer) => answer.text())
  return Number(/^linger_requests_held (\d+)$/m.exec(figures)?.[1])
}

test('without script one reads, writes under a name, and waits for news', async () => {
  await openRoom('tea')
  await say('tea', 'ann', 'The kettle is on.')
  const context = await linger.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(`${linger.server.url}/r/tea`)
  expect(await page.title()).toBe('#tea · Linger')
  await page.getByText('The kettle is on.').waitFor()

  await page.getByLabel('Your name').fill('Zoë')
  await page.getByRole('textbox', { name: 'Message #tea' }).fill('Two cups?\n<b>Blue</b> ones.')
  await page.getByRole('button', { name: 'Send message' }).click()
  await page.getByText('<b>Blue</b> ones.').waitFor()
  expect(new URL(page.url()).pathname).toBe('/r/tea')
  expect(await page.locator('.group').last().locator('.name').innerText()).toBe('Zoë')
  // The server knows them now.
  expect(await page.getByLabel('Your name').count()).toBe(0)

  const waiting = page.getByRole('link', { name: 'wait for news' }).click()
  await expect.poll(held, { timeout: 20_000 }).toBe(1)
  await say('tea', 'bob', 'The blue ones are here.')
  await waiting
  await page.getByText('The blue ones are here.').waitFor()
  await page.getByText('Two cups?').waitFor()
  expect(await page.locator('.fresh').innerText()).toBe('New')
})

test.each(LOOKS)('what is beside a text is there without script, and marks are read, %s', async (look, options) => {
  const slug = `beside-${LOOKS.findIndex(([other]) => other === look)}`
  const bob = await Person.arrive(linger.server.url, 'bob')
  await bob.openRoom(slug)
  const files = await Promise.all([bob.sendFile('pier.png', png(600, 400)), bob.sendFile('list.txt', Buffer.from('Sencha, Assam'))])
  const pictures = await bob.say('The kettle is on.', slug, { files: files.map(({ id }) => id) })
  const answer = await bob.say('Coming', slug, { reply_to: pictures.id })
  await bob.call('PATCH', `/messages/${answer.id}`, { text: 'Coming soon' })
  for (const emoji of ['🍵', '👍']) await bob.call('PUT', `/messages/${answer.id}/reactions/${encodeURIComponent(emoji)}`)

  const context = await linger.newContext({ ...options, javaScriptEnabled: false })
  const chat = new Chat(context, await context.newPage())
  await chat.page.goto(`${linger.server.url}/r/${slug}`)
  await chat.composer.fill('say *hello*')
  await chat.page.locator('.send').click()
  await chat.page.locator('.said em', { hasText: 'hello' }).waitFor()
  await chat.page.locator('a.reply').click()
  await expect.poll(() => new URL(chat.page.url()).pathname).toBe(`/r/${slug}/${pictures.number}`)

  // Its scripts do not come, so that it stays as it is, and can be judged.
  const judged = await linger.newContext(options)
  const page = await judged.newPage()
  await page.route('**/assets/*.js', (route) => route.abort())
  await page.goto(`${linger.server.url}/r/${slug}`)
  await page.locator('.said em').waitFor()
  await expect.poll(() => page.locator('.picture img').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(100)
  await new Chat(judged, page).isStill()
  await picture(page, `noscript-beside-${look}`)
  expect(await findings(page)).toEqual([])
})

test('a link to a message shows it, and the way to the newest', async () => {
  await openRoom('long')
  const token = await say('long', 'ann', 'message 0')
  for (let number = 1; number < 120; number += 1) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'text/plain' }
    await fetch(`${linger.server.url}/r/long`, { method: 'POST', headers, body: `message ${number}` })
  }
  const context = await linger.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(`${linger.server.url}/r/long/50`)
  const target = page.locator('#m50')
  await target.waitFor()
  const box = await target.boundingBox()
  expect(box?.y).toBeGreaterThan(0)
  expect(box?.y).toBeLessThan(700)
  await page.getByRole('link', { name: 'To the newest messages' }).click()
  await page.getByText('message 119').waitFor()
  await page.getByRole('link', { name: 'Show earlier messages' }).click()
  await page.getByText('message 69').waitFor()
})
