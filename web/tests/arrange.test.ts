// From what is known to what is shown: groups, days, notices, own messages.
import { describe, expect, it } from 'vitest'
import type { Author, RoomEvent } from '../src/api/types'
import type { Entry } from '../src/composables/useOutbox'
import { arrange } from '../src/feed/arrange'
import { foldEvent } from '../src/feed/foldEvent'
import { UNREAD_ROOM } from '../src/feed/roomState'
import { ann, bob, deletedMessage, joined, message, sent } from './cast'

const AT = Date.parse('2026-11-21T10:00:20.000Z')

function entry(text: string): Entry {
  return { requestId: `id of ${text}`, text, at: AT, attempts: 1, state: 'sending' }
}

/** Writes the rows down, one string a row. */
function rows(events: RoomEvent[], entries: Entry[] = [], me: Author = ann) {
  const state = events.reduce(foldEvent, UNREAD_ROOM)
  return arrange(state, entries, me).map((row) => {
    if (row.kind === 'day') return 'day'
    if (row.kind === 'notices') return row.notices.map(({ by, what }) => `${by?.name} ${what}`).join(', ')
    const said = row.lines.map((line) => `${line.text ?? '(deleted)'}${line.entry ? ` (${line.entry.state})` : ''}`)
    return `${row.by?.name}${row.isOwn ? ' (me)' : ''}: ${said.join(' / ')}`
  })
}

const said = (id: number, by: Author, text: string) => sent(message(id, by, text))

it('messages of one person in a row stand under one name', () => {
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
  expect(rows([said(1, ann, 'one')], [], { id: 1, name: 'anna' })).toEqual(['day', 'anna (me): one'])
})

it('a deleted message stands where it stood, without its text', () => {
  const deleted = sent(deletedMessage(2, ann))
  expect(rows([said(1, ann, 'one'), deleted, said(3, ann, 'three'), said(4, bob, 'four')])).toEqual([
    'day',
    'ann (me): one / (deleted) / three',
    'bob: four',
  ])
})

function keys(events: RoomEvent[], entries: Entry[] = []): string[] {
  const state = events.reduce(foldEvent, UNREAD_ROOM)
  return arrange(state, entries, ann).flatMap((row) => (row.kind === 'group' ? row.lines.map(({ key }) => key) : []))
}

describe('an own message', () => {
  it('is shown at the end until the server has stored it', () => {
    expect(rows([said(6, bob, 'one')], [entry('two')])).toEqual(['day', 'bob: one', 'ann (me): two (sending)'])
  })

  it('keeps its key when it is stored, so that nothing flickers', () => {
    expect(keys([sent(message(6, ann, 'two', 'id of two'))])).toEqual(keys([], [entry('two')]))
  })

  it('has a key of its own, also where somebody else chose the same request id', () => {
    const events = [sent(message(6, bob, 'two', 'id of two')), sent(message(7, ann, 'two', 'id of two'))]
    expect(new Set(keys(events)).size).toBe(2)
  })

  it('without a request id has a key as well', () => {
    expect(new Set(keys([said(6, ann, 'yes'), said(7, ann, 'yes')])).size).toBe(2)
  })
})
