//! The task that talks to the stream: it sends appends, takes acknowledgements and what the
//! reader reads, and announces how far that is.
//!
//! It owns what is on its way. It refuses at the door while the cluster cannot be reached or
//! does not acknowledge, and finds out each second whether it can again.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap, Subscriber,
    header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID},
    jetstream::{self, Context, publish::PublishAck},
};
use futures_util::{FutureExt, StreamExt};
use linger_core::{Entry, Position, UserId, queries::Erasure};
use serde::Deserialize;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    AboutStream, ClusterError, ClusterSettings,
    appends::{Append, Appends, Done},
    connection::{Connection, Link},
    ends::{self, Question},
    history::{self, Read},
    leave::leave_what_is_cut_off,
    message::{Message, MessageId},
    reader::{Lost, Reader},
    skeletons::Skeletons,
    stream,
};
use crate::{
    health::{Health, Part},
    log::{AppendError, ReadError, latest::Latest},
    metrics::Metrics,
    nodes::Agreement,
};

/// The client's own queue takes a message at once, unless it is full.
const SEND_MAX: Duration = Duration::from_millis(20);
/// How often it looks what is overdue.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A connection that is lost for longer makes the node refuse: reconnecting takes less.
const DOWN_MAX: Duration = Duration::from_secs(1);
/// A message that is not acknowledged for longer makes the node refuse.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// While it refuses, it asks so often whether it need.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// At the end, what is on its way has so long.
const CLOSING_MAX: Duration = Duration::from_secs(2);
/// Entries that are taken in at once.
const BATCH_MAX: usize = 512;
/// Batches that were read and are not taken in.
const BATCHES_MAX: usize = 4;

/// One task of the worker.
pub(super) enum Queued {
    Append(Append),
    /// Find out whether the stream can be written.
    Probe(oneshot::Sender<()>),
    /// Read these entries.
    ReadEach(Vec<Position>, oneshot::Sender<Result<Vec<Entry>, ReadError>>),
    /// Erase these entries, and answer when that is done.
    Erase(Vec<Erasure>, oneshot::Sender<()>),
}

/// The part that the log and its worker share.
pub(super) struct Shared {
    pub(super) latest: Arc<Mutex<Latest>>,
    pub(super) announce: watch::Sender<Position>,
    pub(super) refused: Arc<Mutex<Vec<UserId>>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Arc<Health>,
    pub(super) agreement: Arc<Agreement>,
}

/// Questions that the worker's own tasks answer.
pub(super) struct Asked {
    pub(super) reads: mpsc::Receiver<Read>,
    pub(super) end_questions: mpsc::Receiver<Question>,
}

/// The one who talks to the stream.
pub(super) struct Worker {
    context: Context,
    stream: String,
    servers: String,
    link: watch::Receiver<Link>,
    /// The subject under which all acknowledgements come, before the number of each.
    inbox: String,
    acknowledgements: Subscriber,
    batches: mpsc::Receiver<Result<Vec<(Entry, MessageId)>, Lost>>,
    appends: Appends,
    shared: Shared,
    generation: u64,
    down_since: Option<Instant>,
    /// The last answer that was no acknowledgement.
    last_error: Option<String>,
    /// The log is not what it was, in a sentence: nothing is written any more.
    lost: Option<String>,
    answers: mpsc::Receiver<bool>,
    tell: mpsc::Sender<bool>,
    asked_at: Instant,
    probes: Vec<oneshot::Sender<()>>,
    /// Ended with the worker: the reader, the history, the watch over the connection, a question that
    /// is on its way.
    tasks: JoinSet<()>,
}

/// JetStream's answer to a message.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Error { error: stream::ApiError },
    Acknowledgement(PublishAck),
}

impl Worker {
    /// Subscribes to acknowledgements, and begins to read after the end that was looked at.
    pub(super) async fn new(
        connection: Connection,
        settings: &ClusterSettings,
        about: AboutStream,
        shared: Shared,
        asked: Asked,
    ) -> Result<Worker, ClusterError> {
        let Connection { client, link } = connection;
        let inbox = client.new_inbox();
        let subscribed = client.subscribe(format!("{inbox}.*")).await;
        let acknowledgements =
            subscribed.map_err(|error| ClusterError::Refused(error.to_string()))?;
        let context = jetstream::new(client);
        let (stream, created) = (settings.stream.clone(), about.created.clone());
        let reader = Reader::new(context.clone(), &stream, &created, about.tail());
        let (send, batches) = mpsc::channel(BATCHES_MAX);
        let (tell, answers) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(reader, send));
        let Asked { reads, end_questions } = asked;
        let of_stream = || (context.clone(), stream.clone(), created.clone());
        let (of, name, since) = of_stream();
        tasks.spawn(ends::serve(of, name, since, end_questions));
        let (of, name, since) = of_stream();
        tasks.spawn(history::serve(of, name, since, reads));
        tasks.spawn(leave_what_is_cut_off(context.clone(), stream.clone()));
        Ok(Worker {
            context,
            stream,
            servers: settings.servers_told(),
            link,
            inbox,
            acknowledgements,
            batches,
            appends: Appends::default(),
            shared,
            generation: 0,
            down_since: None,
            last_error: None,
            lost: None,
            answers,
            tell,
            asked_at: Instant::now(),
            probes: Vec::new(),
            tasks,
        })
    }

    /// Works until the queue is closed, and what was taken from it has its answer.
    pub(super) async fn run(mut self, mut queued: mpsc::Receiver<Queued>) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing_since = None;
        loop {
            let takes = closing_since.is_none() && self.appends.has_room() && self.is_up();
            tokio::select! {
                biased;
                Some(batch) = self.batches.recv() => self.take_in(batch),
                Some(answer) = self.acknowledgements.next() => self.take_answers(&answer),
                Some(is_well) = self.answers.recv() => self.judge(is_well),
                _ = look.tick() => self.look(&mut queued).await,
                next = queued.recv(), if takes => match next {
                    Some(queued) => self.take(queued).await,
                    None => closing_since = Some(Instant::now()),
                },
            }
            let is_over = |since: Instant| self.appends.is_empty() || since.elapsed() > CLOSING_MAX;
            if closing_since.is_some_and(is_over) {
                self.tasks.shutdown().await;
                return;
            }
            if closing_since.is_none() && queued.is_closed() && queued.is_empty() {
                closing_since = Some(Instant::now());
            }
        }
    }

    fn is_up(&self) -> bool {
        self.link.borrow().is_up
    }

    async fn take(&mut self, queued: Queued) {
        match queued {
            Queued::Append(append) => {
                let (ticket, message) = self.appends.take(append, Instant::now());
                self.send(ticket, message).await;
            }
            // The illness is the answer, and the cluster is asked each second.
            Queued::Probe(answer) if self.is_refusing() => _ = answer.send(()),
            Queued::Probe(answer) => {
                self.probes.push(answer);
                self.ask();
            }
            Queued::ReadEach(positions, answer) => {
                let (context, stream) = (self.context.clone(), self.stream.clone());
                let known = self.shared.agreement.known();
                self.tasks.spawn(async move {
                    let entries = history::read_each(context, &stream, positions).await;
                    // The follower may have ended.
                    let _ = answer.send(entries.and_then(|entries| super::known(entries, known)));
                });
            }
            Queued::Erase(erasures, answer) => {
                let skeletons = Skeletons::new(self.context.clone(), &self.stream);
                let agreed = self.shared.agreement.agreed();
                self.tasks.spawn(async move { skeletons.answer(erasures, agreed, answer).await });
            }
        }
    }

    /// Hands a message to the client. Tells whether it took it.
    async fn send(&mut self, ticket: u64, message: Message) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, message.id.to_string());
        headers.insert(NATS_EXPECTED_STREAM, &*self.stream);
        let (subject, reply) = (stream::subject(&self.stream), format!("{}.{ticket}", self.inbox));
        let client = self.context.client();
        let sent = client.publish_with_reply_and_headers(subject, reply, headers, message.payload);
        // A server that hangs takes nothing, and nothing else may wait for it.
        let is_sent = matches!(timeout(SEND_MAX, sent).await, Ok(Ok(())));
        if !is_sent {
            self.appends.doubt(ticket, Instant::now());
        }
        is_sent
    }

    /// Takes in entries that were read, announces them, and then answers our own.
    fn take_in(&mut self, batch: Result<Vec<(Entry, MessageId)>, Lost>) {
        let entries = match batch {
            Ok(entries) => entries,
            Err(Lost::Newer(error)) => return self.shared.health.end(error.to_string()),
            Err(lost) => {
                self.lost = Some(lost.to_string());
                return self.refuse(&lost.to_string());
            }
        };
        let Some((last, _)) = entries.last() else { return };
        let end = last.position;
        let mut done = Vec::new();
        let mut latest = self.shared.latest.lock().expect("no holder of this lock panics");
        for (entry, id) in entries {
            done.extend(self.appends.read(id, entry.position));
            latest.push(entry);
        }
        drop(latest);
        self.shared.announce.send_replace(end);
        self.answer(done);
    }

    /// Takes an answer to a message, and all others that are there.
    fn take_answers(&mut self, first: &async_nats::Message) {
        let mut done: Vec<Done> = self.take_answer(first).into_iter().collect();
        while let Some(Some(answer)) = self.acknowledgements.next().now_or_never() {
            done.extend(self.take_answer(&answer));
        }
        self.answer(done);
    }

    fn take_answer(&mut self, answer: &async_nats::Message) -> Option<Done> {
        let ticket = answer.subject.rsplit('.').next()?.parse().ok()?;
        let error = match serde_json::from_slice(&answer.payload) {
            Ok(Answer::Acknowledgement(it)) if it.stream == self.stream => {
                self.is_well();
                return self.appends.acknowledge(ticket);
            }
            Ok(Answer::Acknowledgement(it)) => format!("the stream {} has taken it", it.stream),
            Ok(Answer::Error { error }) => error.description,
            Err(_) => "the stream has no leader".to_owned(),
        };
        tracing::debug!(error, "a message was not acknowledged");
        self.last_error = Some(error);
        self.appends.doubt(ticket, Instant::now());
        None
    }

    fn answer(&self, done: Vec<Done>) {
        let mut late = Vec::new();
        for done in done {
            let is_late = done.is_late;
            let (author, time) = done.answer();
            self.shared.metrics.append_seconds.observe(time.as_secs_f64());
            late.extend(author.filter(|_| is_late));
        }
        self.call(late);
    }

    /// Lets those be called whom no entry calls.
    fn call(&self, authors: Vec<UserId>) {
        if !authors.is_empty() {
            let mut refused = self.shared.refused.lock().expect("no holder of this lock panics");
            refused.extend(authors);
            drop(refused);
            // As it was: only to be heard.
            self.shared.announce.send_modify(|_| {});
        }
    }

    /// Looks what is overdue, and whether the node can do its work.
    async fn look(&mut self, queued: &mut mpsc::Receiver<Queued>) {
        let now = Instant::now();
        let link = *self.link.borrow_and_update();
        if link.generation != self.generation {
            self.generation = link.generation;
            self.appends.doubt_all(now);
        }
        if link.is_up {
            self.down_since = None;
            for (ticket, message) in self.appends.take_due(now) {
                if !self.send(ticket, message).await {
                    break;
                }
            }
        } else if now - *self.down_since.get_or_insert(now) > DOWN_MAX {
            self.refuse(&format!("no NATS server at {} can be reached", self.servers));
        }
        if self.appends.longest_silence(now).is_some_and(|silence| silence > SILENCE_MAX) {
            let error = self.last_error.as_deref().unwrap_or("it does not answer");
            self.refuse(&format!("the NATS cluster does not acknowledge what is written: {error}"));
        }
        let given_up = self.appends.give_up(now);
        self.answer(given_up);
        if self.is_refusing() {
            self.refuse_the_queue(queued);
            if link.is_up && self.appends.is_empty() && now - self.asked_at >= ASK_EVERY {
                self.ask();
            }
        }
    }

    fn is_refusing(&self) -> bool {
        self.shared.health.illness(Part::Log).is_some()
    }

    fn refuse(&self, reason: &str) {
        let reason = self.lost.as_deref().unwrap_or(reason);
        if self.shared.health.illness(Part::Log).as_deref() != Some(reason) {
            self.shared.health.is_ill(Part::Log, reason.to_owned());
        }
    }

    fn is_well(&mut self) {
        self.last_error = None;
        if self.lost.is_none() {
            self.shared.health.is_well(Part::Log);
        }
    }

    /// Refuses what was queued before it was known: nothing of it was sent.
    fn refuse_the_queue(&mut self, queued: &mut mpsc::Receiver<Queued>) {
        let mut authors = Vec::new();
        while let Ok(queued) = queued.try_recv() {
            match queued {
                Queued::Append(append) => {
                    authors.extend(append.author);
                    // The caller may have given up.
                    let _ = append.answer.send(Err(AppendError::NotWritten));
                }
                // The illness is the answer.
                Queued::Probe(answer) => _ = answer.send(()),
                // No answer: it is asked for again.
                Queued::ReadEach(..) | Queued::Erase(..) => {}
            }
        }
        self.call(authors);
    }

    /// Asks the stream's leader whether a majority stands behind it.
    fn ask(&mut self) {
        self.asked_at = Instant::now();
        let (context, stream, tell) =
            (self.context.clone(), self.stream.clone(), self.tell.clone());
        self.tasks.spawn(async move {
            let about = AboutStream::ask_once(&context, &stream).await;
            let is_well = about.is_ok_and(|about| about.has_majority());
            // Another answer that is as good may be there already.
            let _ = tell.try_send(is_well);
        });
    }

    fn judge(&mut self, is_well: bool) {
        // The tasks that are over.
        while self.tasks.try_join_next().is_some() {}
        if !is_well {
            let error = self.last_error.as_deref().unwrap_or("the stream has no leader");
            self.refuse(&format!("the NATS cluster does not do its work: {error}"));
        } else if self.appends.longest_silence(Instant::now()).is_none_or(|it| it <= SILENCE_MAX) {
            self.is_well();
        }
        self.probes.drain(..).for_each(|answer| _ = answer.send(()));
    }
}

/// Hands over what is read, until the log is not what it was.
async fn follow(mut reader: Reader, batches: mpsc::Sender<Result<Vec<(Entry, MessageId)>, Lost>>) {
    loop {
        let batch = reader.next_ones(BATCH_MAX).await;
        let is_over = batch.is_err();
        if batches.send(batch).await.is_err() || is_over {
            return;
        }
    }
}
