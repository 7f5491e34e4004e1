//! Bytes of files on their way in, for the calls that take them: from the body to the upload.

use linger_node::{Receiver, UploadError};
use linger_serve::{Failure, Pieces};

/// Writes a body to an upload, piece by piece. Returns how many bytes the upload has then.
///
/// Errors: the body's, and the upload's. What was written before is there all the same.
pub(super) async fn receive(mut pieces: Pieces, mut receiver: Receiver) -> Result<u64, Failure> {
    loop {
        let piece = tokio::select! {
            biased;
            () = receiver.taken_over() => return Err(UploadError::TakenOver.into()),
            piece = pieces.next() => piece?,
        };
        match piece {
            Some(piece) => receiver.write(piece).await?,
            None => return Ok(receiver.pause().await?),
        }
    }
}
