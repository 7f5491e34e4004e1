// Whether the page shows one thing at a time: the rooms, a room, or its people.
//
// Called by what may take the place of the room there, and is then the main part
// of the page, with its heading. The same width stands in `narrow.css`.
import { onScopeDispose, readonly, ref } from 'vue'
import type { Ref } from 'vue'

const NARROW = '(width < 46rem)'

export function useNarrow(): Readonly<Ref<boolean>> {
  const query = matchMedia(NARROW)
  const isNarrow = ref(query.matches)
  const look = () => (isNarrow.value = query.matches)
  query.addEventListener('change', look)
  onScopeDispose(() => query.removeEventListener('change', look))
  return readonly(isNarrow)
}
