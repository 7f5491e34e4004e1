//! Leaves a NATS server that is cut off from the others.
//!
//! Such a server takes connections and answers what it can, so that the client is content with
//! it, while nothing that is sent there is ever acknowledged. So a connection that lasts is used
//! to ask for the log's leader, again and again. When none with a majority has answered for
//! longer than an election takes, the client goes on to the next server. Decision 0074.

use std::time::{Duration, Instant};

use async_nats::{connection::State, jetstream::Context};
use tokio::time::sleep;

use super::{AboutStream, ClusterError};

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// NATS's elections take 4 to 9 s, and another server would be of no help before one is over.
const ELECTION_MAX: Duration = Duration::from_secs(10);

/// Watches over a connection for as long as it is polled. The stream is the log.
pub(crate) async fn leave_what_is_cut_off(context: Context, stream: String) {
    let client = context.client();
    let (mut last_heard, mut left) = (Instant::now(), None);
    loop {
        sleep(ASK_EVERY).await;
        let asked = Instant::now();
        let is_heard = match AboutStream::ask_once(&context, &stream).await {
            Ok(about) => about.has_majority(),
            // The log is lost, and only those who hear the others can say so.
            Err(error) => matches!(error, ClusterError::NoStream(_)),
        };
        // A connection that is lost is on its way to another server anyway.
        if is_heard || client.connection_state() != State::Connected {
            (last_heard, left) = (Instant::now(), None);
            continue;
        }
        // Where only one is known, there is no other to go to.
        if client.server_pool().await.is_ok_and(|servers| servers.len() < 2) {
            continue;
        }
        let server = client.server_info().server_id;
        // A server may be known by two addresses.
        let is_back = left.as_ref() == Some(&server);
        if is_back || asked - last_heard > ELECTION_MAX {
            tracing::info!("this NATS server has not led to a majority for long; trying another");
            (last_heard, left) = (Instant::now(), Some(server));
            // It fails only where the client has ended.
            let _ = client.force_reconnect().await;
        }
    }
}
