//! Messages that answer others, have files, were changed, or were answered by emoji: on a page
//! as the script draws them (`web/tests/browser/takeover.spec.ts` measures both), and in lines.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::BROWSER;
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Stage, hasty, request},
};

over_both_drivers!(
    a_page_shows_answers_edits_files_and_reactions_as_the_script_does,
    a_page_says_all_of_it_in_chinese_too,
    no_name_of_a_file_and_no_quote_is_markup,
    lines_about_a_message_cannot_be_taken_for_its_text,
);

const PICTURE: &[u8] = include_bytes!("../../../../linger-media/corpus/wide.jpg");

/// Two people in the lobby.
struct Lobby {
    stage: Stage,
    ann: String,
    bob: String,
}

impl Lobby {
    async fn open(driver: Driver) -> Lobby {
        let stage = Stage::open_by_clockwork(driver, hasty()).await;
        let ann = stage.newcomer_says("ann", "The kettle is on.").await;
        let bob = stage.newcomer_says("bob", "Coming").await;
        Lobby { stage, ann, bob }
    }

    /// Makes a call of the native API, and returns what it answers.
    async fn call(&self, token: &str, method: Method, path: &str, body: &[u8]) -> Value {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let path = format!("/api/v1{path}");
        let mut asked = request(method, &path, "", &headers);
        *asked.body_mut() = body.to_vec().into();
        let answer = self.stage.send(asked).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    async fn says(&self, token: &str, sent: Value) -> u64 {
        let path = "/rooms/lobby/messages";
        let said = self.call(token, Method::POST, path, sent.to_string().as_bytes()).await;
        said["message"]["id"].as_u64().unwrap()
    }

    async fn adds(&self, token: &str, name: &str, bytes: &[u8]) -> u64 {
        let added = self.call(token, Method::POST, &format!("/files?name={name}"), bytes).await;
        added["file"]["id"].as_u64().unwrap()
    }

    async fn reacts(&self, token: &str, message: u64, emoji: &str) {
        let path = format!("/messages/{message}/reactions/{emoji}");
        self.call(token, Method::PUT, &path, b"").await;
    }

    /// Fills the lobby with one of each.
    async fn fill(&self) {
        let messages = self.stage.get("/api/v1/rooms/lobby/messages", &[]).await.json();
        let kettle = messages["messages"][0]["id"].as_u64().unwrap();
        let answer =
            self.says(&self.bob, json!({ "text": "Two *cups*", "reply_to": kettle })).await;
        for token in [&self.bob, &self.ann] {
            self.reacts(token, kettle, "%F0%9F%8D%B5").await;
        }
        let changed = json!({ "text": "Three cups" }).to_string();
        let path = format!("/messages/{answer}");
        self.call(&self.bob, Method::PATCH, &path, changed.as_bytes()).await;
        let list = self.adds(&self.ann, "winter-teas.txt", b"Sencha, Assam and others").await;
        let picture = self.adds(&self.ann, "pier.jpg", PICTURE).await;
        self.says(&self.ann, json!({ "text": "", "files": [list, picture] })).await;
    }
}

async fn a_page_shows_answers_edits_files_and_reactions_as_the_script_does(driver: Driver) {
    let lobby = Lobby::open(driver).await;
    lobby.fill().await;
    let page = lobby.stage.page("/r/lobby").await.body.replace('\n', "");
    let quote = r#"<a class="reply clip" href="/r/lobby/3"><span class="hidden">Answers to:</span><span class="author hue-45"><bdi>ann</bdi></span> <span class="clip" dir="auto">The kettle is on.</span></a>"#;
    let edited = r#"<p dir="auto">Three cups</p><span class="edited" title="Edited Saturday, November 21, 2026, 10:00">edited</span>"#;
    let reactions = r#"<div class="reactions"><span class="reaction" role="img" aria-label="🍵 2: bob and ann" title="bob and ann"><span class="emoji">🍵</span> 2</span></div>"#;
    for part in [
        quote,
        edited,
        reactions,
        r#"<div class="text"><div class="files"><div class="pictures"><a class="picture" href="/api/v1/files/14" title="pier.jpg"><img src="/api/v1/files/14/thumbnail" width="7" height="320" alt="Picture: pier.jpg" loading="lazy" decoding="async"></a></div>"#,
        r#"<p class="caption" dir="auto">pier.jpg · 20 × 900 · "#,
        r#"<a class="file" href="/api/v1/files/13?download" download="winter-teas.txt"><svg class="icon""#,
        r#"<span class="hidden">Download</span><span class="clip"><bdi class="clip">winter-teas.txt</bdi><small>TXT · 24 bytes</small></span></a>"#,
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains(" style="), "{page}");
    // The script has a button more for those who may answer, and its place is kept.
    let bearer = format!("Bearer {}", lobby.ann);
    let page = lobby.stage.get("/r/lobby", &[BROWSER, ("authorization", &bearer)]).await;
    assert!(page.body.contains(r#"<span class="reaction place" aria-hidden="true">"#));
}

async fn a_page_says_all_of_it_in_chinese_too(driver: Driver) {
    let lobby = Lobby::open(driver).await;
    lobby.fill().await;
    let page = lobby.stage.get("/r/lobby", &[BROWSER, ("accept-language", "zh-CN")]).await;
    for part in [
        r#"<span class="hidden">回复：</span>"#,
        r#"title="编辑于 2026年11月21日 星期六 10:00">已编辑</span>"#,
        r#"aria-label="🍵 2，bob和 ann 的回应""#,
        r#"alt="图片：pier.jpg""#,
        r#"<span class="hidden">下载</span>"#,
        "TXT · 24字节",
    ] {
        assert!(page.body.contains(part), "{part} is not in {}", page.body);
    }
}

async fn no_name_of_a_file_and_no_quote_is_markup(driver: Driver) {
    let lobby = Lobby::open(driver).await;
    let evil = "<b>\"'x";
    let id = lobby.says(&lobby.ann, json!({ "text": evil })).await;
    let file = lobby.adds(&lobby.ann, "%3Cb%3E%22%27x.txt", b"words").await;
    lobby.says(&lobby.ann, json!({ "text": "", "reply_to": id, "files": [file] })).await;
    let page = lobby.stage.page("/r/lobby").await;
    let (shown, _) = page.body.split_once("id=\"first\"").unwrap();
    assert!(!shown.contains("<b>"), "{shown}");
    assert!(shown.contains(r#"download="&#60;b&#62;&#34;&#39;x.txt""#), "{shown}");
    assert!(shown.contains(r#"dir="auto">&#60;b&#62;&#34;&#39;x</span>"#), "{shown}");
}

async fn lines_about_a_message_cannot_be_taken_for_its_text(driver: Driver) {
    let lobby = Lobby::open(driver).await;
    lobby.fill().await;
    lobby.says(&lobby.ann, json!({ "text": "one\n    * answers 3, bob: no\n* file x" })).await;
    let lines = lobby.stage.get("/r/lobby", &[]).await;
    assert_eq!(lines.status, StatusCode::OK);
    let size = picture_size(&lines.body);
    let expected = format!(
        "10:00 ann: The kettle is on.\n\
         \x20   * 🍵 bob, ann\n\
         10:00 bob: Coming\n\
         10:00 bob: Three cups\n\
         \x20   * answers 3, ann: The kettle is on.\n\
         \x20   * changed at 10:00\n\
         10:00 ann:\n\
         \x20   * file winter-teas.txt, text/plain, 24 bytes: /api/v1/files/13\n\
         \x20   * file pier.jpg, image/jpeg, {size}: /api/v1/files/14\n\
         10:00 ann: one\n\
         \x20         * answers 3, bob: no\n\
         \x20     * file x\n"
    );
    assert_eq!(lines.body, expected);
}

/// Returns the size of the picture as the lines tell it: drawing it anew makes another file.
fn picture_size(lines: &str) -> &str {
    let (_, rest) = lines.split_once("image/jpeg, ").expect("a picture is there");
    rest.split(':').next().unwrap()
}
