//! The chunked transfer encoding (RFC 9112, section 7.1), piece by piece.
//!
//! The network cuts a stream anywhere; the decoder keeps its place between the
//! pieces and hands out the bytes of the body without copying them.

use super::framing::Malformed;

/// Sixteen million: a larger chunk is an error.
const SIZE_DIGITS_MAX: u8 = 6;

/// A decoder, with its place.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size {
        size: usize,
        digits: u8,
    },
    /// After the digits: everything up to the line's end.
    SizeEnd {
        size: usize,
    },
    Data {
        left: usize,
    },
    DataEnd,
    /// After the last chunk: lines up to an empty one.
    Trailer {
        is_empty_line: bool,
    },
    Done,
}

impl Default for Place {
    fn default() -> Place {
        Place::Size { size: 0, digits: 0 }
    }
}

impl Chunks {
    /// The last chunk and what follows it have been read.
    pub(crate) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// Reads `bytes`, hands each piece of the body to `piece`, and returns how
    /// many bytes it took: all of them, unless the body ended.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut piece: impl FnMut(&[u8]),
    ) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() && self.place != Place::Done {
            let byte = bytes[at];
            self.place = match self.place {
                Place::Data { left } => {
                    let count = left.min(bytes.len() - at);
                    piece(&bytes[at..at + count]);
                    at += count;
                    self.place = match left - count {
                        0 => Place::DataEnd,
                        left => Place::Data { left },
                    };
                    continue;
                }
                Place::Size { size, digits } => match (byte as char).to_digit(16) {
                    Some(_) if digits == SIZE_DIGITS_MAX => {
                        return Err(Malformed("a chunk out of bounds"));
                    }
                    Some(digit) => {
                        Place::Size { size: size * 16 + digit as usize, digits: digits + 1 }
                    }
                    None if digits == 0 => return Err(Malformed("a chunk without a size")),
                    None if byte == b'\n' => Place::after_size(size),
                    None => Place::SizeEnd { size },
                },
                Place::SizeEnd { size } if byte == b'\n' => Place::after_size(size),
                Place::DataEnd => match byte {
                    b'\r' => Place::DataEnd,
                    b'\n' => Place::default(),
                    _ => return Err(Malformed("a chunk longer than its size")),
                },
                Place::Trailer { is_empty_line: true } if byte == b'\n' => Place::Done,
                Place::Trailer { is_empty_line } => Place::Trailer {
                    is_empty_line: byte == b'\n' || is_empty_line && byte == b'\r',
                },
                place @ (Place::SizeEnd { .. } | Place::Done) => place,
            };
            at += 1;
        }
        Ok(at)
    }
}

impl Place {
    fn after_size(size: usize) -> Place {
        match size {
            0 => Place::Trailer { is_empty_line: true },
            left => Place::Data { left },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_same_wherever_the_network_cuts_it() {
        let bytes =
            b"5;name=value\r\nhello\r\n1\r\n,\r\nB\r\n fragments!\r\n0\r\nTrailer: x\r\n\r\nrest";
        for step in 1..=bytes.len() {
            let (mut chunks, mut body, mut used) = (Chunks::default(), Vec::new(), 0);
            for part in bytes.chunks(step) {
                used += chunks.feed(part, |piece| body.extend_from_slice(piece)).expect("chunks");
            }
            assert!(chunks.is_done(), "{step} bytes at a time");
            assert_eq!(body, b"hello, fragments!", "{step} bytes at a time");
            assert_eq!(&bytes[used..], b"rest", "{step} bytes at a time");
        }
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for (name, bytes) in
            [("none", &b"\r\n"[..]), ("too large", b"1000000\r\n"), ("too short", b"2\r\nabc\r\n")]
        {
            assert!(Chunks::default().feed(bytes, |_| ()).is_err(), "{name}");
        }
    }
}
