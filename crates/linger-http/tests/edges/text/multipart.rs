//! `curl -F text=hello`: forms in parts.

use axum::http::StatusCode;

use super::BROWSER;
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, request},
};

over_both_drivers!(
    a_form_in_parts_is_a_form_like_any_other,
    a_form_in_parts_without_a_text_is_told_what_is_missing,
);

impl Stage {
    /// Sends a form as `curl -F` does.
    async fn parts(&self, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let part = |(name, value): &(&str, &str)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = fields.iter().map(part).collect::<String>() + "--b--\r\n";
        let form = ("content-type", "multipart/form-data; boundary=b");
        let headers = [&[form], headers].concat();
        self.send(request("POST".parse().unwrap(), "/r/lobby", &body, &headers)).await
    }
}

async fn a_form_in_parts_is_a_form_like_any_other(driver: Driver) {
    let stage = Stage::open(driver).await;
    let said = stage.parts(&[("text", "Tea & cake = 好"), ("as", "ann")], &[]).await;
    assert_eq!(said.status, StatusCode::CREATED, "{}", said.body);
    assert_eq!(&said.body[6..], "ann: Tea & cake = 好\n");
    let bearer = format!("Bearer {}", said.header("linger-token"));
    let ann = [("authorization", bearer.as_str())];
    let lines = stage.parts(&[("text", "one\r\ntwo")], &ann).await;
    assert_eq!(&lines.body[6..], "ann: one\n      two\n");
    // A page's form is known again, too.
    let fields = [("request_id", "1"), ("text", "three")];
    for _ in 0..2 {
        let said = stage.parts(&fields, &[ann[0], BROWSER]).await;
        assert_eq!((said.status, said.header("location")), (StatusCode::SEE_OTHER, "/r/lobby"));
    }
    let all = stage.get("/r/lobby", &[]).await.body;
    assert_eq!(all.matches("ann:").count(), 3, "{all}");
}

async fn a_form_in_parts_without_a_text_is_told_what_is_missing(driver: Driver) {
    let stage = Stage::open(driver).await;
    let answer = stage.parts(&[("txt", "hi")], &[]).await;
    let sentence = "the form has no field 'text'; send one: curl -F text=hello\n";
    assert_eq!((answer.status, &*answer.body), (StatusCode::BAD_REQUEST, sentence));
    let unknown = [("content-type", "multipart/form-data")];
    let post = "POST".parse().unwrap();
    let answer = stage.send(request(post, "/r/lobby", "--b--", &unknown)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("curl -F text=hello sends one"), "{}", answer.body);
}
