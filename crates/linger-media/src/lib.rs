//! The bytes that people send as files: their type, and pictures drawn anew.
//!
//! [`sniff()`] tells a file's type by its first bytes, never by its name. [`redraw`] decodes
//! a picture within bounds and writes its pixels into a new file: places, comments and
//! whatever else was in the old one stay behind. No chat, no HTTP, no files by name, no
//! threads: bytes in, bytes out.

mod pictures;
mod sniff;

pub use pictures::{
    FRAMES_PIXELS_MAX, PICTURE_BYTES_MAX, PIXELS_MAX, Picture, PictureError, THUMBNAIL_SIDE, redraw,
};
pub use sniff::{HEAD_BYTES, PictureFormat, Sniffed, is_picture_name, sniff};
