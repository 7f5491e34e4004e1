// A finger that is drawn to the side: to the next picture, or back.
//
// Called by PictureViewer. A mouse has buttons for that.

const SWIPE_PX = 48

export interface Swipe {
  onDown(event: PointerEvent): void
  onUp(event: PointerEvent): void
  /** Whether the last press was one, so that it is no click. */
  wasOne(): boolean
}

export function useSwipe(step: (by: number) => void, maySwipe: () => boolean): Swipe {
  let from: { x: number; y: number } | null = null
  let isOne = false

  return {
    onDown({ pointerType, isPrimary, clientX: x, clientY: y }) {
      isOne = false
      // Two fingers make it larger, by the browser's own way.
      from = pointerType === 'touch' && isPrimary && maySwipe() ? { x, y } : null
    },
    onUp({ clientX, clientY }) {
      if (!from) return
      const across = clientX - from.x
      isOne = Math.abs(across) > SWIPE_PX && Math.abs(across) > Math.abs(clientY - from.y)
      from = null
      if (isOne) step(across < 0 ? 1 : -1)
    },
    wasOne: () => isOne,
  }
}
