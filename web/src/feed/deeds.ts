// The deeds of the reader: to rooms, to their people, to their own name.
//
// `useChat` hands these on to the screens. Each tells the state what an event
// will tell again, so that the eye need not wait for it.
import type { ShallowRef } from 'vue'
import { isPassing, Refused } from '../api/client'
import type { Client } from '../api/client'
import type { MembersPage, NewRoom, Room, RoomChange, RoomsPage, User, Version } from '../api/types'
import { language, words } from '../i18n'
import { makeId } from '../tabs/tabId'
import { withRoom } from './fold'
import type { ChatState } from './fold'
import { newRoom, refreshRoom } from './room'

export interface Deeds {
  join(slug: string): Promise<void>
  leaveRoom(slug: string): Promise<void>
  openRoom(room: NewRoom, requestId: string): Promise<Room>
  fetchRooms(limit: number, after?: string): Promise<RoomsPage>
  fetchMembers(slug: string, limit: number, after?: number): Promise<MembersPage>
  addMember(slug: string, user: number): Promise<void>
  rename(name: string): Promise<void>
  changeRoom(slug: string, change: RoomChange): Promise<void>
  /** Returns whether this person opened the room, and so may change it. The room's first event tells. */
  hasOpened(slug: string, user: number): Promise<boolean>
  fetchVersions(message: number): Promise<Version[]>
  /** Reads what is pinned in a room into its state; returns whether it could. */
  readPins(slug: string): Promise<boolean>
  makeRequestId(): string
  /** Says why something failed, in the reader's language. */
  explain(error: unknown, otherwise: string): string
}

export interface DeedsOptions {
  client: Client
  state: ShallowRef<ChatState>
  onRenamed(user: User): void
}

export function createDeeds({ client, state, onRenamed }: DeedsOptions): Deeds {
  function setMember(slug: string, isMember: boolean): void {
    const room = state.value.rooms.get(slug)
    if (room) state.value = withRoom(state.value, slug, { ...room, isMember })
  }

  return {
    async join(slug) {
      await client.joinRoom(slug)
      setMember(slug, true)
    },
    async leaveRoom(slug) {
      await client.leaveRoom(slug)
      setMember(slug, false)
    },
    async openRoom(wanted, requestId) {
      const about = await client.openRoom(wanted, requestId)
      if (!state.value.rooms.has(about.slug)) state.value = withRoom(state.value, about.slug, newRoom(about, true))
      return about
    },
    fetchRooms: (limit, after) => client.fetchRooms(limit, after),
    fetchMembers: (slug, limit, after) => client.fetchMembers(slug, limit, after),
    addMember: (slug, user) => client.addMember(slug, user),
    async rename(name) {
      const user = await client.renameMe(name)
      state.value = { ...state.value, me: user }
      onRenamed(user)
    },
    async changeRoom(slug, change) {
      const about = await client.changeRoom(slug, makeId(), change)
      const room = state.value.rooms.get(slug)
      if (room) state.value = withRoom(state.value, slug, refreshRoom(room, about, room.isMember))
    },
    async hasOpened(slug, user) {
      const [first] = (await client.fetchEvents(slug, 'start', 0, undefined, 1)).events
      return first?.type === 'room_opened' && first.by?.id === user
    },
    fetchVersions: (message) => client.fetchVersions(message),
    async readPins(slug) {
      // The answer knows at least what this page has heard.
      const asOf = state.value.rooms.get(slug)?.timeline?.heardUpTo ?? 0
      const messages = await client.fetchPins(slug).catch(() => null)
      const room = state.value.rooms.get(slug)
      if (messages && room) state.value = withRoom(state.value, slug, { ...room, pins: { messages, asOf } })
      return messages !== null
    },
    makeRequestId: makeId,
    explain,
  }
}

function explain(error: unknown, otherwise: string): string {
  if (!(error instanceof Refused) || error.problem.status >= 500) return words.unreached
  if (error.problem.status === 429) return words.tooOften
  if (isPassing(error)) return words.unreached
  return language === 'en' && error.problem.detail ? error.problem.detail : otherwise
}
