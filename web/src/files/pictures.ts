// The pictures of a room as they stand in the transcript, for the viewer to go through.
//
// Called by RoomDialogs. Pure. A message that I have just deleted is left out, one
// that I have just sent is there.
import type { Author, MessageFile } from '../api/types'
import { deedsByMessage, overlay } from '../feed/overlay'
import type { Timeline } from '../feed/timeline'
import type { ShownEntry } from '../outbox/useOutbox'
import { kindOf } from './kinds'

export function picturesOf(timeline: Timeline, entries: readonly ShownEntry[], me: Author | null): MessageFile[] {
  const deeds = deedsByMessage(entries)
  const sent = timeline.items.flatMap((item) => (item.kind === 'message' ? (overlay(item.message, deeds.get(item.position), me).message.files ?? []) : []))
  const coming = timeline.hasNewer ? [] : entries.flatMap(({ files = [] }) => files)
  // One file may stand in two messages.
  const all = new Map([...sent, ...coming].map((file) => [file.id, file]))
  return [...all.values()].filter((file) => kindOf(file) === 'picture')
}
