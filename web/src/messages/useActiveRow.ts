// The message under the pointer or the focus, and the keys and presses that act on it.
//
// Called by MessageList. A mouse hovers; the arrows go from message to message
// once the transcript has the focus; a finger presses long. One listener for all
// rows, so that a row costs nothing until it is used.
import { onScopeDispose, ref } from 'vue'
import type { Ref } from 'vue'
import { lastNumberInSight } from './useScroll'

/** The time of a long press: as phones have it. */
const PRESS_MS = 500
/** A finger that moves further scrolls. */
const PRESS_PX = 10

export type RowKey = 'menu' | 'reply' | 'edit' | 'delete' | 'react'

const KEYS: Readonly<Record<string, RowKey>> = { Enter: 'menu', r: 'reply', e: 'edit', Delete: 'delete', '+': 'react' }

export interface ActiveRow {
  active: Ref<number | null>
  onPointerOver(event: PointerEvent): void
  onPointerLeave(): void
  onPointerDown(event: PointerEvent): void
  onPointerMove(event: PointerEvent): void
  onPointerEnd(): void
  onContextMenu(event: MouseEvent): void
  onFocusIn(event: FocusEvent): void
  onFocusOut(event: FocusEvent): void
  onKeydown(event: KeyboardEvent): void
}

export function useActiveRow(scroller: Readonly<Ref<HTMLElement | null>>, onKey: (key: RowKey, number: number) => void): ActiveRow {
  const active = ref<number | null>(null)
  let press: { timer: number; x: number; y: number } | null = null
  let isByTouch = false

  function onPointerOver(event: PointerEvent): void {
    if (event.pointerType === 'touch') return
    active.value = numberOf(event.target) ?? active.value
  }

  function onPointerLeave(): void {
    active.value = numberOf(document.activeElement)
  }

  function onPointerDown({ target, pointerType, clientX: x, clientY: y }: PointerEvent): void {
    isByTouch = pointerType === 'touch'
    const number = numberOf(target)
    onPointerEnd()
    if (!isByTouch || number === null) return
    const timer = window.setTimeout(() => {
      press = null
      onKey('menu', number)
    }, PRESS_MS)
    press = { timer, x, y }
  }

  function onPointerMove({ clientX, clientY }: PointerEvent): void {
    if (press && Math.hypot(clientX - press.x, clientY - press.y) > PRESS_PX) onPointerEnd()
  }

  function onPointerEnd(): void {
    clearTimeout(press?.timer)
    press = null
  }

  /** A long press is ours; the right button of a mouse is the browser's. */
  function onContextMenu(event: MouseEvent): void {
    const isLink = event.target instanceof Element && event.target.closest('a') !== null
    if (isByTouch && !isLink && numberOf(event.target) !== null) event.preventDefault()
    if (isLink) onPointerEnd()
  }

  function onFocusIn(event: FocusEvent): void {
    active.value = numberOf(event.target) ?? active.value
  }

  function onFocusOut({ relatedTarget }: FocusEvent): void {
    if (relatedTarget !== null && numberOf(relatedTarget) === null) active.value = null
  }

  function onKeydown(event: KeyboardEvent): void {
    const { key, target, ctrlKey, metaKey, altKey } = event
    const box = scroller.value
    if (!box || ctrlKey || metaKey || altKey || event.defaultPrevented) return
    const row = target === box ? null : rowOf(target)
    if (target !== box && target !== row) return
    if (key === 'ArrowUp' || key === 'ArrowDown') {
      const to = row ? neighbour(box, row, key === 'ArrowUp' ? -1 : 1) : document.getElementById(`m${lastNumberInSight(box) ?? 0}`)
      if (to) event.preventDefault()
      to?.focus()
      return
    }
    const act = KEYS[key]
    if (!row || !act) return
    event.preventDefault()
    onKey(act, Number(row.dataset.number))
  }

  onScopeDispose(onPointerEnd)
  return { active, onPointerOver, onPointerLeave, onPointerDown, onPointerMove, onPointerEnd, onContextMenu, onFocusIn, onFocusOut, onKeydown }
}

function rowOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>('.said[data-number]') : null
}

function numberOf(target: EventTarget | null): number | null {
  const row = rowOf(target)
  return row ? Number(row.dataset.number) : null
}

function neighbour(box: HTMLElement, row: HTMLElement, by: number): HTMLElement | null {
  const all = [...box.querySelectorAll<HTMLElement>('.said[data-number]')]
  return all[all.indexOf(row) + by] ?? null
}
