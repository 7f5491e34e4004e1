// Files, as kept clients send them and as a real browser plays them.
import { Upload } from 'tus-js-client'
import { expect, test } from 'vitest'
import { useLinger } from './harness/linger'
import { silence } from './harness/pictures'

const linger = useLinger({ restarts: true })

const MIB = 1 << 20

test('a client of tus sends a file across a server that is killed, and once', async () => {
  const token = await guest()
  const bytes = Buffer.alloc(4 * MIB, 'bytes that go on ')
  let kills = 0
  const id = await new Promise<string>((resolve, reject) => {
    const upload = new Upload(bytes, {
      endpoint: `${linger.server.url}/api/v1/uploads`,
      headers: { authorization: `Bearer ${token}` },
      metadata: { filename: '猫.txt', filetype: 'text/plain' },
      chunkSize: MIB / 2,
      retryDelays: Array.from({ length: 40 }, () => 250),
      onChunkComplete: (_, accepted) => {
        if (accepted < 2 * MIB || kills > 0) return
        kills += 1
        linger.server
          .kill()
          .then(() => linger.server.start())
          .catch(reject)
      },
      onError: reject,
      onSuccess: ({ lastResponse }) => resolve(lastResponse.getHeader('Linger-File') ?? ''),
    })
    upload.start()
  })
  expect(kills).toBe(1)
  const answer = await get(`/files/${id}`, token)
  expect(answer.headers.get('content-disposition')).toContain("filename*=UTF-8''%E7%8C%AB.txt")
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
})

test('a client of tus ends an upload, and nothing of it is left', async () => {
  const token = await guest()
  const upload = new Upload(Buffer.alloc(MIB), {
    endpoint: `${linger.server.url}/api/v1/uploads`,
    headers: { authorization: `Bearer ${token}` },
    chunkSize: MIB / 4,
  })
  const begun = new Promise((resolve, reject) => {
    upload.options.onChunkComplete = resolve
    upload.options.onError = reject
  })
  upload.start()
  await begun
  await upload.abort(true)
  const head = await fetch(upload.url ?? '', {
    method: 'HEAD',
    headers: { authorization: `Bearer ${token}`, 'tus-resumable': '1.0.0' },
  })
  expect(head.status).toBe(404)
})

test('a real <video> plays a file by ranges, wherever one jumps to', async () => {
  const { page } = await linger.open({ name: 'ann' })
  const asked: string[] = []
  page.on('response', (response) => {
    if (!response.url().includes('/api/v1/files/')) return
    const range = response.request().headers()['range'] ?? 'none'
    asked.push(`${range} ${response.status()} ${response.headers()['content-range'] ?? ''}`)
  })
  const wav = silence(1500)
  const id = await page.evaluate(async (bytes) => {
    const body = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))
    const answer = await fetch('/api/v1/files?name=silence.wav', { method: 'POST', body })
    return (await answer.json()).file.id as number
  }, wav.toString('base64'))
  const seen = await page.evaluate(async (file) => {
    const video = document.createElement('video')
    const until = (event: string) =>
      new Promise((resolve, reject) => {
        video.addEventListener(event, resolve, { once: true })
        video.addEventListener('error', () => reject(new Error(video.error?.message)), { once: true })
      })
    const loaded = until('loadedmetadata')
    video.src = `/api/v1/files/${file}`
    document.body.append(video)
    await loaded
    const found: number[] = [Math.round(video.duration)]
    for (const time of [1400, 10, 900]) {
      const seeked = until('seeked')
      video.currentTime = time
      await seeked
      found.push(Math.round(video.currentTime))
    }
    return found
  }, id)
  expect(seen).toEqual([1500, 1400, 10, 900])
  expect(asked[0]).toBe(`bytes=0- 206 bytes 0-${wav.length - 1}/${wav.length}`)
  expect(asked.filter((line) => /^bytes=[1-9]\d*- 206 /.test(line)).length).toBeGreaterThan(0)
})

async function guest(): Promise<string> {
  const answer = await fetch(`${linger.server.url}/api/v1/guests`, { method: 'POST', body: '{"name":"ann"}' })
  return (await answer.json()).token
}

function get(path: string, token: string): Promise<Response> {
  return fetch(`${linger.server.url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
}
