// The page as people see it: components in a document, without a browser's layout.
import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Refused } from '../src/api/client'
import HeldLine from '../src/composer/HeldLine.vue'
import type { NoticeItem, NoticeKind } from '../src/feed/timeline'
import MessageGroup from '../src/messages/MessageGroup.vue'
import MessageText from '../src/messages/MessageText.vue'
import NoticeLine from '../src/messages/NoticeLine.vue'
import NameForm from '../src/settings/NameForm.vue'
import type { Link } from '../src/wire/protocol'
import { ann } from './cast'

const AT = '2026-11-21T10:00:00.000Z'

describe('the text of a message', () => {
  it.each(['<b>bold</b>', '<img src=x onerror=alert(1)>', '&lt;i&gt;', '  two  spaces', 'a line\n\n  and another'])(
    '%j is shown as it was typed, a paragraph a line',
    (text) => {
      const page = mount(MessageText, { props: { text } })
      expect(page.findAll('p').map(({ element }) => element.textContent)).toEqual(text.split('\n'))
      expect(page.findAll(':not(p, br)').map(({ element }) => element.tagName)).not.toContain('B')
    },
  )

  it('gives each paragraph its own direction', () => {
    const page = mount(MessageText, { props: { text: 'four cups\nשלום' } })
    expect(page.findAll('p').map((paragraph) => paragraph.attributes('dir'))).toEqual(['auto', 'auto'])
  })

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

function group(lines: object[], isOffline = false) {
  const props = { room: 'tea', by: ann, isOwn: true, lines, me: ann, mayReply: true, mayReact: true, target: null, active: null, isOffline }
  return mount(MessageGroup, { props: props as InstanceType<typeof MessageGroup>['$props'] })
}

it('a deleted message says so under its author, and gives nothing to read or to follow', () => {
  const page = group([
    { key: 'k', number: 1, text: 'hello', at: AT },
    { key: 'l', number: 2, text: null, at: AT },
  ])
  const [, line] = page.findAll('.said')
  expect([line?.get('p').text(), line?.findAll('p').length, line?.find('a').exists()]).toEqual(['This message was deleted.', 1, false])
})

function buttons(page: ReturnType<typeof group>): string[] {
  return page.findAll('button').map((button) => button.text())
}

describe('own messages', () => {
  const line = { key: 'k', text: 'hello', at: AT }
  const entry = { requestId: 'r', userId: 1, room: 'tea', order: 1, text: 'hello', at: Date.parse(AT), attempts: 1 }

  it('that were refused say why and can be sent again, edited or discarded', async () => {
    const page = group([{ ...line, entry: { ...entry, state: 'refused', status: 403 } }])
    expect(page.get('[role=alert]').text()).toBe('Not sent: you may not write in this room.')
    for (const button of page.findAll('button')) await button.trigger('click')
    expect(page.emitted('act')).toEqual(['retry', 'rewrite', 'discard'].map((kind) => [{ kind, requestId: 'r' }]))
  })

  it('that were refused with a reason tell it', () => {
    const page = group([{ ...line, entry: { ...entry, state: 'refused', status: 429, detail: 'one message in 10 s here.' } }])
    expect(page.get('[role=alert]').text()).toBe('Not sent: one message in 10 s here.')
  })

  it.each([400, 413, 415, 422])('that can never go, as after %i, are not offered to be sent again', (status) => {
    const page = group([{ ...line, entry: { ...entry, state: 'refused', status } }])
    expect([page.get('[role=alert]').text(), buttons(page)]).toEqual([
      'Not sent: the server cannot take this text.',
      ['Edit', 'Discard'],
    ])
  })

  it('on their way have no buttons; offline they can be taken back', () => {
    const lines = [{ ...line, entry: { ...entry, state: 'sending' } }]
    expect([buttons(group(lines)), buttons(group(lines, true))]).toEqual([[], ['Discard']])
  })
})

function notice(what: NoticeKind, name: string, position: number): NoticeItem {
  return { kind: 'notice', position, asOf: position, at: AT, what, by: { id: position, name } }
}

function sentence(notices: NoticeItem[]): string {
  const page = mount(NoticeLine, { props: { at: AT, notices } })
  return (page.find('summary').exists() ? page.get('summary') : page).text()
}

describe('joins and leaves', () => {
  it.each([
    ['one', ['ann'], 'ann joined'],
    ['two', ['ann', 'bob'], 'ann and bob joined'],
    ['four', ['ann', 'bob', 'cleo', 'dan'], 'ann, bob, cleo, and dan joined'],
    ['many', ['ann', 'bob', 'cleo', 'dan', 'eve'], '5 people joined'],
  ])('%s', (_name, names, expected) => {
    const notices = names.map((name, index) => notice('joined', name, index))
    expect(sentence(notices)).toBe(expected)
  })

  it('of different kinds stand side by side', () => {
    const notices = [notice('joined', 'ann', 1), notice('left', 'bob', 2)]
    expect(sentence(notices)).toBe('ann joined · bob left')
  })
})

it('300 people who joined are one line, and named when it is opened', () => {
  const notices = Array.from({ length: 300 }, (_, index) => notice('joined', `guest ${index}`, index))
  const page = mount(NoticeLine, { props: { at: AT, notices } })
  expect([page.get('summary').text(), page.get('p').text().startsWith('guest 0, guest 1,')]).toEqual(['300 people joined', true])
})

it('the one who added somebody is named, and names of the other direction are isolated', () => {
  const added: NoticeItem = { ...notice('added', 'ann', 1), member: { id: 2, name: 'دفنة' } }
  expect(sentence([added])).toBe('ann added \u2068دفنة\u2069')
})

const HELD: Link = {
  connection: 'connected',
  transport: 'long',
  reason: 'usual',
  holdS: 25,
  heldSince: Date.parse(AT),
  heardAt: Date.parse(AT),
  tabs: 1,
}

function heldLine(link: Partial<Link>) {
  const session = { state: 'known' as const, user: { ...ann, role: 'guest' } }
  return mount(HeldLine, { props: { link: { ...HELD, ...link }, session, isForThisVisit: false, isEmpty: false, hasWire: false, isWireOpen: false } })
}

describe('the held line', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse(AT) + 5000 })
    return () => vi.useRealTimers()
  })

  it('is as long as the held time over the hold, and grows', async () => {
    const page = heldLine({})
    const length = () => page.get('.linger').attributes('style')
    expect([length(), page.get('.state').text()]).toEqual(['--held: 20%;', 'waiting for news, 5 s'])
    await vi.advanceTimersByTimeAsync(5000)
    expect([length(), page.get('.state').text()]).toEqual(['--held: 40%;', 'waiting for news, 10 s'])
  })

  it('is broken while the connection is lost, and says as of when the page is up to date', () => {
    const page = heldLine({ connection: 'reconnecting', heldSince: null, heardAt: new Date('2026-11-21T14:02:00').getTime() })
    expect(page.get('.linger').classes()).toContain('is-broken')
    expect(page.get('.state').text()).toMatch(/^as of 2:02\sPM$/)
    expect(page.get('[role=status]').text()).toBe('The server does not answer. What you write goes out later.')
  })

  it('says nothing to a screen reader while all is well', () => {
    expect(heldLine({}).get('[role=status]').text()).toBe('')
  })
})

const explain = (_error: unknown, otherwise: string) => otherwise

describe('the name', () => {
  const rename = vi.fn<(name: string) => Promise<void>>()
  beforeEach(() => {
    rename.mockReset().mockResolvedValue()
  })

  const open = () => mount(NameForm, { props: { name: 'ann', rename, explain }, attachTo: document.body })

  it('is saved', async () => {
    const page = open()
    await page.get('input').setValue(' anna ')
    await page.get('form').trigger('submit')
    expect(rename.mock.calls).toEqual([['anna']])
  })

  it('is not saved by the Enter that confirms a conversion', async () => {
    const page = open()
    const enter = new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, cancelable: true })
    page.get('input').element.dispatchEvent(enter)
    // A form is sent by an Enter that nobody has prevented.
    expect(enter.defaultPrevented).toBe(true)
  })

  it('is as it was after Escape', async () => {
    const page = open()
    await page.get('input').setValue('anna')
    await page.get('input').trigger('keydown', { key: 'Escape' })
    expect([page.get('input').element.value, rename.mock.calls]).toEqual(['ann', []])
  })

  it('that somebody has can be changed to another', async () => {
    rename.mockRejectedValue(new Refused({ status: 409 }, null))
    const page = open()
    await page.get('input').setValue('bob')
    await page.get('form').trigger('submit')
    await vi.waitFor(() =>
      expect(page.get('#name-problem').text()).toBe('Somebody here has this name. Please choose another.'),
    )
    expect(page.get('input').element.value).toBe('bob')
  })
})
