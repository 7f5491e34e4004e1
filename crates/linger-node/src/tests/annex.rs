//! Readers and senders who do not sleep in the node: the calls to an edge's own waiting
//! room, and the progress of a submit that nobody waits for.

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use linger_core::{Author, Command, Position, Rejection, RoomKind, UserId, visibility::Scope};

use super::{
    assembled::{Assembled, Parts},
    cast::{from, named, of_room, open, rename, say},
};
use crate::{Annex, Awaited, Call, Limits, Refusal, RoomRef, SubmitState, WaitLists};

/// A waiting room that writes its calls down.
#[derive(Default)]
struct Notebook {
    calls: Mutex<Vec<Arc<Call>>>,
    closed: Mutex<Option<Duration>>,
}

impl Annex for Notebook {
    fn wake(&self, call: &Arc<Call>) {
        self.calls.lock().unwrap().push(call.clone());
    }

    fn waiting(&self) -> usize {
        7
    }

    fn close(&self, spread: Duration) {
        *self.closed.lock().unwrap() = Some(spread);
    }
}

/// Lists that there are, empty or not.
struct Lists(Vec<Awaited>);

impl WaitLists for Lists {
    fn has(&self, awaited: Awaited) -> bool {
        self.0.contains(&awaited)
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn each(&self, visit: &mut dyn FnMut(Awaited)) {
        self.0.iter().copied().for_each(visit);
    }
}

fn attach(node: &Assembled) -> Arc<Notebook> {
    let notebook = Arc::new(Notebook::default());
    node.non_blocking().attach(Arc::<Notebook>::downgrade(&notebook));
    notebook
}

impl Notebook {
    /// Returns those, among these, whom the calls since the last time concern.
    fn called(&self, node: &Assembled, among: &[Awaited]) -> Vec<Awaited> {
        let mut called = Vec::new();
        for call in self.calls.lock().unwrap().drain(..) {
            node.non_blocking()
                .spread(&call, &Lists(among.to_vec()), |awaited| called.push(awaited));
        }
        among.iter().copied().filter(|awaited| called.contains(awaited)).collect()
    }
}

/// ann and bob are in #tea, cleo is not.
async fn tea(parts: &Parts) -> (Assembled, [UserId; 3], RoomRef) {
    let node = parts.start();
    let [ann, bob] = [node.guest("ann").await, node.guest("bob").await];
    let cleo = node.guest("cleo").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    node.ask(bob, "join", Command::JoinRoom { room: tea.id }).await.unwrap();
    (node, [ann, bob, cleo], tea)
}

#[tokio::test(start_paused = true)]
async fn an_annex_is_called_for_those_whom_it_concerns_and_nobody_else() {
    let (node, [ann, bob, cleo], tea) = tea(&Parts::new(Limits::default())).await;
    let notebook = attach(&node);
    let (room, outcome) = (Awaited::Room(tea.id), Awaited::Outcome);
    let [a, b, c] = [ann, bob, cleo].map(Awaited::User);
    let all = [room, a, b, c, outcome(ann), outcome(cleo)];
    node.says(ann, &tea, "one").await;
    assert_eq!(notebook.called(&node, &all), [room, a, b, outcome(ann)]);
    // The renamed person shares no room with the others.
    node.ask(cleo, "name", rename("chloe")).await.unwrap();
    assert_eq!(notebook.called(&node, &all), [c, outcome(cleo)]);
    node.ask(cleo, "join", Command::JoinRoom { room: tea.id }).await.unwrap();
    assert_eq!(notebook.called(&node, &all), [room, a, b, c, outcome(cleo)]);
    // A rejection is an outcome too, and no news.
    node.ask(cleo, "again", open("tea", RoomKind::Open)).await.unwrap_err();
    assert_eq!(notebook.called(&node, &all), [outcome(cleo)]);
    // With more lists than members it goes the other way round, to the same result.
    let strangers = (100..110).map(|number| Awaited::User(UserId::new(Position::new(number))));
    let many: Vec<_> = all.into_iter().chain(strangers).collect();
    node.says(bob, &tea, "two").await;
    assert_eq!(notebook.called(&node, &many), [room, a, b, c]);
    assert_eq!(notebook.called(&node, &many), []);
}

#[tokio::test(start_paused = true)]
async fn an_annex_is_called_for_the_rooms_that_its_readers_look_at_while_they_do() {
    let (node, [ann, _, cleo], tea) = tea(&Parts::new(Limits::default())).await;
    let garden = node.opens(ann, "garden", RoomKind::Open).await;
    let notebook = attach(&node);
    let looking = |reader, rooms: &[&RoomRef]| {
        Scope::of_onlooker(reader, rooms.iter().map(|room| (room.id, room.kind)))
    };
    let scopes = [looking(Some(cleo), &[&tea]), looking(None, &[&tea, &garden])];
    let all @ [cleos, visitors] = scopes.each_ref().map(Awaited::of);
    assert_eq!(cleos, Awaited::User(cleo));
    let onlook = |scope| node.non_blocking().onlook(scope).unwrap().unwrap();
    let twice = [onlook(&scopes[0]), onlook(&scopes[0])];
    let by_visitors = onlook(&scopes[1]);
    node.says(ann, &tea, "for both").await;
    assert_eq!(notebook.called(&node, &all), all);
    node.says(ann, &garden, "for visitors").await;
    assert_eq!(notebook.called(&node, &all), [visitors]);
    // A rename is no event of a room, and cleo is in none with ann.
    node.ask(ann, "name", rename("anna")).await.unwrap();
    assert_eq!(notebook.called(&node, &all), []);
    let [one, other] = twice;
    drop(one);
    node.says(ann, &tea, "one is left").await;
    assert_eq!(notebook.called(&node, &all), all);
    drop((other, by_visitors));
    node.says(ann, &tea, "nobody is left").await;
    assert_eq!(notebook.called(&node, &all), []);
    // To look at one open room as a visitor is to wait for that room, as others do.
    assert_eq!(Awaited::of(&looking(None, &[&tea])), Awaited::Room(tea.id));
}

#[tokio::test(start_paused = true)]
async fn an_annex_counts_as_held_and_is_closed_with_the_node_until_it_is_gone() {
    let (node, _, _) = tea(&Parts::new(Limits::default())).await;
    let notebook = attach(&node);
    assert_eq!(node.held(), (7, 7));
    let gone: Weak<Notebook> = Arc::downgrade(&attach(&node));
    assert!(gone.upgrade().is_none(), "the node holds on to nobody");
    assert_eq!(node.held(), (7, 7));
    node.close(Duration::from_secs(3)).await;
    assert_eq!(*notebook.closed.lock().unwrap(), Some(Duration::from_secs(3)));
}

#[tokio::test(start_paused = true)]
async fn a_submit_that_was_begun_is_known_when_its_author_is_called() {
    let (node, [ann, ..], tea) = tea(&Parts::new(Limits::default())).await;
    let notebook = attach(&node);
    let begin = |id: &str, text: &str| {
        let command = say(tea.id, text);
        node.non_blocking()
            .begin(Author::User(ann), named(id, &command), command)
            .expect("she is a member")
    };
    let cursor = node.latest();
    let first = begin("one", "tea");
    assert!(matches!(node.non_blocking().state_of(&first), SubmitState::OnItsWay));
    let page = node.waits(of_room(&tea, from(cursor)), 5).await;
    assert_eq!(notebook.called(&node, &[Awaited::Outcome(ann)]), [Awaited::Outcome(ann)]);
    let SubmitState::Outcome(Ok(receipt)) = node.non_blocking().state_of(&first) else {
        panic!("it is not done")
    };
    assert_eq!((receipt.news, receipt.is_repeat), (Some(page.news[0].clone()), false));

    // The same again is a repeat; other words under the same id are refused.
    let (repeat, other) = (begin("one", "tea"), begin("one", "coffee"));
    let marker = node.says(ann, &tea, "marker").await;
    let SubmitState::Stored { position, is_repeat: true } = node.non_blocking().state_of(&repeat)
    else {
        panic!("it is no repeat")
    };
    assert_eq!(position, receipt.position);
    let again = node.non_blocking().receipt(position, true).await.unwrap();
    assert_eq!((again.position, again.is_repeat), (receipt.position, true));
    assert_eq!(again.news.unwrap().json, page.news[0].json);
    let SubmitState::Outcome(Err(Refusal::Rejected(rejection))) =
        node.non_blocking().state_of(&other)
    else {
        panic!("it was taken")
    };
    assert_eq!(rejection, Rejection::RequestIdReused);
    assert!(marker.position > receipt.position);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_what_they_began_to_say_is_applied_is_told_so() {
    let (node, [ann, _, cleo], tea) = tea(&Parts::new(Limits::default())).await;
    let author = Author::User(ann);
    let leave =
        node.non_blocking().begin(author, None, Command::LeaveRoom { room: tea.id }).unwrap();
    let sent = node.non_blocking().begin(author, None, say(tea.id, "too late")).unwrap();
    node.guest("dora").await;
    assert!(matches!(node.non_blocking().state_of(&leave), SubmitState::Outcome(Ok(_))));
    let SubmitState::Outcome(Err(Refusal::Rejected(rejection))) =
        node.non_blocking().state_of(&sent)
    else {
        panic!("it was said")
    };
    assert_eq!(rejection, Rejection::NotAMember);
    // Once the node is open, it does not begin a send for somebody outside of the room.
    node.ready().await.unwrap();
    for user in [ann, cleo] {
        assert!(!node.non_blocking().would_take(Author::User(user), &say(tea.id, "hello")));
        assert!(
            node.non_blocking().begin(Author::User(user), None, say(tea.id, "hello")).is_none()
        );
    }
}
