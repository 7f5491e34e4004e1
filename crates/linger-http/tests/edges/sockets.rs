//! Things that only a socket can show.
//!
//! A client that hangs up while it is held, a server that ends while others are,
//! and a connection that is used again after a hold.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    drivers::{Driver, Entrance},
    stage::{PATIENCE, Stage},
};

/// Sends a request on a connection of its own.
async fn post(stage: &Stage, path: &str, body: &str) -> TcpStream {
    let address = stage.listening.as_ref().unwrap().address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: linger\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).await.unwrap();
    stream
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
    let stage = Stage::open(Driver::Sockets).await;
    let asked = json!({ "username": "bob==u-2" }).to_string();
    let held = post(&stage, "/get_new_message", &asked).await;
    stage.until_held(1).await;
    drop(held);
    stage.until_held(0).await;
    let said = json!({ "username": "ann==u-1", "message": "one" }).to_string();
    answer(post(&stage, "/send_message", &said).await).await;
    let told = answer(post(&stage, "/get_new_message", &asked).await).await;
    assert!(
        told.starts_with("HTTP/1.1 200 OK\r\n") && told.contains(r#""message":"one""#),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_answers_all_who_are_held() {
    let mut stage = Stage::open(Driver::Sockets).await;
    let update = post(&stage, "/update", "cursor=").await;
    let bob = json!({ "username": "bob==u-2" }).to_string();
    let names = post(&stage, "/get_new_message", &bob).await;
    stage.until_held(2).await;
    drop(stage.listening.take());
    let (update, names) = (answer(update).await, answer(names).await);
    assert!(
        update.contains("content-type: text/html; charset=utf-8\r\n")
            && update.contains(r#"{"html":"","latest_cursor":""#),
        "{update}"
    );
    assert!(names.ends_with(r#"{"status":0,"error":"没有新消息","message":""}"#), "{names}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connections_are_enough_for_who_is_held_and_who_speaks_however_long_they_talk() {
    let stage = Stage::open(Driver::Sockets).await;
    let bob = json!({ "username": "bob==u-2" });
    for round in 0..20 {
        let text = round.to_string();
        let held = stage.hold(stage.json("/get_new_message", &bob)).await;
        let said = json!({ "username": "ann==u-1", "message": text });
        assert_eq!(stage.json("/send_message", &said).await.status, 200);
        assert_eq!(held.await.unwrap().json()["message"]["message"], text);
        let path = "/api/v1/rooms/lobby/events?wait=0";
        assert_eq!(stage.get(path, &[]).await.status, 200);
    }
    let Entrance::Sockets(client) = &stage.entrance else { panic!("requests go over sockets") };
    assert_eq!(client.opened(), 2);
}
