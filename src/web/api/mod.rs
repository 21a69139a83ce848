//! The JSON endpoints of `api.md`, one file a topic.

pub mod auth;
pub mod matches;
pub mod mentors;
pub mod operations;
pub mod photos;
pub mod profiles;
