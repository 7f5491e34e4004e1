// The words of the wire drawer, in English; the type of all languages.
//
// Read through index.ts beside it, and loaded with the drawer, not with the page.
import type { Mode, TransportReason } from '../../wire/protocol'

const modes: { [mode in Mode]: string } = {
  automatic: 'Automatic',
  short: 'Short poll',
  long: 'Long poll',
  sse: 'SSE',
}

const reasons: { [reason in TransportReason]: string } = {
  usual: '',
  chosen: 'chosen by hand, for this tab alone',
  busy: 'news follows news so closely that a stream costs less',
  stream_buffered: 'something on the way keeps streams back, so requests are held instead',
  streams_fail: 'streams are cut here again and again, so requests are held instead',
  cut_early: 'something on the way cuts requests, so they are held shorter',
  holds_fail: 'held requests do not get through here, short ones do',
}

const count = (number: number, one: string, many: string) =>
  number === 1 ? `1 ${one}` : `${number.toLocaleString('en')} ${many}`

export const words = {
  theWire: 'The wire',
  close: 'Close the wire',
  howItWaits: 'How it waits',
  howToAsk: 'How to ask',
  modes,
  interval: 'How often',
  everySeconds: (seconds: number) => `every ${seconds} s`,
  stand: {
    short: (seconds: number) => `asks every ${seconds} s`,
    long: (seconds: number) => `held up to ${seconds} s`,
    sse: () => 'one answer that stays open',
  },
  tabs: (tabs: number) => (tabs === 1 ? '1 tab, 1 connection' : `${tabs} tabs, 1 connection`),
  aloneTab: 'this tab alone',
  offline: 'no network',
  reconnecting: 'asking again',
  reasons,

  requests: 'Requests, the newest first',
  keysHint: 'Arrow keys go from request to request, Enter picks one.',
  request: 'Request',
  cursorOut: 'cursor out',
  cursorBack: 'back',
  answer: 'answer',
  minuteAgo: '60 s ago',
  now: 'now',
  pause: 'Stand still',
  goOn: 'Go on',
  noRequests: 'No request has gone out yet.',
  kinds: { events: 'events', send: 'message', history: 'history', other: '' },
  connections: { new: 'new connection', reused: 'connection reused' },
  connectionsShort: { new: 'new', reused: 'reused' },
  waiting: 'waiting',
  noCursor: 'none',
  heldFor: (time: string) => `held ${time}`,
  openFor: (time: string) => `open ${time}`,
  onTheWay: 'on its way',
  events: (number: number) => count(number, 'event', 'events'),
  noNews: 'no news',
  cutAfter: (time: string) => `cut after ${time}`,
  givenUp: (time: string) => `left after ${time}`,
  refused: 'refused',
  ago: (time: string) => `${time} ago`,
  weatherDid: {
    dropped: 'dropped by the weather',
    delayed: 'delayed by the weather',
    repeated: 'repeated by the weather',
    reordered: 'overtaken in the weather',
  },

  copyCurl: 'Copy as curl',
  copied: 'Copied',
  copyByHand: 'Copying is not allowed here. The line is selected: copy it by hand.',
  tokenHint: '$TOKEN says who asks. This makes a new guest and keeps their token:',
  copyToken: 'Copy how to get $TOKEN',

  totals: 'The three ways, as they were here',
  inUse: 'In use',
  total: {
    requests: 'Requests',
    empty: 'without news',
    bytes: 'Bytes',
    delay: 'Delay, median',
  },
  aMinute: 'a minute',
  shortEvery: (seconds: number) => `Short, ${seconds} s`,
  longWay: 'Long',
  sseWay: 'SSE',
  notTried: 'not tried',
  notYet: 'not known yet',
  compare: 'Try each for 30 s',
  comparing: (mode: string, seconds: number) => `${mode}, ${seconds} s left`,
  stopComparing: 'Stop',

  weather: 'Weather',
  weatherHint: 'Spoils answers on their way to this tab, and to no other.',
  weathers: { drop: 'drop', delay: 'delay', repeat: 'repeat', reorder: 'reorder' },
  lostAndDoubled: (lost: number, doubled: number) => `lost ${lost} · doubled ${doubled}`,
  of: (messages: number) => `of ${count(messages, 'message', 'messages')}`,

  complete: (first: string, last: string) => `complete: #${first} to #${last}`,
  completeSinceStay: (first: string, last: string) => `complete since you came: #${first} to #${last}`,
  heardFrom: (first: string, last: string) => `#${first} to #${last} without a gap`,
  counting: (last: string) => `counting, at #${last}`,
  beginsToCount: 'counting…',
  countAll: 'Count them all',
  missing: (first: string, last: string) => (first === last ? `#${first} is missing` : `#${first} to #${last} are missing`),
  readingAgain: 'reading again',
  readAgain: 'Read again',
  countFailed: 'The count broke off.',
  nothingSaid: 'nothing has happened here yet',

  how: {
    title: 'How it waits',
    topic: 'Five steps, two minutes',
    lead: 'A chat without sockets: only requests, as for any page. Beside the text is this tab’s own wire; what you do there is real.',
    back: 'Back to the rooms',
    stepsLabel: 'Five steps',
    you: 'you',
    server: 'server',
    noGap: 'no gap',
    after: (cursor: string) => `after ${cursor}`,
    cursor: (cursor: string) => `cursor ${cursor}`,
    ask: {
      title: 'Ask, again and again',
      text: 'Short polling. The page asks “anything new?” every two seconds. Mostly the answer is no, and news waits for the next question: a second, on average.',
      act: 'Try short polling',
    },
    wait: {
      title: 'Ask once, and be kept waiting',
      text: 'Long polling. The server does not say no: it holds the request until there is news, at most 25 seconds. News then travels at once. A stream (SSE) goes one step on: one request, and its answer never ends.',
      act: 'Try long polling',
      field: (room: string) => `Say something in #${room}, and look`,
      send: 'Say it',
      cannot: 'You are reading along here; when somebody speaks, you see it come in.',
    },
    remember: {
      title: 'Say where you were',
      text: 'Each answer ends with a cursor, a bookmark in the log. The next question carries it out. Whatever happened between two questions is still there.',
      act: 'Show the cursor of this tab',
    },
    lose: {
      title: 'Let the line break',
      text: 'A tunnel, a proxy, a closed lid. The page asks again with the same cursor, and a message is sent again under the same id: never lost, never doubled.',
      act: 'Turn on the weather',
      undo: 'Turn the weather off',
    },
    count: {
      title: 'Count',
      text: 'Every room numbers its events 1, 2, 3, without gaps. So the page does not hope that it is complete, it knows. And what the page asks, you can ask from a shell.',
      act: 'Copy the same as curl',
    },
  },

  seconds: (number: string) => `${number} s`,
  milliseconds: (number: string) => `${number} ms`,
  bytes: (number: string, unit: 'B' | 'KB' | 'MB') => `${number} ${unit}`,
}

export type WireWords = typeof words
