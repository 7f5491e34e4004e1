// The kinds of files, as a reader sees them: a picture, something to be played, or something to be saved.
//
// Called by all that shows files. The server says the type by the bytes and the
// size of pictures, so that their place is kept before they are loaded. Pure.
import type { Message, MessageFile } from '../api/types'
import { words } from '../i18n'

export type FileKind = 'picture' | 'video' | 'audio' | 'other'

/** A picture in the transcript takes no more than this, in CSS pixels. */
const SHOWN_WIDTH_MAX = 240
const SHOWN_HEIGHT_MAX = 320
/** Beside others, so that they stand in rows. */
const BESIDE_HEIGHT_MAX = 160

export function kindOf({ type, width, height }: MessageFile): FileKind {
  if (/^image\/(?:jpeg|png|gif|webp)$/.test(type)) return width && height ? 'picture' : 'other'
  const [, played] = /^(video|audio)\//.exec(type) ?? []
  return (played as 'video' | 'audio' | undefined) ?? 'other'
}

/** Returns the size in which a picture stands in the transcript: never larger than it is. */
export function shownSize({ width = 1, height = 1 }: MessageFile, isAlone: boolean): { width: number; height: number } {
  const scale = Math.min(1, SHOWN_WIDTH_MAX / width, (isAlone ? SHOWN_HEIGHT_MAX : BESIDE_HEIGHT_MAX) / height)
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

export function addressOf({ id }: Pick<MessageFile, 'id'>): string {
  return `/api/v1/files/${id}`
}

/** Where the small form of a picture is, or the picture where it has none. */
export function thumbnailOf(file: MessageFile): string {
  return file.thumbnail ? `${addressOf(file)}/thumbnail` : addressOf(file)
}

/** An address from which the browser saves, whatever it could show. */
export function downloadOf(file: Pick<MessageFile, 'id'>): string {
  return `${addressOf(file)}?download`
}

/** Returns the ending of a name in capitals, such as `PDF`; '' where it has none. */
export function endingOf(name: string): string {
  return (/\.([\p{L}\p{N}]{1,8})$/u.exec(name)?.[1] ?? '').toUpperCase()
}

/** Returns a message in a line: its text, or else the names of its files. */
export function shortOf({ text, files, deleted }: Message): string {
  if (deleted) return words.messageDeleted
  return text || (files ?? []).map(({ name }) => name).join(', ')
}
