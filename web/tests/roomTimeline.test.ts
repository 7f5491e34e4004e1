// The timeline as a whole, with a box whose sizes the test sets: happy-dom has no layout.
import { mount } from '@vue/test-utils'
import { expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import RoomTimeline from '../src/components/RoomTimeline.vue'
import { mergeMessages, UNREAD_ROOM } from '../src/feed/roomState'
import { ann, message } from './cast'

it('older messages leave what is read in its place, though the reader scrolls on while they come', async () => {
  let arrive: ((putIn: () => void) => void) | undefined
  const loadOlder = vi.fn<() => Promise<() => void>>(() => new Promise((resolve) => (arrive = resolve)))
  const state = mergeMessages({ ...UNREAD_ROOM, hasOlder: true }, [message(8, ann, 'eight')])
  const page = mount(RoomTimeline, {
    props: { roomName: 'Tea', state, hasHistory: true, entries: [], me: ann, loadOlder },
  })
  const box = page.get('.scroller').element
  let scrollHeight = 2000
  Object.defineProperty(box, 'scrollHeight', { get: () => scrollHeight })
  Object.defineProperty(box, 'clientHeight', { get: () => 500 })
  const scrollTo = async (top: number) => {
    box.scrollTop = top
    box.dispatchEvent(new Event('scroll'))
    await nextTick()
  }
  await nextTick()
  await scrollTo(1500)
  await scrollTo(300)
  expect(loadOlder).toHaveBeenCalledTimes(1)

  await scrollTo(20)
  // A new message comes in below as well.
  scrollHeight += 100
  arrive?.(() => (scrollHeight += 800))
  await vi.waitFor(() => expect(box.scrollTop).not.toBe(20))
  expect(box.scrollTop).toBe(820)
})
