// Where a transcript opens, what was shown of it, and where the reader left it.
//
// Called by MessageList. Shown is what was in sight while somebody could look:
// the page visible, up to the last message that is wholly on the screen.
import { nextTick, onBeforeUnmount, onScopeDispose } from 'vue'
import type { Ref } from 'vue'
import { lastNumberInSight, useScroll } from './useScroll'
import type { Scroll } from './useScroll'

/** A message, and how far below the top of the box it stood; null at the newest message. */
export type Place = { id: string; top: number } | null

export interface PlaceListener {
  onShown(number: number): void
  onLeft(place: Place): void
  /** It was looked where the reader is. */
  onLook(): void
}

export interface PlaceKeeper extends Scroll {
  /** Goes to the message of this number, else to `place`, else to the news, else to the end. */
  goTo(target: number | null, place: Place | undefined): void
}

export function usePlace(scroller: Readonly<Ref<HTMLElement | null>>, listener: PlaceListener): PlaceKeeper {
  const scroll = useScroll(scroller, onLook)

  function onLook(): void {
    tell()
    listener.onLook()
  }

  function tell(): void {
    const box = scroller.value
    if (!box || document.visibilityState === 'hidden') return
    const number = lastNumberInSight(box)
    if (number !== null) listener.onShown(number)
  }

  function goTo(target: number | null, place: Place | undefined): void {
    const box = scroller.value
    if (!box) return
    const { top, height } = box.getBoundingClientRect()
    const bring = (element: Element | null, to: number) => {
      if (element) box.scrollTop += element.getBoundingClientRect().top - top - to
      return element !== null
    }
    if (target !== null) {
      const element = document.getElementById(`m${target}`)
      if (bring(element, height / 3)) return void nextTick(() => element?.focus({ preventScroll: true }))
    }
    if (place && bring(document.getElementById(place.id), place.top)) return
    const fresh = box.querySelector('.fresh')
    const isAbove = fresh !== null && fresh.getBoundingClientRect().top < top
    if (place === undefined && isAbove) bring(fresh, height / 6)
  }

  function leave(): void {
    const box = scroller.value
    if (!box) return
    const { top } = box.getBoundingClientRect()
    const first = [...box.querySelectorAll('.said[id]')].find((said) => said.getBoundingClientRect().bottom > top)
    const isAway = first !== undefined && !scroll.isAtBottom.value
    listener.onLeft(isAway ? { id: first.id, top: first.getBoundingClientRect().top - top } : null)
  }

  document.addEventListener('visibilitychange', tell)
  onScopeDispose(() => document.removeEventListener('visibilitychange', tell))
  onBeforeUnmount(leave)

  return { ...scroll, goTo }
}
