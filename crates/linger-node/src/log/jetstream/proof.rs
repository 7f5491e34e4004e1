//! Proofs: answers about a stream that hold for all that was acknowledged before the question.
//!
//! One server's word is not enough. A server without a leader tells what it has itself, and a
//! new leader may still be applying what a majority has: both may tell an end that was passed
//! long ago. So a loss is claimed only of a proven answer. For it the servers agree on a
//! change that changes nothing, in the order of all that is written; the same leader, with a
//! majority, answers before and after it.

use async_nats::jetstream::Context;
use serde_json::{Value, json};

use super::{
    AboutStream, ClusterError,
    stream::{Failed, request_once},
    until_led,
};

/// JetStream's answers to the deletion of a message that is not there.
const NOT_THERE: [u64; 2] = [10043, 10057];

/// Nobody can say it just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the NATS servers do not agree on what the log has")]
pub(crate) struct Unproven;

impl AboutStream {
    /// Asks for a proven answer, and waits while nobody can give it. Errors: there is no such
    /// stream, or nobody could.
    pub(crate) async fn prove(
        context: &Context,
        stream: &str,
    ) -> Result<AboutStream, ClusterError> {
        AboutStream::ask(context, stream).await?;
        let proven = until_led(|Unproven| true, || AboutStream::prove_once(context, stream)).await;
        proven.map_err(|error| ClusterError::Refused(error.to_string()))
    }

    /// Asks for a proven answer, for somebody who asks again anyway.
    pub(crate) async fn prove_once(
        context: &Context,
        stream: &str,
    ) -> Result<AboutStream, Unproven> {
        prove_by(context, stream, async {
            // No message has this number. The servers agree on the deletion all the same, and
            // only then is it found not to be there.
            let subject = format!("STREAM.MSG.DELETE.{stream}");
            match request_once::<Value>(context, &subject, &json!({ "seq": 0 })).await {
                Err(Failed::Api(error)) => NOT_THERE.contains(&error.err_code),
                Ok(_) | Err(_) => false,
            }
        })
        .await
    }
}

/// Asks a stream's leader before and after the servers agreed on something.
pub(super) async fn prove_by(
    context: &Context,
    stream: &str,
    agree: impl Future<Output = bool>,
) -> Result<AboutStream, Unproven> {
    let ask = || async { AboutStream::ask_once(context, stream).await.map_err(|_| Unproven) };
    let before = ask().await?;
    let is_agreed = agree.await;
    let after = ask().await?;
    let is_led = after.has_majority() && after.leadership() == before.leadership();
    (is_agreed && is_led).then_some(after).ok_or(Unproven)
}
