//! The JSON endpoints of `api.md`, one file a topic.

pub mod auth;
pub mod availability;
pub mod books;
pub mod calendar;
pub mod hooks;
pub mod hours;
pub mod logins;
pub mod matches;
pub mod mentors;
pub mod notifications;
pub mod oidc;
pub mod operations;
pub mod outbox;
pub mod people;
pub mod photos;
pub mod profiles;
pub mod recovery;
pub mod sessions;
pub mod tags;
pub mod webhooks;
