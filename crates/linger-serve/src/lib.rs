//! Serving: connections, the route table, held requests and their two drivers,
//! callers, failures.
//!
//! A dialect hands over its [`Routes`]: methods, path patterns and handlers. A request
//! that it holds goes down once, whether the park or hyper read it: the table, the
//! dialect's [`Handler`], a [`Ticket`]. News found for the ticket goes through the
//! dialect's [`Renderer`]. This crate knows HTTP and the node; it names no dialect,
//! and its manifest lists no SQL.

mod app;
mod caller;
mod failure;
mod fields;
mod forwarded;
mod guards;
mod held;
mod hosts;
mod json;
mod origins;
mod pieces;
mod places;
mod rates;
mod renderer;
mod request;
mod response;
mod routes;
mod seldom;
mod server;
mod session_cookie;
mod submission;
mod ticket;
mod turns;

use std::sync::Arc;

use axum::Router;

pub use app::{App, AppSettings};
pub use caller::{Address, Caller, brings_bearer, tokens_of};
pub use failure::{Failure, Problem};
pub use fields::Fields;
pub use guards::refuse_other_origins;
pub use hosts::Hosts;
pub use json::{Body, JsonBody, answer, encoded, parse};
pub use linger_park::Method;
pub use origins::Origins;
pub use pieces::Pieces;
pub use rates::Change;
pub use renderer::{Rendered, Renderer, RendererRef};
pub use request::{Decision, Errand, Request, Task, Undecided};
pub use response::{APPLICATION_JSON, WholeResponse, whole};
pub use routes::{Handler, Routes};
pub use server::{Server, ServerSettings};
pub use session_cookie::SessionCookie;
pub use submission::Submission;
pub use ticket::{HEARTBEAT_EVERY, Hold, Ticket};

/// Returns the router of these routes, for requests that come without a socket.
pub fn router(app: Arc<App>, routes: Routes) -> Router {
    held::task::mount(routes, app).0
}
