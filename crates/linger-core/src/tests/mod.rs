//! Tests of the crate, as a reader of its feed would put them.
//!
//! `story` tells short scenes, played on the `stage`, and what a reader sees of
//! them, `deeds` those about messages that change; `properties` holds the laws that all `logs` obey, against the second
//! opinion of the `model`; `audiences` compares tables, memory's rule and a naive
//! rule for who may see what; `away` compares somebody who was away with one who stayed; `costs_deeds`
//! counts what changes to messages cost; `costs_lists` and `costs_messages` count what pages of rooms
//! and members and single messages cost; `erasure` erases entries anywhere; `replay` proves that
//! old logs stay readable; `desk` that what apply keeps in memory changes nothing; `running` holds that nodes agree by one hash; `stored` reads entries that are not what was stored;
//! `costs` counts the steps of reads; `files` opens projections on disk; `texts` and `words` try the parsers.

mod audiences;
mod away;
mod costs;
mod costs_deeds;
mod costs_lists;
mod costs_messages;
mod deeds;
mod desk;
mod erasure;
mod feeds;
mod files;
mod logs;
mod model;
mod passages;
mod properties;
mod replay;
mod running;
mod stage;
mod stored;
mod story;
mod sums;
mod texts;
mod words;

use crate::{
    Author, Command, Draft, Nonce, Request, RequestId, Salt, Timestamp, Vocabulary, feed::PageMax,
};

/// So many events or messages in a page, however large.
fn most(items: usize) -> PageMax {
    PageMax { items, bytes: usize::MAX }
}

/// A draft in today's vocabulary. Salt and nonce are made of the request id, which
/// is new for each.
fn draft(at: Timestamp, author: Author, request_id: &str, command: Command) -> Draft {
    let id = RequestId::parse(request_id).unwrap();
    let chance = crc32fast::hash(request_id.as_bytes());
    Draft {
        vocabulary: Vocabulary::LATEST,
        at,
        author,
        request: Some(Request::of(id, &command)),
        salt: Some(Salt(std::array::from_fn(|i| (chance >> (i % 4 * 8)) as u8))),
        nonce: Some(Nonce::from_random(chance.into())),
        command,
    }
}
