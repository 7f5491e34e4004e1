// The drawer's view of the chat: its door to the engine, and what it asks besides.
//
// Called by WireInRoom and HowScreen. This tab's own requests stand in the same
// time line as the engine's, so they are told in the same words; and the weather
// blows on them, too.
import type { Chat } from '../feed/useChat'
import { curlLines } from '../wire/curl'
import type { CurlLines } from '../wire/curl'
import type { Exchange, TabMessage } from '../wire/protocol'
import { watchTimings } from '../wire/timings'
import type { WirePort } from './port'
import type { WireOptions } from './useWire'

export interface ChatWire extends Pick<WireOptions, 'port' | 'me' | 'readEvents'> {
  /** Returns the ids of a room's messages as the screen holds them. */
  shownIds(room: string): number[]
  curl(exchange: Exchange): CurlLines
}

const wires = new WeakMap<Chat, ChatWire>()

export function wireOf(chat: Chat): ChatWire {
  const known = wires.get(chat)
  if (known) return known
  const wire = createChatWire(chat)
  wires.set(chat, wire)
  return wire
}

function createChatWire(chat: Chat): ChatWire {
  const { line, tab } = chat

  const port: WirePort = {
    say(saying) {
      if (saying.type === 'weather') line.setWeather(saying.weather)
      chat.post({ ...saying, tab } as TabMessage)
    },
    hear(listen) {
      const stopHearing = chat.onEngine(listen)
      const stopTimings = watchTimings(line.exchanges.measured)
      listen({ type: 'exchanges', exchanges: line.exchanges.list() })
      return () => {
        stopHearing()
        stopTimings()
      }
    },
  }

  function shownIds(room: string): number[] {
    const items = chat.state.value.rooms.get(room)?.timeline?.items ?? []
    return items.flatMap((item) => (item.kind === 'message' ? [item.message.id] : []))
  }

  return {
    port,
    me: () => chat.state.value.me?.id,
    readEvents: (room, after, limit, signal) => line.client.fetchEvents(room, after, 0, signal, limit),
    shownIds,
    curl: (exchange) =>
      curlLines(exchange, {
        origin: location.origin,
        isVisitor: chat.session.value.state === 'visitor',
        isOpen: (room) => chat.state.value.rooms.get(room)?.about.kind === 'open',
      }),
  }
}
