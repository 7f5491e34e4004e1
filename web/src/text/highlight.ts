// Code in colours: which parts of it are words of the language, strings, remarks.
//
// Loaded on demand, by CodeBlock, for code that names its language. Returns parts and
// never HTML. Three kinds are told apart: more would be a carnival in a conversation.
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import csharp from 'highlight.js/lib/languages/csharp'
import css from 'highlight.js/lib/languages/css'
import diff from 'highlight.js/lib/languages/diff'
import go from 'highlight.js/lib/languages/go'
import ini from 'highlight.js/lib/languages/ini'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import kotlin from 'highlight.js/lib/languages/kotlin'
import lua from 'highlight.js/lib/languages/lua'
import php from 'highlight.js/lib/languages/php'
import python from 'highlight.js/lib/languages/python'
import ruby from 'highlight.js/lib/languages/ruby'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import swift from 'highlight.js/lib/languages/swift'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'
import { createLowlight } from 'lowlight'

/** A part of some code: the element that it is shown as, if it stands out. */
export interface Part {
  text: string
  as?: 'b' | 'i' | 'u'
}

const lowlight = createLowlight({
  bash, c, cpp, csharp, css, diff, go, ini, java, javascript, json, kotlin, lua, php, python, ruby, rust, sql, swift, typescript, xml, yaml,
})

const REMARKS = new Set(['hljs-comment', 'hljs-quote', 'hljs-meta', 'hljs-deletion'])
const WORDS = new Set([
  'hljs-keyword', 'hljs-built_in', 'hljs-literal', 'hljs-type', 'hljs-title', 'hljs-name', 'hljs-tag', 'hljs-section', 'hljs-selector-tag', 'hljs-addition',
])
const VALUES = new Set(['hljs-string', 'hljs-number', 'hljs-regexp', 'hljs-symbol', 'hljs-attr', 'hljs-bullet'])

/** Returns the parts of some code, or null where the language is not known here. */
export function highlight(code: string, language: string): Part[] | null {
  const name = language.toLowerCase()
  if (!lowlight.registered(name)) return null
  const parts: Part[] = []
  add(lowlight.highlight(name, code), undefined, parts)
  return parts
}

/** A node of the tree that lowlight makes. */
interface TreeNode {
  type: string
  value?: string
  properties?: { className?: unknown }
  children?: unknown[]
}

function add(node: TreeNode, as: Part['as'], parts: Part[]): void {
  if (node.value !== undefined) {
    const last = parts.at(-1)
    if (last && last.as === as) last.text += node.value
    else parts.push({ text: node.value, ...(as && { as }) })
  }
  const [name] = Array.isArray(node.properties?.className) ? (node.properties.className as string[]) : []
  for (const child of node.children ?? []) add(child as TreeNode, kindOf(name) ?? as, parts)
}

function kindOf(name: string | undefined): Part['as'] {
  if (name === undefined) return undefined
  if (REMARKS.has(name)) return 'i'
  if (WORDS.has(name)) return 'b'
  return VALUES.has(name) ? 'u' : undefined
}
