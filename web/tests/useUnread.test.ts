// Unread messages: said by others, and not had in sight.
import { afterEach, expect, it, vi } from 'vitest'
import { ref, shallowRef } from 'vue'
import type { Author } from '../src/api/types'
import { useUnread } from '../src/composables/useUnread'
import { mergeMessages, UNREAD_ROOM } from '../src/feed/roomState'
import { ann, bob, inScope, message } from './cast'

afterEach(() => show('visible'))

function show(visibility: DocumentVisibilityState) {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(visibility)
  document.dispatchEvent(new Event('visibilitychange'))
}

function openRoom() {
  const state = shallowRef(UNREAD_ROOM)
  const hasHistory = ref(false)
  const isAtBottom = ref(true)
  const { result: unread } = inScope(() => useUnread(state, hasHistory, ref<Author | null>(ann), isAtBottom))
  const say = (id: number, by: Author) => {
    state.value = mergeMessages(state.value, [message(id, by, 'hi')])
  }
  return { unread, hasHistory, isAtBottom, say }
}

it('history is not new, but what comes after it is, also in a page that was never looked at', () => {
  const room = openRoom()
  show('hidden')
  room.say(1, bob)
  room.hasHistory.value = true
  expect(room.unread.count.value).toBe(0)
  room.say(2, bob)
  expect(room.unread.count.value).toBe(1)
})

it('a message of somebody else is new while the page is hidden, until it is looked at', () => {
  const room = openRoom()
  room.hasHistory.value = true
  show('hidden')
  room.say(1, bob)
  room.say(2, ann)
  room.say(3, bob)
  expect(room.unread.count.value).toBe(2)
  show('visible')
  expect(room.unread.count.value).toBe(0)
})

it('a message of somebody else below is new until the reader comes down', () => {
  const room = openRoom()
  room.hasHistory.value = true
  room.isAtBottom.value = false
  room.say(1, bob)
  expect(room.unread.count.value).toBe(1)
  room.isAtBottom.value = true
  expect(room.unread.count.value).toBe(0)
})
