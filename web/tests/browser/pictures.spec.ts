// Files in the page: drawn, sent by button, drag and paste, over lines that break, and looked at.
import type { Page, Route } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import type { Chat } from './harness/chat'
import { useLinger } from './harness/linger'
import type { OpenOptions } from './harness/linger'
import { findings } from './harness/axe'
import { Person } from './harness/person'
import { png, silence } from './harness/pictures'
import { Proxy } from './harness/proxy'
import { DESK, PHONE, picture } from './harness/sight'

const linger = useLinger()
let bob: Person

beforeAll(async () => {
  bob = await Person.arrive(linger.server.url, 'bob')
})

/** Opens a room of its own for a test, with somebody in it. */
async function openRoom(slug: string, { url = linger.server.url, ...options }: OpenOptions = {}): Promise<Chat> {
  await bob.openRoom(slug)
  await bob.say('the kettle is on', slug)
  const ann = await linger.open({ url, ...options })
  await ann.visit(`${url}/r/${slug}`)
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
  const shown = ann.page.locator('.picture img')
  await shown.waitFor()
  await ann.isStill()
  const place = () => ann.page.evaluate(() => ['.picture img', '.caption', '.beginning'].map((part) => JSON.stringify(document.querySelector(part)?.getBoundingClientRect())))
  await expect.poll(() => held.length).toBe(1)
  const before = await place()
  await held[0]?.continue()
  await expect.poll(() => shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0)
  expect(await place()).toEqual(before)
  expect(await shown.evaluate((image: HTMLImageElement) => [image.width, image.height])).toEqual([240, 160])
})

test('files go up by the button, by drag and by paste, and out with one message', async () => {
  const ann = await openRoom('ways', { url: linger.server.plainUrl })
  const cleo = await linger.open()
  await cleo.visit(`${linger.server.url}/r/ways`)
  const choosing = ann.page.waitForEvent('filechooser')
  await ann.page.getByRole('button', { name: 'Attach files' }).click()
  await (await choosing).setFiles([
    { name: 'pier.png', mimeType: 'image/png', buffer: png(90, 60) },
    { name: '茶单.txt', mimeType: 'text/plain', buffer: Buffer.from('green tea') },
  ])
  await bring(ann, '#main', 'dragenter', { 'harbour.png': png(60, 90) })
  await ann.page.getByText('Drop the files for #ways').waitFor()
  await bring(ann, '#main', 'drop', { 'harbour.png': png(60, 90) })
  expect(await ann.page.locator('.drop-mark').count()).toBe(0)
  await bring(ann, '#composer', 'paste', { 'image.png': png(60, 60, 99) })
  await expect.poll(() => ann.page.locator('.attachment[data-state=up] bdi').allInnerTexts()).toEqual(['pier.png', '茶单.txt', 'harbour.png', 'image.png'])
  await ann.page.getByRole('button', { name: 'Remove image.png' }).click()
  expect(await ann.page.evaluate(() => document.activeElement?.id)).toBe('composer')
  await ann.say('what we saw')
  for (const chat of [ann, cleo]) {
    await expect.poll(() => chat.page.locator('.said:last-child :is(.picture img, .file bdi)').evaluateAll((parts) => parts.map((part) => part.getAttribute('alt') ?? part.textContent))).toEqual(['Picture: pier.png', 'Picture: harbour.png', '茶单.txt'])
    await chat.endsWith(['the kettle is on', 'what we saw'])
  }
  expect(await ann.page.locator('.attachment').count()).toBe(0)
})

test('an upload goes on over a cut line and a reload, and the message with it goes once', async () => {
  const proxy = await Proxy.start(linger.server.url, {})
  try {
    const ann = await openRoom('cuts', { url: proxy.url })
    await ann.page.route('**/api/v1/uploads/*', async (route) => {
      // A slow line, so that the cut comes in the middle.
      if (route.request().method() === 'PATCH') await new Promise((resolve) => setTimeout(resolve, 300))
      await route.continue().catch(() => {})
    })
    const sizes = () => proxy.passages.filter(({ line, outcome }) => line.startsWith('PATCH') && outcome === 'answered').length
    await ann.page.locator('.chooser').setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.alloc(3 << 20, 'tea ') })
    await expect.poll(sizes).toBeGreaterThan(0)
    proxy.goOffline()
    await ann.say('with notes')
    await ann.page.getByText('Goes out when the files are ready').waitFor()
    proxy.goOnline()
    await ann.page.locator('.said .file').waitFor()
    await ann.endsWith(['the kettle is on', 'with notes'])
    expect(proxy.passages.filter(({ line }) => line.startsWith('POST /api/v1/uploads')).length).toBe(1)

    // In the middle of the next one the page is loaded anew.
    const before = sizes()
    await ann.page.locator('.chooser').setInputFiles({ name: 'more.txt', mimeType: 'text/plain', buffer: Buffer.alloc(3 << 20, 'tea ') })
    await expect.poll(sizes).toBeGreaterThan(before)
    await ann.page.reload()
    await ann.page.locator('.attachment[data-state=up]').waitFor()
    await ann.say('and more')
    await ann.endsWith(['the kettle is on', 'with notes', 'and more'])
    expect(proxy.passages.filter(({ line }) => line.startsWith('POST /api/v1/uploads')).length).toBe(2)
  } finally {
    proxy.stop()
  }
})

test('the viewer goes through the pictures by keys, shows them larger, and gives the focus back', async () => {
  const ann = await openRoom('viewer')
  await show('viewer', { 'one.png': png(2000, 1200), 'list.txt': Buffer.from('no picture') })
  await show('viewer', { 'two.png': png(300, 900, 200) })
  const { page } = ann
  await page.locator('.picture').nth(1).waitFor()
  await page.locator('.picture').first().focus()
  await page.keyboard.press('Enter')
  const viewer = page.locator('.viewer[open]')
  const told = async () => [await viewer.locator('.about bdi').innerText(), await viewer.locator('header .quiet').innerText()]
  await viewer.waitFor()
  expect(await told()).toEqual(['one.png', '1 of 2'])
  await page.keyboard.press('ArrowRight')
  expect(await told()).toEqual(['two.png', '2 of 2'])
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowLeft')
  expect(await told()).toEqual(['one.png', '1 of 2'])
  await expect.poll(() => viewer.locator('img').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(2000)
  const width = () => viewer.locator('img').evaluate((image) => Math.round(image.getBoundingClientRect().width))
  expect(await width()).toBeLessThanOrEqual(1000)
  await viewer.locator('.zoom').click()
  expect(await width()).toBe(2000)
  const saving = page.waitForEvent('download')
  await viewer.getByRole('link', { name: 'Download' }).click()
  expect((await saving).suggestedFilename()).toBe('one.png')
  await page.keyboard.press('Escape')
  await viewer.waitFor({ state: 'detached' })
  expect(await page.evaluate(() => document.activeElement?.className)).toBe('picture')
})

const LOOKS: [look: string, options: OpenOptions][] = [
  ['desk-en light', DESK],
  ['phone-zh dark', { ...PHONE, colorScheme: 'dark', locale: 'zh-CN' }],
]

test.each(LOOKS)('files are accessible wherever they show, %s', async (look, options) => {
  const slug = `looks-${look.slice(0, 4)}`
  const ann = await openRoom(slug, options)
  await show(slug, { 'pier at six.png': png(900, 600), 'high.png': png(300, 900, 200), 'tiny.png': png(8, 8) }, 'three pictures')
  await show(slug, { 'song.wav': silence(2), 'a list of all the teas that we had in this long and cold winter.pdf': Buffer.from('%PDF-1.4') })
  await ann.page.locator('.audio').waitFor()
  await ann.page.route('**/api/v1/uploads', (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 413, json: {} }) : route.continue()), { times: 1 })
  await ann.page.locator('.chooser').setInputFiles({ name: 'film of the whole journey.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(99) })
  await ann.page.locator('.attachment.has-failed').waitFor()
  await ann.page.locator('.chooser').setInputFiles({ name: 'pier.png', mimeType: 'image/png', buffer: png(90, 60) })
  await ann.page.locator('.attachment[data-state=up]').waitFor()
  await ann.isStill()
  expect(await findings(ann.page)).toEqual([])
  await picture(ann.page, `files-${look}`)
  await ann.page.locator('.picture').first().click()
  await ann.page.locator('.viewer[open]').waitFor()
  await ann.isStill()
  expect(await findings(ann.page)).toEqual([])
  await picture(ann.page, `viewer-${look}`)
  if (!options.hasTouch) return

  // A finger that taps shows it larger and smaller; one that is drawn to the side goes on.
  const { page } = ann
  for (const count of [1, 0]) {
    await page.locator('.viewer .zoom').tap()
    await expect.poll(() => page.locator('.is-zoomed').count()).toBe(count)
  }
  await swipe(page, 300, 90)
  await expect.poll(() => page.locator('.viewer .about bdi').innerText()).toBe('high.png')
  expect(await page.locator('.is-zoomed').count()).toBe(0)
})

async function swipe(page: Page, from: number, to: number): Promise<void> {
  const cdp = await page.context().newCDPSession(page)
  const y = 400
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: from, y }] })
  for (let x = from; x >= to; x -= 30) await cdp.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [{ x, y }] })
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
}

/** Drags or pastes files, as the browser tells it. */
async function bring({ page }: Chat, selector: string, type: 'dragenter' | 'drop' | 'paste', files: Record<string, Buffer>): Promise<void> {
  const all = Object.entries(files).map(([name, bytes]) => ({ name, bytes: bytes.toString('base64') }))
  await page.locator(selector).evaluate(
    (target, { type: kind, all: given }) => {
      const data = new DataTransfer()
      for (const { name, bytes } of given) {
        data.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name, { type: 'image/png' }))
      }
      const init = { bubbles: true, cancelable: true }
      const event = kind === 'paste' ? new ClipboardEvent(kind, { ...init, clipboardData: data }) : new DragEvent(kind, { ...init, dataTransfer: data })
      target.dispatchEvent(event)
    },
    { type, all },
  )
}
