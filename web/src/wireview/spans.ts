// A set of a room's numbers, as the spans without holes that it consists of.
//
// Kept by the proof: "complete: #1 to #4,812" is one span. Adding costs a search
// over the spans, and there are more than one only while something is missing.

export interface Span {
  first: number
  last: number
}

export interface Spans {
  /** Adds all numbers from `first` to `last`; false where they were all known. */
  add(first: number, last?: number): boolean
  has(number: number): boolean
  /** Returns the spans, lowest first; no two of them touch. */
  list(): readonly Span[]
  /** Returns the holes between the spans, lowest first. */
  holes(): Span[]
}

export function createSpans(): Spans {
  let spans: Span[] = []

  function add(first: number, last = first): boolean {
    if (spans.some((span) => span.first <= first && last <= span.last)) return false
    const touches = (span: Span) => span.last >= first - 1 && span.first <= last + 1
    const joined = spans.filter(touches)
    const whole = {
      first: Math.min(first, ...joined.map((span) => span.first)),
      last: Math.max(last, ...joined.map((span) => span.last)),
    }
    spans = [...spans.filter((span) => !touches(span)), whole].sort((a, b) => a.first - b.first)
    return true
  }

  return {
    add,
    has: (number) => spans.some(({ first, last }) => first <= number && number <= last),
    list: () => spans,
    holes: () =>
      spans.slice(1).map((span, at) => ({ first: (spans[at]?.last ?? 0) + 1, last: span.first - 1 })),
  }
}
