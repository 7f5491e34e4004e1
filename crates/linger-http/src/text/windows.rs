//! Windows: the newest messages of the rooms that somebody reads just now, in memory.
//!
//! A page at the end of a wait shows more than the news, and a stream begins with the
//! newest messages; both are made on a shard's thread, which must not read the tables.
//! So an errand reads them once, and from then on a window goes on with what happens
//! ([`Windows::now`]). A window that cannot is forgotten, and read anew. Bounded in bytes.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use linger_core::{
    Cursor, EventKind, News, RoomId, RoomKind, UserId,
    queries::{Passage, Room},
};
use linger_node::{After, Asker, Node, RoomRef, Wait, questions::Conversed};

/// Bytes of JSON in all windows: some dozen of the largest, or thousands of usual ones.
const BYTES_MAX: usize = 8 << 20;
/// Events that a window takes in at once.
const STEP: usize = 200;

/// The windows of all rooms.
#[derive(Debug, Default)]
pub(super) struct Windows(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    windows: HashMap<Place, Window>,
    /// Counts the uses of windows, to know the one that nobody has used for longest.
    turn: u64,
}

/// A room, as one reader sees it; of an open room all see the same.
type Place = (RoomId, Option<UserId>);

/// The newest messages of a room.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) messages: VecDeque<Arc<News>>,
    /// Whether there are older ones.
    pub(super) more: bool,
    pub(super) room: Option<Room>,
    /// The events after it are not in here.
    pub(super) cursor: Cursor,
    messages_max: usize,
    used: u64,
}

impl Windows {
    /// Returns the newest messages as of now, if a window has them.
    pub(super) fn now(
        &self,
        node: &Node,
        room: &RoomRef,
        reader: Option<UserId>,
    ) -> Option<Window> {
        let mut known = self.0.lock().expect("no holder of this lock panics");
        known.turn += 1;
        let (place, turn) = ((room.id, reader), known.turn);
        let window = known.windows.get_mut(&place)?;
        if window.go_on(node, room, reader).is_none() {
            known.windows.remove(&place);
            return None;
        }
        window.used = turn;
        Some(window.clone())
    }

    /// Keeps what was read just now, in the place of windows that nobody has used for long.
    pub(super) fn keep(&self, place: Place, read: Conversed, messages_max: usize) {
        let Conversed { passage: Passage { messages, more, .. }, room, cursor } = read;
        let messages = messages.into_iter().map(Arc::new).collect();
        let mut known = self.0.lock().expect("no holder of this lock panics");
        known.turn += 1;
        let used = known.turn;
        let window = Window { messages, more, room, cursor, messages_max, used };
        known.windows.insert(place, window);
        let mut bytes: usize = known.windows.values().map(Window::bytes).sum();
        while bytes > BYTES_MAX && known.windows.len() > 1 {
            let oldest = known.windows.iter().min_by_key(|(_, window)| window.used);
            let oldest = *oldest.expect("there are some").0;
            bytes -= known.windows.remove(&oldest).expect("it is there").bytes();
        }
    }
}

impl Window {
    /// Takes in what happened since. None: that is not known here, or is nothing that a
    /// window could take in.
    fn go_on(&mut self, node: &Node, room: &RoomRef, reader: Option<UserId>) -> Option<()> {
        loop {
            let (scope, after) = (room.scope(), After::Cursor(self.cursor));
            let wait = Wait { asker: Asker::House, reader, scope, after, limit: STEP };
            let page = node.non_blocking().glance(&wait)?.page;
            if page.reset.is_some() {
                return None;
            }
            let is_all = page.news.len() < STEP;
            for news in page.news {
                self.take(news, room.kind)?;
            }
            self.cursor = page.cursor;
            if is_all {
                return Some(());
            }
        }
    }

    fn take(&mut self, news: Arc<News>, kind: RoomKind) -> Option<()> {
        // In a closed room people come and go with what they may see.
        match (&news.event.kind, kind, &mut self.room) {
            (EventKind::MessageSent { .. }, ..) => {}
            (EventKind::MemberJoined { entered, .. }, RoomKind::Open, Some(room)) => {
                room.members = entered.members;
            }
            (EventKind::MemberLeft { .. }, RoomKind::Open, Some(room)) => {
                room.members = room.members.saturating_sub(1);
            }
            _ => return None,
        }
        if let (Some(room), Some(number)) = (&mut self.room, news.event.number) {
            room.last_number = number;
        }
        if news.message().is_some() {
            self.messages.push_back(news);
        }
        while self.messages.len() > self.messages_max {
            self.messages.pop_front();
            self.more = true;
        }
        Some(())
    }

    fn bytes(&self) -> usize {
        self.messages.iter().map(|news| news.json.len() + size_of::<News>()).sum()
    }
}
