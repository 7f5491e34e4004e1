// The draft of a room: what was written in this tab and not sent.
//
// Called by RoomScreen. It is kept at every change, and belongs to the person
// and the tab; one that a closed tab left is taken over.
import { onScopeDispose, ref, watch } from 'vue'
import type { Ref } from 'vue'
import type { Chat } from '../feed/useChat'

export interface Draft {
  /** The text that was kept; null until it is known. */
  kept: Ref<string | null>
  keep(text: string): void
}

export function useDraft(chat: Chat, room: string): Draft {
  const kept = ref<string | null>(null)
  let isGone = false
  onScopeDispose(() => (isGone = true))

  watch(
    () => chat.state.value.me?.id,
    async (id) => {
      if (id === undefined) return
      const text = await chat.loadDraft(id, room)
      if (!isGone) kept.value = text
    },
    { immediate: true },
  )

  function keep(text: string): void {
    const id = chat.state.value.me?.id
    if (id !== undefined) chat.keepDraft(id, room, text)
  }

  return { kept, keep }
}
