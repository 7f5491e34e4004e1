// The page's part of `localStorage`: the draft and the outbox.
//
// Called by `useComposer` and `useOutbox`. A browser may refuse to store
// anything (private windows, a full disk, a policy); the page then works
// without, so nothing here ever throws. Tokens are never kept here.

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

/** Returns the stored keys that start with `start`, in no order. */
export function itemKeys(start: string): string[] {
  const keys = attempt(() => Object.keys(localStorage)) ?? []
  return keys.filter((key) => key.startsWith(PREFIX + start)).map((key) => key.slice(PREFIX.length))
}

function attempt<Value>(act: () => Value): Value | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}
