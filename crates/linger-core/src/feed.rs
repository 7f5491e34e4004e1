//! The feed, read from the tables: for readers who are further behind than the
//! node's memory reaches.
//!
//! Cost: one index range for each of the reader's rooms, `limit` events each.

use rusqlite::{Connection, params};

use crate::{
    News, Position, projection, queries,
    visibility::{Scope, Stay, can_see},
};

/// Events, and how far one has read with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What the reader may see, oldest first.
    pub news: Vec<News>,
    /// The position up to which nothing is left to see: where to go on.
    pub upto: Position,
}

/// Returns up to `limit` events after `after` that a reader may see in `scope`.
///
/// `stays` are the reader's own ([`queries::stays_of`]), read in the transaction
/// that the caller has begun: with older ones, `upto` would pass over the event
/// of a join that they do not know yet. An empty answer still moves on: `upto` is
/// what the projection has applied, or the last event when there may be more.
pub fn read(
    connection: &Connection,
    scope: Scope,
    stays: &[Stay],
    after: Position,
    limit: usize,
) -> rusqlite::Result<Read> {
    // One transaction, the caller's or our own: `applied` and the events are of
    // the same moment.
    let is_ours = connection.is_autocommit();
    let _ours = is_ours.then(|| connection.unchecked_transaction()).transpose()?;
    let tx = connection;
    let applied = projection::applied(tx)?;
    let mut news = match scope {
        Scope::Room(room, _) => {
            range(tx, room, after, applied, limit, |news| sees(tx, scope, stays, news))?
        }
        Scope::Mine(_) => {
            let mut all = outside_of_rooms(tx, after, limit, |news| sees(tx, scope, stays, news))?;
            for stay in stays {
                let from = after.max(Position::new(stay.joined.get() - 1));
                let to = stay.left.unwrap_or(applied);
                all.extend(range(tx, stay.room, from, to, limit, |news| {
                    sees(tx, scope, stays, news)
                })?);
            }
            all.sort_by_key(News::position);
            all
        }
    };
    news.truncate(limit);
    let upto = match news.last() {
        Some(last) if news.len() == limit => last.position(),
        // Who asks for nothing has seen nothing.
        None if limit == 0 => after,
        _ => applied.max(after),
    };
    Ok(Read { news, upto })
}

fn sees(tx: &Connection, scope: Scope, stays: &[Stay], news: &News) -> rusqlite::Result<bool> {
    let mut failure = None;
    let is_visible = can_see(scope, stays, news, |user| {
        queries::stays_of(tx, user).unwrap_or_else(|error| {
            failure = Some(error);
            Vec::new()
        })
    });
    failure.map_or(Ok(is_visible), Err)
}

fn range(
    tx: &Connection,
    room: crate::RoomId,
    after: Position,
    to: Position,
    limit: usize,
    sees: impl Fn(&News) -> rusqlite::Result<bool>,
) -> rusqlite::Result<Vec<News>> {
    let mut select = tx.prepare_cached(
        "SELECT room_id, json FROM events WHERE room_id = ?1 AND position > ?2 AND position <= ?3 ORDER BY position",
    )?;
    collect(select.query(params![room, after, to])?, limit, sees)
}

fn outside_of_rooms(
    tx: &Connection,
    after: Position,
    limit: usize,
    sees: impl Fn(&News) -> rusqlite::Result<bool>,
) -> rusqlite::Result<Vec<News>> {
    let mut select =
        tx.prepare_cached("SELECT room_id, json FROM events WHERE room_id IS NULL AND position > ?1 ORDER BY position")?;
    collect(select.query([after])?, limit, sees)
}

fn collect(
    mut rows: rusqlite::Rows<'_>,
    limit: usize,
    sees: impl Fn(&News) -> rusqlite::Result<bool>,
) -> rusqlite::Result<Vec<News>> {
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let news = queries::news(row)?;
        if sees(&news)? {
            found.push(news);
        }
    }
    Ok(found)
}
