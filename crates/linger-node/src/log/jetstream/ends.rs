//! Asks the stream's leader where the stream ends. Only a leader with a majority is believed,
//! and only of the stream that this log is. Questions that wait are asked as one.

use async_nats::jetstream::Context;
use linger_core::Position;
use tokio::sync::{mpsc, oneshot};

use super::AboutStream;

/// Answers questions until nobody can ask any more. A dropped answer means: nobody can say.
pub(super) async fn serve(
    context: Context,
    stream: String,
    created: String,
    mut asked: mpsc::Receiver<oneshot::Sender<Position>>,
) {
    while let Some(first) = asked.recv().await {
        let mut answers = vec![first];
        while let Ok(answer) = asked.try_recv() {
            answers.push(answer);
        }
        let about = AboutStream::ask_once(&context, &stream).await;
        let Ok(about) = about else { continue };
        if about.created == created && about.has_majority() {
            // Those who asked may have gone.
            answers.into_iter().for_each(|answer| _ = answer.send(about.tail()));
        }
    }
}
