//! What a dialect sends on behalf of a user, and how it tells the outcome.

use std::{fmt::Debug, net::IpAddr, sync::Arc};

use futures_util::future::BoxFuture;
use linger_core::{Command, Rejection, Request, UserId};
use linger_node::{Node, Receipt, Refusal};

use crate::{failure::Failure, response::WholeResponse};

/// Something that a user asks of the node, whose outcome is the answer.
pub trait Submission: Debug + Send + Sync {
    /// Returns the user.
    fn author(&self) -> UserId;

    /// Returns the address that it is counted for, beside the user.
    fn address(&self) -> IpAddr;

    /// Returns the name of the request, if the user chose one.
    fn request(&self) -> Option<Request>;

    /// Returns what is asked for.
    fn command(&self) -> Command;

    /// Goes on after this rejection, if that need not be the end: asks for
    /// something else first, say, and then again.
    fn go_on(
        &self,
        node: &Arc<Node>,
        rejection: Rejection,
    ) -> Option<BoxFuture<'static, Result<Receipt, Refusal>>> {
        let _ = (node, rejection);
        None
    }

    /// Tells that it is done.
    fn render(&self, receipt: &Receipt) -> WholeResponse;

    /// Tells whether pages of the origins that the operator named may read its answers.
    fn is_for_named_origins(&self) -> bool {
        false
    }

    /// Tells what went wrong, where no layer around the route does.
    fn render_failure(&self, failure: &Failure) -> WholeResponse {
        failure.whole()
    }
}
