// Missing events, told by the numbers of each room.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { RoomEvent } from '../src/api/types'
import rename from '../../fixtures/feeds/a_rename.json'
import { createNumbers } from '../src/wire/numbers'
import { ann, bob, joined } from './cast'

const inRoom = (room: string, number: number): RoomEvent => ({ ...joined(number, bob), room })

/** Says of each event whether it follows those before. */
function follow(events: RoomEvent[]): boolean[] {
  return events.map(createNumbers().follow)
}

describe('after number 6', () => {
  it.each([
    ['the next number follows', 7, true],
    ['a number known already follows', 6, true],
    ['a number from before the first follows', 2, true],
    ['a number too far leaves a gap', 8, false],
  ])('%s', (_name, number, expected) => {
    expect(follow([joined(6, ann), joined(number, bob)])).toEqual([true, expected])
  })
})

it('the first event may have any number', () => {
  expect(follow([joined(40, bob)])).toEqual([true])
})

it('an event that comes again does not hide a gap after it', () => {
  expect(follow([joined(6, ann), joined(7, bob), joined(6, ann), joined(8, bob), joined(10, ann)])).toEqual([
    true, true, true, true, false,
  ])
})

it('a rename leaves no gap, and a gap after it is seen', () => {
  const events = rename.events as RoomEvent[]
  const last = events.at(-1)?.number ?? 0
  const [message, renamed] = events
  expect([message?.number, renamed?.type, renamed && 'number' in renamed, last]).toEqual([3, 'user_renamed', false, 4])
  expect(follow([...events, joined(last + 1, bob), joined(last + 3, bob)])).toEqual([true, true, true, true, false])
})

it('the rename of these tests has the fields that the server sends', () => {
  const transcript = readFileSync('../fixtures/transcripts/native.http', 'utf8')
  const page = transcript.split('\n').find((line) => line.startsWith('< {"events"') && line.includes('user_renamed'))
  const { events } = JSON.parse(page?.slice(2) ?? '') as { events: RoomEvent[] }
  expect(fieldsOfRename(rename.events as RoomEvent[])).toEqual(fieldsOfRename(events))
})

function fieldsOfRename(events: RoomEvent[]): string[] {
  return Object.keys(events.find(({ type }) => type === 'user_renamed') ?? {})
}

it('each room counts for itself', () => {
  const events = [inRoom('tea', 3), inRoom('cake', 8), inRoom('tea', 4), inRoom('cake', 9), inRoom('cake', 11)]
  expect(follow(events)).toEqual([true, true, true, true, false])
})

it('numbers that were forgotten begin anew', () => {
  const numbers = createNumbers()
  numbers.follow(joined(6, ann))
  numbers.forget()
  expect([numbers.follow(joined(40, bob)), numbers.last('tea'), numbers.last('cake')]).toEqual([true, 40, undefined])
})
