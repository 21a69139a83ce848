//! Every route in one place, and the layers around them, outermost last.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use super::api::{auth, matches, mentors, oidc, operations};
use super::error::Refusal;
use super::{REQUEST_ID, assets, error, identity, pages};
use crate::app::App;
use crate::error::Error;

/// The largest body taken where a route says nothing else, in bytes.
const BODY_LIMIT: usize = 256 * 1024;

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
        (name = "match", description = "The main job"), (name = "mentors"), (name = "accounts"), (name = "operations"),
    ),
)]
struct Document;

/// The routes of the JSON interface with their documentation.
fn interface() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(matches::create))
        .routes(routes!(mentors::list))
        .routes(routes!(mentors::show))
        .routes(routes!(auth::sign_in))
        .routes(routes!(auth::sign_out))
        .routes(routes!(auth::session))
        .routes(routes!(oidc::providers))
        .routes(routes!(oidc::links))
        .routes(routes!(oidc::unlink))
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
}

/// The interface's description (`OpenAPI` 3.1), made from the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    interface().into_openapi()
}

/// The whole house behind one service.
pub fn router(app: App) -> Router {
    let (interface, document) = interface().split_for_parts();
    let docs = Router::from(SwaggerUi::new("/api/docs").url("/api/openapi.json", document))
        .layer(header_unless_set(header::CONTENT_SECURITY_POLICY, DOCS_POLICY));
    interface
        .route("/", get(pages::show::home))
        .route("/signin", get(pages::show::signin).post(pages::show::sign_in))
        .route("/signout", post(pages::show::sign_out))
        .route("/auth/oidc/{provider}", get(oidc::begin))
        .route("/auth/oidc/{provider}/callback", get(oidc::callback))
        .route("/auth/oidc/{provider}/link", post(oidc::link))
        .route("/search", get(pages::show::search))
        .route("/mentors/{id}", get(pages::show::mentor))
        .route("/assets/{name}", get(assets::show))
        .merge(docs)
        .fallback(|| async { Refusal(Error::not_found("not_found", "There is nothing here.")) })
        .method_not_allowed_fallback(|| async { Refusal(Error::unsupported_method()) })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::middleware::from_fn_with_state(app.clone(), identity::same_origin))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn std::any::Any + Send>| panicked(panic.as_ref())))
        .layer(axum::middleware::from_fn_with_state(app.clone(), error::faces))
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
        .layer(TraceLayer::new_for_http().make_span_with(span).on_response(log_response))
        .layer(SetRequestIdLayer::new(HeaderName::from_static(REQUEST_ID), NewRequestId))
        .layer(axum::middleware::from_fn(forget_foreign_request_id))
        .with_state(app)
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
