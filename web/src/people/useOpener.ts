// Whether the reader opened a room: only its opener may give it another name or topic.
//
// Called by PeoplePanel, which offers that to nobody else.
import { ref, watch } from 'vue'
import type { Ref } from 'vue'
import type { User } from '../api/types'
import type { Chat } from '../feed/useChat'

export function useOpener(chat: Chat, room: () => string, me: () => User | null): Ref<boolean> {
  const isOpener = ref(false)

  async function ask(slug: string, user: number | undefined): Promise<void> {
    isOpener.value = false
    if (user === undefined) return
    // A dialog is offered to nobody whom the server may refuse.
    const answer = await chat.hasOpened(slug, user).catch(() => false)
    if (slug === room() && user === me()?.id) isOpener.value = answer
  }

  watch([room, () => me()?.id] as const, ([slug, user]) => void ask(slug, user), { immediate: true })
  return isOpener
}
