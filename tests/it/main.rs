//! The house from outside: one test binary. `TestApp` drives the router in memory on a real
//! database, a real index and the real model; `binary` runs the program itself.

mod access;
mod advisories;
mod binary;
mod booking_model;
mod booking_pages;
mod booking_races;
mod booking_servers;
mod browser;
mod doctor;
mod forms;
mod guessing;
mod held_sessions;
mod house;
mod leaving;
mod letters;
mod matching;
mod metrics;
mod office;
mod office_hours;
mod oidc;
mod oidc_accounts;
mod openapi;
mod pages;
mod people;
mod photos;
mod profiles;
mod provider;
mod quality;
mod refusals;
#[cfg(target_os = "linux")]
mod service;
mod signing_in;
mod signing_up;
mod smtp;
mod test_app;
mod tokens;
mod ways_back;
mod webhook;
