//! A log that keeps its promises, and not one more.
//!
//! An entry that it acknowledged is there, in its place. But replies get lost or come
//! late, and entries too. It refuses, it announces growth late, and reads fail. The
//! follower's tables fail, too.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use linger_core::{Draft, Entry, LogId, Position};
use tokio::{
    sync::{oneshot, watch},
    time::sleep,
};

use super::world::log_id;
use crate::{
    log::{AppendError, Appending, Log, Note, ReadError, memory::MemoryLog},
    tests::chance::Chance,
};

/// The percentage of cases in which each fault happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// The queue is full.
    full: u64,
    /// "Unknown", and nothing was written.
    not_written: u64,
    /// Written, and the reply is lost.
    lost_reply: u64,
    /// Written, and the reply comes late.
    late_reply: u64,
    /// Written late, after the submit may have given up; no reply.
    late_append: u64,
    /// Growth is announced late: apply is slow.
    late_announcement: u64,
    /// A read by the follower fails.
    failed_read: u64,
    /// The tables give up what is not committed, at a commit or in a batch.
    lost_tables: u64,
}

/// The log. Clones are the same log.
#[derive(Clone)]
pub(super) struct FaultyLog(Arc<Shared>);

struct Shared {
    log: MemoryLog,
    announced: watch::Sender<Position>,
    chance: Mutex<(Faults, Chance)>,
    story: Mutex<Vec<String>>,
}

impl Faults {
    /// Nothing goes wrong.
    pub(super) const NONE: Faults = Faults {
        full: 0,
        not_written: 0,
        lost_reply: 0,
        late_reply: 0,
        late_append: 0,
        late_announcement: 0,
        failed_read: 0,
        lost_tables: 0,
    };

    /// Tells whether the tables ever give up something.
    pub(super) fn lose_tables(&self) -> bool {
        self.lost_tables > 0
    }

    /// Draws how often each fault happens.
    pub(super) fn draw(chance: &mut Chance) -> Faults {
        let mut percent = || chance.pick(&[0, 0, 5, 15, 30]);
        let mut faults = Faults {
            full: percent(),
            not_written: percent(),
            lost_reply: percent(),
            late_reply: percent(),
            late_append: percent(),
            late_announcement: percent(),
            failed_read: percent(),
            lost_tables: percent(),
        };
        if faults.lose_tables() {
            // Otherwise nobody could say how soon the tables are back.
            faults.failed_read = 0;
        }
        faults
    }
}

impl FaultyLog {
    /// Begins an empty log where nothing goes wrong yet.
    pub(super) fn new(chance: Chance) -> FaultyLog {
        FaultyLog(Arc::new(Shared {
            log: MemoryLog::new(log_id()),
            announced: watch::Sender::new(Position::START),
            chance: Mutex::new((Faults::NONE, chance)),
            story: Mutex::default(),
        }))
    }

    /// From now on, things go wrong this often.
    pub(super) fn set(&self, faults: Faults) {
        self.0.chance.lock().unwrap().0 = faults;
    }

    /// Announces all entries, as a log does when it is opened.
    pub(super) fn announce_all(&self) {
        self.0.announce(*self.0.log.tail().borrow());
    }

    /// Tells whether the tables give up what is not committed, now.
    pub(super) fn loses_tables(&self) -> bool {
        self.0.happens(|faults| faults.lost_tables)
    }

    /// Returns all entries.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.0.log.read_after(Position::START, usize::MAX >> 1).unwrap()
    }

    /// Returns the fate of each append, in order.
    pub(super) fn story(&self) -> Vec<String> {
        self.0.story.lock().unwrap().clone()
    }
}

impl Shared {
    /// Tells whether a fault happens this time.
    fn happens(&self, what: impl Fn(&Faults) -> u64) -> bool {
        let (faults, chance) = &mut *self.chance.lock().unwrap();
        chance.happens(what(faults))
    }

    /// Returns a delay: mostly short, sometimes longer than anybody waits.
    fn delay(&self) -> Duration {
        let (_, chance) = &mut *self.chance.lock().unwrap();
        let ms_max = chance.pick(&[20, 20, 1000, 15_000]);
        Duration::from_millis(chance.within(1..ms_max))
    }

    fn write(self: &Arc<Self>, draft: Draft, note: Option<Note>) -> Position {
        let position = self.log.append_noting(draft, note).unwrap().try_recv().unwrap().unwrap();
        if !self.happens(|faults| faults.late_announcement) {
            self.announce(position);
            return position;
        }
        let (shared, delay) = (self.clone(), self.delay());
        tokio::spawn(async move {
            sleep(delay).await;
            shared.announce(position);
        });
        position
    }

    fn announce(&self, position: Position) {
        self.announced.send_if_modified(|announced| {
            let is_news = position > *announced;
            *announced = position.max(*announced);
            is_news
        });
    }

    fn tell(&self, what: String) {
        self.story.lock().unwrap().push(what);
    }
}

impl Log for FaultyLog {
    fn id(&self) -> LogId {
        self.0.log.id()
    }

    fn append_noting(&self, draft: Draft, note: Option<Note>) -> Result<Appending, AppendError> {
        let shared = self.0.clone();
        let id = draft.request.as_ref().map_or("", |request| request.id.as_str());
        let what = format!("{} {id}", draft.author.to_number());
        let (answer, appending) = oneshot::channel();
        if shared.happens(|faults| faults.full) {
            shared.tell(format!("{what}: full"));
            return Err(AppendError::Full);
        }
        if shared.happens(|faults| faults.not_written) {
            shared.tell(format!("{what}: not written"));
            answer.send(Err(AppendError::Unknown)).unwrap();
            return Ok(appending);
        }
        if shared.happens(|faults| faults.late_append) {
            let delay = shared.delay();
            shared.tell(format!("{what}: written in {delay:?}"));
            tokio::spawn(async move {
                sleep(delay).await;
                let position = shared.write(draft, note);
                shared.tell(format!("{what}: written late at {position}"));
            });
            return Ok(appending);
        }
        let position = shared.write(draft, note);
        if shared.happens(|faults| faults.lost_reply) {
            shared.tell(format!("{what}: written at {position}, reply lost"));
        } else if shared.happens(|faults| faults.late_reply) {
            let delay = shared.delay();
            shared.tell(format!("{what}: written at {position}, reply in {delay:?}"));
            tokio::spawn(async move {
                sleep(delay).await;
                let _ = answer.send(Ok(position));
            });
        } else {
            shared.tell(format!("{what}: written at {position}"));
            answer.send(Ok(position)).unwrap();
        }
        Ok(appending)
    }

    fn probe(&self) -> oneshot::Receiver<()> {
        self.0.log.probe()
    }

    fn read_after(&self, after: Position, limit: usize) -> Result<Vec<Entry>, ReadError> {
        if self.0.happens(|faults| faults.failed_read) {
            return Err(rusqlite::Error::InvalidQuery.into());
        }
        // With entries that were not announced yet: they are durable.
        self.0.log.read_after(after, limit)
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.0.announced.subscribe()
    }
}
