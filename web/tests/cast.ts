// The cast of the tests: ann and bob in the room tea, and what they say.
//
// Used by all tests. It builds values and runs composables in a scope that the
// test can end; it decides nothing.
import { onTestFinished } from 'vitest'
import { effectScope } from 'vue'
import type { Author, Message, RoomEvent } from '../src/api/types'
import { withNewestName } from '../src/feed/arrange'
import type { Item, RoomState } from '../src/feed/roomState'

export const ann: Author = { id: 1, name: 'ann' }
export const bob: Author = { id: 2, name: 'bob' }

const START = Date.parse('2026-11-21T10:00:00.000Z')

/** Message `id`, said `id` seconds after ten o'clock. */
export function message(id: number, by: Author, text: string, requestId?: string): Message {
  return { ...place(id, by), text, ...(requestId !== undefined && { request_id: requestId }) }
}

export function deletedMessage(id: number, by: Author): Message {
  return { ...place(id, by), deleted: true }
}

function place(id: number, by: Author) {
  return { id, room: 'tea', number: id, at: new Date(START + id * 1000).toISOString(), by }
}

export function sent(said: Message): RoomEvent {
  const { id, number, room, at, by } = said
  return { position: id, number, room, type: 'message_sent', at, message: said, ...(by && { by }) }
}

export function joined(position: number, by: Author, number = position): RoomEvent {
  const at = new Date(START + position * 1000).toISOString()
  return { position, number, room: 'tea', type: 'member_joined', at, by }
}

/** A new name, as the server tells it: in no room, and without a number. */
export function renamed(position: number, by: Author): RoomEvent {
  return { position, type: 'user_renamed', at: new Date(START + position * 1000).toISOString(), by }
}

/** Writes a timeline down, one line an item: `6 ann: one`, `7 ann (deleted)`, `9 bob joined`. */
export function lines(state: RoomState): string[] {
  return state.items.map((item) => line(withNewestName(state, item, null)))
}

function line(item: Item): string {
  const name = item.by?.name ?? 'server'
  if (item.kind === 'notice') return `${item.position} ${name} ${item.what}`
  const { deleted, text } = item.message
  return `${item.position} ${name}${deleted ? ' (deleted)' : `: ${text}`}`
}

/** Runs a composable as a component would, until the test ends. */
export function inScope<Result>(run: () => Result): { result: Result; stop: () => void } {
  const scope = effectScope()
  const result = scope.run(run) as Result
  onTestFinished(() => scope.stop())
  return { result, stop: () => scope.stop() }
}
