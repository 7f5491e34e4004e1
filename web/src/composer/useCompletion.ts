// Completion of `@name` and `:name` while somebody types.
//
// Called by MessageComposer. It looks people and emoji up on demand, and takes the
// keys that move and choose while there is something to choose.
import { computed, ref, shallowRef } from 'vue'
import type { ComputedRef, Ref } from 'vue'
import type { Author } from '../api/types'
import { holds } from '../text/holds'
import { completed, unfinishedAt } from './completion'
import type { Unfinished } from './completion'

const OPTIONS_MAX = 8

export interface Option {
  key: string
  /** What is put into the text. */
  word: string
  sign: string
  name: string
  person?: Author
}

export interface Completion {
  options: ComputedRef<Option[]>
  active: Ref<number>
  /** The text or the caret changed. */
  look(text: string, caret: number): Promise<void>
  /** Returns whether the key was taken. */
  onKeydown(event: KeyboardEvent): boolean
  choose(option: Option): void
  close(): void
}

export interface CompletionOptions {
  fetchPeople(): Promise<readonly Author[]>
  /** Puts a text in the place of the one in the field. */
  put(text: string, caret: number, person: Author | undefined): void
}

export function useCompletion({ fetchPeople, put }: CompletionOptions): Completion {
  const found = shallowRef<Option[]>([])
  const active = ref(0)
  const options = computed(() => found.value)
  let text = ''
  let unfinished: Unfinished | null = null
  let people: Promise<readonly Author[]> | undefined
  /** Only what was looked for last counts. */
  let asked = 0

  async function look(now: string, caret: number): Promise<void> {
    text = now
    unfinished = unfinishedAt(now, caret)
    const mine = (asked += 1)
    const offered = unfinished ? await optionsFor(unfinished).catch(() => []) : []
    if (mine !== asked) return
    found.value = offered
    active.value = 0
  }

  async function optionsFor({ kind, typed }: Unfinished): Promise<Option[]> {
    if (kind === 'emoji') {
      const { findEmoji, loadEmoji } = await import('../emoji/emoji')
      return findEmoji(await loadEmoji(), typed, OPTIONS_MAX).map(({ emoji, name }) => ({ key: emoji, word: emoji, sign: emoji, name }))
    }
    people ??= fetchPeople()
    const all = await people.catch((error: unknown) => {
      people = undefined
      throw error
    })
    const named = all
      .filter(({ name }) => holds(name, typed))
      .map((person): Option => ({ key: `${person.id}`, word: `@${person.name}`, sign: '@', name: person.name, person }))
    if ('all'.startsWith(typed)) named.push({ key: 'all', word: '@all', sign: '@', name: 'all' })
    return named.slice(0, OPTIONS_MAX)
  }

  function onKeydown(event: KeyboardEvent): boolean {
    const count = found.value.length
    if (count === 0) return false
    if (event.key === 'ArrowDown') active.value = (active.value + 1) % count
    else if (event.key === 'ArrowUp') active.value = (active.value + count - 1) % count
    else if (event.key === 'Escape') close()
    else if ((event.key === 'Enter' || event.key === 'Tab') && !event.shiftKey) choose(found.value[active.value]!)
    else return false
    event.preventDefault()
    return true
  }

  function choose(option: Option): void {
    if (!unfinished) return
    const { text: now, caret } = completed(text, unfinished, option.word)
    close()
    put(now, caret, option.person)
  }

  function close(): void {
    asked += 1
    unfinished = null
    found.value = []
  }

  return { options, active, look, onKeydown, choose, close }
}
