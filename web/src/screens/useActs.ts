// Does to messages and to the room what its screen asks for.
//
// Called by RoomScreen. Each act ends at the chat, at the composer, or in a
// dialog, which `RoomDialogs` shows.
import { nextTick, ref, shallowRef } from 'vue'
import type { Ref, ShallowRef } from 'vue'
import type { Message, Quote } from '../api/types'
import { callsAll, roomNamed } from '../composer/commands'
import type { Command } from '../composer/commands'
import { quoteOf } from '../feed/changes'
import { deedsByMessage, overlay, withNames } from '../feed/overlay'
import { findMessage } from '../feed/timeline'
import type { Chat } from '../feed/useChat'
import { addressOf } from '../files/kinds'
import { words } from '../i18n'
import type { Act } from '../messages/acts'

/** In a larger room, calling everybody asks back. */
const CALLED_MAX = 20

export type Dialog =
  | { kind: 'add' | 'leave' | 'details' | 'commands' }
  | { kind: 'menu'; message: Message; isReacting: boolean }
  | { kind: 'versions' | 'reactors'; message: Message }
  | { kind: 'callAll'; text: string; replyTo: Quote | undefined; members: number }

/** The part of the composer that acts need. */
export interface Writing {
  takeBack(text: string): unknown
  reply(quote: Quote): unknown
  edit(message: Message, text?: string): unknown
}

export interface Acts {
  dialog: ShallowRef<Dialog | null>
  /** Why something could not be done; empty where there is nothing to say. */
  problem: Ref<string>
  act(act: Act): void
  say(text: string, replyTo?: Quote): void
  change(message: Message, text: string): void
  run(command: Command): Promise<void>
  editLast(): void
  join(): Promise<void>
  /** A dialog was closed without doing what it asked for. */
  close(): void
  sendToAll(): void
}

export interface ActsOptions {
  chat: Chat
  room: string
  composer: Readonly<Ref<Writing | null>>
  onSaid(): void
  jump(from: number | undefined, to: number): void
  go(room: string): void
}

export function useActs({ chat, room, composer, onSaid, jump, go }: ActsOptions): Acts {
  const dialog = shallowRef<Dialog | null>(null)
  const problem = ref('')

  function act(asked: Act): void {
    switch (asked.kind) {
      case 'retry':
        return chat.outbox.retry(asked.requestId)
      case 'discard':
        return chat.outbox.discard(asked.requestId)
      case 'rewrite':
        return rewrite(asked.requestId)
      case 'react':
        return chat.act(room, { kind: 'react', message: asked.message.id, emoji: asked.emoji, isOn: asked.isOn })
      case 'pin':
        return chat.act(room, { kind: 'pin', message: asked.message.id, isOn: asked.isOn })
      case 'delete':
        chat.act(room, { kind: 'delete', message: asked.message.id })
        return focusRow(asked.message)
      case 'reply':
        return void composer.value?.reply(quoteOf(asked.message))
      case 'edit':
        return void composer.value?.edit(asked.message)
      case 'menu':
        return void (dialog.value = { kind: 'menu', message: asked.message, isReacting: asked.isReacting === true })
      case 'versions':
      case 'reactors':
        return void (dialog.value = { kind: asked.kind, message: asked.message })
      case 'view':
        return void window.open(addressOf({ id: asked.file }), '_blank', 'noopener')
      case 'jump':
        return jump(asked.from, asked.to)
    }
  }

  /** A text that was refused goes back to where it was written. */
  function rewrite(requestId: string): void {
    const entry = chat.outbox.entries.value.find((other) => other.requestId === requestId)
    const text = chat.outbox.takeBack(requestId)
    const message = entry?.deed && findMessage(timeline(), entry.deed.message)
    if (text === null) return
    if (message) composer.value?.edit(message, text)
    else composer.value?.takeBack(text)
  }

  function timeline() {
    return chat.state.value.rooms.get(room)?.timeline ?? null
  }

  function say(text: string, replyTo?: Quote): void {
    const members = chat.state.value.rooms.get(room)?.about.members ?? 0
    if (callsAll(text) && members > CALLED_MAX) return void (dialog.value = { kind: 'callAll', text, replyTo, members })
    send(text, replyTo)
  }

  function send(text: string, replyTo: Quote | undefined): void {
    chat.say(room, text, replyTo)
    onSaid()
  }

  function sendToAll(): void {
    const asked = dialog.value
    dialog.value = null
    if (asked?.kind === 'callAll') send(asked.text, asked.replyTo)
  }

  function close(): void {
    const asked = dialog.value
    dialog.value = null
    if (asked?.kind === 'menu') focusRow(asked.message)
    if (asked?.kind === 'callAll') composer.value?.takeBack(asked.text)
  }

  function editLast(): void {
    const { me, names } = chat.state.value
    const deeds = deedsByMessage(chat.outbox.entries.value)
    const items = timeline()?.items ?? []
    for (let index = items.length - 1; index >= 0; index -= 1) {
      const item = items[index]
      if (item?.kind !== 'message' || item.by?.id !== me?.id) continue
      const { message } = overlay(withNames(names, item.message), deeds.get(item.position), me)
      if (!message.deleted) return void composer.value?.edit(message)
    }
  }

  async function attempt(work: Promise<unknown>, otherwise: string): Promise<void> {
    problem.value = await work.then(
      () => '',
      (error: unknown) => chat.explain(error, otherwise),
    )
  }

  async function run({ name, rest }: Command): Promise<void> {
    problem.value = ''
    switch (name) {
      case 'topic':
        if (rest === '') return void (dialog.value = { kind: 'details' })
        return attempt(chat.changeRoom(room, { topic: rest }), words.roomNotChanged)
      case 'nick':
        return attempt(chat.rename(rest), words.nameRefused)
      case 'join':
        return attempt(chat.join(roomNamed(rest)).then(() => go(roomNamed(rest))), words.noSuchRoom(rest))
      case 'leave':
        return void (dialog.value = { kind: 'leave' })
      case 'help':
        return void (dialog.value = { kind: 'commands' })
    }
  }

  return {
    dialog,
    problem,
    act,
    say,
    change: (message, text) => chat.act(room, { kind: 'edit', message: message.id, text }),
    run,
    editLast,
    join: () => attempt(chat.join(room), words.refusedRights),
    close,
    sendToAll,
  }
}

/** The button that had the focus goes with the pointer. */
function focusRow({ number }: Message): void {
  void nextTick(() => {
    if (document.activeElement === document.body) document.getElementById(`m${number}`)?.focus({ preventScroll: true })
  })
}
