// The text being written: its length, which keys send it, and the message that it answers or changes.
//
// Called by MessageComposer, which is made anew for each room. It keeps nothing
// and does not send: it hands the trimmed text on, and forgets it. While a message
// is edited, the draft and what it answers wait beside it.
import { computed, ref, shallowRef, watch } from 'vue'
import type { ComputedRef, Ref, ShallowRef } from 'vue'
import type { Message, Quote } from '../api/types'
import { readCommand } from './commands'
import type { Command } from './commands'
import { createImeGuard } from './imeGuard'
import type { ImeGuard } from './imeGuard'

/** The server's limit, in characters after trimming. */
export const TEXT_CHARACTERS_MAX = 4000
/** From here on the counter shows what is left. */
const COUNTER_SHOWS_BELOW = 300

export interface ComposerOptions {
  /** Before it is known who writes, there is nobody to send as; what was sent goes then. */
  isKnown: Readonly<Ref<boolean>>
  /** The files that go with the text; a text that was sent waits until they are up. */
  files?: Readonly<Ref<'none' | 'coming' | 'up'>>
  submit(text: string, replyTo: Quote | undefined): void
  /** Gives a message another text. */
  change?(message: Message, text: string): void
  run?(command: Command): void
  /** The field is empty, and the last message of mine is wanted. */
  editLast?(): void
}

export interface Composer {
  text: Ref<string>
  /** The text that is kept as a draft. */
  draft: Ref<string>
  answering: ShallowRef<Quote | null>
  editing: ShallowRef<Message | null>
  /** Why the command that was written cannot be done; empty where there is nothing to say. */
  problem: Ref<string>
  /** Characters left, present only near the limit; negative beyond it. */
  charactersLeft: ComputedRef<number | null>
  canSend: ComputedRef<boolean>
  /** It was sent, and goes once its files are up. */
  waitsForFiles: ComputedRef<boolean>
  ime: ImeGuard
  onKeydown(event: KeyboardEvent): void
  send(): void
  /** Puts a text before what is being written. */
  put(taken: string): void
  /** Begins to edit a message, whose Markdown is `source`, from there or from `begun`. */
  edit(message: Message, source?: string, begun?: string): void
  /** Edits nothing any more, or else answers nothing; returns whether it did. */
  leave(): boolean
}

export function useComposer({ isKnown, files = ref('none'), submit, change, run, editLast }: ComposerOptions): Composer {
  const draft = ref('')
  const edited = ref('')
  const editing = shallowRef<Message | null>(null)
  /** The edited text, as it was. */
  let unchanged = ''
  const answering = shallowRef<Quote | null>(null)
  const problem = ref('')
  const text = computed({
    get: () => (editing.value ? edited : draft).value,
    set: (now) => ((editing.value ? edited : draft).value = now),
  })
  const ime = createImeGuard()
  /** It was sent before it could go, and not changed since. */
  const isSent = ref(false)

  // The server counts characters, not UTF-16 units.
  const characters = computed(() => [...text.value.trim()].length)
  const hasFiles = computed(() => files.value !== 'none' && editing.value === null)
  const canSend = computed(() => (characters.value > 0 || hasFiles.value) && characters.value <= TEXT_CHARACTERS_MAX)
  const waitsForFiles = computed(() => isSent.value && isKnown.value && files.value === 'coming')
  const charactersLeft = computed(() => {
    const left = TEXT_CHARACTERS_MAX - characters.value
    return left < COUNTER_SHOWS_BELOW ? left : null
  })

  watch(
    text,
    () => {
      isSent.value = false
      problem.value = ''
    },
    { flush: 'sync' },
  )
  watch([isKnown, files], () => isSent.value && send())

  function send(): void {
    isSent.value = false
    if (!canSend.value) return
    const message = editing.value
    isSent.value = !isKnown.value || (!message && files.value === 'coming')
    if (isSent.value) return
    const trimmed = text.value.trim()
    if (message) {
      leave()
      if (trimmed !== unchanged) change?.(message, trimmed)
      return
    }
    const said = readCommand(trimmed)
    if (said.kind === 'problem') return void (problem.value = said.sentence)
    // Emptied before anything else, so that a second click finds nothing.
    text.value = ''
    if (said.kind === 'command') return run?.(said.command)
    const replyTo = answering.value ?? undefined
    answering.value = null
    submit(said.text, replyTo)
  }

  function edit(message: Message, source = message.text ?? '', begun = source): void {
    unchanged = source
    edited.value = begun
    editing.value = message
  }

  function leave(): boolean {
    const left = editing.value === null ? answering : editing
    const has = left.value !== null
    left.value = null
    return has
  }

  function onKeydown(event: KeyboardEvent): void {
    const isPlain = !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey && !ime.holds(event)
    if (event.key === 'ArrowUp' && isPlain && text.value === '' && editing.value === null) {
      event.preventDefault()
      return editLast?.()
    }
    if (event.key === 'Escape' && isPlain && leave()) return event.stopPropagation()
    if (event.key !== 'Enter' || event.shiftKey || event.altKey || ime.holds(event)) return
    event.preventDefault()
    send()
  }

  function put(taken: string): void {
    text.value = text.value.trim() === '' ? taken : `${taken}\n${text.value}`
  }

  return { text, draft, answering, editing, problem, charactersLeft, canSend, waitsForFiles, ime, onKeydown, send, put, edit, leave }
}
