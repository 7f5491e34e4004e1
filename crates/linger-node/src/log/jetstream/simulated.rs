//! JetStream in memory, for the simulation: a stream that several nodes follow, with all that
//! a real one does to them.
//!
//! The forms of messages and of erased entries, and [`Appends`], which knows what is on its
//! way, are the engine's own. The stream takes an id once, keeps one order, and loses nothing
//! that it acknowledged. But messages and acknowledgements are lost, late, in another order or
//! come twice; an election takes seconds, in which nothing is taken, and nobody knows what
//! became of what came before; each node reads at its own pace; and erased entries are gaps.

mod weather;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use linger_core::{Draft, Entry, LogId, Position, UserId, queries::Erasure};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep_until},
};

pub(crate) use self::weather::Weather;
use super::{
    appends::{Append, Appends, Done},
    message::{self, Message, MessageId},
};
use crate::{
    log::{AppendError, Appending, Log, Note, ReadError, erased_form, load::Load},
    tests::chance::Chance,
};

/// How often a node looks what is overdue.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A new leader takes so long to apply what a majority has, and tells of an earlier end until then:
/// longer than nodes wait before they doubt a place.
const APPLIES_FOR: Duration = Duration::from_secs(12);
/// So many entries it is short of at most.
const SHORT_OF: u64 = 3;
/// More than any story has, of all nodes together.
const LIVES_MAX: u64 = 16;
/// More than any story queues.
const QUEUED_BYTES_MAX: usize = 1 << 24;

/// The stream. Clones are the same one.
#[derive(Clone)]
pub(crate) struct SimulatedStream(Arc<Shared>);

struct Shared {
    id: LogId,
    kept: Mutex<Kept>,
    end: watch::Sender<Position>,
    weather: Mutex<(Weather, Chance)>,
    story: Mutex<Vec<String>>,
    begin: Instant,
    /// So many nodes have been started.
    lives: AtomicU64,
}

#[derive(Default)]
struct Kept {
    /// None: it was deleted.
    messages: Vec<Option<Bytes>>,
    /// The erased forms, in the bucket beside the stream.
    skeletons: BTreeMap<Position, Bytes>,
    positions: HashMap<MessageId, Position>,
    /// All as they were written, for the checkers.
    written: Vec<Entry>,
    has_leader_at: Option<Instant>,
}

/// The log of one node, while it lives.
pub(crate) struct SimulatedLog(Arc<Inner>);

struct Inner {
    stream: SimulatedStream,
    life: u64,
    tail: watch::Sender<Position>,
    appends: Mutex<Appends>,
    queued_bytes: Arc<AtomicUsize>,
    refused: Mutex<Vec<UserId>>,
    erased_upto: Mutex<Position>,
}

impl SimulatedStream {
    /// Begins an empty stream where nothing goes wrong yet.
    pub(crate) fn new(id: LogId, chance: Chance) -> SimulatedStream {
        SimulatedStream(Arc::new(Shared {
            id,
            kept: Mutex::default(),
            end: watch::Sender::new(Position::START),
            weather: Mutex::new((Weather::default(), chance)),
            story: Mutex::default(),
            begin: Instant::now(),
            lives: AtomicU64::new(0),
        }))
    }

    /// From now on, things go wrong this often.
    pub(crate) fn set(&self, weather: Weather) {
        self.0.weather.lock().unwrap().0 = weather;
    }

    /// Returns the log of a node that starts now.
    pub(crate) fn log(&self) -> SimulatedLog {
        let life = self.0.lives.fetch_add(1, Ordering::Relaxed);
        let inner = Arc::new(Inner {
            life,
            tail: watch::Sender::new(*self.0.end.borrow()),
            stream: self.clone(),
            appends: Mutex::default(),
            queued_bytes: Arc::default(),
            refused: Mutex::default(),
            erased_upto: Mutex::new(Position::START),
        });
        tokio::spawn(follow(Arc::downgrade(&inner), self.clone(), life));
        tokio::spawn(look(Arc::downgrade(&inner)));
        SimulatedLog(inner)
    }

    /// Returns all entries, as they were written.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.kept.lock().unwrap().written.clone()
    }

    /// Returns how many entries were erased.
    pub(crate) fn erased(&self) -> usize {
        self.0.kept.lock().unwrap().messages.iter().filter(|message| message.is_none()).count()
    }

    /// Returns the fate of each message, in order.
    pub(crate) fn story(&self) -> Vec<String> {
        self.0.story.lock().unwrap().clone()
    }

    fn happens(&self, what: impl Fn(&Weather) -> u64) -> bool {
        let (weather, chance) = &mut *self.0.weather.lock().unwrap();
        chance.happens(what(weather))
    }

    /// Returns the time that a message or an answer takes.
    fn delay(&self) -> Duration {
        let (weather, chance) = &mut *self.0.weather.lock().unwrap();
        let ms_max = if chance.happens(weather.late) { 12_000 } else { 5 };
        Duration::from_millis(chance.within(1..ms_max))
    }

    fn within(&self, ms: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.0.weather.lock().unwrap().1.within(ms))
    }

    /// Waits for so long, and then for the next millisecond of this life of a node. So no two
    /// nodes do anything at the same instant: the seed decides the order, not the scheduler.
    async fn pause(&self, time: Duration, life: u64) {
        let earliest = (self.0.begin.elapsed() + time).as_millis() as u64;
        let ms = earliest.next_multiple_of(LIVES_MAX) + life % LIVES_MAX;
        sleep_until(self.0.begin + Duration::from_millis(ms)).await;
    }

    fn tell(&self, what: String) {
        self.0.story.lock().unwrap().push(what);
    }

    /// Takes a message, once. Errors: there is no leader, and it may have been taken.
    fn take(&self, message: &Message) -> Result<Position, ()> {
        let now = Instant::now();
        let begins_election = self.happens(|weather| weather.election);
        let survives = self.happens(|_| 50);
        let mut kept = self.0.kept.lock().unwrap();
        if kept.has_leader_at.is_some_and(|at| now < at) {
            return Err(());
        }
        if begins_election {
            kept.has_leader_at = Some(now + self.within(4000..9000));
            self.tell(format!("{}: the leader dies", message.id));
            if !survives {
                return Err(());
            }
        }
        let next = Position::new(kept.messages.len() as u64 + 1);
        let position = *kept.positions.entry(message.id).or_insert(next);
        if position == next {
            let (entry, _) = message::read(next, &message.payload).expect("it is ours");
            kept.messages.push(Some(message.payload.clone()));
            kept.written.push(entry);
            drop(kept);
            self.tell(format!("{}: written at {position}", message.id));
            self.0.end.send_replace(position);
        }
        if begins_election { Err(()) } else { Ok(position) }
    }

    /// Returns where the stream ends, as far as its leader knows; none while there is no leader.
    fn end_told(&self) -> Option<Position> {
        let short_of = self.0.weather.lock().unwrap().1.within(0..SHORT_OF + 1);
        let (now, end) = (Instant::now(), *self.0.end.borrow());
        match self.0.kept.lock().unwrap().has_leader_at {
            Some(at) if now < at => None,
            Some(at) if now < at + APPLIES_FOR => {
                Some(Position::new(end.get().saturating_sub(short_of)))
            }
            _ => Some(end),
        }
    }

    /// Returns where the stream ends, from a leader who has applied everything; none while there
    /// is no leader.
    fn end_proven(&self) -> Option<Position> {
        let leads_from = self.0.kept.lock().unwrap().has_leader_at;
        let is_led = leads_from.is_none_or(|at| at <= Instant::now());
        is_led.then(|| *self.0.end.borrow())
    }

    /// Returns an entry, or its erased form.
    fn read(&self, position: Position) -> (Entry, MessageId) {
        let kept = self.0.kept.lock().unwrap();
        let message = kept.messages[position.get() as usize - 1].as_ref();
        let payload = message.or_else(|| kept.skeletons.get(&position));
        let payload = payload.unwrap_or_else(|| panic!("entry {position} is lost"));
        message::read(position, payload).expect("it is ours")
    }

    /// Erases one entry, in two steps. Tells whether both are known to be done.
    fn erase(&self, erasure: &Erasure) -> bool {
        let (entry, _) = self.read(erasure.entry);
        let is_cut = [(); 2].map(|()| self.happens(|weather| weather.failed_erasure));
        let mut kept = self.0.kept.lock().unwrap();
        let place = erasure.entry.get() as usize - 1;
        if kept.messages[place].is_some() {
            let erased = erased_form(&entry.draft, erasure).expect("it has something to erase");
            kept.skeletons.insert(erasure.entry, message::payload(erased));
            if is_cut[0] {
                return false;
            }
            kept.messages[place] = None;
        }
        !is_cut[1]
    }
}

/// Reads what is new, at the node's own pace, while it lives.
async fn follow(log: Weak<Inner>, stream: SimulatedStream, life: u64) {
    let mut end = stream.0.end.subscribe();
    loop {
        stream.pause(Duration::ZERO, life).await;
        if stream.happens(|weather| weather.slow_reading) {
            stream.pause(stream.within(500..15_000), life).await;
        }
        let Some(inner) = log.upgrade() else { return };
        let (read, end_now) = (*inner.tail.borrow(), *end.borrow_and_update());
        if read < end_now {
            inner.take_in(read, end_now);
        }
        drop(inner);
        if read == end_now && end.changed().await.is_err() {
            return;
        }
    }
}

/// Sends again what is overdue, and gives up what nobody asks for any more.
async fn look(log: Weak<Inner>) {
    loop {
        let Some(inner) = log.upgrade() else { return };
        let (stream, life) = (inner.stream.clone(), inner.life);
        drop(inner);
        stream.pause(LOOK_EVERY, life).await;
        let Some(inner) = log.upgrade() else { return };
        let now = Instant::now().into_std();
        let due = inner.appends.lock().unwrap().take_due(now);
        due.into_iter().for_each(|(ticket, message)| inner.send(ticket, message));
        let given_up = inner.appends.lock().unwrap().give_up(now);
        inner.answer(given_up);
    }
}

impl Inner {
    /// Sends a message, and hears what came of it, or does not.
    fn send(self: &Arc<Inner>, ticket: u64, message: Message) {
        let (stream, life, log) = (self.stream.clone(), self.life, Arc::downgrade(self));
        if stream.happens(|weather| weather.lost_message) {
            return stream.tell(format!("{}: lost", message.id));
        }
        tokio::spawn(async move {
            stream.pause(stream.delay(), life).await;
            let taken = stream.take(&message);
            let answers = match stream.happens(|weather| weather.lost_answer) {
                true => 0,
                false => 1 + usize::from(stream.happens(|weather| weather.repeated_answer)),
            };
            for _ in 0..answers {
                stream.pause(stream.delay(), life).await;
                // The node may have died.
                let Some(log) = log.upgrade() else { return };
                log.hear(ticket, taken);
            }
        });
    }

    fn hear(&self, ticket: u64, taken: Result<Position, ()>) {
        let mut appends = self.appends.lock().unwrap();
        let done = match taken {
            Ok(_) => appends.acknowledge(ticket),
            Err(()) => {
                appends.doubt(ticket, Instant::now().into_std());
                None
            }
        };
        drop(appends);
        self.answer(done.into_iter().collect());
    }

    /// Takes in all entries up to there.
    fn take_in(&self, read: Position, end: Position) {
        let mut done = Vec::new();
        let mut next = read;
        while next < end {
            next = next.next();
            let (_, id) = self.stream.read(next);
            done.extend(self.appends.lock().unwrap().read(id, next));
        }
        self.tail.send_replace(end);
        self.answer(done);
    }

    fn answer(&self, done: Vec<Done>) {
        let mut late = Vec::new();
        for done in done {
            let is_late = done.is_late;
            late.extend(done.answer().0.filter(|_| is_late));
        }
        if !late.is_empty() {
            self.refused.lock().unwrap().extend(late);
            self.tail.send_modify(|_| {});
        }
    }
}

impl SimulatedLog {
    fn ask(&self, end: fn(&SimulatedStream) -> Option<Position>) -> oneshot::Receiver<Position> {
        let (stream, life) = (self.0.stream.clone(), self.0.life);
        let (answer, asked) = oneshot::channel();
        tokio::spawn(async move {
            stream.pause(stream.delay(), life).await;
            // Those who asked may have gone.
            end(&stream).map(|end| answer.send(end));
        });
        asked
    }
}

impl Log for SimulatedLog {
    fn id(&self) -> LogId {
        self.0.stream.0.id
    }

    fn append_noting(&self, draft: Draft, note: Option<Note>) -> Result<Appending, AppendError> {
        let load = Load::add(draft.weight(), &self.0.queued_bytes, QUEUED_BYTES_MAX)?;
        let (answer, appending) = oneshot::channel();
        let (message, author) = (Message::of(&draft), draft.author.user());
        let since = Instant::now().into_std();
        let append = Append { message, author, note, since, answer, load };
        let (ticket, message) = self.0.appends.lock().unwrap().take(append, since);
        self.0.send(ticket, message);
        Ok(appending)
    }

    fn probe(&self) -> oneshot::Receiver<()> {
        oneshot::channel().1
    }

    fn take_refused(&self) -> Vec<UserId> {
        std::mem::take(&mut self.0.refused.lock().unwrap())
    }

    fn read_after(&self, after: Position, limit: usize) -> Result<Vec<Entry>, ReadError> {
        if self.0.stream.happens(|weather| weather.failed_read) {
            return Err(ReadError::Cluster("the simulated cluster does not answer".to_owned()));
        }
        let upto = self.0.tail.borrow().get().min(after.get().saturating_add(limit as u64));
        let positions = after.get() + 1..=upto;
        Ok(positions.map(|position| self.0.stream.read(Position::new(position)).0).collect())
    }

    fn erased_upto(&self) -> Position {
        *self.0.erased_upto.lock().unwrap()
    }

    fn erase(&self, erasures: Vec<Erasure>) -> oneshot::Receiver<()> {
        let (stream, life) = (self.0.stream.clone(), self.0.life);
        let (answer, erased) = oneshot::channel();
        tokio::spawn(async move {
            for erasure in erasures {
                stream.pause(stream.delay(), life).await;
                if !stream.erase(&erasure) {
                    return;
                }
            }
            let _ = answer.send(());
        });
        erased
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn ask_end(&self) -> oneshot::Receiver<Position> {
        self.ask(SimulatedStream::end_told)
    }

    fn prove_end(&self) -> oneshot::Receiver<Position> {
        self.ask(SimulatedStream::end_proven)
    }

    fn note_erased(&self, upto: Position) {
        *self.0.erased_upto.lock().unwrap() = upto;
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.0.tail.subscribe()
    }
}
