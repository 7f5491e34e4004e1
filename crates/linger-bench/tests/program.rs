//! The program from outside, against a small server that speaks enough of
//! Linger's API: correct answers pass, and missing, doubled, swapped or refused
//! messages fail loudly.

mod fake;

use std::process::{Command, Output};

use fake::{Fake, Habit};

fn play(fake: &Fake, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linger-bench"));
    let url = format!("http://{}", fake.address);
    command.args(arguments).args(["--url", &url, "--patience", "4"]);
    command.output().expect("the program starts")
}

fn check(habit: Habit, arguments: &[&str], is_right: bool, said: &str) -> String {
    let output = play(&Fake::open(habit), arguments);
    let all = [output.stdout, output.stderr].concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    assert_eq!(output.status.success(), is_right, "{habit:?} {arguments:?}:\n{all}");
    assert!(all.contains(said), "{habit:?} {arguments:?} does not say {said:?}:\n{all}");
    all
}

#[test]
fn a_crowd_of_fifty_gets_every_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let (json, svg) = (folder.path().join("crowd.json"), folder.path().join("crowd.svg"));
    let (json, svg) = (json.to_str().expect("a path"), svg.to_str().expect("a path"));
    let arguments = ["crowd", "--readers", "50", "--messages", "3", "--json", json, "--svg", svg];
    check(Habit::Right, &arguments, true, "last reader has it");
    let report = std::fs::read_to_string(json).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
    let figures = &report["records"][0]["medians"];
    assert_eq!((&figures["readers"], &figures["errors"]), (&50.0.into(), &0.0.into()), "{report}");
    assert!(std::fs::read_to_string(svg).expect("a picture").starts_with("<svg "));
}

#[test]
fn answers_may_come_chunked_and_in_single_bytes() {
    check(Habit::Chunked, &["crowd", "--readers", "20", "--messages", "2"], true, "last reader");
    check(Habit::Dribbling, &["crowd", "--readers", "5", "--messages", "2"], true, "last reader");
}

#[test]
fn a_stream_carries_the_same_messages() {
    let arguments = ["crowd", "--readers", "20", "--messages", "3", "--mode", "sse"];
    check(Habit::Right, &arguments, true, "last reader has it");
}

#[test]
fn lines_of_text_carry_the_same_messages() {
    let arguments = ["crowd", "--readers", "20", "--messages", "3", "--mode", "follow"];
    check(Habit::Right, &arguments, true, "lines without end");
    let four = ["crowd", "--readers", "5", "--messages", "4", "--mode", "follow"];
    check(Habit::Forgetting, &four, false, "never got 3 to 3");
}

#[test]
fn a_connection_may_serve_another_request_first() {
    let arguments = ["crowd", "--readers", "20", "--messages", "2", "--after-request"];
    check(Habit::Right, &arguments, true, "after another request");
}

#[test]
fn another_request_that_fails_or_costs_the_connection_fails_the_run() {
    let plain = ["crowd", "--readers", "5", "--messages", "1"];
    let after_request = ["crowd", "--readers", "5", "--messages", "1", "--after-request"];
    for arguments in [&plain[..], &after_request] {
        check(Habit::Unwelcoming, arguments, false, "was answered 503");
        check(Habit::Curt, arguments, false, "is closed out again and again");
    }
}

#[test]
fn memory_is_told_when_all_have_come_after_a_request_and_when_all_have_gone() {
    // It does nothing, and its memory can be looked at.
    let mut process = Command::new("sleep").arg("60").spawn().expect("a process");
    let pid = process.id().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, said, key) in [
        (&["crowd", "--messages", "2"], "earlier request", "userland_after_request_kib_per_reader"),
        (&["comings", "--rest", "0"], "come and gone", "userland_growth_percent"),
    ] {
        let json = folder.path().join(key);
        let json = json.to_str().expect("a path");
        let common = ["--readers", "20", "--pid", &pid, "--json", json];
        check(Habit::Right, &[&arguments[..], &common].concat(), true, said);
        let report = std::fs::read_to_string(json).expect("a report");
        let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
        let figures = &report["records"][0]["medians"];
        assert_eq!((&figures[key], &figures["errors"]), (&0.0.into(), &0.0.into()), "{report}");
    }
    process.kill().and_then(|()| process.wait()).expect("it ends");
}

#[test]
fn a_server_may_close_after_each_answer() {
    check(Habit::Closing, &["crowd", "--readers", "10", "--messages", "3"], true, "last reader");
}

#[test]
fn small_rooms_senders_silence_and_catching_up_work() {
    let chatter =
        ["chatter", "--rooms", "6", "--readers", "4", "--publishers", "2", "--seconds", "1"];
    check(Habit::Right, &chatter, true, "deliveries");
    check(
        Habit::Right,
        &["senders", "--senders", "4", "--seconds", "1"],
        true,
        "acknowledged publishes",
    );
    check(Habit::Right, &["idle", "--readers", "20", "--seconds", "1"], true, "holds that ended");
    let catch_up = ["catch-up", "--readers", "10", "--messages", "30"];
    check(Habit::Right, &catch_up, true, "until all have caught up");
}

#[test]
fn messages_are_sent_by_put_or_by_post() {
    for (sends, is_right, said) in [
        ("post", true, "sent by POST"),
        ("put", false, "was answered 405"),
        ("both", false, "was answered 405"),
    ] {
        let crowd = ["crowd", "--readers", "5", "--messages", "2", "--sends", sends];
        check(Habit::Posting, &crowd, is_right, said);
    }
    let both = ["senders", "--senders", "2", "--seconds", "1", "--sends", "both"];
    check(Habit::Right, &both, true, "sent by PUT and POST in turns");
}

#[test]
fn each_reader_may_have_a_session_of_its_own() {
    let crowd = ["crowd", "--readers", "40", "--messages", "2", "--sessions"];
    check(Habit::Private, &crowd, true, "each reader with a session");
    let stream = ["crowd", "--readers", "5", "--messages", "2", "--sessions", "--mode", "sse"];
    check(Habit::Private, &stream, true, "each reader with a session");
    check(Habit::Private, &crowd[..5], false, "was answered 401");
}

#[test]
fn a_missing_message_fails_the_run() {
    let crowd = ["crowd", "--readers", "5", "--messages", "4"];
    check(Habit::Forgetting, &crowd, false, "never got 3 to 3");
    let chatter =
        ["chatter", "--rooms", "1", "--readers", "2", "--publishers", "1", "--seconds", "1"];
    check(Habit::Forgetting, &chatter, false, "got 4 where 3 was next: 1 missing");
}

#[test]
fn a_message_twice_fails_the_run() {
    check(
        Habit::Repeating,
        &["crowd", "--readers", "5", "--messages", "4"],
        false,
        "again, or late",
    );
}

#[test]
fn a_send_that_was_acknowledged_and_lost_fails_the_run() {
    let senders = ["senders", "--senders", "2", "--seconds", "1"];
    check(Habit::Forgetting, &senders, false, "FAILED");
}

#[test]
fn an_error_of_the_server_fails_the_run() {
    check(Habit::Refusing, &["crowd", "--readers", "5", "--messages", "2"], false, "503");
}

#[test]
fn what_cannot_be_is_said_in_a_sentence() {
    for (arguments, said) in [
        (&["crowd", "--url", "http://10.0.0.1:80"][..], "on this machine only"),
        (&["crowd", "--url", "ftp://127.0.0.1"], "speaks plain HTTP"),
        (&["crowd", "--readers", "0"], "not in 1..=200000"),
        (&["idle", "--seconds", "100000"], "not in 1..=600"),
        (&["crowd", "--fsync-ms=-1"], "a number of milliseconds up to 1000"),
        (&["crowd", "--fsync-ms", "1", "--url", "http://127.0.0.1:1"], "cannot be used with"),
        (&["crowd", "--linger", "/no/such/program"], "there is no program /no/such/program"),
        (
            &["crowd", "--target", "durable-streams", "--peers", "/no/such"],
            "cargo install durable-streams",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_linger-bench")).args(arguments).output();
        let output = output.expect("the program starts");
        let all = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(all.contains(said), "{arguments:?} does not say {said:?}: {all}");
        assert!(!all.contains("panicked"), "{all}");
    }
}
