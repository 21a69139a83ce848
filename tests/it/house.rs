//! The house rules that a compiler does not hold: which way doors open, where heavy crates and
//! SQL live, how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// What each room may use of the crate. A new door is a decision: it changes this table in its own commit.
const DOORS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("clock", &[]),
    ("ids", &[]),
    ("unseen", &[]),
    ("hex", &[]),
    ("outward", &[]),
    ("config", &["error"]),
    ("meters", &["error"]),
    ("db", &["clock", "error", "ids", "meters"]),
    ("audit", &["clock", "db", "error", "ids"]),
    ("jobs", &["clock", "db", "error"]),
    ("mail", &["audit", "clock", "config", "db", "error", "ids", "jobs", "unseen"]),
    ("accounts", &["audit", "clock", "config", "db", "error", "hex", "ids", "mail", "outward", "unseen"]),
    ("mentors", &["accounts", "audit", "clock", "db", "error", "hex", "ids", "jobs"]),
    ("booking", &["accounts", "audit", "clock", "config", "db", "error", "ids", "mail", "mentors"]),
    ("matching", &["clock", "config", "db", "error", "hex", "ids", "jobs", "mentors", "meters", "unseen"]),
    // Of the ids it names a few: a mentor of an export who comes from no record is known by theirs, an upload by its sender.
    ("sync", &["accounts", "audit", "clock", "config", "db", "error", "ids", "jobs", "mentors", "outward"]),
    // Above the features: each writes and reads its own rows, the files are put together here.
    ("books", &["accounts", "audit", "booking", "clock", "db", "error", "ids", "mentors", "sync"]),
    ("hooks", &["accounts", "audit", "clock", "db", "error", "hex", "ids", "jobs", "outward"]),
    ("demo", &["accounts", "audit", "booking", "clock", "db", "error", "mentors", "sync"]),
    ("backup", &["accounts", "audit", "clock", "config", "db", "error", "hex", "mail", "matching"]),
    (
        "upkeep",
        &[
            "accounts", "backup", "clock", "config", "db", "error", "hooks", "jobs", "mail", "matching", "meters",
            "sync",
        ],
    ),
    (
        "worker",
        // Letters to other programs say what a session, a mentor, an account is now: nobody else may ask all three.
        &[
            "accounts", "audit", "booking", "db", "error", "hooks", "ids", "jobs", "mail", "matching", "mentors",
            "meters", "sync", "upkeep",
        ],
    ),
    (
        "app",
        &[
            "accounts", "backup", "booking", "clock", "config", "db", "demo", "error", "hooks", "mail", "matching",
            "sync", "upkeep", "worker",
        ],
    ),
    (
        "web",
        &[
            "accounts", "app", "audit", "backup", "booking", "books", "clock", "config", "db", "error", "hooks", "ids",
            "jobs", "mail", "matching", "mentors", "meters", "sync", "upkeep",
        ],
    ),
    (
        "cli",
        &[
            "accounts", "app", "audit", "backup", "books", "clock", "config", "db", "demo", "error", "ids", "jobs",
            "mail", "matching", "mentors", "sync", "upkeep", "web", "worker",
        ],
    ),
];

/// Where a crate may be named: everywhere below these paths, nowhere else.
const PLACES: &[(&str, &[&str])] = &[
    ("axum", &["web/", "cli/connections.rs", "cli/listen.rs"]),
    ("hyper", &["cli/connections.rs"]),
    ("hyper_util", &["cli/connections.rs"]),
    ("maud", &["web/", "mail/"]),
    ("lettre", &["mail/post.rs"]),
    ("idna", &["mail/post.rs"]),
    ("tower_http", &["web/"]),
    ("rusqlite", &["db/", "ids.rs", "store.rs"]),
    ("r2d2", &["db/"]),
    ("r2d2_sqlite", &["db/"]),
    ("rusqlite_migration", &["db/"]),
    ("tantivy", &["matching/keywords.rs"]),
    ("rten", &["matching/embed/"]),
    ("rten_tensor", &["matching/embed/"]),
    ("fastembed", &["matching/embed/"]),
    ("ort", &["matching/embed/"]),
    ("tokenizers", &["matching/embed/"]),
    ("hnsw_rs", &["matching/vectors/"]),
    ("simsimd", &["matching/vectors/"]),
    ("argon2", &["accounts/password.rs"]),
    ("governor", &["web/limits.rs"]),
    ("tower_governor", &["web/limits.rs"]),
    ("image", &["accounts/photos/"]),
    ("figment", &["config/"]),
    ("openidconnect", &["accounts/oidc/"]),
    ("reqwest", &["outward.rs", "accounts/oidc/http.rs", "hooks/guard.rs", "hooks/post.rs", "sync/airtable/http.rs"]),
    ("rustls", &["outward.rs", "cli/acme.rs", "cli/listen.rs", "cli/health.rs"]),
    ("rustls_acme", &["cli/acme.rs"]),
    ("rustls_platform_verifier", &["cli/acme.rs"]),
    ("tokio_rustls", &["cli/acme.rs", "cli/listen.rs"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/mod.rs"]),
    ("clap_mangen", &["cli/mod.rs"]),
    ("prometheus", &["meters/"]),
    ("rustix", &["upkeep/machine.rs"]),
    ("tar", &["backup/archive/"]),
    ("zstd", &["backup/archive/"]),
    ("fs4", &["db/files.rs"]),
];

/// Files longer than this are split by what they are about.
const LONGEST_FILE: usize = 600;

fn sources(below: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(below).expect("below it").to_string_lossy().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).expect("a readable file")));
            }
        }
    }
    files.sort();
    files
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn room_of(file: &str) -> &str {
    file.split('/').next().expect("a name").trim_end_matches(".rs")
}

/// The code of a file: without comments, and without its tests, which may use what they need.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Names that follow `crate::` in a text, through braces too.
fn crate_paths(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in text.split("crate::").skip(1) {
        if let Some(list) = part.strip_prefix('{') {
            let list = list.split('}').next().unwrap_or_default();
            names.extend(list.split(',').map(|it| it.trim().split("::").next().unwrap_or_default().to_owned()));
        } else {
            names.push(part.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect());
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn rooms_use_only_their_doors() {
    for (file, text) in sources(&root().join("src")) {
        let room = room_of(&file);
        if ["lib", "main"].contains(&room) || file.ends_with("tests.rs") {
            continue;
        }
        let (_, allowed) =
            DOORS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{file}: a room without doors"));
        for used in crate_paths(&code(&text)) {
            assert!(used == room || allowed.contains(&used.as_str()), "{file}: `{room}` has no door to `{used}`");
        }
    }
}

#[test]
fn heavy_crates_live_in_one_place() {
    for (file, text) in sources(&root().join("src")) {
        let code = code(&text);
        for (name, places) in PLACES {
            let is_used = code.match_indices(&format!("{name}::")).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':')
            });
            let is_allowed =
                places.iter().any(|place| file.starts_with(place) || (!place.contains('/') && file.ends_with(place)));
            let is_test = file.ends_with("tests.rs") || file.ends_with("sample.rs");
            assert!(!is_used || is_allowed || is_test, "{file} names {name}, which lives in {places:?}");
        }
    }
}

#[test]
fn sql_lives_in_stores() {
    for (file, text) in sources(&root().join("src")) {
        let is_place = file.ends_with("store.rs") || file.starts_with("db/") || file.ends_with("tests.rs");
        let code = code(&text);
        let has_sql =
            ["\"select ", "\"insert into ", "\"update ", "\"delete from "].iter().any(|start| code.contains(start));
        assert!(is_place || !has_sql, "{file} holds SQL");
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for folder in ["src", "tests", "benches"] {
        for (file, text) in sources(&root().join(folder)) {
            let n_lines = text.lines().count();
            assert!(n_lines <= LONGEST_FILE, "{folder}/{file} has {n_lines} lines");
            let is_tests_of_its_neighbour = file.ends_with("/tests.rs");
            assert!(
                text.starts_with("//!") || is_tests_of_its_neighbour,
                "{folder}/{file} does not say what it is for"
            );
        }
    }
}

#[test]
fn nothing_is_left_open() {
    // Put together here, so that this very line is not found.
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["todo", "!("].concat(), ["#[ig", "nore"].concat()];
    for folder in ["src", "tests", "benches"] {
        for (file, text) in sources(&root().join(folder)) {
            for mark in &marks {
                assert!(!text.contains(mark.as_str()), "{folder}/{file} holds {mark}");
            }
        }
    }
}

#[test]
fn the_top_level_shows_only_the_house() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "assets",
        "models",
        "data",
        "tests",
        "benches",
        "config.toml",
        "README.md",
        "LICENSE",
        "target",
    ];
    for entry in fs::read_dir(root()).expect("readable") {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name} stands on the top level");
    }
}
