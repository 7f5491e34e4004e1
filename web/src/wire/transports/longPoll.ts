// The held request: one question, and one page when there is news.
//
// With a hold of 0 it is a look, which is answered at once.
import type { Client } from '../../api/client'
import type { Ask } from './transport'

export function createLongPoll(client: Client): Ask {
  return async (question, hearing, signal) => hearing.onPage(await client.fetchFeed(question, signal))
}
