//! Pages for people: each reads like its JSON twin under `api` and calls the same verb.

pub mod home;
pub mod mentor;
pub mod onward;
pub mod problem;
pub mod search;
pub mod show;
pub mod signin;
