// Light, dark, or as the system has it.
//
// Called before the page is drawn, and by SettingsScreen. The tokens read the
// class on <html>.
import { readItem, removeItem, storeItem } from '../storage'

export type Scheme = 'system' | 'light' | 'dark'

export function chosenScheme(): Scheme {
  const kept = readItem('scheme')
  return kept === 'light' || kept === 'dark' ? kept : 'system'
}

export function chooseScheme(scheme: Scheme): void {
  if (scheme === 'system') removeItem('scheme')
  else storeItem('scheme', scheme)
  showScheme(scheme)
}

export function showScheme(scheme = chosenScheme()): void {
  const { classList } = document.documentElement
  classList.toggle('light', scheme === 'light')
  classList.toggle('dark', scheme === 'dark')
}
