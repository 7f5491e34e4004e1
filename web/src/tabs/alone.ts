// An engine for this tab alone, in this tab.
//
// For experiments, which shall not disturb other tabs, and for browsers that let
// tabs share nothing.
import { startHostLater } from './hostLater'
import type { HostOptions } from './host'
import type { OpenWay } from './way'

export function alone(options: Omit<HostOptions, 'post'>): OpenWay {
  return ({ onMessage }) => {
    // Later, as from any other place: the tab may be in the middle of its own words.
    const host = startHostLater({ ...options, post: (message) => queueMicrotask(() => onMessage(message)) })
    return { post: host.hear, replaceEngine: () => {}, close: host.stop }
  }
}
