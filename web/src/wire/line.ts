// The way from this code to the server: the browser's fetch, and what is around it.
//
// The engine has a line, and each tab one of its own for history and people.
// Inside out: the session's token, where there is one because cookies do not
// work; the weather; and the records for the drawer, which see both.
import { createClient } from '../api/client'
import type { Client } from '../api/client'
import type { Platform } from '../api/platform'
import { createBearer } from './bearer'
import type { Bearer } from './bearer'
import { createExchanges } from './exchanges'
import type { Exchanges } from './exchanges'
import type { Exchange, Transport, Weather } from './protocol'
import { createSky } from './weather'

export interface Line {
  client: Client
  /** The platform of all that talks over this line. */
  platform: Platform
  exchanges: Pick<Exchanges, 'list' | 'measured'>
  setToken: Bearer['setToken']
  setWeather(weather: Weather | null): void
}

export interface LineOptions {
  platform: Platform
  /** The tab that it belongs to; null for the engine. */
  tab: string | null
  /** Says how the engine's requests for events are made now. */
  transport?: () => Transport
  onExchange?: (exchange: Exchange) => void
}

export function createLine({ platform: base, tab, transport = () => 'long', onExchange = () => {} }: LineOptions): Line {
  const bearer = createBearer(base)
  const sky = createSky({ ...base, fetch: bearer.fetch }, (init, fate) => exchanges.mark(init, fate))
  const exchanges = createExchanges({
    fetch: sky.fetch,
    clock: base.clock,
    // One engine comes after another, and their requests stand in one list.
    owner: tab ?? `e${base.clock.date().toString(36)}${Math.floor(base.random() * 1e6).toString(36)}`,
    tab,
    transport,
    onChange: onExchange,
  })

  const platform = { ...base, fetch: exchanges.fetch }
  return {
    client: createClient(platform),
    platform,
    exchanges,
    setToken: bearer.setToken,
    setWeather: sky.set,
  }
}
