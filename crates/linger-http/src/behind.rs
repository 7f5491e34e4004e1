//! A node that is behind another one may not know a room that its reader has been in: their
//! cursor tells, and the room is waited for before it is said that there is none.

use std::time::Duration;

use linger_core::Cursor;
use linger_serve::{Failure, Request, Undecided};

/// A node that takes longer for it has more to tell than one room: 503, and the reader tries
/// again.
const CATCH_UP_MAX: Duration = Duration::from_secs(5);

/// Returns `failure`, unless the cursor is of a node that has read further than this one: then
/// the errand that waits until this one has.
pub(crate) fn not_here(
    request: &Request<'_>,
    cursor: Option<&str>,
    failure: impl Into<Failure>,
) -> Undecided {
    let app = request.app();
    let cursor: Option<Cursor> = cursor.and_then(|cursor| cursor.parse().ok());
    let Some(cursor) = cursor.filter(|cursor| app.node.is_behind(*cursor)) else {
        return Undecided::Failure(failure.into());
    };
    let app = app.clone();
    Undecided::Errand(Box::pin(
        async move { Ok(app.node.catch_up_with(cursor, CATCH_UP_MAX).await?) },
    ))
}
