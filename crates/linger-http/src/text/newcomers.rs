//! Newcomers: readers without a session, whose form makes a guest, once however often
//! it is sent.
//!
//! Each page for a newcomer has a form with an id of its own: the time, chance and a seal,
//! by which the server knows its forms again. The guest's token is made from the id,
//! so a form that comes again finds its guest, and of two that come at once the log's
//! order decides: the rules take a token once. Nothing is kept in memory.
//!
//! Anybody who knows the id can become this guest. So it is for one reader alone, no request
//! id in an event shows it, and it ends after a day or with the process.

use std::sync::{Arc, OnceLock};

use linger_serve::App;
use sha2::{Digest, Sha256};

/// A form makes a guest so long after it was given: a tab is often left open over night.
const GOOD_FOR_MS: i64 = 24 * 60 * 60 * 1000;
/// Bytes of an id: eight of the time, and 16 of chance.
const ID_BYTES: usize = 24;
const SEAL_BYTES: usize = 16;

/// The forms of newcomers.
pub(super) struct Newcomers {
    app: Arc<App>,
    /// Made with the first form.
    key: OnceLock<[u8; 32]>,
}

impl Newcomers {
    /// Begins without any.
    pub(super) fn new(app: Arc<App>) -> Newcomers {
        Newcomers { app, key: OnceLock::new() }
    }

    /// Returns the id of a new form.
    pub(super) fn form(&self) -> String {
        let clock = self.app.node.clock();
        let key = self.key.get_or_init(|| clock.secret());
        let mut id = [0; ID_BYTES];
        id[..8].copy_from_slice(&clock.now().as_ms().to_be_bytes());
        id[8..].copy_from_slice(&clock.secret()[..ID_BYTES - 8]);
        const_hex::encode(id) + &const_hex::encode(seal(key, &id))
    }

    /// Returns the token of the guest whom this form makes. None: it is no form of a
    /// newcomer, or is too old.
    pub(super) fn token(&self, form: &str) -> Option<String> {
        let key = self.key.get()?;
        let bytes: [u8; ID_BYTES + SEAL_BYTES] = const_hex::decode_to_array(form).ok()?;
        let (id, sealed) = bytes.split_first_chunk().expect("an id is a part of it");
        let given = i64::from_be_bytes(*id.first_chunk().expect("the time is a part of it"));
        let age = self.app.node.clock().now().as_ms() - given;
        let is_good = seal(key, id) == sealed && (-GOOD_FOR_MS..GOOD_FOR_MS).contains(&age);
        is_good.then(|| const_hex::encode(digest(key, b"token", id)))
    }
}

fn seal(key: &[u8; 32], id: &[u8; ID_BYTES]) -> [u8; SEAL_BYTES] {
    *digest(key, b"seal ", id).first_chunk().expect("a digest is longer")
}

/// Returns a digest that nobody can make without the key. All that goes into one is of
/// the same length, so none is the beginning of another.
fn digest(key: &[u8; 32], purpose: &[u8; 5], id: &[u8; ID_BYTES]) -> [u8; 32] {
    Sha256::new().chain_update(key).chain_update(purpose).chain_update(id).finalize().into()
}
