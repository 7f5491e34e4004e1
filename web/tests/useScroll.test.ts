// Where the reader is, with a box whose sizes the test sets: happy-dom has no layout.
import { beforeEach, expect, it, vi } from 'vitest'
import { nextTick, ref, shallowRef } from 'vue'
import { useScroll } from '../src/composables/useScroll'
import { inScope } from './cast'

let resized = () => {}

beforeEach(() => {
  vi.stubGlobal(
    'ResizeObserver',
    class {
      constructor(callback: () => void) {
        resized = callback
      }
      observe() {}
      disconnect() {}
    },
  )
})

/** A box 500 px high with 2000 px of content, scrolled to its bottom. */
async function openBox() {
  const box = document.createElement('div')
  const sizes = { scrollHeight: 2000, clientHeight: 500 }
  for (const name of ['scrollHeight', 'clientHeight'] as const) {
    Object.defineProperty(box, name, { get: () => sizes[name] })
  }
  const scroller = shallowRef<HTMLElement | null>(null)
  const { result: scroll } = inScope(() => useScroll(scroller, ref(document.createElement('div'))))
  scroller.value = box
  await nextTick()
  const scrollTo = (top: number) => {
    box.scrollTop = top
    box.dispatchEvent(new Event('scroll'))
  }
  scrollTo(1500)
  return { box, sizes, scroll, scrollTo }
}

it('at the bottom, the newest stays in sight when the content grows', async () => {
  const { box, sizes } = await openBox()
  sizes.scrollHeight = 2300
  resized()
  expect(box.scrollTop).toBe(2300)
})

it('scrolled up, nothing moves when the content grows', async () => {
  const { box, sizes, scroll, scrollTo } = await openBox()
  scrollTo(900)
  sizes.scrollHeight = 2300
  resized()
  expect([box.scrollTop, scroll.isAtBottom.value]).toEqual([900, false])
})

it('a scroll event that comes after the content has grown does not leave the bottom', async () => {
  const { box, sizes, scroll } = await openBox()
  sizes.scrollHeight = 2300
  box.dispatchEvent(new Event('scroll'))
  expect(scroll.isAtBottom.value).toBe(true)
})

it('older messages above leave what is read where it is', async () => {
  const { box, sizes, scroll, scrollTo } = await openBox()
  scrollTo(100)
  await scroll.keepPlace(() => {
    sizes.scrollHeight = 2800
    return Promise.resolve()
  })
  expect(box.scrollTop).toBe(900)
})

it('the top is near before it is reached', async () => {
  const { scroll, scrollTo } = await openBox()
  scrollTo(401)
  const far = scroll.isNearTop.value
  scrollTo(399)
  expect([far, scroll.isNearTop.value]).toEqual([false, true])
})
