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
