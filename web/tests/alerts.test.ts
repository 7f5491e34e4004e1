// Somebody writes and nobody looks: which tab calls, and how.
import { describe, expect, it } from 'vitest'
import { createAlerts } from '../src/alerts/alerts'
import type { Call } from '../src/alerts/alerts'
import type { Choices } from '../src/alerts/choices'
import { bob, message } from './cast'

/** Some tabs of one browser, with one storage and one clock. */
function browser(choices: Choices, ...tabs: { shows: string | null }[]) {
  let claimed = 0
  const waiting: (() => void)[] = []
  const heard: string[] = []
  const claims: number[] = []
  const calls: Call[] = []
  const hear = tabs.map(({ shows }, tab) =>
    createAlerts({
      choices: () => choices,
      isShown: (room) => room === shows,
      claim(id) {
        claims.push(id)
        return Promise.resolve(id > claimed && ((claimed = id), true))
      },
      after: (_, act) => waiting.push(act),
      playNotes: () => heard.push(`tab ${tab}`),
      notify: (call) => calls.push(call),
      title: ({ by, room }) => `${by?.name} in ${room}`,
    }),
  )
  return {
    calls,
    claims,
    heard,
    say(id: number, room = 'tea') {
      for (const tab of hear) tab({ ...message(id, bob, `text ${id}`), room })
    },
    async wait() {
      for (const act of waiting.splice(0)) act()
      await new Promise((resolve) => setTimeout(resolve))
    },
  }
}

const BOTH = { sound: true, notifications: true }

describe('a message that nobody sees', () => {
  it('is told by one tab, once', async () => {
    const { calls, heard, say, wait } = browser(BOTH, { shows: null }, { shows: null }, { shows: 'lobby' })
    say(7)
    await wait()
    expect(heard).toEqual(['tab 0'])
    expect(calls).toEqual([{ title: 'bob in tea', body: 'text 7', tag: 'tea', path: '/r/tea/7' }])
    say(7)
    await wait()
    expect(calls).toHaveLength(1)
  })

  it('is told as the person chose', async () => {
    for (const choices of [BOTH, { sound: true, notifications: false }, { sound: false, notifications: false }]) {
      const { calls, heard, say, wait } = browser(choices, { shows: null })
      say(1)
      await wait()
      expect([heard.length, calls.length]).toEqual([Number(choices.sound), Number(choices.notifications)])
    }
  })
})

it('a message in sight of any tab is told by none', async () => {
  const { calls, heard, say, wait } = browser(BOTH, { shows: null }, { shows: 'tea' })
  say(3)
  await wait()
  expect([heard, calls]).toEqual([[], []])
})

describe('a thousand messages at once', () => {
  it('are told once for each room, by the newest', async () => {
    const { calls, claims, heard, say, wait } = browser(BOTH, { shows: null })
    for (let id = 1; id <= 1000; id += 1) say(id, id % 2 ? 'tea' : 'lobby')
    await wait()
    expect(calls.map(({ body }) => body)).toEqual(['text 999', 'text 1000'])
    expect([heard.length, claims]).toEqual([2, [999, 1000]])
  })

  it('in sight cost two claims, and none where nobody is ever called', async () => {
    for (const [choices, expected] of [
      [BOTH, [1, 1000]],
      [{ sound: false, notifications: false }, []],
    ] as const) {
      const { claims, say, wait } = browser(choices, { shows: 'tea' })
      for (let id = 1; id <= 1000; id += 1) say(id)
      await wait()
      expect(claims).toEqual(expected)
    }
  })
})
