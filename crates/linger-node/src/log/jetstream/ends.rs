//! Asks the stream's leader where the stream ends. Only a leader with a majority is believed,
//! and only of the stream that this log is. Questions that wait are asked as one.
//!
//! A new leader may still be applying what a majority has, and tell an end that was passed long
//! ago. Where that matters, the servers first agree on a change that changes nothing: its
//! answer comes only from a leader that has applied everything before it.

use async_nats::jetstream::Context;
use linger_core::Position;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{
    AboutStream,
    stream::{Failed, request_once},
};

/// JetStream's answers to the deletion of a message that is not there.
const NOT_THERE: [u64; 2] = [10043, 10057];

/// Where the stream ends. A dropped answer means: nobody can say.
pub(super) enum Question {
    /// As the leader tells it.
    Told(oneshot::Sender<Position>),
    /// With all that was acknowledged before the question.
    Proven(oneshot::Sender<Position>),
}

/// Answers questions until nobody can ask any more.
pub(super) async fn serve(
    context: Context,
    stream: String,
    created: String,
    mut asked: mpsc::Receiver<Question>,
) {
    while let Some(first) = asked.recv().await {
        let (mut answers, mut is_to_be_proven) = (Vec::new(), false);
        let mut next = Some(first);
        while let Some(question) = next {
            match question {
                Question::Told(answer) => answers.push(answer),
                Question::Proven(answer) => {
                    is_to_be_proven = true;
                    answers.push(answer);
                }
            }
            next = asked.try_recv().ok();
        }
        let about = match is_to_be_proven {
            true => proven(&context, &stream).await,
            false => AboutStream::ask_once(&context, &stream).await.ok(),
        };
        let Some(about) = about else { continue };
        if about.created == created && about.has_majority() {
            // Those who asked may have gone.
            answers.into_iter().for_each(|answer| _ = answer.send(about.tail()));
        }
    }
}

/// Has the leader apply everything so far, and returns what it tells then. None: another one
/// leads now, or there is none.
async fn proven(context: &Context, stream: &str) -> Option<AboutStream> {
    let before = AboutStream::ask_once(context, stream).await.ok()?;
    // No message has this number. The servers agree on the deletion all the same, in the order
    // of all that is written, and only then is it found not to be there.
    let subject = format!("STREAM.MSG.DELETE.{stream}");
    let deleted = request_once::<Value>(context, &subject, &json!({ "seq": 0 })).await;
    let is_agreed = match deleted {
        Err(Failed::Api(error)) => NOT_THERE.contains(&error.err_code),
        Ok(_) | Err(_) => false,
    };
    let after = AboutStream::ask_once(context, stream).await.ok()?;
    (is_agreed && after.leader() == before.leader()).then_some(after)
}
