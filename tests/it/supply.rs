//! What the program is made of, as the build script lists it, and what the script allows: looked at without a build.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The list, or nothing where there is no Python to make it with.
fn listed() -> Option<Value> {
    if Command::new("python3").args(["-c", "import tomllib"]).status().map_or(true, |it| !it.success()) {
        assert!(std::env::var_os("TANDEM_TEST_ALL").is_none(), "TANDEM_TEST_ALL is set, but there is no Python 3.11");
        eprintln!("SKIPPED: the list is made where Python 3.11 is installed");
        return None;
    }
    let made = Command::new(root().join("assets/deploy/build.sh"))
        .arg("--sbom")
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(serde_json::from_slice(&made.stdout).expect("it is JSON"))
}

#[test]
fn the_list_of_what_it_is_made_of_has_the_form_that_others_read() {
    let Some(list) = listed() else { return };
    assert_eq!((&list["bomFormat"], &list["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let number = list["serialNumber"].as_str().and_then(|it| it.strip_prefix("urn:uuid:")).expect("a number");
    assert!(number.parse::<uuid::Uuid>().is_ok(), "{number}");
    assert_eq!(list["metadata"]["component"]["name"], "tandem");
    let components = list["components"].as_array().expect("components");
    let mut refs: BTreeSet<&str> = components.iter().map(|it| it["bom-ref"].as_str().expect("a reference")).collect();
    assert_eq!(refs.len(), components.len(), "each is listed once");
    for component in components {
        let kind = component["type"].as_str().expect("a type");
        assert!(["library", "machine-learning-model", "data"].contains(&kind), "{component}");
        let hash = component["hashes"][0]["content"].as_str().unwrap_or_default();
        assert!(hash.len() == 64 && hash.bytes().all(|it| it.is_ascii_hexdigit()), "{component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        if kind == "library" {
            let purl = component["purl"].as_str().expect("a place");
            assert!(purl.starts_with("pkg:cargo/") && component["version"].is_string(), "{component}");
        }
    }
    let names: BTreeSet<&str> = components.iter().filter_map(|it| it["name"].as_str()).collect();
    for name in ["axum", "rusqlite", "libsqlite3-sys", "rustls", "rten"] {
        assert!(names.contains(name), "{name} is linked");
    }
    for name in ["proptest", "divan"] {
        assert!(!names.contains(name), "{name} is for tests alone");
    }
    assert!(components.iter().any(|it| it["type"] == "machine-learning-model"));
    refs.insert(list["metadata"]["component"]["bom-ref"].as_str().expect("a reference"));
    for dependency in list["dependencies"].as_array().expect("dependencies") {
        let needs = dependency["dependsOn"].as_array().expect("a list").iter();
        for reference in std::iter::once(&dependency["ref"]).chain(needs) {
            assert!(refs.contains(reference.as_str().expect("a reference")), "{reference} is not listed");
        }
    }
}

/// The C library of the container's base is the oldest that the program must start on.
#[test]
fn the_build_script_allows_no_newer_c_library_than_the_containers() {
    let script = include_str!("../../assets/deploy/build.sh");
    let container = include_str!("../../assets/deploy/Containerfile");
    assert!(container.contains("FROM debian:bookworm-slim"), "another base has another C library");
    assert!(script.contains("MAX_GLIBC:-2.36"), "Debian 12 has glibc 2.36");
    let is_sound = Command::new("bash").arg("-n").arg(root().join("assets/deploy/build.sh")).status();
    assert!(is_sound.map_or(true, |it| it.success()));
}
