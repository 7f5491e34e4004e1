//! Making a guest who holds a session, as every dialect with sessions does it.

use axum::http::{HeaderMap, header};
use linger_core::{Author, Command, Rejection, TokenHash, UserId, UserName, queries::User};
use linger_serve::{Address, App, Failure, Fields, brings_bearer, refuse_other_origins};

use crate::friendly_names::{Language, friendly_name};

/// A guest who was made just now, and the token by which a client is this guest.
pub(crate) struct NewGuest {
    pub(crate) user: User,
    pub(crate) token: String,
}

/// Makes a guest of this name; without one, of a friendly name in the language
/// of `locale`, or of the request.
///
/// Errors: 403 for a page of another origin, unless the operator named it, since the
/// answer sets a cookie; 429 when the address makes too many.
pub(crate) async fn make_guest(
    app: &App,
    address: Address,
    headers: &HeaderMap,
    name: Option<UserName>,
    locale: Option<&str>,
) -> Result<NewGuest, Failure> {
    refuse_strangers(app, headers)?;
    make(app, address, headers, (name, locale), None).await
}

/// Returns the guest who holds this token, and makes them if nobody does: as often as
/// it is called, and at once or not, it makes one.
///
/// Errors: like [`make_guest`].
pub(crate) async fn guest_of(
    app: &App,
    address: Address,
    headers: &HeaderMap,
    name: Option<UserName>,
    token: &str,
) -> Result<UserId, Failure> {
    refuse_strangers(app, headers)?;
    if let Some(known) = app.node.authenticate(token).await? {
        return Ok(known);
    }
    match make(app, address, headers, (name, None), Some(token.to_owned())).await {
        // Another call was faster.
        Err(failure) if failure.code == Rejection::TokenTaken.code() => {
            app.node.authenticate(token).await?.ok_or_else(Failure::unknown_token)
        }
        made => Ok(made?.user.id),
    }
}

/// Refuses pages of other origins that the operator did not name.
fn refuse_strangers(app: &App, headers: &HeaderMap) -> Result<(), Failure> {
    if app.settings.origins.has(headers) { Ok(()) } else { refuse_other_origins(app, headers) }
}

async fn make(
    app: &App,
    address: Address,
    headers: &HeaderMap,
    (name, locale): (Option<UserName>, Option<&str>),
    token: Option<String>,
) -> Result<NewGuest, Failure> {
    app.rates.guest(address.0)?;
    let name = name.unwrap_or_else(|| {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        friendly_name(Language::choose(locale, accepted), app.node.clock().random())
    });
    let token = token.unwrap_or_else(|| app.node.fresh_token());
    let command = Command::CreateGuest {
        name: name.clone(),
        token_hash: Some(TokenHash::of(&token)),
        external_id: None,
    };
    let receipt = app.node.submit(Author::Server, None, command).await?;
    let id = UserId::new(receipt.position);
    let user = User { id, name, role: "guest".to_owned(), external_id: None };
    Ok(NewGuest { user, token })
}

/// Tells whether the only failure is a session cookie that belongs to nobody any more.
///
/// A browser cannot throw it away, so it counts as none. A client that sends a bearer
/// token knows what a token is, and gets the error.
pub(crate) fn is_forgotten(failure: &Failure, fields: &impl Fields) -> bool {
    *failure == Failure::unknown_token() && !brings_bearer(fields)
}
