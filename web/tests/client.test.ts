// Each call of the client, and the request that it makes.
import { expect, it } from 'vitest'
import { createClient } from '../src/api/client'
import type { Client } from '../src/api/client'
import { createFakePlatform } from './fakePlatform'

const calls: [string, string, (client: Client) => Promise<unknown>][] = [
  ['all rooms', 'GET /rooms?limit=100', (client) => client.fetchRooms(100)],
  ['more rooms', 'GET /rooms?after=caf%C3%A9&limit=100', (client) => client.fetchRooms(100, 'café')],
  ['joining', 'PUT /rooms/tea/members/me', (client) => client.joinRoom('tea')],
  ['leaving', 'DELETE /rooms/tea/members/me', (client) => client.leaveRoom('tea')],
  ['members', 'GET /rooms/tea/members?limit=50', (client) => client.fetchMembers('tea', 50)],
  ['more members', 'GET /rooms/tea/members?after=7&limit=50', (client) => client.fetchMembers('tea', 50, 7)],
  ['adding somebody', 'PUT /rooms/tea/members/7', (client) => client.addMember('tea', 7)],
  ['the newest messages', 'GET /rooms/tea/messages?limit=50', (client) => client.fetchHistory('tea', 50)],
  ['older ones', 'GET /rooms/tea/messages?before=7&limit=50', (client) => client.fetchHistory('tea', 50, { before: 7 })],
  ['newer ones', 'GET /rooms/tea/messages?after=7&limit=50', (client) => client.fetchHistory('tea', 50, { after: 7 })],
  [
    'those around a number',
    'GET /rooms/tea/messages?around_number=7&limit=50',
    (client) => client.fetchHistory('tea', 50, { around_number: 7 }),
  ],
  ['an edit', 'PATCH /messages/7', (client) => client.editMessage(7, 'k1', 'one')],
  ['a deletion', 'DELETE /messages/7', (client) => client.deleteMessage(7, 'k1')],
  ['a reaction', 'PUT /messages/7/reactions/%F0%9F%91%8D', (client) => client.react(7, 'k1', '👍', true)],
  ['one taken back', 'DELETE /messages/7/reactions/%F0%9F%91%8D', (client) => client.react(7, 'k1', '👍', false)],
  ['a pin', 'PUT /messages/7/pin', (client) => client.pin(7, 'k1', true)],
  ['no pin', 'DELETE /messages/7/pin', (client) => client.pin(7, 'k1', false)],
  ['what is pinned', 'GET /rooms/tea/pins', (client) => client.fetchPins('tea')],
  ['earlier texts', 'GET /messages/7/versions', (client) => client.fetchVersions(7)],
  ['another topic', 'PATCH /rooms/tea', (client) => client.changeRoom('tea', 'k1', { topic: 'Leaves' })],
  ['events of my rooms', 'GET /events?after=c1&wait=25', (client) => client.fetchFeed({ after: 'c1', holdS: 25, rooms: [] })],
  [
    'events of open rooms, too',
    'GET /events?after=c1&wait=0&rooms=tea,lobby',
    (client) => client.fetchFeed({ after: 'c1', holdS: 0, rooms: ['tea', 'lobby'] }),
  ],
]

it.each(calls)('%s: %s', async (_name, line, call) => {
  const platform = createFakePlatform()
  void call(createClient(platform))
  expect(platform.server.lines()).toEqual([line])
})

it('a room is opened under a key, so that a repeat opens no other', async () => {
  const platform = createFakePlatform()
  void createClient(platform).openRoom({ slug: 'tea', topic: 'green' }, 'k1')
  const { line, body, headers } = platform.server.last()
  expect([line, body, headers.get('Idempotency-Key')]).toEqual(['POST /rooms', { slug: 'tea', topic: 'green' }, 'k1'])
})

it('an answer without a body is one', async () => {
  const platform = createFakePlatform()
  const joining = createClient(platform).joinRoom('tea')
  await platform.server.last().accept()
  await expect(joining).resolves.toBeUndefined()
})
