//! The first seed protocol: `/new` and `/update`.
//!
//! Here: short forms of the calls, the buffer, and how a browser takes the answer.
//! Waiting, and who may speak, have files of their own.

mod speakers;
mod waits;

use axum::http::StatusCode;

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage},
};

over_both_drivers!(
    a_reader_without_a_cursor_gets_the_buffer_and_goes_on_from_there,
    the_buffer_has_the_latest_200_messages,
    a_cursor_that_is_none_of_ours_gets_the_buffer,
    a_cursor_from_beyond_the_end_gets_the_buffer_once_nobody_has_the_place,
    markup_in_a_message_is_text_for_the_client_and_for_a_browser_that_is_shown_the_answer,
);

/// Short forms of the two calls.
impl Stage {
    /// Sends a message as a new guest.
    async fn new_message(&self, text: &str) {
        let body = format!("msg={}", text.replace('\n', "%0A").replace('&', "%26"));
        let answer = self.form("/new", &body, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    }

    /// Reads on from a cursor.
    fn update(&self, cursor: &str) -> impl Future<Output = Answer> + Send + use<> {
        self.form("/update", &format!("cursor={cursor}"), &[])
    }
}

/// The answer of `/update`: the texts of its elements, and the cursor.
fn told(answer: &Answer) -> (Vec<String>, String) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let update = answer.json();
    let html = update["html"].as_str().unwrap();
    let elements = html.split_terminator("</div>");
    let texts = elements.map(|element| element.split_once("</b>: ").unwrap().1.to_owned());
    (texts.collect(), update["latest_cursor"].as_str().unwrap().to_owned())
}

async fn a_reader_without_a_cursor_gets_the_buffer_and_goes_on_from_there(driver: Driver) {
    let stage = Stage::open(driver).await;
    stage.new_message("one").await;
    stage.new_message("two").await;
    let (texts, cursor) = told(&stage.update("").await);
    assert_eq!(texts, ["one", "two"]);
    let held = stage.hold(stage.update(&cursor)).await;
    stage.new_message("three").await;
    assert_eq!(told(&held.await.unwrap()).0, ["three"]);
}

async fn the_buffer_has_the_latest_200_messages(driver: Driver) {
    let stage = Stage::open(driver).await;
    let expected: Vec<_> = (1..=205).map(|number| format!("message {number}")).collect();
    let ann = stage.form("/new", "msg=message+1", &[]).await.cookie();
    for text in &expected[1..] {
        let answer = stage.form("/new", &format!("msg={text}"), &[("cookie", &ann)]).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(told(&stage.update("").await).0, expected[5..]);
}

async fn a_cursor_that_is_none_of_ours_gets_the_buffer(driver: Driver) {
    let stage = Stage::open(driver).await;
    stage.new_message("one").await;
    let (_, cursor) = told(&stage.update("").await);
    let (log, _) = cursor.rsplit_once('-').unwrap();
    let other_past = format!("{}-aaaaaaaa-1", log.split_once('-').unwrap().0);
    let cases = [
        ("a uuid of the article's server", "8d5a7f6e-38e7-4b0f-9f9c-111111111111"),
        ("of another log", "aaaaaaaaaa-1"),
        ("of another past", &other_past),
        ("words", "latest"),
        ("an undefined JavaScript variable", "undefined"),
        ("markup", "<script>"),
        ("a long one", &"x".repeat(5000)),
    ];
    for (case, cursor) in cases {
        assert_eq!(told(&stage.update(cursor).await).0, ["one"], "{case}");
    }
}

async fn a_cursor_from_beyond_the_end_gets_the_buffer_once_nobody_has_the_place(driver: Driver) {
    let stage = Stage::open(driver).await;
    stage.new_message("one").await;
    let (_, cursor) = told(&stage.update("").await);
    let (log, _) = cursor.rsplit_once('-').unwrap();
    let beyond = format!("{log}-999999");
    let (mut texts, mut cursor) = told(&stage.update(&beyond).await);
    if stage.is_on_cluster() {
        // It might have been a place that another node has read.
        assert_eq!((&*texts, &*cursor), (&[][..], ""));
        (texts, cursor) = told(&stage.update(&cursor).await);
    }
    assert_eq!(texts, ["one"]);
    assert!(cursor.starts_with(log));
}

async fn markup_in_a_message_is_text_for_the_client_and_for_a_browser_that_is_shown_the_answer(
    driver: Driver,
) {
    let stage = Stage::open(driver).await;
    let text = "<img src=x onerror=alert(1)> </div><script>x</script> & \"q\" 'q' \u{2028}";
    stage.new_message(text).await;
    let answer = stage.update("").await;
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(!answer.body.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{}", answer.body);
    let html = answer.json()["html"].as_str().unwrap().to_owned();
    let shown = "&lt;img src=x onerror=alert(1)&gt; &lt;/div&gt;&lt;script&gt;x&lt;/script&gt; &amp; &quot;q&quot; &#39;q&#39;</div>";
    assert!(html.ends_with(shown), "{html}");
}
