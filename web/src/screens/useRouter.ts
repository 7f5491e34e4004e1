// Where the reader is: the address, the history, and the links between screens.
//
// One for the page. A click on a link to a screen of ours changes the address
// and nothing else; any other link, and any click that asks for a new tab, is the
// browser's. Going back is the browser's as well.
import { readonly, shallowRef } from 'vue'
import type { ShallowRef } from 'vue'
import { parseRoute } from './route'
import type { Panel, Route } from './route'

export interface Router {
  route: Readonly<ShallowRef<Route>>
  /** Goes to an address of ours, as a new step of the history or in place of this one. */
  go(address: string, options?: { replace?: boolean }): void
  /** Shows what lies beside the room, or (null) the room again. */
  show(panel: Panel | null): void
  stop(): void
}

interface Step {
  /** This step was made by a click in this page, so going back stays in it. */
  isOurs?: boolean
}

export function useRouter(): Router {
  const route = shallowRef(here())
  const listening = new AbortController()
  const { signal } = listening

  function look(): void {
    route.value = here()
  }

  function go(address: string, { replace = false } = {}): void {
    const before = (history.state ?? {}) as Step
    if (replace) history.replaceState(before, '', address)
    else history.pushState({ isOurs: true } satisfies Step, '', address)
    look()
  }

  function show(panel: Panel | null): void {
    const { panel: shown } = route.value
    if (panel === shown) return
    const isOurs = ((history.state ?? {}) as Step).isOurs === true
    // Closing a panel is the same step as the phone's way back.
    if (panel === null && isOurs) history.back()
    else go(location.pathname + (panel === null ? '' : `#${panel}`), { replace: panel === null })
  }

  function onClick(event: MouseEvent): void {
    const link = (event.target as Element | null)?.closest?.('a')
    if (!link || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    if (link.target || link.origin !== location.origin || link.hasAttribute('download')) return
    const isPlace = link.pathname === location.pathname && link.hash !== ''
    if (isPlace && parseRoute(link.pathname, link.hash).panel === null) return
    const { screen } = parseRoute(link.pathname)
    if (screen === 'nothing') return
    event.preventDefault()
    if (link.href !== location.href) go(link.pathname + link.hash)
  }

  window.addEventListener('popstate', look, { signal })
  document.addEventListener('click', onClick, { signal })

  return { route: readonly(route) as Readonly<ShallowRef<Route>>, go, show, stop: () => listening.abort() }
}

function here(): Route {
  return parseRoute(location.pathname, location.hash)
}
