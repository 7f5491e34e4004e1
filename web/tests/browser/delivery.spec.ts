// How the page's files come over the wire, and what they may do once there.
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { useLinger } from './harness/linger'

const linger = useLinger()

/** The page as it was built. */
const SHELL = '/settings'
/** A room, which the server writes. */
const ROOM = '/r/lobby'

test('a room comes compressed, with what was said in it', async () => {
  const plain = await get(ROOM)
  const packed = await get(ROOM, { 'accept-encoding': 'gzip, deflate, br' })
  expect(packed.head.headers['content-encoding']).toBe('gzip')
  expect(packed.head.headers.vary).toMatch(/accept-encoding/i)
  // Each newcomer's form has an id of its own.
  const [unpacked, expected] = [gunzipSync(packed.body), plain.body].map((body) => body.toString().replace(/(type="hidden"[^>]* value=)"[^"]*"/g, '$1'))
  expect(unpacked).toBe(expected)
  expect(plain.body.toString()).toMatch(/<main [^>]*data-room="lobby"/)
})

test.each([
  { encoding: 'br', decode: brotliDecompressSync },
  { encoding: 'gzip', decode: gunzipSync },
])('the page and its files come compressed with $encoding', async ({ encoding, decode }) => {
  for (const path of [SHELL, ...(await assets())]) {
    const plain = await get(path)
    const packed = await get(path, { 'accept-encoding': encoding })
    expect([path, packed.head.headers['content-encoding']]).toEqual([path, encoding])
    expect(packed.head.headers.vary).toMatch(/accept-encoding/i)
    expect(decode(packed.body).equals(plain.body)).toBe(true)
    expect(packed.body.length).toBeLessThan(plain.body.length)
  }
})

test('a browser that has the page already is told so', async () => {
  for (const path of [SHELL, ...(await assets())]) {
    const etag = (await get(path)).head.headers.etag
    expect(etag).toMatch(/^(W\/)?".+"$/)
    const again = await get(path, { 'if-none-match': etag ?? '' })
    expect([path, again.head.statusCode, again.body.length]).toEqual([path, 304, 0])
    const other = await get(path, { 'if-none-match': '"another"' })
    expect([path, other.head.statusCode]).toEqual([path, 200])
  }
})

test('the page is asked for afresh, and its files are kept for ever', async () => {
  expect((await get(SHELL)).head.headers['cache-control']).toBe('no-cache')
  expect((await get(ROOM)).head.headers['cache-control']).toBe('no-store')
  for (const path of await assets()) {
    expect((await get(path)).head.headers['cache-control']).toMatch(/max-age=31536000.*immutable/)
  }
})

test('HEAD answers as GET does, without the body', async () => {
  for (const path of [SHELL, ...(await assets())]) {
    const whole = await get(path)
    const head = await get(path, {}, 'HEAD')
    expect([path, head.head.statusCode, head.body.length]).toEqual([path, 200, 0])
    const { date: _, ...expected } = whole.head.headers
    expect(head.head.headers).toMatchObject(expected)
  }
})

test('the policy lets nothing run but our own files, and the page needs no more', async () => {
  for (const path of [SHELL, ROOM]) await holdsPolicy(path)
})

async function holdsPolicy(path: string): Promise<void> {
  const { head, body } = await get(path)
  const policy = directives(head.headers['content-security-policy'])
  expect(policy['default-src']).toBe("'none'")
  expect(policy['script-src']).toBe("'self'")
  expect(policy['style-src']).toBe("'self'")
  expect(policy['frame-ancestors']).toBe("'none'")
  expect(policy['base-uri']).toBe("'none'")

  const html = body.toString()
  // A block of data is not run.
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)(?! type="application\/json")/i)
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i)
}

test('the policy holds in the browser: a script that is slipped in does not run', async () => {
  const ann = await linger.open({ name: 'ann' })
  const blocked = await ann.page.evaluate(async () => {
    const violations: string[] = []
    document.addEventListener('securitypolicyviolation', (event) => violations.push(event.effectiveDirective))
    const image = document.createElement('div')
    image.innerHTML = '<img src="/nowhere" onerror="window.ran = 1">'
    document.body.append(image)
    const script = document.createElement('script')
    script.textContent = 'window.ran = 2'
    document.body.append(script)
    while (violations.length < 2) await new Promise(requestAnimationFrame)
    return violations.toSorted()
  })
  expect(blocked).toEqual(['script-src-attr', 'script-src-elem'])
  expect(await ann.page.evaluate(() => 'ran' in window)).toBe(false)
  // These violations were ours.
  linger.forgive(/Content Security Policy/)
})

test('all that the page loads comes from its own server, and is found', async () => {
  const context = await linger.newContext({})
  const page = await context.newPage()
  const answers: string[] = []
  page.on('response', (response) => answers.push(`${response.status()} ${new URL(response.url()).origin}`))
  await page.goto(linger.server.url + ROOM)
  await page.locator('[data-connection=connected]').waitFor()
  for (const link of await page.locator('link[href]').all()) {
    const { origin, pathname } = new URL(await link.evaluate((it: HTMLLinkElement) => it.href))
    const { head } = await get(pathname)
    expect([origin, pathname, head.statusCode]).toEqual([linger.server.url, pathname, 200])
  }
  // A newcomer is told once that the server does not know them.
  const others = answers.filter((answer) => !/^(200|201|401) /.test(answer) || !answer.endsWith(linger.server.url))
  expect(others).toEqual([])
})

interface Answer {
  head: IncomingMessage
  body: Buffer
}

/** Asks for pages, but as nobody's browser does: nothing is decoded, cached or added. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(linger.server.url + path, { method, headers: { accept: 'text/html', ...headers } }, (head) => {
      const parts: Buffer[] = []
      head.on('data', (part) => parts.push(part))
      head.on('end', () => resolve({ head, body: Buffer.concat(parts) }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** Returns the paths of the page's scripts and styles. */
async function assets(): Promise<string[]> {
  const { body } = await get(ROOM)
  const paths = [...body.toString().matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '')
  expect(paths.length).toBeGreaterThanOrEqual(2)
  return paths
}

function directives(policy: string | string[] | undefined): Record<string, string> {
  const parts = String(policy ?? '').split(';')
  return Object.fromEntries(parts.map((part) => part.trim().split(/\s+(.*)/s).slice(0, 2)))
}
