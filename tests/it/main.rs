//! The house from outside: one test binary. `TestApp` drives the router in memory on a real
//! database, a real index and the real model; `binary` runs the program itself.

mod access;
#[cfg(unix)]
mod acme;
mod advisories;
mod airtable;
mod airtable_script;
mod backups;
mod bad_books;
mod binary;
mod booking_model;
mod booking_pages;
mod booking_races;
mod booking_servers;
mod browser;
mod copies;
mod deliveries;
mod doctor;
mod fake_base;
#[cfg(target_os = "linux")]
mod faults;
mod forms;
mod guessing;
mod held_sessions;
mod hooks;
mod house;
#[cfg(unix)]
mod killed;
mod leaving;
mod letters;
mod mangled;
mod matching;
mod metrics;
mod office;
mod office_hours;
#[cfg(target_os = "linux")]
mod offline;
mod oidc;
mod oidc_accounts;
mod openapi;
mod pages;
mod people;
mod photos;
mod profiles;
mod program;
mod provider;
mod quality;
mod receiver;
mod refusals;
mod renewal;
mod round_trip;
#[cfg(unix)]
mod running;
#[cfg(target_os = "linux")]
mod service;
mod signing_in;
mod signing_up;
mod smtp;
mod staff_browser;
mod staff_pages;
mod supply;
mod test_app;
mod tokens;
#[cfg(unix)]
mod town;
mod upgrades;
mod ways_back;
mod webhook;
