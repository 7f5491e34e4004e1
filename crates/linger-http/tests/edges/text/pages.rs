//! Rooms as pages, for browsers that run no script.

use axum::http::{HeaderValue, Method, StatusCode, header};
use linger_core::{Author, Command, EventKind, MessageText, Slug, UserId, UserName};
use serde_json::Value;

use super::BROWSER;
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, hasty, request},
};

over_both_drivers!(
    a_browser_gets_the_newest_messages_in_a_whole_page,
    a_page_is_all_chinese_for_those_who_read_chinese,
    nothing_that_anybody_says_is_markup,
    a_form_says_a_thing_once_however_often_it_is_sent,
    a_newcomers_form_makes_one_guest_however_often_it_is_sent,
    forms_sent_at_once_make_one_guest_each,
    no_other_id_than_that_of_ones_own_form_makes_one_a_guest_who_is_there,
    all_who_wait_get_a_form_of_their_own,
    an_empty_room_asks_for_the_first_word,
    a_newcomer_is_asked_for_a_name_and_keeps_the_session,
    a_wait_ends_with_a_page_that_has_the_new_messages,
    older_messages_are_a_link_away,
    a_refusal_is_a_page_with_the_right_status,
    each_refusal_says_its_own_in_the_readers_language,
    the_door_leads_a_browser_to_the_lobby_and_tells_a_terminal_how_to_talk,
    open_rooms_are_listed_for_both,
    a_page_is_compressed_for_those_who_take_it,
);

/// Returns the data that a page has for the script.
fn first(page: &Answer) -> Value {
    data(page, "first")
}

fn data(page: &Answer, block: &str) -> Value {
    let (_, data) = page.body.split_once(&format!("id=\"{block}\">")).expect("there is data");
    serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
}

/// Returns the value of the hidden field of a page's form.
fn request_id(page: &Answer) -> String {
    let (_, rest) = page.body.split_once(r#"name="request_id" value=""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

async fn a_browser_gets_the_newest_messages_in_a_whole_page(driver: Driver) {
    let stage = Stage::open_by_clockwork(driver, hasty()).await;
    stage.newcomer_says("ann", "See https://tea.example/pot, it is on.").await;
    let page = stage.page("/r/lobby").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("vary"), "Accept, Accept-Language, Accept-Encoding");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"));
    let cursor = format!("biacqaeabi-{}-5", stage.epoch());
    for part in [
        "<!doctype html>\n<html lang=\"en\">",
        "<title>#lobby · Linger</title>",
        r##"<meta property="og:title" content="#lobby · Linger">"##,
        &format!(
            r#"<main id="main" class="room" tabindex="-1" data-room="lobby" data-cursor="{cursor}">"#
        ),
        r##"<h1 class="clip" dir="auto" title="#lobby">#lobby</h1>"##,
        r#"<h2 class="day"><span>Saturday, November 21, 2026</span></h2>"#,
        r#"<article class="group" aria-label="ann, 10:00">"#,
        r#"<div class="by hue-45"><span class="name" title="ann"><bdi>ann</bdi></span>"#,
        r#"<div class="said" id="m3" data-number="3" data-id="5">"#,
        r#"<p dir="auto">See <a href="https://tea.example/pot" target="_blank" rel="noopener noreferrer nofollow">https://tea.example/pot</a>, it is on.</p>"#,
        r#"<time class="at" datetime="2026-11-21T10:00:03.000Z">10:00</time>"#,
        r#"<form class="composer" method="post" action="/r/lobby""#,
        &format!(r#"href="/r/lobby?wait&#38;after={cursor}">wait for news</a>"#),
    ] {
        assert!(page.body.contains(part), "{part} is not in {}", page.body);
    }
    let about = page.body.split("<body>").next().unwrap();
    assert!(!about.contains("tea.example"), "a preview of the page shows no message: {about}");
    let first = first(&page);
    let read = stage.get("/api/v1/rooms/lobby/messages", &[]).await.json();
    assert_eq!(first["messages"], read["messages"]);
    assert_eq!((&first["more"], first["cursor"].as_str().unwrap()), (&read["more"], &*cursor));
    assert_eq!(first["room"], stage.get("/api/v1/rooms/lobby", &[]).await.json());
    // No style attribute and no script of our own in between: the policy forbids them.
    assert!(!page.body.contains(" style=") && !page.body.contains("<script>"));
    let head = stage.send(request(Method::HEAD, "/r/lobby", "", &[BROWSER]));
    assert_eq!(head.await.header("link"), page.header("link"));
}

async fn a_page_is_all_chinese_for_those_who_read_chinese(driver: Driver) {
    let stage = Stage::open_by_clockwork(driver, hasty()).await;
    stage.newcomer_says("%E5%AE%89", "水开了。").await;
    let page = stage.get("/r/lobby", &[BROWSER, ("accept-language", "zh-CN,zh;q=0.9")]).await;
    for part in [
        r#"<html lang="zh-CN">"#,
        "<title>#大厅 · Linger</title>",
        "2026年11月21日 星期六",
        "对话从这里开始。",
        "在 #大厅说点什么",
        "等待新消息",
        "你的名字",
        "安，10:00",
    ] {
        assert!(page.body.contains(part), "{part} is not in {}", page.body);
    }
    let (_, shown) = page.body.split_once("<body>").unwrap();
    let (shown, _) = shown.split_once("id=\"first\"").unwrap();
    let shown: String = shown.split('<').filter_map(|part| Some(part.split_once('>')?.1)).collect();
    let latin: Vec<_> = shown.split(|c: char| !c.is_ascii_alphabetic()).collect();
    assert_eq!(latin.concat(), "linger", "{shown}");
}

/// Texts and names that mean something to a browser.
const HOSTILE: [&str; 6] = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"' autofocus onfocus=alert(1) x='",
    "https://x.example/\"onclick=alert(1)//",
    "&lt;b&gt; <!-- ]]> {{ 7*7 }} {% x %}",
    "<b>bold</b>",
];

async fn nothing_that_anybody_says_is_markup(driver: Driver) {
    let stage = Stage::open(driver).await;
    let room = stage.node.room(&Slug::parse("lobby").unwrap(), None).unwrap();
    for text in HOSTILE {
        let name: String = text.chars().take(40).collect();
        let name = UserName::parse(&name).unwrap();
        let guest = Command::CreateGuest { name, token_hash: None, external_id: None };
        let receipt = stage.node.submit(Author::Server, None, guest).await.unwrap();
        let guest = Author::User(UserId::new(receipt.position));
        stage.node.submit(guest, None, Command::JoinRoom { room: room.id }).await.unwrap();
        let text = MessageText::parse(text).unwrap();
        let say = Command::say(room.id, text);
        let said = stage.node.submit(guest, None, say).await.unwrap().news.unwrap();
        assert!(matches!(said.event.kind, EventKind::MessageSent { .. }));
    }
    let start = "/r/lobby?wait=0&after=start";
    for path in ["/r/lobby", "/r/lobby/3", start] {
        let page = stage.page(path).await;
        assert_eq!(page.status, StatusCode::OK);
        for forbidden in ["<script>", "<img", "<b>", "onerror=alert(1)>", "<!--"] {
            assert!(!page.body.contains(forbidden), "{forbidden} in {path}: {}", page.body);
        }
        let (markup, _) = page.body.split_once(r#"id="first""#).unwrap();
        assert!(!markup.contains("\"onclick") && !markup.contains("' autofocus"), "{markup}");
        let tags = page.body.matches("<script").count();
        let own = page.body.split("<title>").next().unwrap().matches("<script").count();
        assert_eq!(tags, own + 1, "the data, and the page's own: {}", page.body);
        let first = first(&page);
        let texts = first["messages"].as_array().unwrap().iter().map(|it| it["text"].as_str());
        assert_eq!(texts.flatten().collect::<Vec<_>>(), HOSTILE, "{path}");
        // Nothing is lost, either: a browser shows what was said.
        assert!(page.body.contains("&#60;b&#62;bold&#60;/b&#62;"), "{}", page.body);
    }
}

async fn a_form_says_a_thing_once_however_often_it_is_sent(driver: Driver) {
    let stage = Stage::open(driver).await;
    let token = stage.newcomer_says("ann", "zero").await;
    let cookie = format!("linger_session={token}");
    let page = stage.get("/r/lobby?tz=Asia/Tokyo", &[BROWSER, ("cookie", &cookie)]).await;
    let id = request_id(&page);
    let send = async |text: &str| {
        let form = format!("request_id={id}&text={text}");
        let headers = [BROWSER, ("cookie", &cookie), ("sec-fetch-site", "same-origin")];
        let answer = stage.form("/r/lobby?tz=Asia/Tokyo", &form, &headers).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert_eq!(answer.header("location"), "/r/lobby?tz=Asia/Tokyo");
        assert_eq!(answer.header("set-cookie"), "", "ann has a session");
    };
    // Sent twice, and then another text from the page to which the reader went back.
    for text in ["one", "one", "two", "one"] {
        send(text).await;
    }
    let texts = stage.get("/r/lobby", &[]).await.body;
    let texts: Vec<_> = texts.lines().map(|line| line.split(' ').next_back().unwrap()).collect();
    assert_eq!(texts, ["zero", "one", "two"]);
    let from_elsewhere = [BROWSER, ("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    let answer = stage.form("/r/lobby", "text=three", &from_elsewhere).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
}

impl Stage {
    /// Sends a form as a browser without a session does.
    async fn sends(&self, form: &str, name: &str, text: &str) -> Answer {
        let body = format!("request_id={form}&as={name}&text={text}");
        let answer = self.form("/r/lobby", &body, &[BROWSER]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        answer
    }

    /// Returns the lines of what was said in the lobby, without their times.
    async fn said(&self) -> Vec<String> {
        let lines = self.get("/r/lobby", &[]).await.body;
        lines.lines().map(|line| line[6..].to_owned()).collect()
    }
}

async fn a_newcomers_form_makes_one_guest_however_often_it_is_sent(driver: Driver) {
    let stage = Stage::open(driver).await;
    let form = request_id(&stage.page("/r/lobby").await);
    let first = stage.sends(&form, "ann", "one").await;
    // Before the first answer came there is no cookie; a name that was changed changes none.
    for (name, text) in [("ann", "one"), ("anna", "one"), ("ann", "two"), ("ann", "one")] {
        let again = stage.sends(&form, name, text).await;
        assert_eq!(again.cookie(), first.cookie());
        assert_eq!(again.header("linger-token"), first.header("linger-token"));
    }
    // With the cookie, from the page to which the reader went back, it is the same.
    let body = format!("request_id={form}&text=two");
    let headers = [BROWSER, ("cookie", &first.cookie()), ("sec-fetch-site", "same-origin")];
    let back = stage.form("/r/lobby", &body, &headers).await;
    assert_eq!((back.status, back.header("set-cookie")), (StatusCode::SEE_OTHER, ""));
    assert_eq!(stage.said().await, ["ann: one", "ann: two"]);
    assert_eq!(stage.get("/r", &[]).await.body, "/r/lobby  1 person\n");
}

async fn forms_sent_at_once_make_one_guest_each(driver: Driver) {
    const CLICKS: usize = 8;
    let stage = Stage::open(driver).await;
    let mut clicks = Vec::new();
    for text in ["one", "two", "three"] {
        let form = request_id(&stage.page("/r/lobby").await);
        clicks.extend((0..CLICKS).map(|_| (form.clone(), text)));
    }
    let answers = clicks.iter().map(|(form, text)| stage.sends(form, text, text));
    let answers = futures_util::future::join_all(answers).await;
    let mut cookies: Vec<_> = answers.iter().map(Answer::cookie).collect();
    assert!(cookies.chunks(CLICKS).all(|same| same.iter().all(|cookie| *cookie == same[0])));
    cookies.dedup();
    assert_eq!(cookies.len(), 3);
    let mut said = stage.said().await;
    said.sort();
    assert_eq!(said, ["one: one", "three: three", "two: two"]);
}

async fn no_other_id_than_that_of_ones_own_form_makes_one_a_guest_who_is_there(driver: Driver) {
    let stage = Stage::open(driver).await;
    let form = request_id(&stage.page("/r/lobby").await);
    let ann = stage.sends(&form, "ann", "one").await.cookie();
    // All that others see of the message, and what they may think of.
    let told = stage.get("/api/v1/rooms/lobby/messages", &[]).await;
    let shown = told.json()["messages"][0]["request_id"].as_str().unwrap().to_owned();
    assert!(!told.body.contains(&form) && !told.body.contains(&form[..32]), "{}", told.body);
    let last = if form.ends_with('0') { "1" } else { "0" };
    let near = format!("{}{last}", &form[..form.len() - 1]);
    let cursor = first(&stage.page("/r/lobby").await)["cursor"].as_str().unwrap().to_owned();
    let empty = String::new();
    for guess in [&shown, &near, &cursor, &form[..48].to_owned(), &"0".repeat(80), &empty] {
        // Two who think of the same are two guests, too.
        let cookies =
            [stage.sends(guess, "bob", "hi").await, stage.sends(guess, "cleo", "hi").await];
        let [bob, cleo] = cookies.map(|answer| answer.cookie());
        assert!(bob != ann && cleo != ann && bob != cleo, "{guess:?}");
    }
    // A page of another site can send any form; it makes nobody a guest.
    let body = format!("request_id={form}&text=two");
    let from_elsewhere = [BROWSER, ("sec-fetch-site", "cross-site")];
    let answer = stage.form("/r/lobby", &body, &from_elsewhere).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::FORBIDDEN, ""));
    // A form from before a restart makes a guest like any other.
    let stage = stage.restart(hasty()).await;
    assert_ne!(stage.sends(&form, "dan", "three").await.cookie(), ann);
}

async fn all_who_wait_get_a_form_of_their_own(driver: Driver) {
    let stage = Stage::open(driver).await;
    let mut held = Vec::new();
    for language in ["en", "en", "zh-CN", "en", "zh-CN"] {
        let waits = stage.get("/r/lobby?wait", &[BROWSER, ("accept-language", language)]);
        held.push(stage.hold(waits).await);
    }
    stage.newcomer_says("ann", "-----").await;
    let (mut forms, mut pages) = (Vec::new(), Vec::new());
    for page in held {
        let page = page.await.unwrap();
        forms.push(request_id(&page));
        pages.push(page.body.replace(forms.last().unwrap(), "FORM"));
    }
    assert!(pages[0].contains("<h2 class=\"fresh\">") && pages[0].matches("FORM").count() == 1);
    assert_eq!((&pages[0], &pages[2]), (&pages[1], &pages[4]));
    assert_eq!(pages[0], pages[3]);
    assert_ne!(pages[0], pages[2]);
    for (number, form) in forms.iter().enumerate() {
        let (first, second) =
            (stage.sends(form, "bob", "hi").await, stage.sends(form, "bob", "hi").await);
        assert_eq!(first.cookie(), second.cookie());
        assert_eq!(stage.said().await.len(), 2 + number);
    }
}

async fn an_empty_room_asks_for_the_first_word(driver: Driver) {
    let stage = Stage::open(driver).await;
    let page = stage.page("/r/lobby").await;
    assert!(page.body.contains("<h2>It is quiet here.</h2>") && !page.body.contains("scroller"));
    assert_eq!(first(&page)["messages"], serde_json::json!([]));
    let held = stage.hold(stage.get("/r/lobby?wait", &[BROWSER])).await;
    stage.newcomer_says("ann", "one").await;
    let page = held.await.unwrap();
    assert!(page.body.contains(r#"<p dir="auto">one</p>"#), "{}", page.body);
}

async fn a_newcomer_is_asked_for_a_name_and_keeps_the_session(driver: Driver) {
    let stage = Stage::open(driver).await;
    let asks = |page: &Answer| page.body.contains(r#"name="as""#);
    let page = stage.page("/r/lobby").await;
    assert!(asks(&page));
    let form = format!("request_id={}&as=Zo%C3%AB&text=hello", request_id(&page));
    let answer = stage.form("/r/lobby", &form, &[BROWSER]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/r/lobby"));
    let cookie = answer.cookie();
    let page = stage.get("/r/lobby", &[BROWSER, ("cookie", &cookie)]).await;
    assert!(!asks(&page), "the server knows them");
    assert!(page.body.contains("<bdi>Zoë</bdi>"), "{}", page.body);
    let waited = stage.get("/r/lobby?wait=0", &[BROWSER, ("cookie", &cookie)]).await;
    assert!(!asks(&waited));
    // A name that is left empty is one at random.
    let answer = stage.form("/r/lobby", "as=+&text=hi", &[BROWSER]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    // A browser whose session is forgotten is a newcomer.
    let forgotten = format!("linger_session={}", "0".repeat(64));
    let page = stage.get("/r/lobby", &[BROWSER, ("cookie", &forgotten)]).await;
    assert!(asks(&page));
    let answer = stage.form("/r/lobby", "text=back", &[BROWSER, ("cookie", &forgotten)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_ne!(answer.cookie(), "");
}

async fn a_wait_ends_with_a_page_that_has_the_new_messages(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.newcomer_says("ann", "one").await;
    let page = stage.page("/r/lobby").await;
    let (_, wait) = page.body.split_once(r#"rel="next" href=""#).unwrap();
    let wait = wait.split_once('"').unwrap().0.replace("&#38;", "&");
    let held = stage.hold(stage.get(&wait, &[BROWSER])).await;
    // Somebody who only comes in is no reason to load a page.
    let guest = stage.json("/api/v1/guests", &serde_json::json!({ "name": "bob" })).await.cookie();
    let join = "/api/v1/rooms/lobby/members/me";
    let join = request(Method::PUT, join, "", &[("cookie", &guest)]);
    assert_eq!(stage.send(join).await.status, StatusCode::NO_CONTENT);
    stage.until_held(1).await;
    let bearer = format!("Bearer {ann}");
    let said = stage.form("/r/lobby", "<two>", &[("authorization", &bearer)]).await;
    assert_eq!(said.status, StatusCode::CREATED);
    let news = held.await.unwrap();
    assert_eq!(news.header("content-type"), "text/html; charset=utf-8");
    let new = news.body.split(r#"<h2 class="fresh"><span>New</span></h2>"#).nth(1).unwrap();
    assert!(new.contains("&#60;two&#62;") && !new.contains("<p dir=\"auto\">one"), "{new}");
    // The messages from before are there, too.
    let read = stage.get("/api/v1/rooms/lobby/messages", &[]).await.json();
    assert_eq!(first(&news)["messages"], read["messages"]);
    assert_eq!(first(&news)["room"], stage.get("/api/v1/rooms/lobby", &[]).await.json());
    let cursor = first(&news)["cursor"].clone();
    let next = format!("</r/lobby?wait&after={}>; rel=\"next\"", cursor.as_str().unwrap());
    assert!(news.headers.get_all(header::LINK).iter().any(|link| link == next.as_str()));
}

async fn older_messages_are_a_link_away(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = format!("Bearer {}", stage.newcomer_says("ann", "message 0").await);
    for number in 1..120 {
        let text = format!("message {number}");
        stage.form("/r/lobby", &text, &[("authorization", &ann)]).await;
    }
    let (mut path, mut seen) = ("/r/lobby".to_owned(), Vec::new());
    loop {
        let page = stage.page(&path).await;
        let messages = first(&page)["messages"].clone();
        let texts = messages.as_array().unwrap().iter().map(|it| it["text"].clone());
        seen.splice(0..0, texts);
        let is_newest = path == "/r/lobby";
        assert_eq!(page.body.contains("To the newest messages"), !is_newest);
        let Some((_, earlier)) = page.body.split_once(r#"rel="prev" href=""#) else { break };
        path = earlier.split_once('"').unwrap().0.to_owned();
    }
    let expected: Vec<_> = (0..120).map(|number| format!("message {number}")).collect();
    assert_eq!(seen, expected);
    // A link to a message shows what is around it.
    let page = stage.page("/r/lobby/60").await;
    let target = r#"<div class="said is-target" id="m60" data-number="60" data-id="62" tabindex="-1" autofocus>"#;
    assert!(page.body.contains(target), "{}", page.body);
    let numbers = first(&page)["messages"].clone();
    let numbers: Vec<_> =
        numbers.as_array().unwrap().iter().map(|it| it["number"].clone()).collect();
    assert_eq!((numbers.len(), &numbers[0], &numbers[49]), (50, &35.into(), &84.into()));
    assert_eq!(first(&page)["more_after"], true);
}

async fn a_refusal_is_a_page_with_the_right_status(driver: Driver) {
    let stage = Stage::open(driver).await;
    let rows = [
        ("/r/attic", StatusCode::NOT_FOUND, "There is no such room", "没有这个房间"),
        ("/r/lobby/99", StatusCode::NOT_FOUND, "nothing with that number", "没有这条消息"),
        ("/nowhere", StatusCode::NOT_FOUND, "There is nothing here", "这里什么也没有"),
        ("/r/lobby?limit=0", StatusCode::BAD_REQUEST, "This did not work", "没有成功"),
        ("/r/lobby?wait&after=x", StatusCode::BAD_REQUEST, "a cursor is taken", "没有成功"),
    ];
    for (path, status, english, chinese) in rows {
        for (language, words) in [("en", english), ("zh-CN", chinese)] {
            let page = stage.get(path, &[BROWSER, ("accept-language", language)]).await;
            assert_eq!(page.status, status, "{path}");
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            assert_ne!(page.header("content-security-policy"), "");
            assert!(page.body.contains(words), "{words} is not in {}", page.body);
        }
    }
    let answer = stage.form("/r/lobby", "text=", &[BROWSER]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("a message text has 1 to 4000 characters"), "{}", answer.body);
}

async fn each_refusal_says_its_own_in_the_readers_language(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.newcomer_says("ann", "one").await;
    let bearer = format!("Bearer {ann}");
    let tea = serde_json::json!({ "slug": "tea" }).to_string();
    let opened = request(Method::POST, "/api/v1/rooms", &tea, &[("authorization", &bearer)]);
    assert_eq!(stage.send(opened).await.status, StatusCode::CREATED);
    let long = |what: &str, count| format!("{what}={}", "a".repeat(count));
    let (get, post) = (Method::GET, Method::POST);
    let long_text = long("text", 4001);
    let long_name = long("text=hi&as", 41);
    let huge = long("text", 70_000);
    let rows = [
        (&get, "/r/attic", "", "It may be closed to you", "它可能不对你公开"),
        (&get, "/r/lobby/99", "", "nothing with that number", "没有这条消息"),
        (&get, "/r/lobby?limit=0", "", "whole number from 1 to 200", "limit 是 1 到 200 的整数"),
        (
            &get,
            "/r/lobby?before=x",
            "",
            "&#39;before&#39; is a whole number",
            "before 是一条消息的号码",
        ),
        (&get, "/r/lobby?wait=x", "", "&#39;wait&#39; is a whole number", "wait 是等待的秒数"),
        (&get, "/r/lobby?tz=Mars", "", "is a time zone", "tz 是时区"),
        (&get, "/r/lobby?wait&after=x", "", "a cursor is taken", "地址里的位置不对"),
        (&get, "/r/%ff", "", "is not UTF-8", "房间名不是 UTF-8"),
        (&post, "/r/lobby", "text=", "1 to 4000 characters", "一条消息有 1 到 4000 个字"),
        (&post, "/r/lobby", &long_text, "1 to 4000 characters", "一条消息有 1 到 4000 个字"),
        (&post, "/r/lobby", "text=%e2%80%8b", "no visible character", "消息里没有看得见的字"),
        (&post, "/r/lobby", "text=%c4", "is not UTF-8", "不是 UTF-8 编码"),
        (&post, "/r/lobby", &long_name, "1 to 40 characters", "名字有 1 到 40 个字"),
        (&post, "/r/lobby", "text=hi&as=%e2%a0%80", "no visible character", "名字里没有看得见的字"),
        (&post, "/r/lobby", "text=hi&as=a%07", "is one line", "名字只能写在一行里"),
        (&post, "/r/lobby", &huge, "send less", "请分几次发"),
        (&Method::DELETE, "/r/lobby", "", "one speaks in it by POST", "不接受这样的请求"),
    ];
    for (method, path, body, english, chinese) in rows {
        for (language, tag, words) in [("en", "en", english), ("zh-CN", "zh-CN", chinese)] {
            let form = ("content-type", "application/x-www-form-urlencoded");
            let headers = [BROWSER, form, ("accept-language", language)];
            let page = stage.send(request(method.clone(), path, body, &headers)).await;
            assert!(page.status.is_client_error(), "{method} {path}: {}", page.status);
            let sentence = format!(r#"<p class="lead" lang="{tag}">"#);
            let (_, sentence) = page.body.split_once(&sentence).expect("it is in the language");
            let sentence = sentence.split("</p>").next().unwrap();
            assert!(sentence.contains(words), "{words} is not in {sentence}");
        }
    }
    // The same words, from one page, in two rooms.
    for (path, status) in [("/r/lobby", StatusCode::SEE_OTHER), ("/r/tea", StatusCode::CONFLICT)] {
        let headers = [BROWSER, ("authorization", &bearer), ("accept-language", "zh-CN")];
        let page = stage.form(path, "request_id=1&text=hi", &headers).await;
        assert_eq!(page.status, status);
        assert_eq!(page.body.contains("别的房间发过这句话"), status == StatusCode::CONFLICT);
    }
}

async fn the_door_leads_a_browser_to_the_lobby_and_tells_a_terminal_how_to_talk(driver: Driver) {
    let stage = Stage::open(driver).await;
    let answer = stage.page("/").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::FOUND, "/r/lobby"));
    let answer = stage.get("/", &[("host", "chat.example")]).await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert!(answer.body.contains("curl -N 'http://chat.example/r/lobby?follow'"));
}

async fn open_rooms_are_listed_for_both(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = format!("Bearer {}", stage.newcomer_says("ann", "hello").await);
    for (slug, kind) in [("tea", "open"), ("den", "closed"), ("茶", "open")] {
        let room = serde_json::json!({ "slug": slug, "topic": "Leaves & water", "kind": kind });
        let headers = [("authorization", ann.as_str())];
        let opened = request(Method::POST, "/api/v1/rooms", &room.to_string(), &headers);
        assert_eq!(stage.send(opened).await.status, StatusCode::CREATED);
    }
    let plain = stage.get("/r", &[]).await;
    let expected = "/r/lobby  1 person\n/r/tea  1 person  Leaves & water\n/r/%E8%8C%B6  1 person  Leaves & water\n";
    assert_eq!(plain.body, expected);
    let page = stage.page("/r?limit=2").await;
    assert!(page.body.contains("Leaves &#38; water") && !page.body.contains("#den"));
    let listed = stage.get("/api/v1/rooms?limit=2", &[]).await.json();
    assert_eq!(data(&page, "first-rooms"), listed, "as the native API lists them");
    assert_eq!(listed["more"], true);
    let mut links = page.headers.get_all(header::LINK).iter().map(|link| link.to_str().unwrap());
    let next = links.find_map(|link| link.strip_suffix("; rel=\"next\"")).unwrap();
    let next = next.trim_matches(['<', '>']).to_owned();
    let page = stage.page(&next).await;
    assert!(page.body.contains(r#"href="/r/%E8%8C%B6">"#), "{}", page.body);
    let answer = stage.get("/r/den", &[BROWSER]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let mine = stage.get("/r/den", &[BROWSER, ("authorization", &ann)]).await;
    assert_eq!(mine.status, StatusCode::OK);
}

async fn a_page_is_compressed_for_those_who_take_it(driver: Driver) {
    let stage = Stage::open(driver).await;
    stage.newcomer_says("ann", "hello").await;
    let plain = stage.page("/r/lobby").await;
    let headers = [BROWSER, ("accept-encoding", "gzip, deflate, br")];
    let mut request = request(Method::HEAD, "/r/lobby", "", &headers);
    request.headers_mut().insert("x", HeaderValue::from_static("y"));
    let head = stage.send(request).await;
    assert_eq!(head.header("content-encoding"), "gzip");
    assert_eq!(plain.header("content-encoding"), "");
}
