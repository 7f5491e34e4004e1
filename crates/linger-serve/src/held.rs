//! Requests that are held, by either of two drivers: linger-park, for plain HTTP/1.1
//! ([`parked`]), and tasks on hyper, for all other requests ([`task`]).
//!
//! Both use the same handlers ([`crate::routes`]), hold the same tickets and
//! render by the same renderers; so an answer is the same whichever driver held it.

mod bytes;
mod news;
mod parked;
mod recent;
mod sending;
pub(crate) mod task;
mod waiting_room;

pub(crate) use parked::{HandedOver, ParkService};
pub(crate) use waiting_room::WaitingRoom;
