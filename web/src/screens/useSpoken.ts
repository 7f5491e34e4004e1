// The newest messages of others in the room that is looked at, for a screen reader.
import { onScopeDispose, shallowRef } from 'vue'
import type { ShallowRef } from 'vue'
import { named } from '../feed/names'
import type { Chat } from '../feed/useChat'
import { shortOf } from '../files/kinds'
import { words } from '../i18n'

/** Enough for a reader that speaks one after the other; what was said goes away. */
const KEPT = 5

export interface Sentence {
  key: number
  text: string
}

export function useSpoken(chat: Chat, room: string): ShallowRef<readonly Sentence[]> {
  const sentences = shallowRef<readonly Sentence[]>([])
  const stop = chat.onNews((message) => {
    if (message.room !== room) return
    const by = message.by ? named(chat.state.value.names, message.by).name : words.server
    const text = words.heard(by, shortOf(message))
    sentences.value = [...sentences.value, { key: message.id, text }].slice(-KEPT)
  })
  onScopeDispose(stop)
  return sentences
}
