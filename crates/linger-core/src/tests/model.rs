//! The rules of chat, told a second time, as plainly as possible: a second opinion.
//!
//! The model knows no tables and no intervals of membership. Each event carries
//! the list of those who were there when it happened, and that list is all that
//! decides who sees it. It must not call `apply`, `visibility` or `feed`: the
//! properties compare it with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    Audience, Author, Command, Draft, Entities, Entry, Epoch, Event, EventKind, ExternalId, File,
    FileId, Message, MessageId, MessageText, News, Outcome, Person, Position, Quote, Reaction,
    Rejection, RequestId, RoomId, RoomKind, RoomThen, Timestamp, TokenHash, UserId, UserName,
    Vocabulary, queries::Room,
};

/// Everything that happened, and those who were there.
#[derive(Default)]
pub(super) struct Model {
    pub(super) rooms: BTreeMap<RoomId, Room>,
    pub(super) members: BTreeMap<RoomId, BTreeSet<UserId>>,
    /// The people who ever left each room.
    left: BTreeSet<(RoomId, UserId)>,
    pub(super) epochs: Vec<(Position, Epoch)>,
    told: Vec<Witnessed>,
    /// The messages, as they are now.
    said: BTreeMap<MessageId, Said>,
    files: BTreeMap<FileId, (UserId, File)>,
    openers: BTreeMap<RoomId, UserId>,
    names: BTreeMap<UserId, UserName>,
    external_ids: BTreeSet<ExternalId>,
    tokens: BTreeSet<TokenHash>,
    requests: BTreeMap<(Author, RequestId), (Position, Command)>,
    /// Entries whose payload is gone: nobody knows any more what was asked.
    forgotten: BTreeSet<Position>,
    time: Option<Timestamp>,
}

/// A message, with what was done to it.
#[derive(Clone)]
pub(super) struct Said {
    room: RoomId,
    /// As it is now, without its quote.
    message: Message,
    reply_to: Option<MessageId>,
    /// Its texts, each with the entry that gave it.
    texts: Vec<(Position, Timestamp, MessageText)>,
    witnesses: BTreeSet<UserId>,
}

/// An event, and those who were there.
struct Witnessed {
    news: News,
    witnesses: BTreeSet<UserId>,
}

impl Model {
    /// Does what an entry asks for.
    pub(super) fn apply(&mut self, entry: &Entry) -> Outcome {
        let Entry { position, draft } = entry;
        let is_ahead = |last: &Timestamp| last.as_ms() > draft.at.as_ms() + 5000;
        self.time = match self.time {
            Some(last) if draft.vocabulary != Vocabulary::FIRST && is_ahead(&last) => {
                Some(draft.at)
            }
            last => last.max(Some(draft.at)),
        };
        let request = draft.request.as_ref().map(|request| (draft.author, request.id.clone()));
        match request.as_ref().and_then(|request| self.requests.get(request)) {
            Some((first, command))
                if *command == draft.command || self.forgotten.contains(first) =>
            {
                return Outcome::Repeated { first: *first };
            }
            Some(_) => return Outcome::Rejected(Rejection::RequestIdReused),
            None => {}
        }
        let told = match self.decide(*position, draft) {
            Ok(told) => told,
            Err(rejection) => return Outcome::Rejected(rejection),
        };
        if let Some(request) = request {
            self.requests.insert(request, (*position, draft.command.clone()));
        }
        if told.is_none() && matches!(draft.command, Command::EditMessage { .. }) {
            self.forgotten.insert(*position);
        }
        let news = told.as_ref().map(|told| Arc::new(told.news.clone()));
        self.told.extend(told);
        Outcome::Accepted(news)
    }

    /// Returns the messages that were sent, in order.
    pub(super) fn messages(&self) -> impl DoubleEndedIterator<Item = MessageId> {
        self.said.keys().copied()
    }

    /// Returns the messages that are deleted.
    pub(super) fn deleted(&self) -> impl Iterator<Item = MessageId> {
        let deleted = self.said.values().filter(|said| said.message.deleted);
        deleted.map(|said| said.message.id)
    }

    /// Returns the files that were added, in order.
    pub(super) fn files(&self) -> impl DoubleEndedIterator<Item = FileId> {
        self.files.keys().copied()
    }

    /// Returns the room of a message.
    pub(super) fn room_of(&self, id: MessageId) -> Option<RoomId> {
        self.said.get(&id).map(|said| said.room)
    }

    /// Returns everything that concerns a user, oldest first.
    pub(super) fn mine(&self, reader: UserId) -> Vec<News> {
        self.told_if(Some(reader), |told| told.witnesses.contains(&reader))
    }

    /// Returns everything that a user, or a visitor, may read in a room, oldest first.
    pub(super) fn in_room(&self, room: RoomId, reader: Option<UserId>) -> Vec<News> {
        let is_open = self.rooms[&room].kind == RoomKind::Open;
        let was_there =
            |told: &Witnessed| reader.is_some_and(|user| told.witnesses.contains(&user));
        self.told_if(reader, |told| {
            told.news.room_id() == Some(room) && (is_open || was_there(told))
        })
    }

    fn told_if(&self, reader: Option<UserId>, may_see: impl Fn(&Witnessed) -> bool) -> Vec<News> {
        let seen = self.told.iter().filter(|told| may_see(told));
        seen.map(|told| self.as_seen(&told.news, reader)).collect()
    }

    /// Returns an event without what it shows of messages that are not the reader's to see, or
    /// that are deleted.
    fn as_seen(&self, news: &News, reader: Option<UserId>) -> News {
        let mut event = news.event.clone();
        let mut is_changed = false;
        let mut is_narrow = false;
        if let EventKind::MessageSent { message } | EventKind::MessageEdited { message } =
            &mut event.kind
        {
            let said = &self.said[&message.id];
            let is_closed = self.rooms[&said.room].kind == RoomKind::Closed;
            let is_edit = news.event.kind.name() == "message_edited";
            if said.message.deleted {
                *message = bare(message, true);
                is_changed = true;
            } else if is_edit && !self.is_seen(message.id, reader) {
                *message = bare(message, false);
                is_changed = true;
            } else if let Some(quote) = &mut message.reply_to {
                is_changed = true;
                match self.is_seen(quote.id, reader) {
                    true if self.said[&quote.id].message.deleted => {
                        (quote.text, quote.deleted) = (None, true);
                    }
                    true => {}
                    false => {
                        let id = quote.id;
                        *quote = Quote { id, number: None, by: None, text: None, deleted: false };
                    }
                }
            }
            is_narrow = is_closed && (is_edit || message.reply_to.is_some());
        }
        match is_changed {
            true => News { is_narrow, ..News::new(event, news.audience.clone()) },
            false => News { is_narrow, ..news.clone() },
        }
    }

    fn is_seen(&self, id: MessageId, reader: Option<UserId>) -> bool {
        let said = &self.said[&id];
        self.rooms[&said.room].kind == RoomKind::Open
            || reader.is_some_and(|reader| said.witnesses.contains(&reader))
    }

    /// Returns what was said in a room and is the reader's to see: as it is now, or was when
    /// they left a closed room.
    pub(super) fn history(&self, room: RoomId, reader: Option<UserId>) -> Vec<News> {
        let is_open = self.rooms[&room].kind == RoomKind::Open;
        let is_in = is_open || reader.is_some_and(|reader| self.is_member(room, reader));
        let witnessed = |told: &&Witnessed| {
            told.news.room_id() == Some(room)
                && reader.is_some_and(|reader| told.witnesses.contains(&reader))
        };
        let last = self.told.iter().rfind(witnessed);
        let until = match is_in {
            true => Position::MAX,
            false => last.map_or(Position::START, |told| told.news.position()),
        };
        let seen = self.said.values().filter(|said| said.room == room);
        let seen = seen.filter(|said| self.is_seen(said.message.id, reader));
        seen.map(|said| self.as_of(said, until, reader)).collect()
    }

    fn as_of(&self, said: &Said, until: Position, reader: Option<UserId>) -> News {
        let mut message = said.message.clone();
        if until != Position::MAX {
            (message.reactions, message.pinned) = (Vec::new(), false);
        }
        if !message.deleted {
            let text = said.texts.iter().rfind(|(position, ..)| *position <= until);
            let (position, at, text) = text.expect("it was said by then");
            message.text = Some(text.clone());
            message.edited_at = (*position != message.id.position()).then_some(*at);
            message.reply_to = said.reply_to.map(|id| match self.is_seen(id, reader) {
                true => self.quote(id, until),
                false => Quote { id, number: None, by: None, text: None, deleted: false },
            });
        }
        let event = Event {
            position: message.id.position(),
            number: Some(message.number),
            room: Some(message.room.clone()),
            at: message.at,
            by: Some(message.by.clone()),
            kind: EventKind::MessageSent { message },
        };
        News::new(event, Audience::Room(said.room))
    }

    /// Returns a quote of a message with its text of a moment.
    fn quote(&self, id: MessageId, until: Position) -> Quote {
        let Said { message, texts, .. } = &self.said[&id];
        let text = texts.iter().rfind(|(position, ..)| *position <= until);
        let text = text.filter(|_| !message.deleted).map(|(_, _, text)| text.to_string());
        let (number, by) = (Some(message.number), Some(message.by.clone()));
        Quote { id, number, by, deleted: text.is_none(), text }
    }

    fn decide(
        &mut self,
        position: Position,
        draft: &Draft,
    ) -> Result<Option<Witnessed>, Rejection> {
        if let Command::CreateGuest { name, token_hash, external_id } = &draft.command {
            if draft.author != Author::Server {
                return Err(Rejection::NotForUsers);
            }
            if external_id.as_ref().is_some_and(|id| self.external_ids.contains(id)) {
                return Err(Rejection::ExternalIdTaken);
            }
            if token_hash.is_some_and(|hash| self.tokens.contains(&hash)) {
                return Err(Rejection::TokenTaken);
            }
            self.external_ids.extend(external_id.clone());
            self.tokens.extend(*token_hash);
            self.names.insert(UserId::new(position), name.clone());
            return Ok(None);
        }
        if let Command::BeginEpoch { epoch } = &draft.command {
            if draft.author != Author::Server {
                return Err(Rejection::NotForUsers);
            }
            self.epochs.push((position, *epoch));
            return Ok(None);
        }
        if let Command::DropFile { file } = &draft.command {
            if draft.author != Author::Server {
                return Err(Rejection::NotForUsers);
            }
            self.drop_unless_used(*file);
            return Ok(None);
        }
        if let (Command::OpenRoom { .. }, Author::Server) = (&draft.command, draft.author) {
            return self.open(position, &draft.command, None).map(Some);
        }
        let Author::User(user) = draft.author else {
            return Err(Rejection::NotForTheServer);
        };
        let by = self.person(user).ok_or(Rejection::UserNotFound)?;
        let minds_leaving = draft.vocabulary >= Vocabulary::THIRD;
        match &draft.command {
            Command::CreateGuest { .. } | Command::BeginEpoch { .. } | Command::DropFile { .. } => {
                unreachable!("done above")
            }
            Command::Erased { .. }
            | Command::ErasedEdit { .. }
            | Command::ErasedFile { .. }
            | Command::ErasedInVain { .. } => unreachable!("nobody asks for it"),
            Command::EditMessage { .. }
            | Command::DeleteMessage { .. }
            | Command::AddReaction { .. }
            | Command::RemoveReaction { .. }
            | Command::PinMessage { .. }
            | Command::UnpinMessage { .. } => self.change(position, &draft.command, by),
            Command::ChangeRoom { room, name, topic } => {
                let kind = self.kind(*room).ok_or(Rejection::RoomNotFound)?;
                if kind == RoomKind::Closed && !self.is_member(*room, user) {
                    return Err(Rejection::RoomNotFound);
                }
                if self.openers.get(room) != Some(&user) {
                    return Err(Rejection::NotTheOpener);
                }
                let known = self.rooms.get_mut(room).expect("it is there");
                let before = known.clone();
                known.name = name.clone().unwrap_or(known.name.clone());
                known.topic = topic.clone().unwrap_or(known.topic.clone());
                if *known == before {
                    return Ok(None);
                }
                let witnesses = self.members[room].clone();
                let members = witnesses.len() as u64;
                let Room { id, name, topic, kind, .. } = known.clone();
                let changed = RoomThen { id, name, topic, kind, members };
                let kind = EventKind::RoomChanged { changed };
                Ok(Some(self.tell(position, *room, Some(by), kind, witnesses)))
            }
            Command::AddFile { name, kind, size, width, height, thumbnail, hash: _ } => {
                let id = FileId::new(position);
                let (name, kind, size) = (name.clone(), kind.clone(), *size);
                let (width, height, thumbnail) = (*width, *height, *thumbnail);
                let file = File { id, name, kind, size, width, height, thumbnail };
                self.files.insert(id, (user, file));
                Ok(None)
            }
            Command::OpenRoom { .. } => self.open(position, &draft.command, Some(by)).map(Some),
            Command::RenameUser { name } if *name == by.name => Ok(None),
            Command::RenameUser { name } => {
                let old_name = by.name;
                self.names.insert(user, name.clone());
                let by = Person { id: user, name: name.clone() };
                let mut witnesses = BTreeSet::from([user]);
                for members in self.members.values().filter(|members| members.contains(&user)) {
                    witnesses.extend(members);
                }
                let at = self.time.expect("it was set");
                let kind = EventKind::UserRenamed { old_name };
                let event = Event { position, number: None, room: None, at, by: Some(by), kind };
                let is_in = |room: &RoomId| self.members[room].contains(&user);
                let rooms = self.members.keys().copied().filter(is_in).collect();
                let audience = Audience::RoomMates { of: user, rooms };
                Ok(Some(Witnessed { news: News::new(event, audience), witnesses }))
            }
            Command::JoinRoom { room } if self.is_member(*room, user) => Ok(None),
            Command::JoinRoom { room } => match self.kind(*room) {
                Some(RoomKind::Open) => Ok(Some(self.admit(position, *room, by.clone(), by))),
                Some(RoomKind::Closed) if minds_leaving && self.left.contains(&(*room, user)) => {
                    Ok(Some(self.admit(position, *room, by.clone(), by)))
                }
                _ => Err(Rejection::RoomNotFound),
            },
            Command::AddMember { room, user: added } => {
                self.must_be_member(*room, user)?;
                let added = self.person(*added).ok_or(Rejection::UserNotFound)?;
                if self.is_member(*room, added.id) {
                    return Ok(None);
                }
                let is_closed = self.kind(*room) == Some(RoomKind::Closed);
                if is_closed && minds_leaving && self.left.contains(&(*room, added.id)) {
                    return Err(Rejection::LeftBefore);
                }
                Ok(Some(self.admit(position, *room, added, by)))
            }
            Command::LeaveRoom { room } => {
                if !self.is_member(*room, user) {
                    return match self.kind(*room) {
                        Some(RoomKind::Open) => Ok(None),
                        _ => Err(Rejection::RoomNotFound),
                    };
                }
                let witnesses = self.members[room].clone();
                self.members.get_mut(room).expect("it is there").remove(&user);
                self.left.insert((*room, user));
                let kind = EventKind::MemberLeft { member: by.clone() };
                Ok(Some(self.tell(position, *room, Some(by), kind, witnesses)))
            }
            Command::SendMessage { room, text, sender_time, entities, reply_to, files } => {
                self.must_be_member(*room, user)?;
                if let Some(id) = reply_to {
                    let other = self.said.get(id).map(|said| said.room);
                    if other != Some(*room) || !self.is_seen(*id, Some(user)) {
                        return Err(Rejection::MessageNotFound);
                    }
                }
                let mut shown = Vec::new();
                for id in files {
                    let own = self.files.get(id).filter(|(owner, _)| *owner == user);
                    let (_, file) = own.ok_or(Rejection::FileNotFound)?;
                    if shown.contains(file) {
                        return Err(Rejection::FileNotFound);
                    }
                    shown.push(file.clone());
                }
                let message = Message {
                    id: MessageId::new(position),
                    room: self.rooms[room].slug.clone(),
                    number: self.rooms[room].last_number + 1,
                    at: self.time.expect("it was set"),
                    by: by.clone(),
                    text: Some(text.clone()),
                    entities: entities.clone(),
                    reply_to: None,
                    files: shown,
                    edited_at: None,
                    reactions: Vec::new(),
                    pinned: false,
                    sender_time: sender_time.clone(),
                    deleted: false,
                    request_id: match &draft.request {
                        Some(request) if draft.vocabulary != Vocabulary::FIRST => {
                            Some(request.id.clone())
                        }
                        _ => None,
                    },
                };
                let witnesses = self.members[room].clone();
                let said = Said {
                    room: *room,
                    message: message.clone(),
                    reply_to: *reply_to,
                    texts: vec![(position, message.at, text.clone())],
                    witnesses: witnesses.clone(),
                };
                let reply_to = reply_to.map(|id| self.quote(id, position));
                self.said.insert(message.id, said);
                let kind = EventKind::MessageSent { message: Message { reply_to, ..message } };
                Ok(Some(self.tell(position, *room, Some(by), kind, witnesses)))
            }
        }
    }

    /// Does something to a message.
    fn change(
        &mut self,
        position: Position,
        command: &Command,
        by: Person,
    ) -> Result<Option<Witnessed>, Rejection> {
        use Command::{
            AddReaction, DeleteMessage, EditMessage, PinMessage, RemoveReaction, UnpinMessage,
        };
        let (EditMessage { message: id, .. }
        | DeleteMessage { message: id }
        | AddReaction { message: id, .. }
        | RemoveReaction { message: id, .. }
        | PinMessage { message: id }
        | UnpinMessage { message: id }) = command
        else {
            panic!("{command:?} changes no message");
        };
        let id = *id;
        let known = self.said.contains_key(&id) && self.is_seen(id, Some(by.id));
        let room = known.then(|| self.said[&id].room).ok_or(Rejection::MessageNotFound)?;
        let is_own = self.said[&id].message.by.id == by.id;
        if matches!(command, EditMessage { .. } | DeleteMessage { .. }) && !is_own {
            return Err(Rejection::NotTheAuthor);
        }
        if !matches!(command, DeleteMessage { .. }) {
            self.must_be_member(room, by.id)?;
        }
        let at = self.time.expect("it was set");
        let Said { message, texts, .. } = self.said.get_mut(&id).expect("it is there");
        let is_deleted = message.deleted;
        let must_be_there = if is_deleted { Err(Rejection::MessageDeleted) } else { Ok(()) };
        let group =
            |message: &Message, emoji| message.reactions.iter().position(|it| it.emoji == emoji);
        let kind = match command.clone() {
            EditMessage { text, entities, .. } => {
                must_be_there?;
                if message.text.as_ref() == Some(&text) && message.entities == entities {
                    return Ok(None);
                }
                texts.push((position, at, text.clone()));
                (message.text, message.entities) = (Some(text), entities);
                message.edited_at = Some(at);
                let reply_to = self.said[&id].reply_to.map(|id| self.quote(id, position));
                EventKind::MessageEdited {
                    message: Message { reply_to, ..self.said[&id].message.clone() },
                }
            }
            DeleteMessage { .. } if is_deleted => return Ok(None),
            DeleteMessage { .. } => {
                let files = std::mem::take(&mut message.files);
                *message = bare(message, true);
                self.forgotten.extend(texts.drain(..).map(|(position, ..)| position));
                let message = message.clone();
                files.iter().for_each(|file| self.drop_unless_used(file.id));
                EventKind::MessageDeleted { message }
            }
            AddReaction { emoji, .. } => {
                must_be_there?;
                let place = match group(message, emoji.clone()) {
                    Some(place) => place,
                    None if message.reactions.len() == 20 => {
                        return Err(Rejection::TooManyReactions);
                    }
                    None => {
                        message.reactions.push(Reaction { emoji: emoji.clone(), by: Vec::new() });
                        message.reactions.len() - 1
                    }
                };
                if message.reactions[place].by.iter().any(|person| person.id == by.id) {
                    return Ok(None);
                }
                message.reactions[place].by.push(by.clone());
                EventKind::ReactionAdded { message_id: id, emoji }
            }
            RemoveReaction { emoji, .. } => {
                let Some(place) = group(message, emoji.clone()) else { return Ok(None) };
                let people = &mut message.reactions[place].by;
                let Some(person) = people.iter().position(|it| it.id == by.id) else {
                    return Ok(None);
                };
                people.remove(person);
                if people.is_empty() {
                    message.reactions.remove(place);
                }
                EventKind::ReactionRemoved { message_id: id, emoji }
            }
            PinMessage { .. } => {
                must_be_there?;
                if std::mem::replace(&mut message.pinned, true) {
                    return Ok(None);
                }
                EventKind::MessagePinned { message_id: id }
            }
            UnpinMessage { .. } => {
                if !std::mem::replace(&mut message.pinned, false) {
                    return Ok(None);
                }
                EventKind::MessageUnpinned { message_id: id }
            }
            _ => unreachable!("it changes a message"),
        };
        let witnesses = self.members[&room].clone();
        Ok(Some(self.tell(position, room, Some(by), kind, witnesses)))
    }

    fn drop_unless_used(&mut self, file: FileId) {
        let has_it = |said: &Said| said.message.files.iter().any(|it| it.id == file);
        if !self.said.values().any(has_it) && self.files.remove(&file).is_some() {
            self.forgotten.insert(file.position());
        }
    }

    fn open(
        &mut self,
        position: Position,
        command: &Command,
        by: Option<Person>,
    ) -> Result<Witnessed, Rejection> {
        let Command::OpenRoom { slug, name, topic, kind } = command.clone() else {
            panic!("{command:?} opens no room");
        };
        if self.rooms.values().any(|room| room.slug == slug) {
            return Err(Rejection::SlugTaken);
        }
        let id = RoomId::new(position);
        let witnesses: BTreeSet<UserId> = by.iter().map(|by| by.id).collect();
        self.openers.extend(by.iter().map(|by| (id, by.id)));
        self.members.insert(id, witnesses.clone());
        let members = witnesses.len() as u64;
        let opened = RoomThen { id, name: name.clone(), topic: topic.clone(), kind, members };
        self.rooms.insert(id, Room { id, slug, name, topic, kind, members: 0, last_number: 0 });
        Ok(self.tell(position, id, by, EventKind::RoomOpened { opened }, witnesses))
    }

    fn admit(&mut self, position: Position, room: RoomId, member: Person, by: Person) -> Witnessed {
        self.members.get_mut(&room).expect("it is there").insert(member.id);
        let witnesses = self.members[&room].clone();
        let Room { id, name, topic, kind, .. } = self.rooms[&room].clone();
        let entered = RoomThen { id, name, topic, kind, members: witnesses.len() as u64 };
        self.tell(position, room, Some(by), EventKind::MemberJoined { member, entered }, witnesses)
    }

    fn tell(
        &mut self,
        position: Position,
        room: RoomId,
        by: Option<Person>,
        kind: EventKind,
        witnesses: BTreeSet<UserId>,
    ) -> Witnessed {
        let members = self.members[&room].len() as u64;
        let is_narrow = self.is_narrow(room, &kind);
        let about = match &kind {
            EventKind::ReactionAdded { message_id, .. }
            | EventKind::ReactionRemoved { message_id, .. }
            | EventKind::MessagePinned { message_id }
            | EventKind::MessageUnpinned { message_id } => {
                Some(self.said[message_id].message.number)
            }
            _ => None,
        };
        let room = self.rooms.get_mut(&room).expect("it is there");
        room.members = members;
        room.last_number += 1;
        let event = Event {
            position,
            number: Some(room.last_number),
            room: Some(room.slug.clone()),
            at: self.time.expect("it was set"),
            by,
            kind,
        };
        let news = News { is_narrow, about, ..News::new(event, Audience::Room(room.id)) };
        Witnessed { news, witnesses }
    }

    /// Tells whether a quote or an edit is among what an event shows, in a closed room.
    fn is_narrow(&self, room: RoomId, kind: &EventKind) -> bool {
        let shows_others = match kind {
            EventKind::MessageSent { message } => message.reply_to.is_some(),
            EventKind::MessageEdited { .. } => true,
            _ => false,
        };
        shows_others && self.rooms[&room].kind == RoomKind::Closed
    }

    fn person(&self, id: UserId) -> Option<Person> {
        self.names.get(&id).map(|name| Person { id, name: name.clone() })
    }

    fn kind(&self, room: RoomId) -> Option<RoomKind> {
        self.rooms.get(&room).map(|room| room.kind)
    }

    fn is_member(&self, room: RoomId, user: UserId) -> bool {
        self.members.get(&room).is_some_and(|members| members.contains(&user))
    }

    fn must_be_member(&self, room: RoomId, user: UserId) -> Result<(), Rejection> {
        match (self.is_member(room, user), self.kind(room)) {
            (true, _) => Ok(()),
            (false, Some(RoomKind::Open)) => Err(Rejection::NotAMember),
            (false, _) => Err(Rejection::RoomNotFound),
        }
    }
}

/// A message without all that was said: deleted, or not to be seen.
fn bare(message: &Message, deleted: bool) -> Message {
    Message {
        text: None,
        entities: Entities::default(),
        reply_to: None,
        files: Vec::new(),
        sender_time: None,
        edited_at: None,
        reactions: Vec::new(),
        pinned: false,
        deleted,
        ..message.clone()
    }
}
