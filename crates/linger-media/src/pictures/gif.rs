//! GIF: each frame is decoded to the numbers of its colours and encoded from them again, by
//! gif. Nothing is lost, and nothing but frames, colours, times and repeats goes through.

use std::io::{BufRead, Seek, Write};

use gif::{ColorOutput, DecodeOptions, Encoder, EncodingError, Frame, MemoryLimit};

use super::{
    DECODED_BYTES_MAX, Frames, Picture, PictureError, broken, check_size,
    orientation::Orientation,
    shrink::{self, Shrinker},
};

pub(super) fn redraw(
    source: impl BufRead + Seek,
    drawn: impl Write,
) -> Result<Picture, PictureError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(
        DECODED_BYTES_MAX.try_into().expect("it is not zero"),
    ));
    options.check_frame_consistency(true);
    let mut decoder = options.read_info(source).map_err(broken)?;
    let size = (u32::from(decoder.width()), u32::from(decoder.height()));
    check_size(size.0, size.1, 4)?;
    let palette = decoder.global_palette().map(<[u8]>::to_vec);
    let colours = palette.as_deref().unwrap_or_default();
    let mut encoder =
        Encoder::new(drawn, decoder.width(), decoder.height(), colours).map_err(written)?;
    let mut frames = Frames::of(size.0, size.1);
    let mut first = None;
    while let Some(frame) = decoder.read_next_frame().map_err(broken)? {
        frames.count()?;
        let mut frame = frame.clone();
        // The decoder has put its rows in order.
        frame.interlaced = false;
        if first.is_none() {
            first = Some(still(&frame, colours, size));
            encoder.set_repeat(decoder.repeat()).map_err(written)?;
        }
        encoder.write_frame(&frame).map_err(written)?;
    }
    let first = first.ok_or_else(|| broken("it has no frames"))?;
    encoder.into_inner().map_err(written)?.flush()?;
    let thumbnail = match shrink::is_wanted(size) || frames.count > 1 {
        true => Some(first.finish(Orientation::UPRIGHT)?),
        false => None,
    };
    Ok(Picture { width: size.0, height: size.1, thumbnail })
}

/// Makes the first frame small, on a ground that is not there.
fn still(frame: &Frame<'_>, global: &[u8], size: (u32, u32)) -> Shrinker {
    let colours = frame.palette.as_deref().unwrap_or(global);
    let (left, top) = (u32::from(frame.left), u32::from(frame.top));
    let pixel = |x: u32, y: u32| -> Option<[u8; 4]> {
        let (x, y) = (x.checked_sub(left)?, y.checked_sub(top)?);
        if x >= u32::from(frame.width) || y >= u32::from(frame.height) {
            return None;
        }
        let index = *frame.buffer.get(y as usize * usize::from(frame.width) + x as usize)?;
        if frame.transparent == Some(index) {
            return None;
        }
        let colour = colours.get(usize::from(index) * 3..usize::from(index) * 3 + 3)?;
        Some([colour[0], colour[1], colour[2], u8::MAX])
    };
    let mut shrinker = Shrinker::new(size);
    for y in 0..size.1 {
        shrinker.row((0..size.0).map(|x| pixel(x, y).unwrap_or_default()));
    }
    shrinker
}

fn written(error: EncodingError) -> PictureError {
    match error {
        EncodingError::Io(error) => PictureError::Unwritten(error),
        error => broken(error),
    }
}
