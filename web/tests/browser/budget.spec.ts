// The cost that opening a room may have: bytes, time until it can be read and written in, long tasks.
//
// On a slow phone's terms: a fourth of a laptop's speed, 150 ms for each round
// trip, 1.6 Mbit/s. A machine that is slower than a laptop is slowed down by
// less, so that all judge alike. Where the browser takes long for a bare page,
// with a style and a line of text, a load is judged by what Linger adds to that. The
// best of some loads counts: a busy machine makes loads slower, never quicker.
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CDPSession, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'
import { slowness } from './harness/speed'

const BYTES_MAX = 100 * 1024
const READABLE_MS_MAX = 800
const WRITABLE_MS_MAX = 1500
const LONG_TASK_MS_MAX = 400
/** The share of a bare page in the budgets: two round trips, and 100 ms for the browser itself. */
const BARE_MS = 400
const LOADS_MAX = 8
const SLOWDOWN = 4

interface Load {
  /** The time after which a bare page could be read, just before. */
  bareMs: number
  /** Bytes of script and style, as they came over the network. */
  bytes: number
  readableMs: number
  writableMs: number
  /** The longest task of the page until one can write. */
  taskMs: number
}

declare global {
  interface Window {
    marks: { readableMs?: number; writableMs?: number; taskMs: number }
  }
}

const linger = useLinger()
let bare: Server

beforeAll(async () => {
  bare = createServer(({ url }, answer) => {
    answer.setHeader('Content-Type', url === '/style.css' ? 'text/css' : 'text/html')
    answer.end(url === '/style.css' ? 'p { color: green }' : '<!doctype html><link rel="stylesheet" href="/style.css"><p>words')
  })
  await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
  const bob = await Person.arrive(linger.server.url, 'bob')
  for (let i = 1; i <= 60; i += 1) await bob.say(`message ${i} of some that were said before`)
})

afterAll(() => bare.close())

it('a room is small and quick to open on a slow phone', async () => {
  const loads: Load[] = []
  for (let i = 0; i < LOADS_MAX && !loads.some(isWithin); i += 1) loads.push(await load())
  expect(loads).toSatisfy((all: Load[]) => all.some(isWithin))
})

it('an answer names its style and scripts before its body, the style first', async () => {
  const answer = await fetch(`${linger.server.url}/r/lobby`, { headers: { accept: 'text/html' } })
  const early = [...(answer.headers.get('link') ?? '').matchAll(/<(\/assets\/[^>]+)>/g)].map(([, address]) => address)
  const named = [...(await answer.text()).matchAll(/"(\/assets\/[^"]+)"/g)].map(([, address]) => address)
  expect([...early].sort()).toEqual([...named].sort())
  expect(early[0]).toMatch(/\.css$/)
})

function isWithin({ bareMs, bytes, readableMs, writableMs, taskMs }: Load): boolean {
  const isSmall = bytes > 0 && bytes <= BYTES_MAX
  const allowedMs = Math.max(0, bareMs - BARE_MS)
  const isQuick = readableMs <= READABLE_MS_MAX + allowedMs && writableMs <= WRITABLE_MS_MAX + allowedMs
  return isSmall && isQuick && taskMs <= LONG_TASK_MS_MAX
}

/** Opens the lobby as somebody who was never here. */
async function load(): Promise<Load> {
  const bareMs = await onSlowPhone(async (page) => {
    await page.goto(`http://127.0.0.1:${(bare.address() as AddressInfo).port}/`, { waitUntil: 'commit' })
    const painted = await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)
    return (await painted.jsonValue()) ?? Infinity
  })
  return onSlowPhone(async (page, session) => {
    const sizes = countBytes(session)
    await page.addInitScript(watch)
    await page.goto(`${linger.server.url}/r/lobby`, { waitUntil: 'commit' })
    const marks = await readMarks(page)
    return { bareMs, bytes: sizes.total(), ...marks }
  })
}

async function onSlowPhone<T>(use: (page: Page, session: CDPSession) => Promise<T>): Promise<T> {
  const context = await linger.newContext({ viewport: { width: 390, height: 844 } })
  const page = await context.newPage()
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 150,
    downloadThroughput: 1_600_000 / 8,
    uploadThroughput: 750_000 / 8,
  })
  const rate = SLOWDOWN / (await slowness(page))
  await session.send('Emulation.setCPUThrottlingRate', { rate: Math.min(SLOWDOWN, Math.max(1, rate)) })
  const used = await use(page, session)
  await context.close()
  return used
}

function countBytes(session: CDPSession): { total(): number } {
  const counted = new Set<string>()
  let bytes = 0
  session.on('Network.responseReceived', ({ requestId, type }) => {
    if (type === 'Script' || type === 'Stylesheet') counted.add(requestId)
  })
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (counted.has(requestId)) bytes += encodedDataLength
  })
  return { total: () => bytes }
}

/** Runs in the page, before everything else. */
function watch(): void {
  const marks: Window['marks'] = { taskMs: 0 }
  window.marks = marks
  let messageAt: number | null = null
  const look = () => {
    if (document.querySelector('.said .text')) messageAt ??= performance.now()
    // Nothing is painted before the style is there.
    const [painted] = performance.getEntriesByName('first-contentful-paint')
    if (messageAt !== null && painted) marks.readableMs ??= Math.max(messageAt, painted.startTime)
    const field = document.querySelector<HTMLTextAreaElement>('#composer')
    if (field && !field.disabled && document.querySelector('[data-v-app]')) marks.writableMs ??= performance.now()
    if (marks.readableMs === undefined || marks.writableMs === undefined) requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) marks.taskMs = Math.max(marks.taskMs, duration)
  }).observe({ type: 'longtask', buffered: true })
}

async function readMarks(page: Page): Promise<Omit<Load, 'bareMs' | 'bytes'>> {
  await page.waitForFunction(() => window.marks.readableMs !== undefined && window.marks.writableMs !== undefined)
  const { readableMs = Infinity, writableMs = Infinity, taskMs } = await page.evaluate(() => window.marks)
  return { readableMs, writableMs, taskMs }
}
