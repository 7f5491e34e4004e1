//! Laws that hold for every story, whatever went wrong in it.
//!
//! The log is applied once more, one entry after the other, and those who were there
//! at each event are written down. That second opinion shares the rules with the node
//! (they are linger-core's, and tested there), but neither follower, memory, hub
//! nor visibility.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use linger_core::{
    Author, EventKind, MessageId, News, Outcome, Position, Projection, Quote, RequestId, RoomId,
    RoomKind, UserId,
    visibility::{Scope, as_seen},
};

use super::{
    people::{Promise, Reading, Report},
    world::{Story, log_id},
};
use crate::node::ANSWER_MAX;

/// The log's account, read when all is over.
struct Truth {
    outcomes: BTreeMap<Position, Outcome>,
    told: Vec<Witnessed>,
    /// Messages, with the entries that deleted them.
    deleted: BTreeMap<MessageId, Position>,
    fingerprint: String,
}

/// An event, and those who were there.
struct Witnessed {
    news: News,
    witnesses: BTreeSet<UserId>,
}

/// Panics if the node broke a promise.
pub(super) fn check(story: &Story) {
    let truth = Truth::of(story);
    for fingerprint in &story.fingerprints {
        assert_eq!(*fingerprint, truth.fingerprint, "a replay of the log makes other tables");
    }
    check_once(story, &truth);
    let promises = story.reports.iter().flat_map(|report| &report.promises);
    check_promises(promises, story, &truth);
    for report in story.reports.iter().filter(|report| !report.readings.is_empty()) {
        check_sequence(report, &truth);
        report.readings.iter().for_each(|reading| check_move(reading, story));
        report.readings.iter().for_each(|reading| check_times(reading, story, &truth));
        report.readings.iter().for_each(|reading| check_deleted(reading, story, &truth));
    }
}

/// Nothing twice: an author's request takes effect at most once.
fn check_once(story: &Story, truth: &Truth) {
    let mut accepted: BTreeSet<(Author, &RequestId)> = BTreeSet::new();
    for entry in &story.entries {
        if matches!(truth.outcomes[&entry.position], Outcome::Accepted(_)) {
            let Some(request) = &entry.draft.request else { continue };
            let request = (entry.draft.author, &request.id);
            assert!(accepted.insert(request), "{request:?} took effect twice");
        }
    }
    let positions: Vec<_> = truth.outcomes.keys().copied().collect();
    assert!(
        story.entries.iter().map(|entry| entry.position).eq(positions),
        "the log has another order"
    );
}

/// Nothing acknowledged is lost, and all acknowledgements of a request agree.
fn check_promises<'a>(promises: impl Iterator<Item = &'a Promise>, story: &Story, truth: &Truth) {
    let mut first: BTreeMap<(Author, &RequestId), (Position, bool)> = BTreeMap::new();
    for promise in promises {
        let Promise { author, request_id, command, receipt } = promise;
        let entry = story.entries.iter().find(|entry| entry.position == receipt.position);
        let Some(entry) = entry else {
            panic!("{request_id} was acknowledged and is not in the log")
        };
        let draft = &entry.draft;
        let id = draft.request.as_ref().map(|request| &request.id);
        assert_eq!((&draft.author, id, &draft.command), (author, Some(request_id), command));
        let given = receipt.news.as_ref().map(|news| truth.silent(news));
        let expected = truth.outcomes[&receipt.position].news().map(|news| truth.silent(news));
        assert_eq!(given, expected, "{request_id} was answered otherwise");
        let (position, was_first) =
            first.entry((*author, request_id)).or_insert((receipt.position, false));
        assert_eq!(*position, receipt.position, "{request_id} was acknowledged in two places");
        assert!(receipt.is_repeat || !*was_first, "{request_id} was done for the first time twice");
        *was_first |= !receipt.is_repeat;
    }
}

/// A reader reads all that it may see, nothing else, in the one order, with
/// cursors that never go back.
fn check_sequence(report: &Report, truth: &Truth) {
    let mut at = Position::START;
    let mut read: Vec<&News> = Vec::new();
    for reading in &report.readings {
        assert_eq!(reading.from, at);
        assert!(
            reading.to >= reading.from,
            "the cursor went back from {} to {}",
            reading.from,
            reading.to
        );
        assert!(
            reading.news.len() <= reading.limit,
            "{} events in a page of {}",
            reading.news.len(),
            reading.limit
        );
        for news in &reading.news {
            assert!(
                news.position() > at && news.position() <= reading.to,
                "{} after {at}",
                news.position()
            );
            at = news.position();
        }
        read.extend(reading.news.iter().map(|news| &**news));
        at = reading.to;
    }
    let Reading { reader, ref scope, .. } = report.readings[0];
    let expected = truth.seen_by(reader, scope);
    let positions = |news: &[News]| news.iter().map(|it| it.position().get()).collect::<Vec<_>>();
    let who = report.actor;
    // They may have read what was deleted later, and they may have read it after that.
    let read: Vec<News> = read.into_iter().map(|news| truth.silent(news)).collect();
    let expected: Vec<News> = expected.map(|it| truth.silent(&truth.as_seen(reader, it))).collect();
    assert_eq!(positions(&read), positions(&expected), "{who}, {reader:?} reading {scope:?}");
    assert_eq!(read, expected, "{who}, {reader:?} reading {scope:?}");
    if let Scope::Room(_, RoomKind::Open) = scope {
        let numbers = read.iter().map(|news| news.event.number.unwrap());
        assert!(numbers.eq(1..=read.len() as u64), "{who} has gaps in the room's numbers");
    }
}

/// Nobody who begins to read after a deletion gets the text that was deleted.
fn check_deleted(reading: &Reading, story: &Story, truth: &Truth) {
    for (id, deleted) in &truth.deleted {
        let applied = story.applied[reading.life].iter().find(|(_, applied)| applied >= deleted);
        let Some((applied_ms, _)) = applied else { continue };
        if *applied_ms >= reading.began_ms {
            continue;
        }
        for news in &reading.news {
            let without = news.without_text_of(*id);
            assert!(
                without.is_none_or(|without| without.json == news.json) || is_bare(news, *id),
                "deleted at {deleted}, applied at {applied_ms} ms, and read at {} ms: {}",
                reading.began_ms,
                news.json
            );
        }
    }
}

/// Tells whether an answer says of a message only which one it is: the reader was not there for
/// it, and need not know that it is deleted.
fn is_bare(news: &News, id: MessageId) -> bool {
    let quote = news.shown().and_then(|message| message.reply_to.as_ref());
    quote.is_some_and(|quote| {
        *quote == Quote { id, number: None, by: None, text: None, deleted: false }
    })
}

/// A reader who comes to a node that is behind them gets nothing there but their own place.
/// That they get no reset, those who read see themselves.
fn check_move(reading: &Reading, story: &Story) {
    let Reading { from, to, ended_ms, .. } = *reading;
    if story.applied_at(reading.life, ended_ms) < from {
        let count = reading.news.len();
        assert_eq!((count, to), (0, from), "from {from}, at {ended_ms} ms");
    }
}

/// Returns how many came to a node that was behind them and left as they had come, and how many
/// got news there, once it had caught up.
pub(super) fn ahead(story: &Story) -> (usize, usize) {
    let readings = story.reports.iter().flat_map(|report| &report.readings);
    let ahead = readings.filter(|it| story.applied_at(it.life, it.began_ms) < it.from);
    let (caught_up, went_on): (Vec<_>, Vec<_>) = ahead.partition(|it| !it.news.is_empty());
    (went_on.len(), caught_up.len())
}

/// A wait ends when there is something to see, and else at its deadline. One whose place the
/// node had not come to may end later, by the time that the question for the log's end takes.
fn check_times(reading: &Reading, story: &Story, truth: &Truth) {
    let Reading { reader, ref scope, began_ms, deadline_ms, ended_ms, from, .. } = *reading;
    let what =
        format!("the wait of {reader:?} for {scope:?} from {from}, {began_ms} to {ended_ms} ms");
    let is_ahead = story.applied_at(reading.life, began_ms) < from;
    let slack_ms = story.slack_ms + if is_ahead { ANSWER_MAX.as_millis() as u64 } else { 0 };
    let latest = deadline_ms.max(began_ms) + slack_ms;
    assert!(ended_ms <= latest, "{what}, is over its deadline of {deadline_ms} ms");
    if reading.news.is_empty() {
        assert!(
            ended_ms >= deadline_ms,
            "{what}, ended without news before its deadline of {deadline_ms} ms"
        );
    }
    let Some(first) = truth.seen_by(reader, scope).find(|news| news.position() > from) else {
        return;
    };
    let applied =
        story.applied[reading.life].iter().find(|(_, applied)| *applied >= first.position());
    let Some((applied_ms, _)) = applied else { return };
    let latest = began_ms.max(*applied_ms) + slack_ms;
    assert!(
        ended_ms <= latest,
        "{what}, slept through {}, applied at {applied_ms} ms",
        first.position()
    );
}

impl Story {
    /// Returns how far a node had come by then.
    fn applied_at(&self, life: usize, ms: u64) -> Position {
        let by_then = self.applied[life].iter().take_while(|(at_ms, _)| *at_ms <= ms);
        by_then.last().expect("it is as old as the node").1
    }
}

impl Truth {
    fn of(story: &Story) -> Truth {
        let mut projection = Projection::in_memory(log_id()).unwrap();
        let mut members: BTreeMap<RoomId, BTreeSet<UserId>> = BTreeMap::new();
        let mut truth = Truth {
            outcomes: BTreeMap::new(),
            told: Vec::new(),
            deleted: BTreeMap::new(),
            fingerprint: String::new(),
        };
        for entry in &story.entries {
            let outcome = projection.apply(std::slice::from_ref(entry)).unwrap().remove(0);
            if let Some(news) = outcome.news() {
                let witnesses = witness(&mut members, news);
                if let EventKind::MessageDeleted { message } = &news.event.kind {
                    truth.deleted.insert(message.id, news.position());
                }
                truth.told.push(Witnessed { news: (**news).clone(), witnesses });
            }
            truth.outcomes.insert(entry.position, outcome);
        }
        truth.fingerprint = projection.fingerprint().unwrap();
        truth
    }

    /// Returns an event without the texts that were ever deleted.
    fn silent(&self, news: &News) -> News {
        let mut news = news.clone();
        for id in self.deleted.keys() {
            news = news.without_text_of(*id).unwrap_or(news);
        }
        news
    }

    /// Returns an event without what it shows of messages of a closed room that somebody was
    /// not there for.
    fn as_seen(&self, reader: Option<UserId>, news: &News) -> News {
        let was_there = |_, position| {
            let told = self.told.iter().find(|told| told.news.position() == position);
            let told = told.expect("it shows what was told");
            Ok::<_, Infallible>(reader.is_some_and(|reader| told.witnesses.contains(&reader)))
        };
        let Ok(narrowed) = as_seen(news, was_there);
        narrowed.unwrap_or_else(|| news.clone())
    }

    fn seen_by(&self, reader: Option<UserId>, scope: &Scope) -> impl Iterator<Item = &News> {
        let was_there =
            move |told: &Witnessed| reader.is_some_and(|reader| told.witnesses.contains(&reader));
        let is_seen = move |told: &&Witnessed| match scope {
            Scope::Mine(_) => was_there(told),
            Scope::Room(room, kind) => {
                told.news.room_id() == Some(*room) && (*kind == RoomKind::Open || was_there(told))
            }
            Scope::Onlooker(_) => {
                let room = told.news.room_id();
                scope.open_rooms().iter().any(|looked_at| room == Some(*looked_at))
                    || scope.person().is_some() && was_there(told)
            }
        };
        self.told.iter().filter(is_seen).map(|told| &told.news)
    }
}

/// Returns those who were there, with the one who comes or goes.
fn witness(members: &mut BTreeMap<RoomId, BTreeSet<UserId>>, news: &News) -> BTreeSet<UserId> {
    let Some(room) = news.room_id() else {
        // A rename concerns all rooms of the person.
        let subject = news.subject().expect("it is about somebody");
        let shared = members.values().filter(|members| members.contains(&subject)).flatten();
        return shared.copied().chain([subject]).collect();
    };
    let members = members.entry(room).or_default();
    let mut witnesses = members.clone();
    match &news.event.kind {
        EventKind::MemberLeft { member } => _ = members.remove(&member.id),
        EventKind::MemberJoined { member, .. } => _ = members.insert(member.id),
        EventKind::RoomOpened { .. } => members.extend(news.event.by.as_ref().map(|by| by.id)),
        _ => {}
    }
    witnesses.extend(members.iter());
    witnesses
}
