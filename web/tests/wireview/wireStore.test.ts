// How the drawer takes the messages of the engine: above all, how late news comes.
import { describe, expect, it } from 'vitest'
import { createWireStore } from '../../src/wireview/wireStore'
import { asked, at, event, link, page, said } from './made'

function begin() {
  let now = at(0)
  const store = createWireStore(() => now)
  const take = (seconds: number, ...messages: Parameters<typeof store.take>) => {
    now = at(seconds)
    store.take(...messages)
  }
  return { store, take, delay: () => store.totals.read(now) }
}

describe('the delay of news', () => {
  it('is counted for the way it came on', () => {
    const { take, delay } = begin()
    take(0, { type: 'link', link: link('short') })
    take(5, page('c0', 'c1', [event(1, 4)]))
    take(6, { type: 'link', link: link('long') })
    take(8.02, page('c1', 'c2', [event(2, 8)]))
    expect([delay().short.delayMs, delay().long.delayMs, delay().sse.delayMs]).toEqual([1000, 20, null])
  })

  it('what is heard twice counts once', () => {
    const { take, delay } = begin()
    take(0, { type: 'link', link: link('long') })
    take(1.1, page('c0', 'c1', [event(1, 1)]))
    for (const seconds of [20, 30]) take(seconds, page('c0', 'c1', [event(1, 1)]))
    expect(delay().long.delayMs).toBe(100)
  })

  it('a clock of ours that is an hour behind makes no delay below zero', () => {
    const { take, delay } = begin()
    take(0, { type: 'link', link: link('long') })
    take(1, page('c0', 'c1', [event(1, 3601)]))
    take(2.5, page('c1', 'c2', [event(2, 3602)]))
    take(9.5, page('c2', 'c3', [event(3, 3609)]))
    expect(delay().long.delayMs).toBe(500)
  })

  it('a clock of ours that is an hour ahead is found out by an own message', () => {
    const { take, delay } = begin()
    take(3600, { type: 'link', link: link('long') })
    take(3600.1, { type: 'exchanges', exchanges: [said('r1', 3600, 3600.1)] })
    take(3600.2, page('c0', 'c1', [event(1, 0.05, 'r1')]))
    take(3601.2, page('c1', 'c2', [event(2, 1)]))
    take(3602.2, page('c2', 'c3', [event(3, 2)]))
    expect(delay().long.delayMs).toBeLessThan(300)
  })
})

it('the link is the one that was told last', () => {
  const { store, take } = begin()
  expect(store.link()).toBeNull()
  take(0, { type: 'begin', cursor: 'c0', session: { state: 'visitor', user: null }, link: link('long') })
  take(1, { type: 'link', link: link('sse', { tabs: 5 }) })
  expect(store.link()).toEqual(link('sse', { tabs: 5 }))
})

it('exchanges are listed and counted', () => {
  const { store, take } = begin()
  take(1, { type: 'exchanges', exchanges: [asked('a', 'long', 0, null)] })
  expect([store.records().length, store.totals.read(at(1)).long.requests]).toEqual([1, 1])
})
