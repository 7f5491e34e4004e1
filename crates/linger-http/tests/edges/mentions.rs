//! Names behind an `@`, and marks, by whichever edge they come: looked up once, when they are sent.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Stage, request},
};

over_both_drivers!(
    a_name_means_the_one_member_who_bears_it,
    a_form_of_a_page_is_written_as_in_the_script_and_a_terminal_says_how,
    the_seed_protocols_say_what_they_said,
);

struct Person {
    id: u64,
    bearer: String,
}

async fn arrive(stage: &Stage, name: &str) -> Person {
    let guest = stage.json("/api/v1/guests", &json!({ "name": name })).await.json();
    let token = guest["token"].as_str().unwrap();
    Person { id: guest["user"]["id"].as_u64().unwrap(), bearer: format!("Bearer {token}") }
}

impl Person {
    async fn call(&self, stage: &Stage, method: Method, path: &str, body: Value) -> Value {
        let headers = [("authorization", self.bearer.as_str())];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let path = format!("/api/v1{path}");
        let answer = stage.send(request(method, &path, &body, &headers)).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    async fn joins(&self, stage: &Stage) {
        self.call(stage, Method::PUT, "/rooms/lobby/members/me", Value::Null).await;
    }
}

/// Returns the mentions in the newest message of the lobby: who is meant, from where on.
async fn newest(stage: &Stage) -> (String, Value) {
    let page = stage.get("/api/v1/rooms/lobby/messages?limit=1", &[]).await.json();
    let message = &page["messages"][0];
    (message["text"].as_str().unwrap().to_owned(), message["entities"].clone())
}

async fn a_name_means_the_one_member_who_bears_it(driver: Driver) {
    let stage = Stage::open(driver).await;
    let [ann, bob, eve] = [
        arrive(&stage, "ann").await,
        arrive(&stage, "Bob Smith").await,
        arrive(&stage, "eve").await,
    ];
    ann.joins(&stage).await;
    bob.joins(&stage).await;
    for _ in 0..2 {
        arrive(&stage, "cleo").await.joins(&stage).await;
    }
    let mention = |offset: u64, length: u64, person: &Person| json!({ "type": "mention", "offset": offset, "length": length, "user": person.id });
    let rows = [
        ("the longest name", "hi @Bob Smith!", json!([mention(3, 10, &bob)])),
        ("two of them", "@ann, @Bob Smith", json!([mention(0, 4, &ann), mention(6, 10, &bob)])),
        ("somebody who is not here", "@eve", Value::Null),
        ("a name that two have", "@cleo", Value::Null),
    ];
    let path = "/rooms/lobby/messages";
    for (case, text, expected) in &rows {
        for format in ["plain", "markdown"] {
            let sent = json!({ "text": text, "format": format });
            let said = ann.call(&stage, Method::POST, path, sent).await;
            assert_eq!(&said["message"]["entities"], expected, "{case}, {format}");
        }
        // In lines, and from somebody who comes in with it.
        let answer = stage.form("/r/lobby?as=dan", text, &[]).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{case}");
        assert_eq!(newest(&stage).await, ((*text).to_owned(), expected.clone()), "{case}");
    }
    // Speaking joins; from then on the name means its bearer.
    let said = eve.call(&stage, Method::POST, path, json!({ "text": "@eve" })).await;
    assert_eq!(said["message"]["entities"], Value::Null);
    let changed = format!("/messages/{}", said["message"]["id"]);
    let changed = eve.call(&stage, Method::PATCH, &changed, json!({ "text": "I, @eve" })).await;
    assert_eq!(changed["message"]["entities"], json!([mention(3, 4, &eve)]));
    // A repeat is the same request, whoever has come since.
    let named = "/rooms/lobby/messages/once";
    let first = ann.call(&stage, Method::PUT, named, json!({ "text": "@fay" })).await;
    arrive(&stage, "fay").await.joins(&stage).await;
    assert_eq!(ann.call(&stage, Method::PUT, named, json!({ "text": "@fay" })).await, first);
}

async fn a_form_of_a_page_is_written_as_in_the_script_and_a_terminal_says_how(driver: Driver) {
    let stage = Stage::open(driver).await;
    let page = stage.get("/r/lobby", &[("accept", "text/html")]).await;
    let field = r#"<input type="hidden" name="format" value="markdown">"#;
    assert!(page.body.contains(field), "{}", page.body);
    let italic = |offset: u64| json!([{ "type": "italic", "offset": offset, "length": 5 }]);
    let rows = [
        ("the form", "/r/lobby", "format=markdown&text=say+*hello*", "say hello", italic(4)),
        ("by the address", "/r/lobby?format=markdown", "*hello*", "hello", italic(0)),
        ("a terminal", "/r/lobby", "say *hello*", "say *hello*", Value::Null),
        ("plain, in words", "/r/lobby", "format=plain&text=*hello*", "*hello*", Value::Null),
    ];
    for (case, path, body, text, entities) in rows {
        let answer = stage.form(path, body, &[]).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{case}: {}", answer.body);
        assert_eq!(newest(&stage).await, (text.to_owned(), entities), "{case}");
    }
    let answer = stage.form("/r/lobby?format=html", "hello", &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body, "'format' is plain or markdown\n");
}

async fn the_seed_protocols_say_what_they_said(driver: Driver) {
    let stage = Stage::open(driver).await;
    arrive(&stage, "ann").await.joins(&stage).await;
    let said = ("*hello* @ann https://a.example".to_owned(), Value::Null);
    let answer = stage.form("/new", "msg=*hello*+@ann+https://a.example", &[]).await;
    assert_eq!((answer.status, newest(&stage).await), (StatusCode::OK, said.clone()));
    let sent = json!({ "username": "bob==1", "message": said.0 });
    let answer = stage.json("/send_message", &sent).await;
    assert_eq!((answer.status, newest(&stage).await), (StatusCode::OK, said));
}
