// An engine for this tab alone, in this tab.
//
// For experiments, which shall not disturb other tabs, and for browsers that let
// tabs share nothing.
import type { StartHost } from './host'
import type { OpenWay } from './way'

export function alone(startHost: StartHost): OpenWay {
  return ({ onMessage }) => {
    // Later, as from any other place: the tab may be in the middle of its own words.
    const host = startHost((message) => queueMicrotask(() => onMessage(message)))
    return { post: host.hear, replaceEngine: () => {}, close: host.stop }
  }
}
