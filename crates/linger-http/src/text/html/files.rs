//! The files of a message on a page: pictures small, sounds and films with their controls, all
//! others as rows to be saved.
//!
//! The same as `web/src/files/MessageFiles.vue` and `kinds.ts`. The size of each picture is
//! there before the picture is, so that nothing moves when it comes.

use std::borrow::Cow;

use linger_core::File;

use super::{
    super::sizes::{grouped, in_units},
    languages::Words,
};

/// A picture takes no more than this, in CSS pixels.
const SHOWN_WIDTH_MAX: u32 = 240;
const SHOWN_HEIGHT_MAX: u32 = 320;
/// Beside others, so that they stand in rows.
const BESIDE_HEIGHT_MAX: u32 = 160;
/// The endings of names are no longer.
const ENDING_MAX: usize = 8;

/// The files of a message.
pub(super) struct Files<'n> {
    pub(super) pictures: Vec<Picture<'n>>,
    /// The name, the measures and the size of the only picture.
    pub(super) caption: Option<String>,
    pub(super) others: Vec<Other<'n>>,
}

/// A picture.
pub(super) struct Picture<'n> {
    pub(super) name: Cow<'n, str>,
    pub(super) address: String,
    pub(super) thumbnail: String,
    pub(super) alt: String,
    /// The size in which it is shown.
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A file that is no picture.
pub(super) struct Other<'n> {
    pub(super) name: Cow<'n, str>,
    pub(super) address: String,
    /// The element that plays it, and how readers hear that; none where nothing does.
    pub(super) player: Option<(&'static str, String)>,
    /// Its kind and its size, in words.
    pub(super) about: String,
}

impl<'n> Files<'n> {
    /// Takes the files of a message; none if there are none.
    pub(super) fn of(files: Vec<(Cow<'n, str>, &File)>, words: &Words) -> Option<Files<'n>> {
        let is_some = !files.is_empty();
        let shown = files.iter().filter(|(_, file)| size_of_picture(file).is_some()).count();
        let (mut pictures, mut caption, mut others) = (Vec::new(), None, Vec::new());
        for (name, file) in files {
            let Some((width, height)) = size_of_picture(file) else {
                others.push(Other::of(name, file, words));
                continue;
            };
            if shown == 1 {
                let (wide, high) = (grouped(width.into()), grouped(height.into()));
                caption = Some(format!("{name} · {wide} × {high} · {}", size(file, words)));
            }
            let place = shown_size((width, height), shown == 1);
            pictures.push(Picture::of(name, file, place, words));
        }
        is_some.then_some(Files { pictures, caption, others })
    }
}

impl<'n> Picture<'n> {
    fn of(
        name: Cow<'n, str>,
        file: &File,
        (width, height): (u32, u32),
        words: &Words,
    ) -> Picture<'n> {
        let address = address(file);
        let thumbnail =
            if file.thumbnail { format!("{address}/thumbnail") } else { address.clone() };
        let alt = (words.picture)(&name);
        Picture { name, address, thumbnail, alt, width, height }
    }
}

impl<'n> Other<'n> {
    fn of(name: Cow<'n, str>, file: &File, words: &Words) -> Other<'n> {
        let player = match file.kind.as_str().split_once('/') {
            Some(("video", _)) => Some(("video", (words.video)(&name))),
            Some(("audio", _)) => Some(("audio", (words.audio)(&name))),
            _ => None,
        };
        let size = size(file, words);
        let about = match ending(&name) {
            Some(ending) => format!("{ending} · {size}"),
            None => size,
        };
        Other { name, address: address(file), player, about }
    }
}

fn address(file: &File) -> String {
    format!("/api/v1/files/{}", file.id)
}

/// Returns the size of a picture that browsers show; none of other files.
fn size_of_picture(file: &File) -> Option<(u32, u32)> {
    let kind = file.kind.as_str();
    let is_shown = matches!(kind, "image/jpeg" | "image/png" | "image/gif" | "image/webp");
    let size = file.width.zip(file.height);
    size.filter(|&(width, height)| is_shown && width > 0 && height > 0)
}

/// Returns the size in which a picture is shown: never larger than it is.
fn shown_size((width, height): (u32, u32), is_alone: bool) -> (u32, u32) {
    let height_max = if is_alone { SHOWN_HEIGHT_MAX } else { BESIDE_HEIGHT_MAX };
    let scale = |max: u32, size: u32| f64::from(max) / f64::from(size);
    let scale = scale(SHOWN_WIDTH_MAX, width).min(scale(height_max, height)).min(1.0);
    let scaled = |size: u32| ((f64::from(size) * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

/// Returns the ending of a name in capitals, such as `PDF`.
fn ending(name: &str) -> Option<String> {
    let (_, ending) = name.rsplit_once('.')?;
    let is_one = (1..=ENDING_MAX).contains(&ending.chars().count());
    (is_one && ending.chars().all(char::is_alphanumeric)).then(|| ending.to_uppercase())
}

fn size(file: &File, words: &Words) -> String {
    if file.size < 1000 { (words.bytes)(file.size) } else { in_units(file.size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_shown_within_its_place_and_never_larger_than_it_is() {
        let rows = [
            ("wide", (3000, 2000), (240, 160), (240, 160)),
            ("high", (1000, 4000), (80, 320), (40, 160)),
            ("small", (20, 10), (20, 10), (20, 10)),
            ("a line", (10_000, 1), (240, 1), (240, 1)),
            ("rounded", (1234, 567), (240, 110), (240, 110)),
        ];
        for (case, size, alone, beside) in rows {
            assert_eq!(
                (shown_size(size, true), shown_size(size, false)),
                (alone, beside),
                "{case}"
            );
        }
    }

    #[test]
    fn a_file_is_told_by_the_ending_of_its_name() {
        let rows = [
            ("winter.list.pdf", Some("PDF")),
            ("茶.文件", Some("文件")),
            ("README", None),
            ("a.tar-gz", None),
            ("ends.", None),
            ("a.backup-of-it", None),
            ("a.ninechars", None),
        ];
        for (name, expected) in rows {
            assert_eq!(ending(name).as_deref(), expected, "{name}");
        }
    }
}
