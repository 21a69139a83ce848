//! Typed input from requests, whose badness is answered with our own `Error`: too large, of the
//! wrong type, unreadable, or readable but wrong, each with its own status and words.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Refusal;
use crate::error::{Error, OrInternal};

/// A JSON body, in or out.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        if !is_json(request.headers().get(CONTENT_TYPE)) {
            return Err(Error::unsupported("Please send JSON, with Content-Type: application/json.").into());
        }
        let body = body(request, state).await?;
        from_json(&body).map(Json).map_err(Into::into)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Refusal;

    /// A request that names no type for its body has none.
    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Refusal> {
        if !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0).or_internal("writing an answer as JSON") {
            Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Refusal(error).into_response(),
        }
    }
}

/// A form's body.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Error::unsupported("Please send a form.").into());
        }
        let body = body(request, state).await?;
        from_pairs(&body).map(Form).map_err(Into::into)
    }
}

/// The query of an address, its repeated keys as lists.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        from_pairs(parts.uri.query().unwrap_or_default().as_bytes()).map(Query).map_err(Into::into)
    }
}

/// Rows of a list, at most and unless told.
const MOST_LISTED: u32 = 200;
const LISTED_UNLESS_TOLD: u32 = 50;

/// How many rows a list is to hold.
///
/// # Errors
/// `Invalid` naming `limit`.
pub fn checked_limit(limit: Option<u32>) -> Result<u32, Error> {
    let limit = limit.unwrap_or(LISTED_UNLESS_TOLD);
    if limit == 0 || limit > MOST_LISTED {
        return Err(Error::field("limit", format!("must be from 1 to {MOST_LISTED}")));
    }
    Ok(limit)
}

/// The id that a list goes on before: the `nextCursor` of the one that came before it.
///
/// # Errors
/// `Invalid` naming `cursor`.
pub fn checked_cursor(cursor: Option<&str>) -> Result<Option<i64>, Error> {
    let wrong = |_| Error::field("cursor", "must be the nextCursor of the list before");
    cursor.map(|cursor| cursor.parse().map_err(wrong)).transpose()
}

/// The first `limit` of rows, of which one more was read than asked for; and the last of them, if there are more.
pub fn page_of<T>(mut rows: Vec<T>, limit: u32) -> (Vec<T>, bool) {
    let limit = limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    (rows, has_more)
}

/// An id in the path; anything that is none is not there.
pub struct Id<T>(pub T);

impl<T: std::str::FromStr + Send, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|axum::extract::Path(text)| text.parse().ok());
        id.map(Id).ok_or_else(|| Error::not_found("not_found", "There is nothing here.").into())
    }
}

fn is_json(kind: Option<&axum::http::HeaderValue>) -> bool {
    let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The bytes of a body as they came, for what is signed. One that is larger than the route takes is refused like any other.
pub struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        body(request, state).await.map(Self)
    }
}

/// The whole body, unless it is larger than the route takes.
pub(super) async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Refusal> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let error = match rejection.into_response().status() {
            axum::http::StatusCode::PAYLOAD_TOO_LARGE => Error::too_large("That is more than is accepted here."),
            _ => Error::malformed("unreadable", "The request's body could not be read."),
        };
        error.into()
    })
}

/// Reads JSON; what is wrong is named by its field where it has one.
fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if std::str::from_utf8(body).is_err() {
        return Err(Error::malformed("not_utf8", "The body is not UTF-8 text."));
    }
    let not_json = |cause: &serde_json::Error| {
        let place = format!("The body is not JSON (line {}, column {}).", cause.line(), cause.column());
        Error::malformed("not_json", place)
    };
    // Whether it is JSON at all, and not too deep, comes before what it says.
    serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(|cause| not_json(&cause))?;
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::field("body", "must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if !cause.is_data() {
            return not_json(&cause);
        }
        let problem = cause.to_string();
        // The place comes last; what was sent may say " at line " too.
        let problem = problem.rsplit_once(" at line ").map_or(problem.as_str(), |(problem, _)| problem);
        let field = if path == "." { "body".to_owned() } else { shortened(&path) };
        Error::field(&field, in_words(problem))
    })
}

/// What a person is told of a value of the wrong type; the names of our own types are no help to anybody.
fn in_words(problem: &str) -> String {
    let wanted = problem.rsplit_once(", expected ").filter(|_| problem.starts_with("invalid ")).map(|(_, it)| it);
    let words = match wanted {
        Some("u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize") => {
            "must be a whole number"
        }
        Some("f32" | "f64") => "must be a number",
        Some("a string" | "a borrowed string") => "must be a text",
        Some("a boolean") => "must be true or false",
        Some("a sequence") => "must be a list",
        // The id's own crate says how many letters a group should have had.
        _ if problem.starts_with("UUID parsing failed") => "must be an id like 2f76e956-a0a8-4aa3-9700-a44be181001b",
        _ => return format!("is not right: {}", without_echo(problem)),
    };
    words.to_owned()
}

/// A problem that repeats a name that was sent, with that name cut short.
fn without_echo(problem: &str) -> String {
    let end = ["`, expected ", "`, there are no "].iter().find_map(|mark| problem.rfind(mark));
    let quoted = problem.find('`').zip(end).filter(|(start, end)| start < end);
    quoted.map_or_else(
        || problem.to_owned(),
        |(start, end)| format!("{}{}{}", &problem[..=start], shortened(&problem[start + 1..end]), &problem[end..]),
    )
}

/// The longest name of a field that is repeated, in characters.
const LONGEST_ECHO: usize = 60;

fn shortened(name: &str) -> String {
    let mut short: String = name.chars().take(LONGEST_ECHO).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    short
}

/// Reads a form or a query: pairs become a JSON object, repeated keys a list where the type wants one.
fn from_pairs<T: DeserializeOwned>(pairs: &[u8]) -> Result<T, Error> {
    serde_html_form::from_bytes(pairs).map_err(|cause| {
        Error::malformed("bad_form", format!("The form cannot be read: {}.", without_echo(&cause.to_string())))
    })
}
