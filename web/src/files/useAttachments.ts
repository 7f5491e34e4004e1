// The files over the field to write, of all rooms: there for each page, and loaded with the first file.
//
// The chat has one. Uploads go on while the reader looks at other rooms.
import { shallowRef, watch } from 'vue'
import type { Ref, ShallowRef } from 'vue'
import type { Platform } from '../api/platform'
import type { Author, MessageFile } from '../api/types'
import { readItem, removeItem, storeItem } from '../storage'
import type { Attachment, AttachmentKeeper } from './attachments'

/** Says that something is kept, so that most pages need not look. */
const KEPT = 'files'

export interface Attachments {
  all: ShallowRef<readonly Attachment[]>
  /** Whether the part of the page that sends files could not be loaded. */
  hasFailed: ShallowRef<boolean>
  add(room: string, files: readonly File[]): void
  putBack(room: string, files: readonly MessageFile[]): void
  remove(key: string): void
  again(key: string): void
  /** Returns the files of a room that are up, for its message; they leave. */
  take(room: string): readonly MessageFile[]
  /** The network may be back. */
  wake(): void
}

export interface AttachmentsPlace {
  platform: Platform
  tab: string
  user: Readonly<Ref<Author | null>>
  findOpenTabs(): Promise<ReadonlySet<string>>
}

export function useAttachments({ platform, tab, user, findOpenTabs }: AttachmentsPlace): Attachments {
  const all = shallowRef<readonly Attachment[]>([])
  const hasFailed = shallowRef(false)
  let keeper: AttachmentKeeper | null = null
  let loading: Promise<AttachmentKeeper> | null = null

  async function load(): Promise<AttachmentKeeper> {
    const [{ createAttachments }, { openKeptFiles }] = await Promise.all([import('./attachments'), import('./keptFiles')])
    const kept = openKeptFiles(() => indexedDB)
    return (keeper = createAttachments({ platform, kept, tab, findOpenTabs, onChange }))
  }

  function onChange(now: readonly Attachment[]): void {
    all.value = now
    if (now.length > 0) storeItem(KEPT, 'kept')
    else removeItem(KEPT)
  }

  async function act(work: (keeper: AttachmentKeeper, userId: number) => unknown): Promise<void> {
    const userId = user.value?.id
    if (userId === undefined) return
    try {
      hasFailed.value = false
      work(await (loading ??= load()), userId)
    } catch {
      loading = null
      hasFailed.value = true
    }
  }

  watch(
    () => user.value?.id,
    (userId) => userId !== undefined && readItem(KEPT) !== null && void act((known) => known.load(userId)),
    { immediate: true },
  )

  return {
    all,
    hasFailed,
    add: (room, files) => void act((known, userId) => known.add(userId, room, files)),
    putBack: (room, files) => void act((known, userId) => known.putBack(userId, room, files)),
    remove: (key) => void keeper?.remove(key),
    again: (key) => keeper?.again(key),
    take: (room) => (user.value && keeper?.take(user.value.id, room)) ?? [],
    wake: () => keeper?.wake(),
  }
}
