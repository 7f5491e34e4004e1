//! The newest events, with an index of the places that they concern: rooms and
//! people, as the table `concerns` has them.
//!
//! A look walks through the few events that came since the last one, or, when those
//! are many, asks the index for each range of the reader, if that takes fewer
//! lookups. It returns how many it took. Everything held is weighed, the index too.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    sync::Arc,
};

use linger_core::{
    Audience, MessageId, News, Position, RoomId, RoomKind,
    visibility::{Range, Scope, Stays, can_see, ranges},
};

use super::Found;

/// The newest events.
#[derive(Default)]
pub(super) struct Recent {
    news: VecDeque<Arc<News>>,
    /// How many were forgotten: the serial number of the first in `news`.
    first: u64,
    /// The events that concern a place, by whether they have a number there.
    places: HashMap<(Position, bool), VecDeque<Mark>>,
    bytes: usize,
}

/// An event in the index: its serial number and its position.
#[derive(Debug, Clone, Copy)]
struct Mark {
    serial: u64,
    position: Position,
}

/// How a look is done, and the lookups that it takes to find where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Go through all events since then.
    Walk(usize),
    /// Ask the index.
    Merge(usize),
}

impl Way {
    /// Returns how many lookups it takes.
    pub(super) fn lookups(self) -> usize {
        match self {
            Way::Walk(lookups) | Way::Merge(lookups) => lookups,
        }
    }
}

/// About the memory of an entry of the index, and of its place.
const PLACE_BYTES: usize = 56;

impl Recent {
    /// Adds the newest event. Returns how many lookups that took.
    pub(super) fn push(&mut self, news: Arc<News>) -> usize {
        let serial = self.first + self.news.len() as u64;
        let mark = Mark { serial, position: news.position() };
        for place in places(&news) {
            self.places.entry(place).or_default().push_back(mark);
        }
        self.bytes += weight(&news);
        let lookups = places_len(&news);
        self.news.push_back(news);
        lookups
    }

    /// Forgets the text of a deleted message of a room, wherever it stands. Returns how many
    /// lookups that took.
    pub(super) fn forget_text(&mut self, room: RoomId, deleted: MessageId) -> usize {
        let Some(marks) = self.places.get(&(room.position(), true)) else { return 0 };
        for mark in marks {
            let news = &mut self.news[(mark.serial - self.first) as usize];
            if let Some(without) = news.without_text_of(deleted) {
                self.bytes = self.bytes + weight(&without) - weight(news);
                *news = Arc::new(without);
            }
        }
        marks.len()
    }

    /// Forgets the oldest event, if there are more of them than this, or if they
    /// weigh more.
    pub(super) fn pop_over(&mut self, events_max: usize, bytes_max: usize) -> Option<Arc<News>> {
        if self.news.len() <= events_max && self.bytes <= bytes_max {
            return None;
        }
        let oldest = self.news.pop_front()?;
        self.first += 1;
        self.bytes -= weight(&oldest);
        for place in places(&oldest) {
            let marks = self.places.get_mut(&place).expect("what is held is in the index");
            marks.pop_front();
            if marks.is_empty() {
                self.places.remove(&place);
            }
        }
        Some(oldest)
    }

    /// Returns the event at a position.
    pub(super) fn at(&self, position: Position) -> Option<&Arc<News>> {
        let before = Position::new(position.get().checked_sub(1)?);
        self.news.get(self.begin_after(before)).filter(|news| news.position() == position)
    }

    /// Returns how to look for what is after `after`, in the fewest lookups.
    pub(super) fn way(&self, scope: &Scope, stays: &Stays, after: Position) -> Way {
        let merge = match scope {
            Scope::Room(_, RoomKind::Open) => return Way::Merge(1),
            Scope::Room(room, RoomKind::Closed) => stays.len_of(*room) + 1,
            Scope::Mine(_) | Scope::Onlooker(_) => 2 * stays.len() + scope.open_rooms().len() + 1,
        };
        let mut walk = 0;
        for news in self.news.range(self.begin_after(after)..) {
            walk += match &news.audience {
                Audience::Room(_) | Audience::Person(_) => 1,
                Audience::RoomMates { rooms, .. } => rooms.len().min(stays.len()) + 1,
            };
            if walk > merge {
                return Way::Merge(merge);
            }
        }
        Way::Walk(walk)
    }

    /// Adds what a reader sees after `after` to `found`, until that is full.
    pub(super) fn look(
        &self,
        way: Way,
        scope: &Scope,
        stays: &Stays,
        after: Position,
        found: &mut Found,
    ) {
        match way {
            Way::Walk(_) => {
                let since = self.news.range(self.begin_after(after)..);
                let mut seen = since.filter(|news| can_see(scope, stays, news));
                while found.has_room()
                    && let Some(news) = seen.next()
                {
                    found.take(news);
                }
            }
            Way::Merge(_) => match &*ranges(scope, stays, after, Position::MAX) {
                [range] => self.take_all(range, found),
                ranges => self.merge(ranges, found),
            },
        }
    }

    fn take_all(&self, range: &Range, found: &mut Found) {
        let mut serials = self.serials_in(range);
        while found.has_room()
            && let Some(serial) = serials.next()
        {
            found.take(&self.news[(serial - self.first) as usize]);
        }
    }

    fn merge(&self, ranges: &[Range], found: &mut Found) {
        let mut all: Vec<_> = ranges.iter().map(|range| self.serials_in(range)).collect();
        let mut heads = BinaryHeap::with_capacity(ranges.len());
        for (number, serials) in all.iter_mut().enumerate() {
            heads.extend(serials.next().map(|serial| Reverse((serial, number))));
        }
        let mut last = None;
        while found.has_room()
            && let Some(Reverse((serial, number))) = heads.pop()
        {
            heads.extend(all[number].next().map(|serial| Reverse((serial, number))));
            // A rename stands in each room that two people share.
            if last.replace(serial) != Some(serial) {
                found.take(&self.news[(serial - self.first) as usize]);
            }
        }
    }

    /// Returns the serial numbers that the index has in a range, in order.
    fn serials_in(&self, range: &Range) -> impl Iterator<Item = u64> {
        let marks = self.places.get(&(range.place, range.numbered));
        let (from, to) = (range.from, range.to);
        let within = move |mark: &Mark| mark.position <= to;
        let from_there = marks.map(|marks| marks.range(begin_at(marks, from)..).copied());
        from_there.into_iter().flatten().take_while(within).map(|mark| mark.serial)
    }

    /// Returns the place of the first event after `after`. Each probe reads memory that
    /// is far away, and a reader looks for each poll.
    fn begin_after(&self, after: Position) -> usize {
        let end = self.news.len();
        let Some(newest) = self.news.back() else { return end };
        // A position has one event at most, and mostly it has one. So the place is none
        // before this one, and mostly it is this one.
        let behind = usize::try_from(newest.position().get().saturating_sub(after.get()));
        let mut low = end.saturating_sub(behind.unwrap_or(usize::MAX));
        let is_after = |place: usize| self.news[place].position() > after;
        if low == end || is_after(low) {
            return low;
        }
        let mut high = end;
        while low < high {
            let middle = low.midpoint(high);
            if is_after(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

/// Returns the place of the first mark at or after a position. It is near the end for nearly
/// everybody, so it is looked for from there, in steps that double.
fn begin_at(marks: &VecDeque<Mark>, from: Position) -> usize {
    let is_before = |place: usize| marks[place].position < from;
    let (mut high, mut step) = (marks.len(), 1);
    while high >= step && !is_before(high - step) {
        high -= step;
        step *= 2;
    }
    let mut low = high.saturating_sub(step);
    while low < high {
        let middle = low.midpoint(high);
        match is_before(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

fn places(news: &News) -> impl Iterator<Item = (Position, bool)> {
    let is_numbered = news.event.number.is_some();
    news.audience.places().into_iter().map(move |place| (place, is_numbered))
}

fn places_len(news: &News) -> usize {
    match &news.audience {
        Audience::Room(_) | Audience::Person(_) => 1,
        Audience::RoomMates { rooms, .. } => rooms.len() + 1,
    }
}

/// About what an event takes in memory: its JSON, what was made of it, its places.
fn weight(news: &News) -> usize {
    2 * news.json.len() + size_of::<News>() + places_len(news) * PLACE_BYTES
}

#[cfg(test)]
mod tests {
    use linger_core::{Event, EventKind, Timestamp, UserId, UserName};

    use super::*;

    fn renamed(position: u64) -> Arc<News> {
        let position = Position::new(position);
        let kind = EventKind::UserRenamed { old_name: UserName::parse("ann").unwrap() };
        let at = Timestamp::from_ms(0);
        let event = Event { position, number: None, room: None, at, by: None, kind };
        let audience = Audience::Person(UserId::new(Position::new(1)));
        Arc::new(News { event, audience, json: "{}".into(), is_narrow: false, about: None })
    }

    #[test]
    fn the_first_event_after_a_cursor_is_found_wherever_events_are_missing() {
        for (case, has_event) in [
            ("each", [true; 12]),
            ("none", [false; 12]),
            ("every other", std::array::from_fn(|at| at % 2 == 0)),
            ("the first ones", std::array::from_fn(|at| at < 5)),
            ("the last ones", std::array::from_fn(|at| at > 7)),
        ] {
            let mut recent = Recent::default();
            for (position, _) in (21..).zip(has_event).filter(|(_, has_event)| *has_event) {
                recent.push(renamed(position));
            }
            for after in (19..35).map(Position::new) {
                let expected = recent.news.iter().take_while(|news| news.position() <= after);
                assert_eq!(recent.begin_after(after), expected.count(), "{case}, after {after}");
            }
        }
    }

    #[test]
    fn the_first_mark_at_a_position_is_found_wherever_it_is() {
        for len in 0..40u64 {
            let mark = |serial| Mark { serial, position: Position::new(3 * serial + 10) };
            let marks: VecDeque<Mark> = (0..len).map(mark).collect();
            for from in (0..140).map(Position::new) {
                let expected = marks.iter().take_while(|mark| mark.position < from).count();
                assert_eq!(begin_at(&marks, from), expected, "{len} marks, from {from}");
            }
        }
    }
}
