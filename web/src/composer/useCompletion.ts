// Completing the word before the caret: the list, the one that is chosen, the keys.
//
// Called by MessageComposer with the sources that know words. While the list is
// open, the arrows choose in it and Enter or Tab takes; Escape closes it.
import { computed, ref, watch } from 'vue'
import type { ComputedRef, Ref } from 'vue'

export interface Option {
  key: string
  shown: string
  hint: string
  /** Stands in the place of the word. */
  text: string
}

/** Returns what completes the text before the caret, and where that word begins; null where it knows nothing. */
export type Source = (before: string) => { from: number; options: Option[] } | null

export interface Completion {
  options: ComputedRef<readonly Option[]>
  chosen: Ref<number>
  /** The caret moved. */
  look(): void
  /** Returns whether the key was for the list. */
  onKeydown(event: KeyboardEvent): boolean
  take(index: number): void
}

export function useCompletion(text: Ref<string>, field: Readonly<Ref<HTMLTextAreaElement | null>>, sources: readonly Source[]): Completion {
  const caret = ref(0)
  const chosen = ref(0)
  /** The text for which the list was closed. */
  const closedFor = ref<string | null>(null)

  const found = computed(() => {
    if (closedFor.value === text.value) return null
    const before = text.value.slice(0, caret.value)
    for (const source of sources) {
      const list = source(before)
      if (list && list.options.length > 0) return list
    }
    return null
  })
  const options = computed(() => found.value?.options ?? [])

  watch(options, () => (chosen.value = 0))
  watch(text, look, { flush: 'post' })

  function look(): void {
    const { value } = field
    caret.value = value && value.selectionStart === value.selectionEnd ? value.selectionEnd : 0
  }

  function onKeydown(event: KeyboardEvent): boolean {
    const count = options.value.length
    if (count === 0 || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false
    if (event.key === 'ArrowDown') chosen.value = (chosen.value + 1) % count
    else if (event.key === 'ArrowUp') chosen.value = (chosen.value + count - 1) % count
    else if (event.key === 'Enter' || event.key === 'Tab') take(chosen.value)
    else if (event.key === 'Escape') closedFor.value = text.value
    else return false
    event.preventDefault()
    event.stopPropagation()
    return true
  }

  function take(index: number): void {
    const option = options.value[index]
    const from = found.value?.from
    if (!option || from === undefined) return
    text.value = text.value.slice(0, from) + option.text + text.value.slice(caret.value)
    closedFor.value = text.value
    field.value?.focus()
  }

  return { options, chosen, look, onKeydown, take }
}
