//! `name==uuid`: how these protocols name a visitor, and the guest behind it.
//!
//! The uuid is the guest's external id: public, so it proves nothing. A guest of
//! these protocols has no token, and a user who has one has no external id, so
//! nobody can speak here for a user of the native API.

use std::fmt;

use linger_core::{Author, Command, ExternalId, Request, RequestId, UserId, UserName};
use linger_node::{Asker, Refusal, questions::WhoIs};
use linger_serve::{App, Failure};
use sha2::{Digest, Sha256};

/// A visitor, as the client names them.
pub(super) struct Username {
    pub(super) name: UserName,
    pub(super) id: ExternalId,
}

impl Username {
    /// Splits at the last `==`, as the article does: a name may have one too.
    pub(super) fn parse(given: &str) -> Result<Username, Failure> {
        let Some((name, id)) = given.rsplit_once("==") else {
            let detail = "'username' is name==uuid; POST /get_name gives one";
            return Err(Failure::malformed(detail));
        };
        Ok(Username { name: UserName::parse(name)?, id: ExternalId::parse(id)? })
    }

    /// Returns the command that makes the guest.
    pub(super) fn create(&self) -> Command {
        Command::CreateGuest {
            name: self.name.clone(),
            token_hash: None,
            external_id: Some(self.id.clone()),
        }
    }

    /// Returns the user of this id, whatever name it came with. If there is none, makes
    /// one, if `may_create` allows it.
    pub(super) async fn user(
        &self,
        app: &App,
        may_create: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<UserId, Failure> {
        let who = || app.node.query(Asker::House, WhoIs(self.id.clone()));
        if let Some(user) = who().await? {
            return Ok(user);
        }
        may_create()?;
        match app.node.submit(Author::Server, Some(self.request()), self.create()).await {
            Ok(receipt) => Ok(UserId::new(receipt.position)),
            Err(Refusal::Unavailable(unavailable)) => Err(unavailable.into()),
            // Another request made this user in between, perhaps under another name.
            Err(Refusal::Rejected(rejection)) => who().await?.ok_or_else(|| rejection.into()),
        }
    }

    /// The name of the request comes from the id, so two requests at once make one user.
    fn request(&self) -> Request {
        let hex = const_hex::encode(&Sha256::digest(self.id.as_str())[..16]);
        let id = RequestId::parse(&format!("names.{hex}"));
        Request::of(id.expect("hex digits and a dot are a request id"), &self.create())
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=={}", self.name, self.id)
    }
}

/// Makes a version 4 uuid (RFC 9562, section 5.4) of random bytes.
pub(super) fn fresh_uuid(random: [u8; 32]) -> ExternalId {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&random[..16]);
    let random = u128::from_be_bytes(bytes);
    let version = random & !(0xf << 76) | 0x4 << 76;
    let variant = version & !(0x3 << 62) | 0x2 << 62;
    ExternalId::parse(&dashed(variant)).expect("a uuid is an external id")
}

/// Returns the uuid under which these protocols show a user without one. It is of
/// version 8 (RFC 9562, section 5.8), so no version 4 uuid is the same.
pub(super) fn made_up_id(user: UserId) -> String {
    let (high, low) = (u128::from(user.get() >> 32), u128::from(user.get() & 0xffff_ffff));
    dashed(high << 96 | 0x8 << 76 | 0x2 << 62 | low)
}

fn dashed(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use linger_core::Position;

    use super::*;

    #[test]
    fn a_username_is_split_at_its_last_equals_signs() {
        let cases = [
            ("plain", "安静的水獭==u-1", Some(("安静的水獭", "u-1"))),
            ("signs in the name", "a==b==u-1", Some(("a==b", "u-1"))),
            ("three signs", "a===u-1", Some(("a=", "u-1"))),
            ("one sign", "a=u-1", None),
            ("no name", "==u-1", None),
            ("no id", "a==", None),
            ("nothing", "", None),
            ("an id with a space", "a==u 1", None),
        ];
        for (case, given, expected) in cases {
            let parsed = Username::parse(given).ok();
            let parsed =
                parsed.as_ref().map(|username| (username.name.as_str(), username.id.as_str()));
            assert_eq!(parsed, expected, "{case}");
        }
    }

    #[test]
    fn uuids_have_their_version_and_variant() {
        assert_eq!(fresh_uuid([0; 32]).as_str(), "00000000-0000-4000-8000-000000000000");
        assert_eq!(fresh_uuid([0xff; 32]).as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let user = |number| UserId::new(Position::new(number));
        assert_eq!(made_up_id(user(7)), "00000000-0000-8000-8000-000000000007");
        assert_eq!(made_up_id(user((1 << 53) - 1)), "001fffff-0000-8000-8000-0000ffffffff");
    }
}
