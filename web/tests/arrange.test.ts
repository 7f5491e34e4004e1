// From what is known to what is shown: groups, days, notices, own messages.
import { describe, expect, it } from 'vitest'
import type { Author, RoomEvent } from '../src/api/types'
import { arrange } from '../src/feed/arrange'
import { fold } from '../src/feed/fold'
import { cutNewest, EMPTY_TIMELINE } from '../src/feed/timeline'
import type { Entry } from '../src/store/entries'
import { ann, bob, deletedMessage, inTea, joined, message, sent } from './cast'

const AT = Date.parse('2026-11-21T10:00:20.000Z')

function entry(text: string): Entry {
  return { requestId: `id of ${text}`, userId: 1, room: 'tea', order: 1, text, at: AT, attempts: 1, state: 'sending' }
}

interface Rest {
  entries?: Entry[]
  me?: Author
  freshAfter?: number
}

function arranged(events: RoomEvent[], { entries = [], me = ann, freshAfter }: Rest = {}) {
  const { names, rooms } = events.reduce(fold, { ...inTea(), me: { ...me, role: 'guest' } })
  const timeline = rooms.get('tea')?.timeline ?? EMPTY_TIMELINE
  return arrange({ timeline, names, entries, me, freshAfter: freshAfter ?? null })
}

/** Writes the rows down, one string a row. */
function rows(events: RoomEvent[], rest?: Rest): string[] {
  return arranged(events, rest).map((row) => {
    if (row.kind === 'day' || row.kind === 'fresh') return row.kind
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

it('the news begins at the first message of somebody else that was not shown', () => {
  const events = [said(1, bob, 'old'), said(2, ann, 'mine'), said(3, bob, 'new'), said(4, bob, 'newer')]
  expect(rows(events, { freshAfter: 1 })).toEqual(['day', 'bob: old', 'ann (me): mine', 'fresh', 'bob: new / newer'])
  expect(rows(events, { freshAfter: 4 })).not.toContain('fresh')
})

it('what is being sent stands nowhere in a window that does not reach to now', () => {
  const { names, rooms } = [said(1, bob, 'one'), said(2, bob, 'two')].reduce(fold, inTea())
  const timeline = cutNewest(rooms.get('tea')?.timeline ?? EMPTY_TIMELINE, 1)
  const shown = arrange({ timeline, names, entries: [entry('three')], me: ann, freshAfter: null })
  expect(shown.map(({ kind }) => kind)).toEqual(['day', 'group'])
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
  return arranged(events, { entries }).flatMap((row) => (row.kind === 'group' ? row.lines.map(({ key }) => key) : []))
}

describe('an own message', () => {
  it('is shown at the end until the server has stored it', () => {
    expect(rows([said(6, bob, 'one')], { entries: [entry('two')] })).toEqual(['day', 'bob: one', 'ann (me): two (sending)'])
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
