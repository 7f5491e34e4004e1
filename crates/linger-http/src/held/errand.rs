//! What must be found out before a request can be parked: it needs the tables, or
//! the log, and a shard must not wait for them.

use std::net::IpAddr;

use crate::{
    App,
    edges::names::{self, Username},
};

/// Something to find out. Once done, it is remembered, and the request can be
/// decided without it.
pub(crate) enum Errand {
    /// Who holds this token.
    Session(String),
    /// Who this visitor is, who comes from this address.
    Visitor(Username, IpAddr),
}

impl Errand {
    /// Tells whether it was found out: then the request can be decided. If not,
    /// the answer is a refusal, and hyper has the words for it.
    pub(crate) async fn run(self, app: &App) -> bool {
        match self {
            Errand::Session(token) => matches!(app.node.authenticate(&token).await, Ok(Some(_))),
            Errand::Visitor(username, address) => {
                names::present(app, address, &username).await.is_ok()
            }
        }
    }
}
