//! Waiting in `/get_new_message`: one message a call, none lost, none twice.
//!
//! The article's faults have their tests here: the queue that is dropped after
//! two quick messages, and the server that forgets everything with a restart.

use linger_http::Settings;

use super::{numbered, told};
use crate::stage::{PATIENCE, Stage, hasty};

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_is_told_one_message_a_call_their_own_too_from_their_coming_on() {
    let stage = Stage::open_with(hasty()).await;
    let ann = stage.get_name().await;
    stage.send_message(&ann, "before bob").await;
    let bob = stage.get_name().await;
    stage.send_message(&bob, "one").await;
    stage.send_message(&ann, "two").await;
    assert_eq!(stage.read_all(&bob).await, ["one", "two"]);
    assert_eq!(stage.read_all(&ann).await, ["before bob", "one", "two"]);
    assert_eq!(stage.read_all(&ann).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_ends_the_wait_and_says_who_spoke_and_when() {
    let stage = Stage::open().await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    let held = stage.hold(stage.get_new_message(&bob)).await;
    stage.send_message(&ann, "hello").await;
    let (name, _) = ann.rsplit_once("==").unwrap();
    let expected = format!(
        r#"{{"status":1,"error":"","message":{{"username":"{name}","message":"hello","time":"2026-11-21 18:00:00"}}}}"#
    );
    assert_eq!(held.await.unwrap().body, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_quick_messages_all_arrive_in_order() {
    let stage = Stage::open_with(hasty()).await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    for number in 0..150 {
        stage.send_message(&ann, &number.to_string()).await;
    }
    assert_eq!(stage.read_all(&bob).await, numbered(0..150));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_said_between_look_and_wait_still_arrives() {
    let stage = Stage::open().await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    for number in 0..200 {
        let text = number.to_string();
        // Both at once: sometimes the one is first, sometimes the other.
        let reading = tokio::spawn(stage.get_new_message(&bob));
        let said = tokio::spawn(stage.send_message(&ann, &text));
        assert_eq!(told(&reading.await.unwrap()), Some(text));
        said.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_requests_of_one_visitor_each_message_answers_exactly_one() {
    let stage = Stage::open().await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    for round in 0..20 {
        let readers: Vec<_> = (0..5).map(|_| tokio::spawn(stage.get_new_message(&bob))).collect();
        let texts: Vec<_> = (0..5).map(|number| format!("{round}.{number}")).collect();
        for text in &texts {
            stage.send_message(&ann, text).await;
        }
        let mut read = Vec::new();
        for reader in readers {
            read.push(told(&reader.await.unwrap()).expect("a message for each"));
        }
        read.sort();
        assert_eq!(read, texts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_while_held_takes_no_message_with_it() {
    let stage = Stage::open().await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    let held = stage.hold(stage.get_new_message(&bob)).await;
    held.abort();
    stage.until_held(0).await;
    stage.send_message(&ann, "one").await;
    assert_eq!(told(&stage.get_new_message(&bob).await).as_deref(), Some("one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_names_and_messages_and_nothing_said_since_is_missed() {
    let stage = Stage::open().await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    stage.send_message(&ann, "before").await;
    let listed = stage.get_all_message().await;
    let held = stage.hold({
        stage.get_new_message(&bob).await;
        stage.get_new_message(&bob)
    });
    let held = held.await;
    let stage = stage.restart(hasty()).await;
    assert_eq!(told(&held.await.unwrap()), None, "who waits is answered when the server closes");
    assert_eq!(stage.get_all_message().await, listed);
    stage.send_message(&ann, "after").await;
    assert_eq!(stage.read_all(&bob).await, ["after"]);
    assert_eq!(stage.read_all(&ann).await, ["after"]);
    let tags: Vec<_> =
        stage.get_all_message().await.iter().map(|message| message["tag"].clone()).collect();
    assert_eq!(tags[0], tags[1], "ann is still ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_wait_lasts_up_to_30_seconds_and_a_little_less() {
    let settings = Settings::default();
    assert_eq!((settings.names_hold.as_secs(), settings.update_hold.as_secs()), (30, 300));
    // A wait that is over in time shows that it is held at all.
    let stage = Stage::open_with(hasty()).await;
    let started = tokio::time::Instant::now();
    assert_eq!(told(&stage.get_new_message("ann==u-1").await), None);
    let held = started.elapsed();
    assert!(held >= hasty().names_hold * 9 / 10 && held < PATIENCE, "{held:?}");
}
