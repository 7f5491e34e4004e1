//! The type of a file, by its first bytes.
//!
//! A short table of our own: only types that are worth a place of their own in a chat.
//! Everything else is a file to be saved. A browser never gets a type from here that it
//! would run: markup and scripts are text or bytes, and are saved, not shown.

/// Bytes of the beginning that [`sniff`] wants: as many as browsers look at.
pub const HEAD_BYTES: usize = 1445;

/// A format of pictures that is drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// GIF, animated or not.
    Gif,
    /// WebP, animated or not.
    Webp,
}

impl PictureFormat {
    /// Returns its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            PictureFormat::Jpeg => "image/jpeg",
            PictureFormat::Png => "image/png",
            PictureFormat::Gif => "image/gif",
            PictureFormat::Webp => "image/webp",
        }
    }
}

/// The type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniffed {
    /// A picture, to be drawn anew before anybody sees it.
    Picture(PictureFormat),
    /// Video or audio of this media type, which plays where it stands.
    Playable(&'static str),
    /// Something to be saved, of this media type.
    Saved(&'static str),
    /// It begins as video or audio, and has the marks of something else that a program
    /// might take it for.
    Polyglot,
}

/// Where a mark stands, the mark, and the type that it stands for.
type Row = (usize, &'static [u8], Sniffed);

const PLAYABLE: [Row; 8] = [
    (0, b"\x1a\x45\xdf\xa3", Sniffed::Playable("video/webm")),
    (0, b"OggS\0", Sniffed::Playable("audio/ogg")),
    (0, b"fLaC", Sniffed::Playable("audio/flac")),
    (0, b"ID3", Sniffed::Playable("audio/mpeg")),
    (0, b"\xff\xfb", Sniffed::Playable("audio/mpeg")),
    (0, b"\xff\xf3", Sniffed::Playable("audio/mpeg")),
    (0, b"\xff\xf1", Sniffed::Playable("audio/aac")),
    (0, b"\xff\xf9", Sniffed::Playable("audio/aac")),
];

const SAVED: [Row; 4] = [
    (0, b"%PDF-", Sniffed::Saved("application/pdf")),
    (0, b"PK\x03\x04", Sniffed::Saved("application/zip")),
    (0, b"\x1f\x8b\x08", Sniffed::Saved("application/gzip")),
    (0, b"7z\xbc\xaf\x27\x1c", Sniffed::Saved("application/x-7z-compressed")),
];

const PICTURES: [(&[u8], PictureFormat); 4] = [
    (b"\xff\xd8\xff", PictureFormat::Jpeg),
    (b"\x89PNG\r\n\x1a\n", PictureFormat::Png),
    (b"GIF87a", PictureFormat::Gif),
    (b"GIF89a", PictureFormat::Gif),
];

/// The major brands of MP4 that browsers play, and the type of each.
const BRANDS: [(&[u8], &str); 13] = [
    (b"isom", "video/mp4"),
    (b"iso2", "video/mp4"),
    (b"iso4", "video/mp4"),
    (b"iso5", "video/mp4"),
    (b"iso6", "video/mp4"),
    (b"mp41", "video/mp4"),
    (b"mp42", "video/mp4"),
    (b"avc1", "video/mp4"),
    (b"dash", "video/mp4"),
    (b"M4V ", "video/mp4"),
    (b"qt  ", "video/quicktime"),
    (b"M4A ", "audio/mp4"),
    (b"M4B ", "audio/mp4"),
];

/// Marks of what some program would take a file for, wherever they stand in its beginning.
const OTHER_MARKS: [&[u8]; 8] =
    [b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<svg", b"%pdf-", b"<?php"];

/// Returns the type of a file that begins with these bytes: [`HEAD_BYTES`] of it, or all.
pub fn sniff(head: &[u8]) -> Sniffed {
    let head = &head[..head.len().min(HEAD_BYTES)];
    if let Some((_, format)) = PICTURES.iter().find(|(mark, _)| head.starts_with(mark)) {
        return Sniffed::Picture(*format);
    }
    if let Some(kind) = riff(head) {
        return unless_polyglot(head, kind);
    }
    if let Some(kind) = mp4(head).or_else(|| row(&PLAYABLE, head)) {
        return unless_polyglot(head, kind);
    }
    row(&SAVED, head).unwrap_or(Sniffed::Saved(match is_text(head) {
        true => "text/plain",
        false => "application/octet-stream",
    }))
}

/// Tells whether a name promises one of the formats that are drawn anew.
pub fn is_picture_name(name: &str) -> bool {
    let Some((_, ending)) = name.rsplit_once('.') else { return false };
    ["jpg", "jpeg", "jfif", "png", "gif", "webp"]
        .iter()
        .any(|ours| ending.eq_ignore_ascii_case(ours))
}

fn row(rows: &[Row], head: &[u8]) -> Option<Sniffed> {
    let is_it = |(at, mark, _): &&Row| head.get(*at..).is_some_and(|rest| rest.starts_with(mark));
    rows.iter().find(is_it).map(|(_, _, kind)| *kind)
}

fn riff(head: &[u8]) -> Option<Sniffed> {
    if !head.starts_with(b"RIFF") {
        return None;
    }
    match head.get(8..12)? {
        b"WEBP" => Some(Sniffed::Picture(PictureFormat::Webp)),
        b"WAVE" => Some(Sniffed::Playable("audio/wav")),
        _ => None,
    }
}

fn mp4(head: &[u8]) -> Option<Sniffed> {
    if head.get(4..8)? != b"ftyp" {
        return None;
    }
    let brand = head.get(8..12)?;
    let known = BRANDS.iter().find(|(known, _)| *known == brand);
    known.map(|(_, media_type)| Sniffed::Playable(media_type))
}

fn unless_polyglot(head: &[u8], kind: Sniffed) -> Sniffed {
    // Of a picture nothing is left but its pixels.
    if matches!(kind, Sniffed::Picture(_)) {
        return kind;
    }
    let lower = head.to_ascii_lowercase();
    let has = |mark: &[u8]| lower.windows(mark.len()).any(|window| window == mark);
    if OTHER_MARKS.iter().any(|mark| has(mark)) { Sniffed::Polyglot } else { kind }
}

/// Tells whether these bytes are text in UTF-8. The last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&head[..error.valid_up_to()]).expect("it is valid up to there")
        }
        Err(_) => return false,
    };
    let is_control = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c');
    !text.is_empty() && !text.contains(is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_told_by_the_first_bytes() {
        let text = Sniffed::Saved("text/plain");
        let bytes = Sniffed::Saved("application/octet-stream");
        let rows: [(&str, &[u8], Sniffed); 22] = [
            ("nothing", b"", bytes),
            ("jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF", Sniffed::Picture(PictureFormat::Jpeg)),
            ("png", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", Sniffed::Picture(PictureFormat::Png)),
            ("gif", b"GIF89a", Sniffed::Picture(PictureFormat::Gif)),
            ("gif that is a script", b"GIF89a=1;alert(1)", Sniffed::Picture(PictureFormat::Gif)),
            ("webp", b"RIFF\x24\0\0\0WEBPVP8 ", Sniffed::Picture(PictureFormat::Webp)),
            ("wav", b"RIFF\x24\0\0\0WAVEfmt ", Sniffed::Playable("audio/wav")),
            ("another riff", b"RIFF\x24\0\0\0AVI LIST", bytes),
            ("mp4", b"\0\0\0\x20ftypisom\0\0\x02\0", Sniffed::Playable("video/mp4")),
            ("quicktime", b"\0\0\0\x14ftypqt  ", Sniffed::Playable("video/quicktime")),
            ("heic", b"\0\0\0\x18ftypheic", bytes),
            ("webm", b"\x1a\x45\xdf\xa3\x9f\x42\x86", Sniffed::Playable("video/webm")),
            ("mp3", b"ID3\x04\0\0", Sniffed::Playable("audio/mpeg")),
            ("pdf", b"%PDF-1.7\n", Sniffed::Saved("application/pdf")),
            ("zip", b"PK\x03\x04\x14", Sniffed::Saved("application/zip")),
            ("svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", text),
            ("html", b"<!doctype html><script>alert(1)</script>", text),
            ("html, padded", b"\n\n \xef\xbb\xbf<html>", text),
            ("chinese", "你好".as_bytes(), text),
            ("a cut character", &"你好".as_bytes()[..5], text),
            ("a zero in it", b"abc\0def", bytes),
            ("mp4 that is a page", b"\0\0\0\x30ftypisom<HTML><script>", Sniffed::Polyglot),
        ];
        for (case, head, expected) in rows {
            assert_eq!(sniff(head), expected, "{case}");
        }
        let far = [b"\0\0\0\x20ftypisom".as_slice(), &[0; 1024], b"%PDF-1.4"].concat();
        assert_eq!(sniff(&far), Sniffed::Polyglot, "readers of PDF look that far");
    }

    #[test]
    fn no_type_is_one_that_a_browser_runs() {
        let kinds = PLAYABLE.iter().chain(&SAVED).map(|(_, _, kind)| *kind);
        for kind in kinds.chain(BRANDS.map(|(_, kind)| Sniffed::Playable(kind))) {
            let (Sniffed::Playable(name) | Sniffed::Saved(name)) = kind else { continue };
            assert!(!name.contains("script") && !name.contains("html") && !name.contains("xml"));
            assert!(!name.contains("svg") && !name.contains("css") && !name.contains("wasm"));
        }
    }

    #[test]
    fn a_name_promises_a_picture_by_its_ending() {
        for (name, expected) in
            [("cat.JPG", true), ("cat.webp", true), ("cat.svg", false), ("png", false), ("", false)]
        {
            assert_eq!(is_picture_name(name), expected, "{name}");
        }
    }
}
