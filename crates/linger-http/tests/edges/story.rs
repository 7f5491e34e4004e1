//! One story, told through every edge: a message that is sent through one is read
//! through all the others, in the same order, by polls and by waits.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, request},
};

over_both_drivers!(
    what_is_said_through_one_edge_is_read_through_all,
    whoever_waits_at_any_edge_hears_what_is_said_at_any_other,
    markup_said_anywhere_is_text_everywhere,
    what_is_nowhere_is_answered_by_none_of_the_seed_protocols,
);

/// Everything that each edge gives a reader, as `name: text` lines.
async fn read_everywhere(stage: &Stage) -> Vec<(&'static str, Vec<String>)> {
    let get = |path: &str| stage.get(path, &[]);
    let update = stage.form("/update", "cursor=", &[]).await.json();
    let all = stage.json("/get_all_message", &json!(null)).await.json();
    let history = get("/api/v1/rooms/lobby/messages").await.json();
    let events = get("/api/v1/rooms/lobby/events?after=start&wait=0").await.json();
    let line = |name: &Value, text: &Value| {
        format!("{}: {}", name.as_str().unwrap(), text.as_str().unwrap())
    };
    let native = |message: &Value| line(&message["by"]["name"], &message["text"]);
    let list = |value: &Value| value.as_array().unwrap().clone();
    let messages =
        list(&events["events"]).into_iter().filter(|event| event["type"] == "message_sent");
    vec![
        ("update", lines_of_html(&update)),
        (
            "get_all_message",
            list(&all).iter().map(|said| line(&said["username"], &said["message"])).collect(),
        ),
        ("history", list(&history["messages"]).iter().map(native).collect()),
        ("events", messages.map(|event| native(&event["message"])).collect()),
    ]
}

fn lines_of_html(update: &Value) -> Vec<String> {
    let html = update["html"].as_str().unwrap();
    let plain = html.replace("<div class=\"message\"><b>", "").replace("</b>", "");
    plain.split_terminator("</div>").map(str::to_owned).collect()
}

/// Sends `text` through one of the edges, as the person of that edge.
async fn say(stage: &Stage, edge: &str, person: &str, text: &str) {
    let answer: Answer = match edge {
        "new" => stage.form("/new", &format!("msg={text}"), &[("cookie", person)]).await,
        "send_message" => {
            stage
                .json(
                    "/send_message",
                    &json!({ "username": person, "message": text, "time": "18:00" }),
                )
                .await
        }
        "put" => {
            let path = format!("/api/v1/rooms/lobby/messages/{text}-1");
            let body = json!({ "text": text }).to_string();
            stage.send(request(Method::PUT, &path, &body, &[("cookie", person)])).await
        }
        edge => panic!("there is no edge {edge}"),
    };
    assert!(answer.status.is_success(), "{edge}: {}", answer.body);
}

async fn what_is_said_through_one_edge_is_read_through_all(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.json("/api/v1/guests", &json!({ "name": "ann" })).await.cookie();
    let bob = stage.json("/api/v1/guests", &json!({ "name": "bob" })).await.cookie();
    let people = [("new", ann.as_str()), ("send_message", "cleo==u-1"), ("put", bob.as_str())];
    for round in 1..=3 {
        for (edge, person) in people {
            say(&stage, edge, person, &format!("{edge}-{round}")).await;
        }
    }
    let one_round = |round| {
        [
            format!("ann: new-{round}"),
            format!("cleo: send_message-{round}"),
            format!("bob: put-{round}"),
        ]
    };
    let expected: Vec<_> = (1..=3).flat_map(one_round).collect();
    for (edge, lines) in read_everywhere(&stage).await {
        assert_eq!(lines, expected, "{edge}");
    }
}

async fn whoever_waits_at_any_edge_hears_what_is_said_at_any_other(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.json("/api/v1/guests", &json!({ "name": "ann" })).await.cookie();
    say(&stage, "new", &ann, "begin").await;
    say(&stage, "send_message", "cleo==u-1", "begin").await;
    say(&stage, "put", &ann, "begin").await;
    let people = [("new", ann.as_str()), ("send_message", "cleo==u-1"), ("put", ann.as_str())];
    for (edge, person) in people {
        let cursor = stage.form("/update", "cursor=", &[]).await.json()["latest_cursor"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("/api/v1/rooms/lobby/events?after={cursor}");
        let dora = stage.json("/get_name", &json!(null)).await.json();
        let held = [
            stage.hold(stage.form("/update", &format!("cursor={cursor}"), &[])).await,
            stage.hold(stage.json("/get_new_message", &json!({ "username": dora }))).await,
            stage.hold(stage.get(&path, &[])).await,
        ];
        say(&stage, edge, person, edge).await;
        for held in held {
            let answer = held.await.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
            // The text ends before the end of a JSON string, or of an element.
            let ends = ["\"", "\\u003c/div"]
                .map(|end| answer.body.matches(&format!("{edge}{end}")).count());
            assert_eq!(ends.iter().sum::<usize>(), 1, "{}", answer.body);
        }
    }
}

async fn markup_said_anywhere_is_text_everywhere(driver: Driver) {
    let stage = Stage::open(driver).await;
    let text = "<img onerror=alert(1)>";
    stage.json("/send_message", &json!({ "username": "<i>ann</i>==u-1", "message": text })).await;
    for (edge, lines) in read_everywhere(&stage).await {
        let expected = match edge {
            "update" => "&lt;i&gt;ann&lt;/i&gt;: &lt;img onerror=alert(1)&gt;",
            _ => "<i>ann</i>: <img onerror=alert(1)>",
        };
        assert_eq!(lines, [expected], "{edge}");
    }
}

async fn what_is_nowhere_is_answered_by_none_of_the_seed_protocols(driver: Driver) {
    let stage = Stage::open(driver).await;
    for path in ["/updates", "/new/", "/get_names", "/nowhere"] {
        let answer = stage.form(path, "msg=x", &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
}
