// The name of this tab, which it keeps over a reload.
//
// Drafts belong to tabs by this name. It is left in sessionStorage only while
// the page is away: a tab that is duplicated copies what is there, and must not
// get the name of one that is open.

const KEY = 'linger.tab'

/** Returns the name that the page had before its reload, or a new one. */
export function takeTabId(): string {
  const kept = attempt(() => sessionStorage.getItem(KEY))
  const tab = kept ?? makeId()
  attempt(() => sessionStorage.removeItem(KEY))
  window.addEventListener('pagehide', () => attempt(() => sessionStorage.setItem(KEY, tab)))
  window.addEventListener('pageshow', () => attempt(() => sessionStorage.removeItem(KEY)))
  return tab
}

/** Returns 128 random bits in hexadecimal. `crypto.randomUUID` is missing on plain HTTP. */
export function makeId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function attempt<Value>(act: () => Value): Value | undefined {
  try {
    return act()
  } catch {
    // Storage is blocked: the tab has its name for this visit.
    return undefined
  }
}
