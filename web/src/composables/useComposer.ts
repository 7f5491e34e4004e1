// The text being written: its draft, its length, and which keys send it.
//
// Called by MessageComposer. The draft is kept at every change and belongs to the
// person, so that it survives a reload. It does not send: it hands the trimmed
// text to `submit` and forgets it.
import { computed, ref, watch } from 'vue'
import type { ComputedRef, Ref } from 'vue'
import { readItem, removeItem, storeItem } from '../storage'
import { createImeGuard } from './imeGuard'
import type { ImeGuard } from './imeGuard'

/** The server's limit, in characters after trimming. */
export const TEXT_CHARACTERS_MAX = 4000
/** From here on the counter shows what is left. */
const COUNTER_SHOWS_BELOW = 300

export interface Composer {
  text: Ref<string>
  /** Characters left, present only near the limit; negative beyond it. */
  charactersLeft: ComputedRef<number | null>
  canSend: ComputedRef<boolean>
  ime: ImeGuard
  onKeydown(event: KeyboardEvent): void
  send(): void
}

export function useComposer(draftKey: Ref<string | null>, submit: (text: string) => void): Composer {
  const text = ref('')
  const ime = createImeGuard()

  // The server counts characters, not UTF-16 units.
  const characters = computed(() => [...text.value.trim()].length)
  const canSend = computed(() => {
    // Before the session is known there is nobody to send as; the text waits.
    const isKnown = draftKey.value !== null
    return isKnown && characters.value > 0 && characters.value <= TEXT_CHARACTERS_MAX
  })
  const charactersLeft = computed(() => {
    const left = TEXT_CHARACTERS_MAX - characters.value
    return left < COUNTER_SHOWS_BELOW ? left : null
  })

  function send(): void {
    if (!canSend.value) return
    const trimmed = text.value.trim()
    // Emptied before anything else, so that a second click finds nothing.
    text.value = ''
    submit(trimmed)
  }

  function onKeydown(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.shiftKey || event.altKey || ime.holds(event)) return
    event.preventDefault()
    send()
  }

  watch(
    draftKey,
    (key) => {
      // The text being written wins over a draft that was left behind.
      if (key !== null && text.value === '') text.value = readItem(key) ?? ''
    },
    { immediate: true },
  )
  watch(
    text,
    (now) => {
      if (draftKey.value === null) return
      if (now === '') removeItem(draftKey.value)
      else storeItem(draftKey.value, now)
    },
    { flush: 'sync' },
  )

  return { text, charactersLeft, canSend, ime, onKeydown, send }
}
