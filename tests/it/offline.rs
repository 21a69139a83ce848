//! Where there is no network: Tandem runs in an empty network namespace, and asks for nothing but loopback.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::binary::command;

/// What runs in the namespace: loopback is brought up, then whatever follows.
const INSIDE: &str = r#"ip link set lo up 2>/dev/null || ifconfig lo up; exec "$@""#;

/// What asks the demo a question: signs in, asks, reads a page.
const CLIENT: &str = r#"
set -e
"$1" --data-dir "$2" demo --listen 127.0.0.1:0 >"$2/out" 2>"$2/err" &
server=$!
# Whoever watches it passes no signal on.
trap 'inner=$(cat /proc/$server/task/$server/children); kill ${inner:-$server}; wait $server' EXIT
until grep -q 'Ctrl-C stops it' "$2/out"; do kill -0 $server; sleep 0.1; done
at=$(sed -n 's/.*\(http:[^ ]*\).*/\1/p' "$2/out" | head -1)
curl -sS --fail -c "$2/jar" -H 'content-type: application/json' "$at/api/auth/signin" \
    -d '{"email":"amaya.torrealba@example.org","password":"tandem-demo"}' >/dev/null
curl -sS --fail -b "$2/jar" -H 'content-type: application/json' "$at/api/match" -d '{"query":"Help with fundraising"}' >"$2/answer"
curl -sS --fail -b "$2/jar" "$at/search?q=drone+permits" >"$2/page"
"#;

/// The same with an eye on every address that the server reaches for.
fn watched(program: &str, log: &Path) -> Vec<String> {
    let log = log.display().to_string();
    ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", &log, program]
        .map(str::to_owned)
        .to_vec()
}

fn is_there(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|done| done.status.success())
}

/// Says aloud what is not tried here.
fn skip(why: &str) {
    assert!(std::env::var_os("TANDEM_TEST_ALL").is_none(), "TANDEM_TEST_ALL is set, but {why}");
    eprintln!("SKIPPED: {why}");
}

/// A line of the log that reaches for anything but this machine.
fn reaches_out(line: &str) -> bool {
    let has_address = line.contains("sa_family=");
    let is_here = ["AF_UNIX", "AF_UNSPEC", "127.0.0.1", "\"::1\"", "AF_NETLINK"].iter().any(|it| line.contains(it));
    has_address && !is_here
}

#[test]
fn the_demo_answers_without_a_network_and_reaches_for_nothing() {
    let own = ["--user", "--map-root-user", "--net"];
    let alone = [&own[..], &own[2..]].into_iter().find(|options| {
        Command::new("unshare").args(*options).arg("true").output().is_ok_and(|done| done.status.success())
    });
    let Some(alone) = alone else { return skip("an empty network cannot be had here (unshare)") };
    if !is_there("curl", "--version") {
        return skip("there is no curl");
    }
    let home = tempfile::tempdir().expect("a directory");
    let (data, log) = (home.path().display().to_string(), home.path().join("reached"));
    let is_watched = is_there("strace", "-V");
    let server = home.path().join("tandem");
    let words = if is_watched {
        watched(env!("CARGO_BIN_EXE_tandem"), &log)
    } else {
        eprintln!("SKIPPED: what is reached for is written down where strace is installed");
        vec![env!("CARGO_BIN_EXE_tandem").to_owned()]
    };
    // One program by name, whatever stands before it.
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    std::fs::write(&server, format!("#!/bin/sh\nexec {} \"$@\"\n", quoted.join(" "))).expect("written");
    assert!(Command::new("chmod").arg("+x").arg(&server).status().expect("chmod runs").success());
    let mut run = Command::new("unshare");
    run.args(alone).args(["sh", "-c", INSIDE, "sh", "sh", "-c", CLIENT, "sh"]).arg(&server).arg(&data);
    // Settings of whoever runs the tests must not reach the program.
    for (name, _) in command(&[]).get_envs() {
        run.env_remove(name);
    }
    let done = run.current_dir(home.path()).output().expect("it runs");
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap_or_default();
    let told = format!("{} {} {}", String::from_utf8_lossy(&done.stderr), read("out"), read("err"));
    assert!(done.status.success(), "{told}");
    let answer: Value = serde_json::from_str(&read("answer")).expect("an answer");
    assert_eq!(answer["degraded"], json!([]));
    assert!(answer["count"].as_u64().is_some_and(|n| n > 0), "{answer}");
    assert!(read("page").contains("data-testid=\"mentor-card\""));
    let reached = read("reached");
    let outside: Vec<&str> = reached.lines().filter(|line| reaches_out(line)).collect();
    assert!(outside.is_empty(), "{outside:#?}");
    let is_seen = |line: &&str| line.contains("connect(") || line.contains("send");
    println!(
        "{} words to sockets were written down, all of them within this machine",
        reached.lines().filter(is_seen).count()
    );
}

#[test]
fn an_address_outside_would_be_seen() {
    let inside = r#"connect(9, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = 0"#;
    let here = r#"connect(9, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0"#;
    let outside = r#"connect(9, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = -1"#;
    assert_eq!([inside, here, outside].map(reaches_out), [false, false, true]);
}
