// Calls the person when somebody writes and nobody looks.
//
// `useChat` hands over each message that comes live, in every tab. One tab calls:
// a tab that is in sight shows the message and claims it, the hidden ones wait a
// moment, and the first of them calls. The browser and the choices are handed in.
import type { Message } from '../api/types'
import { shortOf } from '../files/kinds'
import type { Choices } from './choices'
import type { Claim } from './claim'

/** Longer than a visible tab takes to hear the same message. */
const HESITATION_MS = 500

export interface Call {
  title: string
  body: string
  /** A later call of the same room takes the place of this one. */
  tag: string
  /** The address to open. */
  path: string
}

export interface AlertsOptions {
  choices(): Choices
  /** Whether this tab is in sight, with this room in it. */
  isShown(room: string): boolean
  claim: Claim
  after(ms: number, act: () => void): void
  playNotes(): void
  notify(call: Call): void
  /** The words above a message: who wrote, and in which room. */
  title(message: Message): string
}

/** Returns what is told of each message of somebody else. */
export function createAlerts(options: AlertsOptions): (message: Message) => void {
  const { choices, isShown, claim, after, playNotes, notify, title } = options

  async function call(message: Message): Promise<void> {
    const { sound, notifications } = choices()
    if (isShown(message.room) || !(await claim(message.id))) return
    if (sound) playNotes()
    if (!notifications) return
    const path = `/r/${encodeURIComponent(message.room)}/${message.number}`
    notify({ title: title(message), body: shortOf(message), tag: message.room, path })
  }

  return (message) => {
    if (isShown(message.room)) void claim(message.id)
    else after(HESITATION_MS, () => void call(message))
  }
}
