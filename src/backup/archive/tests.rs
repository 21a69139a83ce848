use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::clock::Moment;
use crate::db::DATABASE;
use crate::db::copy::Census;
use crate::error::Error;

/// A directory with two files, and the manifest that tells of them.
fn home() -> (TempDir, Manifest) {
    let home = tempfile::tempdir().expect("a directory");
    let text: Vec<u8> = (0..20_000_u32).flat_map(|it| it.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(home.path().join(DATABASE), &text).expect("written");
    std::fs::write(home.path().join("secret.key"), "a key").expect("written");
    let files = [DATABASE, "secret.key"].map(|name| member(home.path(), name).expect("looked at")).to_vec();
    let census = Census { schema: 1, database_id: "1a2b".into(), counts: [("users".to_owned(), 3)].into() };
    let manifest = Manifest::new(Moment::from_unix(1_900_000_000), "cafe".into(), census, files);
    (home, manifest)
}

fn packed() -> (TempDir, Manifest, PathBuf) {
    let (home, manifest) = home();
    let path = home.path().join("packed");
    pack(&manifest, home.path(), &path, &AtomicBool::new(false)).expect("packed");
    (home, manifest, path)
}

/// Opens and unpacks it; gives the names of what was written too.
fn taken(path: &Path) -> (Result<Manifest>, Vec<String>) {
    let into = tempfile::tempdir().expect("a directory");
    let outer = into.path().join("inner");
    std::fs::create_dir(&outer).expect("made");
    let outcome = Archive::open(path).and_then(|archive| archive.unpack(&outer).map(|()| archive.manifest));
    let names = |at: &Path| {
        let entries = std::fs::read_dir(at).expect("readable");
        entries.map(|it| it.expect("readable").file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(into.path()), ["inner"], "nothing is written outside");
    (outcome, names(&outer))
}

fn refused(path: &Path) -> Error {
    taken(path).0.expect_err("it is refused")
}

#[test]
fn what_is_packed_is_unpacked() {
    let (home, manifest, path) = packed();
    let into = tempfile::tempdir().expect("a directory");
    let archive = Archive::open(&path).expect("whole");
    assert_eq!(archive.manifest, manifest);
    archive.unpack(into.path()).expect("unpacked");
    for name in [DATABASE, "secret.key"] {
        let [before, after] = [home.path(), into.path()].map(|it| std::fs::read(it.join(name)).expect("there"));
        assert_eq!(before, after, "{name}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(into.path().join("secret.key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "a key is its owner's alone");
    }
}

#[test]
fn a_backup_cut_short_anywhere_is_refused() {
    let (_home, _, path) = packed();
    let whole = std::fs::read(&path).expect("read");
    let cut = path.with_file_name("cut");
    for length in (0..whole.len()).step_by(997).chain(whole.len() - 60..whole.len()) {
        std::fs::write(&cut, &whole[..length]).expect("written");
        assert_eq!(refused(&cut).code, "damaged_backup", "{length} bytes");
    }
    let longer = [whole.as_slice(), b"\0"].concat();
    std::fs::write(&cut, longer).expect("written");
    assert_eq!(refused(&cut).code, "damaged_backup");
}

#[test]
fn a_bit_that_flipped_anywhere_is_noticed() {
    let (_home, _, path) = packed();
    let whole = std::fs::read(&path).expect("read");
    let flipped = path.with_file_name("flipped");
    let n = whole.len();
    for at in (0..n).step_by(331).chain(0..32).chain(n - 64..n) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&flipped, bytes).expect("written");
        assert_eq!(refused(&flipped).code, "damaged_backup", "byte {at}");
    }
}

#[test]
fn packing_stops_when_asked_to() {
    let (home, manifest) = home();
    let refusal = pack(&manifest, home.path(), &home.path().join("packed"), &AtomicBool::new(true)).expect_err("asked");
    assert_eq!(refusal.code, "stopping");
}

/// Packs and seals whatever it is given, as somebody would who means harm.
fn sealed(home: &Path, tar: &[u8]) -> PathBuf {
    let mut bytes = zstd::encode_all(tar, 1).expect("packed");
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&SEAL);
    bytes.extend_from_slice(&hash);
    let path = home.join("sealed");
    std::fs::write(&path, bytes).expect("written");
    path
}

/// An entry's header that the tar crate would not write.
fn raw_header(name: &[u8], kind: EntryType, bytes: u64, link: &str) -> Header {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_size(bytes);
    header.set_entry_type(kind);
    if !link.is_empty() {
        header.set_link_name(link).expect("short");
    }
    header.set_cksum();
    header
}

type Line<'a> = (Header, &'a [u8]);

fn tar_of(lines: &[Line<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (header, data) in lines {
        tar.append(header, *data).expect("appended");
    }
    tar.into_inner().expect("ended")
}

#[test]
fn a_backup_from_a_stranger_writes_nothing_but_what_it_may() {
    let (home, manifest) = home();
    let text = serde_json::to_vec(&manifest).expect("written");
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).expect("short");
    let told = || -> Line<'_> { (raw_header(b"manifest.json", EntryType::Regular, length(&text), ""), &text) };
    let database = std::fs::read(home.path().join(DATABASE)).expect("read");
    let plain = |name: &[u8], data: &'static [u8]| -> Line<'static> {
        (raw_header(name, EntryType::Regular, length(data), ""), data)
    };
    let good_database =
        || -> Line<'_> { (raw_header(DATABASE.as_bytes(), EntryType::Regular, length(&database), ""), &database) };
    let good = tar_of(&[told(), good_database(), plain(b"secret.key", b"a key")]);
    assert_eq!(taken(&sealed(home.path(), &good)).0.expect("the form itself is right"), manifest);
    let linked = |kind, link| -> Line<'static> { (raw_header(DATABASE.as_bytes(), kind, 0, link), b"") };
    let hostile: Vec<(&str, Vec<Line<'_>>)> = vec![
        ("no manifest", vec![good_database()]),
        ("nothing", vec![]),
        ("a path upwards", vec![told(), plain(b"../tandem.db", b"x")]),
        ("a path from the root", vec![told(), plain(b"/tmp/tandem.db", b"x")]),
        ("another name", vec![told(), plain(b"tandem.lock", b"x")]),
        ("a symbolic link", vec![told(), linked(EntryType::Symlink, "/etc/passwd")]),
        ("a hard link", vec![told(), linked(EntryType::Link, "/etc/passwd")]),
        ("a directory", vec![told(), linked(EntryType::Directory, "")]),
        ("a device", vec![told(), linked(EntryType::Char, "")]),
        ("a long name", vec![told(), (raw_header(b"././@LongLink", EntryType::GNULongName, 9, ""), b"../../x.db")]),
        ("a sparse file", vec![told(), linked(EntryType::GNUSparse, "")]),
        ("other content", vec![told(), plain(DATABASE.as_bytes(), b"other content")]),
        ("one file less", vec![told(), good_database()]),
        ("one file more", vec![told(), good_database(), plain(b"secret.key", b"a key"), plain(b"b.key", b"more")]),
        ("a file twice", vec![told(), good_database(), good_database()]),
        ("a key of another length", vec![told(), good_database(), plain(b"secret.key", b"a longer key")]),
        ("a key of another content", vec![told(), good_database(), plain(b"secret.key", b"b key")]),
    ];
    for (what, lines) in hostile {
        let (outcome, names) = taken(&sealed(home.path(), &tar_of(&lines)));
        assert_eq!(outcome.expect_err(what).code, "damaged_backup", "{what}");
        assert!(names.iter().all(|name| [DATABASE, "secret.key"].contains(&name.as_str())), "{what}: {names:?}");
    }
    let trailing = [good.as_slice(), b"something after the end"].concat();
    assert_eq!(refused(&sealed(home.path(), &trailing)).code, "damaged_backup");
}

#[test]
fn a_bomb_is_put_down_after_the_length_that_it_names() {
    let (home, manifest) = home();
    let text = serde_json::to_vec(&manifest).expect("written");
    let length = u64::try_from(text.len()).expect("short");
    let told = tar_of(&[(raw_header(b"manifest.json", EntryType::Regular, length, ""), &text)]);
    // 512 MiB of zeros behind the end of the archive, in some ten kilobytes.
    let mut bomb = zstd::Encoder::new(Vec::new(), 1).expect("begun");
    bomb.write_all(&told).expect("written");
    for _ in 0..512 {
        bomb.write_all(&vec![0; 1 << 20]).expect("written");
    }
    let mut bytes = bomb.finish().expect("packed");
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&SEAL);
    bytes.extend_from_slice(&hash);
    let path = home.path().join("bomb");
    std::fs::write(&path, bytes).expect("written");
    let (outcome, names) = taken(&path);
    assert_eq!((outcome.expect_err("a bomb").code, names.len()), ("damaged_backup", 0));
    // A manifest of its own size.
    let large = raw_header(b"manifest.json", EntryType::Regular, 2 << 20, "");
    let path = sealed(home.path(), &tar_of(&[(large, &vec![b' '; 2 << 20])]));
    assert_eq!(refused(&path).code, "damaged_backup");
}

#[test]
fn a_manifest_that_names_more_than_its_archive_can_hold_is_refused_before_anything_is_unpacked() {
    let (home, mut manifest) = home();
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).expect("short");
    for bytes in [FREE_BYTES * 2, u64::MAX / 2, u64::MAX] {
        manifest.files[0].bytes = bytes;
        let text = serde_json::to_vec(&manifest).expect("written");
        // Nothing follows: who began to unpack would say that something is missing.
        let told = tar_of(&[(raw_header(b"manifest.json", EntryType::Regular, length(&text), ""), &text)]);
        let refusal = Archive::open(&sealed(home.path(), &told)).expect_err("too much");
        assert_eq!(refusal.code, "damaged_backup");
        let is_told = ["far more than it can hold", "names files that no backup has"];
        assert!(is_told.iter().any(|words| refusal.message.contains(words)), "{refusal}");
    }
    refuse_bomb(FREE_BYTES, 1_000).expect("an emptied database is mostly zeros");
    refuse_bomb(40 << 30, 1 << 30).expect("a large one");
}

#[test]
fn a_window_that_would_take_all_memory_is_refused() {
    let (home, manifest) = home();
    let text = serde_json::to_vec(&manifest).expect("written");
    let length = u64::try_from(text.len()).expect("short");
    let tar = tar_of(&[(raw_header(b"manifest.json", EntryType::Regular, length, ""), &text)]);
    let mut packer = zstd::Encoder::new(Vec::new(), 1).expect("begun");
    packer.window_log(27).expect("set");
    packer.write_all(&tar).expect("written");
    let mut bytes = packer.finish().expect("packed");
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&SEAL);
    bytes.extend_from_slice(&hash);
    let path = home.path().join("wide");
    std::fs::write(&path, bytes).expect("written");
    assert_eq!(Archive::open(&path).expect_err("too wide").code, "damaged_backup");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    /// Whatever stands in a sealed file: a refusal, never a panic, and nothing written elsewhere.
    #[test]
    fn no_bytes_do_harm(at in 0_usize..4_000, byte in any::<u8>(), noise in prop::collection::vec(any::<u8>(), 0..600)) {
        let (home, manifest) = home();
        let text = serde_json::to_vec(&manifest).expect("written");
        let length = u64::try_from(text.len()).expect("short");
        let mut tar = tar_of(&[(raw_header(b"manifest.json", EntryType::Regular, length, ""), &text)]);
        let at = at % tar.len();
        tar[at] = byte;
        tar.extend_from_slice(&noise);
        prop_assert!(taken(&sealed(home.path(), &tar)).0.is_err(), "it has no database");
    }
}
