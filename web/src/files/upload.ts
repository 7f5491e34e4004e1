// One file on its way to the server, by tus 1.0: in pieces, over lines that break.
//
// Called by `attachments.ts`, and loaded with it. A piece is a slice of the file, which
// the browser reads from the disk while it sends, so that no file is ever whole
// in memory. After any failure the server is asked how far it is. It knows no page.
import { isPassing, isUnknownCaller, Refused, Unreachable } from '../api/client'
import type { Platform } from '../api/platform'
import { askedDelayMs, retryDelayMs } from '../api/retry'
import type { Pause } from '../api/retry'
import type { MessageFile } from '../api/types'

const UPLOADS = '/api/v1/uploads'
const TUS = { 'Tus-Resumable': '1.0.0' }
/** A piece grows and shrinks between these, so that progress is seen, and little is sent again after a cut. */
const PIECE_MIN = 64 * 1024
const PIECE_FIRST = 256 * 1024
const PIECE_MAX = 8 * 1024 * 1024
/** The time that a piece should take. */
const PIECE_MS = 1500
/** A piece that takes longer is on a line that is dead. The last one waits until the server has drawn a picture anew. */
const REQUEST_MS_MAX = 90_000
/** The server may forget an upload: it is begun anew so often. */
const RESTARTS_MAX = 2
const UNKNOWN_MAX = 3

/** The device does not give the bytes: the file was moved or changed, or is a folder. */
export class Unreadable extends Error {}
/** Somebody does not want it any more. */
export class Cancelled extends Error {}

export interface UploadOptions {
  platform: Pick<Platform, 'fetch' | 'clock' | 'random'>
  bytes: Blob
  name: string
  /** Where it goes on; null where it begins. */
  address: string | null
  /** Its `abort` cancels. */
  signal: AbortSignal
  /** The pause between two tries, which the caller may cut. */
  pause: Pause
  onBegun(address: string | null): void
  onProgress(sent: number): void
}

/** Resolves to the file as the server has it. Rejects with `Refused`, `Unreadable` or `Cancelled`. */
export async function upload({ platform, bytes, name, signal, pause, onBegun, onProgress, ...begun }: UploadOptions): Promise<MessageFile> {
  const { clock, random } = platform
  let { address } = begun
  /** How many bytes the server has; null where it is to be asked. */
  let sent: number | null = null
  let piece = PIECE_FIRST
  let failures = 0
  let restarts = 0

  /** Makes the next request; resolves to the file once there is nothing left to send. */
  async function step(): Promise<MessageFile | null> {
    if (address === null) {
      // Not cut off by `signal`: one that has begun must be known, to be ended.
      const answer = await ask(UPLOADS, { method: 'POST', headers: { 'Upload-Length': `${bytes.size}`, 'Upload-Metadata': metadata(name, bytes.type) } })
      address = addressIn(answer)
      onBegun(address)
      take(0)
    } else if (sent === null) {
      take(offsetIn(await ask(address, { method: 'HEAD', signal })))
    } else if (sent < bytes.size) {
      const startedAt = clock.now()
      const headers = { 'Upload-Offset': `${sent}`, 'Content-Type': 'application/offset+octet-stream' }
      const answer = await ask(address, { method: 'PATCH', headers, body: bytes.slice(sent, sent + piece), signal })
      take(offsetIn(answer))
      piece = clock.now() - startedAt < PIECE_MS ? Math.min(PIECE_MAX, piece * 2) : Math.max(PIECE_MIN, piece / 2)
      failures = 0
    } else {
      const answer = await ask(address, { method: 'GET', signal })
      return ((await answer.json()) as { file: MessageFile }).file
    }
    return null
  }

  function take(now: number): void {
    sent = now
    onProgress(now)
  }

  async function ask(path: string, init: RequestInit): Promise<Response> {
    const abort = new AbortController()
    const stop = () => abort.abort()
    const cancelTimer = clock.after(REQUEST_MS_MAX, stop)
    init.signal?.addEventListener('abort', stop)
    try {
      const response = await platform.fetch(path, { ...init, cache: 'no-store', signal: abort.signal, headers: { ...TUS, ...init.headers } })
      if (response.ok) return response
      throw await refusalOf(response)
    } finally {
      cancelTimer()
      init.signal?.removeEventListener('abort', stop)
    }
  }

  async function fail(error: unknown): Promise<void> {
    if (signal.aborted) return
    if (isStatus(error, 404, 410) && address !== null && restarts < RESTARTS_MAX) {
      restarts += 1
      address = null
      onBegun(null)
    } else {
      if (!(await isReadable(bytes, sent ?? 0))) throw new Unreadable()
      failures += 1
      if (!goesOn(error, failures)) throw error
      piece = Math.max(PIECE_MIN, piece / 2)
      await pause.wait(retryDelayMs(failures, error, random), askedDelayMs(error))
    }
    sent = null
  }

  for (;;) {
    if (signal.aborted) throw new Cancelled()
    pause.begin()
    const file = await step().catch(fail)
    if (file) return file
  }
}

/** Ends an upload, so that nothing of it stays on the server. One that is gone is ended as well. */
export async function endUpload({ fetch }: Pick<Platform, 'fetch'>, address: string): Promise<void> {
  const response = await fetch(address, { method: 'DELETE', headers: TUS })
  if (!response.ok && response.status !== 404) throw await refusalOf(response)
}

/** Returns how many bytes a file may have here; null where the server does not say. */
export async function bytesMax({ fetch }: Pick<Platform, 'fetch'>): Promise<number | null> {
  const response = await fetch(UPLOADS, { method: 'OPTIONS' }).catch(() => null)
  return Number(response?.headers.get('Tus-Max-Size')) || null
}

/** Says whether the upload may succeed if it goes on after this failure. */
function goesOn(error: unknown, failures: number): boolean {
  if (isStatus(error, 507)) return false
  if (isUnknownCaller(error)) return failures < UNKNOWN_MAX
  // 409: it is not so far, or farther. 423: a request that was cut off holds it still.
  return isPassing(error) || isStatus(error, 409, 423)
}

function isStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return error instanceof Refused && statuses.includes(error.problem.status)
}

/** Browsers say the same of a file that cannot be read as of a line that broke. */
async function isReadable(bytes: Blob, from: number): Promise<boolean> {
  return bytes.slice(from, from + 1).arrayBuffer().then(() => true, () => false)
}

function addressIn(answer: Response): string {
  // A proxy may put its own name before it.
  const [, id] = /\/uploads\/([\w-]+)$/.exec(answer.headers.get('Location') ?? '') ?? []
  if (id === undefined) throw new Unreachable('the answer names no upload')
  return `${UPLOADS}/${id}`
}

function offsetIn(answer: Response): number {
  const offset = answer.headers.get('Upload-Offset')
  if (offset === null || !/^\d+$/.test(offset)) throw new Unreachable('the answer says no offset')
  return Number(offset)
}

function metadata(name: string, type: string): string {
  return `filename ${base64(name)}${type === '' ? '' : `,filetype ${base64(type)}`}`
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}

async function refusalOf(response: Response): Promise<Refused> {
  const problem: object = await response.json().catch(() => ({}))
  const afterS = Number(response.headers.get('Retry-After'))
  return new Refused({ ...problem, status: response.status }, afterS > 0 ? afterS * 1000 : null)
}
