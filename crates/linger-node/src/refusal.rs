//! Refusals: the rules say no, or the node cannot do it just now.
//!
//! Every edge renders these in its own dialect. Requests without a meaning are
//! found by the edges, before a node is asked.

use linger_core::Rejection;

/// The reason why the node did not carry out a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The rules say no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The node cannot do it just now. Another try is safe, under the same request id.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The reason why the node cannot do it just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// A queue is at its bound.
    #[error("the server has too much to do; try again in a moment")]
    Overloaded,
    /// The log gave no answer: the entry may be in it or not.
    #[error(
        "the log did not answer, so nobody can say whether this was done; try again with the same request id"
    )]
    Unknown,
    /// The disk or the database failed.
    #[error("the server cannot reach its data; try again later")]
    Storage,
    /// The node has not read so far in the log as another one, or cannot find out.
    #[error("this node has not read so far as another one yet; try again in a moment")]
    Behind,
    /// Some node of the cluster runs an older version, which does not know this.
    #[error(
        "some nodes of this server run an older version, which does not know this yet; try again when all run the newer one"
    )]
    NotAgreed,
    /// The node still applies its log.
    #[error("the server is starting; try again in a moment")]
    Starting,
}
