//! The people of the town: readers who follow the feed, and writers who insist.
//!
//! A reader keeps its cursor through everything. A writer asks again, under the
//! same request id, until it is told yes or no; sometimes twice at once, and
//! sometimes again much later.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use linger_core::{
    Author, Command, Emoji, Entities, MessageId, MessageText, News, Position, Rejection, Request,
    RequestId, RoomId, RoomKind, UserId, visibility::Scope,
};
use tokio::time::{Instant, timeout};

use super::world::{Visit, World};
use crate::{
    After, Asker, Receipt, Refusal, Wait,
    tests::{cast, chance::Chance},
};

/// The deeds of one of them.
#[derive(Default)]
pub(super) struct Report {
    pub(super) actor: u64,
    /// For people: one line for each thing done.
    pub(super) lines: Vec<String>,
    /// For a reader: every wait that was answered, in order.
    pub(super) readings: Vec<Reading>,
    /// For a writer: everything that was acknowledged.
    pub(super) promises: Vec<Promise>,
}

/// One wait that was answered.
pub(super) struct Reading {
    pub(super) life: usize,
    pub(super) reader: Option<UserId>,
    pub(super) scope: Scope,
    pub(super) limit: usize,
    pub(super) began_ms: u64,
    pub(super) deadline_ms: u64,
    pub(super) ended_ms: u64,
    pub(super) from: Position,
    pub(super) to: Position,
    pub(super) news: Vec<Arc<News>>,
}

/// One acknowledgement.
#[derive(Clone)]
pub(super) struct Promise {
    pub(super) author: Author,
    pub(super) request_id: RequestId,
    pub(super) command: Command,
    pub(super) receipt: Receipt,
}

/// Reads until the story is over, and then what is left.
pub(super) async fn read(world: Arc<World>, actor: u64) -> Report {
    let mut chance = world.plan.chance(actor);
    let mut report = Report { actor, ..Report::default() };
    let mut wait = view(&world, &mut chance);
    loop {
        world.turn(actor, chance.pick(&[5, 50, 500, 3000])).await;
        let is_over = world.is_settled.load(Ordering::Relaxed);
        let place = match wait.after {
            After::Cursor(cursor) => cursor.position,
            _ => Position::START,
        };
        let Some(mut visit) = world.visit(&mut chance) else { continue };
        let (life, node) = (visit.life, visit.node.clone());
        wait.limit = chance.pick(&[1, 2, 5, 1000]);
        let hold_ms = if is_over { 0 } else { chance.pick(&[0, 1000, 5000, 25_000]) };
        let patience_ms = if chance.happens(15) { chance.within(1..3000) } else { u64::MAX >> 20 };
        let from = place;
        let began_ms = world.ms();
        let deadline = Instant::now() + Duration::from_millis(hold_ms);
        let answer = timeout(Duration::from_millis(patience_ms), node.wait(wait.clone(), deadline));
        let page = match visit.until_crash(answer).await {
            None => {
                report.lines.push(format!("{began_ms} {actor} read on from {from}: crash"));
                continue;
            }
            Some(Err(_)) => {
                report.lines.push(format!("{began_ms} {actor} read on from {from}: went away"));
                continue;
            }
            Some(Ok(page)) => page.unwrap_or_else(|refusal| panic!("a reader is told: {refusal}")),
        };
        assert_eq!(page.reset, None, "a good cursor ({from}) is answered with a reset");
        let (ended_ms, to) = (world.ms(), page.cursor.position);
        report.lines.push(format!(
            "{began_ms} {actor} read on from {from} until {ended_ms}: {} to {to}",
            page.news.len()
        ));
        wait.after = After::Cursor(page.cursor);
        let is_last = is_over && page.news.is_empty();
        report.readings.push(Reading {
            life,
            reader: wait.reader,
            scope: wait.scope.clone(),
            limit: wait.limit,
            began_ms,
            deadline_ms: began_ms + hold_ms,
            ended_ms,
            from,
            to,
            news: page.news,
        });
        if is_last {
            return report;
        }
    }
}

/// Draws a reader's view: their own rooms, an open room, a closed one as an insider or
/// as an outsider, or several open rooms that they look at.
fn view(world: &World, chance: &mut Chance) -> Wait {
    let user = chance.pick(&world.users);
    let [tea, cellar, lobby] = [0, 1, 2].map(|room| world.rooms[room].scope());
    let in_sight = [0, 2].map(|room| (world.rooms[room].id, world.rooms[room].kind));
    let (reader, scope) = match chance.within(0..13) {
        0..4 => (Some(user), Scope::Mine(user)),
        4..6 => (None, tea),
        6 => (None, cellar),
        7..9 => (Some(user), cellar),
        9 => (None, Scope::of_onlooker(None, in_sight)),
        10..12 => (Some(user), Scope::of_onlooker(Some(user), in_sight)),
        _ => (Some(user), lobby),
    };
    Wait { asker: Asker::of(reader), reader, scope, after: After::Start, limit: 1 }
}

/// Asks for one thing after another.
pub(super) async fn write(world: Arc<World>, actor: u64) -> Report {
    let mut chance = world.plan.chance(actor);
    let mut writer = Writer {
        user: chance.pick(&world.users),
        rooms: world.rooms.iter().map(|room| room.id).collect(),
        report: Report { actor, ..Report::default() },
        world,
    };
    for number in 0..writer.world.plan.asks_each {
        let command = writer.draw(&mut chance, number);
        // Two writers may be the same user; their request ids differ.
        let request_id = cast::request(&format!("w{actor}-{number}"));
        writer.insist(&mut chance, &request_id, &command).await;
        // An acknowledged command, recent or old, is sent again.
        if chance.happens(30) && !writer.report.promises.is_empty() {
            let which = chance.within(0..writer.report.promises.len() as u64) as usize;
            let Promise { request_id, command, .. } = writer.report.promises[which].clone();
            writer.insist(&mut chance, &request_id, &command).await;
        }
    }
    writer.report
}

fn answer(room: RoomId, text: &str, message: MessageId) -> Command {
    Command::SendMessage {
        room,
        text: MessageText::parse(text).expect("it is a text"),
        sender_time: None,
        entities: Entities::default(),
        reply_to: Some(message),
        files: Vec::new(),
    }
}

struct Writer {
    world: Arc<World>,
    user: UserId,
    rooms: Vec<RoomId>,
    report: Report,
}

impl Writer {
    fn draw(&self, chance: &mut Chance, number: u64) -> Command {
        let room = chance.pick(&self.rooms);
        let name = format!("{} says {number}", self.report.actor);
        // The latest deeds of this user, so that most changes are of messages that are there.
        let said = self.report.promises.iter().filter_map(|promise| {
            promise.receipt.news.as_ref()?.message().map(|message| (message.id, promise))
        });
        let said: Vec<_> = said.collect();
        if let Some((message, promise)) = said.last().filter(|_| chance.happens(30)) {
            let (message, emoji) = (*message, Emoji::parse("👍").expect("it is one"));
            return match chance.within(0..6) {
                0..2 => Command::EditMessage {
                    message,
                    text: MessageText::parse(&format!("{name}, edited")).expect("it is a text"),
                    entities: Entities::default(),
                },
                2 => Command::DeleteMessage { message },
                3 => Command::AddReaction { message, emoji },
                4 => Command::PinMessage { message },
                _ => {
                    let room = promise.receipt.news.as_ref().and_then(|news| news.room_id());
                    answer(room.expect("it is in a room"), &name, message)
                }
            };
        }
        match chance.within(0..100) {
            0..55 => cast::say(room, &name),
            55..70 => Command::JoinRoom { room },
            70..77 => Command::LeaveRoom { room },
            77..87 => Command::AddMember { room, user: chance.pick(&self.world.users) },
            87..95 => cast::rename(&name),
            _ => cast::open(
                &format!("room-{}", chance.within(0..4)),
                chance.pick(&[RoomKind::Open, RoomKind::Closed]),
            ),
        }
    }

    /// Asks until there is an answer, or until it has tried often enough.
    async fn insist(&mut self, chance: &mut Chance, request_id: &RequestId, command: &Command) {
        for _ in 0..12 {
            let gap_ms = chance.pick(&[1, 20, 300, 3000]);
            self.world.turn(self.report.actor, gap_ms).await;
            if chance.happens(25) {
                let visits = [(); 2].map(|()| self.world.visit(chance));
                let [one, other] = visits;
                let twice = tokio::join!(
                    self.ask(one, request_id, command),
                    self.ask(other, request_id, command)
                );
                let is_answered = [
                    self.note(request_id, command, twice.0),
                    self.note(request_id, command, twice.1),
                ];
                if is_answered.contains(&true) {
                    return;
                }
            } else {
                let visit = self.world.visit(chance);
                let once = self.ask(visit, request_id, command).await;
                if self.note(request_id, command, once) {
                    return;
                }
            }
        }
    }

    async fn ask(
        &self,
        visit: Option<Visit>,
        request_id: &RequestId,
        command: &Command,
    ) -> Option<Result<Receipt, Refusal>> {
        let mut visit = visit?;
        let node = visit.node.clone();
        let author = Author::User(self.user);
        let request = Some(Request::of(request_id.clone(), command));
        visit.until_crash(node.submit(author, request, command.clone())).await
    }

    /// Notes an answer down. Tells whether it was one.
    fn note(
        &mut self,
        request_id: &RequestId,
        command: &Command,
        answer: Option<Result<Receipt, Refusal>>,
    ) -> bool {
        let was_promised = |promise: &Promise| promise.request_id == *request_id;
        let (answer, is_answer) = match answer {
            Some(Ok(receipt)) => {
                let what = format!(
                    "{}{}",
                    receipt.position,
                    if receipt.is_repeat { " again" } else { "" }
                );
                if let (Command::OpenRoom { .. }, Some(news)) = (command, &receipt.news) {
                    self.rooms.extend(news.room_id());
                }
                let (request_id, command) = (request_id.clone(), command.clone());
                self.report.promises.push(Promise {
                    author: Author::User(self.user),
                    request_id,
                    command,
                    receipt,
                });
                (what, true)
            }
            Some(Err(Refusal::Rejected(rejection))) => {
                let is_broken = self.report.promises.iter().any(was_promised);
                assert!(
                    !is_broken,
                    "{request_id} was acknowledged, and then rejected: {rejection:?}"
                );
                assert_ne!(rejection, Rejection::RequestIdReused, "{request_id} was used once");
                (format!("{rejection:?}"), true)
            }
            Some(Err(Refusal::Unavailable(unavailable))) => (format!("{unavailable:?}"), false),
            None => ("down".to_owned(), false),
        };
        let (ms, actor) = (self.world.ms(), self.report.actor);
        self.report
            .lines
            .push(format!("{ms} {actor} as {} asks {request_id} {command:?}: {answer}", self.user));
        is_answer
    }
}
