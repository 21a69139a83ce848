//! The router, made from the table of routes, and the layers around it, outermost last.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, State};
use axum::http::{HeaderName, HeaderValue, Method, Request, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::address::Client;
use super::crowd::Crowd;
use super::error::Refusal;
use super::limits::{self, Limits};
use super::route::Handler;
use super::{REQUEST_ID, error, identity, routes};
use crate::app::App;
use crate::error::Error;

/// What pages may load and do: nothing from elsewhere, nothing inline.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The interface's documentation draws itself with inline styles; it may, and nothing else may.
const DOCS_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(OpenApi)]
#[openapi(
    info(title = "Tandem", description = "Describe a need, get ranked mentors, book office hours."),
    tags(
        (name = "match", description = "The main job"), (name = "mentors"), (name = "accounts"), (name = "profiles"),
        (name = "staff", description = "For program managers and admins"), (name = "operations"),
    ),
)]
struct Document;

/// The described routes without their gates, for the description alone.
fn described() -> OpenApiRouter<App> {
    let described = routes::table().into_iter().filter_map(|route| match route.handler {
        Handler::Described(handler) => Some(handler()),
        Handler::Page(_) => None,
    });
    described.fold(OpenApiRouter::with_openapi(Document::openapi()), OpenApiRouter::routes)
}

/// The interface's description (`OpenAPI` 3.1), made from the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().into_openapi()
}

/// Every route of the table behind its gate.
fn gated(app: &App, limits: &Limits) -> Router<App> {
    let crowd = Crowd::empty();
    routes::table().into_iter().fold(Router::new(), |router, route| {
        let handler = match route.handler {
            Handler::Described(handler) => handler().2,
            Handler::Page(handler) => handler(),
        };
        router.route(route.path, route.dress(app, limits, &crowd, handler))
    })
}

/// The whole house behind one service.
pub fn router(app: App) -> Router {
    let limits = Limits::seeing_nobody();
    let docs = Router::from(SwaggerUi::new("/api/docs").url("/api/openapi.json", openapi()))
        .layer(header_unless_set(header::CONTENT_SECURITY_POLICY, DOCS_POLICY));
    let door = Door { proxies: app.config.proxies().into(), n_requests: Arc::default(), limits: limits.clone() };
    let panicking = app.db.clone();
    gated(&app, &limits)
        .merge(docs)
        .fallback(|| async { Refusal(Error::not_found("not_found", "There is nothing here.")) })
        .method_not_allowed_fallback(|| async { Refusal(Error::unsupported_method()) })
        .layer(axum::middleware::from_fn_with_state(app.clone(), identity::same_origin))
        .layer(CatchPanicLayer::custom(move |panic: Box<dyn std::any::Any + Send>| {
            panicking.meters().panicked("request");
            panicked(panic.as_ref())
        }))
        .layer(axum::middleware::from_fn_with_state(app.clone(), error::faces))
        .layer(axum::middleware::from_fn_with_state(door, arrive))
        .layer(CompressionLayer::new())
        .layer(header_unless_set(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(header_unless_set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header_unless_set(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header_unless_set(header::REFERRER_POLICY, "same-origin"))
        .layer(header_unless_set(header::CACHE_CONTROL, "no-store"))
        .layer(header_unless_set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(header_unless_set(
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ))
        .layer(PropagateRequestIdLayer::new(HeaderName::from_static(REQUEST_ID)))
        // What failed is logged where it is told; who is only asked to come back later has met no failure.
        .layer(TraceLayer::new_for_http().make_span_with(span).on_response(log_response).on_failure(()))
        .layer(SetRequestIdLayer::new(HeaderName::from_static(REQUEST_ID), NewRequestId))
        .layer(axum::middleware::from_fn(forget_foreign_request_id))
        .layer(axum::middleware::from_fn_with_state(app.clone(), measure))
        .with_state(app)
}

/// What every request passes first.
#[derive(Clone)]
struct Door {
    proxies: Arc<[IpNet]>,
    n_requests: Arc<AtomicU32>,
    limits: Limits,
}

/// Works out where a request comes from, once for all who ask later.
async fn arrive(State(door): State<Door>, mut request: axum::extract::Request, next: Next) -> Response {
    let client = Client::of(request.extensions(), request.headers(), &door.proxies);
    request.extensions_mut().insert(client);
    if limits::is_sweep_due(&door.n_requests) {
        door.limits.sweep();
    }
    next.run(request).await
}

/// Counts and times a request under the template of its route: what people type into an address is no label.
async fn measure(State(app): State<App>, request: axum::extract::Request, next: Next) -> Response {
    let began = Instant::now();
    let meters = app.db.meters();
    let _in_flight = meters.begun();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = known(request.method());
    let response = next.run(request).await;
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    meters.request(method, route, response.status().as_u16(), began.elapsed());
    response
}

/// A method by its name; whatever somebody makes up is one more.
fn known(method: &Method) -> &'static str {
    let all = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    all.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

fn header_unless_set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

#[derive(Clone, Copy)]
struct NewRequestId;

impl MakeRequestId for NewRequestId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&uuid::Uuid::new_v4().simple().to_string()).ok().map(RequestId::new)
    }
}

/// A request's id is ours to give: what a client sends could be made to look like somebody else's.
async fn forget_foreign_request_id(mut request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    request.headers_mut().remove(REQUEST_ID);
    next.run(request).await
}

fn span<B>(request: &Request<B>) -> tracing::Span {
    let id = super::request_id(request.headers());
    // The query is left out: it holds what people ask.
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}

fn log_response<B>(response: &axum::http::Response<B>, took: Duration, _: &tracing::Span) {
    tracing::info!(status = response.status().as_u16(), took_ms = took.as_secs_f64() * 1e3, "answered");
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Response {
    let words = panic
        .downcast_ref::<&str>()
        .map(|it| (*it).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Refusal(Error::internal(anyhow::anyhow!("a handler panicked: {words}"))).into_response()
}
