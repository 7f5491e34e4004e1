//! What is made of the bytes of an upload before they are kept: their type, their hash, and
//! of a picture a new one.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use linger_core::FileHash;
use linger_media::{HEAD_BYTES, Picture, PictureError, PictureFormat, Sniffed, redraw, sniff};
use sha2::{Digest, Sha256};

use super::{UploadError, stage::About};
use crate::private;

/// Bytes that are hashed at a time.
const PIECE: usize = 64 << 10;

/// What is known of the bytes that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The file's name.
    pub name: String,
    /// Its media type.
    pub kind: &'static str,
    /// Bytes.
    pub size: u64,
    /// The hash under which they are kept.
    pub hash: FileHash,
    /// Width and height of a picture, as it is shown.
    pub dimensions: Option<(u32, u32)>,
    /// Whether there is a thumbnail.
    pub has_thumbnail: bool,
}

/// What was made, and where it is.
pub(super) struct Made {
    pub(super) prepared: Prepared,
    pub(super) path: PathBuf,
    pub(super) thumbnail: Option<Vec<u8>>,
}

/// Makes what is to be made of the bytes in `staged`; a picture is drawn anew in `drawn`.
pub(super) fn prepare(staged: &Path, drawn: &Path, about: &About) -> Result<Made, UploadError> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    File::open(staged)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let kind = match sniff(&head) {
        Sniffed::Picture(format) => return prepare_picture(format, staged, drawn, about),
        Sniffed::Polyglot => {
            let reason = "the file has two types at once: save it anew with one program";
            return Err(UploadError::Refused(reason.to_owned()));
        }
        Sniffed::Playable(kind) | Sniffed::Saved(kind) => kind,
    };
    let declared = about.declared.as_deref().unwrap_or_default();
    let is_declared = PROMISED.iter().any(|promised| declared.eq_ignore_ascii_case(promised));
    if is_declared || linger_media::is_picture_name(&about.name) {
        let reason = "the file is said to be a picture, and its bytes are not one; give it the name and the type that it has";
        return Err(UploadError::Refused(reason.to_owned()));
    }
    let (hash, size) = hash(staged)?;
    let name = about.name.clone();
    let prepared = Prepared { name, kind, size, hash, dimensions: None, has_thumbnail: false };
    Ok(Made { prepared, path: staged.to_owned(), thumbnail: None })
}

/// Types that a file must have if they are declared.
const PROMISED: [&str; 5] = ["image/jpeg", "image/jpg", "image/png", "image/gif", "image/webp"];

fn prepare_picture(
    format: PictureFormat,
    staged: &Path,
    drawn: &Path,
    about: &About,
) -> Result<Made, UploadError> {
    let file = private::open(drawn)?;
    file.set_len(0)?;
    let mut sink = BufWriter::with_capacity(PIECE, file);
    let source = BufReader::with_capacity(PIECE, File::open(staged)?);
    let picture = redraw(format, source, &mut sink).map_err(|error| match error {
        PictureError::Unwritten(error) => error.into(),
        error => UploadError::Refused(format!("{error}; send another file")),
    })?;
    sink.flush()?;
    drop(sink);
    let (hash, size) = hash(drawn)?;
    let Picture { width, height, thumbnail } = picture;
    let prepared = Prepared {
        name: about.name.clone(),
        kind: format.media_type(),
        size,
        hash,
        dimensions: Some((width, height)),
        has_thumbnail: thumbnail.is_some(),
    };
    Ok(Made { prepared, path: drawn.to_owned(), thumbnail })
}

fn hash(path: &Path) -> std::io::Result<(FileHash, u64)> {
    let (mut file, mut sum, mut size) = (File::open(path)?, Sha256::new(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok((FileHash(sum.finalize().into()), size));
        }
        sum.update(&piece[..count]);
        size += count as u64;
    }
}
