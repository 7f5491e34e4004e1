//! One module per protocol dialect. None knows another; all know the node.

pub(crate) mod addressed;
pub(crate) mod guests;
mod lobby;
pub(crate) mod names;
pub(crate) mod native;
pub(crate) mod page;
pub(crate) mod say;
pub(crate) mod stream;
pub(crate) mod updates;
