// The shapes of the native HTTP API, version 1, as this page reads them.
//
// Used by everything. Field names are the contract's; nothing here is
// invented by the page, and what the page does not read is left out.

export interface Author {
  id: number
  name: string
}

export interface User extends Author {
  role: string
}

export interface Room {
  id: number
  slug: string
  name: string
  topic: string
  kind: 'open' | 'closed'
  /** How many they are. */
  members: number
  /** The number of its newest event; this is the room up to there. */
  last_number: number
}

export interface NewRoom {
  slug: string
  name?: string
  topic?: string
  kind?: 'open' | 'closed'
}

export interface RoomsPage {
  rooms: Room[]
  more: boolean
}

export interface MembersPage {
  members: User[]
  more: boolean
}

/** A message in one that answers it, in short; one that I may not read has its id alone. */
export interface Quote {
  id: number
  number?: number
  by?: Author
  /** The first characters of the text. */
  text?: string
  deleted?: true
}

/** One emoji, and those who answered with it, in the order in which they did. */
export interface Reaction {
  emoji: string
  by: Author[]
}

/** A part of a text and what it is; offset and length count UTF-16 units. */
export interface Entity {
  type: 'bold' | 'italic' | 'strike' | 'code' | 'pre' | 'link' | 'url' | 'mention' | 'mention_all' | 'quote' | 'spoiler'
  offset: number
  length: number
  /** Of `pre`. */
  language?: string
  /** Of `link`: http, https or mailto. */
  url?: string
  /** Of `mention`: the id of that user. */
  user?: number
}

/** A file as messages have it; its bytes are at `/files/{id}`. */
export interface MessageFile {
  id: number
  name: string
  /** The type of its content, such as `image/png`, as the server found it. */
  type: string
  /** Bytes. */
  size: number
  /** Of a picture, in pixels. */
  width?: number
  height?: number
  /** Present where there is a small form of it, at `/files/{id}/thumbnail`. */
  thumbnail?: true
}

export interface Message {
  /** Its position in the log: grows with time, unique on the server. */
  id: number
  room: string
  number: number
  at: string
  /** Absent when the server itself speaks. */
  by?: Author
  /** The one that its author chose; absent where the server knows none. */
  request_id?: string
  /** Absent where it was deleted. */
  text?: string
  /** In order, nested or apart; absent where there are none. */
  entities?: Entity[]
  reply_to?: Quote
  /** At most 10; with them the text may be empty. */
  files?: MessageFile[]
  /** Present where its text was changed. */
  edited_at?: string
  deleted?: true
  /** In the order in which each emoji came first. */
  reactions?: Reaction[]
  pinned?: true
}

/** A message to be sent. */
export interface SentMessage {
  text: string
  /** The text's marks are read; without it, it is shown as it is. */
  format?: 'markdown'
  /** The id of the message that it answers. */
  reply_to?: number
  /** The ids of files that are on the server. */
  files?: number[]
}

/** A text of a message; `at`: when it was said. */
export interface Version {
  at: string
  text: string
  entities?: Entity[]
}

export interface RoomChange {
  name?: string
  topic?: string
}

/** A room as it was when the event happened; its slug and number are the event's own. */
export type RoomThen = Omit<Room, 'slug' | 'last_number'>

interface EventFrame {
  position: number
  /** Counts the room's events 1, 2, 3 … without gaps. Absent where `room` is. */
  number?: number
  /** Absent from events about a person, such as a new name. */
  room?: string
  at: string
  by?: Author
}

// Older servers leave the optional fields out.
export type RoomEvent =
  | (EventFrame & { type: 'message_sent'; message: Message })
  | (EventFrame & { type: 'room_opened'; opened?: RoomThen })
  | (EventFrame & { type: 'member_joined'; member?: Author; entered?: RoomThen })
  | (EventFrame & { type: 'member_left'; member?: Author })
  | (EventFrame & { type: 'user_renamed' })
  | (EventFrame & { type: 'message_edited' | 'message_deleted'; message: Message })
  | (EventFrame & { type: 'reaction_added' | 'reaction_removed'; message_id: number; emoji: string })
  | (EventFrame & { type: 'message_pinned' | 'message_unpinned'; message_id: number })
  | (EventFrame & { type: 'room_changed'; changed: RoomThen })

export interface EventPage {
  events: RoomEvent[]
  cursor: string
  /** The cursor was of another log: fetch afresh and go on from the new one. */
  reset?: { reason: string }
}

/** Where in a room's history: by a message's id, or by its number in the room. */
export type HistoryPlace = { before: number } | { after: number } | { around: number } | { around_number: number }

export interface HistoryPage {
  messages: Message[]
  /** Whether there are older ones than these. */
  more: boolean
  /** Whether there are newer ones; absent from the newest page. */
  more_after?: boolean
}

export interface Me {
  user: User
  /** The rooms that I am in. */
  rooms: Room[]
  /** Present if I am in more than these. */
  more_rooms?: boolean
  cursor: string
}

export interface Guest {
  /** Serves as a bearer where cookies are blocked, for the page's life. */
  token: string
  user: User
}

export interface Problem {
  status: number
  code?: string
  detail?: string
}
