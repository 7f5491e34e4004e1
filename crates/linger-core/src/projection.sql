-- The tables that apply makes of the log. Derived: delete the file, and the node
-- makes it again from the log. A change here changes SCHEMA in projection.rs.

-- What this is a projection of, and how far it has come: log_id, applied,
-- last_at_ms.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- People. external_id: how clients of another protocol know them.
CREATE TABLE users (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    role        TEXT NOT NULL,
    external_id TEXT UNIQUE
) STRICT;

-- Who presents a token with this hash is this user.
CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    user_id    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Rooms, with the count of their members now and the number of their latest event.
CREATE TABLE rooms (
    id          INTEGER PRIMARY KEY,
    slug        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    topic       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    members     INTEGER NOT NULL,
    last_number INTEGER NOT NULL
) STRICT;

-- Who was a member of what, from which event to which: both ends included.
CREATE TABLE stays (
    room_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    joined  INTEGER NOT NULL,
    "left"  INTEGER,
    PRIMARY KEY (room_id, user_id, joined)
) STRICT, WITHOUT ROWID;
CREATE INDEX stays_by_user ON stays (user_id, room_id);

-- What happened, as readers are told it. room_id is null outside of rooms.
CREATE TABLE events (
    position   INTEGER PRIMARY KEY,
    room_id    INTEGER,
    is_message INTEGER NOT NULL,
    json       TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_room ON events (room_id, position);
CREATE INDEX messages_by_room ON events (room_id, position) WHERE is_message;

-- Every accepted request, for ever: a repeat is known as a repeat. The digest
-- tells whether a repeat asks for the same.
CREATE TABLE requests (
    author     INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    position   INTEGER NOT NULL,
    digest     BLOB NOT NULL,
    PRIMARY KEY (author, request_id)
) STRICT, WITHOUT ROWID;
