// The exchanges that a tab keeps, and its counts of them.
import { describe, expect, it } from 'vitest'
import { createRecords, RECORDS_MAX } from '../../src/wireview/records'
import { createTotals } from '../../src/wireview/totals'
import { asked, at } from './made'

function begin() {
  const records = createRecords()
  const totals = createTotals()
  const take = (...exchanges: Parameters<typeof asked>[]) => {
    const changes = records.take(exchanges.map((exchange) => asked(...exchange)), at(0))
    for (const change of changes) totals.count(change)
  }
  const ids = () => records.list().map(({ id }) => id)
  return { records, totals, take, ids }
}

describe('the records', () => {
  it('stand newest first, whatever order they were told in', () => {
    const { take, ids } = begin()
    take(['b', 'long', 5, null], ['a', 'long', 1, 5])
    expect(ids()).toEqual(['b', 'a'])
  })

  it('an exchange that has ended does not go out again, though an old word of it comes late', () => {
    const { take, records } = begin()
    take(['a', 'long', 1, 5], ['a', 'long', 1, null])
    expect(records.list()[0]).toMatchObject({ endedAt: at(5), outcome: 'empty' })
  })

  it('what fell out stays out, and what is still out stays in', () => {
    const { take, ids, totals } = begin()
    const many = Array.from({ length: RECORDS_MAX + 10 }, (_, n): Parameters<typeof asked> => [`e${n}`, 'short', n + 1, n + 1.1])
    take(['stream', 'sse', 0, null], ...many)
    const kept = ids()
    take(...many)
    expect([kept.length, kept.at(-1), ids()]).toEqual([RECORDS_MAX, 'stream', kept])
    expect(totals.read(at(400)).short.requests).toBe(RECORDS_MAX + 10)
  })

  it('remember when news came over a stream', () => {
    const records = createRecords()
    for (const [events, seconds] of [[0, 1], [2, 3], [2, 4], [3, 9]] as const) {
      records.take([asked('a', 'sse', 0, null, { events })], at(seconds))
    }
    expect(records.list()[0]?.newsAt).toEqual([at(3), at(9)])
  })
})

describe('the totals', () => {
  it('count requests, answers without news, cuts and bytes of each way, told twice or not', () => {
    const { take, totals } = begin()
    for (let told = 0; told < 2; told += 1) {
      take(['a', 'short', 0, 0.1, { bytes: 90 }], ['b', 'short', 2, 2.1, { bytes: 300, outcome: 'news' }])
      take(['c', 'long', 4, null])
      take(['c', 'long', 4, 12, { outcome: 'cut' }], ['d', 'sse', 13, null, { bytes: 40 }])
      take(['d', 'sse', 13, null, { bytes: 900 }])
    }
    const { short, long, sse } = totals.read(at(20))
    expect(short).toMatchObject({ requests: 2, empty: 1, cut: 0, bytes: 390, ms: 4000 })
    expect(long).toMatchObject({ requests: 1, empty: 0, cut: 1, bytes: 0, ms: 9000 })
    expect(sse).toMatchObject({ requests: 1, empty: 0, cut: 0, bytes: 900, ms: 7000 })
  })

  it('bytes that are known only after the end are counted', () => {
    const { take, totals } = begin()
    take(['a', 'long', 0, 2, { outcome: 'news' }])
    take(['a', 'long', 0, 2, { outcome: 'news', bytes: 512 }])
    expect(totals.read(at(3)).long).toMatchObject({ requests: 1, bytes: 512 })
  })

  it('the pauses of a short poll belong to it, a night with a closed lid does not', () => {
    const { take, totals } = begin()
    take(['a', 'short', 0, 1], ['b', 'short', 3, 4], ['c', 'long', 8 * 3600, null])
    expect([totals.read(at(8 * 3600 + 5)).short.ms, totals.read(at(8 * 3600 + 5)).long.ms]).toEqual([64_000, 5000])
  })

  it('a way that was not tried has no delay, the others a median', () => {
    const { totals } = begin()
    for (const ms of [900, 20, 40]) totals.delay('long', ms)
    expect([totals.read(at(0)).long.delayMs, totals.read(at(0)).sse.delayMs]).toEqual([40, null])
  })

  it('what is no request for events, or is one of a tab that catches up for itself, is not counted', () => {
    const { take, totals } = begin()
    take(['a', 'long', 0, 1, { kind: 'history' }], ['b', 'long', 0, 1, { tab: 't1' }])
    expect(totals.read(at(2)).long.requests).toBe(0)
  })
})
