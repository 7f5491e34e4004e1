//! The way a picture is to be turned before it is shown: a number from 1 to 8 in its EXIF.
//!
//! Source: TIFF 6.0, section 2 (the directory) and section 8 (tag 274, Orientation).

/// How the stored pixels are turned and mirrored to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orientation(u8);

impl Orientation {
    /// As it is stored.
    pub(super) const UPRIGHT: Orientation = Orientation(1);

    /// Reads it from EXIF; upright, if that says nothing or makes no sense.
    pub(super) fn of_exif(exif: &[u8]) -> Orientation {
        Self::read(exif).unwrap_or(Self::UPRIGHT)
    }

    fn read(exif: &[u8]) -> Option<Orientation> {
        const ORIENTATION: u16 = 274;
        const SHORT: u16 = 3;
        let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        let is_little = match tiff.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let short = |at: usize| {
            let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
            Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
        };
        let long = |at: usize| {
            let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
            Some(if is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
        };
        let directory = usize::try_from(long(4)?).ok()?;
        let entries = usize::from(short(directory)?);
        let entry = (0..entries).map(|entry| directory.saturating_add(2 + 12 * entry));
        let found = entry.take_while(|at| *at < tiff.len()).find(|at| {
            short(*at) == Some(ORIENTATION) && short(at.saturating_add(2)) == Some(SHORT)
        })?;
        let value = u8::try_from(short(found.checked_add(8)?)?).ok()?;
        (1..=8).contains(&value).then_some(Orientation(value))
    }

    /// Tells whether the stored pixels are shown as they are.
    pub(super) fn is_upright(self) -> bool {
        self == Self::UPRIGHT
    }

    /// Returns the size that is shown of a picture that is stored in this size.
    pub(super) fn shown(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.0 >= 5 { (height, width) } else { (width, height) }
    }

    /// Returns where the pixel stands that is shown at a place, in a picture that is stored
    /// in this size.
    pub(super) fn stored_at(self, (x, y): (u32, u32), (width, height): (u32, u32)) -> (u32, u32) {
        let (right, bottom) = (width - 1, height - 1);
        match self.0 {
            1 => (x, y),
            2 => (right - x, y),
            3 => (right - x, bottom - y),
            4 => (x, bottom - y),
            5 => (y, x),
            6 => (y, bottom - x),
            7 => (right - y, bottom - x),
            8 => (right - y, x),
            other => unreachable!("{other} is no orientation"),
        }
    }

    /// Returns the pixels as they are shown. `pixel_bytes` is what one takes.
    pub(super) fn turn(self, pixels: Vec<u8>, size: (u32, u32), pixel_bytes: usize) -> Vec<u8> {
        if self.is_upright() {
            return pixels;
        }
        let (width, height) = self.shown(size);
        let mut shown = Vec::with_capacity(pixels.len());
        for y in 0..height {
            for x in 0..width {
                let (x, y) = self.stored_at((x, y), size);
                let at = (y as usize * size.0 as usize + x as usize) * pixel_bytes;
                shown.extend_from_slice(&pixels[at..at + pixel_bytes]);
            }
        }
        shown
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns EXIF that says this, in big or little order, with a place beside it.
    pub(crate) fn exif(value: u16, is_little: bool) -> Vec<u8> {
        let short =
            |number: u16| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
        let long =
            |number: u32| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
        let mut exif = if is_little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        exif.extend(long(8));
        exif.extend(short(2));
        for (tag, kind, value) in [(34853_u16, 4_u16, 0xffff_u16), (274, 3, value)] {
            exif.extend(short(tag));
            exif.extend(short(kind));
            exif.extend(long(1));
            exif.extend(short(value));
            exif.extend([0, 0]);
        }
        exif.extend(long(0));
        exif.extend(b"GPS 48.2082N 16.3738E");
        exif
    }

    #[test]
    fn an_orientation_is_read_in_both_orders_and_nonsense_is_upright() {
        for value in 1..=8 {
            for is_little in [true, false] {
                let exif = exif(value, is_little);
                assert_eq!(Orientation::of_exif(&exif), Orientation(value as u8));
                for length in 0..exif.len() {
                    Orientation::of_exif(&exif[..length]);
                }
            }
        }
        for exif in
            [exif(0, true), exif(9, true), exif(0x0101, true), b"II*\0\xff\xff\xff\xff".to_vec()]
        {
            assert_eq!(Orientation::of_exif(&exif), Orientation::UPRIGHT, "{exif:?}");
        }
    }

    #[test]
    fn every_orientation_shows_every_pixel_once() {
        let stored: Vec<u8> = (0..6).collect();
        let rows = [
            (1, [0, 1, 2, 3, 4, 5]),
            (2, [2, 1, 0, 5, 4, 3]),
            (3, [5, 4, 3, 2, 1, 0]),
            (4, [3, 4, 5, 0, 1, 2]),
            (5, [0, 3, 1, 4, 2, 5]),
            (6, [3, 0, 4, 1, 5, 2]),
            (7, [5, 2, 4, 1, 3, 0]),
            (8, [2, 5, 1, 4, 0, 3]),
        ];
        for (value, expected) in rows {
            let shown = Orientation(value).turn(stored.clone(), (3, 2), 1);
            assert_eq!(shown, expected, "{value}");
        }
    }
}
