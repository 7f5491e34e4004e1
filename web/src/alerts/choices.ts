// How this device may call its person: by sound, by notification. Both are off at first.
//
// Read by `createAlerts` for each message and changed in the settings. Kept in
// localStorage, so that all tabs agree; what a browser withholds is not offered.
import { readItem, storeItem } from '../storage'

export interface Choices {
  sound: boolean
  notifications: boolean
}

const KEY = 'alerts'

export function readChoices(): Choices {
  const words = readItem(KEY)?.split(' ') ?? []
  return { sound: words.includes('sound'), notifications: words.includes('notifications') && mayNotify() }
}

export function storeChoices({ sound, notifications }: Choices): void {
  storeItem(KEY, [sound && 'sound', notifications && 'notifications'].filter(Boolean).join(' '))
}

/** Whether this browser can notify at all: not on plain HTTP, and not on some phones. */
export function canNotify(): boolean {
  return window.isSecureContext && 'Notification' in window
}

function mayNotify(): boolean {
  return canNotify() && Notification.permission === 'granted'
}

/** Asks the person, which needs a click before it. Resolves to their answer. */
export async function askToNotify(): Promise<boolean> {
  return canNotify() && (await Notification.requestPermission()) === 'granted'
}
