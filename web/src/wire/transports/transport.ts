// The one shape of all transports: a question goes out, and pages come back.
//
// The loop calls one after another, each after the cursor of the last page, and
// decides which. A transport never retries and keeps nothing between two calls.
import type { FeedQuestion } from '../../api/client'
import type { EventPage } from '../../api/types'

export interface Hearing {
  /** A page that joins on to the one before, or to the question. */
  onPage(page: EventPage): void
  /** No news, but a sign that the connection lives. */
  onSign(): void
}

/** Asks until the answer is over. Rejects as the client does, and when `signal` is aborted. */
export type Ask = (question: FeedQuestion, hearing: Hearing, signal: AbortSignal) => Promise<void>
