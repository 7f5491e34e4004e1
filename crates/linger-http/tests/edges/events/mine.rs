//! `/api/v1/events`: the events of all my rooms, and those about me.

use axum::http::Method;
use serde_json::{Value, json};

use super::{MINE, told};
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::Stage,
};

over_both_drivers!(
    only_the_news_of_my_rooms_end_my_hold,
    who_is_brought_into_a_room_is_told_which_and_reads_on_until_they_leave,
    a_rename_is_told_to_the_renamed_and_to_those_who_share_a_room_with_them,
);

async fn only_the_news_of_my_rooms_end_my_hold(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.guest("ann").await, stage.guest("bob").await);
    for (slug, kind) in [("tea", "open"), ("coffee", "open"), ("secret", "closed")] {
        stage.open_room(&ann, slug, kind).await;
    }
    stage.join(&bob, "tea").await;
    let cursor = stage.latest();
    let held = stage.hold(stage.events(&bob, &format!("{MINE}?after={cursor}"))).await;
    for slug in ["coffee", "secret", "tea"] {
        stage.say_in(&ann, slug, &format!("in {slug}")).await;
    }
    let (lines, next) = told(&held.await.unwrap());
    assert_eq!((lines, &next), (vec!["in tea".to_owned()], &stage.latest()));
    let ann = stage.events(&ann, &format!("{MINE}?after={cursor}")).await;
    assert_eq!(told(&ann).0, ["in coffee", "in secret", "in tea"]);
}

async fn who_is_brought_into_a_room_is_told_which_and_reads_on_until_they_leave(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.guest("ann").await, stage.guest("bob").await);
    stage.open_room(&ann, "tea", "closed").await;
    stage.say_in(&ann, "tea", "before").await;
    let held = stage.hold(stage.events(&bob, &format!("{MINE}?wait=55"))).await;
    let path = format!("/rooms/tea/members/{}", bob.id);
    stage.change(&ann, Method::PUT, &path, &Value::Null).await;
    let page = held.await.unwrap().json();
    let joined = &page["events"][0];
    let expected = json!([{
        "position": joined["position"], "number": 3, "room": "tea", "type": "member_joined",
        "at": joined["at"], "by": { "id": ann.id, "name": "ann" },
        "member": { "id": bob.id, "name": "bob" },
        "entered": {
            "id": joined["entered"]["id"], "name": "tea", "topic": "", "kind": "closed", "members": 2,
        },
    }]);
    assert_eq!(page["events"], expected);

    stage.say_in(&ann, "tea", "with bob").await;
    stage.change(&bob, Method::DELETE, "/rooms/tea/members/me", &Value::Null).await;
    stage.say_in(&ann, "tea", "without bob").await;
    let cursor = page["cursor"].as_str().unwrap();
    let (lines, cursor) = told(&stage.events(&bob, &format!("{MINE}?after={cursor}")).await);
    assert_eq!(lines, ["with bob", "member_left"]);
    let held = stage.hold(stage.events(&bob, &format!("{MINE}?after={cursor}"))).await;
    stage.say_in(&ann, "tea", "without bob still").await;
    stage.join(&bob, "lobby").await;
    assert_eq!(told(&held.await.unwrap()).0, ["member_joined"]);
}

async fn a_rename_is_told_to_the_renamed_and_to_those_who_share_a_room_with_them(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob, cleo) =
        (stage.guest("ann").await, stage.guest("bob").await, stage.guest("cleo").await);
    stage.open_room(&ann, "tea", "open").await;
    stage.join(&bob, "tea").await;
    stage.open_room(&cleo, "coffee", "open").await;
    let mut held = Vec::new();
    for guest in [&ann, &bob, &cleo] {
        held.push(stage.hold(stage.events(guest, MINE)).await);
    }
    stage.change(&bob, Method::PATCH, "/me", &json!({ "name": "Robert" })).await;
    let [of_ann, of_bob, of_cleo] = held.try_into().unwrap();
    for held in [of_ann, of_bob] {
        let page = held.await.unwrap().json();
        let renamed = &page["events"][0];
        let expected = json!([{
            "position": renamed["position"], "type": "user_renamed", "at": renamed["at"],
            "by": { "id": bob.id, "name": "Robert" }, "old_name": "bob",
        }]);
        assert_eq!(page["events"], expected);
    }
    stage.until_held(1).await;
    stage.say_in(&cleo, "coffee", "one").await;
    assert_eq!(told(&of_cleo.await.unwrap()).0, ["one"]);
}
