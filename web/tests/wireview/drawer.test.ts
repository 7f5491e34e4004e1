// The drawer as it is read and used, fed with made-up messages of an engine.
import { enableAutoUnmount, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h } from 'vue'
import type { EngineMessage } from '../../src/wire/protocol'
import WireDrawer from '../../src/wireview/WireDrawer.vue'
import type { Saying } from '../../src/wireview/port'
import { COMPARE_S, useExperiment } from '../../src/wireview/useExperiment'
import { useWire } from '../../src/wireview/useWire'
import { inScope } from '../cast'
import { asked, at, event, link, page, said, START } from './made'

beforeEach(() => vi.useFakeTimers({ now: START }))
enableAutoUnmount(afterEach)
afterEach(() => vi.useRealTimers())

const curl = ({ path }: { path: string }) => ({ line: `curl "http://host${path}"`, tokenLine: null })

/** A drawer in the room tea, which has `numbers` events. */
function open(numbers = 3) {
  const sayings: Saying[] = []
  const listeners = new Set<(message: EngineMessage) => void>()
  const port = {
    say: (saying: Saying) => void sayings.push(saying),
    hear(listen: (message: EngineMessage) => void) {
      listeners.add(listen)
      return () => listeners.delete(listen)
    },
  }
  const events = Array.from({ length: numbers }, (_, number) => event(number + 1, number))
  const shown: number[] = events.map(({ position }) => position)
  const readEvents = vi.fn<() => Promise<{ events: typeof events; cursor: string }>>(async () => ({ events, cursor: 'c-3' }))
  const Host = defineComponent({
    setup() {
      const experiment = useExperiment(port)
      const wire = useWire({ port, room: () => 'tea', me: () => 1, readEvents, shownIds: () => shown })
      return () => h(WireDrawer, { wire, experiment, curl, isClosable: true })
    },
  })
  const drawer = mount(Host, { attachTo: document.body })
  const tell = async (...messages: EngineMessage[]) => {
    for (const message of messages) for (const listen of listeners) listen(message)
    await vi.advanceTimersByTimeAsync(250)
  }
  const rows = () => drawer.findAll('.requests li').map((row) => row.findAll(':scope > *').map((cell) => cell.text().replace(/\s+/g, ' ')).join(' | '))
  return { drawer, tell, rows, sayings, shown, listeners, readEvents }
}

const seconds = (number: number) => vi.setSystemTime(at(number))

describe('the time line', () => {
  it('says in words what the bars show', async () => {
    const { tell, rows } = open()
    seconds(40)
    await tell({
      type: 'exchanges',
      exchanges: [
        asked('a', 'long', 1, 9.4, { outcome: 'cut', connection: 'reused' }),
        asked('b', 'long', 10, 14, { outcome: 'news', events: 2, bytes: 811, cursor: 'd-1', connection: 'new' }),
        asked('c', 'long', 14, 28, { bytes: 58, cursor: 'd-1' }),
        { ...said('r1', 26, 26.1), bytes: 412 },
        asked('d', 'long', 28, null),
      ],
    })
    expect(rows()).toEqual([
      'GET events | cursor outc-28 |  | backwaiting | held 12 s',
      'PUT message |  |  |  | 201, 412 B',
      'GET events | cursor outc-14 |  | backd-1 | no news, 58 B',
      'GET events new | cursor outc-10 |  | backd-1 | 2 events, 811 B',
      'GET events reused | cursor outc-1 |  | backnone | cut after 8.4 s',
    ])
  })

  it('a held request grows', async () => {
    const { tell, drawer, rows } = open()
    await tell({ type: 'exchanges', exchanges: [asked('a', 'long', 0, null)] })
    await vi.advanceTimersByTimeAsync(12_000)
    const [bar] = drawer.findAll<HTMLElement>('.bar')
    const before = Number(bar?.element.style.getPropertyValue('--from'))
    await vi.advanceTimersByTimeAsync(6000)
    expect(rows()[0]).toContain('held 18 s')
    expect(before - Number(bar?.element.style.getPropertyValue('--from'))).toBeCloseTo(10)
  })

  it('stands still when it is told to, and goes on', async () => {
    const { tell, drawer, rows } = open()
    await tell({ type: 'exchanges', exchanges: [asked('a', 'long', 0, null)] })
    const pause = drawer.get('.under button')
    await pause.trigger('click')
    await tell({ type: 'exchanges', exchanges: [asked('b', 'long', 1, null)] })
    expect([rows().length, pause.text(), pause.attributes('aria-pressed')]).toEqual([1, 'Go on', 'true'])
    await pause.trigger('click')
    expect(rows()).toHaveLength(2)
  })

  it('is one stop of the Tab key, and arrows go through it', async () => {
    const { tell, drawer } = open()
    await tell({ type: 'exchanges', exchanges: ['a', 'b', 'c'].map((id, n) => asked(id, 'long', n, null)) })
    const stops = () => drawer.findAll('.what').map((button) => button.attributes('tabindex'))
    expect(stops()).toEqual(['0', '-1', '-1'])
    drawer.get<HTMLElement>('.what').element.focus()
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowUp']) {
      await drawer.get('.requests ol').trigger('keydown', { key })
      await vi.advanceTimersByTimeAsync(0)
    }
    expect([stops(), drawer.findAll('.what').findIndex(({ element }) => element === document.activeElement)]).toEqual([['-1', '0', '-1'], 1])
    expect(drawer.get('.look code').text()).toBe('curl "http://host/api/v1/events?after=c-1"')
  })

  it('the focus stays on its request when a new one comes', async () => {
    const { tell, drawer } = open()
    await tell({ type: 'exchanges', exchanges: [asked('a', 'long', 0, 1)] })
    const button = drawer.get<HTMLElement>('.what')
    button.element.focus()
    await tell({ type: 'exchanges', exchanges: [asked('b', 'long', 1, null)] })
    expect([document.activeElement === button.element, drawer.findAll('.what').length]).toEqual([true, 2])
  })

  it('nothing in it is a live region while requests come and go', async () => {
    const { tell, drawer } = open()
    await tell({ type: 'exchanges', exchanges: [asked('a', 'short', 0, null)] })
    expect(drawer.findAll('[aria-live], [role=status], [role=log]').map((region) => region.text())).toEqual([''])
  })
})

describe('the head', () => {
  it.each([
    ['held', link('long', { tabs: 5 }), 'held up to 25 s · 5 tabs, 1 connection'],
    ['cut', link('long', { holdS: 9, reason: 'cut_early' }), 'held up to 9 s · 1 tab, 1 connection · something on the way cuts requests, so they are held shorter'],
    ['offline', link('long', { connection: 'offline' }), 'no network · held up to 25 s · 1 tab, 1 connection'],
  ])('says how the waiting stands: %s', async (_name, told, sentence) => {
    const { tell, drawer } = open()
    await tell({ type: 'link', link: told })
    expect(drawer.get('.stand').text()).toBe(sentence)
  })

  it('proves a small room unasked, and goes on with what is heard', async () => {
    const { tell, drawer } = open()
    await vi.advanceTimersByTimeAsync(0)
    expect(drawer.get('.proof').text()).toBe('complete: #1 to #3')
    await tell(page('c-3', 'c-4', [event(4, 4)]))
    expect(drawer.get('.proof').text()).toBe('complete: #1 to #4')
  })

  it('a big room is counted when somebody asks for it', async () => {
    const { drawer, readEvents } = open(200)
    await vi.advanceTimersByTimeAsync(250)
    readEvents.mockResolvedValueOnce({ events: [event(201, 0), event(202, 0)], cursor: 'c-5' })
    expect(drawer.get('.proof').text().replace(/\s+/g, ' ')).toBe('#1 to #200 without a gap Count them all')
    await drawer.get('.proof button').trigger('click')
    await vi.advanceTimersByTimeAsync(0)
    expect(drawer.get('.proof').text()).toBe('complete: #1 to #202')
  })
})

async function choose(drawer: ReturnType<typeof open>['drawer'], mode: string): Promise<void> {
  await drawer.get(`input[value=${mode}]`).setValue(true)
}

describe('an experiment', () => {
  it('tells the engine that the drawer is open, and when it closes', () => {
    const { drawer, sayings, listeners } = open()
    drawer.unmount()
    expect([sayings, listeners.size]).toEqual([[{ type: 'wire', isOpen: true }, { type: 'wire', isOpen: false }], 0])
  })

  it('is told to the engine when it begins, changes and ends', async () => {
    const { drawer, sayings } = open()
    await choose(drawer, 'short')
    await drawer.get('.interval').setValue('5')
    await choose(drawer, 'automatic')
    expect(sayings.slice(1)).toEqual([
      { type: 'mode', mode: 'short', intervalMs: 2000 },
      { type: 'mode', mode: 'short', intervalMs: 5000 },
      { type: 'mode', mode: 'automatic', intervalMs: 5000 },
    ])
  })

  it('weather has the parts that are ticked', async () => {
    const { drawer, sayings } = open()
    await drawer.get('[role=switch]').setValue(true)
    await drawer.get('.parts label:nth-child(2) input').setValue(false)
    expect(sayings.filter((saying) => saying.type === 'weather')).toEqual([
      { type: 'weather', weather: { drop: 0.25, repeat: 0.25, reorder: 0.25, delayMsMax: 3000 } },
      { type: 'weather', weather: { drop: 0.25, repeat: 0.25, reorder: 0.25, delayMsMax: 0 } },
    ])
  })

  it('is over when the drawer closes', async () => {
    const { drawer, sayings } = open()
    await choose(drawer, 'sse')
    await drawer.get('[role=switch]').setValue(true)
    drawer.unmount()
    await vi.advanceTimersByTimeAsync(0)
    expect(sayings.slice(3)).toEqual([
      { type: 'wire', isOpen: false },
      { type: 'mode', mode: 'automatic', intervalMs: 2000 },
      { type: 'weather', weather: null },
    ])
  })

  it('a comparison tries each way in turn, and goes back', async () => {
    const modes: string[] = []
    const port = { say: (saying: Saying) => void (saying.type === 'mode' && modes.push(saying.mode)), hear: () => () => {} }
    const { result: experiment } = inScope(() => useExperiment(port))
    experiment.compare()
    await vi.advanceTimersByTimeAsync(COMPARE_S * 2000)
    expect(experiment.comparison.value).toEqual({ mode: 'sse', leftS: COMPARE_S })
    await vi.advanceTimersByTimeAsync(COMPARE_S * 1000)
    expect([modes, experiment.comparison.value]).toEqual([['short', 'long', 'sse', 'automatic'], null])
  })
})

it('a rate is not said before it means something', async () => {
  const { tell, drawer } = open()
  seconds(3)
  await tell({ type: 'exchanges', exchanges: [asked('a', 'long', 0, null)] })
  expect(drawer.findAll('.totals tbody tr')[2]?.text()).toBe('a minute–not tried–not known yet–not tried')
})

it('the totals stand side by side, and say what was not tried', async () => {
  const { tell, drawer } = open()
  seconds(60)
  await tell(
    { type: 'link', link: link('long') },
    {
      type: 'exchanges',
      exchanges: [
        ...Array.from({ length: 10 }, (_, n) => asked(`s${n}`, 'short', n * 2, n * 2 + 0.1, { bytes: 310 })),
        asked('l', 'long', 20, 45, { bytes: 300 }),
        asked('m', 'long', 45, null),
      ],
    },
  )
  const cells = drawer.findAll('.totals tbody tr').map((line) => line.findAll('th, td').map((cell) => cell.text()).join(' | '))
  expect(cells).toEqual([
    'In use | 20 s | 40 s | –not tried',
    'Requests | 10 | 2 | –not tried',
    'a minute | 30 | 3.0 | –not tried',
    'without news | 10 | 1 | –not tried',
    'Bytes | 3.1 KB | 300 B | –not tried',
    'a minute | 9.3 KB | 447 B | –not tried',
    'Delay, median | –not known yet | –not known yet | –not tried',
  ])
})

it('the counters tell of a message that was heard and is not shown', async () => {
  const { tell, drawer, shown } = open()
  shown.push(4, 6)
  await tell(page('c-3', 'c-6', [event(4, 4), event(5, 5), event(6, 6)]))
  expect(drawer.get('.clean').text()).toBe('lost 1 · doubled 0 of 3 messages')
  shown.push(5)
  await tell()
  expect(drawer.get('.clean').text()).toBe('lost 0 · doubled 0 of 3 messages')
})
