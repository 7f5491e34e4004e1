// The engine's code comes later than the first words of the tab.
import { expect, test, vi } from 'vitest'
import type { HostOptions } from '../src/tabs/host'
import { startHostLater } from '../src/tabs/hostLater'
import type { EngineMessage, TabMessage } from '../src/wire/protocol'

const visible: TabMessage = { type: 'visible', tab: 'ann', isVisible: true }
const wake: TabMessage = { type: 'wake', tab: 'ann' }
const bye: TabMessage = { type: 'bye', tab: 'ann' }

/** A host whose code comes when the test says so. */
function later() {
  const heard: TabMessage[] = []
  const host = { hear: (message: TabMessage) => void heard.push(message), stop: vi.fn<() => void>() }
  const startHost = vi.fn<() => typeof host>(() => host)
  const fetches: { resolve(code: unknown): void; reject(error: Error): void }[] = []
  const timers: (() => void)[] = []
  const clock = { after: (_: number, call: () => void) => (timers.push(call), () => void timers.pop()) }
  const told: EngineMessage[] = []
  const options = { platform: { clock }, post: (message) => void told.push(message) } as HostOptions
  const fetchCode = () => new Promise<never>((resolve, reject) => void fetches.push({ resolve: resolve as never, reject }))
  const own = startHostLater(options, fetchCode)
  return { own, heard, told, host, startHost, fetches, timers }
}

test('what is said before the code is there is heard then, in order', async () => {
  const { own, heard, startHost, fetches } = later()
  own.hear(visible)
  own.hear(wake)
  expect(heard).toEqual([])
  fetches[0]?.resolve({ startHost })
  await vi.waitFor(() => expect(startHost).toHaveBeenCalledOnce())
  own.hear(bye)
  expect(heard).toEqual([visible, wake, bye])
})

test('a tab that asks is told that the engine is alive, while its code is on the way', () => {
  const { own, heard, told } = later()
  own.hear({ type: 'alive', tab: 'bob' })
  expect([heard, told]).toEqual([[], [{ to: 'bob', type: 'alive' }]])
})

test('code that does not come is fetched again', async () => {
  const { own, heard, startHost, fetches, timers } = later()
  own.hear(visible)
  fetches[0]?.reject(new TypeError('no network'))
  await vi.waitFor(() => expect(timers).toHaveLength(1))
  timers[0]?.()
  fetches[1]?.resolve({ startHost })
  await vi.waitFor(() => expect(heard).toEqual([visible]))
})

test('a host that was stopped before its code came never starts', async () => {
  const { own, startHost, host, fetches, timers } = later()
  own.stop()
  fetches[0]?.resolve({ startHost })
  await new Promise((resolve) => setTimeout(resolve))
  expect(startHost).not.toHaveBeenCalled()
  expect(host.stop).not.toHaveBeenCalled()
  const failed = later()
  failed.fetches[0]?.reject(new TypeError('no network'))
  await vi.waitFor(() => expect(failed.timers).toHaveLength(1))
  failed.own.stop()
  expect([timers, failed.timers]).toEqual([[], []])
})
