// The words that complete `@name` and `:name`: people of the room, and emoji.
//
// Called by MessageComposer. Both are read on demand, when the first sign is typed; the
// list appears when they are there.
import { shallowRef } from 'vue'
import type { Author } from '../api/types'
import type { Emoji, findEmoji } from '../emoji/emoji'
import { holds } from '../text/holds'
import { unfinishedAt } from './completion'
import { withIds } from './mentions'
import type { Option, Source } from './useCompletion'

const OPTIONS_MAX = 8

export interface WordSources {
  sources: Source[]
  /** Returns a text as it goes out: with the ids of the people who were taken. */
  outgoing(text: string): string
}

export function useWordSources(fetchPeople: () => Promise<readonly Author[]>): WordSources {
  const people = shallowRef<readonly Author[]>([])
  const emoji = shallowRef<{ all: readonly Emoji[]; find: typeof findEmoji } | null>(null)
  let isReadingPeople = false
  let isReadingEmoji = false
  let taken: Author[] = []

  function readPeople(): void {
    if (isReadingPeople) return
    isReadingPeople = true
    fetchPeople().then(
      (read) => (people.value = read),
      // The next sign asks again.
      () => (isReadingPeople = false),
    )
  }

  async function readEmoji(): Promise<void> {
    if (isReadingEmoji) return
    isReadingEmoji = true
    try {
      const { findEmoji: find, loadEmoji } = await import('../emoji/emoji')
      emoji.value = { all: await loadEmoji(), find }
    } catch {
      isReadingEmoji = false
    }
  }

  const completePerson: Source = (before) => {
    const unfinished = unfinishedAt(before, before.length)
    if (unfinished?.kind !== 'person') return null
    readPeople()
    const { typed, start } = unfinished
    const named = people.value.filter(({ name }) => holds(name, typed))
    const options = named.map((person): Option => {
      const shown = `@${person.name}`
      return { key: `${person.id}`, shown, hint: '', text: `${shown} `, taken: () => taken.push(person) }
    })
    if ('all'.startsWith(typed)) options.push({ key: 'all', shown: '@all', hint: '', text: '@all ' })
    return { from: start, options: options.slice(0, OPTIONS_MAX) }
  }

  const completeEmoji: Source = (before) => {
    const unfinished = unfinishedAt(before, before.length)
    if (unfinished?.kind !== 'emoji') return null
    void readEmoji()
    const { typed, start } = unfinished
    const found = emoji.value?.find(emoji.value.all, typed, OPTIONS_MAX) ?? []
    return { from: start, options: found.map(({ emoji: sign, name }) => ({ key: sign, shown: sign, hint: name, text: sign })) }
  }

  function outgoing(text: string): string {
    const written = withIds(text, taken)
    taken = []
    return written
  }

  return { sources: [completePerson, completeEmoji], outgoing }
}
