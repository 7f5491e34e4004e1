//! Writes down what a projection knows beyond its log, when part of the log is
//! lost: the events that readers have read, and the people and rooms in them.
//!
//! It works on copies: SQLite merges and removes files when it opens them, and
//! the originals may be the last of their kind.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use linger_core::{Position, Projection, RoomId, UserId, queries};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    OpenError,
    log::sqlite::{SqliteFile, read_after},
    private,
};

/// Bounds what is in memory at once.
const BATCH: usize = 1000;

/// Writes everything that the projection in `folder` knows beyond the log there into the
/// new folder `into`. Returns its findings, a line each.
///
/// Errors: `into` is there already, or one of the folders cannot be used.
pub fn salvage(folder: &Path, into: &Path) -> Result<Vec<String>, OpenError> {
    let refused = |error| OpenError::Folder { folder: into.to_owned(), error };
    if fs::exists(into).map_err(refused)? {
        let error = io::Error::new(io::ErrorKind::AlreadyExists, "it is there already");
        return Err(refused(error));
    }
    let into = &std::path::absolute(into).map_err(refused)?;
    private::make_folder(into).map_err(refused)?;
    let copies = into.join("copies");
    private::make_folder(&copies).map_err(refused)?;
    for name in ["log.db", "log.db-wal", "projection.db", "projection.db-wal"] {
        copy(&folder.join(name), &copies.join(name))
            .map_err(|error| OpenError::Folder { folder: folder.join(name), error })?;
    }
    let (end, log) = readable(&copies.join("log.db"));
    let failed = |error: rusqlite::Error| OpenError::File {
        file: folder.join("projection.db"),
        error: error.to_string(),
    };
    let path = copies.join("projection.db");
    let about = Projection::about(&path).map_err(failed)?;
    let is_older = about.is_some_and(|about| about.is_older());
    let projection = Projection::open_reader(&path).map_err(failed)?;
    let mut lines = vec![log];
    for (name, saved) in [
        ("events.jsonl", events_after(&projection, end, is_older).map_err(failed)?),
        ("people.jsonl", people_after(&projection, end, is_older).map_err(failed)?),
        ("rooms.jsonl", rooms_after(&projection, end, is_older).map_err(failed)?),
    ] {
        let path = into.join(name);
        saved.write(&path).map_err(refused)?;
        lines.push(saved.told(&path));
    }
    drop(projection);
    fs::remove_dir_all(&copies).map_err(refused)?;
    Ok(lines)
}

/// Rows as JSON, a line each, and how many could not be read.
#[derive(Default)]
struct Saved {
    lines: Vec<String>,
    unreadable: usize,
}

impl Saved {
    fn add<T>(&mut self, row: rusqlite::Result<Option<T>>, json: impl FnOnce(T) -> String) {
        match row {
            Ok(row) => self.lines.extend(row.map(json)),
            Err(_) => self.unreadable += 1,
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(private::open(path)?);
        for line in &self.lines {
            writeln!(file, "{line}")?;
        }
        file.into_inner()?.sync_all()
    }

    fn told(&self, path: &Path) -> String {
        let damaged = match self.unreadable {
            0 => String::new(),
            number => format!("; {number} more are damaged and left out"),
        };
        format!("{}: {}{damaged}", path.display(), self.lines.len())
    }
}

fn events_after(projection: &Connection, end: Position, is_older: bool) -> rusqlite::Result<Saved> {
    let select = "SELECT position FROM events WHERE position > ?1 ORDER BY position";
    each(projection, select, end, |saved, position| match is_older {
        true => saved.add(old_event(projection, position), |json| json),
        false => saved.add(queries::news_at(projection, position), |news| news.json.into()),
    })
}

fn people_after(projection: &Connection, end: Position, is_older: bool) -> rusqlite::Result<Saved> {
    let select = "SELECT id FROM users WHERE id > ?1 ORDER BY id";
    each(projection, select, end, |saved, id| match is_older {
        true => saved.add(old_person(projection, id), |person| person),
        false => saved.add(queries::user(projection, UserId::new(id)), |user| json(&user)),
    })
}

fn rooms_after(projection: &Connection, end: Position, is_older: bool) -> rusqlite::Result<Saved> {
    let select = "SELECT id FROM rooms WHERE id > ?1 ORDER BY id";
    each(projection, select, end, |saved, id| match is_older {
        true => saved.add(old_room(projection, id), |room| room),
        false => saved.add(queries::room(projection, RoomId::new(id)), |room| json(&room)),
    })
}

/// An event in the tables of the first form, which have no checksums.
fn old_event(projection: &Connection, position: Position) -> rusqlite::Result<Option<String>> {
    let select = "SELECT json FROM events WHERE position = ?1";
    projection.query_row(select, [position], |row| row.get(0)).optional()
}

fn old_person(projection: &Connection, id: Position) -> rusqlite::Result<Option<String>> {
    let select =
        "SELECT json_object('id', id, 'name', name, 'role', role) FROM users WHERE id = ?1";
    projection.query_row(select, [id], |row| row.get(0)).optional()
}

fn old_room(projection: &Connection, id: Position) -> rusqlite::Result<Option<String>> {
    let select =
        "SELECT json_object('id', id, 'slug', slug, 'name', name, 'topic', topic, 'kind', kind)
                  FROM rooms WHERE id = ?1";
    projection.query_row(select, [id], |row| row.get(0)).optional()
}

fn each(
    projection: &Connection,
    sql: &str,
    end: Position,
    mut save: impl FnMut(&mut Saved, Position),
) -> rusqlite::Result<Saved> {
    let mut saved = Saved::default();
    let mut select = projection.prepare(sql)?;
    let mut rows = select.query([end])?;
    while let Some(row) = rows.next()? {
        save(&mut saved, row.get(0)?);
    }
    Ok(saved)
}

fn json(row: &impl serde::Serialize) -> String {
    serde_json::to_string(row).expect("rows have no failing parts")
}

/// Returns the position up to which the log can be read, and that in words.
fn readable(path: &Path) -> (Position, String) {
    let mut end = Position::START;
    let mut read = || -> Result<(), String> {
        let about = SqliteFile::about(path).map_err(|error| error.to_string())?;
        let Some(about) = about else { return Ok(()) };
        if about.is_older {
            end = about.tail;
            return Ok(());
        }
        let log = Projection::open_reader(path).map_err(|error| error.to_string())?;
        loop {
            // Once it fails, one entry at a time: the last good one counts.
            let mut batch = read_after(&log, end, BATCH);
            if batch.is_err() {
                batch = read_after(&log, end, 1);
            }
            match batch.map_err(|error| error.to_string())?.last() {
                Some(last) => end = last.position,
                None => return Ok(()),
            }
        }
    };
    match read() {
        Ok(()) => (end, format!("log.db has {end} entries")),
        Err(error) => (end, format!("log.db can be read up to entry {end}: {error}")),
    }
}

/// Copies a file, if it is there.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    io::copy(&mut source, &mut private::open(to)?)?;
    Ok(())
}
