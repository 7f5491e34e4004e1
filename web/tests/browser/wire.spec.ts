// The wire drawer before the real program: what it shows is what happened.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Route } from 'playwright-core'
import { afterEach, expect, test } from 'vitest'
import type { EventPage, Me, Message } from '../../src/api/types'
import { Drawer, endsWith } from './harness/drawer'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'
import { Proxy } from './harness/proxy'

const linger = useLinger()
const proxies: Proxy[] = []

afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.stop()
})

const from = (drawer: Drawer) => drawer.root.locator('.is-held .bar').first().evaluate((bar) => Number((bar as HTMLElement).style.getPropertyValue('--from')))

test('a held request grows, and ends with a dot when news comes', async () => {
  const ann = await Drawer.open(linger, '/r/lobby', { name: 'ann' })
  const bob = await Person.arrive(linger.server.url, 'bob')
  // With the first word comes the news that somebody joined.
  await bob.say('water is on')
  const held = ann.root.locator('.is-held')
  await expect.poll(() => held.locator('.got').innerText()).toMatch(/^held [3-9] s$/)
  const before = await from(ann)
  await expect.poll(() => from(ann)).toBeLessThan(before - 3)
  await ann.picture('wire-held')

  const cursor = await held.locator('.out').getAttribute('title')
  await bob.say('the kettle is on')
  const answered = ann.root.locator(`.requests li:has(.out[title='${cursor}'])`).last()
  await expect.poll(() => answered.locator('.got').innerText()).toMatch(/^[12] events?, \d+ B$/)
  expect(await answered.locator('.news').count()).toBe(1)
  // The cursor that came back is the one that goes out next.
  const back = await answered.locator('.came').getAttribute('title')
  await expect.poll(() => held.locator('.out').getAttribute('title')).toBe(back)
  await ann.picture('wire-answered')
})

test('a request that is cut on the way is shown as cut, and the hold that is asked for becomes shorter', async () => {
  const proxy = await Proxy.start(linger.server.url, { cutMs: 2500 })
  proxies.push(proxy)
  const ann = await Drawer.open(linger, '/r/lobby', { url: proxy.url })
  // A browser sends a request again by itself, once, where a used connection is cut.
  await expect.poll(() => ann.root.locator('.is-cut .got').first().innerText()).toMatch(/^cut after [2-5]\.\d s$/)
  await expect.poll(() => ann.stand()).toContain('something on the way cuts requests, so they are held shorter')
  await ann.picture('wire-cut')
})

test('the three ways cost what the articles say', async () => {
  const ann = await Drawer.open(linger, '/r/lobby', { name: 'ann' })
  const bob = await Person.arrive(linger.server.url, 'bob')
  for (const mode of ['short', 'long', 'sse'] as const) {
    await ann.choose(mode)
    if (mode === 'short') await ann.setInterval(1)
    for (let n = 0; n < 2; n += 1) {
      // Right after a question, so that the news has to wait for the next one.
      const next = mode === 'short' ? (await figure(ann, 'Requests', mode)) + 1 : 0
      await expect.poll(() => figure(ann, 'Requests', mode)).toBeGreaterThanOrEqual(next)
      await bob.say(`${mode} ${n}`)
      await endsWith(ann.page, [`${mode} ${n}`])
    }
    // A rate says something after some seconds only.
    await expect.poll(() => figure(ann, 'In use', mode)).toBeGreaterThanOrEqual(8)
  }
  await ann.picture('wire-three-ways')
  const totals = await ann.totals()
  const line = (at: number) => totals[at]?.slice(1).map((cell) => Number.parseFloat(cell)) ?? []
  const [short = 0, long = 0, sse = 0] = line(2)
  expect(short).toBeGreaterThan(40)
  expect([long < short, sse <= long, line(1)[2]]).toEqual([true, true, 1])
  const empty = line(3)
  expect([(empty[0] ?? 0) >= 2, empty[2]]).toEqual([true, 0])
  // News waits for the next question of a short poll, and for nothing else.
  const delays = totals[6]?.slice(1) ?? []
  expect(delays.map((delay) => delay.endsWith(' ms'))).toEqual([true, true, true])
  expect(line(6)[0]).toBeGreaterThan(2 * (line(6)[1] ?? 0))
})

/** Returns a figure of the totals, in a line and under a way. */
async function figure(drawer: Drawer, line: string, mode: 'short' | 'long' | 'sse'): Promise<number> {
  const cells = (await drawer.totals()).find(([name]) => name === line) ?? []
  return Number.parseFloat(cells[['short', 'long', 'sse'].indexOf(mode) + 1] ?? '') || 0
}

test('an experiment is one tab\'s, and ends with the drawer', async () => {
  const ann = await Drawer.open(linger, '/r/lobby', { name: 'ann' })
  const other = await Drawer.at(await ann.page.context().newPage(), `${linger.server.url}/r/lobby`)
  await expect.poll(() => other.stand()).toContain('2 tabs, 1 connection')
  await ann.choose('short')
  await expect.poll(() => ann.stand()).toBe('asks every 2 s · this tab alone')
  await expect.poll(() => other.stand()).toMatch(/^held up to \d+ s · 1 tab, 1 connection$/)
  await ann.root.getByRole('button', { name: 'Close the wire' }).click()
  await expect.poll(() => other.stand()).toContain('2 tabs, 1 connection')
})

test('in bad weather nothing is lost and nothing doubled', async () => {
  const ann = await Drawer.open(linger, '/r/lobby', { name: 'ann' })
  const bob = await Person.arrive(linger.server.url, 'bob')
  await ann.turnWeather()
  await expect.poll(() => ann.stand()).toContain('this tab alone')
  const texts = Array.from({ length: 40 }, (_, n) => `drop ${n}`)
  for (const [n, text] of texts.entries()) {
    await bob.say(text)
    // Now and then all has to come through, or one answer would bring it all.
    if (n % 5 === 4) await endsWith(ann.page, [text])
    expect(await ann.counters()).toBe('lost 0 · doubled 0')
  }
  await ann.say('through the storm')
  await endsWith(ann.page, ['through the storm'])
  await expect.poll(() => ann.root.locator('.clean small').innerText()).toMatch(/^of 4\d messages$/)
  expect(await ann.counters()).toBe('lost 0 · doubled 0')
  expect(await ann.root.locator('.got', { hasText: 'by the weather' }).count()).toBeGreaterThan(2)
  await ann.picture('wire-weather')
  await ann.turnWeather()
  await expect.poll(() => ann.stand()).toContain('1 tab, 1 connection')
  const shown = (await ann.page.locator('.said .text').allInnerTexts()).map((text) => text.trim())
  expect(shown.filter((text) => text.startsWith('drop '))).toEqual(texts)
})

test('an event that never came is missed by its number, and is read again until the server gives it', async () => {
  const ann = await Drawer.open(linger, '/r/lobby', { name: 'ann' })
  const bob = await Person.arrive(linger.server.url, 'bob')
  await bob.say('before the gap')
  await endsWith(ann.page, ['before the gap'])
  await expect.poll(() => ann.proof()).toMatch(/^complete: #1 to #\d+$/)
  let dropped = 0
  let refused = 0
  await ann.page.route(/\/api\/v1\/events\?/, async (route) => {
    const answer = await route.fetch().catch(() => null)
    if (!answer) return route.abort()
    const page = (await answer.json()) as EventPage
    const events = page.events.filter((event) => event.type !== 'message_sent' || event.message.text !== 'never came')
    dropped += page.events.length - events.length
    await route.fulfill({ response: answer, json: { ...page, events } })
  })
  const refuse = (route: Route) => {
    refused += 1
    return route.fulfill({ status: 503, json: { status: 503 } })
  }
  await ann.page.route(/\/rooms\/lobby\/(events|messages)\?/, refuse)
  for (const text of ['the last whole answer', 'never came', 'after the gap']) {
    await bob.say(text)
    if (text !== 'never came') await endsWith(ann.page, [text])
  }
  await ann.root.locator('.proof.is-missing').waitFor()
  // The transcript and the proof have each asked in vain, and ask again.
  await expect.poll(() => refused).toBeGreaterThanOrEqual(4)
  expect([dropped, await ann.counters()]).toEqual([1, 'lost 1 · doubled 0'])
  await ann.picture('wire-missing')

  await ann.page.unroute(/\/rooms\/lobby\/(events|messages)\?/, refuse)
  await endsWith(ann.page, ['never came', 'after the gap'])
  await expect.poll(() => ann.proof()).toMatch(/^complete: #1 to #\d+$/)
  await expect.poll(() => ann.counters()).toBe('lost 0 · doubled 0')
  await ann.page.unrouteAll({ behavior: 'ignoreErrors' })
})

const run = promisify(execFile)

/** Returns what the lines print, as a shell runs them when they are pasted. */
async function inShell(lines: string): Promise<string> {
  return (await run('/bin/sh', ['-c', lines], { timeout: 60_000 })).stdout
}

test('copied lines run in a shell and give what the drawer showed', async () => {
  const ann = await Drawer.open(linger, '/r/lobby', { name: 'ann' })
  const bob = await Person.arrive(linger.server.url, 'bob')
  // Each in an answer of its own: said at once, on a busy machine, they come in one.
  for (const text of ['one', 'two', 'three']) {
    await ann.root.locator('.is-held').waitFor()
    await bob.say(text)
    await endsWith(ann.page, [text])
  }
  await ann.root.getByRole('button', { name: 'Stand still' }).click()
  const compared: { line: string; shown: number; given: number }[] = []
  for (const row of await ann.rows.all()) {
    const shown = /^(\d+) event/.exec(await row.locator('.got').innerText())?.[1]
    const [line = '', tokenLine] = await ann.curl(row)
    // With a token it is somebody else who asks: that is tried below.
    if (shown === undefined || tokenLine !== undefined) continue
    const { events } = JSON.parse(await inShell(line)) as EventPage
    compared.push({ line, shown: Number(shown), given: events.length })
  }
  expect(compared.length).toBeGreaterThan(1)
  expect(compared.filter(({ shown, given }) => shown !== given)).toEqual([])
})

test('a line that needs a token says how to get one', async () => {
  const ann = await Drawer.open(linger, '/r/lobby', { name: 'ann' })
  const me = ann.rows.filter({ hasText: 'GET me' }).last()
  const [line, tokenLine] = await ann.curl(me)
  const { user } = JSON.parse(await inShell(`${tokenLine}\n${line}`)) as Me
  expect(user.role).toBe('guest')
  await ann.say('said once')
  const [send, sendToken] = await ann.curl(ann.root.locator('.is-sent').first())
  const { message } = JSON.parse(await inShell(`${sendToken}\n${send}`)) as { message: Message }
  expect(message.text).toBe('said once')
})

test('the proof goes from #1 in an open room, and from my stay in a closed one', async () => {
  const { url } = linger.server
  const bob = await Person.arrive(url, 'bob')
  const ann = await Drawer.open(linger, '/r/lobby', { name: 'ann' })
  await expect.poll(() => ann.proof()).toMatch(/^complete: #1 to #\d+$/)
  const before = Number(/\d+$/.exec(await ann.proof())?.[0])
  await bob.say('one more')
  await expect.poll(async () => Number(/\d+$/.exec(await ann.proof())?.[0])).toBeGreaterThan(before)

  const me = (await (await ann.page.context().request.get(`${url}/api/v1/me`)).json()) as { user: { id: number } }
  const opener = (await (await fetch(`${url}/api/v1/guests`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"name":"cleo"}' })).json()) as { token: string }
  const ask = (method: string, path: string, body?: object) =>
    fetch(`${url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${opener.token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
  await ask('POST', '/rooms', { slug: 'bridge-club', kind: 'closed' })
  for (const text of ['before', 'ann', 'came']) await ask('POST', '/rooms/bridge-club/messages', { text })
  // People are added out of those whom one shares rooms with.
  await ask('PUT', '/rooms/lobby/members/me')
  await ann.say('I am here')
  await expect.poll(async () => (await ask('PUT', `/rooms/bridge-club/members/${me.user.id}`)).status).toBe(204)
  const closed = await Drawer.at(await ann.page.context().newPage(), `${url}/r/bridge-club`)
  await expect.poll(() => closed.proof()).toMatch(/^complete since you came: #[4-9] to #[4-9]$/)
  await closed.picture('wire-closed-room')
})

test('on a phone the drawer takes the screen, and gives it back with the focus', async () => {
  const ann = await Drawer.open(linger, '/r/lobby', { name: 'ann', viewport: { width: 390, height: 844 } })
  const focused = () => ann.page.evaluate(() => document.activeElement?.className ?? '')
  await expect.poll(focused).toBe('wire')
  expect(await ann.page.locator('.strip-wrap').isVisible()).toBe(false)
  await ann.page.keyboard.press('Escape')
  await expect.poll(() => ann.page.evaluate(() => document.activeElement?.id)).toBe('composer')
  expect([await ann.root.count(), await ann.page.locator('.strip-wrap').isVisible()]).toEqual([0, true])
})
