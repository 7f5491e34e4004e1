//! The one table of routes.
//!
//! A dialect hands over [`Routes`]: axum serves the routes that answer at once, and a
//! route that may be held has a [`Handler`]. The park looks a request up in the
//! [`Table`]; the same entries are mounted on axum, for requests that come by hyper. So
//! a URL is written down once, and a handler is written for both.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Request as Incoming, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use linger_core::UserId;
use linger_node::Unavailable;
use linger_park::Method;
use matchit::Params;

use crate::{
    app::App,
    failure::Failure,
    guards,
    request::{Decision, Request, Undecided},
    response::never_sniff,
};

/// Decides about a request.
///
/// Called on a shard's own thread, where all its connections wait meanwhile: it
/// must not block. If it would have to wait, it returns an [`Undecided`].
pub trait Handler: Send + Sync + 'static {
    /// Decides about this request.
    fn decide(&self, request: &Request<'_>) -> Result<Decision, Undecided>;
}

impl<H> Handler for H
where
    H: Fn(&Request<'_>) -> Result<Decision, Undecided> + Send + Sync + 'static,
{
    fn decide(&self, request: &Request<'_>) -> Result<Decision, Undecided> {
        self(request)
    }
}

/// The routes of a dialect, or of several, in the order in which they were added.
#[derive(Default)]
pub struct Routes(Vec<Part>);

enum Part {
    AtOnce {
        pattern: String,
        // On the heap: it is much larger than the rest.
        methods: Box<MethodRouter>,
    },
    Held {
        method: Method,
        pattern: String,
        handler: Arc<dyn Handler>,
    },
    Router {
        router: Router,
        patterns: Vec<String>,
    },
    Dialect {
        below: String,
        routes: Routes,
    },
    /// A change of everything that was added before.
    Change(Box<dyn FnOnce(Router) -> Router>),
}

impl Routes {
    /// Begins without any.
    pub fn new() -> Routes {
        Routes::default()
    }

    /// Adds a route that is never held, or several of one pattern.
    pub fn at_once(self, pattern: &str, methods: MethodRouter) -> Routes {
        self.and(Part::AtOnce { pattern: pattern.to_owned(), methods: Box::new(methods) })
    }

    /// Adds a router with routes that are never held, and its patterns.
    pub fn router(self, router: Router, patterns: impl Iterator<Item = String>) -> Routes {
        self.and(Part::Router { router, patterns: patterns.collect() })
    }

    /// Adds a route that may be held.
    pub fn held(self, method: Method, pattern: &str, handler: impl Handler) -> Routes {
        let (pattern, handler) = (pattern.to_owned(), Arc::new(handler));
        self.and(Part::Held { method, pattern, handler })
    }

    /// Adds the routes of another dialect.
    pub fn merge(self, routes: Routes) -> Routes {
        self.nest("", routes)
    }

    /// Adds the routes of another dialect below a path.
    pub fn nest(self, path: &str, routes: Routes) -> Routes {
        self.and(Part::Dialect { below: path.to_owned(), routes })
    }

    /// Answers 503 until the node has applied its log: an unknown token would be
    /// answered wrongly before. The park does the same.
    pub fn when_ready(self, app: &Arc<App>) -> Routes {
        let when_ready = middleware::from_fn_with_state(app.clone(), when_ready);
        self.on_hyper(|router| router.layer(when_ready))
    }

    /// Lets pages of the other origins that the operator named call these routes. The answers
    /// of held routes need more for that ([`crate::Renderer::is_for_named_origins`]).
    pub fn for_named_origins(self, app: &Arc<App>) -> Routes {
        let named = middleware::from_fn_with_state(app.clone(), guards::let_named_origins_call);
        self.on_hyper(|router| router.layer(named))
    }

    /// Changes the router for hyper: layers around everything that was added before, and
    /// fallbacks.
    pub fn on_hyper(self, change: impl FnOnce(Router) -> Router + 'static) -> Routes {
        self.and(Part::Change(Box::new(change)))
    }

    fn and(mut self, part: Part) -> Routes {
        self.0.push(part);
        self
    }

    /// Returns the router for hyper, in which `held` serves the routes that may be held, and
    /// the table for the park.
    pub(crate) fn mount(self, app: Arc<App>, held: fn(Method) -> MethodRouter) -> (Router, Table) {
        let mut patterns = BTreeMap::new();
        let router = self.build("", held, &mut patterns);
        let mut table = Table { app, patterns: matchit::Router::new() };
        for (pattern, handlers) in patterns {
            let inserted = table.patterns.insert(&pattern, handlers);
            inserted.unwrap_or_else(|error| panic!("the route {pattern}: {error}"));
        }
        let ours = middleware::from_fn_with_state(table.app.clone(), guards::answer_to_our_names);
        (router.layer(ours).layer(middleware::map_response(never_sniffed)), table)
    }

    /// Puts the parts together. A route that is never held is in the table too: its
    /// pattern may be more precise than that of a held route.
    fn build(
        self,
        below: &str,
        held: fn(Method) -> MethodRouter,
        patterns: &mut BTreeMap<String, Handlers>,
    ) -> Router {
        self.0.into_iter().fold(Router::new(), |router, part| match part {
            Part::AtOnce { pattern, methods } => {
                patterns.entry(format!("{below}{pattern}")).or_default();
                router.route(&pattern, *methods)
            }
            Part::Router { router: other, patterns: others } => {
                for pattern in others {
                    patterns.entry(format!("{below}{pattern}")).or_default();
                }
                router.merge(other)
            }
            Part::Held { method, pattern, handler } => {
                let handlers = patterns.entry(format!("{below}{pattern}")).or_default();
                handlers.0[method as usize] = Some(handler);
                router.route(&pattern, held(method))
            }
            Part::Dialect { below: path, routes } => {
                let other = routes.build(&format!("{below}{path}"), held, patterns);
                if path.is_empty() { router.merge(other) } else { router.nest(&path, other) }
            }
            Part::Change(change) => change(router),
        })
    }
}

/// Finds the handler of a request that may be held.
pub(crate) struct Table {
    pub(crate) app: Arc<App>,
    patterns: matchit::Router<Handlers>,
}

/// The handlers of one pattern, by method.
#[derive(Default)]
struct Handlers([Option<Arc<dyn Handler>>; 3]);

impl Table {
    /// Returns the handler of such a request, if it may be held, and the parameters
    /// of its path.
    pub(crate) fn find<'t, 'p>(
        &'t self,
        method: Method,
        path: &'p str,
    ) -> Option<(&'t dyn Handler, Params<'t, 'p>)> {
        let found = self.patterns.at(path).ok()?;
        let handler = found.value.0[method as usize].as_ref()?;
        Some((&**handler, found.params))
    }

    /// Decides about a request, if it may be held. `sessions` has the holders of its
    /// tokens, once the tables were asked.
    pub(crate) fn decide(
        &self,
        head: &linger_park::Request<'_>,
        sessions: &[(String, Option<UserId>)],
    ) -> Option<Result<Decision, Undecided>> {
        let (handler, parameters) = self.find(head.method, head.path)?;
        Some(handler.decide(&Request { app: &self.app, head, parameters, sessions }))
    }
}

async fn when_ready(State(app): State<Arc<App>>, incoming: Incoming, next: Next) -> Response {
    match app.node.is_open() {
        true => next.run(incoming).await,
        false => Failure::from(Unavailable::Starting).into_response(),
    }
}

async fn never_sniffed(mut response: Response) -> Response {
    never_sniff(response.headers_mut());
    response
}
