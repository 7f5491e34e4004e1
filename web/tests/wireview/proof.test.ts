// The proof of completeness: what it claims, and that it claims nothing more.
import { describe, expect, it, vi } from 'vitest'
import type { EventPage, RoomEvent } from '../../src/api/types'
import { createProof } from '../../src/wireview/proof'
import { createSpans } from '../../src/wireview/spans'
import { createHeardMessages } from '../../src/wireview/tally'
import { createFakePlatform } from '../fakePlatform'
import { event, page } from './made'

describe('spans of numbers', () => {
  it.each([
    ['none', [], []],
    ['one after the other', [1, 2, 3], [[1, 3]]],
    ['a hole', [1, 2, 5], [[1, 2], [5, 5]]],
    ['a hole that is filled', [1, 3, 5, 2, 4], [[1, 5]]],
    ['backwards and twice', [3, 2, 2, 1, 3], [[1, 3]]],
  ])('%s', (_name, numbers, expected) => {
    const spans = createSpans()
    for (const number of numbers) spans.add(number)
    expect(spans.list().map(({ first, last }) => [first, last])).toEqual(expected)
  })

  it('holes are what lies between', () => {
    const spans = createSpans()
    spans.add(1, 4)
    spans.add(8, 9)
    spans.add(12)
    expect([spans.holes(), spans.has(4), spans.has(5)]).toEqual([[{ first: 5, last: 7 }, { first: 10, last: 11 }], true, false])
  })
})

/** A server whose room has these numbers; a cursor is `c` and the number before the next. */
function begin(numbers: number[]) {
  const read = vi.fn<(after: string, limit: number) => Promise<EventPage>>(async (after, limit) => {
    const from = after === 'start' ? 0 : Number(after.slice(1))
    const events = numbers.filter((number) => number > from).slice(0, limit).map((number) => event(number, number))
    return { events, cursor: `c${events.at(-1)?.number ?? from}` }
  })
  const platform = createFakePlatform()
  const proof = createProof({ room: 'tea', readEvents: read, me: () => 1, platform, onChange: () => {} })
  const hear = (from: number, ...heard: number[]) =>
    proof.hear(page(`c${from}`, `c${heard.at(-1) ?? from}`, heard.map((number) => event(number, number))))
  const claim = () => {
    const { span, isWhole, holes } = proof.read()
    return { span: span && [span.first, span.last], isWhole, holes: holes.map(({ first, last }) => [first, last]) }
  }
  return { numbers, read, proof, hear, claim, clock: platform.clock }
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)

describe('the proof', () => {
  it('claims nothing before it knows anything', () => {
    expect(begin([]).claim()).toEqual({ span: null, isWhole: false, holes: [] })
  })

  it('what was heard is complete from where hearing began, and not from #1', () => {
    const { hear, claim } = begin([])
    hear(7, 8, 9)
    hear(9, 10)
    expect(claim()).toEqual({ span: [8, 10], isWhole: false, holes: [] })
  })

  it('counted from the first event, it is complete from #1 to the newest that was heard', async () => {
    const { proof, hear, claim, numbers } = begin(upTo(2500))
    await proof.count()
    numbers.push(2501)
    hear(2500, 2501)
    expect(claim()).toEqual({ span: [1, 2501], isWhole: true, holes: [] })
  })

  it('in a closed room it begins with my stay', async () => {
    const { proof, claim } = begin([210, 211, 212])
    await proof.count()
    expect(claim()).toEqual({ span: [210, 212], isWhole: true, holes: [] })
  })

  it('what is not counted yet is not called missing', async () => {
    const { proof, hear, claim, read } = begin(upTo(4812))
    hear(4800, 4801, 4802)
    await proof.count(1, 200)
    expect(claim()).toEqual({ span: [4801, 4802], isWhole: false, holes: [] })
    expect([proof.read().countedTo, read.mock.calls.length]).toEqual([200, 1])
    await proof.count()
    expect([claim(), read.mock.calls.length]).toEqual([{ span: [1, 4812], isWhole: true, holes: [] }, 6])
  })

  it('a hole in what was heard is read again, from the last page that had none before it', async () => {
    const { hear, claim, read } = begin(upTo(20))
    hear(9, 10)
    hear(10, 14)
    expect(claim()).toEqual({ span: [14, 14], isWhole: false, holes: [[11, 13]] })
    await vi.waitFor(() => expect(claim()).toEqual({ span: [10, 20], isWhole: false, holes: [] }))
    expect(read.mock.calls.map(([after]) => after)).toEqual(['c9'])
  })

  it('what a page lost at its end is read again, although its cursor lies behind it', async () => {
    const { proof, hear, claim, numbers } = begin(upTo(10))
    await proof.count()
    numbers.push(11, 12, 13)
    hear(10, 11)
    proof.hear({ from: 'c11', events: [] })
    hear(12, 13)
    await vi.waitFor(() => expect(claim()).toEqual({ span: [1, 13], isWhole: true, holes: [] }))
  })

  it('a hole is read again until the server answers, and no longer than somebody looks', async () => {
    const { hear, claim, read, proof, clock } = begin(upTo(20))
    read.mockRejectedValueOnce(new Error('gone')).mockRejectedValueOnce(new Error('gone'))
    hear(9, 10)
    hear(10, 14)
    await clock.pass(10_000)
    expect([claim(), read.mock.calls.map(([after]) => after)]).toEqual([{ span: [10, 20], isWhole: false, holes: [] }, ['c9', 'c9', 'c9']])
    expect([proof.read().isCounting, proof.read().hasFailed]).toEqual([false, false])

    read.mockRejectedValue(new Error('gone'))
    hear(20, 24)
    await clock.pass(10_000)
    expect([claim().holes, proof.read().isCounting]).toEqual([[[21, 23]], true])
    proof.stop()
    await clock.pass(0)
    expect(clock.timers()).toBe(0)
  })

  it('while I was away a closed room went on without me, and I am complete from where I came back', async () => {
    const { proof, read, claim } = begin([])
    const left: RoomEvent = { position: 12, number: 12, room: 'tea', type: 'member_left', at: '', by: { id: 1, name: 'ann' } }
    read.mockResolvedValueOnce({ events: [event(11, 1), left, event(20, 3), event(21, 4)], cursor: 'c21' })
    await proof.count()
    expect(claim()).toEqual({ span: [20, 21], isWhole: true, holes: [] })
  })

  it('a hole that stays is shown', async () => {
    const { proof, claim } = begin([1, 2, 5])
    await proof.count()
    expect(claim()).toEqual({ span: [5, 5], isWhole: false, holes: [[3, 4]] })
  })

  it('a count that breaks off says so, and goes on where it was', async () => {
    const { proof, claim, read } = begin(upTo(1500))
    read.mockImplementationOnce(read.getMockImplementation()!).mockRejectedValueOnce(new Error('gone'))
    await proof.count()
    expect([proof.read().hasFailed, proof.read().countedTo]).toEqual([true, 1000])
    await proof.count()
    expect([claim().isWhole, proof.read().hasFailed]).toEqual([true, false])
  })
})

function compare(shown: number[], missing: number) {
  const heard = createHeardMessages('tea')
  heard.hear([1, 2, 3, 4].map((number) => event(number, number)))
  heard.hear([event(3, 3)])
  return heard.compare(shown, missing)
}

describe('lost and doubled', () => {
  it.each([
    ['all is shown', [1, 2, 3, 4], 0, [0, 0]],
    ['one is not shown', [1, 2, 4], 0, [1, 0]],
    ['one is shown twice', [1, 2, 2, 3, 4], 0, [0, 1]],
    ['more is shown than was heard', [-1, 0, 1, 2, 3, 4], 0, [0, 0]],
    ['numbers are missing', [1, 2, 3, 4], 2, [2, 0]],
    ['the screen let go of the oldest', [3, 4], 0, [0, 0]],
    ['nothing is shown yet', [], 0, [0, 0]],
  ])('%s', (_name, shown, missing, [lost, doubled]) => {
    expect(compare(shown, missing)).toEqual({ lost, doubled, heard: 4 })
  })
})
