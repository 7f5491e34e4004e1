// Calls the person when somebody writes and nobody looks.
//
// `useChat` hands over each message that comes live, in every tab. One tab calls:
// a tab that is in sight shows the message and claims it, the hidden ones wait a
// moment, and the first of them calls, once for each room: with its newest message.
// However many come at once, one claim is under way. The browser and the choices are handed in.
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

  /** The newest message of each room that nobody was called for yet. */
  const waiting = new Map<string, Message>()
  let shownUpTo = 0
  let isClaiming = false

  async function claimShown(): Promise<void> {
    if (isClaiming) return
    isClaiming = true
    for (let claimed = 0; claimed < shownUpTo; ) {
      claimed = shownUpTo
      await claim(claimed)
    }
    isClaiming = false
  }

  async function callForAll(): Promise<void> {
    const messages = [...waiting.values()].sort((one, other) => one.id - other.id)
    waiting.clear()
    for (const message of messages) await callFor(message)
  }

  async function callFor(message: Message): Promise<void> {
    const { sound, notifications } = choices()
    if (isShown(message.room) || !(await claim(message.id))) return
    if (sound) playNotes()
    if (!notifications) return
    const path = `/r/${encodeURIComponent(message.room)}/${message.number}`
    notify({ title: title(message), body: shortOf(message), tag: message.room, path })
  }

  return (message) => {
    const { sound, notifications } = choices()
    if (!sound && !notifications) return
    if (isShown(message.room)) {
      shownUpTo = Math.max(shownUpTo, message.id)
      void claimShown()
      return
    }
    if (waiting.size === 0) after(HESITATION_MS, () => void callForAll())
    waiting.set(message.room, message)
  }
}
