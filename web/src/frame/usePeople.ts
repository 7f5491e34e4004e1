// Whether the people of a room are shown.
//
// Called once by App. Where there is room for them beside the conversation they
// stay as the reader left them, from room to room; elsewhere they lie over it,
// and are a step of the history, so that going back closes them.
import { computed, onScopeDispose, ref } from 'vue'
import type { ComputedRef } from 'vue'
import type { Router } from '../screens/useRouter'
import { readItem, storeItem } from '../storage'

const WIDE = '(width >= 72rem)'
const KEY = 'people'

export interface PeopleShown {
  isOpen: ComputedRef<boolean>
  toggle(isOpen?: boolean): void
}

export function usePeople(router: Router): PeopleShown {
  const query = matchMedia(WIDE)
  const isWide = ref(query.matches)
  const isWanted = ref(readItem(KEY) === 'open')
  const look = () => (isWide.value = query.matches)
  query.addEventListener('change', look)
  onScopeDispose(() => query.removeEventListener('change', look))

  const isOpen = computed(() => router.route.value.panel === 'people' || (isWide.value && isWanted.value))

  function toggle(open = !isOpen.value): void {
    if (isWide.value) {
      isWanted.value = open
      storeItem(KEY, open ? 'open' : 'closed')
    }
    if (!isWide.value || router.route.value.panel === 'people') router.show(open ? 'people' : null)
  }

  return { isOpen, toggle }
}
