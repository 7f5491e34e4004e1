// Listens for the keys of the whole page.
//
// Called once by App. A dialog that is open has the keys to itself.
import { onScopeDispose } from 'vue'
import { actOf } from './keys'
import type { KeyAct } from './keys'

export function usePageKeys(acts: Record<KeyAct, () => unknown>): void {
  function onKeydown(event: KeyboardEvent): void {
    if (document.querySelector('dialog[open]')) return
    const act = actOf(event)
    if (act === null) return
    event.preventDefault()
    acts[act]()
  }

  document.addEventListener('keydown', onKeydown)
  onScopeDispose(() => document.removeEventListener('keydown', onKeydown))
}
