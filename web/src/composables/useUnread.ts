// How many messages of others arrived that the reader has not had in sight.
//
// Called by RoomTimeline, for its jump button and for the tab's title.
// Unread is one position, "read up to here", and a count of what is newer; so
// it cannot drift, whatever order things arrive in.
import { computed, onScopeDispose, ref, watch } from 'vue'
import type { ComputedRef, Ref } from 'vue'
import type { Author } from '../api/types'
import { newestPosition } from '../feed/roomState'
import type { RoomState } from '../feed/roomState'

export interface Unread {
  count: ComputedRef<number>
  isHidden: Ref<boolean>
}

export function useUnread(
  state: Readonly<Ref<RoomState>>,
  hasHistory: Readonly<Ref<boolean>>,
  me: Readonly<Ref<Author | null>>,
  isAtBottom: Readonly<Ref<boolean>>,
): Unread {
  const isHidden = ref(document.visibilityState === 'hidden')
  const readUpTo = ref<number | null>(null)

  const count = computed(() => {
    const from = readUpTo.value ?? Infinity
    return state.value.items.filter(
      (item) => item.kind === 'message' && item.position > from && item.by?.id !== me.value?.id,
    ).length
  })

  function look(): void {
    isHidden.value = document.visibilityState === 'hidden'
  }
  document.addEventListener('visibilitychange', look)
  onScopeDispose(() => document.removeEventListener('visibilitychange', look))

  watch(
    [state, hasHistory, isAtBottom, isHidden],
    () => {
      if (!hasHistory.value) return
      // Messages from before the page opened are history, not news.
      const opensHere = readUpTo.value === null
      const seesAll = isAtBottom.value && !isHidden.value
      if (opensHere || seesAll) readUpTo.value = newestPosition(state.value)
    },
    { immediate: true, flush: 'sync' },
  )

  return { count, isHidden }
}
