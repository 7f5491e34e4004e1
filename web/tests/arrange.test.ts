// From what is known to what is shown: groups, days, notices, own messages.
import { describe, expect, it } from 'vitest'
import type { Author, RoomEvent } from '../src/api/types'
import type { Entry } from '../src/composables/useOutbox'
import { arrange, reconcile } from '../src/feed/arrange'
import { foldEvent } from '../src/feed/foldEvent'
import { UNREAD_ROOM } from '../src/feed/roomState'
import { ann, bob, joined, message, sent } from './cast'

const AT = Date.parse('2026-11-21T10:00:20.000Z')

function entry(text: string, more: Partial<Entry> = {}): Entry {
  return { requestId: `id of ${text}`, text, at: AT, after: 5, attempts: 1, state: 'sending', ...more }
}

/** Writes the rows down, one string a row. */
function rows(events: RoomEvent[], entries: Entry[] = [], settled = new Map<number, string>(), me: Author = ann) {
  const state = events.reduce(foldEvent, UNREAD_ROOM)
  return arrange(state, reconcile(state, entries, settled, me), me).map((row) => {
    if (row.kind === 'day') return 'day'
    if (row.kind === 'notices') return row.notices.map(({ by, what }) => `${by?.name} ${what}`).join(', ')
    const said = row.lines.map((line) => (line.entry ? `${line.text} (${line.entry.state})` : line.text))
    return `${row.by?.name}${row.isOwn ? ' (me)' : ''}: ${said.join(' / ')}`
  })
}

const said = (id: number, by: Author, text: string) => sent(message(id, by, text))

it('what one person says in a row stands under one name', () => {
  expect(rows([said(1, ann, 'one'), said(2, ann, 'two'), said(3, bob, 'three'), said(4, ann, 'four')])).toEqual([
    'day',
    'ann (me): one / two',
    'bob: three',
    'ann (me): four',
  ])
})

it('after five quiet minutes the name stands again', () => {
  expect(rows([said(1, bob, 'one'), said(300, bob, 'two'), said(600, bob, 'three')])).toEqual([
    'day',
    'bob: one / two',
    'bob: three',
  ])
})

it('people who join one after another share a line', () => {
  expect(rows([joined(1, ann), joined(2, bob), said(3, bob, 'hi')])).toEqual(['day', 'ann joined, bob joined', 'bob: hi'])
})

it('a new day is marked', () => {
  expect(rows([said(1, bob, 'one'), said(86_401, bob, 'two')])).toEqual(['day', 'bob: one', 'day', 'bob: two'])
})

it('my own name is the newest I gave myself', () => {
  expect(rows([said(1, ann, 'one')], [], new Map(), { id: 1, name: 'anna' })).toEqual(['day', 'anna (me): one'])
})

describe('an own message', () => {
  it('is shown at the end until the server has stored it', () => {
    expect(rows([said(6, bob, 'one')], [entry('two')])).toEqual(['day', 'bob: one', 'ann (me): two (sending)'])
  })

  it('is shown once when its event comes before its answer', () => {
    expect(rows([said(6, ann, 'two'), said(7, bob, 'three')], [entry('two')])).toEqual([
      'day',
      'ann (me): two',
      'bob: three',
    ])
  })

  it('is not taken for an older one with the same text', () => {
    expect(rows([said(4, ann, 'yes')], [entry('yes')])).toEqual(['day', 'ann (me): yes / yes (sending)'])
  })

  it('is not taken for what somebody else said', () => {
    expect(rows([said(6, bob, 'yes')], [entry('yes')])).toEqual(['day', 'bob: yes', 'ann (me): yes (sending)'])
  })

  it('that was never sent is not taken for what another tab said', () => {
    const unsent = entry('yes', { attempts: 0, state: 'waiting' })
    expect(rows([said(6, ann, 'yes')], [unsent])).toEqual(['day', 'ann (me): yes / yes (waiting)'])
  })

  it('said twice is shown twice, whichever copy is stored already', () => {
    const twice = [entry('yes'), entry('yes', { requestId: 'second', attempts: 0, state: 'waiting' })]
    expect(rows([said(6, ann, 'yes')], twice)).toEqual(['day', 'ann (me): yes / yes (waiting)'])
    expect(rows([said(6, ann, 'yes')], [entry('yes')], new Map([[6, 'first']]))).toEqual([
      'day',
      'ann (me): yes / yes (sending)',
    ])
  })

  it('keeps its key when it is stored, so that nothing flickers', () => {
    const state = [said(6, ann, 'two')].reduce(foldEvent, UNREAD_ROOM)
    const keys = (own: ReturnType<typeof reconcile>, of = state) =>
      arrange(of, own, ann).flatMap((row) => (row.kind === 'group' ? row.lines.map(({ key }) => key) : []))
    expect([
      keys(reconcile(UNREAD_ROOM, [entry('two')], new Map(), ann), UNREAD_ROOM),
      keys(reconcile(state, [entry('two')], new Map(), ann)),
      keys(reconcile(state, [], new Map([[6, 'id of two']]), ann)),
    ]).toEqual([['id of two'], ['id of two'], ['id of two']])
  })
})
