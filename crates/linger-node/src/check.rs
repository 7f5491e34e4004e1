//! Reads everything in a data folder, and says what is damaged.
//!
//! The log is read to its end, each entry against its checksum, and replayed into
//! tables of its own, which are compared with the projection's, table by table. All
//! of it read-only and from one moment, so it can be done while a server runs.

use std::{io, path::Path};

use linger_core::{
    Position, Projection, is_damage, projection_applied, projection_fingerprint, queries,
};
use rusqlite::Connection;

use crate::{
    OpenError,
    log::sqlite::{LogError, SqliteFile, has_lost_frames, read_after},
};

/// Bounds what is in memory at once.
const BATCH: usize = 1000;

/// The end of a projection that cannot be used.
const HEALS: &str = "it is made anew at the next start";

/// The findings of a check.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Facts, a line each.
    pub facts: Vec<String>,
    /// Faults, and what to do about them, a line each.
    pub findings: Vec<String>,
}

/// Checks a data folder.
///
/// Errors: there is none, or it was written by a newer version.
pub fn check(folder: &Path) -> Result<Report, OpenError> {
    let absolute = std::path::absolute(folder)
        .map_err(|error| OpenError::Folder { folder: folder.to_owned(), error })?;
    let (log, projection) = (absolute.join("log.db"), absolute.join("projection.db"));
    if let Ok(stream) = std::fs::read_to_string(absolute.join("cluster")) {
        let mut report = Report::default();
        let stream = stream.trim();
        report.facts.push(format!("the log is the stream {stream}: see 'linger cluster check'"));
        Tables::read(&projection, &mut report);
        return Ok(report);
    }
    if !log.exists() && !projection.exists() {
        let error =
            io::Error::new(io::ErrorKind::NotFound, "there is neither log.db nor projection.db");
        return Err(OpenError::Folder { folder: folder.to_owned(), error });
    }
    let mut report = Report::default();
    if has_lost_frames(&folder.join("log.db-wal")).unwrap_or_default() {
        report.findings.push(
            "log.db-wal: it is damaged in the middle, and what was written after that is lost; put log.db and log.db-wal back from a backup, or see 'linger salvage'".to_owned(),
        );
    }
    let tables = Tables::read(&projection, &mut report);
    let until = tables.as_ref().filter(|tables| tables.fingerprint.is_some());
    match replay(&log, until.map(|tables| tables.applied)) {
        Err(LogError::Newer) => return Err(OpenError::Newer { file: log }),
        Err(error) => report.findings.push(format!("log.db: {error}, or see 'linger salvage'")),
        Ok(replayed) => {
            report.facts.push(replayed.told());
            if let Some(tables) = tables {
                tables.compare(&replayed, &mut report);
            }
        }
    }
    Ok(report)
}

/// The result of a replay of the log.
struct Replayed {
    entries: Position,
    /// The fingerprint of the tables at the place where the projection is; none where
    /// the log has an older form.
    fingerprint: Option<String>,
}

impl Replayed {
    fn told(&self) -> String {
        let entries = self.entries;
        match self.fingerprint {
            Some(_) => format!("log.db: {entries} entries, each as it was stored"),
            None => format!(
                "log.db: {entries} entries, in the form of an older version, which has no checksums: start the server once, and check again"
            ),
        }
    }
}

/// Reads the whole log, and replays it up to `until`.
fn replay(path: &Path, until: Option<Position>) -> Result<Replayed, LogError> {
    let about = if path.exists() { SqliteFile::about(path)? } else { None };
    let Some(about) = about else {
        return Ok(Replayed { entries: Position::START, fingerprint: Some(String::new()) });
    };
    if about.is_older {
        return Ok(Replayed { entries: about.tail, fingerprint: None });
    }
    let log = Projection::open_reader(path)?;
    is_sound(&log)?;
    let mut tables = Projection::temporary(about.id)?;
    let mut after = Position::START;
    let _moment = queries::moment(&log)?;
    loop {
        let mut entries = read_after(&log, after, BATCH)?;
        let Some(last) = entries.last() else { break };
        after = last.position;
        entries.retain(|entry| until.is_some_and(|until| entry.position <= until));
        tables.apply(&entries)?;
    }
    if after < about.tail {
        let reason = format!("it ends at {after}, although it has an entry {}", about.tail);
        return Err(LogError::Damaged(reason));
    }
    Ok(Replayed { entries: after, fingerprint: Some(tables.fingerprint()?) })
}

/// The projection, as it was at one moment.
struct Tables {
    applied: Position,
    /// None where they have the form of another version.
    fingerprint: Option<String>,
}

impl Tables {
    /// Reads them; none where there is nothing to compare.
    fn read(path: &Path, report: &mut Report) -> Option<Tables> {
        let read = || {
            let about = match path.metadata() {
                Ok(metadata) if metadata.len() > 0 => Projection::about(path)?,
                _ => None,
            };
            match about {
                None => return Ok(None),
                Some(about) if !about.is_current() => {
                    return Ok(Some(Tables { applied: about.applied, fingerprint: None }));
                }
                Some(_) => {}
            }
            let connection = Projection::open_reader(path)?;
            let _moment = queries::moment(&connection)?;
            let applied = projection_applied(&connection)?;
            let fingerprint = projection_fingerprint(&connection)?;
            is_sound(&connection)?;
            Ok(Some(Tables { applied, fingerprint: Some(fingerprint) }))
        };
        match read() {
            Ok(Some(tables)) => Some(tables),
            Ok(None) => {
                report.facts.push(format!("projection.db: none; {HEALS}"));
                None
            }
            Err(error) if is_damage(&error) => {
                report.findings.push(format!("projection.db: it is damaged ({error}); {HEALS}"));
                None
            }
            Err(error) => {
                report.findings.push(format!("projection.db: it cannot be read: {error}"));
                None
            }
        }
    }

    /// Compares them with the tables that the log makes.
    fn compare(self, replayed: &Replayed, report: &mut Report) {
        let Tables { applied, fingerprint } = self;
        if applied > replayed.entries {
            report.findings.push(format!(
                "log.db has {} entries, and projection.db was made of {applied}: part of the log is missing; put the newer log.db back with its log.db-wal, or see 'linger salvage'",
                replayed.entries
            ));
            return;
        }
        let Some(fingerprint) = fingerprint else {
            report.facts.push(format!("projection.db: of another version; {HEALS}"));
            return;
        };
        let Some(made) = &replayed.fingerprint else { return };
        let differing: Vec<&str> = made
            .lines()
            .zip(fingerprint.lines())
            .filter(|(made, found)| made != found)
            .filter_map(|(made, _)| made.split(' ').next())
            .collect();
        match differing.is_empty() {
            true => report.facts.push(format!("projection.db: as the first {applied} entries make it")),
            false => report.findings.push(format!(
                "projection.db: not what the log makes of it (tables {}); stop the server, delete projection.db, and start: it is made anew",
                differing.join(", ")
            )),
        }
    }
}

/// Lets SQLite look through the whole file. Errors: it is damaged.
fn is_sound(connection: &Connection) -> rusqlite::Result<()> {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(corrupt, Some(verdict)))
}
