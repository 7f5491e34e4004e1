//! PNG: decoded and encoded by png, in the same colours and depth.
//!
//! Of an animated PNG the first picture is kept. The pixels are decoded once as they are
//! stored, and once more as plain colours for the thumbnail, so that only one form is in
//! memory at a time.

use std::io::{BufRead, Seek, SeekFrom, Write};

use png::{Decoder, Encoder, EncodingError, Limits, Transformations};

use super::{
    DECODED_BYTES_MAX, Picture, PictureError, broken, check_size,
    orientation::Orientation,
    profile,
    shrink::{self, Shrinker},
};

pub(super) fn redraw(
    mut source: impl BufRead + Seek,
    drawn: impl Write,
) -> Result<Picture, PictureError> {
    let orientation = {
        let reader = open(&mut source, Transformations::IDENTITY)?;
        let exif = reader.info().exif_metadata.as_deref();
        exif.map_or(Orientation::UPRIGHT, Orientation::of_exif)
    };
    // Pixels of less than a byte cannot be turned.
    let form = match orientation.is_upright() {
        true => Transformations::IDENTITY,
        false => Transformations::normalize_to_color8(),
    };
    let Decoded { size, pixels, mut info } = decode(&mut source, form)?;
    let shown = orientation.shown(size);
    let pixel_bytes = info.color_type.samples() * usize::from(info.bit_depth as u8 / 8);
    let pixels = orientation.turn(pixels, size, pixel_bytes);
    (info.width, info.height) = shown;
    let mut writer =
        Encoder::with_info(drawn, info).and_then(Encoder::write_header).map_err(written)?;
    writer.write_image_data(&pixels).map_err(written)?;
    writer.finish().map_err(written)?;
    drop(pixels);
    let thumbnail = match shrink::is_wanted(size) {
        true => Some(thumbnail(&mut source, orientation)?),
        false => None,
    };
    Ok(Picture { width: shown.0, height: shown.1, thumbnail })
}

fn open<S: BufRead + Seek>(
    source: &mut S,
    form: Transformations,
) -> Result<png::Reader<&mut S>, PictureError> {
    source.seek(SeekFrom::Start(0))?;
    let bytes = usize::try_from(DECODED_BYTES_MAX).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(source, Limits { bytes });
    decoder.set_transformations(form);
    decoder.set_ignore_text_chunk(true);
    let reader = decoder.read_info().map_err(broken)?;
    let info = reader.info();
    let pixel_bytes =
        info.color_type.samples() as u64 * u64::from(info.bit_depth as u8).div_ceil(8);
    // Plain colours take up to four bytes.
    check_size(info.width, info.height, pixel_bytes.max(4))?;
    Ok(reader)
}

/// A picture in memory.
struct Decoded {
    size: (u32, u32),
    pixels: Vec<u8>,
    /// Says in the new file what the pixels are.
    info: png::Info<'static>,
}

fn decode<S: BufRead + Seek>(
    source: &mut S,
    form: Transformations,
) -> Result<Decoded, PictureError> {
    let mut reader = open(source, form)?;
    let bytes = reader.output_buffer_size().ok_or_else(|| broken("it is too large"))?;
    let mut pixels = vec![0; bytes];
    let frame = reader.next_frame(&mut pixels).map_err(broken)?;
    pixels.truncate(frame.buffer_size());
    let before = reader.info();
    let mut info = png::Info::with_size(before.width, before.height);
    (info.color_type, info.bit_depth) = reader.output_color_type();
    if info.color_type == png::ColorType::Indexed {
        let owned = |bytes: &std::borrow::Cow<'_, [u8]>| bytes.to_vec().into();
        info.palette = before.palette.as_ref().map(owned);
        info.trns = before.trns.as_ref().map(owned);
    }
    let is_grey = !matches!(
        before.color_type,
        png::ColorType::Rgb | png::ColorType::Rgba | png::ColorType::Indexed
    );
    let profile = before.icc_profile.as_ref().map(|profile| profile.to_vec());
    info.icc_profile = profile::kept(profile, is_grey).map(Into::into);
    info.srgb = before.srgb;
    Ok(Decoded { size: (before.width, before.height), pixels, info })
}

fn thumbnail<S: BufRead + Seek>(
    source: &mut S,
    orientation: Orientation,
) -> Result<Vec<u8>, PictureError> {
    let Decoded { size, pixels, info } = decode(source, Transformations::normalize_to_color8())?;
    let samples = info.color_type.samples();
    let mut shrinker = Shrinker::new(size);
    for row in pixels.chunks_exact(size.0 as usize * samples) {
        shrinker.row(row.chunks_exact(samples).map(|pixel| match *pixel {
            [grey] => [grey, grey, grey, u8::MAX],
            [grey, alpha] => [grey, grey, grey, alpha],
            [red, green, blue] => [red, green, blue, u8::MAX],
            _ => [pixel[0], pixel[1], pixel[2], pixel[3]],
        }));
    }
    shrinker.finish(orientation)
}

fn written(error: EncodingError) -> PictureError {
    match error {
        EncodingError::IoError(error) => PictureError::Unwritten(error),
        error => broken(error),
    }
}
