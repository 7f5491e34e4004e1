// Files in messages, as they are shown.
import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import type { Message, MessageFile } from '../src/api/types'
import MessageFiles from '../src/files/MessageFiles.vue'
import { endingOf, kindOf, shortOf, shownSize } from '../src/files/kinds'
import { arrange } from '../src/feed/arrange'
import { edit, erase } from '../src/feed/changes'
import { NO_NAMES } from '../src/feed/names'
import { EMPTY_TIMELINE, mergeMessages } from '../src/feed/timeline'
import { formatSize } from '../src/i18n/times'
import { ann, message } from './cast'

const pier: MessageFile = { id: 7, name: 'pier.jpg', type: 'image/jpeg', size: 312_400, width: 1600, height: 1067, thumbnail: true }
const list: MessageFile = { id: 8, name: 'winter list.pdf', type: 'application/pdf', size: 218_000 }
const song: MessageFile = { id: 9, name: 'song.ogg', type: 'audio/ogg', size: 900 }
const film: MessageFile = { id: 10, name: 'film.mp4', type: 'video/mp4', size: 9_400_000 }

it.each([
  ['a picture', pier, 'picture'],
  ['a picture whose size is not known', { ...list, type: 'image/png' }, 'other'],
  ['a picture that browsers may not show', { ...pier, type: 'image/heic' }, 'other'],
  ['a drawing that could run scripts', { ...pier, type: 'image/svg+xml' }, 'other'],
  ['a song', song, 'audio'],
  ['a film', film, 'video'],
  ['a document', list, 'other'],
])('%s is shown as what it is', (_name, file, kind) => {
  expect(kindOf(file)).toBe(kind)
})

it.each([
  ['wide', 1600, 1067, true, 240, 160],
  ['high', 100, 4000, true, 8, 320],
  ['high and beside others', 1000, 2000, false, 80, 160],
  ['small', 20, 10, true, 20, 10],
  ['a line', 5000, 1, true, 240, 1],
])('a picture that is %s keeps its form, and is never enlarged', (_name, width, height, isAlone, shownWidth, shownHeight) => {
  expect(shownSize({ ...pier, width, height }, isAlone)).toEqual({ width: shownWidth, height: shownHeight })
})

it.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1 kB'],
  [9_400_000, '9.4 MB'],
  [312_400, '312 kB'],
  [104_857_600, '105 MB'],
  [5_000_000_000_000, '5,000 GB'],
])('%i bytes are said in words that fit', (bytes, words) => {
  expect(formatSize(bytes)).toBe(words)
})

it.each([
  ['a.tar.gz', 'GZ'],
  ['no ending', ''],
  ['.profile', 'PROFILE'],
  ['strange.a-b', ''],
])('%s ends in %j', (name, ending) => {
  expect(endingOf(name)).toBe(ending)
})

const shown = () => mount(MessageFiles, { props: { files: [list, pier, song, film] } })

describe('the files of a message', () => {
  it('have the place of a picture before it is there', () => {
    const { src, width, height, alt, loading } = shown().get('.picture img').attributes()
    expect({ src, width, height, alt, loading }).toEqual({ src: '/api/v1/files/7/thumbnail', width: '240', height: '160', alt: 'Picture: pier.jpg', loading: 'lazy' })
  })

  it('say what a file is and how large, and lead to it', () => {
    const { href, download } = shown().get('.file').attributes()
    expect({ href, download }).toEqual({ href: '/api/v1/files/8?download', download: 'winter list.pdf' })
    expect(shown().get('.file').text()).toBe('Downloadwinter list.pdfPDF · 218 kB')
    expect(shown().get('.caption').text()).toBe('pier.jpg · 1,600 × 1,067 · 312 kB')
  })

  it('load nothing of a film before it is played', () => {
    const video = shown().get('video').attributes()
    expect([video['preload'], video['controls'], video['src']]).toEqual(['none', '', '/api/v1/files/10'])
    expect(shown().get('audio').attributes('preload')).toBe('none')
  })

  it('open the picture in the page, and elsewhere where the reader asks for it', async () => {
    const page = shown()
    await page.get('.picture').trigger('click')
    await page.get('.picture').trigger('click', { ctrlKey: true })
    expect(page.emitted('view')).toEqual([[7]])
  })
})

describe('a message with files', () => {
  const said: Message = { ...message(3, ann, ''), files: [pier] }

  it('keeps them when its text is changed, and loses them when it is deleted', () => {
    expect(edit({ ...said, text: 'the pier' })(said).files).toEqual([pier])
    expect(erase(said)).not.toHaveProperty('files')
  })

  it('is a line with its files', () => {
    const rows = arrange({ timeline: mergeMessages(EMPTY_TIMELINE, [said]), names: NO_NAMES, entries: [], me: ann, freshAfter: null })
    expect(rows.flatMap((row) => (row.kind === 'group' ? row.lines : [])).map(({ text, files }) => [text, files])).toEqual([['', [pier]]])
  })

  it('is told by the names of its files where it has no text', () => {
    expect([shortOf(said), shortOf({ ...said, text: 'look' }), shortOf(erase(said))]).toEqual(['pier.jpg', 'look', 'This message was deleted.'])
  })
})
