//! The record of a blob: the newest message under its subject, in the form in which NATS
//! describes objects, so that `nats object ls` and `get` show it. Beside that it says what
//! only we know: whether somebody is about to erase it, and its thumbnail.
//!
//! The bytes of each upload are a *copy* with a name of its own, which begins with the hash:
//! so those that a crash leaves without a record are known, too.

use std::io;

use base64::{Engine, engine::general_purpose::URL_SAFE};
use linger_core::{FileHash, Timestamp};
use serde::{Deserialize, Serialize};

use crate::blobs::Part;

/// A blob's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    hash: FileHash,
    bucket: String,
    /// The name of the copy, beside the hash.
    copy: String,
    whole: Content,
    thumbnail: Option<Content>,
    state: State,
    pub(super) since: Timestamp,
}

/// The bytes of a part: how many, in how many chunks, with which SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) size: u64,
    pub(super) chunks: u64,
    pub(super) digest: FileHash,
}

/// How it is with a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It is there.
    Kept,
    /// It is there, and somebody looks whether any file has it.
    Marked,
    /// No file has it: its chunks are being erased.
    Gone,
    /// Nobody writes this: what stands there is no record. It is replaced like one.
    Unreadable,
}

/// The record as JSON: NATS's own names, and ours in a place of their own.
#[derive(Serialize, Deserialize)]
struct Info {
    name: String,
    bucket: String,
    nuid: String,
    size: u64,
    chunks: u64,
    digest: String,
    #[serde(default)]
    deleted: bool,
    linger: Ours,
}

#[derive(Serialize, Deserialize)]
struct Ours {
    state: State,
    since_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbnail: Option<Content>,
}

impl Record {
    /// Begins the record of a new copy, which has no bytes yet.
    pub(super) fn new(hash: FileHash, bucket: &str, copy: String) -> Record {
        Record {
            hash,
            bucket: bucket.to_owned(),
            copy,
            whole: Content { size: 0, chunks: 0, digest: hash },
            thumbnail: None,
            state: State::Kept,
            since: Timestamp::from_ms(0),
        }
    }

    /// Adds what was uploaded. Errors: those are other bytes than the hash says.
    pub(super) fn with(self, whole: Content, thumbnail: Option<Content>) -> io::Result<Record> {
        if whole.digest != self.hash {
            return Err(damaged("the bytes are others than they were when they were hashed"));
        }
        Ok(Record { whole, thumbnail, ..self })
    }

    /// Reads the record of a blob, or what stands in its place.
    pub(super) fn read(hash: FileHash, bucket: &str, payload: &[u8]) -> Record {
        Record::try_read(hash, bucket, payload).unwrap_or_else(|| Record {
            state: State::Unreadable,
            ..Record::new(hash, bucket, "unreadable".to_owned())
        })
    }

    fn try_read(hash: FileHash, bucket: &str, payload: &[u8]) -> Option<Record> {
        let info: Info = serde_json::from_slice(payload).ok()?;
        let name = hash.to_string();
        let copy = info.nuid.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.'));
        let is_copy =
            |copy: &&str| copy.len() == 32 && copy.bytes().all(|byte| byte.is_ascii_hexdigit());
        let copy = copy.filter(is_copy).filter(|_| info.name == name)?;
        Some(Record {
            hash,
            bucket: bucket.to_owned(),
            copy: copy.to_owned(),
            whole: Content { size: info.size, chunks: info.chunks, digest: hash },
            thumbnail: info.linger.thumbnail,
            state: info.linger.state,
            since: Timestamp::from_ms(info.linger.since_ms),
        })
    }

    /// Writes it as JSON.
    pub(super) fn payload(&self) -> Vec<u8> {
        let info = Info {
            name: self.hash.to_string(),
            bucket: self.bucket.clone(),
            nuid: format!("{}.{}", self.hash, self.copy),
            size: self.whole.size,
            chunks: self.whole.chunks,
            digest: format!("SHA-256={}", URL_SAFE.encode(self.whole.digest.0)),
            deleted: self.state == State::Gone,
            linger: Ours {
                state: self.state,
                since_ms: self.since.as_ms(),
                thumbnail: self.thumbnail.clone(),
            },
        };
        serde_json::to_vec(&info).expect("it is of strings and numbers")
    }

    /// Returns the hash of the bytes.
    pub(super) fn hash(&self) -> FileHash {
        self.hash
    }

    /// Returns the subject of a part's chunks.
    pub(super) fn subject(&self, part: Part) -> String {
        let Record { bucket, hash, copy, .. } = self;
        match part {
            Part::Whole => format!("$O.{bucket}.C.{hash}.{copy}"),
            Part::Thumbnail => format!("$O.{bucket}.C.{hash}.{copy}.thumbnail"),
        }
    }

    /// Tells whether these chunks are of its copy.
    pub(super) fn owns(&self, subject: &str) -> bool {
        [Part::Whole, Part::Thumbnail].into_iter().any(|part| self.subject(part) == subject)
    }

    /// Returns the facts about a part; none if there is no such part.
    pub(super) fn content(&self, part: Part) -> Option<&Content> {
        match part {
            Part::Whole => Some(&self.whole),
            Part::Thumbnail => self.thumbnail.as_ref(),
        }
    }

    /// Returns how many bytes both parts have.
    pub(super) fn bytes(&self) -> u64 {
        self.whole.size + self.thumbnail.as_ref().map_or(0, |small| small.size)
    }

    /// Tells whether the bytes are there, marked or not.
    pub(super) fn is_there(&self) -> bool {
        matches!(self.state, State::Kept | State::Marked)
    }

    /// Returns it if the bytes are there. Errors: `InvalidData`, if nobody can say that.
    pub(super) fn readable(self) -> io::Result<Option<Record>> {
        match self.state {
            State::Kept | State::Marked => Ok(Some(self)),
            State::Gone => Ok(None),
            State::Unreadable => Err(damaged("its record cannot be read")),
        }
    }

    /// Tells whether somebody may be about to erase them.
    pub(super) fn is_marked(&self) -> bool {
        self.state == State::Marked
    }

    /// Tells whether both are of one copy.
    pub(super) fn is_same_copy(&self, other: &Record) -> bool {
        self.copy == other.copy
    }

    /// Returns it without a mark, as new.
    pub(super) fn kept(&self, now: Timestamp) -> Record {
        Record { state: State::Kept, since: now, ..self.clone() }
    }

    /// Returns it with a mark.
    pub(super) fn marked(&self) -> Record {
        Record { state: State::Marked, ..self.clone() }
    }

    /// Returns it as it is while its chunks are erased.
    pub(super) fn gone(&self) -> Record {
        Record { state: State::Gone, ..self.clone() }
    }
}

/// Returns the subject of a blob's records.
pub(super) fn subject(bucket: &str, hash: FileHash) -> String {
    format!("$O.{bucket}.M.{}", URL_SAFE.encode(hash.to_string()))
}

/// Returns the hash in the last token of a record's subject.
pub(super) fn hash_in(subject: &str) -> Option<FileHash> {
    let name = URL_SAFE.decode(subject.rsplit('.').next()?).ok()?;
    const_hex::decode_to_array(name).ok().map(FileHash)
}

pub(super) fn damaged(reason: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a file in the NATS cluster is damaged: {reason}"),
    )
}
