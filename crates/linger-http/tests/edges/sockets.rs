//! The seed protocols over real connections: what only a socket can show.
//!
//! A client that hangs up while it is held, and a server that ends while others
//! are.

use std::{net::SocketAddr, time::Duration};

use linger_http::{Server, ServerSettings};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::stage::{PATIENCE, Stage};

/// A server on a port of its own, until it is ended.
struct Open {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Stage {
    async fn listen(&self) -> Open {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings =
            ServerSettings { connections_max: 100, head_timeout: PATIENCE, drain: PATIENCE };
        let server = Server::new(listener, self.router.clone(), settings);
        let (end, ended) = oneshot::channel();
        let server = tokio::spawn(server.run(async { drop(ended.await) }));
        Open { address, end, server }
    }
}

impl Open {
    /// Sends a request on a connection of its own.
    async fn post(&self, path: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: linger\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).await.unwrap();
        stream
    }
}

/// Reads an answer to its end.
async fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut text))
        .await
        .expect("an answer comes in time")
        .unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_while_held_has_lost_nothing() {
    let stage = Stage::open().await;
    let open = stage.listen().await;
    let asked = json!({ "username": "bob==u-2" }).to_string();
    let held = open.post("/get_new_message", &asked).await;
    stage.until_held(1).await;
    drop(held);
    stage.until_held(0).await;
    answer(
        open.post(
            "/send_message",
            &json!({ "username": "ann==u-1", "message": "one" }).to_string(),
        )
        .await,
    )
    .await;
    let told = answer(open.post("/get_new_message", &asked).await).await;
    assert!(
        told.starts_with("HTTP/1.1 200 OK\r\n") && told.contains(r#""message":"one""#),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_answers_all_who_are_held() {
    let stage = Stage::open().await;
    let open = stage.listen().await;
    let update = open.post("/update", "cursor=").await;
    let names = open.post("/get_new_message", &json!({ "username": "bob==u-2" }).to_string()).await;
    stage.until_held(2).await;
    drop(open.end);
    stage.node.close(Duration::ZERO).await;
    timeout(PATIENCE, open.server).await.expect("the server ends").unwrap();
    let (update, names) = (answer(update).await, answer(names).await);
    assert!(
        update.contains("content-type: text/html; charset=utf-8\r\n")
            && update.contains(r#"{"html":"","latest_cursor":""#),
        "{update}"
    );
    assert!(names.ends_with(r#"{"status":0,"error":"没有新消息","message":""}"#), "{names}");
}
