//! Rules about epochs: the server opens one at each start.

use rusqlite::params;

use super::{Refused, Step};
use crate::{Epoch, News, sum};

/// Opens an epoch with this entry; it leaves no event.
pub(super) fn begin(step: &Step<'_, '_>, epoch: Epoch) -> Result<Option<News>, Refused> {
    step.only_for_the_server()?;
    let sum = sum::of_values(&[&step.position, &epoch])?;
    step.tx
        .prepare_cached("INSERT INTO epochs (position, epoch, sum) VALUES (?1, ?2, ?3)")?
        .execute(params![step.position, epoch, sum])?;
    Ok(None)
}
