//! Memberships, as [`Stays`]: all of a reader's, or only those that a question is
//! about. Somebody may have come and gone thousands of times.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::MEMBER;
use crate::{
    Position, RoomId, RoomKind, Statements, UserId, sum,
    visibility::{Scope, Stays},
};

/// As a limit: no limit.
const ALL: usize = i64::MAX as usize;

/// Returns all memberships of a user, past ones too.
pub fn stays_of(connection: &Connection, user: UserId) -> rusqlite::Result<Stays> {
    let mut stays = current_stays(connection, user)?;
    each_past(connection, user, Position::START, ALL, |room, joined, left| {
        stays.add_past(room, joined, left);
    })?;
    Ok(stays)
}

/// Returns the memberships of a user that last.
pub fn current_stays(connection: &Connection, user: UserId) -> rusqlite::Result<Stays> {
    let mut stays = Stays::of(Some(user));
    let mut select = connection
        .prepare_cached("SELECT room_id, user_id, joined, sum FROM members WHERE user_id = ?1")?;
    let mut rows = select.query([user])?;
    while let Some(row) = rows.next()? {
        sum::check(row, "members")?;
        stays.begin(row.get(0)?, row.get(2)?);
    }
    Ok(stays)
}

/// Returns the memberships that say what a reader sees in a scope after `after`: none
/// for an open room, those of one room for a closed one. Those that ended by then are
/// not walked through, and of one room not more than `limit` events reach.
pub fn stays_after(
    connection: &Connection,
    reader: Option<UserId>,
    scope: &Scope,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Stays> {
    if let Some(person) = scope.person() {
        let mut stays = current_stays(connection, person)?;
        add_past(connection, person, after, limit, &mut stays)?;
        return Ok(stays);
    }
    let mut stays = Stays::of(reader);
    if let (&Scope::Room(room, RoomKind::Closed), Some(reader)) = (scope, reader) {
        add_past_of(connection, reader, room, after, limit, &mut stays)?;
        if let Some(joined) = joined(connection, room, reader)? {
            stays.begin(room, joined);
        }
    }
    Ok(stays)
}

/// Adds the past memberships of a user that did not end by `after`.
///
/// Few are found by their ends, whatever was before. When they are many, it goes from
/// room to room: they are mostly those of a few rooms.
fn add_past(
    connection: &Connection,
    user: UserId,
    after: Position,
    limit: usize,
    stays: &mut Stays,
) -> rusqlite::Result<()> {
    const FEW: usize = 8;
    let mut found = Vec::new();
    each_past(connection, user, after, FEW + 1, |room, from, to| found.push((room, from, to)))?;
    if found.len() <= FEW {
        found.into_iter().for_each(|(room, from, to)| stays.add_past(room, from, to));
        return Ok(());
    }
    let mut next = connection.prepare_cached(
        "SELECT min(room_id) FROM past_stays WHERE user_id = ?1 AND room_id > ?2",
    )?;
    let mut room = RoomId::new(Position::START);
    while let Some(found) = next.query_one(params![user, room], |row| row.get(0))? {
        room = found;
        add_past_of(connection, user, room, after, limit, stays)?;
    }
    Ok(())
}

/// Adds the past memberships of a user in one room that did not end by `after`, as many
/// as `limit` events reach.
fn add_past_of(
    connection: &Connection,
    user: UserId,
    room: RoomId,
    after: Position,
    limit: usize,
    stays: &mut Stays,
) -> rusqlite::Result<()> {
    // Stays of one room follow one another, and each has events of its own.
    let first = last_stay(connection, Some(user), room, after)?;
    let first = first.map_or(Position::START, |(from, _)| from);
    let mut select = connection.prepare_cached(
        r#"SELECT user_id, room_id, joined, "left", sum FROM past_stays
           WHERE user_id = ?1 AND room_id = ?2 AND joined >= ?3 ORDER BY joined LIMIT ?4"#,
    )?;
    let mut rows = select.query(params![user, room, first, limit + 2])?;
    while let Some(row) = rows.next()? {
        sum::check(row, "past_stays")?;
        stays.add_past(room, row.get(2)?, row.get(3)?);
    }
    Ok(())
}

/// Returns the memberships of everybody who ever had one: those that last, and that
/// there were others.
pub fn all_stays(connection: &Connection) -> rusqlite::Result<Vec<(UserId, Stays)>> {
    let mut select = connection.prepare(
        "SELECT user_id FROM members UNION SELECT user_id FROM past_stays ORDER BY user_id",
    )?;
    let users: Vec<UserId> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut all = Vec::with_capacity(users.len());
    for user in users {
        let mut stays = current_stays(connection, user)?;
        each_past(connection, user, Position::START, ALL, |room, _, left| {
            stays.forget(room, left);
        })?;
        all.push((user, stays));
    }
    Ok(all)
}

/// Returns the last membership of a room that began by `end`: from and to, both
/// included; one that lasts has no end before [`Position::MAX`].
pub(super) fn last_stay(
    connection: &Connection,
    reader: Option<UserId>,
    room: RoomId,
    end: Position,
) -> rusqlite::Result<Option<(Position, Position)>> {
    let Some(reader) = reader else { return Ok(None) };
    if let Some(joined) = joined(connection, room, reader)?.filter(|joined| *joined <= end) {
        return Ok(Some((joined, Position::MAX)));
    }
    connection
        .prepare_cached(
            r#"SELECT user_id, room_id, joined, "left", sum FROM past_stays
               WHERE user_id = ?1 AND room_id = ?2 AND joined <= ?3
               ORDER BY joined DESC LIMIT 1"#,
        )?
        .query_one(params![reader, room, end], |row| {
            sum::check(row, "past_stays")?;
            Ok((row.get(2)?, row.get(3)?))
        })
        .optional()
}

/// Returns the first membership of a room that did not end before `begin`: as
/// [`last_stay`].
pub(super) fn first_stay(
    connection: &Connection,
    reader: Option<UserId>,
    room: RoomId,
    begin: Position,
) -> rusqlite::Result<Option<(Position, Position)>> {
    let Some(user) = reader else { return Ok(None) };
    let last = last_stay(connection, reader, room, begin)?;
    if let Some(stay) = last.filter(|(_, to)| *to >= begin) {
        return Ok(Some(stay));
    }
    let later = connection
        .prepare_cached(
            r#"SELECT user_id, room_id, joined, "left", sum FROM past_stays
               WHERE user_id = ?1 AND room_id = ?2 AND joined > ?3
               ORDER BY joined LIMIT 1"#,
        )?
        .query_one(params![user, room, begin], |row| {
            sum::check(row, "past_stays")?;
            Ok((row.get(2)?, row.get(3)?))
        })
        .optional()?;
    if later.is_some() {
        return Ok(later);
    }
    Ok(joined(connection, room, user)?.map(|joined| (joined, Position::MAX)))
}

/// Tells whether a user is a member of a room now.
pub fn is_member(at: &impl Statements, room: RoomId, user: UserId) -> rusqlite::Result<bool> {
    Ok(joined(at, room, user)?.is_some())
}

/// Returns since when a user is a member of a room, if they are.
pub(crate) fn joined(
    at: &impl Statements,
    room: RoomId,
    user: UserId,
) -> rusqlite::Result<Option<Position>> {
    let joined = |row: &Row<'_>| {
        sum::check(row, "members")?;
        row.get(2)
    };
    at.with(MEMBER, |select| select.query_one(params![room, user], joined).optional())
}

/// Visits the memberships of a user that ended after `after`, in the order of their
/// ends, up to `limit` of them: room, from and to.
fn each_past(
    connection: &Connection,
    user: UserId,
    after: Position,
    limit: usize,
    mut visit: impl FnMut(RoomId, Position, Position),
) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached(
        r#"SELECT user_id, room_id, joined, "left", sum FROM past_stays
           WHERE user_id = ?1 AND "left" > ?2 ORDER BY "left" LIMIT ?3"#,
    )?;
    let mut rows = select.query(params![user, after, limit])?;
    while let Some(row) = rows.next()? {
        sum::check(row, "past_stays")?;
        visit(row.get(1)?, row.get(2)?, row.get(3)?);
    }
    Ok(())
}
