//! The front door for people and programs: routes, who may call them, pages and JSON. It calls
//! one verb a request and shapes the answer; rules live in the rooms.

#![expect(clippy::missing_errors_doc, reason = "a handler's doc is its OpenAPI text; refusals all have one shape")]

pub mod address;
pub mod api;
pub mod assets;
mod crowd;
pub mod error;
pub mod extract;
pub mod identity;
pub mod layout;
pub mod limits;
pub mod next;
pub mod pages;
pub mod route;
mod router;
pub mod routes;

use axum::http::HeaderMap;

pub use router::{openapi, router};

/// The header that names a request, in and out.
const REQUEST_ID: &str = "x-request-id";

/// The request's id, as the log knows it.
fn request_id(headers: &HeaderMap) -> String {
    headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
}
