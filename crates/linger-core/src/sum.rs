//! Checksums: data that was damaged since it was written is known to be damaged.
//!
//! CRC-32 finds every single damaged byte. It misses one in four thousand million
//! other accidents. It is no defence against somebody who forges a file.
//! Entries of the log have one over their stored form, and rows of the projection
//! over their columns.

use std::ops::Range;

use rusqlite::{
    Row, ToSql, ffi,
    types::{ToSqlOutput, ValueRef},
};

/// A checksum being made. It covers kinds and lengths, so that bytes cannot move from
/// one value to the next unnoticed. Short values are gathered: the sum of one long piece
/// costs less than that of many small ones.
pub(crate) struct Sum {
    done: crc32fast::Hasher,
    gathered: [u8; GATHERED_MAX],
    len: usize,
}

const GATHERED_MAX: usize = 256;

impl Default for Sum {
    fn default() -> Sum {
        Sum { done: crc32fast::Hasher::new(), gathered: [0; GATHERED_MAX], len: 0 }
    }
}

impl Sum {
    pub(crate) fn number(&mut self, number: i64) {
        self.part(b'i', &number.to_le_bytes());
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        self.part(b't', text);
    }

    pub(crate) fn blob(&mut self, blob: &[u8]) {
        self.part(b'b', blob);
    }

    pub(crate) fn optional<T>(&mut self, value: Option<T>, add: impl FnOnce(&mut Sum, T)) {
        match value {
            None => self.part(b'n', &[]),
            Some(value) => add(self, value),
        }
    }

    fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.part(b'n', &[]),
            ValueRef::Integer(number) => self.number(number),
            ValueRef::Real(number) => self.part(b'f', &number.to_bits().to_le_bytes()),
            ValueRef::Text(text) => self.text(text),
            ValueRef::Blob(blob) => self.blob(blob),
        }
    }

    fn part(&mut self, kind: u8, bytes: &[u8]) {
        self.add(&[kind]);
        self.add(&(bytes.len() as u64).to_le_bytes());
        self.add(bytes);
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.len + bytes.len() > GATHERED_MAX {
            self.done.update(&self.gathered[..self.len]);
            self.len = 0;
            if bytes.len() > GATHERED_MAX {
                return self.done.update(bytes);
            }
        }
        self.gathered[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    pub(crate) fn finish(mut self) -> u32 {
        self.done.update(&self.gathered[..self.len]);
        self.done.finalize()
    }
}

/// Returns the checksum of a row that is about to be written.
pub(crate) fn of_values(values: &[&dyn ToSql]) -> rusqlite::Result<u32> {
    let mut sum = Sum::default();
    for value in values {
        match value.to_sql()? {
            ToSqlOutput::Borrowed(value) => sum.value(value),
            ToSqlOutput::Owned(value) => sum.value((&value).into()),
            _ => unreachable!("tables hold plain values only"),
        }
    }
    Ok(sum.finish())
}

/// Checks a row whose columns are followed by their checksum.
///
/// Errors: [`damaged`], when they do not go together.
pub(crate) fn check(row: &Row<'_>, table: &str) -> rusqlite::Result<()> {
    check_part(row, 0..row.as_ref().column_count(), table)
}

/// Checks a part of a row that is a row of a table, with its checksum at the end.
///
/// Errors: as of [`check`].
pub(crate) fn check_part(
    row: &Row<'_>,
    columns: Range<usize>,
    table: &str,
) -> rusqlite::Result<()> {
    let last = columns.end - 1;
    let mut sum = Sum::default();
    for column in columns.start..last {
        sum.value(row.get_ref(column)?);
    }
    match row.get_ref(last)? {
        ValueRef::Integer(stored) if stored == i64::from(sum.finish()) => Ok(()),
        _ => Err(damaged(format!("a row of {table} is not what was written"))),
    }
}

/// Returns the error that says: this file is damaged.
pub(crate) fn damaged(reason: impl Into<String>) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(reason.into()))
}

/// Tells whether an error means that the file is damaged: another try would not help.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error, ErrorCode};
    match error {
        Error::SqliteFailure(error, _) => match error.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => true,
            // Rules are checked before any write. So a constraint that fails has found other
            // rows than apply has seen. (A commit that somebody vetoes has another code.)
            ErrorCode::ConstraintViolation => {
                error.extended_code != ffi::SQLITE_CONSTRAINT_COMMITHOOK
            }
            _ => false,
        },
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..)
        | Error::QueryReturnedNoRows => true,
        _ => false,
    }
}
