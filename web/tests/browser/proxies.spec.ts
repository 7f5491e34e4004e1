// Proxies between the page and the server: chat goes on, and nothing is lost.
import { afterEach, test } from 'vitest'
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
