// @vitest-environment node
// Laws of the outbox over crashes: each text is stored once, in order.
//
// The pump is killed at each of its steps in turn (before or after a
// transaction, before or after a request), and by seeded chance between
// network faults. `LINGER_SEED=42 npx vitest run tests/pumpCrashes.test.ts`
// replays one seed.
import { expect, it } from 'vitest'
import { Unreachable } from '../src/api/client'
import type { Client } from '../src/api/client'
import type { Message, SentMessage } from '../src/api/types'
import { createPump } from '../src/outbox/pump'
import type { Pump } from '../src/outbox/pump'
import type { Database } from '../src/store/database'
import { ann } from './cast'
import { createDevice, entry, storeOf } from './device'
import type { Device } from './device'
import { createFakePlatform, DAWN } from './fakePlatform'

/** Stores each request id once, as the server does for ever. */
class Server {
  readonly stored: { requestId: string; room: string; text: string }[] = []
  requests = 0

  take(room: string, requestId: string, text: string): Message {
    this.requests += 1
    const known = this.stored.find((other) => other.requestId === requestId)
    if (known && known.text !== text) throw new Error(`${requestId} stands for ${known.text}, not ${text}`)
    if (!known) this.stored.push({ requestId, room, text })
    return { id: 1, number: 1, room, at: new Date(DAWN).toISOString(), by: ann, request_id: requestId, text }
  }

  texts(room: string): string[] {
    return this.stored.filter((message) => message.room === room).map(({ text }) => text)
  }
}

/** Counts the steps of one engine, and kills it at one of them: nothing goes on after that. */
class Life {
  steps = 0
  isDead = false

  constructor(private readonly diesAt: number) {}

  async step(): Promise<void> {
    this.steps += 1
    if (this.steps >= this.diesAt) this.isDead = true
    if (this.isDead) await new Promise(() => {})
  }

  database(database: Database): Database {
    return {
      ...database,
      transact: async (tables, act) => {
        await this.step()
        const result = await database.transact(tables, act)
        await this.step()
        return result
      },
    }
  }
}

type Fault = 'none' | 'request lost' | 'answer lost'

function startEngine(device: Device, server: Server, life: Life, fault: () => Fault): { pump: Pump; rest(): Promise<void> } {
  const platform = createFakePlatform()
  const client = {
    async sendMessage(room: string, requestId: string, { text }: SentMessage) {
      await life.step()
      const now = fault()
      if (now === 'request lost') throw new Unreachable('lost')
      const message = server.take(room, requestId, text)
      await life.step()
      if (now === 'answer lost') throw new Unreachable('lost')
      return message
    },
  } as Client
  const pump = createPump({
    database: life.database(device.openTab()),
    client,
    platform,
    userId: () => ann.id,
    onChange: () => {},
    onUnknownCaller: () => Promise.resolve(),
  })
  const rest = async () => {
    for (let rounds = 0; rounds < 80; rounds += 1) await platform.clock.pass(50)
  }
  pump.look()
  return { pump, rest }
}

async function write(device: Device, room: string, texts: readonly string[]): Promise<void> {
  const { entries } = storeOf(device.openTab())
  for (const text of texts) await entries.add(entry(text, { room, at: DAWN }))
}

it('killed at any step, the pump that follows sends the rest: each text once, in order', async () => {
  let diesAt = 0
  let wasKilled = true
  while (wasKilled) {
    diesAt += 1
    const [device, server, life] = [createDevice(), new Server(), new Life(diesAt)]
    await write(device, 'tea', ['one', 'two', 'three'])
    const killed = startEngine(device, server, life, () => 'none')
    await killed.rest()
    wasKilled = life.isDead
    const next = startEngine(device, server, new Life(Infinity), () => 'none')
    await next.rest()
    expect([diesAt, server.texts('tea'), await storeOf(device.openTab()).entries.all()]).toEqual([diesAt, ['one', 'two', 'three'], []])
    expect(server.requests).toBeLessThanOrEqual(4)
  }
  // Two transactions of two steps, and a request of two, for each text; and the last look.
  expect(diesAt).toBeGreaterThan(18)
})

it.each(seeds(40))('seed %i: faults, crashes and two pumps at once lose and double nothing', async (seed) => {
  const chance = mulberry32(seed)
  const pick = (below: number) => Math.floor(chance() * below)
  const [device, server] = [createDevice(), new Server()]
  const written: Record<string, string[]> = { tea: [], lobby: [] }
  const fault = () => (['none', 'none', 'request lost', 'answer lost'] as const)[pick(4)] ?? 'none'
  const engines: ReturnType<typeof startEngine>[] = []
  for (let round = 0; round < 8; round += 1) {
    const room = pick(2) === 0 ? 'tea' : 'lobby'
    const texts = Array.from({ length: pick(4) }, (_, index) => `${round}.${index}`)
    written[room]?.push(...texts)
    await write(device, room, texts)
    engines.push(startEngine(device, server, new Life(1 + pick(30)), fault))
    for (const engine of engines) {
      engine.pump.look()
      await engine.rest()
    }
  }
  const last = startEngine(device, server, new Life(Infinity), () => 'none')
  for (let rounds = 0; rounds < 12; rounds += 1) await last.rest()
  expect({ tea: server.texts('tea'), lobby: server.texts('lobby') }).toEqual(written)
  expect(await storeOf(device.openTab()).entries.all()).toEqual([])
}, 30_000)

function seeds(count: number): number[] {
  const one = process.env['LINGER_SEED']
  return one === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(one)]
}

/** A generator of numbers from 0 up to 1 that are the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
