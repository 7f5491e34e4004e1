// The page's part of `localStorage`: how this device wants to see and to be called.
//
// Called by the settings: colours, language, people, alerts. Texts are in
// IndexedDB (`store/`). A browser may refuse to store anything (private windows,
// a policy); the page then works without, so nothing here ever throws.

const PREFIX = 'linger.'

export function storeItem(key: string, value: string): void {
  attempt(() => localStorage.setItem(PREFIX + key, value))
}

export function readItem(key: string): string | null {
  return attempt(() => localStorage.getItem(PREFIX + key)) ?? null
}

export function removeItem(key: string): void {
  attempt(() => localStorage.removeItem(PREFIX + key))
}

function attempt<Value>(act: () => Value): Value | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}
