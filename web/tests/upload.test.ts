// @vitest-environment node
// Uploads by tus: over cuts, lost answers, refusals and a forgetful server; and the list over the field to write.
import { IDBFactory } from 'fake-indexeddb'
import { beforeEach, describe, expect, it } from 'vitest'
import { Refused } from '../src/api/client'
import { createPause } from '../src/api/retry'
import type { MessageFile } from '../src/api/types'
import { createAttachments } from '../src/files/attachments'
import type { Attachment } from '../src/files/attachments'
import { openKeptFiles } from '../src/files/keptFiles'
import { Unreadable, upload } from '../src/files/upload'
import { createFakePlatform } from './fakePlatform'
import type { FakePlatform } from './fakePlatform'
import { createFakeUploads } from './fakeUploads'
import type { FakeUploads } from './fakeUploads'

const KIB = 1024
let server: FakeUploads
let platform: FakePlatform

beforeEach(() => {
  server = createFakeUploads()
  platform = { ...createFakePlatform(), fetch: (url, init) => server.fetch(url, init) }
})

/** Bytes that differ from each other, so that one in a wrong place is found. */
function bytesOf(size: number): File {
  return new File([Uint8Array.from({ length: size }, (_, at) => at % 251)], '猫.txt', { type: 'text/plain' })
}

function received(id: string): boolean {
  const all = server.uploads.get(id)?.bytes ?? new Uint8Array()
  return all.every((byte, at) => byte === at % 251)
}

async function send(bytes: File, address: string | null = null): Promise<{ result: MessageFile | Error; told: number[] }> {
  const told: number[] = []
  let result: MessageFile | Error | null = null
  const options = { platform, bytes, name: bytes.name, address, signal: new AbortController().signal, pause: createPause(platform.clock) }
  void upload({ ...options, onBegun: () => {}, onProgress: (sent) => told.push(sent) }).then(
    (file) => (result = file),
    (error: Error) => (result = error),
  )
  for (let tries = 0; tries < 200 && result === null; tries += 1) await platform.clock.pass(1000)
  return { result: result ?? new Error('it goes on for ever'), told }
}

describe('an upload', () => {
  it('goes up in pieces that grow, and is a file then', async () => {
    const { result, told } = await send(bytesOf(1000 * KIB))
    expect(result).toEqual({ id: 7, name: '猫.txt', type: 'text/plain', size: 1000 * KIB })
    expect(told).toEqual([0, 256 * KIB, 768 * KIB, 1000 * KIB])
    expect([server.lines, received('u1')]).toEqual([['POST', 'PATCH u1 0', `PATCH u1 ${256 * KIB}`, `PATCH u1 ${768 * KIB}`, 'GET u1'], true])
  })

  it.each([
    ['the request', 'lose'],
    ['the answer', 'lose after'],
  ] as const)('asks how far it is when %s was lost, and sends nothing twice', async (_name, fate) => {
    let cuts = 0
    server.next = (line) => (line === `PATCH u1 ${256 * KIB}` && (cuts += 1) === 1 ? fate : undefined)
    const { result } = await send(bytesOf(600 * KIB))
    expect(result).toMatchObject({ id: 7 })
    expect(server.lines.filter((line) => line.startsWith('HEAD'))).toEqual(['HEAD u1'])
    expect([server.uploads.get('u1')?.bytes.length, received('u1')]).toEqual([600 * KIB, true])
  })

  it('survives a cut at each of its requests', async () => {
    for (let at = 1; at <= 6; at += 1) {
      server = createFakeUploads()
      let count = 0
      server.next = () => ((count += 1) === at ? (at % 2 === 0 ? 'lose' : 'lose after') : undefined)
      const { result } = await send(bytesOf(1000 * KIB))
      expect([at, result]).toEqual([at, { id: 7, name: '猫.txt', type: 'text/plain', size: 1000 * KIB }])
    }
  })

  it('goes on where it was before the page was loaded anew', async () => {
    const bytes = bytesOf(300 * KIB)
    server.uploads.set('u9', { length: bytes.size, name: bytes.name, bytes: new Uint8Array(await bytes.slice(0, 100 * KIB).arrayBuffer()) })
    await send(bytes, '/api/v1/uploads/u9')
    expect([server.lines, received('u9')]).toEqual([['HEAD u9', `PATCH u9 ${100 * KIB}`, 'GET u9'], true])
  })

  it('begins anew where the server has forgotten it', async () => {
    let hasForgotten = false
    server.next = (line) => {
      if (!line.startsWith('PATCH') || hasForgotten) return
      hasForgotten = true
      server.uploads.clear()
    }
    const { result } = await send(bytesOf(100 * KIB))
    expect(result).toMatchObject({ id: 7 })
    expect(server.lines).toEqual(['POST', 'PATCH u1 0', 'POST', 'PATCH u2 0', 'GET u2'])
  })

  it.each([413, 415, 507, 403])('ends at once when the server says %i', async (status) => {
    server.next = (line) => (line.startsWith('PATCH') ? { status } : undefined)
    const { result } = await send(bytesOf(100 * KIB))
    expect([result instanceof Refused && result.problem.status, server.lines.length]).toEqual([status, 2])
  })

  it.each([429, 500, 503, 423])('waits and goes on when the server says %i', async (status) => {
    let count = 0
    server.next = (line) => (line.startsWith('PATCH') && (count += 1) <= 3 ? { status } : undefined)
    const { result } = await send(bytesOf(100 * KIB))
    expect(result).toMatchObject({ id: 7 })
  })

  it('gives up a file that the device does not give', async () => {
    const moved = bytesOf(10)
    Object.defineProperty(moved, 'slice', { value: () => ({ arrayBuffer: () => Promise.reject(new DOMException('gone', 'NotReadableError')) }) })
    server.next = (line) => (line.startsWith('PATCH') ? 'lose' : undefined)
    expect((await send(moved)).result).toBeInstanceOf(Unreadable)
  })
})

/** Lets what is under way be done: IndexedDB answers after a while. */
async function pass(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await platform.clock.pass(100)
}

describe('the files over the field', () => {
  let factory: IDBFactory
  let all: readonly Attachment[]
  /** Requests of an earlier page are not answered any more. */
  let page = 0

  beforeEach(() => {
    factory = new IDBFactory()
    all = []
  })

  function keeper(tab = 't1', open: readonly string[] = ['t1']) {
    const mine = page
    const fetch: FakePlatform['fetch'] = (url, init) => (page === mine ? server.fetch(url, init) : new Promise(() => {}))
    const kept = openKeptFiles(() => factory)
    return createAttachments({ platform: { ...platform, fetch }, kept, tab, findOpenTabs: () => Promise.resolve(new Set(open)), onChange: (now) => (all = now) })
  }

  const states = () => all.map(({ name, state, problem }) => [name, state, ...(problem ? [problem] : [])])

  it('go up by themselves, and leave with their message', async () => {
    const files = keeper()
    files.add(1, 'tea', [bytesOf(10), bytesOf(20), bytesOf(30)])
    expect(all.map(({ state }) => state)).toEqual(['sending', 'sending', 'waiting'])
    await pass()
    expect(all.map(({ state }) => state)).toEqual(['up', 'up', 'up'])
    expect([files.take(1, 'tea').length, all, files.take(1, 'tea')]).toEqual([3, [], []])
  })

  it('are ended on the server when they are cancelled, also while they begin', async () => {
    const files = keeper()
    server.next = (line) => (line.startsWith('PATCH') ? { status: 503 } : undefined)
    files.add(1, 'tea', [bytesOf(10)])
    await pass()
    expect(server.uploads.size).toBe(1)
    void files.remove(all[0]?.key ?? '')
    expect(all).toEqual([])
    files.add(1, 'tea', [bytesOf(10)])
    void files.remove(all[0]?.key ?? '')
    await pass()
    expect([all, server.uploads.size]).toEqual([[], 0])
  })

  it('say why the server does not take them, and how large they may be', async () => {
    server.next = (line) => (line === 'POST' ? { status: 413 } : undefined)
    keeper().add(1, 'tea', [bytesOf(10)])
    await pass()
    expect(states()).toEqual([['猫.txt', 'failed', { status: 413, bytesMax: 104_857_600 }]])
  })

  it('are tried again by hand', async () => {
    const files = keeper()
    server.next = (line) => (line === 'POST' ? { status: 507 } : undefined)
    files.add(1, 'tea', [bytesOf(10)])
    await pass()
    server.next = () => {}
    files.again(all[0]?.key ?? '')
    await pass()
    expect(states()).toEqual([['猫.txt', 'up']])
  })

  it('go on after a reload: small ones by themselves, large ones when they are chosen again', async () => {
    server.next = (line) => (line.startsWith('PATCH') ? { status: 503 } : undefined)
    const large = new File([new Uint8Array(9 * KIB * KIB)], 'film.mp4')
    keeper().add(1, 'tea', [bytesOf(10), large])
    await pass()
    server.next = () => {}
    page += 1
    const after = keeper()
    await after.load(1)
    await pass()
    expect(states()).toEqual([
      ['猫.txt', 'up'],
      ['film.mp4', 'failed', 'lost'],
    ])
    after.add(1, 'tea', [large])
    await pass()
    expect(all.map(({ state }) => state)).toEqual(['up', 'up'])
    expect([...server.uploads.values()].map(({ bytes }) => bytes.length)).toEqual([10, large.size])
  })

  it('of a tab that is open stay with it, and those of another person with them', async () => {
    keeper('t2').add(1, 'tea', [bytesOf(10)])
    await pass()
    const other = keeper('t1', ['t1', 't2'])
    all = []
    await other.load(1)
    expect(all).toEqual([])
    await keeper('t1', ['t1']).load(2)
    expect(all).toEqual([])
    await keeper('t1', ['t1']).load(1)
    expect(states()).toEqual([['猫.txt', 'up']])
  })
})
