//! The appends that are on their way: sent, and not yet both acknowledged and read.
//!
//! An append is done when JetStream has acknowledged it *and* this node has read it in its
//! place. Anything but an acknowledgement (an error, silence, a lost connection) means that
//! nobody knows: the message is sent again under the same id, which JetStream takes once,
//! while the log is read on and each entry compared with those that are missing. An
//! append that is not found after [`IN_DOUBT_MAX`] is answered "unknown". Nothing here talks to NATS.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use linger_core::{Position, UserId};
use tokio::sync::oneshot;

use super::message::{Message, MessageId};
use crate::log::{AppendError, Note, load::Load};

/// Messages that wait for their acknowledgement at once; the others wait in the queue.
const IN_FLIGHT_MAX: usize = 1024;
/// As long as a submit waits: later nobody asks any more.
pub(super) const IN_DOUBT_MAX: Duration = Duration::from_secs(10);
/// Silence after which a message is sent again: some ten times as long as a busy disk takes.
const RESEND_AFTER: Duration = Duration::from_secs(2);
/// After an error: a new leader takes seconds.
const RESEND_AFTER_ERROR: Duration = Duration::from_millis(250);

/// An append that is to be sent.
pub(super) struct Append {
    pub(super) message: Message,
    pub(super) author: Option<UserId>,
    pub(super) note: Option<Note>,
    pub(super) since: Instant,
    pub(super) answer: oneshot::Sender<Result<Position, AppendError>>,
    #[expect(dead_code, reason = "it is dropped with the append")]
    pub(super) load: Load,
}

/// All appends that are on their way, by the number under which each was sent.
#[derive(Default)]
pub(super) struct Appends {
    by_ticket: BTreeMap<u64, InFlight>,
    tickets: HashMap<MessageId, u64>,
    last_ticket: u64,
}

struct InFlight {
    append: Append,
    is_acknowledged: bool,
    read: Option<Position>,
    resend_at: Instant,
}

/// An append that is done, and its answer.
pub(super) struct Done {
    append: Append,
    result: Result<Position, AppendError>,
    /// Its entry called its author before it was noted: they must be called again.
    pub(super) is_late: bool,
}

impl Appends {
    pub(super) fn has_room(&self) -> bool {
        self.by_ticket.len() < IN_FLIGHT_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_ticket.is_empty()
    }

    /// Takes an append in. Returns the number under which it is to be sent, and the message.
    pub(super) fn take(&mut self, append: Append, now: Instant) -> (u64, Message) {
        self.last_ticket += 1;
        let message = append.message.clone();
        self.tickets.insert(message.id, self.last_ticket);
        let resend_at = now + RESEND_AFTER;
        let in_flight = InFlight { append, is_acknowledged: false, read: None, resend_at };
        self.by_ticket.insert(self.last_ticket, in_flight);
        (self.last_ticket, message)
    }

    /// Notes that the quorum has it. Done, if it was read already.
    pub(super) fn acknowledge(&mut self, ticket: u64) -> Option<Done> {
        let in_flight = self.by_ticket.get_mut(&ticket)?;
        in_flight.is_acknowledged = true;
        let position = in_flight.read?;
        Some(self.finish(ticket, Ok(position), true))
    }

    /// Notes that an entry was read. Done, if it is one of ours that was acknowledged.
    pub(super) fn read(&mut self, id: MessageId, position: Position) -> Option<Done> {
        let ticket = *self.tickets.get(&id)?;
        let in_flight = self.by_ticket.get_mut(&ticket)?;
        // The first one counts.
        let position = *in_flight.read.get_or_insert(position);
        let is_acknowledged = in_flight.is_acknowledged;
        is_acknowledged.then(|| self.finish(ticket, Ok(position), false))
    }

    /// Notes an answer that is no acknowledgement: it is sent again soon.
    pub(super) fn doubt(&mut self, ticket: u64, now: Instant) {
        if let Some(in_flight) = self.by_ticket.get_mut(&ticket) {
            in_flight.resend_at = in_flight.resend_at.min(now + RESEND_AFTER_ERROR);
        }
    }

    /// Notes that the connection was lost: all are sent again at once, in their order.
    pub(super) fn doubt_all(&mut self, now: Instant) {
        self.by_ticket.values_mut().for_each(|in_flight| in_flight.resend_at = now);
    }

    /// Returns what is to be sent again now, in order.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(u64, Message)> {
        let is_due = |it: &InFlight| !it.is_acknowledged && it.resend_at <= now;
        let due = self.by_ticket.iter_mut().filter(|(_, in_flight)| is_due(in_flight));
        let resent = due.map(|(ticket, in_flight)| {
            in_flight.resend_at = now + RESEND_AFTER;
            (*ticket, in_flight.append.message.clone())
        });
        resent.collect()
    }

    /// Returns how long the oldest one has waited for its acknowledgement.
    pub(super) fn longest_silence(&self, now: Instant) -> Option<Duration> {
        let oldest = self.by_ticket.values().find(|in_flight| !in_flight.is_acknowledged)?;
        Some(now.saturating_duration_since(oldest.append.since))
    }

    /// Gives up what nobody asks for any more. If it was read, it is in the log.
    pub(super) fn give_up(&mut self, now: Instant) -> Vec<Done> {
        let is_old = |it: &InFlight| now.saturating_duration_since(it.append.since) >= IN_DOUBT_MAX;
        let old = self.by_ticket.iter().filter(|(_, it)| is_old(it));
        let old: Vec<_> = old.map(|(ticket, it)| (*ticket, it.read)).collect();
        let result = |read: Option<Position>| read.ok_or(AppendError::Unknown);
        old.into_iter().map(|(ticket, read)| self.finish(ticket, result(read), true)).collect()
    }

    fn finish(
        &mut self,
        ticket: u64,
        result: Result<Position, AppendError>,
        is_late: bool,
    ) -> Done {
        let InFlight { append, .. } = self.by_ticket.remove(&ticket).expect("it was found");
        self.tickets.remove(&append.message.id);
        if let (Some(note), Ok(position)) = (&append.note, result) {
            note.set(position).expect("an append has one position");
        }
        Done { append, result, is_late }
    }
}

impl Done {
    /// Answers, and returns the author, and how long it took.
    pub(super) fn answer(self) -> (Option<UserId>, Duration) {
        // The caller may have given up; they will ask again under the same request id.
        let _ = self.append.answer.send(self.result);
        (self.append.author, self.append.since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::{Appending, conformance::draft};

    /// Appends on their way, and the answers to them.
    struct Desk {
        appends: Appends,
        begun: Instant,
        sent: Vec<(u64, MessageId, Note, Appending)>,
    }

    impl Desk {
        fn with(count: u64) -> Desk {
            let begun = Instant::now();
            let mut desk = Desk { appends: Appends::default(), begun, sent: Vec::new() };
            for number in 0..count {
                let (answer, appending) = oneshot::channel();
                let (message, note) = (Message::of(&draft(7, number)), Note::default());
                let load = Load::add(1, &Arc::default(), 1).unwrap();
                let (author, since) = (None, begun);
                let noted = Some(note.clone());
                let append = Append { message, author, note: noted, since, answer, load };
                let (ticket, message) = desk.appends.take(append, begun);
                desk.sent.push((ticket, message.id, note, appending));
            }
            desk
        }

        fn at(&self, ms: u64) -> Instant {
            self.begun + Duration::from_millis(ms)
        }

        fn resent(&mut self, ms: u64) -> Vec<u64> {
            let now = self.at(ms);
            self.appends.take_due(now).into_iter().map(|(ticket, _)| ticket).collect()
        }

        fn answer(&mut self, number: usize) -> Option<Result<Position, AppendError>> {
            self.sent[number].3.try_recv().ok()
        }
    }

    #[test]
    fn an_append_is_done_when_it_is_acknowledged_and_read_in_either_order() {
        for is_read_first in [false, true] {
            let mut desk = Desk::with(1);
            let (ticket, id) = (desk.sent[0].0, desk.sent[0].1);
            let position = Position::new(5);
            let done = match is_read_first {
                true => {
                    assert!(desk.appends.read(id, position).is_none());
                    assert_eq!(desk.sent[0].2.get(), None, "it is noted when it is acknowledged");
                    desk.appends.acknowledge(ticket)
                }
                false => {
                    assert!(desk.appends.acknowledge(ticket).is_none());
                    desk.appends.read(id, position)
                }
            };
            let done = done.unwrap();
            assert_eq!(done.is_late, is_read_first);
            assert_eq!(desk.sent[0].2.get(), Some(&position));
            done.answer();
            assert_eq!(desk.answer(0), Some(Ok(position)));
            assert!(desk.appends.is_empty());
        }
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_in_order_and_the_rest_is_not() {
        let mut desk = Desk::with(4);
        let tickets: Vec<_> = desk.sent.iter().map(|(ticket, ..)| *ticket).collect();
        desk.appends.acknowledge(tickets[1]);
        assert!(desk.resent(1000).is_empty());
        desk.appends.doubt(tickets[2], desk.at(1000));
        assert_eq!(desk.resent(1250), [tickets[2]], "an error");
        assert_eq!(desk.resent(2000), [tickets[0], tickets[3]], "silence");
        desk.appends.doubt_all(desk.at(2100));
        assert_eq!(desk.resent(2100), [tickets[0], tickets[2], tickets[3]], "a new connection");
    }

    #[test]
    fn what_stays_in_doubt_is_unknown_unless_it_was_read() {
        let mut desk = Desk::with(2);
        let (id, position) = (desk.sent[1].1, Position::new(9));
        assert!(desk.appends.read(id, position).is_none());
        assert!(desk.appends.give_up(desk.at(9_999)).is_empty());
        for done in desk.appends.give_up(desk.at(10_000)) {
            done.answer();
        }
        assert_eq!(desk.answer(0), Some(Err(AppendError::Unknown)));
        assert_eq!(desk.answer(1), Some(Ok(position)));
    }
}
