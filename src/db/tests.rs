use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::*;

fn clock() -> Clock {
    Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"))
}

fn last_change(tx: &Tx<'_>) -> Result<u64> {
    tx.last_change()
}

fn opened() -> (tempfile::TempDir, Db) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let db = Db::open(directory.path(), clock(), 2).expect("a new database");
    (directory, db)
}

fn refusal(directory: &Path) -> Error {
    Db::open(directory, clock(), 1).err().expect("it is refused")
}

#[test]
fn a_write_that_fails_leaves_nothing_and_the_writer_usable() {
    let (_keep, db) = opened();
    let failed: Result<()> = db.write_here(|tx| {
        tx.set_setting("a", "1")?;
        Err(Error::conflict("no", "No."))
    });
    assert!(failed.is_err());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        db.write_here(|tx| -> Result<()> {
            tx.set_setting("a", "2")?;
            panic!("in the middle")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(db.read_here(|tx| tx.setting("a")).expect("read"), None);
    db.write_here(|tx| tx.set_setting("a", "3")).expect("written");
    assert_eq!(db.read_here(|tx| tx.setting("a")).expect("read").as_deref(), Some("3"));
}

#[test]
fn a_rehearsal_keeps_nothing() {
    let (_keep, db) = opened();
    db.rehearse_here(|tx| tx.set_setting("a", "1")).expect("tried");
    assert_eq!(db.read_here(|tx| tx.setting("a")).expect("read"), None);
}

#[test]
fn followers_hear_of_changes_after_the_commit_and_of_nothing_else() {
    let (_keep, db) = opened();
    let n_heard = Arc::new(AtomicU32::new(0));
    let (heard, reader) = (Arc::clone(&n_heard), db.clone());
    db.follow_changes(move || {
        assert_eq!(reader.read_here(last_change).expect("read"), 1, "the commit is visible");
        heard.fetch_add(1, Ordering::SeqCst);
    });
    db.write_here(|tx| tx.set_setting("a", "1")).expect("written");
    db.write_here(|tx| tx.note(MentorNo(7), Change::Slots)).expect("noted");
    assert_eq!(n_heard.load(Ordering::SeqCst), 1);
    let changes = db.read_here(|tx| tx.changes_after(0)).expect("read");
    assert_eq!((changes[0].seq, changes[0].mentor, changes[0].change), (1, MentorNo(7), Change::Slots));
}

#[test]
fn readers_cannot_write() {
    let (_keep, db) = opened();
    let refused = db.read_here(|tx| tx.set_setting("a", "1")).expect_err("a reader");
    assert_eq!(refused.code, "read_only");
}

#[test]
fn events_can_be_neither_changed_nor_removed() {
    let (_keep, db) = opened();
    db.write_here(|tx| Ok(tx.execute("insert into events (occurred_at, type) values (1, 'x')", [])?)).expect("written");
    for sql in ["update events set type = 'y'", "delete from events"] {
        assert!(db.write_here(|tx| Ok(tx.execute(sql, [])?)).is_err(), "{sql}");
    }
}

#[test]
fn an_old_sqlite_is_refused() {
    assert!(open::check_sqlite(3_051_003).is_ok());
    let refusal = open::check_sqlite(3_051_002).expect_err("too old");
    assert!(refusal.message.contains("3.51.2"), "{refusal}");
    open::check_sqlite(rusqlite::version_number()).expect("the one built in is new enough");
}

#[test]
fn a_database_of_a_newer_tandem_is_left_alone() {
    let (directory, db) = opened();
    db.write_here(|tx| Ok(tx.pragma_update(None, "user_version", 999)?)).expect("written");
    drop(db);
    let refusal = refusal(directory.path());
    assert_eq!(refusal.code, "newer_database");
    assert!(refusal.message.contains("999"), "{refusal}");
}

#[test]
fn a_foreign_file_is_left_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("tandem.db");
    let foreign = Connection::open(&path).expect("opened");
    foreign.execute_batch("create table theirs (x)").expect("made");
    drop(foreign);
    assert_eq!(refusal(directory.path()).code, "foreign_database");
    std::fs::write(&path, "no database at all ".repeat(100)).expect("written");
    assert_eq!(refusal(directory.path()).code, "database_unusable");
    assert!(std::fs::read_to_string(&path).expect("read").starts_with("no database"));
}

#[test]
fn a_directory_is_one_process_and_the_lock_says_whose() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let inner = directory.path().join("made/when/missing");
    let held = DirectoryLock::take(&inner, "serve").expect("free");
    let refusal = DirectoryLock::take(&inner, "import").expect_err("held");
    assert_eq!(refusal.code, "directory_locked");
    assert!(refusal.message.contains(&format!("process {} (tandem serve)", std::process::id())), "{refusal}");
    drop(held);
    DirectoryLock::take(&inner, "import").expect("free again");
}

#[test]
fn the_same_database_keeps_its_identity() {
    let (directory, db) = opened();
    let id = db.id();
    drop(db);
    assert_eq!(Db::open(directory.path(), clock(), 1).expect("opened again").id(), id);
    let (_other, db) = opened();
    assert_ne!(db.id(), id);
}

/// A disk without room: SQLite's own limit on pages stands in for it.
#[test]
fn a_full_disk_is_a_clear_refusal_and_reading_goes_on() {
    let (_keep, db) = opened();
    db.write_here(|tx| tx.set_setting("a", "1")).expect("written");
    db.write_here(|tx| {
        let pages: i64 = tx.query_row("pragma page_count", [], |row| row.get(0))?;
        tx.query_row(&format!("pragma max_page_count = {}", pages + 1), [], |_| Ok(()))?;
        Ok(())
    })
    .expect("limited");
    let refusal = db.write_here(|tx| tx.set_setting("b", &"x".repeat(100_000))).expect_err("no room");
    assert_eq!((refusal.kind, refusal.code), (crate::error::Kind::Busy, "disk_full"));
    assert_eq!(db.read_here(|tx| tx.setting("a")).expect("read").as_deref(), Some("1"));
    assert_eq!(db.read_here(|tx| tx.setting("b")).expect("read"), None);
}

#[cfg(unix)]
#[test]
fn the_database_is_its_owners_alone_in_a_directory_that_others_may_look_into() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let set = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(directory.path(), set(0o755)).expect("set");
    let path = directory.path().join("tandem.db");
    for _ in 0..2 {
        let db = Db::open(directory.path(), Clock::System, 1).expect("opened");
        db.write_here(|tx| tx.set_setting("a", "b")).expect("written");
        for file in ["tandem.db", "tandem.db-wal", "tandem.db-shm"] {
            let mode = std::fs::metadata(directory.path().join(file)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        drop(db);
        // As a copy by hand may leave it.
        std::fs::set_permissions(&path, set(0o644)).expect("set");
    }
}

#[test]
fn a_rehearsal_on_a_copy_keeps_nothing_and_keeps_nobody_waiting() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let db = Db::open(directory.path(), Clock::System, 1).expect("opened");
    db.write_here(|tx| tx.set_setting("a", "before")).expect("written");
    let place = directory.path().join("room");
    let seen = db.rehearse_on_copy(&place, |tx| {
        let seen = tx.setting("a")?;
        tx.set_setting("a", "in the copy")?;
        // The one writer is free meanwhile.
        db.write_here(|tx| tx.set_setting("a", "meanwhile"))?;
        Ok(seen)
    });
    assert_eq!(seen.expect("rehearsed").as_deref(), Some("before"));
    assert_eq!(db.read_here(|tx| tx.setting("a")).expect("read").as_deref(), Some("meanwhile"));
    assert_eq!(std::fs::read_dir(&place).expect("there").count(), 0, "the copy is gone");
}

#[test]
fn a_copy_with_its_log_is_refused_each_time_and_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let db = Db::open(directory.path(), clock(), 1).expect("opened");
    db.write_here(|tx| tx.set_setting("a", "b")).expect("written");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let files = ["tandem.db", "tandem.db-wal"];
    for file in files {
        std::fs::copy(directory.path().join(file), elsewhere.path().join(file)).expect("copied");
    }
    let bytes = || files.map(|file| std::fs::read(elsewhere.path().join(file)).expect("still there"));
    let before = bytes();
    assert!(!before[1].is_empty(), "the log holds something");
    for _ in 0..3 {
        assert_eq!(refusal(elsewhere.path()).code, "database_copied");
        assert!(bytes() == before, "it is left as it was");
    }
}
