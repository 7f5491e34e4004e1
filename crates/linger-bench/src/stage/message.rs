//! The messages of the generator: texts with their lane, their number and their time.
//!
//! `~lb:LANE:SEQUENCE:NANOSECONDS~` and some filling. Messages of a lane are
//! numbered 1, 2, 3 …, so a reader can prove that nothing is missing, nothing came
//! twice and the order is right, whatever protocol carried it. The characters are
//! such that no protocol here escapes them; they are found by looking for the mark.

use std::io::Write;

use memchr::memmem::Finder;

const MARK: &[u8] = b"~lb:";
const LANE_DIGITS: usize = 6;
const SEQUENCE_DIGITS: usize = 10;
const NANOS_DIGITS: usize = 14;
/// A text without any filling.
pub(crate) const TEXT_BYTES_MIN: usize =
    MARK.len() + LANE_DIGITS + 1 + SEQUENCE_DIGITS + 1 + NANOS_DIGITS + 1;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    /// The sequence that it belongs to: a room's, or a sender's.
    pub(crate) lane: u32,
    /// Its place in the lane, from 1.
    pub(crate) sequence: u64,
    /// When the request was written, in nanoseconds of the run's clock.
    pub(crate) nanos: u64,
}

impl Message {
    /// Appends the message as text of `size` bytes (or as few as possible).
    pub(crate) fn write(self, size: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        let Message { lane, sequence, nanos } = self;
        write!(out, "~lb:{lane:06}:{sequence:010}:{nanos:014}~").expect("memory takes all bytes");
        assert_eq!(out.len() - begin, TEXT_BYTES_MIN, "{self:?} does not fit its digits");
        out.resize(begin + size.max(TEXT_BYTES_MIN), b'x');
    }
}

/// Finds messages in the bytes that a server sent.
pub(crate) struct Messages {
    finder: Finder<'static>,
}

impl Messages {
    /// Makes ready to look.
    pub(crate) fn new() -> Messages {
        Messages { finder: Finder::new(MARK) }
    }

    /// Returns the messages in `bytes`, in their order.
    pub(crate) fn within<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Message> + 'a {
        self.finder.find_iter(bytes).filter_map(|at| parse(&bytes[at + MARK.len()..]))
    }
}

fn parse(rest: &[u8]) -> Option<Message> {
    let (lane, rest) = digits(rest, LANE_DIGITS, b':')?;
    let (sequence, rest) = digits(rest, SEQUENCE_DIGITS, b':')?;
    let (nanos, _) = digits(rest, NANOS_DIGITS, b'~')?;
    Some(Message { lane: u32::try_from(lane).ok()?, sequence, nanos })
}

fn digits(bytes: &[u8], count: usize, end: u8) -> Option<(u64, &[u8])> {
    if *bytes.get(count)? != end {
        return None;
    }
    let number = bytes[..count].iter().try_fold(0_u64, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'))
    })?;
    Some((number, &bytes[count + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_in_json_and_in_bare_text() {
        let said = [
            Message { lane: 0, sequence: 1, nanos: 5 },
            Message { lane: 999_999, sequence: 9_999_999_999, nanos: 99_999_999_999_999 },
        ];
        let mut bytes = br#"{"events":[{"text":""#.to_vec();
        said[0].write(64, &mut bytes);
        bytes.extend_from_slice(br#""},{"text":"~lb:not this one~""#);
        said[1].write(0, &mut bytes);
        assert_eq!(Messages::new().within(&bytes).collect::<Vec<_>>(), said);
    }

    #[test]
    fn a_text_has_the_size_that_was_asked_for() {
        for (asked, got) in [(0, TEXT_BYTES_MIN), (TEXT_BYTES_MIN, TEXT_BYTES_MIN), (200, 200)] {
            let mut text = Vec::new();
            Message { lane: 1, sequence: 2, nanos: 3 }.write(asked, &mut text);
            assert_eq!(text.len(), got);
        }
    }
}
