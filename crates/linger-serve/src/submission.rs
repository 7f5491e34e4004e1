//! Submissions: the commands that a dialect sends for a user, with their answers.

use std::{fmt::Debug, net::IpAddr, sync::Arc};

use futures_util::future::BoxFuture;
use linger_core::{Command, Rejection, Request, UserId};
use linger_node::{Node, Receipt, Refusal};

use crate::{failure::Failure, response::WholeResponse};

/// A command that a user sends, whose outcome is the answer.
pub trait Submission: Debug + Send + Sync {
    /// Returns the user who sends it.
    fn author(&self) -> UserId;

    /// Returns the address whose quota it counts against, beside the user's.
    fn address(&self) -> IpAddr;

    /// Returns the name of the request, if the user chose one.
    fn request(&self) -> Option<Request>;

    /// Returns the command.
    fn command(&self) -> Command;

    /// Goes on after this rejection, if that need not be the end: sends another command
    /// first, say, and then this one again.
    fn go_on(
        &self,
        node: &Arc<Node>,
        rejection: Rejection,
    ) -> Option<BoxFuture<'static, Result<Receipt, Refusal>>> {
        let _ = (node, rejection);
        None
    }

    /// Renders the answer when it is done.
    fn render(&self, receipt: &Receipt) -> WholeResponse;

    /// Tells whether pages of the origins that the operator named may read its answers.
    fn is_for_named_origins(&self) -> bool {
        false
    }

    /// Renders a failure, where no layer around the route does.
    fn render_failure(&self, failure: &Failure) -> WholeResponse {
        failure.whole()
    }
}
