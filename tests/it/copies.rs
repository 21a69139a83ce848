//! A data directory that was copied as files are copied, while Tandem ran or after: what starts by itself, what is
//! named and left alone, and what starts from the snapshot.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use tandem::backup;
use tandem::clock::Clock;
use tandem::db::Tx;
use tandem::db::copy::{self, Depth};
use tandem::error::Result;

use crate::backups::{End, NEVER, contents, event, lived_in};
use crate::binary::{Server, in_directory};
use crate::test_app::{TestApp, five_mentors};

/// Waits until it serves, and only then asks it to stop: before, nothing listens to the signal.
#[cfg(unix)]
fn stopped(server: Server) -> i32 {
    assert!(server.get("/healthz").ends_with("ok"));
    server.stop()
}

/// Writes to many pages at once, each of which tells which write was its last.
#[cfg(unix)]
fn write_related(tx: &Tx<'_>, n: u32) -> Result<()> {
    tx.set_setting("test-newest", &n.to_string())?;
    tx.set_setting(&format!("test-{:03}", n % 500), &format!("{n} {}", "x".repeat(1_000)))?;
    event(tx)
}

/// How many of these pages are from another moment than the newest.
#[cfg(unix)]
fn n_unrelated(tx: &Tx<'_>) -> Result<u32> {
    let Some(newest) = tx.setting("test-newest")? else { return Ok(0) };
    let newest: u32 = newest.parse().expect("a number");
    let mut n_wrong = 0;
    for n in newest.saturating_sub(499).max(1)..=newest {
        let held = tx.setting(&format!("test-{:03}", n % 500))?.unwrap_or_default();
        n_wrong += u32::from(held.split(' ').next() != Some(n.to_string().as_str()));
    }
    let n_events: u32 = tx.query_row("select count(*) from events where address = 'test'", [], |row| row.get(0))?;
    Ok(n_wrong + newest.abs_diff(n_events))
}

/// Copies a directory as somebody would who knows nothing of databases.
#[cfg(unix)]
fn copied(from: &Path, to: &Path) {
    // A file that goes while it is copied is no reason to stop.
    let ended = Command::new("cp").arg("-a").arg(from).arg(to).stderr(Stdio::null()).status().expect("cp runs");
    assert!(ended.code().is_some_and(|code| code <= 1), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn a_directory_copied_while_it_is_written_to_starts_with_at_least_the_snapshot() {
    let n_copies = if std::env::var_os("TANDEM_TEST_ALL").is_some() { 200 } else { 12 };
    let house = TestApp::new();
    house.import(&five_mentors());
    house.app.backups.refresh_snapshot(&NEVER);
    let data = house.app.db.directory().to_owned();
    let n_held = copy::check(&data.join("snapshot/tandem.db"), Depth::Full).expect("whole").counts;
    let copies = tempfile::tempdir().expect("a directory");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (db, is_over, backups) = (&house.app.db, &is_over, &house.app.backups);
        scope.spawn(move || {
            let mut n = 0_u32;
            while !is_over.load(Ordering::SeqCst) {
                n += 1;
                db.write_here(|tx| write_related(tx, n)).expect("written");
                if n.is_multiple_of(60) {
                    backups.refresh_snapshot(&NEVER);
                }
            }
        });
        // Whatever becomes of the copies, the writer must end.
        let _end = End(is_over);
        for number in 0..n_copies {
            let to = copies.path().join(number.to_string());
            match number % 3 {
                0 => copied(&data, &to),
                1 => copied_slowly(&data, &to, ["tandem.db", "tandem.db-wal"]),
                _ => copied_slowly(&data, &to, ["tandem.db-wal", "tandem.db"]),
            }
        }
    });
    let mut n_recovered = 0;
    for number in 0..n_copies {
        let directory = copies.path().join(number.to_string());
        // The house keeps its lock file; a copy's is nobody's.
        let outcome = backup::recover(&directory, &Clock::System);
        n_recovered += u32::from(outcome.unwrap_or_else(|it| panic!("{number}: {it} {:?}", it.cause())).is_some());
        let db = tandem::db::Db::open(&directory, Clock::System, 1).expect("it starts");
        let n_mixed = db.read_here(n_unrelated).expect("read");
        assert_eq!(n_mixed, 0, "{number}: of two moments");
        db.checkpoint().expect("folded in");
        drop(db);
        let found = copy::check(&directory.join("tandem.db"), Depth::Full).expect("whole").counts;
        for (table, n_rows) in &n_held {
            assert!(found[table] >= *n_rows, "{number}: {table} has {} of {n_rows} rows", found[table]);
        }
    }
    println!("{n_recovered} of {n_copies} copies were torn and started from the snapshot");
}

#[cfg(unix)]
#[test]
fn a_copy_of_a_stopped_tandem_just_starts_and_one_with_a_log_is_asked_about() {
    let home = lived_in();
    let copies = tempfile::tempdir().expect("a directory");
    let rested = copies.path().join("rested");
    copied(home.path(), &rested);
    assert_eq!(in_directory(&rested, &["match", "pricing"], "").code, 0);
    let server = Server::start(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    // Its first backup is written down, so that there is a log.
    while std::fs::metadata(home.path().join("tandem.db-wal")).map_or(0, |log| log.len()) == 0 {
        assert!(server.get("/healthz").ends_with("ok"));
    }
    // It dies.
    drop(server);
    let dead = copies.path().join("dead");
    copied(home.path(), &dead);
    assert_eq!(in_directory(home.path(), &["match", "pricing"], "").code, 0, "what died where it stands just starts");
    let asked = in_directory(&dead, &["match", "pricing"], "");
    assert!(asked.code == 1 && asked.err.contains("--recover as-is"), "{}", asked.err);
    let start = ["serve", "--recover", "as-is", "--listen", "127.0.0.1:0"];
    assert_eq!(stopped(Server::start(&dead, &start)), 0);
    assert_eq!(in_directory(&dead, &["match", "pricing"], "").code, 0);
}

/// The same over a slow line: seconds of writing lie between one file and the next. Another program copies, because a
/// process that closes a database's file itself lets go of SQLite's locks on it.
#[cfg(unix)]
fn copied_slowly(from: &Path, to: &Path, order: [&str; 2]) {
    let script = r#"mkdir "$2"; cp -a "$1/snapshot" "$2/"; cp -a "$1/$3" "$2/"; sleep 0.3; cp -a "$1/$4" "$2/""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(from).arg(to).args(order).stderr(Stdio::null());
    assert!(shell.status().expect("sh runs").code().is_some_and(|code| code <= 1));
}

/// What became of the bytes of a database.
#[cfg(unix)]
type Tear<'a> = &'a dyn Fn(&mut Vec<u8>);

#[cfg(unix)]
#[test]
fn a_torn_database_is_named_left_alone_and_recovered_when_told() {
    let home = lived_in();
    let data = home.path().join("data");
    std::fs::create_dir(&data).expect("made");
    for name in ["tandem.db", "keywords"] {
        std::fs::rename(home.path().join(name), data.join(name)).expect("moved");
    }
    assert_eq!(stopped(Server::start(&data, &["serve", "--listen", "127.0.0.1:0"])), 0);
    let path = data.join("tandem.db");
    let whole = std::fs::read(&path).expect("read");
    let torn_in = |how: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        how(&mut bytes);
        std::fs::write(&path, &bytes).expect("written");
        bytes
    };
    let tears: [(&str, Tear<'_>); 4] = [
        ("cut short", &|bytes| bytes.truncate(bytes.len() / 2)),
        ("a page of noise", &|bytes| bytes[8_192..12_288].fill(0xA5)),
        ("no header", &|bytes| bytes[..100].fill(0)),
        ("nothing", &|bytes| bytes.clear()),
    ];
    for (what, how) in tears {
        let torn = torn_in(how);
        let run = in_directory(&data, &["match", "pricing"], "");
        assert!(run.code == 1 && run.err.contains("serve --recover"), "{what}: {}", run.err);
        assert_eq!(std::fs::read(&path).expect("there"), torn, "{what}: left untouched");
        let server = Server::start_telling(&data, &["serve", "--recover", "--listen", "127.0.0.1:0"], "Tandem listens");
        assert_eq!(stopped(server), 0, "{what}");
        let aside: Vec<_> = contents(&data)
            .into_iter()
            .filter(|(path, bytes)| path.to_string_lossy().contains("/damaged-") && *bytes == torn)
            .collect();
        assert!(!aside.is_empty(), "{what}: the damaged file is kept");
        let answer = in_directory(&data, &["match", "pricing", "--json"], "").json();
        assert_eq!(answer["matches"][0]["name"], "ada", "{what}");
    }
    let server = Server::start_telling(&data, &["serve", "--recover", "--listen", "127.0.0.1:0"], "Tandem listens");
    assert_eq!(stopped(server), 0, "a whole database needs no recovery");
    std::fs::remove_dir_all(data.join("snapshot")).expect("removed");
    torn_in(&|bytes| bytes.truncate(5_000));
    let run = in_directory(&data, &["serve", "--recover", "--listen", "127.0.0.1:0"], "");
    assert!(run.code == 1 && run.err.contains("no snapshot"), "{}", run.err);
    let run = in_directory(&data, &["match", "pricing"], "");
    assert!(run.code == 1 && run.err.contains("tandem restore FILE"), "{}", run.err);
}
