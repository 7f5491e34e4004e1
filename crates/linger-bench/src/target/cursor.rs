//! A reader's bookmark, in bytes that the server made.

/// The longest cursor of any server here: nchan's is a date and a number.
const BYTES_MAX: usize = 62;

/// A cursor in place: tens of thousands of readers move theirs all the time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    length: u8,
    bytes: [u8; BYTES_MAX],
}

impl Cursor {
    /// Takes over a server's cursor. None: it is too long to be one.
    pub(crate) fn new(bytes: &[u8]) -> Option<Cursor> {
        let mut cursor = Cursor { length: u8::try_from(bytes.len()).ok()?, bytes: [0; BYTES_MAX] };
        cursor.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(cursor)
    }

    /// Moves to a server's cursor, if there is one; returns whether there was.
    pub(crate) fn follow(&mut self, bytes: Option<&[u8]>) -> bool {
        match bytes.and_then(Cursor::new) {
            Some(cursor) => {
                *self = cursor;
                true
            }
            None => false,
        }
    }

    /// Returns the bytes, for the next request.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}
