// Where the reader is in the timeline, and how it stays where they want it.
//
// Called by RoomTimeline. At the bottom the newest message stays in sight, whatever
// grows or shrinks; anywhere else the text under the reader's eyes stays put,
// also when older messages come in above it. It knows nothing of messages.
import { onScopeDispose, ref, watch } from 'vue'
import type { Ref } from 'vue'

/** Nearer to the bottom than this counts as being there. */
const AT_BOTTOM_PX = 64
/** Nearer to the top than this is time for older messages. */
const NEAR_TOP_PX = 400

export interface Scroll {
  isAtBottom: Ref<boolean>
  isNearTop: Ref<boolean>
  toBottom(): void
  /** Runs `grow`, which adds content on top at once, and puts the view back in its place. */
  keepPlace(grow: () => Promise<void>): Promise<void>
}

export function useScroll(
  scroller: Readonly<Ref<HTMLElement | null>>,
  content: Readonly<Ref<HTMLElement | null>>,
): Scroll {
  const isAtBottom = ref(true)
  const isNearTop = ref(false)
  let lastTop = 0

  function look(): void {
    const box = scroller.value
    if (!box) return
    const isNearBottom = box.scrollHeight - box.scrollTop - box.clientHeight < AT_BOTTOM_PX
    // A scroll event may come when news has made the content grow already.
    // Only a move upwards means that the reader left the bottom.
    if (isNearBottom || box.scrollTop < lastTop) isAtBottom.value = isNearBottom
    lastTop = box.scrollTop
    isNearTop.value = box.scrollTop < NEAR_TOP_PX
  }

  function toBottom(): void {
    const box = scroller.value
    if (!box) return
    box.scrollTop = box.scrollHeight
    isAtBottom.value = true
  }

  async function keepPlace(grow: () => Promise<void>): Promise<void> {
    const box = scroller.value
    if (!box) return
    const fromBottom = box.scrollHeight - box.scrollTop
    await grow()
    box.scrollTop = box.scrollHeight - fromBottom
    look()
  }

  // Messages, the composer, the phone's keyboard: they all change a size.
  const observer = new ResizeObserver(() => {
    if (isAtBottom.value) toBottom()
    else look()
  })
  watch([scroller, content], (elements, before) => {
    before[0]?.removeEventListener('scroll', look)
    observer.disconnect()
    for (const element of elements) if (element) observer.observe(element)
    elements[0]?.addEventListener('scroll', look, { passive: true })
  })
  onScopeDispose(() => observer.disconnect())

  return { isAtBottom, isNearTop, toBottom, keepPlace }
}
