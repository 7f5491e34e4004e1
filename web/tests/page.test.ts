// The page as people see it: components in a document, without a browser's layout.
import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Refused } from '../src/api/client'
import MessageGroup from '../src/components/MessageGroup.vue'
import MessageText from '../src/components/MessageText.vue'
import NameEditor from '../src/components/NameEditor.vue'
import NoticeLine from '../src/components/NoticeLine.vue'
import StatusLine from '../src/components/StatusLine.vue'
import type { NoticeItem, NoticeKind } from '../src/feed/roomState'
import { ann } from './cast'

const AT = '2026-11-21T10:00:00.000Z'

describe('the text of a message', () => {
  it.each(['<b>bold</b>', '<img src=x onerror=alert(1)>', '&lt;i&gt;', '  two  spaces\n  and a line  '])(
    '%j is shown as it was typed',
    (text) => {
      const page = mount(MessageText, { props: { text } })
      expect(page.element.textContent).toBe(text)
      expect(page.findAll('*')).toHaveLength(1)
    },
  )

  it('holds links that tell the other side nothing', () => {
    const link = mount(MessageText, { props: { text: 'see https://example.org/a.' } }).get('a')
    expect(link.attributes()).toEqual({
      href: 'https://example.org/a',
      target: '_blank',
      rel: 'noopener noreferrer nofollow',
    })
  })

  it('never holds a link that runs a script', () => {
    expect(mount(MessageText, { props: { text: 'javascript:alert(1)' } }).find('a').exists()).toBe(false)
  })
})

it('a deleted message says so under its author, and gives nothing to read or to follow', () => {
  const lines = [
    { key: 'k', text: 'hello', at: AT },
    { key: 'l', text: null, at: AT },
  ]
  const page = mount(MessageGroup, { props: { by: ann, isOwn: false, lines } })
  const [, line] = page.findAll('.line')
  expect([line?.get('p').text(), line?.find('.message-text').exists()]).toEqual(['This message was deleted.', false])
})

describe('own messages', () => {
  const line = { key: 'k', text: 'hello', at: AT }
  const entry = { requestId: 'r', text: 'hello', at: Date.parse(AT), attempts: 1 }

  it('are not read out to their author', () => {
    const own = mount(MessageGroup, { props: { by: ann, isOwn: true, lines: [line] } })
    const other = mount(MessageGroup, { props: { by: ann, isOwn: false, lines: [line] } })
    expect([own.attributes('aria-live'), other.attributes('aria-live')]).toEqual(['off', undefined])
  })

  it('that were refused say why and can be sent again or discarded', async () => {
    const lines = [{ ...line, entry: { ...entry, state: 'refused' as const, status: 403 } }]
    const page = mount(MessageGroup, { props: { by: ann, isOwn: true, lines } })
    expect(page.get('[role=alert]').text()).toBe('Not sent: you may not write in this room.')
    const [retry, discard] = page.findAll('button')
    await retry?.trigger('click')
    await discard?.trigger('click')
    expect(page.emitted()).toMatchObject({ retry: [['r']], discard: [['r']] })
  })

  it.each([400, 413, 415, 422])('that can never go, as after %i, can only be discarded', (status) => {
    const lines = [{ ...line, entry: { ...entry, state: 'refused' as const, status } }]
    const page = mount(MessageGroup, { props: { by: ann, isOwn: true, lines } })
    expect([page.get('[role=alert]').text(), page.findAll('button').map((button) => button.text())]).toEqual([
      'Not sent: the server cannot take this text.',
      ['Discard'],
    ])
  })

  it('on their way have no buttons', () => {
    const lines = [{ ...line, entry: { ...entry, state: 'sending' as const } }]
    expect(mount(MessageGroup, { props: { by: ann, isOwn: true, lines } }).findAll('button')).toEqual([])
  })
})

function notice(what: NoticeKind, name: string, position: number): NoticeItem {
  return { kind: 'notice', position, asOf: position, at: AT, what, by: { id: position, name } }
}

describe('joins and leaves', () => {
  it.each([
    ['one', ['ann'], 'ann joined'],
    ['two', ['ann', 'bob'], 'ann and bob joined'],
    ['four', ['ann', 'bob', 'cleo', 'dan'], 'ann, bob, cleo, and dan joined'],
    ['many', ['ann', 'bob', 'cleo', 'dan', 'eve'], 'ann, bob, cleo, and 2 others joined'],
  ])('%s', (_name, names, expected) => {
    const notices = names.map((name, index) => notice('joined', name, index))
    expect(mount(NoticeLine, { props: { at: AT, notices } }).text()).toBe(expected)
  })

  it('of different kinds stand side by side', () => {
    const notices = [notice('joined', 'ann', 1), notice('left', 'bob', 2)]
    expect(mount(NoticeLine, { props: { at: AT, notices } }).text()).toBe('ann joined · bob left')
  })
})

it('a connection that was lost says as of when the page is up to date', () => {
  const heardAt = new Date('2026-11-21T14:02:00').getTime()
  const page = mount(StatusLine, { props: { connection: 'reconnecting', heardAt } })
  expect(page.text()).toMatch(/^Reconnecting… up to date as of 2:02\sPM$/)
})

describe('the name', () => {
  const rename = vi.fn<(name: string) => Promise<void>>()
  beforeEach(() => {
    rename.mockReset().mockResolvedValue()
  })

  async function open() {
    const page = mount(NameEditor, { props: { name: 'ann', rename }, attachTo: document.body })
    await page.get('button').trigger('click')
    return page
  }

  it('is saved on Enter', async () => {
    const page = await open()
    await page.get('input').setValue(' anna ')
    await page.get('input').trigger('keydown', { key: 'Enter' })
    await vi.waitFor(() => expect(page.find('input').exists()).toBe(false))
    expect(rename.mock.calls).toEqual([['anna']])
  })

  it('is not saved by the Enter that confirms a conversion', async () => {
    const page = await open()
    await page.get('input').setValue('安')
    await page.get('input').trigger('keydown', { key: 'Enter', isComposing: true })
    expect(rename).not.toHaveBeenCalled()
  })

  it('stays as it was on Escape', async () => {
    const page = await open()
    await page.get('input').setValue('anna')
    await page.get('input').trigger('keydown', { key: 'Escape' })
    expect([page.find('input').exists(), rename.mock.calls]).toEqual([false, []])
  })

  it('that somebody has can be changed to another', async () => {
    rename.mockRejectedValue(new Refused({ status: 409 }, null))
    const page = await open()
    await page.get('input').setValue('bob')
    await page.get('form').trigger('submit')
    await vi.waitFor(() =>
      expect(page.get('[role=alert]').text()).toBe('Somebody here has this name. Please choose another.'),
    )
    expect(page.get('input').element.value).toBe('bob')
  })
})
