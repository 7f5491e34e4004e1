//! The cost of a dialect: one file ([`shout`]) and a line in the list, here
//! [`routes`]. It is held, woken and answered by both drivers.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod shout;

use std::{sync::Arc, time::Duration};

use axum::body::{Body, to_bytes};
use hyper::{Method, Request};
use linger_core::{Author, Command, Slug, TokenHash, UserId, UserName};
use linger_node::{Limits, Node, Rollback, SystemClock};
use linger_serve::{App, AppSettings, Routes, Server, ServerSettings, router};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::timeout,
};
use tower::ServiceExt;

const PATIENCE: Duration = Duration::from_secs(20);
/// It looks like a token that the server made.
const TOKEN: &str = "a11ce000a11ce000a11ce000a11ce000a11ce000a11ce000a11ce000a11ce000";

/// The list of dialects.
fn routes(app: &Arc<App>) -> Routes {
    Routes::new().merge(shout::routes(app))
}

/// Opens a node with ann in its lobby.
async fn open() -> (TempDir, Arc<App>) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock);
    let node = Node::open(folder.path(), Rollback::Refused, Limits::default(), clock).unwrap();
    node.ready().await.unwrap();
    let (name, token) = (UserName::parse("ann").unwrap(), Some(TokenHash::of(TOKEN)));
    let ann = Command::CreateGuest { name, token_hash: token, external_id: None };
    let ann = UserId::new(node.submit(Author::Server, None, ann).await.unwrap().position);
    let lobby = node.room(&Slug::parse("lobby").unwrap(), None).unwrap();
    let join = Command::JoinRoom { room: lobby.id };
    node.submit(Author::User(ann), None, join).await.unwrap();
    (folder, Arc::new(App::new(Arc::new(node), AppSettings::default())))
}

async fn until_held(app: &App) {
    let held = async {
        while app.node.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, held).await.expect("the request is held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_dialect_is_served_by_tasks() {
    let (_folder, app) = open().await;
    let router = router(app.clone(), routes(&app));
    let send = |method: Method, body: &'static str| {
        let request = Request::builder().method(method).uri("/shout");
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let answer = router.clone().oneshot(request.body(Body::from(body)).unwrap());
        async {
            let body = timeout(PATIENCE, answer).await.unwrap().unwrap().into_body();
            String::from_utf8(to_bytes(body, 1000).await.unwrap().to_vec()).unwrap()
        }
    };
    let listening = tokio::spawn(send(Method::GET, ""));
    until_held(&app).await;
    assert!(send(Method::POST, "hello").await.starts_with("shouted at "));
    assert_eq!(listening.await.unwrap(), "HELLO");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_dialect_is_served_by_the_park() {
    let (_folder, app) = open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = ServerSettings {
        shards: None,
        connections_max: 10,
        connections_per_address_max: None,
        head_timeout: PATIENCE,
        write_timeout: PATIENCE,
        outgoing_bytes_max: 1 << 20,
        drain: PATIENCE,
    };
    let server = Server::new(listener, &app, routes(&app), settings).unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(server.run(async { drop(ended.await) }));
    let send = async |request: String| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    };
    let body = async |mut stream: TcpStream| {
        let mut answer = vec![0; 4096];
        let count = timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
        String::from_utf8(answer[..count].to_vec()).unwrap()
    };
    let listening = send("GET /shout HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()).await;
    until_held(&app).await;
    let shout = format!(
        "POST /shout HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 5\r\n\r\nhello"
    );
    let shouted = body(send(shout).await).await;
    assert!(shouted.contains("200 OK") && shouted.contains("shouted at "), "{shouted}");
    let heard = body(listening).await;
    assert!(heard.ends_with("\r\n\r\nHELLO"), "{heard}");
    drop(end);
    app.node.close(Duration::ZERO).await;
    timeout(PATIENCE, server).await.unwrap().unwrap();
}
