// Puts the script's page in the place of the server's, without a flash or a jump.
//
// Called once by main.ts. Both are the same markup, so all that has to be carried
// over is what the reader did meanwhile: where they scrolled, what they wrote.

export function takeOver(mount: () => void): void {
  const before = look()
  mount()
  const { field, scroller } = find()
  if (scroller && before.scrollTop !== 0) scroller.scrollTop = before.scrollTop
  if (!field || before.text === '') return
  field.value = before.text
  // The composer hears of it as of any other writing.
  field.dispatchEvent(new Event('input'))
  if (!before.isFocused) return
  field.focus()
  field.setSelectionRange(before.selection[0], before.selection[1])
}

function look() {
  const { field, scroller } = find()
  return {
    scrollTop: scroller?.scrollTop ?? 0,
    text: field?.value ?? '',
    isFocused: field !== null && document.activeElement === field,
    selection: [field?.selectionStart ?? 0, field?.selectionEnd ?? 0] as const,
  }
}

function find(): { field: HTMLTextAreaElement | null; scroller: HTMLElement | null } {
  return {
    field: document.querySelector<HTMLTextAreaElement>('#app #composer'),
    scroller: document.querySelector<HTMLElement>('#app .scroller'),
  }
}
