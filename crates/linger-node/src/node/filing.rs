//! Filing: an upload becomes a file, by a command like any other; and files that nobody
//! needs are forgotten, with their bytes.
//!
//! A file is there when the log has it. Its bytes come before that and go after it, and
//! their hash is held in between ([`crate::Uploads`]).

use std::{io, sync::Arc};

use linger_core::{
    Author, Command, File, FileHash, FileId, FileName, MediaType, Position, Request, RequestId,
    Timestamp, UserId,
};
use tokio::time::timeout;

use super::Node;
use crate::{
    Asker, Outcome, Refusal, Unavailable, UploadError, UploadId,
    questions::{FileFor, IsHashKnown, WithoutMessage},
};

/// Files that are forgotten between two looks.
const FORGOTTEN_AT_ONCE: usize = 100;

/// The reason why an upload does not become a file.
#[derive(Debug)]
pub enum FilingError {
    /// The upload's own.
    Upload(UploadError),
    /// The log's, or the rules'.
    Refused(Refusal),
}

impl<E: Into<UploadError>> From<E> for FilingError {
    fn from(error: E) -> FilingError {
        FilingError::Upload(error.into())
    }
}

impl Node {
    /// Makes a file of an upload that has all its bytes, once: under `request`, if its owner
    /// chose a name for the request, else under the upload's. Tells whether it was one before.
    ///
    /// It goes on when its caller does not.
    pub async fn file_of(
        self: &Arc<Node>,
        upload: &UploadId,
        owner: UserId,
        request: Option<RequestId>,
    ) -> Result<(File, bool), FilingError> {
        let (node, upload) = (self.clone(), upload.clone());
        let filing = tokio::spawn(async move { node.file(&upload, owner, request).await });
        filing.await.map_err(io::Error::other)?
    }

    async fn file(
        &self,
        upload: &UploadId,
        owner: UserId,
        request: Option<RequestId>,
    ) -> Result<(File, bool), FilingError> {
        let finished = match self.uploads().finish(upload, owner).await? {
            Outcome::Finished(finished) => finished,
            Outcome::File(id) => {
                let id = FileId::new(Position::new(id));
                return Ok((self.added(id, owner).await?, true));
            }
        };
        let prepared = finished.prepared.clone();
        let name = FileName::parse(&prepared.name).expect("the edge has checked it");
        let kind = MediaType::parse(prepared.kind).expect("it is one of ours");
        let (width, height) = prepared.dimensions.unzip();
        let (size, hash, thumbnail) = (prepared.size, prepared.hash, prepared.has_thumbnail);
        let id = request.unwrap_or_else(|| {
            RequestId::parse(&format!("upload-{upload}"))
                .expect("it is short, of letters and digits")
        });
        let request = Request::new(id, &("add_file", name.as_str(), hash));
        let command = Command::AddFile {
            name: name.clone(),
            kind: kind.clone(),
            size,
            hash,
            width,
            height,
            thumbnail,
        };
        let submitted = self.submit(Author::User(owner), Some(request), command).await;
        let receipt = submitted.map_err(FilingError::Refused)?;
        let id = FileId::new(receipt.position);
        finished.became(receipt.position.get()).await?;
        if receipt.is_repeat {
            let added = self.added(id, owner).await;
            if matches!(added, Err(FilingError::Upload(UploadError::NotFound))) {
                // It is gone since, and what came with the repeat goes, too.
                self.uploads().erase_file(id, hash, |at| self.is_hash_known(hash, at)).await?;
            }
            return Ok((added?, true));
        }
        Ok((File { id, name, kind, size, width, height, thumbnail }, false))
    }

    async fn added(&self, id: FileId, owner: UserId) -> Result<File, FilingError> {
        let asked = self.query(Asker::Person(owner), FileFor { reader: Some(owner), id }).await;
        let found = asked.map_err(|unavailable| FilingError::Refused(unavailable.into()))?;
        Ok(found.ok_or(UploadError::NotFound)?.file)
    }

    /// Forgets what nobody needs any more, by the node's clock: uploads and files of
    /// yesterday that no message has, and bytes that no file has. Call it now and then.
    pub async fn sweep_files(&self) -> Result<(), FilingError> {
        let unavailable = |error: Unavailable| FilingError::Refused(error.into());
        self.uploads().expire().await?;
        loop {
            let age = i64::try_from(self.limits.upload_age_max.as_millis()).unwrap_or(i64::MAX);
            let before = self.clock.now().as_ms().saturating_sub(age);
            let before = Timestamp::from_ms(before);
            let forgotten = WithoutMessage { before, limit: FORGOTTEN_AT_ONCE };
            let forgotten = self.query(Asker::House, forgotten).await.map_err(unavailable)?;
            let count = forgotten.len();
            for file in forgotten {
                let dropped = self.submit(Author::Server, None, Command::DropFile { file }).await;
                dropped.map_err(FilingError::Refused)?;
            }
            if count < FORGOTTEN_AT_ONCE {
                break;
            }
        }
        let mut hashes = self.uploads().kept_long().await?;
        hashes.extend(self.uploads().store().copies());
        for hash in hashes {
            self.uploads().erase_unless(hash, |at| self.is_hash_known(hash, at)).await?;
        }
        Ok(())
    }

    /// Tells whether a file has these bytes, once all up to a position is applied.
    async fn is_hash_known(&self, hash: FileHash, at: Position) -> Result<bool, FilingError> {
        let mut applied = self.applied.clone();
        let reached = timeout(self.limits.submit_timeout, applied.wait_for(|it| *it >= at)).await;
        let unavailable = |error: Unavailable| FilingError::Refused(error.into());
        let reached = reached.map_err(|_| unavailable(Unavailable::Overloaded))?;
        reached.map_err(|_| unavailable(Unavailable::Storage))?;
        self.query(Asker::House, IsHashKnown(hash)).await.map_err(unavailable)
    }
}
