//! The map of the house. Tandem is one process with one data directory that runs a mentoring
//! program: describe a need, get ranked mentors with reasons, book office hours.
//!
//! # The rooms
//!
//! | room | what it promises | what it never does |
//! |---|---|---|
//! | [`error`], [`clock`], [`ids`] | one error, one clock, one id type a table | know of HTTP |
//! | [`unseen`], [`hex`] | one list of the characters that nobody sees, one way to write bytes | change a text |
//! | [`outward`] | other machines are spoken to in one way: no redirect, no endless answer | say who may be spoken to |
//! | [`config`] | `config.toml`, environment and flags become one checked `Config` | read anything twice |
//! | [`db`] | one writer, many readers, migrations, the change log, the directory's lock | know a room's tables |
//! | [`meters`] | what happens is counted and timed, for some nanoseconds | read anything, or take a label from what people send |
//! | [`audit`] | what changed, who did it, what it was before; append-only | hold a secret |
//! | [`jobs`] | a queue in the database, written in the transaction that causes the work | run a job |
//! | [`mail`] | letters queued in the transaction that causes them, sent or kept and tried again | know why a letter is written |
//! | [`accounts`] | people, passwords, sign-ins here and with other providers, roles, mentees' profiles | keep a secret that can be read back |
//! | [`mentors`] | mentors' profiles; every change goes through `put` or `change` | decide who is relevant |
//! | [`booking`] | slots, seats, sessions, their letters and calendars; no seat is given away twice | leave that to its code alone: the schema refuses it too |
//! | [`matching`] | a question becomes ranked mentors with scores that add up and reasons that hold | read the database while it answers |
//! | [`sync`] | people from files, signed deliveries and an Airtable base; every good line in, every bad one named | apply half of anything |
//! | [`hooks`] | other programs are told what happens, once for each event, signed; it follows the audit log | call an address inside anybody's network, unless told to |
//! | [`books`] | all that a program owns, out to files and in again, the same byte for byte | hold a secret, or write a letter |
//! | [`upkeep`] | how the parts stand, figures when asked for, the daily sweep | take away what a room has not given up |
//! | [`backup`] | backups that were restored on trial, a snapshot in the directory, the ways back | remove what was there |
//! | [`web`] | pages and JSON; the only room that names axum, http or maud | hold rules |
//! | [`worker`] | claims jobs and hands each to its room | lose one |
//! | [`cli`] | one file a command | hold rules |
//! | [`app`], [`demo`] | the house wired together; the demo program | |
//!
//! # Which way the doors open
//!
//! `edges (cli, web, worker, upkeep, backup, app, demo) -> books -> features (matching, booking, sync, hooks) ->
//! people (mentors -> accounts) -> carriers (mail, jobs, audit) -> floor (db, meters, config, clock, ids, unseen,
//! hex, outward, error)`. Features never use each other; `books` puts what booking and sync keep together into files.
//! `tests/it/house.rs` holds the table and fails on a door that is not in it, on a heavy crate outside its one place,
//! on SQL outside `store.rs`, and on files over 600 lines.
//!
//! # Three ways through it
//!
//! A question: `web/api/matches.rs` -> [`matching::Matcher::answer`] -> `matching/rank.rs`, which
//! reads like a recipe. A change to a mentor: `mentors::put` writes rows, a line in the change log
//! and a job in one transaction; after the commit `matching::refresh` brings memory up to date
//! before the write returns; a worker then makes the vectors, and a thread the keyword index.
//!
//! A booking: `web/api/sessions.rs` -> [`booking::book`], which says no in words; behind it the
//! triggers of `db/migrations/0003_office_hours.sql`, which say no whatever the code does. Its
//! letters are rows of the same transaction. What falls due by itself (reminders, requests that
//! run out, weekly hours) is found by `booking::watch`, which a thread of [`worker`] runs. Another
//! follows the audit log and tells other programs of it, through [`hooks`].

pub mod accounts;
pub mod app;
pub mod audit;
pub mod backup;
pub mod booking;
pub mod books;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod demo;
pub mod error;
pub mod hex;
pub mod hooks;
pub mod ids;
pub mod jobs;
pub mod mail;
pub mod matching;
pub mod mentors;
pub mod meters;
pub mod outward;
pub mod sync;
pub mod unseen;
pub mod upkeep;
pub mod web;
pub mod worker;
