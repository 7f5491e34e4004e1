// The cast of the tests: ann and bob in the room tea, and what they say.
//
// Used by all tests. It builds values and runs composables in a scope that the
// test can end; it decides nothing.
import { onTestFinished } from 'vitest'
import { effectScope } from 'vue'
import type { Author, Message, Room, RoomEvent } from '../src/api/types'
import { EMPTY_CHAT } from '../src/feed/fold'
import type { ChatState } from '../src/feed/fold'
import { newRoom } from '../src/feed/room'
import type { RoomState } from '../src/feed/room'
import { EMPTY_TIMELINE } from '../src/feed/timeline'
import type { Timeline } from '../src/feed/timeline'

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

export const tea: Room = { id: 1, slug: 'tea', name: 'tea', topic: '', kind: 'open', members: 2, last_number: 0 }

/** ann's chat, who is in #tea and looks at it. */
export function inTea(about: Partial<Room> = {}, timeline: Timeline | null = EMPTY_TIMELINE): ChatState {
  const room = { ...newRoom({ ...tea, ...about }, true), timeline }
  return { ...EMPTY_CHAT, me: { ...ann, role: 'guest' }, rooms: new Map([['tea', room]]) }
}

export function teaOf(chat: ChatState): RoomState {
  const room = chat.rooms.get('tea')
  if (!room) throw new Error('there is no #tea')
  return room
}

/** Runs a composable as a component would, until the test ends. */
export function inScope<Result>(run: () => Result): { result: Result; stop: () => void } {
  const scope = effectScope()
  const result = scope.run(run) as Result
  onTestFinished(() => scope.stop())
  return { result, stop: () => scope.stop() }
}
