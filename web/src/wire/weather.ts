// Bad weather between this code and the server: answers that are lost, late,
// given twice, or overtaken by others.
//
// A line's fetch goes through here; without weather it is passed on as it is.
// The server is asked each time: only what it says is meddled with, for events,
// history and sends alike. Chance is the platform's.
import { isEventStream } from '../api/client'
import type { Platform } from '../api/platform'
import type { Exchange, Weather } from './protocol'

type Fate = NonNullable<Exchange['weather']>
/** An answer that waits for another to overtake it waits no longer than this. */
const OVERTAKEN_MS_MAX = 2000
/** Answers that are kept to be given again. */
const REPEATS_MAX = 20

export interface Sky {
  fetch: Platform['fetch']
  set(weather: Weather | null): void
}

export function createSky(
  { fetch: send, clock, random }: Pick<Platform, 'fetch' | 'clock' | 'random'>,
  onFate: (init: RequestInit, fate: Fate) => void,
): Sky {
  let weather: Weather | null = null
  /** Answers to be given again, to the next question like theirs. */
  const repeats = new Map<string, Response>()
  /** Let those answers go that wait to be overtaken. */
  let overtake: (() => void)[] = []

  async function fetch(url: string, init: RequestInit): Promise<Response> {
    if (!weather) return send(url, init)
    const likeness = `${init.method} ${url.includes('/events') ? url.replaceAll(/(after|wait)=[^&]*/g, '') : url}`
    const old = repeats.get(likeness)
    if (old) {
      repeats.delete(likeness)
      onFate(init, 'repeated')
      return old
    }
    const response = await send(url, init)
    return isEventStream(response) ? stormy(response, init) : treat(response, likeness, url, init)
  }

  async function treat(response: Response, likeness: string, url: string, init: RequestInit): Promise<Response> {
    const { drop, repeat, reorder, delayMsMax } = weather ?? { drop: 0, repeat: 0, reorder: 0, delayMsMax: 0 }
    if (random() < drop) return lose(init)
    if (delayMsMax > 0) await linger(delayMsMax, init)
    if (random() < repeat) {
      onFate(init, 'repeated')
      // A send is repeated at the server, which must take it once.
      if (init.method === 'PUT') return send(url, init)
      if (init.method === 'GET') keep(likeness, response.clone())
    }
    const isOvertaken = random() < reorder
    if (isOvertaken) {
      onFate(init, 'reordered')
      await new Promise<void>((resolve) => {
        const cancel = clock.after(OVERTAKEN_MS_MAX, resolve)
        overtake.push(() => {
          cancel()
          resolve()
        })
      })
    }
    if (init.signal?.aborted) throw new DOMException('aborted', 'AbortError')
    const waiting = overtake
    overtake = []
    for (const letGo of waiting) letGo()
    return response
  }

  function keep(likeness: string, response: Response): void {
    repeats.set(likeness, response)
    const [oldest] = repeats.keys()
    if (repeats.size > REPEATS_MAX && oldest !== undefined) repeats.delete(oldest)
  }

  function lose(init: RequestInit): never {
    onFate(init, 'dropped')
    throw new TypeError('lost in bad weather')
  }

  function linger(msMax: number, init: RequestInit): Promise<void> {
    onFate(init, 'delayed')
    return new Promise((resolve) => clock.after(random() * msMax, resolve))
  }

  /** A stream whose frames come late or twice, and which breaks off where one is lost. */
  function stormy(response: Response, init: RequestInit): Response {
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    if (!reader) return response
    const encoder = new TextEncoder()
    let rest = ''
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { done, value = '' } = await reader.read()
          const frames = (rest + value).split(/(?<=\n\n)/)
          rest = done || frames.at(-1)?.endsWith('\n\n') ? '' : (frames.pop() ?? '')
          for (const frame of frames) await blow(frame, (text) => controller.enqueue(encoder.encode(text)))
          // Without this, a piece that completes no frame would be the last that is asked for.
          if (done) controller.close()
          else if (frames.length === 0) controller.enqueue(new Uint8Array())
        } catch (error) {
          void reader.cancel().catch(() => {})
          controller.error(error)
        }
      },
      cancel: (reason) => reader.cancel(reason),
    })
    async function blow(frame: string, pass: (text: string) => void): Promise<void> {
      const { drop, repeat, delayMsMax } = weather ?? { drop: 0, repeat: 0, delayMsMax: 0 }
      if (random() < drop) lose(init)
      if (delayMsMax > 0) await linger(delayMsMax, init)
      pass(frame)
      if (random() >= repeat) return
      onFate(init, 'repeated')
      pass(frame)
    }
    return new Response(body, response)
  }

  function set(next: Weather | null): void {
    weather = next
    repeats.clear()
  }

  return { fetch, set }
}
