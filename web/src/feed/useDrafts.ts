// Drafts of this tab, and those that closed tabs left behind.
//
// `useChat` makes one. Which tabs are open is asked of them: a draft of a tab
// that does not answer belongs to nobody any more.
import type { Platform } from '../api/platform'
import type { Database } from '../store/database'
import { createDrafts } from '../store/drafts'

const CHANNEL = 'linger.open'
/** Longer than an open tab takes to say that it is there. */
const ANSWER_MS_MAX = 300

type Word = { ask: true } | { tab: string }

export interface KeptDrafts {
  loadDraft(userId: number, room: string): Promise<string>
  keepDraft(userId: number, room: string, text: string): void
}

export function useDrafts(database: Database, tab: string, platform: Platform): KeptDrafts {
  const store = createDrafts(database, platform.clock.date)
  const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(CHANNEL)
  const isOpen = { has: () => true } as unknown as ReadonlySet<string>

  channel?.addEventListener('message', ({ data }: MessageEvent<Word>) => {
    if ('ask' in data) channel.postMessage({ tab } satisfies Word)
  })

  function openTabs(): Promise<ReadonlySet<string>> {
    const tabs = new Set([tab])
    if (!channel) return Promise.resolve(isOpen)
    return new Promise((resolve) => {
      const hear = ({ data }: MessageEvent<Word>) => void ('tab' in data && tabs.add(data.tab))
      channel.addEventListener('message', hear)
      channel.postMessage({ ask: true } satisfies Word)
      setTimeout(() => {
        channel.removeEventListener('message', hear)
        resolve(tabs)
      }, ANSWER_MS_MAX)
    })
  }

  async function loadDraft(userId: number, room: string): Promise<string> {
    const place = { userId, room, tab }
    // My own comes at once; for another one the other tabs are asked first.
    const own = await store.load(place, isOpen)
    return own !== '' ? own : store.load(place, await openTabs())
  }

  return { loadDraft, keepDraft: (userId, room, text) => void store.save({ userId, room, tab }, text) }
}
