// Files in the page: drawn, sent by button, drag and paste, over lines that break, and looked at.
import type { Route } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'
import { png } from './harness/pictures'

const linger = useLinger()
let bob: Person

beforeAll(async () => {
  bob = await Person.arrive(linger.server.url, 'bob')
})

/** Opens a room of its own for a test, with ann in it. */
async function openRoom(slug: string, options: Parameters<typeof linger.open>[0] = {}): Promise<Chat> {
  await bob.openRoom(slug)
  await bob.say('the kettle is on', slug)
  const ann = await linger.open({ name: `ann ${slug}`, ...options })
  await ann.visit(`${linger.server.url}/r/${slug}`)
  return ann
}

/** bob says something with these files. */
async function show(room: string, files: Record<string, Buffer>, text = ''): Promise<void> {
  const ids: number[] = []
  for (const [name, bytes] of Object.entries(files)) ids.push((await bob.sendFile(name, bytes)).id)
  await bob.say(text, room, { files: ids })
}

test('a picture has its place before it is there, and nothing jumps when it comes', async () => {
  const ann = await openRoom('places')
  const held: Route[] = []
  await ann.page.route('**/thumbnail', (route) => void held.push(route))
  await show('places', { 'pier.png': png(900, 600) }, 'the pier')
  const picture = ann.page.locator('.picture img')
  await picture.waitFor()
  await ann.isStill()
  const place = () => ann.page.evaluate(() => ['.picture img', '.caption', '.beginning'].map((part) => JSON.stringify(document.querySelector(part)?.getBoundingClientRect())))
  await expect.poll(() => held.length).toBe(1)
  const before = await place()
  await held[0]?.continue()
  await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0)
  expect(await place()).toEqual(before)
  expect(await picture.evaluate((image: HTMLImageElement) => [image.width, image.height])).toEqual([240, 160])
})
