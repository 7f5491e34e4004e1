// Where the reader is in a transcript, and how it stays where they want it.
//
// Called by MessageList. The box runs from the bottom up (`column-reverse`): its
// scrollTop is 0 at the newest message and negative above it, so that the
// newest stays in sight by itself, whatever grows or shrinks, and with the
// server's HTML before any script has run. Anywhere else the text under the
// reader's eyes stays put. It knows nothing of messages but the class of one.
import { onScopeDispose, ref, watch } from 'vue'
import type { Ref } from 'vue'

/** Nearer to the bottom than this counts as being there. */
const AT_BOTTOM_PX = 64
/** This many screens before an end is time for the next page. */
const AHEAD = 1.5

export interface Scroll {
  isAtBottom: Ref<boolean>
  isNearTop: Ref<boolean>
  isNearBottom: Ref<boolean>
  /** Looks again where the reader is, as after a change of size. */
  look(): void
  toBottom(): void
  /** Notes what is in sight; the function that it returns brings it back to its place. */
  hold(): () => void
}

export function useScroll(scroller: Readonly<Ref<HTMLElement | null>>, onLook: () => void): Scroll {
  const isAtBottom = ref(true)
  const isNearTop = ref(false)
  const isNearBottom = ref(true)

  function look(): void {
    const box = scroller.value
    if (!box) return
    const below = -box.scrollTop
    const above = box.scrollHeight - box.clientHeight - below
    isAtBottom.value = below < AT_BOTTOM_PX
    isNearBottom.value = below < AHEAD * box.clientHeight
    isNearTop.value = above < AHEAD * box.clientHeight
    onLook()
  }

  function toBottom(): void {
    if (scroller.value) scroller.value.scrollTop = 0
    isAtBottom.value = true
  }

  function hold(): () => void {
    const box = scroller.value
    const anchor = box && firstInSight(box)
    if (!box || !anchor) return () => {}
    const before = anchor.element.getBoundingClientRect().top
    return () => {
      // The row may have been made anew: its messages have names of their own.
      const now = anchor.element.isConnected ? anchor.element : document.getElementById(anchor.element.id)
      const moved = now ? now.getBoundingClientRect().top - before : 0
      // Any setting of it, even to the same, ends a scroll that is under way.
      if (Math.abs(moved) >= 1) box.scrollTop += moved
    }
  }

  const observer = new ResizeObserver(look)
  watch(scroller, (box, before) => {
    before?.removeEventListener('scroll', look)
    observer.disconnect()
    box?.addEventListener('scroll', look, { passive: true })
    if (box) observer.observe(box)
    if (box?.firstElementChild) observer.observe(box.firstElementChild)
  })
  onScopeDispose(() => observer.disconnect())

  return { isAtBottom, isNearTop, isNearBottom, look, toBottom, hold }
}

/** Returns the first message that begins in sight, or the one that fills it. */
function firstInSight(box: HTMLElement): { element: Element } | null {
  const { top } = box.getBoundingClientRect()
  const all = box.querySelectorAll('.said[id]')
  // The messages stand in order, so the first one below the edge is found by halves.
  let low = 0
  let high = all.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((all[middle]?.getBoundingClientRect().bottom ?? 0) > top) high = middle
    else low = middle + 1
  }
  const element = all[low] ?? all[all.length - 1]
  return element ? { element } : null
}

/** Returns the number of the last message that is wholly in sight, or above it; null where none is. */
export function lastNumberInSight(box: HTMLElement): number | null {
  const { bottom } = box.getBoundingClientRect()
  const all = box.querySelectorAll('.said[data-number]')
  let low = 0
  let high = all.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((all[middle]?.getBoundingClientRect().bottom ?? 0) > bottom) high = middle
    else low = middle + 1
  }
  const last = all[low - 1]
  return last instanceof HTMLElement ? Number(last.dataset.number) : null
}
