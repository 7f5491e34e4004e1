// All that a tab has said to its engine, for the engine after it.
//
// Kept by the station. It holds the newest of each thing that an engine has to
// know of the tab, and the newest cursor and token that the tab heard.
import type { EngineMessage, TabMessage } from '../wire/protocol'

type Said = { [Type in TabMessage['type']]?: Extract<TabMessage, { type: Type }> }

export interface Memo {
  say(message: TabMessage): void
  hear(message: EngineMessage): void
  /** Returns the words that a new engine has to hear; none before the page has said hello. */
  greet(isVisible: boolean, isAlone: boolean): TabMessage[]
  /** Whether the person has chosen a mode or a weather, which shall not disturb other tabs. */
  isExperiment(): boolean
  /** Whether the engine is to hear this; before hello it would not know of whom. */
  isForEngine(message: TabMessage): boolean
}

export function createMemo(): Memo {
  const said: Said = {}
  let token: string | undefined

  function say(message: TabMessage): void {
    Object.assign(said, { [message.type]: message })
    if (message.type === 'watch' && said.hello) said.hello = { ...said.hello, rooms: message.rooms }
  }

  function hear(message: EngineMessage): void {
    if (message.type === 'begin' || message.type === 'session') ({ token } = message.session)
    const cursor = cursorAfter(message)
    if (cursor !== undefined && said.hello) said.hello = { ...said.hello, cursor }
  }

  function greet(isVisible: boolean, isAlone: boolean): TabMessage[] {
    if (!said.hello) return []
    const hello: TabMessage = { ...said.hello, isVisible, ...(token !== undefined && { token }) }
    const experiments = isAlone ? [said.mode, said.weather] : []
    return [hello, said.wire, ...experiments].filter((message) => message !== undefined)
  }

  function isExperiment(): boolean {
    const isChosen = said.mode !== undefined && said.mode.mode !== 'automatic'
    return isChosen || (said.weather?.weather ?? null) !== null
  }

  function isForEngine({ type }: TabMessage): boolean {
    const isOfExperiment = type === 'mode' || type === 'weather'
    return said.hello !== undefined && (!isOfExperiment || isExperiment())
  }

  return { say, hear, greet, isExperiment, isForEngine }
}

function cursorAfter(message: EngineMessage): string | undefined {
  switch (message.type) {
    case 'page':
      return message.to_cursor
    case 'begin':
    case 'reset':
      return message.cursor ?? undefined
    default:
      return undefined
  }
}
