//! Bounds for one person: so many rooms, and no more. And a server with many people
//! knows all of them.

use std::sync::Arc;

use linger_core::{Author, Command, Rejection, RoomId, RoomKind, TokenHash, UserId, UserName};

use super::cast::{TestClock, named, open, say};
use crate::{Asker, Limits, Node, Refusal, Rollback, questions::Start};

/// Returns the rejection of a command; none if it is carried out.
async fn refused(node: &Node, by: UserId, command: Command) -> Option<Rejection> {
    match node.submit(Author::User(by), None, command).await {
        Ok(_) => None,
        Err(Refusal::Rejected(rejection)) => Some(rejection),
        Err(unavailable) => panic!("{unavailable}"),
    }
}

async fn rooms(node: &Node, user: UserId) -> usize {
    node.query(Asker::Person(user), Start(user)).await.unwrap().unwrap().rooms.rooms.len()
}

#[tokio::test]
async fn nobody_comes_into_more_rooms_than_a_person_may_be_in_however_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { rooms_of_a_person_max: 3, ..Limits::default() };
    let clock = Arc::new(TestClock::new(1));
    let node = Node::open(folder.path(), Rollback::Refused, limits, clock).unwrap();
    node.ready().await.unwrap();
    let [ann, bob, cleo] =
        [node.guest("ann").await, node.guest("bob").await, node.guest("cleo").await];
    let join = |room: RoomId| Command::JoinRoom { room };
    let add = |room: RoomId| Command::AddMember { room, user: bob };
    let [tea, den, attic] =
        ["tea", "den", "attic"].map(|slug| node.opens(ann, slug, RoomKind::Open));
    let [tea, den, attic] = [tea.await.id, den.await.id, attic.await.id];
    let garden = node.opens(cleo, "garden", RoomKind::Open).await.id;
    let opened = open("books", RoomKind::Closed);
    let first = node.submit(Author::User(bob), named("b", &opened), opened.clone()).await.unwrap();
    let books = RoomId::new(first.position);
    for room in [tea, den] {
        assert_eq!(refused(&node, bob, join(room)).await, None);
    }
    let too_many = Some(Rejection::TooManyRooms);
    assert_eq!(refused(&node, bob, join(attic)).await, too_many);
    assert_eq!(refused(&node, bob, open("more", RoomKind::Open)).await, too_many);
    assert_eq!(refused(&node, ann, add(attic)).await, too_many, "nobody is pushed in either");
    // A change that is true already adds no room, and neither does a repeat.
    assert_eq!(refused(&node, bob, join(tea)).await, None);
    assert_eq!(refused(&node, ann, add(tea)).await, None);
    let again = node.submit(Author::User(bob), named("b", &opened), opened).await.unwrap();
    assert_eq!((again.position, again.is_repeat), (first.position, true));
    assert_eq!(refused(&node, bob, say(tea, "hello")).await, None);
    // Those outside of a room learn nothing about others.
    assert_eq!(refused(&node, ann, add(garden)).await, Some(Rejection::NotAMember));
    assert_eq!(rooms(&node, bob).await, 3);
    // A person who leaves a room may enter another; here, the closed one that they left.
    assert_eq!(refused(&node, bob, Command::LeaveRoom { room: books }).await, None);
    assert_eq!(refused(&node, ann, add(attic)).await, None);
    assert_eq!(refused(&node, bob, join(books)).await, too_many);
    assert_eq!(rooms(&node, bob).await, 3);
}

#[tokio::test]
async fn others_leave_a_person_places_for_rooms_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { rooms_of_a_person_max: 4, rooms_by_others_max: 2, ..Limits::default() };
    let clock = Arc::new(TestClock::new(1));
    let node = Node::open(folder.path(), Rollback::Refused, limits, clock).unwrap();
    node.ready().await.unwrap();
    let [ann, bob] = [node.guest("ann").await, node.guest("bob").await];
    let mut rooms = Vec::new();
    for slug in ["one", "two", "three"] {
        rooms.push(node.opens(ann, slug, RoomKind::Closed).await.id);
    }
    let add = |room: RoomId| Command::AddMember { room, user: bob };
    for (room, expected) in rooms.iter().zip([None, None, Some(Rejection::TooManyRooms)]) {
        assert_eq!(refused(&node, ann, add(*room)).await, expected);
    }
    // The other places are his own.
    for slug in ["four", "five"] {
        assert_eq!(refused(&node, bob, open(slug, RoomKind::Open)).await, None);
    }
    let too_many = Some(Rejection::TooManyRooms);
    assert_eq!(refused(&node, bob, open("six", RoomKind::Open)).await, too_many);
    // Others can bring him along again when he is in few rooms.
    for room in rooms[..2].iter().copied() {
        assert_eq!(refused(&node, bob, Command::LeaveRoom { room }).await, None);
    }
    let four = node.room("four", Some(bob)).unwrap().id;
    assert_eq!(refused(&node, ann, add(rooms[2])).await, too_many);
    assert_eq!(refused(&node, bob, Command::LeaveRoom { room: four }).await, None);
    assert_eq!(refused(&node, ann, add(rooms[2])).await, None);
}

#[test]
fn whoever_is_in_too_many_rooms_is_told_the_real_bound() {
    let Limits { rooms_of_a_person_max, rooms_by_others_max, .. } = Limits::default();
    let told = Rejection::TooManyRooms.to_string();
    assert!(told.contains(&format!(" in {rooms_of_a_person_max} rooms ")), "{told}");
    assert!(told.contains(&format!(" more than {rooms_by_others_max};")), "{told}");
}

#[tokio::test]
async fn a_session_that_makes_room_for_another_is_known_again_when_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { sessions_max: 2, ..Limits::default() };
    let clock = Arc::new(TestClock::new(1));
    let node = Node::open(folder.path(), Rollback::Refused, limits, clock).unwrap();
    node.ready().await.unwrap();
    let mut people = Vec::new();
    for name in ["ann", "bob", "cleo"] {
        let token = node.fresh_token();
        let name = UserName::parse(name).unwrap();
        let token_hash = Some(TokenHash::of(&token));
        let command = Command::CreateGuest { name, token_hash, external_id: None };
        let made = node.submit(Author::Server, None, command).await.unwrap();
        people.push((token, UserId::new(made.position)));
    }
    for _ in 0..2 {
        for (token, user) in &people {
            assert_eq!(node.authenticate(token).await.unwrap(), Some(*user));
            let known = people.iter().filter(|(token, _)| node.session(token).is_some()).count();
            assert!(known <= 2, "{known}");
        }
    }
    // A session that was forgotten is asked for in the tables.
    let (token, user) = &people[2];
    assert_eq!(node.session(token), Some(*user));
    node.forget_session(&TokenHash::of(token));
    assert_eq!(node.session(token), None);
    assert_eq!(node.authenticate(token).await.unwrap(), Some(*user));
}
