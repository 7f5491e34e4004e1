//! Thumbnails: a picture made small, row by row.
//!
//! Each small pixel is the mean of the large ones that it covers, weighed by how opaque
//! they are. Memory: the small picture and one row of sums, whatever the size of the large
//! one.

use super::{PictureError, THUMBNAIL_SIDE, broken, orientation::Orientation};

/// How well a thumbnail keeps its picture, of 100: nobody looks at it closely.
const QUALITY: u8 = 80;

/// A picture that is being made small.
pub(super) struct Shrinker {
    stored: (u32, u32),
    small: (u32, u32),
    pixels: Vec<u8>,
    /// Of the row that is being filled: red, green and blue times opacity, opacity, and how many.
    sums: Vec<[u64; 5]>,
    /// Large rows that came.
    rows: u32,
}

impl Shrinker {
    /// Begins with a picture of this size, as it is stored.
    pub(super) fn new((width, height): (u32, u32)) -> Shrinker {
        let longer = width.max(height);
        let side = |side: u32| match longer > THUMBNAIL_SIDE {
            true => (u64::from(side) * u64::from(THUMBNAIL_SIDE) / u64::from(longer)).max(1) as u32,
            false => side,
        };
        let small = (side(width), side(height));
        let pixels = Vec::with_capacity(small.0 as usize * small.1 as usize * 4);
        let sums = vec![[0; 5]; small.0 as usize];
        Shrinker { stored: (width, height), small, pixels, sums, rows: 0 }
    }

    /// Takes the next row: red, green, blue and opacity of each pixel.
    pub(super) fn row(&mut self, pixels: impl Iterator<Item = [u8; 4]>) {
        let (width, small_width) = (u64::from(self.stored.0), u64::from(self.small.0));
        for (x, [red, green, blue, alpha]) in (0_u64..width).zip(pixels) {
            let sums = &mut self.sums[(x * small_width / width) as usize];
            let weight = u64::from(alpha);
            for (sum, value) in sums.iter_mut().zip([
                u64::from(red) * weight,
                u64::from(green) * weight,
                u64::from(blue) * weight,
                weight,
                1,
            ]) {
                *sum += value;
            }
        }
        let (height, small_height) = (u64::from(self.stored.1), u64::from(self.small.1));
        let at = |row: u32| u64::from(row) * small_height / height;
        self.rows += 1;
        if self.rows == self.stored.1 || at(self.rows) != at(self.rows - 1) {
            self.finish_row();
        }
    }

    fn finish_row(&mut self) {
        for [red, green, blue, alpha, count] in &mut self.sums {
            let mean = |sum: u64| (sum / (*alpha).max(1)) as u8;
            let opacity = (*alpha / (*count).max(1)) as u8;
            self.pixels.extend([mean(*red), mean(*green), mean(*blue), opacity]);
            [*red, *green, *blue, *alpha, *count] = [0; 5];
        }
    }

    /// Returns the small picture, as it is shown: JPEG if it is opaque, else PNG.
    pub(super) fn finish(self, orientation: Orientation) -> Result<Vec<u8>, PictureError> {
        let Shrinker { small, pixels, stored, rows, .. } = self;
        assert_eq!(rows, stored.1, "each row comes once");
        let (width, height) = orientation.shown(small);
        let pixels = orientation.turn(pixels, small, 4);
        let mut made = Vec::new();
        if pixels.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX) {
            let side = |side: u32| u16::try_from(side).expect("a thumbnail is small");
            let encoder = jpeg_encoder::Encoder::new(&mut made, QUALITY);
            let kind = jpeg_encoder::ColorType::Rgba;
            encoder.encode(&pixels, side(width), side(height), kind).map_err(broken)?;
        } else {
            let mut encoder = png::Encoder::new(&mut made, width, height);
            encoder.set_color(png::ColorType::Rgba);
            let mut writer = encoder.write_header().map_err(broken)?;
            writer.write_image_data(&pixels).map_err(broken)?;
            writer.finish().map_err(broken)?;
        }
        Ok(made)
    }
}

/// Tells whether a picture of this size needs a thumbnail.
pub(super) fn is_wanted((width, height): (u32, u32)) -> bool {
    width.max(height) > THUMBNAIL_SIDE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrink(size: (u32, u32), pixel: impl Fn(u32, u32) -> [u8; 4]) -> Shrinker {
        let mut shrinker = Shrinker::new(size);
        for y in 0..size.1 {
            shrinker.row((0..size.0).map(|x| pixel(x, y)));
        }
        shrinker
    }

    #[test]
    fn a_thumbnail_has_the_means_and_the_form_of_its_picture() {
        let rows = [
            ((1280, 640), (640, 320)),
            ((641, 10_000), (41, 640)),
            ((30_000, 2), (640, 1)),
            ((3, 5), (3, 5)),
        ];
        for (size, small) in rows {
            let shrunk = shrink(size, |x, y| [(x % 2) as u8 * 200, (y % 2) as u8 * 100, 7, 255]);
            assert_eq!(shrunk.small, small);
            assert_eq!(shrunk.pixels.len() as u32, small.0 * small.1 * 4, "{size:?}");
        }
        let checked =
            shrink((1280, 1280), |x, y| [(x % 2) as u8 * 200, (y % 2) as u8 * 100, 7, 255]);
        assert!(checked.pixels.chunks(4).all(|pixel| pixel == [100, 50, 7, 255]));
    }

    #[test]
    fn a_pixel_that_is_not_seen_lends_no_colour() {
        let half =
            shrink((1280, 2), |x, _| if x % 2 == 0 { [255, 0, 0, 0] } else { [0, 80, 0, 255] });
        assert!(half.pixels.chunks(4).all(|pixel| pixel == [0, 80, 0, 127]));
        assert!(half.finish(Orientation::UPRIGHT).unwrap().starts_with(b"\x89PNG"));
        let opaque = shrink((1280, 2), |_, _| [1, 2, 3, 255]);
        assert!(opaque.finish(Orientation::UPRIGHT).unwrap().starts_with(b"\xff\xd8"));
    }
}
