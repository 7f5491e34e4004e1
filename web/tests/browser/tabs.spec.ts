// Many tabs of one browser: one connection, and none of them is missed.
import { expect, test } from 'vitest'
import { useLinger } from './harness/linger'
import { Person } from './harness/person'
import { Tabs } from './harness/tabs'
import type { BrowserKind, Tab } from './harness/tabs'

const linger = useLinger()

/** Localhost, which browsers trust like HTTPS, and a name over plain HTTP. */
const origins = { localhost: () => linger.server.url, 'plain HTTP': () => linger.server.plainUrl }
type Origin = keyof typeof origins

const places: [Origin, BrowserKind, election: string][] = [
  ['localhost', 'with SharedWorker', 'none'],
  ['plain HTTP', 'with SharedWorker', 'none'],
  ['localhost', 'without SharedWorker', 'Web Locks'],
  ['plain HTTP', 'without SharedWorker', 'a lease'],
]

test.each(places)('on %s %s ten tabs hold one request, and each shows each message once; election: %s', async (origin, kind, election) => {
  const tabs = await Tabs.open(linger, 10, `${origins[origin]()}/r/lobby`, kind)
  await expect.poll(() => linger.server.held()).toBe(1)
  expect(await tabs.all[0]?.election()).toBe(election)
  const [first, seventh] = [tabs.all[0], tabs.all[6]]
  await first?.say('from the first')
  await tabs.allEndWith(['from the first'])
  await seventh?.say('from the seventh')
  await tabs.allEndWith(['from the first', 'from the seventh'])
  await staysOne()
})

const ends: [string, (tab: Tab) => unknown][] = [
  ['is closed', (tab) => tab.page.close()],
  ['is frozen', (tab) => tab.freeze()],
  ['has its process killed', (tab) => tab.kill()],
  ['has its process stand still', (tab) => tab.standStill()],
]

test.each(places.flatMap(([origin, kind]) => ends.map(([name, end]) => [origin, kind, name, end] as const)))(
  'on %s %s, when the tab with the engine %s, the others go on soon, and lose nothing',
  async (origin, kind, _name, end) => {
    const tabs = await Tabs.open(linger, 3, `${origins[origin]()}/r/lobby`, kind)
    const [first, hidden, seen] = tabs.all
    if (!first || !hidden || !seen) throw new Error('no tabs')
    const ann = await Person.arrive(linger.server.url, freshName())
    // The room has the texts of other tests, too.
    const [before, after, atLast] = ['before', 'after', 'at last'].map((text) => `${text}, says ${ann.user.name}`) as [string, string, string]
    await ann.say(before)
    await tabs.allEndWith([before])
    await hidden.isSeen(false)

    const endedAt = Date.now()
    await end(first)
    await ann.say(after)
    await seen.page.getByText(after, { exact: true }).first().waitFor()
    const tookMs = Date.now() - endedAt
    await seen.endsWith([before, after])
    await hidden.isSeen(true)
    await hidden.endsWith([before, after])

    if (end === ends[3]?.[1]) first.goOn()
    await seen.say(atLast)
    await tabs.allEndWith([before, after, atLast], [hidden, seen])
    await staysOne()
    linger.forgive(/registration blocked by Playwright/)
    // The next worker may begin in the process that stands still, and has to be found silent, too.
    const areTwoSilent = kind === 'with SharedWorker' && end === ends[3]?.[1]
    expect(tookMs).toBeLessThan(areTwoSilent ? 5000 : 2000)
  },
)

/** Waits until one request is held, and then looks on: of two engines' requests, one is missing for a moment after each answer. */
async function staysOne(): Promise<void> {
  await expect.poll(() => linger.server.held()).toBe(1)
  const held = new Set<number>()
  for (let look = 0; look < 20; look += 1) {
    held.add(await linger.server.held())
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  // None is held between two requests of one engine.
  expect(Math.max(...held)).toBe(1)
}

let names = 0

function freshName(): string {
  names += 1
  return `ann ${names}`
}
