//! WebP: decoded by image-webp to see that it is one, and put together anew of its parts.
//!
//! There is no encoder for the usual WebP in Rust, and a lossless one makes photos five
//! times as large. So the coded pixels stay as they are, and of the parts around them only
//! those go through that draw: size, frames, opacity, colour profile. A picture that is to
//! be turned is encoded without loss. Source: RFC 9649.

use std::io::{BufRead, Read, Seek, SeekFrom, Write, copy};

use image_webp::{ColorType, EncodingError, WebPDecoder, WebPEncoder};

use super::{
    DECODED_BYTES_MAX, Frames, Picture, PictureError, broken, check_size,
    orientation::Orientation,
    profile,
    shrink::{self, Shrinker},
};

/// Parts of one file at most: some for each frame.
const PARTS_MAX: usize = 100_000;
/// Bytes before the parts of a frame: its place, size, time and flags.
const FRAME_HEAD: u64 = 16;

pub(super) fn redraw(
    mut source: impl BufRead + Seek,
    mut drawn: impl Write,
) -> Result<Picture, PictureError> {
    let mut decoder = WebPDecoder::new(&mut source).map_err(broken)?;
    let size = decoder.dimensions();
    check_size(size.0, size.1, 4)?;
    decoder.set_memory_limit(usize::try_from(DECODED_BYTES_MAX).unwrap_or(usize::MAX));
    let exif = decoder.exif_metadata().map_err(broken)?;
    let orientation = exif.map_or(Orientation::UPRIGHT, |exif| Orientation::of_exif(&exif));
    let profile = profile::kept(decoder.icc_profile().map_err(broken)?, false);
    let samples = if decoder.has_alpha() { 4 } else { 3 };
    let bytes = decoder.output_buffer_size().ok_or_else(|| broken("it is too large"))?;
    let mut pixels = vec![0; bytes];
    let is_animated = decoder.is_animated();
    let mut small = None;
    if is_animated {
        let mut frames = Frames::of(size.0, size.1);
        for _ in 0..decoder.num_frames() {
            frames.count()?;
            decoder.read_frame(&mut pixels).map_err(broken)?;
            small.get_or_insert_with(|| shrink(&pixels, size, samples));
        }
    } else {
        decoder.read_image(&mut pixels).map_err(broken)?;
        small = shrink::is_wanted(size).then(|| shrink(&pixels, size, samples));
    }
    drop(decoder);
    let (width, height) = orientation.shown(size);
    if orientation.is_upright() || is_animated {
        drop(pixels);
        rebuild(&mut source, &mut drawn, profile.as_deref())?;
    } else {
        let pixels = orientation.turn(pixels, size, samples);
        let kind = if samples == 4 { ColorType::Rgba8 } else { ColorType::Rgb8 };
        let mut encoder = WebPEncoder::new(&mut drawn);
        encoder.set_icc_profile(profile.unwrap_or_default());
        encoder.encode(&pixels, width, height, kind).map_err(written)?;
    }
    let thumbnail = small.map(|small| small.finish(orientation)).transpose()?;
    Ok(Picture { width, height, thumbnail })
}

fn shrink(pixels: &[u8], size: (u32, u32), samples: usize) -> Shrinker {
    let mut shrinker = Shrinker::new(size);
    for row in pixels.chunks_exact(size.0 as usize * samples) {
        shrinker.row(row.chunks_exact(samples).map(|pixel| match *pixel {
            [red, green, blue] => [red, green, blue, u8::MAX],
            _ => [pixel[0], pixel[1], pixel[2], pixel[3]],
        }));
    }
    shrinker
}

/// One part of a file: its name, where its bytes are, and the parts within.
struct Part {
    name: [u8; 4],
    at: u64,
    length: u64,
    within: Vec<Part>,
}

impl Part {
    /// Returns how many bytes it takes in the new file, with its head.
    fn bytes(&self) -> u64 {
        8 + self.content_bytes().next_multiple_of(2)
    }

    fn content_bytes(&self) -> u64 {
        match &self.name {
            b"ANMF" => FRAME_HEAD + self.within.iter().map(Part::bytes).sum::<u64>(),
            _ => self.length,
        }
    }
}

/// Writes the parts that draw, and nothing else.
fn rebuild(
    source: &mut (impl Read + Seek),
    drawn: &mut impl Write,
    profile: Option<&[u8]>,
) -> Result<(), PictureError> {
    let mut head = [0; 12];
    source.seek(SeekFrom::Start(0))?;
    source.read_exact(&mut head).map_err(broken)?;
    let length = u64::from(u32::from_le_bytes(head[4..8].try_into().expect("it is four bytes")));
    let mut count = 0;
    let mut parts = parts_between(source, (12, 8 + length), &mut count, true)?;
    let extended = parts.iter().any(|part| &part.name == b"VP8X");
    parts.retain(|part| match &part.name {
        b"VP8X" | b"VP8 " | b"VP8L" => true,
        b"ALPH" | b"ANIM" | b"ANMF" => extended,
        _ => false,
    });
    let profile = profile.filter(|_| extended);
    let profile_bytes = profile.map_or(0, |profile| 8 + (profile.len() as u64).next_multiple_of(2));
    let bytes = 4 + profile_bytes + parts.iter().map(Part::bytes).sum::<u64>();
    drawn.write_all(b"RIFF")?;
    drawn.write_all(&length_of(bytes)?)?;
    drawn.write_all(b"WEBP")?;
    for part in &parts {
        if &part.name == b"VP8X" {
            write_flags(source, drawn, part, profile.is_some())?;
            if let Some(profile) = profile {
                write_part(drawn, *b"ICCP", profile)?;
            }
        } else {
            copy_part(source, drawn, part)?;
        }
    }
    drawn.flush()?;
    Ok(())
}

/// Lists the parts between two places; those of frames with the parts within them.
fn parts_between(
    source: &mut (impl Read + Seek),
    (mut at, end): (u64, u64),
    count: &mut usize,
    has_frames: bool,
) -> Result<Vec<Part>, PictureError> {
    let mut parts = Vec::new();
    while at + 8 <= end {
        *count += 1;
        if *count > PARTS_MAX {
            return Err(PictureError::TooLarge("it has too many parts".to_owned()));
        }
        let mut head = [0; 8];
        source.seek(SeekFrom::Start(at))?;
        // Some programs count a byte too many at the end.
        if source.read_exact(&mut head).is_err() {
            break;
        }
        let name: [u8; 4] = head[..4].try_into().expect("it is four bytes");
        let length = u64::from(u32::from_le_bytes(head[4..].try_into().expect("it is four bytes")));
        let content = at + 8;
        let within = match &name {
            b"ANMF" if has_frames && length >= FRAME_HEAD => {
                let mut within =
                    parts_between(source, (content + FRAME_HEAD, content + length), count, false)?;
                within.retain(|part| matches!(&part.name, b"ALPH" | b"VP8 " | b"VP8L"));
                within
            }
            _ => Vec::new(),
        };
        parts.push(Part { name, at: content, length, within });
        at = content + length.next_multiple_of(2);
    }
    Ok(parts)
}

/// Writes the part that says the size and what is there.
fn write_flags(
    source: &mut (impl Read + Seek),
    drawn: &mut impl Write,
    part: &Part,
    has_profile: bool,
) -> Result<(), PictureError> {
    const PROFILE: u8 = 0x20;
    const OPACITY_AND_FRAMES: u8 = 0x12;
    let mut content = [0; 10];
    source.seek(SeekFrom::Start(part.at))?;
    source.read_exact(&mut content).map_err(broken)?;
    let flags = content[0] & OPACITY_AND_FRAMES | if has_profile { PROFILE } else { 0 };
    content[..4].copy_from_slice(&[flags, 0, 0, 0]);
    write_part(drawn, part.name, &content)
}

fn copy_part(
    source: &mut (impl Read + Seek),
    drawn: &mut impl Write,
    part: &Part,
) -> Result<(), PictureError> {
    drawn.write_all(&part.name)?;
    drawn.write_all(&length_of(part.content_bytes())?)?;
    source.seek(SeekFrom::Start(part.at))?;
    let own = if &part.name == b"ANMF" { FRAME_HEAD } else { part.length };
    if copy(&mut source.by_ref().take(own), drawn)? != own {
        return Err(broken("it ends too early"));
    }
    for within in &part.within {
        copy_part(source, drawn, within)?;
    }
    if part.content_bytes() % 2 == 1 {
        drawn.write_all(&[0])?;
    }
    Ok(())
}

fn write_part(drawn: &mut impl Write, name: [u8; 4], content: &[u8]) -> Result<(), PictureError> {
    drawn.write_all(&name)?;
    drawn.write_all(&length_of(content.len() as u64)?)?;
    drawn.write_all(content)?;
    if content.len() % 2 == 1 {
        drawn.write_all(&[0])?;
    }
    Ok(())
}

fn length_of(bytes: u64) -> Result<[u8; 4], PictureError> {
    u32::try_from(bytes).map(u32::to_le_bytes).map_err(|_| broken("it is too long"))
}

fn written(error: EncodingError) -> PictureError {
    match error {
        EncodingError::IoError(error) => PictureError::Unwritten(error),
        error => broken(error),
    }
}
