//! A damaged row is never read: whatever column is changed, the read says so.

use super::{
    draft,
    logs::{Log, empty},
    most, replay,
};
use crate::{
    Author, Command, Entry, FileId, MessageId, MessageText, Position, Projection, RequestId,
    RoomId, Timestamp, TokenHash, UserId, is_damage, projection, queries, running, sum,
};

/// Every read of the crate, over everything there is.
fn read_everything(projection: &Projection) -> rusqlite::Result<()> {
    let db = projection.connection();
    projection::applied(db)?;
    running::now(db)?;
    queries::rooms(db)?;
    queries::epochs(db)?;
    queries::all_stays(db)?;
    for position in (1..80).map(Position::new) {
        queries::user(db, UserId::new(position))?;
        queries::news_at(db, position)?;
        queries::messages::stored(db, MessageId::new(position))?;
        queries::messages::reactions(db, MessageId::new(position))?;
        queries::files::stored(db, FileId::new(position))?;
    }
    queries::erasures_after(db, Position::START, 100)?;
    for rows in [
        "SELECT ended, message, at_ms, request_id, text, entities, sum FROM versions",
        "SELECT file, message, sum FROM message_files",
    ] {
        db.prepare(rows)?
            .query_map([], |row| sum::check(row, "a table"))?
            .collect::<Result<(), _>>()?;
    }
    let tokens = projection
        .connection()
        .prepare("SELECT token_hash FROM sessions")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<[u8; 32]>, _>>()?;
    for token in tokens {
        queries::user_by_token(db, &TokenHash(token))?;
    }
    let mut select = db.prepare("SELECT author, request_id FROM requests")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let author = crate::Author::from_number(row.get(0)?);
        let id: RequestId = row.get(1)?;
        queries::request(db, author, &id)?;
    }
    Ok(())
}

#[test]
fn whatever_column_is_changed_the_read_says_so() {
    let fresh = || {
        let mut projection = empty();
        projection.apply(&replay::read("v4")).unwrap();
        projection
    };
    assert_eq!(read_everything(&fresh()), Ok(()));
    let columns = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                   WHERE t.type = 'table' AND t.name <> 'concerns'";
    let projection = fresh();
    let mut select = projection.connection().prepare(columns).unwrap();
    let columns = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    for (table, column) in columns.map(Result::<(String, String), _>::unwrap) {
        // Only `applied`: no other row of meta is read again while it is open.
        let condition = if table == "meta" { "key = 'applied'" } else { "true" };
        if table == "meta" && column == "key" {
            continue;
        }
        let damaged = fresh();
        // Another value of the same type, in one row.
        let update = format!(
            r#"UPDATE {table} SET "{column}" = CASE typeof("{column}")
                 WHEN 'integer' THEN "{column}" + 1 WHEN 'null' THEN 1
                 WHEN 'blob' THEN CAST(substr("{column}", 2) || 'x' AS BLOB) ELSE "{column}" || 'x' END
               WHERE "{column}" IS (SELECT max("{column}") FROM {table} WHERE {condition}) AND {condition}"#
        );
        assert!(damaged.connection().execute(&update, []).unwrap() > 0, "{table}.{column}");
        let error = read_everything(&damaged).expect_err(&format!("{table}.{column}"));
        assert!(is_damage(&error), "{table}.{column}: {error}");
    }
}

#[test]
fn an_event_that_is_missing_or_stands_elsewhere_is_not_passed_over() {
    use crate::{
        RoomId, RoomKind, feed,
        visibility::{NOWHERE, Scope},
    };
    let log = Log::of(&[]);
    let tea = Scope::Room(RoomId::new(Position::new(5)), RoomKind::Open);
    for damage in [
        "DELETE FROM events WHERE position = 7",
        "UPDATE concerns SET place = 5 WHERE place = 6",
        "DELETE FROM concerns WHERE position = 7",
    ] {
        let mut projection = empty();
        projection.apply(&log.entries).unwrap();
        assert!(projection.connection().execute(damage, []).unwrap() > 0);
        let read = feed::read(projection.connection(), &tea, &NOWHERE, Position::START, most(100));
        assert!(read.is_err_and(|error| is_damage(&error)), "{damage}");
    }
}

#[test]
fn no_event_of_a_room_is_passed_over_when_an_index_hides_it() {
    use crate::{RoomKind, feed, visibility::Scope};
    let mut projection = empty();
    projection.apply(&replay::read("v3")).unwrap();
    let db = projection.connection();
    let mut reads = Vec::new();
    for (user, stays) in queries::all_stays(db).unwrap() {
        reads.push((Scope::Mine(user), stays.clone()));
        for room in queries::rooms(db).unwrap() {
            reads.push((Scope::Room(room.id, room.kind), stays.clone()));
        }
    }
    assert!(reads.iter().any(|(scope, _)| matches!(scope, Scope::Room(_, RoomKind::Closed))));
    let read = |(scope, stays): &(Scope, _), limit| {
        feed::read(db, scope, stays, Position::START, most(limit))
    };
    let select = "SELECT place, position FROM concerns WHERE numbered = 1";
    let mut select = db.prepare(select).unwrap();
    let hidden = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let hidden: Vec<(Position, Position)> = hidden.map(Result::unwrap).collect();
    for limit in [3, 100] {
        let whole: Vec<_> = reads.iter().map(|asked| read(asked, limit).unwrap()).collect();
        let mut found = 0;
        for (place, position) in &hidden {
            let row = (place, position);
            db.execute("DELETE FROM concerns WHERE place = ?1 AND position = ?2", row).unwrap();
            for (asked, whole) in reads.iter().zip(&whole) {
                match read(asked, limit) {
                    Ok(read) if limit == 100 => assert_eq!(&read, whole, "{row:?}, {asked:?}"),
                    // The first of a page may be passed over: only what follows is proven.
                    Ok(_) => {}
                    Err(error) => {
                        assert!(is_damage(&error), "{error}");
                        found += 1;
                    }
                }
            }
            db.execute("INSERT INTO concerns VALUES (?1, 1, ?2)", row).unwrap();
        }
        assert!(found > 0, "{limit}");
    }
}

#[test]
fn no_message_of_a_room_is_passed_over_when_an_index_hides_it() {
    use crate::{RoomKind, queries::Place, visibility::Scope};
    let mut projection = empty();
    projection.apply(&talk_in_both_rooms()).unwrap();
    let db = projection.connection();
    let mut reads = Vec::new();
    for (user, _) in queries::all_stays(db).unwrap() {
        for room in queries::rooms(db).unwrap() {
            reads.push((Scope::Room(room.id, room.kind), Some(user)));
        }
    }
    let history = |(scope, reader): &(Scope, _)| {
        queries::history(db, scope, *reader, None, most(100)).map(|it| it.messages)
    };
    let passage = |(scope, reader): &(Scope, _)| {
        let start = Place::AroundNumber(1);
        queries::passage(db, scope, *reader, start, most(100)).map(|it| it.messages)
    };
    let messages = "SELECT position FROM events WHERE kind = 'message_sent'";
    let mut messages = db.prepare(messages).unwrap();
    let messages = messages.query_map([], |row| row.get(0)).unwrap();
    let messages: Vec<Position> = messages.map(Result::unwrap).collect();
    let whole: Vec<_> = reads.iter().map(|asked| history(asked).unwrap()).collect();
    let mut found = [0, 0];
    for hidden in messages {
        hide_message(db, Some(hidden));
        for (asked, whole) in reads.iter().zip(&whole) {
            let Some(at) = whole.iter().position(|news| news.position() == hidden) else {
                assert_eq!((&history(asked).unwrap(), &passage(asked).unwrap()), (whole, whole));
                continue;
            };
            let is_open = matches!(asked.0, Scope::Room(_, RoomKind::Open));
            for read in [history(asked), passage(asked)] {
                match read {
                    Err(error) => {
                        assert!(is_damage(&error), "{error}");
                        found[usize::from(is_open)] += 1;
                    }
                    // The ends of a stay, and the first message of all, are not proven.
                    Ok(_) => assert!(at == 0 || !is_open, "{hidden} is missing, {asked:?}"),
                }
            }
        }
    }
    assert!(found.iter().all(|found| *found > 0), "{found:?}");
    hide_message(db, None);
    assert_eq!(reads.iter().map(|asked| history(asked).unwrap()).collect::<Vec<_>>(), whole);
}

/// The rooms of [`Log::of`], the closed one with bob and cleo in it: they talk in both, and
/// people come in between.
fn talk_in_both_rooms() -> Vec<Entry> {
    let mut entries = Log::of(&[]).entries;
    let [tea, den] = [5, 6].map(|room| RoomId::new(Position::new(room)));
    let [bob, cleo, ming] = [2, 3, 4].map(|user| UserId::new(Position::new(user)));
    let say = |room, text: &str| {
        let text = MessageText::parse(text).unwrap();
        Command::say(room, text)
    };
    let mut does = |user, command| {
        let position = entries.last().unwrap().position.next();
        let at = Timestamp::from_ms(10_000_000);
        let draft = draft(at, Author::User(user), &format!("t{position}"), command);
        entries.push(Entry { position, draft });
    };
    for room in [tea, den] {
        for text in ["one", "two"] {
            does(cleo, say(room, text));
        }
        does(cleo, Command::AddMember { room, user: ming });
        does(cleo, say(room, "three"));
        does(cleo, Command::LeaveRoom { room });
        does(ming, say(room, "four"));
    }
    for text in ["five", "six"] {
        does(bob, say(den, text));
    }
    entries
}

/// Makes the index of messages anew, without one of them.
fn hide_message(db: &rusqlite::Connection, position: Option<Position>) {
    let name = "messages_by_room";
    let made = "SELECT sql FROM sqlite_schema WHERE name = ?1";
    let made: String = db.query_row(made, [name], |row| row.get(0)).unwrap();
    let but = position.map_or(String::new(), |position| format!(" WHERE position <> {position}"));
    db.execute_batch(&format!("DROP INDEX {name}; {made}{but}; PRAGMA writable_schema = on"))
        .unwrap();
    // As if nothing was left out.
    db.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = ?2", (&made, name)).unwrap();
    db.execute_batch("PRAGMA writable_schema = reset").unwrap();
}
