// The files over the field to write, as they are kept on this device over a reload.
//
// Called by `attachments.ts`, and loaded with it. A small database of its own: older
// pages, which know no files, go on with theirs. Where the browser keeps nothing,
// the files are there for as long as the page is.
import type { MessageFile } from '../api/types'

const NAME = 'linger-files'
const ROWS = 'files'

export interface KeptFile {
  key: string
  userId: number
  room: string
  tab: string
  /** Its place among others. */
  order: number
  name: string
  type: string
  size: number
  /** Where the upload goes on; null before it has begun. */
  address: string | null
  /** Present once it is on the server. */
  file?: MessageFile
  /** Present where it is small; larger ones must be chosen again. */
  bytes?: Blob
}

export interface KeptFiles {
  /** Returns the files of a person that belong to no tab but `tab` and those that are closed, and makes them this tab's. */
  take(userId: number, tab: string, openTabs: ReadonlySet<string>): Promise<KeptFile[]>
  put(row: KeptFile): Promise<void>
  remove(keys: readonly string[]): Promise<void>
}

export function openKeptFiles(factory: () => IDBFactory): KeptFiles {
  let opening: Promise<IDBDatabase> | null = null

  function open(): Promise<IDBDatabase> {
    return (opening ??= new Promise((resolve, reject) => {
      const request = factory().open(NAME, 1)
      request.addEventListener('upgradeneeded', () => request.result.createObjectStore(ROWS))
      request.addEventListener('success', () => resolve(request.result))
      request.addEventListener('error', () => reject(request.error))
    }))
  }

  /** Rejects never: what cannot be kept is not kept. */
  async function change(act: (rows: IDBObjectStore) => void): Promise<void> {
    const db = await open().catch(() => null)
    if (!db) return
    await new Promise<void>((resolve) => {
      const tx = db.transaction(ROWS, 'readwrite')
      for (const end of ['complete', 'abort', 'error']) tx.addEventListener(end, () => resolve())
      act(tx.objectStore(ROWS))
    }).catch(() => {})
  }

  return {
    put: (row) => change((rows) => rows.put(row, row.key)),
    remove: (keys) => change((rows) => keys.forEach((key) => rows.delete(key))),
    async take(userId, tab, openTabs) {
      let mine: KeptFile[] = []
      await change((rows) => {
        const request = rows.getAll()
        request.addEventListener('success', () => {
          const all = request.result as KeptFile[]
          mine = all.filter((row) => row.userId === userId && (row.tab === tab || !openTabs.has(row.tab)))
          for (const row of mine) rows.put(Object.assign(row, { tab }), row.key)
        })
      })
      return mine.sort((one, other) => one.order - other.order)
    },
  }
}
