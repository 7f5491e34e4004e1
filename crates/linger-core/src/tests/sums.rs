//! A damaged row is never read: whatever column is changed, the read says so.

use super::{
    logs::{Log, empty},
    most, replay,
};
use crate::{Position, Projection, RequestId, TokenHash, UserId, is_damage, projection, queries};

/// Every read of the crate, over everything there is.
fn read_everything(projection: &Projection) -> rusqlite::Result<()> {
    let db = projection.connection();
    projection::applied(db)?;
    queries::rooms(db)?;
    queries::epochs(db)?;
    queries::all_stays(db)?;
    for position in (1..60).map(Position::new) {
        queries::user(db, UserId::new(position))?;
        queries::news_at(db, position)?;
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
        projection.apply(&replay::read("v2")).unwrap();
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
