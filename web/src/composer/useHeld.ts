// How long the held request has been held, for the line that shows it.
//
// Called by HeldLine. Looks once a second, and only while the page is seen.
import { computed, onScopeDispose, ref, watch } from 'vue'
import type { ComputedRef, Ref } from 'vue'
import type { Link } from '../wire/protocol'

const TICK_MS = 1000

export interface Held {
  /** Whole seconds; 0 while no request is held. */
  seconds: ComputedRef<number>
  /** The part of the hold that is over, 0 to 1. */
  share: ComputedRef<number>
}

export function useHeld(link: Readonly<Ref<Link | null>>): Held {
  const now = ref(Date.now())
  const look = () => {
    if (document.visibilityState === 'visible') now.value = Date.now()
  }
  const timer = setInterval(look, TICK_MS)
  document.addEventListener('visibilitychange', look)
  watch(link, look)
  onScopeDispose(() => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', look)
  })

  const heldMs = computed(() => {
    const since = link.value?.heldSince ?? null
    // A clock that was set back must not show a time below nothing.
    return since === null ? 0 : Math.max(0, now.value - since)
  })
  const seconds = computed(() => Math.floor(heldMs.value / 1000))
  const share = computed(() => {
    const holdMs = (link.value?.holdS ?? 0) * 1000
    return holdMs === 0 ? 0 : Math.min(1, heldMs.value / holdMs)
  })
  return { seconds, share }
}
