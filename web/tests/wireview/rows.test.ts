// The rows of the time line: which are shown, and where their bars lie.
import { describe, expect, it } from 'vitest'
import { createRecords } from '../../src/wireview/records'
import { arrangeRows, shortCursor } from '../../src/wireview/rows'
import { asked, at } from './made'

function rowsAt(seconds: number, ...exchanges: Parameters<typeof asked>[]) {
  const records = createRecords()
  records.take(exchanges.map((exchange) => asked(...exchange)), at(seconds))
  return arrangeRows(records.list(), at(seconds))
}

describe('a bar', () => {
  it.each([
    ['that is held grows to now', 30, [0, null], { from: 50, to: 100 }],
    ['that was answered stays where it was', 60, [30, 45], { from: 50, to: 75 }],
    ['that began more than a minute ago is cut off', 90, [0, 60], { from: 0, to: 50 }],
    ['of an answer at once can be seen', 60, [30, 30], { from: 49.6, to: 50 }],
    ['that a clock puts into the future ends now', 10, [12, null], { from: 99.6, to: 100 }],
  ] as const)('%s', (_name, now, [sent, ended], expected) => {
    expect(rowsAt(now, ['a', 'long', sent, ended])[0]?.bar).toMatchObject(expected)
  })

  it('is none where all of it is more than a minute ago', () => {
    expect(rowsAt(100, ['a', 'long', 0, 39])[0]?.bar).toBeNull()
  })

  it('has a dot where news came', () => {
    expect(rowsAt(60, ['a', 'long', 0, 30, { events: 1, outcome: 'news' }])[0]?.bar?.news).toEqual([50])
  })
})

describe('how much of a hold is over', () => {
  it.each([
    ['half of it', ['a', 'long', 0, null], 0.5],
    ['none, for it was answered', ['a', 'long', 0, 5], null],
    ['none, for nothing is held in a short poll', ['a', 'short', 0, null], null],
    ['all, for a stream is open as long as it is', ['a', 'sse', 0, null], 1],
  ] as [string, Parameters<typeof asked>, number | null][])('%s', (_name, exchange, expected) => {
    expect(rowsAt(12.5, exchange)[0]?.held).toBe(expected)
  })
})

it('rows of the last minute are shown, and some older ones where there are few', () => {
  const exchanges = Array.from({ length: 100 }, (_, n): Parameters<typeof asked> => [`e${n}`, 'short', n * 2, n * 2 + 0.1])
  expect([rowsAt(200, ...exchanges).length, rowsAt(2000, ...exchanges).length]).toEqual([30, 6])
})

it.each([
  ['short', 'short'],
  ['z4i45tayda-4812', '…-4812'],
  ['z4i45tayda-104812', '…104812'],
])('of the cursor %s enough is shown to see it move', (cursor, expected) => {
  expect(shortCursor(cursor)).toBe(expected)
})
