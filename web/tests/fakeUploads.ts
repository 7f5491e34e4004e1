// The server's side of tus, in memory: with cuts, refusals and a memory that can be lost.
//
// Used by the tests of uploads. It answers by itself, by the rules of the server.
import type { MessageFile } from '../src/api/types'

interface Begun {
  length: number
  name: string
  bytes: Uint8Array
}

export interface FakeUploads {
  fetch(url: string, init: RequestInit): Promise<Response>
  /** All requests so far, such as `PATCH u1 0`. */
  lines: string[]
  uploads: Map<string, Begun>
  /** Decides about the next request; `lose` after it was done: its answer is lost. */
  next: (line: string) => void | { status: number; headers?: Record<string, string> } | 'lose' | 'lose after'
}

export function createFakeUploads(): FakeUploads {
  let count = 0
  const fake: FakeUploads = { fetch, lines: [], uploads: new Map(), next: () => {} }

  async function fetch(url: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    const id = /uploads\/(\w+)$/.exec(url)?.[1] ?? ''
    const line = [init.method, id, headers.get('Upload-Offset')].filter(Boolean).join(' ')
    fake.lines.push(line)
    const fate = fake.next(line)
    if (fate === 'lose') throw new TypeError('Failed to fetch')
    if (typeof fate === 'object') return new Response('{}', fate)
    const answer = await act(id, headers, init)
    if (fate === 'lose after') throw new TypeError('Failed to fetch')
    if (init.signal?.aborted) throw new DOMException('aborted', 'AbortError')
    return answer
  }

  async function act(id: string, headers: Headers, { method, body }: RequestInit): Promise<Response> {
    if (method === 'OPTIONS') return told(204, { 'Tus-Max-Size': '104857600' })
    if (headers.get('Tus-Resumable') !== '1.0.0') return told(412)
    if (method === 'POST') return begin(headers)
    const upload = fake.uploads.get(id)
    if (!upload) return told(404)
    switch (method) {
      case 'DELETE':
        fake.uploads.delete(id)
        return told(204)
      case 'GET':
        return Response.json({ file: fileOf(upload) })
      case 'PATCH': {
        if (Number(headers.get('Upload-Offset')) !== upload.bytes.length) return told(409)
        const piece = new Uint8Array(await (body as Blob).arrayBuffer())
        upload.bytes = new Uint8Array(Buffer.concat([upload.bytes, piece]))
      }
    }
    return told(200, { 'Upload-Offset': `${upload.bytes.length}` })
  }

  function begin(headers: Headers): Response {
    const id = `u${(count += 1)}`
    const [, name = ''] = /filename (\S+?)(?:,|$)/.exec(headers.get('Upload-Metadata') ?? '') ?? []
    fake.uploads.set(id, { length: Number(headers.get('Upload-Length')), name: Buffer.from(name, 'base64').toString(), bytes: new Uint8Array() })
    return told(201, { Location: `/api/v1/uploads/${id}`, 'Upload-Offset': '0' })
  }

  return fake
}

function fileOf({ name, length }: Begun): MessageFile {
  return { id: 7, name, type: 'text/plain', size: length }
}

function told(status: number, headers: Record<string, string> = {}): Response {
  return new Response(status === 200 ? '' : null, { status, headers })
}
