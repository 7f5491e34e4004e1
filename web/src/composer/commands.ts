// The commands that can be written instead of a message: `/topic Green tea`.
//
// Read by the composer before it sends; RoomScreen does them. Pure. A text that
// only looks like one (`/usr/bin`, `//x`) is a text.
import { words } from '../i18n'
import type { Option } from './useCompletion'

export const COMMAND_NAMES = ['me', 'topic', 'nick', 'join', 'leave', 'help'] as const
export type CommandName = (typeof COMMAND_NAMES)[number]

export interface Command {
  name: Exclude<CommandName, 'me'>
  rest: string
}

export type Said = { kind: 'text'; text: string } | { kind: 'command'; command: Command } | { kind: 'problem'; sentence: string }

/** Reads what was written, trimmed. */
export function readCommand(written: string): Said {
  if (written.startsWith('//')) return { kind: 'text', text: written.slice(1) }
  const [, word, rest = ''] = /^\/(\p{L}+)(?:\s+([\s\S]*))?$/u.exec(written) ?? []
  if (word === undefined) return { kind: 'text', text: written }
  const name = COMMAND_NAMES.find((known) => known === word.toLowerCase())
  if (name === undefined) return { kind: 'problem', sentence: words.noCommand(word) }
  if (rest === '' && (name === 'me' || name === 'nick' || name === 'join')) return { kind: 'problem', sentence: words.commandNeeds(name, takes(name)) }
  if (name === 'me') return { kind: 'text', text: emphasised(rest) }
  return { kind: 'command', command: { name, rest } }
}

/** Puts a text into marks of emphasis that nothing in it closes. */
function emphasised(text: string): string {
  if (!text.includes('_')) return `_${text}_`
  if (!text.includes('*')) return `*${text}*`
  return `_${text.replaceAll('_', String.raw`\_`)}_`
}

export function commandList(): { name: CommandName; takes: string; does: string }[] {
  const does = { me: words.doesMe, topic: words.doesTopic, nick: words.doesNick, join: words.doesJoin, leave: words.doesLeave, help: words.doesHelp }
  return COMMAND_NAMES.map((name) => ({ name, takes: takes(name), does: does[name] }))
}

function takes(name: CommandName): string {
  const all = { me: words.takesText, topic: words.takesTopic, nick: words.takesName, join: words.takesRoom, leave: '', help: '' }
  return all[name]
}

/** Says whether a text calls everybody. */
export function callsAll(text: string): boolean {
  return /(?<![a-z0-9_.@])@all(?![a-z0-9_])/i.test(text)
}

/** Returns the room that `/join` names: `#tea`, `tea`, or its address. */
export function roomNamed(rest: string): string {
  return rest.trim().replace(/^.*\/r\//, '').replace(/^#/, '').replace(/\/.*$/, '').toLowerCase()
}

/** Completes a command's name. */
export function completeCommand(before: string): { from: number; options: Option[] } | null {
  const [, begun] = /^\/(\p{L}*)$/u.exec(before) ?? []
  if (begun === undefined) return null
  const fitting = commandList().filter(({ name }) => name.startsWith(begun.toLowerCase()) && name !== begun)
  const options = fitting.map(({ name, takes: rest, does: hint }) => {
    const shown = `/${name}`
    return { key: name, shown, hint, text: rest ? `${shown} ` : shown }
  })
  return { from: 0, options }
}
