// The tab's title: where the reader is, and how much is unread.
//
// Called once by App. Nothing else writes document.title after the start.
import { watchEffect } from 'vue'
import type { Ref } from 'vue'
import type { Chat } from '../feed/useChat'
import { words } from '../i18n'
import { roomName } from '../rooms/names'
import type { Route } from '../screens/route'

export function useTitle(chat: Chat, route: Readonly<Ref<Route>>): void {
  watchEffect(() => {
    const { rooms } = chat.state.value
    let unread = 0
    for (const room of rooms.values()) if (room.isMember || isHere(room.about.slug)) unread += room.unread ?? 0
    document.title = words.title(place(), unread)
  })

  function isHere(slug: string): boolean {
    return route.value.screen === 'room' && route.value.room === slug
  }

  function place(): string {
    const here = route.value
    if (here.screen === 'browse') return words.openRooms
    if (here.screen === 'settings') return words.settings
    if (here.screen === 'how') return words.howItWaits
    if (here.screen === 'nothing') return words.nothingHere
    const known = chat.state.value.rooms.get(here.room)
    return `#${known ? roomName(known.about) : here.room}`
  }
}
