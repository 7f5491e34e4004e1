// A tab that joins the engine's pages on to what it has read itself: nothing is left out.
import { expect, it } from 'vitest'
import type { EventPage, RoomEvent } from '../src/api/types'
import { createFollow } from '../src/feed/follow'
import { bob, message, sent } from './cast'
import { createFakePlatform } from './fakePlatform'

const settle = () => new Promise<void>((resolve) => setTimeout(resolve))

/** A log of numbered messages; its cursors are `c0`, `c1` …, and told apart by nothing else. */
function start() {
  const platform = createFakePlatform()
  const heard: number[] = []
  const reads: { cursor: string; answer(upTo: number): Promise<void>; lose(): Promise<void> }[] = []
  let breaks = 0
  const follow = createFollow({
    platform,
    read: (cursor) =>
      new Promise<EventPage>((resolve, reject) => {
        const answer = (upTo: number) => {
          resolve({ events: between(cursor, upTo), cursor: `c${upTo}` })
          return settle()
        }
        const lose = () => {
          reject(new TypeError('Load failed'))
          return settle()
        }
        reads.push({ cursor, answer, lose })
      }),
    onEvents: (events) => heard.push(...events.map(({ position }) => position)),
    onBreak: () => (breaks += 1),
  })
  const page = (from: number, to: number) =>
    follow.take({ type: 'page', from: `c${from}`, to_cursor: `c${to}`, events: between(`c${from}`, to) })
  return { follow, heard, reads, page, platform, breaks: () => breaks }
}

function between(cursor: string, upTo: number): RoomEvent[] {
  const from = Number(cursor.slice(1))
  return Array.from({ length: upTo - from }, (_, index) => sent(message(from + index + 1, bob, 'news')))
}

it('pages that join on go through without a request', () => {
  const { follow, heard, reads, page } = start()
  follow.startAt('c2')
  follow.begin('c2')
  page(2, 4)
  page(4, 5)
  expect([heard, reads]).toEqual([[3, 4, 5], []])
})

it('what lies between the two is read until nothing is new, and pages that come meanwhile wait', async () => {
  const { follow, heard, reads, page } = start()
  follow.startAt('c2')
  follow.begin('c5')
  page(5, 6)
  expect(heard).toEqual([])
  await reads[0]?.answer(4)
  await reads[1]?.answer(6)
  await reads[2]?.answer(6)
  page(6, 7)
  expect([...new Set(heard)]).toEqual([3, 4, 5, 6, 7])
  expect(reads).toHaveLength(3)
})

it('a page that was missed is read', async () => {
  const { follow, heard, reads, page } = start()
  follow.startAt('c2')
  follow.begin('c2')
  page(4, 5)
  await reads[0]?.answer(5)
  await reads[1]?.answer(5)
  page(5, 6)
  expect([...new Set(heard)]).toEqual([3, 4, 5, 6])
})

it('pages that come before this tab has read anything wait for it', async () => {
  const { follow, heard, reads, page } = start()
  follow.begin('c3')
  page(3, 4)
  follow.startAt('c3')
  await reads[0]?.answer(4)
  await reads[1]?.answer(4)
  expect([...new Set(heard)]).toEqual([4])
})

it('a read that fails is tried again from the same cursor', async () => {
  const { follow, heard, reads, platform } = start()
  follow.startAt('c2')
  follow.begin('c3')
  await reads[0]?.lose()
  await platform.clock.passToNext()
  expect(reads[1]?.cursor).toBe('c2')
  await reads[1]?.answer(3)
  await reads[2]?.answer(3)
  expect(heard).toEqual([3])
})

it('a read for an earlier beginning is dropped', async () => {
  const { follow, heard, reads } = start()
  follow.startAt('c2')
  follow.begin('c3')
  follow.startAt('c8')
  await reads[0]?.answer(3)
  expect(heard).toEqual([])
  await reads[1]?.answer(9)
  expect(heard).toEqual([9])
})
