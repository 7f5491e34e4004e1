-- The tables that apply makes from the log. Derived: the node makes the file again
-- from the log whenever it has to. A change here changes SCHEMA in projection.rs.
--
-- All rows that are served have a checksum, in the column "sum": it is
-- written with the row, and compared whenever the row is read (sum.rs).

-- The log of this projection, and how far the projection has come: log_id, applied,
-- last_at_ms.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL,
    sum   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The running hash (running.rs): as of now in row 0, and in the others as it was at their
-- position. rules: the highest rules that an entry up to there went by.
CREATE TABLE running (
    position INTEGER PRIMARY KEY,
    hash     INTEGER NOT NULL,
    rules    INTEGER NOT NULL,
    sum      INTEGER NOT NULL
) STRICT;

-- The epochs of the log: their first position, and their random value.
CREATE TABLE epochs (
    position INTEGER PRIMARY KEY,
    epoch    TEXT NOT NULL,
    sum      INTEGER NOT NULL
) STRICT;

-- People. external_id: their id for clients of another protocol.
CREATE TABLE users (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    role        TEXT NOT NULL,
    external_id TEXT UNIQUE,
    sum         INTEGER NOT NULL
) STRICT;
CREATE INDEX users_by_name ON users (name);

-- Sessions: a caller who presents a token with this hash is this user.
CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    sum        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Rooms, with the count of their members now and the number of their latest event.
CREATE TABLE rooms (
    id          INTEGER PRIMARY KEY,
    slug        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    topic       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    members     INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    sum         INTEGER NOT NULL
) STRICT;
CREATE INDEX open_rooms ON rooms (kind) WHERE kind = 'open';

-- Memberships that last, with the event that began them, that one included.
CREATE TABLE members (
    room_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    joined  INTEGER NOT NULL,
    sum     INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id, room_id);

-- Past memberships, from one event to another: both ends included.
CREATE TABLE past_stays (
    user_id INTEGER NOT NULL,
    room_id INTEGER NOT NULL,
    joined  INTEGER NOT NULL,
    "left"  INTEGER NOT NULL,
    sum     INTEGER NOT NULL,
    PRIMARY KEY (user_id, room_id, joined)
) STRICT, WITHOUT ROWID;
CREATE INDEX past_stays_by_end ON past_stays (user_id, "left");

-- Events, as readers get them, with their audience: audience is 'room', 'person' or
-- 'room_mates', audience_id the room's or the person's id, and audience_rooms the
-- rooms of those who share one. number is there in rooms only.
CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    kind           TEXT NOT NULL,
    audience       TEXT NOT NULL,
    audience_id    INTEGER NOT NULL,
    audience_rooms TEXT,
    number         INTEGER,
    json           TEXT NOT NULL,
    sum            INTEGER NOT NULL
) STRICT;
CREATE INDEX events_outside ON events (position) WHERE audience <> 'room';

-- Messages, as they are now; position is that of the event that sent it. text is NULL
-- once it is erased. files: ids, joined by commas. edited: the edit that made the text;
-- pinned: the pinning. reactions: how many different emoji. shows_request: whether readers
-- see the request id.
CREATE TABLE messages (
    position      INTEGER PRIMARY KEY,
    room_id       INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    at_ms         INTEGER NOT NULL,
    author        INTEGER NOT NULL,
    author_name   TEXT NOT NULL,
    sender_time   TEXT,
    request_id    TEXT,
    shows_request INTEGER NOT NULL,
    reply_to      INTEGER,
    text          TEXT,
    entities      TEXT,
    files         TEXT,
    edited        INTEGER,
    edited_at_ms  INTEGER,
    deleted       INTEGER NOT NULL,
    pinned        INTEGER,
    reactions     INTEGER NOT NULL,
    sum           INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_by_room ON messages (room_id, position);
CREATE INDEX pinned_messages ON messages (room_id, pinned) WHERE pinned IS NOT NULL;

-- The earlier texts of messages, under the edit that ended each. at_ms: when the text was
-- said; request_id: that of the edit.
CREATE TABLE versions (
    ended      INTEGER PRIMARY KEY,
    message    INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    request_id TEXT,
    text       TEXT,
    entities   TEXT,
    sum        INTEGER NOT NULL
) STRICT;
CREATE INDEX versions_by_message ON versions (message, ended);

-- Answers to messages by emoji. began: when the emoji came first, of those that are there.
CREATE TABLE reactions (
    message   INTEGER NOT NULL,
    emoji     TEXT NOT NULL,
    user_id   INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    began     INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    sum       INTEGER NOT NULL,
    PRIMARY KEY (message, emoji, user_id)
) STRICT, WITHOUT ROWID;

-- Files that were added; what described one is NULL once it is erased.
CREATE TABLE files (
    id         INTEGER PRIMARY KEY,
    owner      INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    request_id TEXT,
    name       TEXT,
    kind       TEXT,
    size       INTEGER,
    hash       BLOB,
    width      INTEGER,
    height     INTEGER,
    thumbnail  INTEGER NOT NULL,
    messages   INTEGER NOT NULL,
    sum        INTEGER NOT NULL
) STRICT;
CREATE INDEX files_by_hash ON files (hash);
CREATE INDEX files_without_message ON files (id) WHERE messages = 0;

-- The messages that have a file.
CREATE TABLE message_files (
    file    INTEGER NOT NULL,
    message INTEGER NOT NULL,
    sum     INTEGER NOT NULL,
    PRIMARY KEY (file, message)
) STRICT, WITHOUT ROWID;

-- Entries of the log whose payload is to be erased, under the entry that asks for it:
-- under themselves if they changed nothing, and then with the rejection, if there was one.
CREATE TABLE erasures (
    cause     INTEGER NOT NULL,
    entry     INTEGER NOT NULL,
    rejection TEXT,
    sum       INTEGER NOT NULL,
    PRIMARY KEY (cause, entry)
) STRICT, WITHOUT ROWID;

-- One row for each room and each person that an event concerns; numbered: whether
-- it is an event of that room.
CREATE TABLE concerns (
    place    INTEGER NOT NULL,
    numbered INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (place, numbered, position)
) STRICT, WITHOUT ROWID;

-- Every accepted request that its author named, for ever, so that a repeat is known as
-- one. The salted digest tells whether its content is the same. Without a salt it is
-- that of the first vocabulary; without a digest the request is erased.
CREATE TABLE requests (
    author     INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    position   INTEGER NOT NULL,
    salt       BLOB,
    digest     BLOB,
    sum        INTEGER NOT NULL,
    PRIMARY KEY (author, request_id)
) STRICT, WITHOUT ROWID;
