//! Pictures, drawn anew: only what is seen goes into the new file.
//!
//! A format has a file of its own, around a crate that knows that format alone. The bounds
//! are checked before anything is decoded, so that a few bytes cannot ask for gigabytes.
//! A decoder that panics is a picture that is broken, not a server that is.

mod gif;
mod jpeg;
mod orientation;
mod png;
mod profile;
mod shrink;
mod webp;

use std::{
    io::{self, BufRead, Seek, Write},
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::sniff::PictureFormat;

/// Bytes of a picture's file at most: twice what a camera makes of [`PIXELS_MAX`].
pub const PICTURE_BYTES_MAX: u64 = 64 << 20;
/// Pixels of a picture at most: what the largest usual phone camera takes. Four bytes each
/// are 200 MB, for one picture at a time.
pub const PIXELS_MAX: u64 = 50_000_000;
/// Pixels of all frames of an animation at most: some seconds of decoding.
pub const FRAMES_PIXELS_MAX: u64 = 500_000_000;
/// Bytes of one decoded picture at most.
const DECODED_BYTES_MAX: u64 = 4 * PIXELS_MAX;
/// The longer side of a thumbnail: a phone's width, twice as sharp as its points.
pub const THUMBNAIL_SIDE: u32 = 640;

/// A picture that was drawn anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its width as it is shown.
    pub width: u32,
    /// Its height as it is shown.
    pub height: u32,
    /// A small form of it, JPEG or PNG; none if it is small itself and does not move.
    pub thumbnail: Option<Vec<u8>>,
}

/// The reason why a picture cannot be drawn anew.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It would take too much memory, or too long.
    #[error("the picture is too large: {0}")]
    TooLarge(String),
    /// It cannot be decoded.
    #[error("the picture cannot be decoded: {0}")]
    Broken(String),
    /// The new file cannot be written.
    #[error(transparent)]
    Unwritten(#[from] io::Error),
}

/// Draws a picture anew: decodes `source` within the bounds, and writes its pixels to
/// `drawn`, in the same format.
///
/// Orientation is applied, animations of GIF and WebP go on, and a colour profile is kept;
/// nothing else is. It takes up to some seconds, and some 200 MB for the largest pictures.
pub fn redraw(
    format: PictureFormat,
    mut source: impl BufRead + Seek,
    drawn: impl Write,
) -> Result<Picture, PictureError> {
    let length = source.seek(io::SeekFrom::End(0)).and_then(|length| {
        source.rewind()?;
        Ok(length)
    });
    if length? > PICTURE_BYTES_MAX {
        let limit = format!("its file has more than {} MiB", PICTURE_BYTES_MAX >> 20);
        return Err(PictureError::TooLarge(limit));
    }
    let redraw = || match format {
        PictureFormat::Jpeg => jpeg::redraw(source, drawn),
        PictureFormat::Png => png::redraw(source, drawn),
        PictureFormat::Gif => gif::redraw(source, drawn),
        PictureFormat::Webp => webp::redraw(source, drawn),
    };
    catch_unwind(AssertUnwindSafe(redraw))
        .unwrap_or_else(|_| Err(PictureError::Broken("the decoder gave up".to_owned())))
}

/// Checks the size of a picture before it is decoded. `pixel_bytes` is what one pixel takes.
fn check_size(width: u32, height: u32, pixel_bytes: u64) -> Result<(), PictureError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(PictureError::Broken("it has no pixels".to_owned()));
    }
    if pixels > PIXELS_MAX || pixels * pixel_bytes > DECODED_BYTES_MAX {
        let most = PIXELS_MAX / 1_000_000;
        return Err(PictureError::TooLarge(format!(
            "it has {width}\u{d7}{height} pixels, and {most} million are the most"
        )));
    }
    Ok(())
}

/// Counts the pixels of an animation's frames, each as large as the whole.
struct Frames {
    pixels_each: u64,
    count: u64,
}

impl Frames {
    fn of(width: u32, height: u32) -> Frames {
        Frames { pixels_each: u64::from(width) * u64::from(height), count: 0 }
    }

    /// Counts one more. Errors: they are too many.
    fn count(&mut self) -> Result<(), PictureError> {
        self.count += 1;
        match self.pixels_each.saturating_mul(self.count) > FRAMES_PIXELS_MAX {
            true => Err(PictureError::TooLarge("it has too many frames for its size".to_owned())),
            false => Ok(()),
        }
    }
}

fn broken(error: impl std::fmt::Display) -> PictureError {
    PictureError::Broken(error.to_string())
}
