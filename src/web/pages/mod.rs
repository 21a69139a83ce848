//! Pages for people: each reads like its JSON twin under `api` and calls the same verb.

pub mod admin;
pub mod admin_audit;
pub mod admin_import;
pub mod admin_mentor;
pub mod admin_mentors;
pub mod admin_tags;
pub mod admin_users;
pub mod arriving;
pub mod availability;
pub mod book;
pub mod booking;
pub mod confirm;
pub mod directory;
pub mod editing;
pub mod fields;
pub mod home;
pub mod importing;
pub mod links;
pub mod meetings;
pub mod mentor;
pub mod moments;
pub mod offering;
pub mod onward;
pub mod outbox;
pub mod own;
pub mod picker;
pub mod pieces;
pub mod problem;
pub mod profile;
pub mod profile_parts;
pub mod safety;
pub mod search;
pub mod security;
pub mod session;
pub mod sessions;
pub mod setup;
pub mod show;
pub mod signin;
pub mod signup;
pub mod staff;
pub mod tagging;
pub mod tokens;
pub mod zones;

#[cfg(test)]
mod tests;
