//! JPEG: decoded by zune-jpeg, turned upright, encoded by jpeg-encoder.
//!
//! The upright picture is never in memory beside the stored one: the encoder asks for its
//! rows, and each is read from where it stands.

use std::io::{BufRead, Seek, Write};

use jpeg_encoder::{EncodingError, ImageBuffer, JpegColorType, SamplingFactor, rgb_to_ycbcr};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{colorspace::ColorSpace, options::DecoderOptions},
};

use super::{
    DECODED_BYTES_MAX, Picture, PictureError, broken, check_size,
    orientation::Orientation,
    profile,
    shrink::{self, Shrinker},
};

/// How well a picture is kept, of 100: nobody sees the difference, and its file becomes no
/// larger than the one that a phone made.
const QUALITY: u8 = 88;
/// The scans of a progressive picture: programs make some ten. Each costs a look at all pixels.
const SCANS_MAX: usize = 64;

pub(super) fn redraw(
    source: impl BufRead + Seek,
    drawn: impl Write,
) -> Result<Picture, PictureError> {
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .set_strict_mode(false)
        .jpeg_set_max_scans(SCANS_MAX);
    let mut decoder = JpegDecoder::new_with_options(source, options);
    decoder.decode_headers().map_err(broken)?;
    let info = decoder.info().ok_or_else(|| broken("it has no size"))?;
    let size = (u32::from(info.width), u32::from(info.height));
    check_size(size.0, size.1, 3)?;
    let is_grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let space = if is_grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let orientation =
        decoder.exif().map_or(Orientation::UPRIGHT, |exif| Orientation::of_exif(exif));
    let profile = profile::kept(decoder.icc_profile(), is_grey);
    let channels = space.num_components();
    let bytes = size.0 as usize * size.1 as usize * channels;
    assert!(bytes as u64 <= DECODED_BYTES_MAX, "{size:?} was checked");
    let mut pixels = vec![0; bytes];
    decoder.decode_into(&mut pixels).map_err(broken)?;
    drop(decoder);
    let thumbnail = match shrink::is_wanted(size) {
        true => {
            let mut shrinker = Shrinker::new(size);
            for row in pixels.chunks_exact(size.0 as usize * channels) {
                shrinker.row(row.chunks_exact(channels).map(|pixel| match *pixel {
                    [red, green, blue] => [red, green, blue, u8::MAX],
                    _ => [pixel[0], pixel[0], pixel[0], u8::MAX],
                }));
            }
            Some(shrinker.finish(orientation)?)
        }
        false => None,
    };
    let (width, height) = orientation.shown(size);
    let mut encoder = jpeg_encoder::Encoder::new(drawn, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    if let Some(profile) = profile {
        encoder.add_icc_profile(&profile).map_err(broken)?;
    }
    encoder
        .encode_image(Upright { pixels: &pixels, size, orientation, channels })
        .map_err(written)?;
    Ok(Picture { width, height, thumbnail })
}

/// The stored pixels, as they are shown.
struct Upright<'a> {
    pixels: &'a [u8],
    size: (u32, u32),
    orientation: Orientation,
    channels: usize,
}

impl ImageBuffer for Upright<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.channels == 1 { JpegColorType::Luma } else { JpegColorType::Ycbcr }
    }

    fn width(&self) -> u16 {
        self.orientation.shown(self.size).0 as u16
    }

    fn height(&self) -> u16 {
        self.orientation.shown(self.size).1 as u16
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        for x in 0..u32::from(self.width()) {
            let (x, y) = self.orientation.stored_at((x, u32::from(y)), self.size);
            let at = (y as usize * self.size.0 as usize + x as usize) * self.channels;
            if self.channels == 1 {
                buffers[0].push(self.pixels[at]);
                continue;
            }
            let pixel = &self.pixels[at..at + 3];
            let (y, cb, cr) = rgb_to_ycbcr(pixel[0], pixel[1], pixel[2]);
            buffers[0].push(y);
            buffers[1].push(cb);
            buffers[2].push(cr);
        }
    }
}

fn written(error: EncodingError) -> PictureError {
    match error {
        EncodingError::IoError(error) => PictureError::Unwritten(error),
        error => broken(error),
    }
}
