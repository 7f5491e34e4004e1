// Holds something up until a test lets it through.

export class Gate {
  /** Resolves when the gate is opened. */
  readonly opened: Promise<void>
  open!: () => void

  constructor() {
    this.opened = new Promise((resolve) => (this.open = resolve))
  }
}
