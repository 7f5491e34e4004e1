// Markdown in the page: the same message, print and markup as the server makes.
import { describe, expect, test } from 'vitest'
import byChance from '../../fixtures/entities/by_chance.json'
import typed from '../../fixtures/entities/typed.json'
import type { Entity } from '../src/api/types'
import { parseMarkdown, printMarkdown } from '../src/text/markdown'

interface Row {
  typed: string
  text: string
  entities: Entity[]
  printed: string
  html: string
}

const rows = [...typed, ...byChance] as Row[]

describe('markdown', () => {
  test('what is typed is read as the server reads it', () => {
    for (const row of rows) {
      const { text, entities } = row
      expect({ typed: row.typed, ...parseMarkdown(row.typed) }).toEqual({ typed: row.typed, text, entities })
    }
  })

  test('a message is printed as the server prints it', () => {
    for (const { text, entities, printed } of rows) expect(printMarkdown(text, entities)).toBe(printed)
  })

  test('a message that is printed and read again is the same', () => {
    for (const { text, entities } of rows) expect(parseMarkdown(printMarkdown(text, entities))).toEqual({ text, entities })
  })
})
