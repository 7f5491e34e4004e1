// Copying, with and without a secure context.
import { expect, it, vi } from 'vitest'
import { copyText } from '../src/rooms/copyText'

const execCommand = vi.fn<(command: string) => boolean>()

it.each([
  ['over HTTPS', { clipboard: { writeText: () => Promise.resolve() } }, false, true],
  ['over plain HTTP, by the old command', {}, true, true],
  ['where neither works, it says so', {}, false, false],
])('%s', async (_name, navigator, oldWay, expected) => {
  vi.stubGlobal('navigator', navigator)
  Object.assign(document, { execCommand: execCommand.mockReturnValue(oldWay) })
  expect(await copyText('http://chat.lan/')).toBe(expected)
  expect(document.querySelector('textarea')).toBeNull()
})
