// What was typed, without its marks: the text, and what the marks said of it.
import type { Entity } from '../../api/types'

type Rest = Pick<Entity, 'language' | 'url' | 'user'>

export class Typed {
  text = ''
  /** In no order, and perhaps crossing. */
  entities: Entity[] = []
  /** Where an `@` stands that names nobody. */
  escaped = new Set<number>()

  say(text: string): void {
    this.text += text
  }

  /** Marks the text from `begin` to its end. */
  mark(begin: number, type: Entity['type'], rest: Rest = {}): void {
    const length = this.text.length - begin
    if (length > 0) this.entities.push({ type, offset: begin, length, ...rest })
  }

  /** Returns the same without white space around the text. */
  trimmed(): { text: string; entities: Entity[]; escaped: Set<number> } {
    const text = this.text.trim()
    const skipped = this.text.length - this.text.trimStart().length
    const place = (at: number) => Math.max(0, Math.min(text.length, at - skipped))
    const entities = this.entities
      .map((entity) => {
        const offset = place(entity.offset)
        return { ...entity, offset, length: place(entity.offset + entity.length) - offset }
      })
      .filter(({ length }) => length > 0)
    return { text, entities, escaped: new Set([...this.escaped].map(place)) }
  }
}
