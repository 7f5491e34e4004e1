//! The reasons why an upload does not go on. Each edge has its own words and statuses.

use std::io;

/// The reason why an upload does not go on.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is larger than the operator allows.
    #[error("a file has at most {0} bytes here")]
    TooLarge(u64),
    /// All files together are as large as the operator allows, or the disk is nearly full.
    #[error("the server has no room for more files; delete some, or ask its operator")]
    Full,
    /// Its bytes are not what they should be.
    #[error("{0}")]
    Refused(String),
    /// There is no such upload of this person.
    #[error("there is no such upload of yours; begin a new one")]
    NotFound,
    /// It is not so far, or farther.
    #[error("the upload has {0} bytes; go on from there")]
    WrongOffset(u64),
    /// More bytes came than it was said to have.
    #[error("more bytes came than the upload was said to have")]
    TooLong,
    /// Another request goes on with it.
    #[error("another request goes on with this upload; ask how far it is")]
    TakenOver,
    /// This person has too many that are not finished.
    #[error("you have {0} unfinished uploads; finish or end some of them")]
    TooMany(usize),
    /// The server has too much to do.
    #[error("the server has too many uploads to do at once; try again")]
    Overloaded,
    /// The disk does not take it.
    #[error("the file could not be stored: {0}")]
    Storage(io::Error),
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> UploadError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => UploadError::Full,
            _ => UploadError::Storage(error),
        }
    }
}
