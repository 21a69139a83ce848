//! The JSON endpoints of `api.md`, one file a topic.

pub mod auth;
pub mod matches;
pub mod mentors;
pub mod oidc;
pub mod operations;
