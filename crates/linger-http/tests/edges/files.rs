//! Files: sent at once or by tus, and served to those who may have them, so that a browser
//! does nothing with them but show or save them.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage},
};

over_both_drivers!(
    a_file_is_for_its_sender_and_for_those_who_may_read_a_message_that_has_it,
    a_picture_has_its_size_and_a_thumbnail,
    nothing_that_people_send_is_run_by_a_browser,
    ranges_and_tags_are_served_as_a_video_asks_for_them,
    a_file_that_is_no_good_is_refused_in_words,
    an_upload_goes_on_where_it_stopped,
    an_upload_speaks_tus_or_nothing,
    an_upload_that_is_whole_names_its_file_as_often_as_it_is_asked,
    a_repeat_of_a_file_is_the_same_file,
);

const PICTURE: &[u8] = include_bytes!("../../../linger-media/corpus/wide.jpg");
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");

/// A person with a token.
struct Person<'s> {
    stage: &'s Stage,
    bearer: String,
}

type Headers<'h> = &'h [(&'h str, &'h str)];

impl Person<'_> {
    async fn new<'s>(stage: &'s Stage, name: &str) -> Person<'s> {
        let guest = stage.json("/api/v1/guests", &json!({ "name": name })).await.json();
        Person { stage, bearer: format!("Bearer {}", guest["token"].as_str().unwrap()) }
    }

    async fn call(&self, method: &str, path: &str, headers: Headers<'_>, body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        request = request.header("authorization", &self.bearer);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.stage.send(request.body(Body::from(body.to_vec())).unwrap()).await
    }

    async fn get(&self, path: &str, headers: Headers<'_>) -> Answer {
        self.call("GET", path, headers, b"").await
    }

    /// Sends a file at once, and returns it.
    async fn add(&self, name: &str, bytes: &[u8]) -> Value {
        let answer = self.call("POST", &format!("/files?name={name}"), &[], bytes).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["file"].clone()
    }

    /// Begins an upload, and returns its path.
    async fn begin(&self, length: usize, metadata: &str) -> String {
        let length = length.to_string();
        let headers = [TUS, ("upload-length", &length), ("upload-metadata", metadata)];
        let answer = self.call("POST", "/uploads", &headers, b"").await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.header("location").strip_prefix("/api/v1").unwrap().to_owned()
    }

    async fn patch(&self, upload: &str, at: usize, bytes: &[u8]) -> Answer {
        let at = at.to_string();
        self.call("PATCH", upload, &[TUS, BYTES, ("upload-offset", &at)], bytes).await
    }

    /// Says something with files in a room.
    async fn say(&self, room: &str, files: &[&Value]) -> Value {
        let ids: Vec<_> = files.iter().map(|file| file["id"].clone()).collect();
        let body = json!({ "text": "", "files": ids }).to_string();
        let json = [("content-type", "application/json")];
        let path = format!("/rooms/{room}/messages");
        let answer = self.call("POST", &path, &json, body.as_bytes()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["message"].clone()
    }
}

async fn a_file_is_for_its_sender_and_for_those_who_may_read_a_message_that_has_it(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (Person::new(&stage, "ann").await, Person::new(&stage, "bob").await);
    let open = json!({ "slug": "den", "kind": "closed" }).to_string();
    ann.call("POST", "/rooms", &[], open.as_bytes()).await;
    let file = ann.add("notes.txt", b"hello there").await;
    assert_eq!(file["name"], "notes.txt");
    assert_eq!((&file["type"], &file["size"]), (&json!("text/plain"), &json!(11)));
    let path = format!("/files/{}", file["id"]);
    let read = async |who: &Person<'_>| who.get(&path, &[]).await.status.as_u16();
    let visitor = async || stage.get(&format!("/api/v1{path}"), &[]).await.status.as_u16();
    assert_eq!((read(&ann).await, read(&bob).await, visitor().await), (200, 404, 404));
    let said = ann.say("den", &[&file]).await;
    assert_eq!(said["files"][0], file);
    assert_eq!((read(&ann).await, read(&bob).await, visitor().await), (200, 404, 404));
    ann.say("lobby", &[&file]).await;
    assert_eq!((read(&ann).await, read(&bob).await, visitor().await), (200, 200, 200));
    let answer = bob.get(&path, &[]).await;
    assert_eq!(answer.body, "hello there");
    for path in ["/files/1", "/files/999999", "/files/x", "/files/..%2f..%2flog.db"] {
        assert!([400, 404].contains(&bob.get(path, &[]).await.status.as_u16()), "{path}");
    }
    let nobody = stage.send(post("/api/v1/files?name=a", b"x")).await;
    assert_eq!(nobody.status, 401);
}

fn post(path: &str, body: &'static [u8]) -> Request<Body> {
    Request::builder().method(Method::POST).uri(path).body(Body::from(body)).unwrap()
}

async fn a_picture_has_its_size_and_a_thumbnail(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::new(&stage, "ann").await;
    let file = ann.add("wide.jpg", PICTURE).await;
    assert_eq!((&file["width"], &file["height"]), (&json!(20), &json!(900)));
    assert_eq!((&file["type"], &file["thumbnail"]), (&json!("image/jpeg"), &json!(true)));
    let path = format!("/files/{}", file["id"]);
    let whole = ann.call("HEAD", &path, &[], b"").await;
    assert_eq!(whole.header("content-type"), "image/jpeg");
    assert_eq!(whole.header("content-length"), file["size"].to_string());
    let thumbnail = ann.call("HEAD", &format!("{path}/thumbnail"), &[], b"").await;
    assert_eq!((thumbnail.status.as_u16(), thumbnail.header("content-type")), (200, "image/jpeg"));
    assert_ne!(thumbnail.header("etag"), whole.header("etag"));
    let notes = ann.add("notes.txt", b"hello").await;
    assert_eq!(notes.get("thumbnail"), None);
    let none = ann.get(&format!("/files/{}/thumbnail", notes["id"]), &[]).await;
    assert_eq!(none.status, 404);
}

async fn nothing_that_people_send_is_run_by_a_browser(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::new(&stage, "ann").await;
    let rows: [(&str, &[u8], &str, &str); 6] = [
        (
            "page.html",
            b"<html><script>alert(1)</script>",
            "text/plain; charset=utf-8",
            "attachment",
        ),
        ("cat.svg", b"<svg onload='alert(1)'/>", "text/plain; charset=utf-8", "attachment"),
        ("a.js", b"alert(1)", "text/plain; charset=utf-8", "attachment"),
        ("a.bin", b"\0\x01", "application/octet-stream", "attachment"),
        ("a.pdf", b"%PDF-1.7", "application/pdf", "attachment"),
        ("a.wav", b"RIFF\x04\0\0\0WAVE", "audio/wav", "inline"),
    ];
    for (name, bytes, kind, way) in rows {
        let file = ann.add(name, bytes).await;
        let answer = ann.get(&format!("/files/{}", file["id"]), &[]).await;
        assert_eq!(answer.header("content-type"), kind, "{name}");
        assert!(answer.header("content-disposition").starts_with(way), "{name}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(
            answer.header("content-security-policy").starts_with("sandbox; default-src 'none'")
        );
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
        let saved = ann.get(&format!("/files/{}?download", file["id"]), &[]).await;
        assert!(saved.header("content-disposition").starts_with("attachment"), "{name}");
    }
}

async fn ranges_and_tags_are_served_as_a_video_asks_for_them(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::new(&stage, "ann").await;
    let text: String = (0..40_000).map(|n| format!("{n:05}")).collect();
    let file = ann.add("numbers.txt", text.as_bytes()).await;
    let path = format!("/files/{}", file["id"]);
    let whole = ann.get(&path, &[]).await;
    assert_eq!((whole.status.as_u16(), whole.header("accept-ranges")), (200, "bytes"));
    assert_eq!(whole.body, text);
    let tag = whole.header("etag").to_owned();
    let rows: [(&str, Headers<'_>, u16, &str, &str); 7] = [
        ("all of it", &[("range", "bytes=0-")], 206, "bytes 0-199999/200000", &text),
        ("a part", &[("range", "bytes=5-9")], 206, "bytes 5-9/200000", "00001"),
        ("the end", &[("range", "bytes=-5")], 206, "bytes 199995-199999/200000", "39999"),
        ("beyond", &[("range", "bytes=200000-")], 416, "bytes */200000", ""),
        ("has it", &[("if-none-match", &tag), ("range", "bytes=5-9")], 304, "", ""),
        (
            "the same still",
            &[("if-range", &tag), ("range", "bytes=5-9")],
            206,
            "bytes 5-9/200000",
            "00001",
        ),
        ("another before", &[("if-range", "\"x\""), ("range", "bytes=5-9")], 200, "", &text),
    ];
    for (case, headers, status, range, body) in rows {
        let answer = ann.get(&path, headers).await;
        assert_eq!(answer.status.as_u16(), status, "{case}");
        assert_eq!(answer.header("content-range"), range, "{case}");
        assert!(answer.body == body, "{case}");
        assert_eq!(answer.header("etag"), tag, "{case}");
    }
}

async fn a_file_that_is_no_good_is_refused_in_words(driver: Driver) {
    type Row<'r> = (&'r str, &'r str, Headers<'r>, &'r [u8], u16, &'r str);
    let stage = Stage::open(driver).await;
    let ann = Person::new(&stage, "ann").await;
    let polyglot = b"\0\0\0\x30ftypisom<html><script>alert(1)</script>";
    let rows: [Row<'_>; 6] = [
        ("a wrong name", "a.png", &[], b"alert(1)", 415, "refused_type"),
        ("a wrong type", "a", &[("content-type", "image/png")], b"alert(1)", 415, "refused_type"),
        ("a polyglot", "a.mp4", &[], polyglot, 415, "refused_type"),
        ("a broken picture", "a.jpg", &[], &PICTURE[..600], 415, "refused_type"),
        ("a name on two lines", "a%0Ab", &[], b"x", 400, "malformed"),
        ("compressed", "a", &[("content-encoding", "gzip")], b"x", 415, "encoded_body"),
    ];
    for (case, name, headers, bytes, status, code) in rows {
        let answer = ann.call("POST", &format!("/files?name={name}"), headers, bytes).await;
        assert_eq!(answer.status.as_u16(), status, "{case}: {}", answer.body);
        assert_eq!(answer.json()["code"], code, "{case}");
    }
    let length = (200_u64 << 20).to_string();
    let large = ann.call("POST", "/uploads", &[TUS, ("upload-length", &length)], b"").await;
    assert_eq!((large.status.as_u16(), &large.json()["code"]), (413, &json!("too_large")));
}

async fn an_upload_goes_on_where_it_stopped(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (Person::new(&stage, "ann").await, Person::new(&stage, "bob").await);
    let upload = ann.begin(11, "filename bm90ZXMudHh0").await;
    let first = ann.patch(&upload, 0, b"hello ").await;
    assert_eq!((first.status.as_u16(), first.header("upload-offset")), (204, "6"));
    assert!(first.header("upload-expires").ends_with(" GMT"));
    let wrong = ann.patch(&upload, 0, b"hello ").await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["code"]), (409, &json!("wrong_offset")));
    let head = ann.call("HEAD", &upload, &[TUS], b"").await;
    assert_eq!((head.header("upload-offset"), head.header("upload-length")), ("6", "11"));
    assert_eq!((head.header("tus-resumable"), head.header("cache-control")), ("1.0.0", "no-store"));
    assert_eq!(head.header("linger-file"), "");
    assert_eq!(ann.get(&upload, &[]).await.status, 409);
    for method in ["HEAD", "GET", "DELETE"] {
        assert_eq!(bob.call(method, &upload, &[TUS], b"").await.status, 404, "{method}");
    }
    assert_eq!(bob.patch(&upload, 6, b"there").await.status, 404);
    let last = ann.patch(&upload, 6, b"there").await;
    assert_eq!((last.status.as_u16(), last.header("upload-offset")), (204, "11"));
    let id = last.header("linger-file").to_owned();
    assert_eq!(ann.get(&format!("/files/{id}"), &[]).await.body, "hello there");
    let ended = ann.begin(5, "").await;
    assert_eq!(ann.call("DELETE", &ended, &[TUS], b"").await.status, 204);
    assert_eq!(ann.call("HEAD", &ended, &[TUS], b"").await.status, 404);
}

async fn an_upload_speaks_tus_or_nothing(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::new(&stage, "ann").await;
    let about = ann.call("OPTIONS", "/uploads", &[], b"").await;
    assert_eq!((about.status.as_u16(), about.header("tus-version")), (204, "1.0.0"));
    assert_eq!(
        about.header("tus-extension"),
        "creation,creation-with-upload,termination,expiration"
    );
    assert_eq!(about.header("tus-max-size"), (100 << 20).to_string());
    let upload = ann.begin(5, "").await;
    let rows: [(&str, &str, &str, Headers<'_>, u16); 6] = [
        ("no version", "POST", "/uploads", &[("upload-length", "5")], 412),
        ("another version", "HEAD", &upload, &[("tus-resumable", "0.2.2")], 412),
        ("no length", "POST", "/uploads", &[TUS], 400),
        ("no number", "POST", "/uploads", &[TUS, ("upload-length", "+5")], 400),
        ("no offset", "PATCH", &upload, &[TUS, BYTES], 400),
        ("no bytes", "PATCH", &upload, &[TUS, ("upload-offset", "0")], 415),
    ];
    for (case, method, path, headers, status) in rows {
        let answer = ann.call(method, path, headers, b"").await;
        assert_eq!(answer.status.as_u16(), status, "{case}: {}", answer.body);
    }
    let beyond = ann.patch(&upload, 0, b"more than five").await;
    assert_eq!((beyond.status.as_u16(), &beyond.json()["code"]), (400, &json!("too_long")));
}

async fn an_upload_that_is_whole_names_its_file_as_often_as_it_is_asked(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::new(&stage, "ann").await;
    // All at once, as clients do with small files.
    let headers = [TUS, BYTES, ("upload-length", "5"), ("upload-metadata", "filename YS50eHQ=")];
    let begun = ann.call("POST", "/uploads", &headers, b"hello").await;
    assert_eq!((begun.status.as_u16(), begun.header("upload-offset")), (201, "5"));
    let id = begun.header("linger-file").to_owned();
    let upload = begun.header("location").strip_prefix("/api/v1").unwrap().to_owned();
    for _ in 0..2 {
        let head = ann.call("HEAD", &upload, &[TUS], b"").await;
        assert_eq!((head.header("upload-offset"), head.header("linger-file")), ("5", &*id));
        let file = ann.get(&upload, &[]).await.json()["file"].clone();
        assert_eq!((file["id"].to_string(), &file["name"]), (id.clone(), &json!("a.txt")));
    }
    let nothing = ann.begin(0, "").await;
    let file = ann.get(&nothing, &[]).await.json()["file"].clone();
    assert_eq!((&file["size"], &file["name"]), (&json!(0), &json!("file")));
    let empty = ann.get(&format!("/files/{}", file["id"]), &[]).await;
    assert_eq!((empty.status.as_u16(), &*empty.body), (200, ""));
}

async fn a_repeat_of_a_file_is_the_same_file(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = Person::new(&stage, "ann").await;
    let key = [("idempotency-key", "f1")];
    let first = ann.call("POST", "/files?name=a.txt", &key, b"hello").await;
    let again = ann.call("POST", "/files?name=a.txt", &key, b"hello").await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(first.body, again.body);
    let other = ann.call("POST", "/files?name=a.txt", &key, b"other").await;
    assert_eq!(other.status, 409);
}
