// @vitest-environment node
// The law of many tabs: one engine holds one request for all of them, whatever
// becomes of the process that it lives in, and each tab hears each message once.
import { describe, expect, it } from 'vitest'
import type { Kind } from '../src/tabs/station'
import { createChance } from './chance'
import { FakeBrowser } from './fakeBrowser'

const BROWSERS: [string, Kind[]][] = [
  ['a SharedWorker', ['shared_worker', 'locks']],
  ['a SharedWorker on plain HTTP', ['shared_worker', 'lease']],
  ['Web Locks', ['locks']],
  ['a lease', ['lease']],
]

async function openThree(kinds: Kind[], chance?: () => number) {
  const browser = new FakeBrowser(chance)
  const { clock } = browser.platform
  for (let opened = 0; opened < 3; opened += 1) {
    browser.openTab(kinds)
    await clock.pass(1000)
  }
  const [first, ...others] = browser.tabs
  if (!first) throw new Error('no tab')
  return { browser, first, others, ...browser, pass: clock.pass }
}

describe.each(BROWSERS)('with %s', (_name, kinds) => {
  it('three tabs have one held request, and each is told each message once', async () => {
    const { chat, tabs, pass } = await openThree(kinds)
    chat.say('tea', 'one')
    await pass(0)
    chat.say('tea', 'two')
    await pass(1000)
    expect([chat.held(), ...tabs.map(({ texts }) => texts)]).toEqual([1, ['one', 'two'], ['one', 'two'], ['one', 'two']])
  })

  it('an engine that stood still lets its request go as soon as it goes on, and all tabs have one engine', async () => {
    const { browser, chat, tabs, first, others, pass } = await openThree(kinds)
    first.process.isStopped = true
    chat.say('tea', 'one')
    await pass(3000)
    expect(others.map(({ texts }) => texts)).toEqual([['one'], ['one']])
    chat.say('tea', 'two')
    await pass(1000)
    first.process.goOn()
    await pass(100)
    chat.say('tea', 'three')
    for (let seconds = 0; seconds < 60; seconds += 1) {
      await pass(1000)
      expect([chat.held(), browser.engines.size]).toEqual([1, 1])
    }
    expect(tabs.map(({ texts }) => texts)).toEqual(tabs.map(() => ['one', 'two', 'three']))
    expect(new Set(tabs.map((tab) => tab.kind())).size).toBe(1)
  })

  it('an engine that is killed is followed within 2 s, by one', async () => {
    const { chat, first, others, pass } = await openThree(kinds)
    first.process.kill()
    chat.say('tea', 'one')
    await pass(2000)
    expect([chat.held(), ...others.map(({ texts }) => texts)]).toEqual([1, ['one'], ['one']])
  })
})

it('a tab opened long after workers were given up begins the next worker, and all others follow it there', async () => {
  const { browser, chat, tabs, first, pass } = await openThree(['shared_worker', 'locks'])
  first.process.isStopped = true
  await pass(5000)
  first.process.goOn()
  await pass(1000)
  expect(tabs.map((tab) => tab.kind())).toEqual(['locks', 'locks', 'locks'])
  browser.openTab(['shared_worker', 'locks'])
  await pass(1000)
  expect(tabs.map((tab) => tab.kind())).toEqual(['locks', 'locks', 'locks', 'locks'])
  browser.platform.clock.setAhead(3_600_000)
  browser.openTab(['shared_worker', 'locks'])
  await pass(1000)
  expect(tabs.map((tab) => tab.kind())).toEqual(tabs.map(() => 'shared_worker'))
  expect(chat.held()).toBe(1)
})

it.each(Array.from({ length: 100 }, (_, index) => index + 1))('story %i of tabs that stand still, go on, and are killed', async (seed) => {
  const chance = createChance(seed)
  const [, kinds] = BROWSERS[seed % BROWSERS.length] as (typeof BROWSERS)[0]
  const { browser, chat, tabs, pass } = await openThree(kinds, chance)
  let living = [...tabs]
  const said: string[] = []
  for (let turn = 0; turn < 30; turn += 1) {
    const what = chance()
    const tab = living[Math.floor(chance() * living.length)]
    if (!tab) throw new Error('no tab')
    if (what < 0.4) said.push(chat.say('tea').text ?? '')
    else if (what < 0.6) tab.process.isStopped = true
    else if (what < 0.85) tab.process.goOn()
    else if (living.length > 1) {
      if (what < 0.93) tab.process.kill()
      else tab.close()
      living = living.filter((other) => other !== tab)
    }
    await pass(Math.floor(chance() * 3000))
  }
  for (const tab of tabs) tab.process.goOn()
  await pass(10_000)
  said.push(chat.say('tea').text ?? '')
  await pass(10_000)
  expect(living.map(({ texts }) => texts)).toEqual(living.map(() => said))
  expect([chat.held(), browser.engines.size, new Set(living.map((tab) => tab.kind())).size]).toEqual([1, 1, 1])
})
