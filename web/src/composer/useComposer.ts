// The text being written: its length, and which keys send it.
//
// Called by MessageComposer, which is made anew for each room. It keeps nothing
// and does not send: it hands the trimmed text to `submit`, and forgets it.
import { computed, ref, watch } from 'vue'
import type { ComputedRef, Ref } from 'vue'
import { createImeGuard } from './imeGuard'
import type { ImeGuard } from './imeGuard'

/** The server's limit, in characters after trimming. */
export const TEXT_CHARACTERS_MAX = 4000
/** From here on the counter shows what is left. */
const COUNTER_SHOWS_BELOW = 300

export interface ComposerOptions {
  /** Before it is known who writes, there is nobody to send as; what was sent goes then. */
  isKnown: Readonly<Ref<boolean>>
  submit(text: string): void
}

export interface Composer {
  text: Ref<string>
  /** Characters left, present only near the limit; negative beyond it. */
  charactersLeft: ComputedRef<number | null>
  canSend: ComputedRef<boolean>
  ime: ImeGuard
  onKeydown(event: KeyboardEvent): void
  send(): void
  /** Puts a text before what is being written. */
  put(taken: string): void
}

export function useComposer({ isKnown, submit }: ComposerOptions): Composer {
  const text = ref('')
  const ime = createImeGuard()
  /** It was sent before it was known who writes, and not changed since. */
  let isSent = false

  // The server counts characters, not UTF-16 units.
  const characters = computed(() => [...text.value.trim()].length)
  const canSend = computed(() => characters.value > 0 && characters.value <= TEXT_CHARACTERS_MAX)
  const charactersLeft = computed(() => {
    const left = TEXT_CHARACTERS_MAX - characters.value
    return left < COUNTER_SHOWS_BELOW ? left : null
  })

  watch(text, () => (isSent = false), { flush: 'sync' })
  watch(isKnown, () => isSent && send())

  function send(): void {
    if (!canSend.value) return
    isSent = !isKnown.value
    if (isSent) return
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

  function put(taken: string): void {
    text.value = text.value.trim() === '' ? taken : `${taken}\n${text.value}`
  }

  return { text, charactersLeft, canSend, ime, onKeydown, send, put }
}
