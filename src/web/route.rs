//! What a route is: an address, who may call it, how often, how much it takes, and its handler. The
//! table in `routes.rs` is made of these; the router, the interface's description and the access
//! tests are made from the table.

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use utoipa_axum::router::UtoipaMethodRouter;

use super::crowd::{self, Crowd};
use super::error::Refusal;
use super::identity::{self, Caller, Via};
use super::limits::{Limits, Rate};
use crate::accounts::Role;
use crate::accounts::tokens::Scope;
use crate::app::App;
use crate::error::{Error, Result};

/// The largest body taken where a route says nothing else, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// How long a proof of identity holds for what is dangerous, in seconds.
pub const FRESH_SECONDS: i64 = 30 * 60;

/// Who may call a route at all. Everybody but `Anyone` has an account in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The signed out too.
    Anyone,
    /// Anybody who is signed in.
    SignedIn,
    /// Only these roles.
    Only(&'static [Role]),
}

impl Who {
    /// Those who run the program.
    pub const STAFF: Self = Self::Only(&[Role::Pm, Role::Admin]);
    /// Those who run Tandem.
    pub const ADMINS: Self = Self::Only(&[Role::Admin]);

    /// Whether this role may call.
    pub fn allows(self, role: Role) -> bool {
        match self {
            Self::Anyone | Self::SignedIn => true,
            Self::Only(roles) => roles.contains(&role),
        }
    }
}

/// Whose object the address names, beyond what `Who` says. Verbs enforce it; the access tests hold them to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// No object, or one that is everybody's to see.
    Nobody,
    /// The caller's own: a stranger's is not there (404).
    Own,
    /// The caller's own, or anybody's for staff. A stranger gets 403 or 404.
    OwnOrStaff,
    /// A secret in the request is what opens it.
    Holder,
}

/// The code behind a route.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Part of the described JSON interface.
    Described(fn() -> UtoipaMethodRouter<App>),
    /// A page, or what a page needs.
    Page(fn() -> MethodRouter<App>),
}

/// One row of the table.
#[derive(Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
    /// Whose object it names.
    pub whose: Whose,
    /// What a token must be allowed to do; a route without one is closed to tokens.
    pub scope: Option<Scope>,
    /// How often one network may call it.
    pub rate: Rate,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// Whether the caller must have proven lately that it is them.
    pub is_guarded: bool,
    /// The code.
    pub handler: Handler,
}

impl Route {
    const fn new(method: Method, path: &'static str, who: Who, handler: Handler) -> Self {
        let rate = if matches!(method, Method::GET) { Rate::Read } else { Rate::Write };
        Self {
            method,
            path,
            who,
            whose: Whose::Nobody,
            scope: None,
            rate,
            body_limit: BODY_LIMIT,
            is_guarded: false,
            handler,
        }
    }

    /// A route of the described JSON interface.
    pub const fn api(method: Method, path: &'static str, who: Who, handler: fn() -> UtoipaMethodRouter<App>) -> Self {
        Self::new(method, path, who, Handler::Described(handler))
    }

    /// A page, or what a page's form sends to.
    pub const fn page(method: Method, path: &'static str, who: Who, handler: fn() -> MethodRouter<App>) -> Self {
        Self::new(method, path, who, Handler::Page(handler))
    }

    /// Names the scope that opens it to tokens.
    #[must_use]
    pub const fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Says whose object it names.
    #[must_use]
    pub const fn whose(mut self, whose: Whose) -> Self {
        self.whose = whose;
        self
    }

    /// Puts it in another class of allowance.
    #[must_use]
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.rate = rate;
        self
    }

    /// Takes bodies of this many bytes.
    #[must_use]
    pub const fn body(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Asks for a recent proof of identity.
    #[must_use]
    pub const fn guarded(mut self) -> Self {
        self.is_guarded = true;
        self
    }

    /// Puts what the row says around its handler.
    pub(super) fn dress(
        &self,
        app: &App,
        limits: &Limits,
        crowd: &Crowd,
        handler: MethodRouter<App>,
    ) -> MethodRouter<App> {
        let gate = Gate {
            app: app.clone(),
            who: self.who,
            scope: self.scope,
            is_guarded: self.is_guarded,
            is_page: matches!(self.handler, Handler::Page(_)),
        };
        // What takes large files reads them as they come, and has its own bounds.
        let handler = match crowd.turns(self.rate).filter(|_| self.body_limit <= BODY_LIMIT) {
            Some(turns) => handler.route_layer(from_fn_with_state(turns, crowd::wait)),
            None => handler,
        };
        let handler =
            handler.route_layer(from_fn_with_state(gate, admit)).route_layer(DefaultBodyLimit::max(self.body_limit));
        match limits.layer(self.rate).filter(|_| app.config.limits.enabled) {
            Some(limit) => handler.route_layer(limit),
            None => handler,
        }
    }
}

/// What stands at a route's door.
#[derive(Clone)]
struct Gate {
    app: App,
    who: Who,
    scope: Option<Scope>,
    is_guarded: bool,
    is_page: bool,
}

/// Lets a request in if its caller may, and leaves the caller for the handler's arguments to take.
async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match gate.check(&parts).await {
        Ok(caller) => {
            parts.extensions.insert(Admitted(caller));
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => Refusal(refusal).into_response(),
    }
}

/// The caller, if any, that the gate let in.
#[derive(Clone)]
pub(super) struct Admitted(pub Option<Caller>);

impl Gate {
    async fn check(&self, request: &Parts) -> Result<Option<Caller>> {
        let caller = identity::caller(&self.app, request).await?;
        let is_open = self.who == Who::Anyone;
        let Some(caller) = caller else {
            return if is_open { Ok(None) } else { Err(Error::signed_out()) };
        };
        if let Via::Token(token) = &caller.via {
            match self.scope {
                // What is open to anyone is not more open to a token: there it is nobody.
                None if is_open => return Ok(None),
                Some(scope) if token.scopes.contains(&scope) => {}
                _ => return Err(lacks_scope(self.scope)),
            }
        }
        if !self.who.allows(caller.user.role) {
            return Err(Error::forbidden("forbidden", "Your account may not do this."));
        }
        if let (true, Via::Login(login)) = (self.is_guarded, &caller.via) {
            let since = login.confirmed_at.plus_seconds(FRESH_SECONDS);
            if since < self.app.db.clock().now() {
                let code = if self.is_page { "confirm_page" } else { "confirm_first" };
                return Err(Error::forbidden(code, "Please type your password once more, then try again."));
            }
        }
        Ok(Some(caller))
    }
}

fn lacks_scope(scope: Option<Scope>) -> Error {
    scope.map_or_else(
        || Error::forbidden("token_refused", "This cannot be done with an API token."),
        |scope| Error::forbidden("scope_missing", format!("This token lacks the scope {}.", scope.name())),
    )
}
