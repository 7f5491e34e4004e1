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
    Audience, Author, Command, Draft, Entities, Entry, Epoch, Event, EventKind, ExternalId,
    Message, MessageId, News, Outcome, Person, Position, Rejection, RequestId, RoomId, RoomKind,
    RoomThen, Timestamp, TokenHash, UserId, UserName, Vocabulary, queries::Room,
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
    names: BTreeMap<UserId, UserName>,
    external_ids: BTreeSet<ExternalId>,
    tokens: BTreeSet<TokenHash>,
    requests: BTreeMap<(Author, RequestId), (Position, Command)>,
    time: Option<Timestamp>,
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
            Some((first, command)) if *command == draft.command => {
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
        let news = told.as_ref().map(|told| Arc::new(told.news.clone()));
        self.told.extend(told);
        Outcome::Accepted(news)
    }

    /// Returns everything that concerns a user, oldest first.
    pub(super) fn mine(&self, reader: UserId) -> Vec<News> {
        self.told_if(|told| told.witnesses.contains(&reader))
    }

    /// Returns everything that a user, or a visitor, may read in a room, oldest first.
    pub(super) fn in_room(&self, room: RoomId, reader: Option<UserId>) -> Vec<News> {
        let is_open = self.rooms[&room].kind == RoomKind::Open;
        let was_there =
            |told: &Witnessed| reader.is_some_and(|user| told.witnesses.contains(&user));
        self.told_if(|told| told.news.room_id() == Some(room) && (is_open || was_there(told)))
    }

    fn told_if(&self, may_see: impl Fn(&Witnessed) -> bool) -> Vec<News> {
        self.told.iter().filter(|told| may_see(told)).map(|told| told.news.clone()).collect()
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
        if let (Command::OpenRoom { .. }, Author::Server) = (&draft.command, draft.author) {
            return self.open(position, &draft.command, None).map(Some);
        }
        let Author::User(user) = draft.author else {
            return Err(Rejection::NotForTheServer);
        };
        let by = self.person(user).ok_or(Rejection::UserNotFound)?;
        let minds_leaving = draft.vocabulary >= Vocabulary::THIRD;
        match &draft.command {
            Command::CreateGuest { .. } | Command::BeginEpoch { .. } => unreachable!("done above"),
            Command::Erased { .. }
            | Command::ErasedEdit { .. }
            | Command::ErasedFile { .. }
            | Command::ErasedInVain { .. } => unreachable!("nobody asks for it"),
            Command::EditMessage { .. }
            | Command::DeleteMessage { .. }
            | Command::AddReaction { .. }
            | Command::RemoveReaction { .. }
            | Command::PinMessage { .. }
            | Command::UnpinMessage { .. }
            | Command::ChangeRoom { .. }
            | Command::AddFile { .. }
            | Command::DropFile { .. } => unreachable!("not yet"),
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
            Command::SendMessage { room, text, sender_time, .. } => {
                self.must_be_member(*room, user)?;
                let message = Message {
                    id: MessageId::new(position),
                    room: self.rooms[room].slug.clone(),
                    number: self.rooms[room].last_number + 1,
                    at: self.time.expect("it was set"),
                    by: by.clone(),
                    text: Some(text.clone()),
                    entities: Entities::default(),
                    reply_to: None,
                    files: Vec::new(),
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
                let kind = EventKind::MessageSent { message };
                Ok(Some(self.tell(position, *room, Some(by), kind, witnesses)))
            }
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
        Witnessed { news: News::new(event, Audience::Room(room.id)), witnesses }
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
