// @vitest-environment node
// Tabs that come, go and look elsewhere, engines that die, and weather: each tab
// has all of its rooms in the end. A property over seeded stories.
import { expect, it } from 'vitest'
import { createEngine } from '../src/wire/engine'
import type { Engine } from '../src/wire/engine'
import type { EngineMessage, TabMessage } from '../src/wire/protocol'
import { createChance } from './chance'
import { createFakeChat } from './fakeChat'
import type { FakeChat } from './fakeChat'
import { createFakePlatform } from './fakePlatform'

const ROOMS = ['cake', 'milk', 'tea']

/** A tab that keeps the contract of protocol.ts, and the numbers of all that it has of each room. */
class Tab {
  rooms: string[] = []
  /** A tab that is frozen hears nothing. */
  isFrozen = false
  cursor: string | null = null
  readonly has = new Map<string, Set<number>>()
  /** Rooms that are whole up to the cursor; the others are read when a request for them is out. */
  private whole = new Set<string>()

  constructor(
    readonly id: string,
    private readonly chat: FakeChat,
    private readonly say: (message: TabMessage) => void,
  ) {}

  hello(): void {
    this.isFrozen = false
    this.say({ type: 'hello', tab: this.id, rooms: this.rooms, cursor: this.cursor, isVisible: true, locale: 'en' })
  }

  watch(rooms: string[]): void {
    for (const room of this.rooms) if (!rooms.includes(room)) this.whole.delete(room)
    this.rooms = rooms
    if (this.isFrozen) return this.hello()
    this.say({ type: 'watch', tab: this.id, rooms })
  }

  hear(message: EngineMessage): void {
    if (this.isFrozen || (message.to !== undefined && message.to !== this.id)) return
    switch (message.type) {
      case 'begin':
        if (message.cursor !== this.cursor) this.whole.clear()
        this.cursor = message.cursor
        break
      case 'watching':
        for (const room of this.rooms) if (message.rooms.includes(room) && !this.whole.has(room)) this.read(room)
        break
      case 'reset':
        this.cursor = message.cursor
        break
      case 'gap':
        if (this.rooms.includes(message.room)) this.read(message.room)
        break
      case 'page':
        if (this.cursor === null) return
        if (message.from !== this.cursor) throw new Error(`a page from ${message.from} after ${this.cursor}`)
        this.cursor = message.to_cursor
        for (const { room = '', number = 0 } of message.events) this.take(room, number)
        break
      case 'introduce':
        this.hello()
        break
      default:
    }
  }

  /** Reads a room afresh, as by its history. */
  private read(room: string): void {
    this.whole.add(room)
    for (const event of this.chat.log) if (event.room === room) this.take(room, event.number ?? 0)
  }

  private take(room: string, number: number): void {
    const has = this.has.get(room) ?? new Set()
    this.has.set(room, has.add(number))
  }
}

it.each(Array.from({ length: 60 }, (_, index) => index + 1))('story %i', async (seed) => {
  const chance = createChance(seed)
  const platform = { ...createFakePlatform(), random: chance }
  const chat = createFakeChat(platform.clock)
  const tabs: Tab[] = []
  let comers = 0
  let engine: Engine = { hear() {}, stop() {} }
  const say = (message: TabMessage) => engine.hear(message)
  const some = <Value>(values: readonly Value[]) => values[Math.floor(chance() * values.length)] as Value
  const roomsByChance = () => ROOMS.filter(() => chance() < 0.6)

  function startEngine(): void {
    let isCurrent = true
    const started = createEngine({
      platform: { ...platform, fetch: chat.fetch },
      post: (message) => isCurrent && tabs.forEach((tab) => tab.hear(structuredClone(message))),
    })
    engine = {
      hear: started.hear,
      stop() {
        isCurrent = false
        started.stop()
      },
    }
    // They notice in any order that there is another engine.
    for (const tab of [...tabs].sort(() => chance() - 0.5)) tab.hello()
    const first = tabs[0]
    if (first) say({ type: 'weather', tab: first.id, weather: { drop: 0.1, repeat: 0.2, reorder: 0.2, delayMsMax: 300 } })
  }

  function come(): void {
    const tab = new Tab(`t${(comers += 1)}`, chat, say)
    tab.rooms = roomsByChance()
    tabs.push(tab)
    tab.hello()
  }

  startEngine()
  come()
  for (let turn = 0; turn < 200; turn += 1) {
    const what = chance()
    if (what < 0.6) chat.say(some(ROOMS))
    else if (what < 0.65) some(tabs).isFrozen = true
    else if (what < 0.7) some(tabs).watch(roomsByChance())
    else if (what < 0.75) come()
    else if (what < 0.78 && tabs.length > 1) {
      const [gone] = tabs.splice(Math.floor(chance() * tabs.length), 1)
      if (gone && chance() < 0.5) say({ type: 'bye', tab: gone.id })
    } else if (what < 0.82) {
      engine.stop()
      startEngine()
    } else if (what < 0.9) say({ type: 'wake', tab: some(tabs).id })
    if (chance() < 0.1) tabs.find(({ isFrozen }) => isFrozen)?.hello()
    if (chance() < 0.5) await platform.clock.pass(Math.floor(chance() * 2000))
  }
  for (const tab of tabs) if (tab.isFrozen) tab.hello()
  for (const tab of tabs) say({ type: 'weather', tab: tab.id, weather: null })
  await platform.clock.pass(60_000)

  for (const tab of tabs) {
    for (const room of tab.rooms) {
      const last = chat.log.filter((event) => event.room === room).length
      const numbers = [...(tab.has.get(room) ?? [])].sort((one, other) => one - other)
      expect([tab.id, room, numbers]).toEqual([tab.id, room, Array.from({ length: last }, (_, index) => index + 1)])
    }
  }
})
