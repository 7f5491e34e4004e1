// The rooms and people whom the walks over all states come upon.
//
// Called once for each file of such walks: it fills a server with the names, words
// and rooms that are hard to show.
import { Person } from './person'

/** In a larger room, calling everybody asks back. */
const CALLED_MAX = 20

export interface Stage {
  bob: Person
  mo: Person
}

const MARKDOWN = { format: 'markdown' }
const TALK = [
  'The new kettle is here. It holds a litre and a half, and it sings.',
  'A watched pot never boils.\nIt does, if the request is held.',
  'See https://example.org/tea/how-long-to-wait?leaf=oolong&water=95 for more.',
]
const LONG_WORD = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(3)
/** As long as a name may be. */
const LONG_NAME = '一个名字很长很长的人 whose name goes on & on'
const HEBREW = 'שלום לכולם, מישהו רוצה תה? המים רותחים (95°C).'
const ARABIC = 'أهلا وسهلا! الساعة 16:30 في #tea مع bob.'
const ROOMS: [slug: string, topic: string][] = [
  ['tea', 'Leaves, water, waiting. The kettle is on at four, and whoever comes late gets what is left of it.'],
  ['harbour', 'Ships, and who is on them'],
  ['大厅-二', '什么都可以说，慢慢来。'],
  ['minutes-of-the-society-for-the-slow-repair-of-the-old-harbour', 'Read them slowly'],
  ['مقهى-المساء', 'قهوة وشاي بعد الغروب'],
]

export async function setStage(url: string): Promise<Stage> {
  const [bob, mo, long, dafna] = await Promise.all(['bob', '陈默', LONG_NAME, 'دفنة'].map((name) => Person.arrive(url, name)))
  if (!bob || !mo || !long || !dafna) throw new Error('nobody came')
  for (const [slug, topic] of ROOMS) await bob.openRoom(slug, { topic })
  for (const text of TALK) await bob.say(text, 'tea')
  await mo.say('水开了。你要红茶还是绿茶？两样都有，还有一点点心。', 'tea')
  await dafna.say(HEBREW, 'tea')
  await dafna.say(ARABIC, 'tea')
  await long.say(`A long name needs a long word: ${LONG_WORD}`, 'tea')
  await long.say(`${'字'.repeat(200)} https://example.org/${'path/'.repeat(60)}`, 'tea')
  await bob.say('The end of the afternoon 🍵', 'tea')
  for (let line = 1; line <= 60; line += 1) await (line % 5 < 3 ? bob : mo).say(`ship ${line} is in sight`, 'harbour')
  await setDeeds(bob, mo)
  await bob.openRoom('choir', { topic: 'More than twenty of us' })
  const choir = await Promise.all(Array.from({ length: CALLED_MAX }, (_, voice) => Person.arrive(url, `voice ${voice}`)))
  for (const voice of choir) await voice.join('choir')
  await bob.say('From the top.', 'choir')
  return { bob, mo }
}

/** A room in which messages were formatted, edited, answered, pinned and reacted to. */
async function setDeeds(bob: Person, mo: Person): Promise<void> {
  await bob.openRoom('deeds', { topic: 'Who fills the kettle' })
  await mo.join('deeds')
  const said = await bob.say('the kettle is on', 'deeds')
  await bob.say('**Bold**, *italic*, ~~gone~~, `code`, ||hidden||, [a link](https://example.org/)\n> quoted\n```rust\nfn main() {}\n```', 'deeds', MARKDOWN)
  await mo.say('这是**重点**，*也是*重点。', 'deeds', MARKDOWN)
  for (const [person, emoji] of [[bob, '🍵'], [mo, '🍵'], [mo, '👍']] as const) await person.call('PUT', `/messages/${said.id}/reactions/${encodeURIComponent(emoji)}`)
  await bob.call('PATCH', `/messages/${said.id}`, { text: 'the kettle is on now' })
  await bob.call('PUT', `/messages/${said.id}/pin`)
  await mo.say('the answer to that', 'deeds', { reply_to: said.id })
}
