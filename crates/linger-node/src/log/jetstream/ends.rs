//! Asks the stream's leader where the stream ends. Only a leader with a majority is believed,
//! and only of the stream that this log is. Questions that wait are asked as one.
//!
//! A leader proves once that it has applied all that was there before it came to lead
//! ([`AboutStream::prove_once`]). From then on its word is enough: it acknowledges only what it has
//! applied. A question that must hold even where two servers think that they lead has a
//! proof of its own.

use async_nats::jetstream::Context;
use linger_core::Position;
use tokio::sync::{mpsc, oneshot};

use super::{AboutStream, stream::Leadership};

/// Where the stream ends. A dropped answer means: nobody can say.
pub(super) enum Question {
    /// As a leader tells it that has proven once where the end was.
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
    let mut trusted: Option<Leadership> = None;
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
        let told = match is_to_be_proven {
            true => None,
            false => told(&context, &stream, trusted.as_ref()).await,
        };
        let about = match told {
            Some(about) => Some(about),
            None => AboutStream::prove_once(&context, &stream).await.ok(),
        };
        let Some(about) = about.filter(|about| about.created == created) else { continue };
        trusted = about.leadership();
        // Those who asked may have gone.
        answers.into_iter().for_each(|answer| _ = answer.send(about.tail()));
    }
}

/// Asks a leader that is trusted, or a server that has no others. None: it is to be proven.
async fn told(
    context: &Context,
    stream: &str,
    trusted: Option<&Leadership>,
) -> Option<AboutStream> {
    let about = AboutStream::ask_once(context, stream).await.ok()?;
    let is_trusted = about.leadership().as_ref() == trusted;
    (is_trusted && about.has_majority()).then_some(about)
}
