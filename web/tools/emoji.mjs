// Writes src/emoji/data from emojibase-data, which is not a dependency: it has thirty
// languages and 40 MB, of which the page needs 40 KB a language.
//
//   npm pack emojibase-data@17.0.0 && tar xf emojibase-data-17.0.0.tgz && node tools/emoji.mjs package
//
// A row is [emoji, name, what it is found by, group]; the order is Unicode's.
import { readFileSync, writeFileSync } from 'node:fs'

const folder = process.argv[2]
const read = (path) => JSON.parse(readFileSync(`${folder}/${path}`, 'utf8'))
const shortcodes = read('en/shortcodes/github.json')
const COMPONENTS = 2

for (const language of ['en', 'zh']) {
  const all = read(`${language}/data.json`).filter(({ group }) => group !== undefined && group !== COMPONENTS)
  const rows = all
    .sort((one, other) => one.order - other.order)
    .map(({ emoji, label, tags = [], hexcode, group }) => {
      const said = new Set(label.split(' '))
      const short = [shortcodes[hexcode] ?? []].flat()
      const found = [...new Set([...short, ...tags.flatMap((tag) => tag.split(' '))])].filter((word) => !said.has(word))
      return JSON.stringify([emoji, label, found.join(' '), group > COMPONENTS ? group - 1 : group])
    })
  writeFileSync(new URL(`../src/emoji/data/${language}.json`, import.meta.url), `[\n${rows.join(',\n')}\n]\n`)
}
