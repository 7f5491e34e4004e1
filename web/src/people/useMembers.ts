// The members of a room, a page at a time, under their newest names.
//
// Called by PeoplePanel. It reads afresh when somebody came or went.
import { computed, ref, shallowRef, watch } from 'vue'
import type { ComputedRef, Ref, ShallowRef } from 'vue'
import type { User } from '../api/types'
import type { Chat } from '../feed/useChat'
import { named } from '../feed/names'

const PAGE = 100

export interface Members {
  people: ComputedRef<User[]>
  hasMore: Ref<boolean>
  hasFailed: Ref<boolean>
  loadMore(): Promise<void>
  reload(): Promise<void>
}

export function useMembers(chat: Chat, room: Readonly<Ref<string>>, count: Readonly<Ref<number>>): Members {
  const members: ShallowRef<User[]> = shallowRef([])
  const hasMore = ref(false)
  const hasFailed = ref(false)
  /** Only the answer to the newest question counts. */
  let asked = 0

  const people = computed(() => members.value.map((person) => named(chat.state.value.names, person)))

  async function load(after: number | undefined, wanted: number): Promise<void> {
    const mine = (asked += 1)
    hasFailed.value = false
    try {
      const page = await chat.fetchMembers(room.value, wanted, after)
      if (mine !== asked) return
      members.value = after === undefined ? page.members : [...members.value, ...page.members]
      hasMore.value = page.more
    } catch {
      if (mine === asked) hasFailed.value = true
    }
  }

  const reload = () => load(undefined, Math.max(PAGE, Math.min(500, members.value.length)))
  const loadMore = () => load(members.value.at(-1)?.id, PAGE)

  watch(room, () => (members.value = []), { flush: 'sync' })
  watch([room, count], () => void reload(), { immediate: true })

  return { people, hasMore, hasFailed, loadMore, reload }
}
