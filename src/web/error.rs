//! The two faces of an error: JSON under `/api`, a page elsewhere. It holds the only `match` from
//! `Kind` to a status code, and logs what is Tandem's own fault once, with the request's id.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::layout::Frame;
use super::pages::problem;
use crate::app::App;
use crate::error::{Error, Kind};

/// Paths beside `/api` that only programs ask: they get no page, and are not sent to sign in.
const FOR_PROGRAMS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What a handler's `Error` becomes until `faces` knows where it happened.
#[derive(Debug)]
pub struct Refusal(pub Error);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// An error on its way out, carried in the response until its face is known.
#[derive(Clone)]
struct Carried {
    error: std::sync::Arc<Error>,
    has_face: bool,
    /// What stands beside the refusal in JSON.
    beside: Option<(&'static str, serde_json::Value)>,
}

/// A refusal that a page of its own tells, drawn with the status that fits. It is logged like any other.
pub fn told(error: Error, page: impl FnOnce(StatusCode) -> Response) -> Response {
    let mut response = page(status(error.kind));
    response.extensions_mut().insert(Carried { error: std::sync::Arc::new(error), has_face: true, beside: None });
    response
}

/// A refusal of the JSON interface that says something more, in a field of its own.
pub fn refused_beside(error: Error, name: &'static str, value: serde_json::Value) -> Response {
    let mut response = status(error.kind).into_response();
    let error = std::sync::Arc::new(error);
    response.extensions_mut().insert(Carried { error, has_face: false, beside: Some((name, value)) });
    response
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = status(self.0.kind).into_response();
        response.extensions_mut().insert(Carried { error: std::sync::Arc::new(self.0), has_face: false, beside: None });
        response
    }
}

pub(super) const fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::SignedOut => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Gives each error the face that fits its path.
pub async fn faces(axum::extract::State(app): axum::extract::State<App>, request: Request, next: Next) -> Response {
    let request_id = super::request_id(request.headers());
    let path = request.uri().path().to_owned();
    let is_signin_wanted = request.method() == axum::http::Method::GET;
    let target = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let headers = request.headers().clone();
    let mut response = next.run(request).await;
    let Some(Carried { error, has_face, beside }) = response.extensions_mut().remove::<Carried>() else {
        return response;
    };
    if error.kind == Kind::Internal {
        tracing::error!(request_id, path, code = error.code, cause = error.cause(), "{error}");
    } else if let Some(cause) = error.cause() {
        tracing::warn!(request_id, path, code = error.code, cause, "{error}");
    }
    let is_api = path.starts_with("/api/") || FOR_PROGRAMS.contains(&path.as_str());
    let mut faced = if has_face {
        response
    } else if is_api {
        as_json(&error, &request_id, beside)
    } else if error.kind == Kind::SignedOut && is_signin_wanted {
        redirect_with_next("/signin", &target)
    } else if error.code == "confirm_page" {
        let next = if is_signin_wanted { target } else { came_from(&headers) };
        redirect_with_next("/confirm", &next)
    } else {
        let viewer = super::identity::viewer(&app, &headers).await;
        as_page(&app, &error, &request_id, &path, viewer.as_ref())
    };
    if let Some(seconds) = error.retry_seconds {
        faced.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    faced
}

fn redirect_with_next(to: &str, next: &str) -> Response {
    let next = form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
    axum::response::Redirect::to(&format!("{to}?next={next}")).into_response()
}

/// The page whose form was sent, to go back to. Whoever uses it checks that it is ours.
fn came_from(headers: &axum::http::HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let path = referer.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
    path.unwrap_or_else(|| "/profile/security".to_owned())
}

fn as_json(error: &Error, request_id: &str, beside: Option<(&'static str, serde_json::Value)>) -> Response {
    let mut body = json!({ "error": error.message, "code": error.code, "requestId": request_id });
    if !error.fields.is_empty() {
        body["fields"] = json!(error.fields);
    }
    if let Some((name, value)) = beside {
        body[name] = value;
    }
    (status(error.kind), [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn as_page(app: &App, error: &Error, request_id: &str, path: &str, viewer: Option<&super::layout::Viewer>) -> Response {
    let status = status(error.kind);
    let frame = Frame {
        title: problem::headline(status.as_u16()),
        path,
        viewer,
        program: &app.config.program.name,
        assets: super::assets::HASH,
    };
    let view = problem::ProblemView {
        status: status.as_u16(),
        message: error.message.to_string(),
        request_id: request_id.to_owned(),
        retry_seconds: error.retry_seconds,
    };
    (status, axum::response::Html(problem::render(&frame, &view).into_string())).into_response()
}
