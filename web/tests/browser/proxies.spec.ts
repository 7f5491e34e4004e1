// Proxies between the page and the server: chat goes on, and nothing is lost.
import { afterEach, expect, test } from 'vitest'
import { useLinger } from './harness/linger'
import { Nginx } from './harness/nginx'
import { Person } from './harness/person'
import { Proxy } from './harness/proxy'
import type { Habits } from './harness/proxy'

const linger = useLinger()
const proxies: { stop(): void | Promise<void> }[] = []

afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.stop()
})

async function startProxy(habits: Habits): Promise<Proxy> {
  const proxy = await Proxy.start(linger.server.url, habits)
  proxies.push(proxy)
  return proxy
}

test('behind nginx with nothing but proxy_pass two people talk', async () => {
  const nginx = await Nginx.start(linger.server.url)
  proxies.push(nginx)
  const ann = await linger.open({ name: 'ann', url: nginx.url })
  const bob = await linger.open({ name: 'bob', url: nginx.url })
  for (const text of ['one', 'two', 'three']) await ann.say(text)
  await bob.endsWith(['one', 'two', 'three'])
  await bob.say('four')
  await ann.endsWith(['one', 'two', 'three', 'four'])
})

test.each<[string, Habits]>([
  ['closes the connection after each answer', { closes: true }],
  ['collects each answer before it passes it on', { buffers: true }],
])('behind a proxy that %s nothing is lost', async (_name, habits) => {
  const proxy = await startProxy(habits)
  const bob = await linger.open({ name: 'bob', url: proxy.url })
  const before = await bob.texts()
  const ann = await Person.arrive(linger.server.url, 'ann')
  const texts = Array.from({ length: 40 }, (_, index) => `news ${index + 1}`)
  for (const text of texts) await ann.say(text)
  await bob.shows([...before, ...texts])
  await bob.say('all heard')
  await bob.endsWith([...texts, 'all heard'])
})

test('behind a proxy that cuts every request at 10 s nothing is lost, and requests are held for less', async () => {
  const proxy = await startProxy({ cutMs: 10_000 })
  const bob = await linger.open({ name: 'bob', url: proxy.url })
  const ann = await Person.arrive(linger.server.url, 'ann')
  const held = () => proxy.asked.filter(({ line }) => line.includes('wait=') && !line.includes('wait=0'))
  await ann.say('before')
  await bob.endsWith(['before'])
  // The page sees two cuts; the browser may have repeated each of the two by itself.
  const settled = { timeout: 120_000 }
  const shorter = () => held().filter(({ line }) => /wait=[1-8]\b/.test(line))
  await expect.poll(() => shorter().length, settled).toBeGreaterThanOrEqual(3)
  expect(shorter().slice(0, 2).map(({ outcome }) => outcome)).toEqual(['answered', 'answered'])
  expect(held().filter(({ outcome }) => outcome === 'cut').length).toBeLessThanOrEqual(4)
  await bob.is('connected')
  await ann.say('after')
  await bob.endsWith(['before', 'after'])
})
