// @vitest-environment node
// Whatever happens to answers on their way, a tab has each event once.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { createEngine } from '../src/wire/engine'
import type { EngineMessage, Mode, TabMessage, Weather } from '../src/wire/protocol'
import { createChance } from './chance'
import { createFakeChat } from './fakeChat'
import { createFakePlatform } from './fakePlatform'

const STORM: Weather = { drop: 0.1, repeat: 0.2, reorder: 0.2, delayMsMax: 400 }

/** A tab that counts what it would show of its rooms. */
function createTab(id: string) {
  const next = new Map<string, number>()
  const tab = { told: 0, lost: 0, doubled: 0, gaps: 0, cursor: null as string | null, fates: new Set<string>(), hear }
  function hear(message: EngineMessage): void {
    if (message.to !== undefined && message.to !== id) return
    if (message.type === 'gap') tab.gaps += 1
    if (message.type === 'exchanges') for (const { weather } of message.exchanges) tab.fates.add(weather ?? 'none')
    if (message.type === 'begin') tab.cursor = message.cursor
    if (message.type !== 'page' || tab.cursor === null) return
    expect(message.from).toBe(tab.cursor)
    tab.cursor = message.to_cursor
    for (const { room = '', number = 0 } of message.events) {
      const expected = next.get(room) ?? number
      tab.told += 1
      if (number > expected) tab.lost += number - expected
      if (number < expected) tab.doubled += 1
      next.set(room, Math.max(expected, number + 1))
    }
  }
  return tab
}

function createStorm(seed: number, mode: Mode, weather: Weather) {
  const platform = { ...createFakePlatform(), random: createChance(seed) }
  const chat = createFakeChat(platform.clock)
  const tab = createTab('t1')
  const engine = createEngine({ platform: { ...platform, fetch: chat.fetch }, post: tab.hear })
  const say = (message: TabMessage) => engine.hear(message)
  say({ type: 'hello', tab: 't1', rooms: ['cake', 'tea'], cursor: 'c0', isVisible: true, locale: 'en' })
  say({ type: 'mode', tab: 't1', mode, intervalMs: 500 })
  say({ type: 'weather', tab: 't1', weather })
  say({ type: 'wire', tab: 't1', isOpen: true })
  return { platform, clock: platform.clock, chat, tab, say, engine }
}

describe.each<Mode>(['automatic', 'long', 'sse', 'short'])('in bad weather, on %s', (mode) => {
  it.each([1, 2, 3, 4, 5])('nothing is lost and nothing told twice (seed %i)', async (seed) => {
    const { clock, chat, tab, say, platform } = createStorm(seed, mode, { ...STORM, drop: 0.25, repeat: 0.4, reorder: 0.4 })
    for (let turn = 0; turn < 300; turn += 1) {
      const chance = platform.random()
      const said = Math.floor(chance * 4)
      for (let count = 0; count < said; count += 1) chat.say(chance < 0.5 ? 'tea' : 'cake')
      if (chance > 0.95) say({ type: 'wake', tab: 't1' })
      if (chance < 0.02) say({ type: 'watch', tab: 't1', rooms: ['cake', 'milk', 'tea'] })
      await clock.pass(Math.floor(platform.random() * 3000))
      say({ type: 'alive', tab: 't1' })
    }
    say({ type: 'weather', tab: 't1', weather: null })
    await clock.pass(60_000)
    const { told, lost, doubled, gaps } = tab
    expect({ told, lost, doubled, gaps }).toEqual({ told: chat.log.length, lost: 0, doubled: 0, gaps: 0 })
    expect([...tab.fates].sort()).toEqual(expect.arrayContaining(['delayed', 'dropped', 'repeated']))
  })
})

it('100,000 events in bad weather: none lost, none told twice, and the heap grows by less than 20 MB', async () => {
  const { clock, chat, tab, say } = createStorm(7, 'automatic', STORM)
  const EVENTS = 100_000
  let said = 0
  /** Lets people say things, 50 at a time, until they are so many; the weather may fall behind by some. */
  async function chatter(upTo: number): Promise<void> {
    while (said < upTo) {
      for (let burst = 0; burst < 50; burst += 1, said += 1) chat.say(said % 3 === 0 ? 'cake' : 'tea')
      await clock.pass(200)
      while (said - tab.told > 3000) await clock.passToNext()
      say({ type: 'alive', tab: 't1' })
      // The chat's own memory is not what is measured.
      chat.trim(4000)
      chat.requests.length = 0
    }
  }
  await chatter(10_000)
  const before = heapBytes()
  await chatter(EVENTS)
  say({ type: 'weather', tab: 't1', weather: null })
  await clock.pass(120_000)
  const grown = heapBytes() - before
  const { told, lost, doubled, gaps } = tab
  expect({ told, lost, doubled, gaps }).toEqual({ told: EVENTS, lost: 0, doubled: 0, gaps: 0 })
  expect(grown).toBeLessThan(20e6)
}, 120_000)

/** Returns the bytes on the heap that something still holds. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
