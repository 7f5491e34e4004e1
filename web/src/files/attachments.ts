// The files that somebody is about to send: chosen, on their way, up, or in need of a hand.
//
// Made by `useAttachments`, and loaded when the first file is chosen. A few go up at
// once, the others wait. Each change is told by a new list; nothing here draws.
import { Refused } from '../api/client'
import type { Platform } from '../api/platform'
import { createPause, createRetry } from '../api/retry'
import type { Pause } from '../api/retry'
import type { MessageFile } from '../api/types'
import { makeId } from '../tabs/tabId'
import type { KeptFile, KeptFiles } from './keptFiles'
import { bytesMax, Cancelled, endUpload, Unreadable, upload } from './upload'

/** More would only share the same line. */
const AT_ONCE_MAX = 2
/** A larger file is not copied into the browser's own storage. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024
const END_TRIES_MAX = 5

/** Why it is not up: a status of the server, or what the device says. */
export type FileProblem = { status: number; bytesMax?: number } | 'unreadable' | 'lost'

export interface Attachment extends KeptFile {
  /** `leaving`: nobody wants it any more, and its request is still under way. It is not shown. */
  state: 'waiting' | 'sending' | 'up' | 'failed' | 'leaving'
  /** Bytes that the server has. */
  sent: number
  problem?: FileProblem
}

export interface AttachmentsOptions {
  platform: Platform
  kept: KeptFiles
  tab: string
  findOpenTabs(): Promise<ReadonlySet<string>>
  onChange(all: readonly Attachment[]): void
}

export type AttachmentKeeper = ReturnType<typeof createAttachments>

export function createAttachments({ platform, kept, tab, findOpenTabs, onChange }: AttachmentsOptions) {
  let all: readonly Attachment[] = []
  const running = new Map<string, { abort: AbortController; pause: Pause; done: Promise<void> }>()
  const retry = createRetry(platform)

  function set(now: readonly Attachment[]): void {
    all = now
    onChange(all.filter((one) => one.state !== 'leaving'))
  }

  function change(key: string, { state, ...changes }: Partial<Attachment>): void {
    set(all.map((one) => (one.key === key ? { ...one, ...changes, state: one.state === 'leaving' ? one.state : (state ?? one.state) } : one)))
  }

  function keep(key: string): void {
    const one = find(key)
    if (!one) return
    const { state: _, sent: __, problem: ___, bytes, ...row } = one
    const isKept = bytes !== undefined && bytes.size <= KEPT_BYTES_MAX && row.file === undefined
    void kept.put({ ...row, ...(isKept && { bytes }) })
  }

  function find(key: string): Attachment | undefined {
    return all.find((one) => one.key === key)
  }

  /** Adds chosen files. One that was begun before a reload goes on where it was. */
  function add(userId: number, room: string, files: readonly File[]): void {
    for (const bytes of files) {
      const { name, type, size } = bytes
      const lost = all.find((one) => one.room === room && one.problem === 'lost' && one.name === name && one.size === size)
      if (lost) {
        const { problem: _, ...found } = lost
        set(all.map((one) => (one === lost ? { ...found, bytes, state: 'waiting' as const } : one)))
        continue
      }
      const key = makeId()
      const order = all.reduce((last, one) => Math.max(last, one.order + 1), platform.clock.date())
      set([...all, { key, userId, room, tab, order, name: name || 'file', type, size, address: null, bytes, state: 'waiting', sent: 0 }])
      keep(key)
    }
    startNext()
  }

  /** Brings back files that are on the server: their message was not sent. */
  function putBack(userId: number, room: string, files: readonly MessageFile[]): void {
    for (const file of files) {
      const { name, type, size } = file
      const key = makeId()
      set([...all, { key, userId, room, tab, order: platform.clock.date(), name, type, size, address: null, file, state: 'up', sent: size }])
      keep(key)
    }
  }

  function startNext(): void {
    for (const one of all) {
      if (running.size >= AT_ONCE_MAX) return
      if (one.state === 'waiting' && one.bytes) start(one, one.bytes)
    }
  }

  function start({ key, name, address }: Attachment, bytes: Blob): void {
    const abort = new AbortController()
    const pause = createPause(platform.clock)
    change(key, { state: 'sending' })
    const done = upload({
      platform,
      bytes,
      name,
      address,
      signal: abort.signal,
      pause,
      onBegun(begun) {
        change(key, { address: begun })
        keep(key)
      },
      onProgress: (sent) => change(key, { sent }),
    })
      .then((file) => {
        change(key, { state: 'up', file, sent: bytes.size })
        keep(key)
      })
      .catch(async (error: unknown) => {
        if (!(error instanceof Cancelled)) change(key, { state: 'failed', problem: await problemOf(error) })
      })
      .finally(() => {
        running.delete(key)
        startNext()
      })
    running.set(key, { abort, pause, done })
  }

  async function problemOf(error: unknown): Promise<FileProblem> {
    if (error instanceof Unreadable || !(error instanceof Refused)) return 'unreadable'
    const { status } = error.problem
    const limit = status === 413 ? await bytesMax(platform) : null
    return { status, ...(limit !== null && { bytesMax: limit }) }
  }

  /** Takes one away, from the server, too. */
  async function remove(key: string): Promise<void> {
    change(key, { state: 'leaving' })
    const run = running.get(key)
    run?.abort.abort()
    run?.pause.cut()
    // Its address may become known at the last moment.
    await run?.done
    const one = find(key)
    set(all.filter((other) => other.key !== key))
    await kept.remove([key])
    // A file without a message is forgotten by the server after a day.
    if (!one || one.address === null || one.file) return
    const { address } = one
    let tries = 0
    await retry.until(
      () => endUpload(platform, address),
      () => (tries += 1) > END_TRIES_MAX,
    )
  }

  function again(key: string): void {
    const one = find(key)
    if (one?.state !== 'failed' || !one.bytes) return
    const { problem: _, ...tried } = one
    set(all.map((other) => (other.key === key ? { ...tried, state: 'waiting' as const } : other)))
    startNext()
  }

  /** Returns the files of a room, all of which are up, for its message. */
  function take(userId: number, room: string): MessageFile[] {
    const taken = all.filter((one) => one.room === room && one.userId === userId && one.state === 'up')
    set(all.filter((one) => !taken.includes(one)))
    void kept.remove(taken.map(({ key }) => key))
    return taken.flatMap(({ file }) => (file ? [file] : []))
  }

  /** Reads what was kept before a reload. */
  async function load(userId: number): Promise<void> {
    const rows = await kept.take(userId, tab, await findOpenTabs())
    const known = new Set(all.map(({ key }) => key))
    const found = rows.filter(({ key }) => !known.has(key)).map((row): Attachment => {
      if (row.file) return Object.assign(row, { state: 'up' as const, sent: row.size })
      if (row.bytes) return Object.assign(row, { state: 'waiting' as const, sent: 0 })
      return Object.assign(row, { state: 'failed' as const, problem: 'lost' as const, sent: 0 })
    })
    set([...found, ...all])
    startNext()
  }

  function wake(): void {
    retry.cut()
    for (const { pause } of running.values()) pause.cut()
  }

  return { add, putBack, remove, again, take, load, wake }
}
