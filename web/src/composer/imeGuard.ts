// Tells an Enter that is meant from one that ends an input method's work.
//
// Called by the composer and the name editor. Safari sends the Enter which
// confirms a conversion after compositionend and without isComposing, with
// keyCode 229 or within the same tick; all three are looked at.

export interface ImeGuard {
  /** Says whether this key belongs to the input method. */
  holds(event: KeyboardEvent): boolean
  onCompositionStart(): void
  onCompositionEnd(): void
}

const KEY_CODE_OF_INPUT_METHOD = 229

export function createImeGuard(): ImeGuard {
  let isComposing = false
  return {
    holds: (event) =>
      isComposing || event.isComposing || event.keyCode === KEY_CODE_OF_INPUT_METHOD,
    onCompositionStart: () => {
      isComposing = true
    },
    onCompositionEnd: () => {
      setTimeout(() => {
        isComposing = false
      })
    },
  }
}
