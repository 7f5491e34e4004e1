// Every word that the page says, in English; the type of all languages.
//
// Read through i18n/index.ts. A language is an object with these keys; a
// sentence that varies is a function. A new key is added in every language: the
// compiler and tests/i18n.test.ts ask for it.

export const en = {
  appName: 'Linger',
  lobby: 'Lobby',
  title: (room: string, unread: number) => (unread > 0 ? `(${unread}) ${room} · Linger` : `${room} · Linger`),
  skipToComposer: 'Skip to writing a message',

  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Reconnecting…',
  offline: 'You are offline; Linger will catch up by itself',
  unrecognized: 'The server does not recognize this browser: cookies may be blocked, or a proxy signs in for you',
  upToDateAsOf: (time: string) => `up to date as of ${time}`,

  yourName: 'Your name',
  changeName: (name: string) => `You are ${name}. Change name`,
  save: 'Save',
  cancel: 'Cancel',
  nameSaved: (name: string) => `You are ${name} now`,
  nameTaken: 'Somebody here has this name. Please choose another.',
  nameRefused: 'This name cannot be used. Please choose another.',
  nameTooSoon: 'Too many changes. Please wait a little.',
  nameUnreached: 'The server could not be reached. Please try again.',

  invite: 'Invite',
  copyInvite: 'Copy a link to invite people',
  linkCopied: 'Link copied',
  copyByHand: 'Copy this link:',
  onlyThisComputer: 'This address works on this computer only. For others, open the page by this computer’s name or network address.',

  messagesIn: (room: string) => `Messages in ${room}`,
  loadingMessages: 'Loading messages…',
  loadOlder: 'Show earlier messages',
  loadingOlder: 'Loading…',
  olderFailed: 'Earlier messages could not be loaded. Try again',
  beginning: 'This is where the conversation begins.',
  newMessages: (count: number) => (count === 1 ? '1 new message' : `${count} new messages`),
  toNewest: 'To the newest messages',
  emptyTitle: 'It is quiet here',
  emptyText: 'Say the first word, or bring somebody along.',

  you: 'you',
  server: 'Server',
  messageDeleted: 'This message was deleted.',
  today: 'Today',
  yesterday: 'Yesterday',
  joined: (names: string) => `${names} joined`,
  left: (names: string) => `${names} left`,
  opened: (names: string) => `${names} opened the room`,
  openedByServer: 'The room was opened',
  others: (count: number) => (count === 1 ? '1 other' : `${count} others`),

  sending: 'Sending…',
  keepsTrying: 'Not sent yet; Linger keeps trying',
  notSent: (reason: string) => `Not sent: ${reason}`,
  askToSend: (time: string) => `Written ${time} and not sent yet. Send it now?`,
  refusedForm: 'the server cannot take this text.',
  refusedUnknown: (name: string) => `the server had forgotten you. You are ${name} now.`,
  refusedRights: 'you may not write in this room.',
  refusedRoom: 'this room is gone.',
  refusedOther: 'the server said no.',
  retry: 'Send again',
  send: 'Send',
  discard: 'Discard',

  writeTo: (room: string) => `Message ${room}`,
  sendMessage: 'Send message',
  charactersLeft: (count: number) => (count === 1 ? '1 character left' : `${count} characters left`),
  charactersOver: (count: number) => (count === 1 ? '1 character too long' : `${count} characters too long`),
  readOnly: 'This server takes no guests: you can read along.',
}

export type Words = typeof en
