// The tab's title: the room, and how much is new while nobody looks.
//
// Called by RoomTimeline. Nothing else writes document.title after the start.
import { watchEffect } from 'vue'
import type { Ref } from 'vue'
import { words } from '../i18n'
import type { Unread } from './useUnread'

export function useTitle(roomName: Readonly<Ref<string>>, { count, isHidden }: Unread): void {
  watchEffect(() => {
    document.title = words.title(roomName.value, isHidden.value ? count.value : 0)
  })
}
