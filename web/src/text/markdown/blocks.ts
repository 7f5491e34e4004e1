// Blocks: the lines of a text as passages, quotes and fences.
//
// The rules, and why no text costs more than its length, are those of the server's
// `markdown/blocks.rs`.

export type Block =
  | { kind: 'passage'; lines: string[]; isQuoted: boolean }
  | { kind: 'pre'; lines: string[]; language: string | undefined; isQuoted: boolean }

const LANGUAGE = /^[a-z0-9+#._-]{1,32}$/i

export function isLanguage(name: string): boolean {
  return LANGUAGE.test(name)
}

/** Returns the blocks of a text, in order. */
export function blocksIn(source: string): Block[] {
  const lines = source.split('\n')
  const blocks: Block[] = []
  const fences = longestRuns(lines)
  for (let at = 0; at < lines.length; ) {
    if (lines[at]!.startsWith('> ')) {
      let end = at
      while (end < lines.length && (lines[end]!.startsWith('> ') || lines[end] === '>')) end += 1
      const quoted = lines.slice(at, end).map((line) => line.slice(2))
      const inner = longestRuns(quoted)
      for (let line = 0; line < quoted.length; ) line = add(blocks, quoted, line, inner, true)
      at = end
    } else {
      at = add(blocks, lines, at, fences, false)
    }
  }
  return blocks
}

/** Adds the fence or the line at a place, and returns the next place. */
function add(blocks: Block[], lines: string[], at: number, longest: number[], isQuoted: boolean): number {
  const fence = fenceAt(lines, at, longest)
  if (fence) {
    blocks.push({ kind: 'pre', lines: fence.lines, language: fence.language, isQuoted })
    return fence.next
  }
  const last = blocks.at(-1)
  if (last?.kind === 'passage' && last.isQuoted === isQuoted) last.lines.push(lines[at]!)
  else blocks.push({ kind: 'passage', lines: [lines[at]!], isQuoted })
  return at + 1
}

function fenceAt(lines: string[], at: number, longest: number[]) {
  const line = lines[at]!
  const count = /^`*/.exec(line)![0].length
  const rest = line.slice(count)
  if (count < 3 || rest.includes('`') || (longest[at + 1] ?? 0) < count) return undefined
  let end = at + 1
  while (backticksAtEnd(lines[end]!) < count) end += 1
  const info = rest.trim()
  const language = isLanguage(info) ? info : undefined
  const code = lines.slice(at + 1, end)
  // What is no language is the first line of the code.
  if (language === undefined && info !== '') code.unshift(rest)
  const last = lines[end]!.trimEnd().replace(/`+$/, '')
  if (last !== '') code.push(last)
  return code.some((codeLine) => codeLine.trim() !== '') ? { lines: code, language, next: end + 1 } : undefined
}

/** Returns, for each line, the longest row of backticks at the end of it or of a later one. */
function longestRuns(lines: string[]): number[] {
  const longest = lines.map(backticksAtEnd)
  for (let at = longest.length - 1; at > 0; at -= 1) longest[at - 1] = Math.max(longest[at - 1]!, longest[at]!)
  return longest
}

function backticksAtEnd(line: string): number {
  const trimmed = line.trimEnd()
  let count = 0
  while (trimmed[trimmed.length - 1 - count] === '`') count += 1
  return count
}
