// How a tab finds an engine, keeps it, and gets the next one.
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openDatabase } from '../src/store/database'
import { connect } from '../src/tabs/station'
import type { Kind } from '../src/tabs/station'
import type { OpenWay, WayListener } from '../src/tabs/way'
import type { EngineMessage, Link, Session, TabMessage } from '../src/wire/protocol'
import { ann } from './cast'
import { createDevice } from './device'
import { createFakePlatform } from './fakePlatform'

const hello: TabMessage = { type: 'hello', tab: 'a', rooms: ['tea'], cursor: 'c1', isVisible: true, locale: 'en' }
const link = {} as Link
const starting: Session = { state: 'starting', user: null }

beforeEach(() => {
  localStorage.clear()
  showPage('visible')
})

function showPage(state: DocumentVisibilityState): void {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(state)
  document.dispatchEvent(new Event('visibilitychange'))
}

/** A way that notes what is said on it, and answers `alive` while it lives. */
function createWay(isAlive: boolean) {
  const said: string[] = []
  const state = { isAlive, opened: 0, asked: 0, replaced: 0, closed: 0 }
  let listener: WayListener | null = null
  const open: OpenWay = (heard) => {
    listener = heard
    state.opened += 1
    return {
      post(message) {
        if (message.type === 'alive') {
          state.asked += 1
          if (state.isAlive) heard.onMessage({ to: 'a', type: 'alive' })
          return
        }
        said.push(word(message))
      },
      replaceEngine() {
        state.replaced += 1
        heard.onNewEngine()
      },
      close: () => void (state.closed += 1),
    }
  }
  return { open, said, state, hear: (message: EngineMessage) => listener?.onMessage(message), listener: () => listener }
}

function word(message: TabMessage): string {
  if (message.type !== 'hello') return message.type
  return `hello ${message.rooms.join()} ${message.cursor} ${message.token ?? '-'}${message.isVisible ? '' : ' hidden'}`
}

function openTab(kinds: Kind[] = ['shared_worker', 'locks'], isAlive = true) {
  const platform = createFakePlatform()
  const device = createDevice()
  const database = openDatabase({ factory: () => device.factory, after: () => () => {} })
  const ways = { shared_worker: createWay(isAlive), locks: createWay(true), alone: createWay(true) }
  const heard: string[] = []
  const openers = { shared_worker: ways.shared_worker.open, locks: ways.locks.open, alone: ways.alone.open }
  const onMessage = ({ type }: EngineMessage) => void heard.push(type)
  const station = connect({ tab: 'a', platform, database, onMessage, kinds, ways: openers })
  onTestFinished(station.close)
  return { platform, device, database, ways, heard, station, worker: ways.shared_worker, pass: platform.clock.pass }
}

function deny(): never {
  throw new DOMException('denied', 'SecurityError')
}

it('the page says hello once, and what the engine says comes to it, but for what is for other tabs', async () => {
  const { station, worker, heard } = openTab()
  station.post(hello)
  worker.hear({ to: 'a', type: 'begin', cursor: 'c1', session: starting, link })
  worker.hear({ to: 'b', type: 'begin', cursor: 'c1', session: starting, link })
  worker.hear({ type: 'outbox' })
  expect([station.kind(), worker.said, heard]).toEqual(['shared_worker', ['hello tea c1 -'], ['begin', 'outbox']])
})

describe('an engine that is silent', () => {
  it('is replaced after three beats of a tab that is seen: in less than 2 s', async () => {
    const { station, worker, pass } = openTab()
    station.post(hello)
    await pass(10_000)
    expect(worker.state.replaced).toBe(0)
    worker.state.isAlive = false
    await pass(800)
    expect(worker.state.replaced).toBe(0)
    await pass(500)
    expect(worker.state.replaced).toBe(1)
  })

  it('is not replaced while a worker may still be loading', async () => {
    const { station, worker, pass } = openTab(['shared_worker'], false)
    station.post(hello)
    await pass(9000)
    expect(worker.state.replaced).toBe(0)
    await pass(3000)
    expect(worker.state.replaced).toBe(1)
  })

  it('that was replaced is followed by one that is asked as often as it was', async () => {
    const { station, worker, pass } = openTab()
    station.post(hello)
    await pass(1000)
    worker.state.isAlive = false
    await pass(1500)
    worker.state.isAlive = true
    await pass(1000)
    worker.state.asked = 0
    await pass(3000)
    expect(worker.state.asked).toBe(10)
  })

  it('is left to itself by a hidden tab, until the tab is looked at', async () => {
    const { station, worker, pass } = openTab()
    station.post(hello)
    await pass(1000)
    showPage('hidden')
    worker.state.isAlive = false
    await pass(25_000)
    expect(worker.state.replaced).toBe(0)
    showPage('visible')
    await pass(1500)
    expect(worker.state.replaced).toBe(1)
  })

  it('again and again leads to the next way', async () => {
    const { station, worker, ways, pass } = openTab()
    worker.state.isAlive = false
    station.post(hello)
    await pass(40_000)
    expect([station.kind(), worker.state.closed, ways.locks.said]).toEqual(['locks', 1, ['hello tea c1 -']])
  })

  it('is no engine at all where only this tab has one', async () => {
    const { station, ways, pass } = openTab([])
    ways.alone.state.isAlive = false
    await pass(60_000)
    expect([station.kind(), ways.alone.state.replaced]).toEqual(['alone', 0])
  })
})

describe('another engine', () => {
  it('hears hello with the newest rooms, cursor and token, and whether the tab is seen', async () => {
    const { station, worker } = openTab()
    station.post(hello)
    worker.hear({ type: 'page', from: 'c1', to_cursor: 'c2', events: [] })
    worker.hear({ type: 'session', session: { state: 'known', user: { ...ann, role: 'guest' }, token: 't1' } })
    station.post({ type: 'watch', tab: 'a', rooms: ['tea', 'lobby'] })
    station.post({ type: 'wire', tab: 'a', isOpen: true })
    showPage('hidden')
    worker.said.length = 0
    worker.listener()?.onNewEngine()
    expect(worker.said).toEqual(['hello tea,lobby c2 t1 hidden', 'wire'])
  })

  it('hears nothing before the page has said hello', () => {
    const { worker, station } = openTab()
    worker.listener()?.onNewEngine()
    expect(worker.said).toEqual([])
    station.post({ type: 'watch', tab: 'a', rooms: [] })
    expect(worker.said).toEqual([])
  })

  it('that asks who this is hears hello again', () => {
    const { station, worker } = openTab()
    station.post(hello)
    worker.hear({ to: 'a', type: 'introduce' })
    expect(worker.said).toEqual(['hello tea c1 -', 'hello tea c1 -'])
  })
})

describe('a way that leads nowhere', () => {
  it('is not taken where the browser throws at it', () => {
    const platform = createFakePlatform()
    const alone = createWay(true)
    const station = connect({
      tab: 'a',
      platform,
      database: createDevice().openTab(),
      onMessage: () => {},
      kinds: ['shared_worker', 'lease'],
      ways: { shared_worker: deny, lease: deny, alone: alone.open },
    })
    onTestFinished(station.close)
    station.post(hello)
    expect([station.kind(), alone.said]).toEqual(['alone', ['hello tea c1 -']])
  })

  it('is left when it says so', () => {
    const { station, worker, ways } = openTab()
    station.post(hello)
    worker.listener()?.onFailed()
    expect([station.kind(), ways.locks.said]).toEqual(['locks', ['hello tea c1 -']])
    ways.locks.listener()?.onFailed()
    expect([station.kind(), ways.alone.said]).toEqual(['alone', ['hello tea c1 -']])
    // A late word of the first changes nothing any more.
    worker.listener()?.onFailed()
    expect(station.kind()).toBe('alone')
  })
})

it('an experiment runs in this tab alone, and ends with a return to the others', () => {
  const { station, worker, ways } = openTab()
  station.post(hello)
  station.post({ type: 'mode', tab: 'a', mode: 'short', intervalMs: 1000 })
  expect([station.kind(), worker.said, ways.alone.said]).toEqual(['alone', ['hello tea c1 -', 'bye'], ['hello tea c1 -', 'mode']])
  station.post({ type: 'weather', tab: 'a', weather: { drop: 0.5, repeat: 0, reorder: 0, delayMsMax: 0 } })
  expect(ways.alone.said.slice(2)).toEqual(['weather'])
  station.post({ type: 'mode', tab: 'a', mode: 'automatic', intervalMs: 1000 })
  expect(station.kind()).toBe('alone')
  station.post({ type: 'weather', tab: 'a', weather: null })
  expect([station.kind(), ways.alone.state.closed, worker.state.opened]).toEqual(['shared_worker', 1, 2])
})

it('where nothing can be stored the tab goes alone, at once or later', async () => {
  const { station, database, device, ways } = openTab()
  station.post(hello)
  await database.opened
  device.factory.open = deny
  const request = device.factory.deleteDatabase('linger')
  await new Promise((resolve) => request.addEventListener('success', resolve))
  await database.transact(['shown'], () => {})
  expect([station.kind(), ways.alone.said]).toEqual(['alone', ['hello tea c1 -']])
})

it('a tab that leaves says bye, and hello when it comes back', () => {
  const { station, worker } = openTab()
  station.post(hello)
  window.dispatchEvent(new Event('pagehide'))
  expect([worker.said, worker.state.closed]).toEqual([['hello tea c1 -', 'bye'], 1])
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  expect([worker.said.slice(2), worker.state.opened]).toEqual([['hello tea c1 -', 'wake'], 2])
})
