// The keys of the page, and what each does.
//
// App listens; KeysDialog lists. A key without Ctrl or Alt is left to the field
// in which somebody writes.
import { words } from '../i18n'

export type KeyAct = 'find' | 'next' | 'previous' | 'nextUnread' | 'previousUnread' | 'newest' | 'people' | 'wire' | 'settings' | 'help' | 'escape'

/** Returns what a key asks for; null where it is not for the page. */
export function actOf(event: KeyboardEvent): KeyAct | null {
  const { key, altKey, shiftKey } = event
  const isControl = event.ctrlKey || event.metaKey
  if (event.isComposing || event.defaultPrevented) return null
  if (isControl && !altKey && !shiftKey && key.toLowerCase() === 'k') return 'find'
  if (isControl && !altKey && key === ',') return 'settings'
  if (altKey && !isControl && key === 'ArrowDown') return shiftKey ? 'nextUnread' : 'next'
  if (altKey && !isControl && key === 'ArrowUp') return shiftKey ? 'previousUnread' : 'previous'
  if (altKey && !isControl && key.toLowerCase() === 'p') return 'people'
  if (altKey && !isControl && key.toLowerCase() === 'w') return 'wire'
  if (altKey && !isControl && key === 'End') return 'newest'
  if (key === 'Escape') return 'escape'
  return key === '?' && !isControl && !altKey && !isInField(event.target) ? 'help' : null
}

function isInField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}

export function keyList(): { keys: string[]; does: string }[] {
  return [
    { keys: ['Ctrl K'], does: words.keyFind },
    { keys: ['Alt ↑', 'Alt ↓'], does: words.keyNextRoom },
    { keys: ['Alt Shift ↑', 'Alt Shift ↓'], does: words.keyNextUnread },
    { keys: ['↑', '↓'], does: words.keyChoose },
    { keys: ['Enter'], does: words.keySend },
    { keys: ['Shift Enter'], does: words.keyNewLine },
    { keys: ['↑'], does: words.keyEditLast },
    { keys: ['/'], does: words.keyCommand },
    { keys: ['↑', '↓'], does: words.keyChooseMessage },
    { keys: ['Enter'], does: words.keyMenu },
    { keys: ['R', 'E', 'Delete', '+'], does: words.keyActs },
    { keys: ['Alt End'], does: words.keyNewest },
    { keys: ['Alt P'], does: words.keyPeople },
    { keys: ['Alt W'], does: words.keyWire },
    { keys: ['Ctrl ,'], does: words.keySettings },
    { keys: ['Esc'], does: words.keyEscape },
    { keys: ['?'], does: words.keyHelp },
  ]
}
