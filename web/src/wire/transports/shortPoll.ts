// The short poll: a question that is answered at once, and then a pause.
//
// The pause is a part of it, so that whatever ends a held request ends it too.
import { Unreachable } from '../../api/client'
import type { Client } from '../../api/client'
import type { Clock } from '../../api/platform'
import type { Ask } from './transport'

export function createShortPoll(client: Client, clock: Clock, intervalMs: () => number): Ask {
  return async (question, hearing, signal) => {
    hearing.onPage(await client.fetchFeed({ ...question, holdS: 0 }, signal))
    await new Promise<void>((resolve, reject) => {
      if (signal.aborted) return resolve()
      const cancel = clock.after(intervalMs(), resolve)
      signal.addEventListener('abort', () => {
        cancel()
        reject(new Unreachable('the pause was cut'))
      })
    })
  }
}
