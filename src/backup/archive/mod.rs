//! The one file of a backup: a tar packed by zstd, whose manifest comes first, with the SHA-256 of all of it at the
//! very end (in a frame that zstd skips, so that `tar --zstd -xf` opens it too). What is read may come from a stranger:
//! nothing is written but files with the manifest's names, lengths and hashes.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::manifest::{self, Manifest, Member, unfit};
use crate::db::{copy, files};
use crate::error::{OrInternal, Result};
use crate::hex::hex;

/// How hard zstd tries: its own default, which is faster than the disk.
const LEVEL: i32 = 3;

/// A zstd frame that is skipped, of forty bytes: our mark and the hash.
const SEAL: [u8; 16] = *b"\x5e\x2a\x4d\x18\x28\0\0\0tandem\0\x01";

/// Bytes of the seal with its hash.
const SEAL_BYTES: u64 = 48;

/// Bytes after which what was written is made durable, so that a booking's own write finds little before it.
const SYNC_EVERY: usize = 2 * 1024 * 1024;

/// Bytes that any backup may unpack to, however short it is, ...
const FREE_BYTES: u64 = 1024 * 1024 * 1024;

/// ... and how many more for each of its own. A database full of people packs to a third, one that was emptied is
/// mostly zeros; zeros alone pack thirty times as tightly as this.
const STEEPEST: u64 = 1_000;

/// The window that zstd may ask memory for, as a power of two: what level 3 uses is 2 MiB.
const WIDEST: u32 = 23;

/// Bytes of zeros that may follow the last file.
const LONGEST_END: u64 = 64 * 1024;

/// A backup whose seal holds and whose manifest makes sense. Its files are proven when they are unpacked.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Looks at a file as a member of a backup.
pub(super) fn member(directory: &Path, name: &str) -> Result<Member> {
    let mut file = File::open(directory.join(name)).map_err(|cause| files::refusal("The copy", cause))?;
    let mut hash = Hashing { inner: io::sink(), hash: Sha256::new() };
    let bytes = io::copy(&mut file, &mut hash).map_err(|cause| files::refusal("The copy", cause))?;
    Ok(Member { name: name.to_owned(), bytes, sha256: hex(&hash.hash.finalize()) })
}

/// Packs the manifest's files, which lie in `directory`, into a new file; returns its length. It is durable then.
pub(super) fn pack(manifest: &Manifest, directory: &Path, to: &Path, halt: &AtomicBool) -> Result<u64> {
    let refusal = |cause: io::Error| {
        if halt.load(Ordering::SeqCst) { copy::stopping() } else { files::refusal("The backup", cause) }
    };
    let file = files::create_private(to).map_err(refusal)?;
    let mut file = write(manifest, directory, file, halt).map_err(refusal)?;
    let bytes = file.stream_position().map_err(refusal)?;
    Ok(bytes)
}

fn write(manifest: &Manifest, directory: &Path, file: File, halt: &AtomicBool) -> io::Result<File> {
    let steady = Steady { file, n_unsynced: 0, halt };
    let mut packer = zstd::Encoder::new(Hashing { inner: steady, hash: Sha256::new() }, LEVEL)?;
    packer.include_checksum(true)?;
    let mut tar = tar::Builder::new(BufWriter::with_capacity(1 << 16, packer));
    let text = serde_json::to_vec_pretty(manifest)?;
    let made_at = manifest.made_at.unix().max(0).cast_unsigned();
    tar.append(&header(manifest::NAME, u64::try_from(text.len()).unwrap_or(u64::MAX), made_at)?, text.as_slice())?;
    for member in &manifest.files {
        let file = File::open(directory.join(&member.name))?;
        tar.append(&header(&member.name, member.bytes, made_at)?, file.take(member.bytes))?;
    }
    let packer = tar.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    let Hashing { inner: mut steady, hash } = packer.finish()?;
    steady.write_all(&SEAL)?;
    steady.write_all(&hash.finalize())?;
    steady.file.sync_all()?;
    Ok(steady.file)
}

fn header(name: &str, bytes: u64, made_at: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(made_at);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

impl Archive {
    /// Opens a backup: its seal is compared with every byte of it, then its manifest is read.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|cause| files::refusal(&path.display().to_string(), cause))?;
        let cut = "it is none of Tandem's, was cut short, or is damaged";
        let bytes = file.metadata().or_internal("looking at the backup")?.len();
        let packed = bytes.checked_sub(SEAL_BYTES).ok_or_else(|| unfit(cut, anyhow::anyhow!("{bytes} bytes")))?;
        let mut hash = Hashing { inner: io::sink(), hash: Sha256::new() };
        let mut seal = [0; 48];
        let read = io::copy(&mut (&file).take(packed), &mut hash).and_then(|_| file.read_exact(&mut seal));
        read.map_err(|cause| unfit(cut, cause))?;
        if seal[..16] != SEAL || seal[16..] != hash.hash.finalize()[..] {
            return Err(unfit(cut, anyhow::anyhow!("the seal is not that of its bytes")));
        }
        let mut manifest = None;
        read_through(&mut file, packed, |name, is_first, entry| {
            if manifest.is_none() {
                let is_ours = is_first && name == manifest::NAME.as_bytes() && entry.size <= manifest::LONGEST;
                let mut text = Vec::new();
                if is_ours {
                    entry.data.read_to_end(&mut text)?;
                }
                manifest = Some(text);
            }
            Ok(false)
        })?;
        let manifest = Manifest::read(&manifest.unwrap_or_default())?;
        refuse_bomb(manifest.bytes().unwrap_or(u64::MAX), bytes)?;
        Ok(Self { path: path.to_owned(), manifest })
    }

    /// Bytes of its files.
    pub(super) fn bytes(&self) -> u64 {
        self.manifest.bytes().unwrap_or(u64::MAX)
    }

    /// Writes its files into an empty directory, each with the length and the hash that the manifest names, durable.
    pub(super) fn unpack(&self, into: &Path) -> Result<()> {
        let mut file = File::open(&self.path).map_err(|cause| unfit("it is gone", cause))?;
        let packed = file.metadata().or_internal("looking at the backup")?.len().saturating_sub(SEAL_BYTES);
        let mut awaited = self.manifest.files.iter();
        let never = AtomicBool::new(false);
        read_through(&mut file, packed, |name, is_first, entry| {
            if is_first {
                return Ok(true);
            }
            let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
            let member = awaited.next().ok_or_else(|| wrong("more files than the manifest names"))?;
            if name != member.name.as_bytes() || entry.size != member.bytes {
                return Err(wrong("another file than the manifest names"));
            }
            let file = files::create_private(&into.join(&member.name))?;
            let steady = Steady { file, n_unsynced: 0, halt: &never };
            let mut out = Hashing { inner: steady, hash: Sha256::new() };
            io::copy(&mut entry.data, &mut out)?;
            out.inner.file.sync_all()?;
            if hex(&out.hash.finalize()) != member.sha256 {
                return Err(wrong("a file is not what the manifest says"));
            }
            Ok(true)
        })?;
        match awaited.next() {
            None => Ok(()),
            Some(missing) => Err(unfit("a file is missing", anyhow::anyhow!(missing.name.clone()))),
        }
    }
}

/// Refuses what unpacks to far more than a database of its length would, before any of it is unpacked.
fn refuse_bomb(unpacked: u64, packed: u64) -> Result<()> {
    if unpacked <= packed.saturating_mul(STEEPEST).saturating_add(FREE_BYTES) {
        return Ok(());
    }
    Err(unfit("it would unpack to far more than it can hold", anyhow::anyhow!("{packed} bytes name {unpacked}")))
}

/// An entry of the archive, whoever made it.
struct Found<'a> {
    size: u64,
    data: &'a mut dyn Read,
}

/// Hands each entry to `visit` with its name and whether it is the first, until that is content. Nothing but plain
/// files is let through: no links, no directories, none of the entries that give the next one a longer name.
fn read_through(
    file: &mut File,
    packed: u64,
    mut visit: impl FnMut(&[u8], bool, &mut Found<'_>) -> io::Result<bool>,
) -> Result<()> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut run = || -> io::Result<()> {
        file.seek(SeekFrom::Start(0))?;
        let mut unpacker = zstd::Decoder::new(BufReader::new(file.take(packed)))?;
        unpacker.window_log_max(WIDEST)?;
        let mut tar = tar::Archive::new(unpacker);
        for (number, entry) in tar.entries()?.raw(true).enumerate() {
            let mut entry = entry?;
            let header = entry.header();
            if header.entry_type() != EntryType::Regular || header.link_name_bytes().is_some() {
                return Err(wrong("an entry that is no plain file"));
            }
            let (name, size) = (header.path_bytes().into_owned(), header.size()?);
            let mut found = Found { size, data: &mut entry };
            if !visit(&name, number == 0, &mut found)? {
                return Ok(());
            }
        }
        let mut end = Vec::new();
        tar.into_inner().take(LONGEST_END + 1).read_to_end(&mut end)?;
        let is_end = end.len() <= usize::try_from(LONGEST_END).unwrap_or(usize::MAX) && end.iter().all(|it| *it == 0);
        if is_end { Ok(()) } else { Err(wrong("something after the last file")) }
    };
    run().map_err(|cause| match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            files::refusal("The restored data", cause)
        }
        _ => unfit("what is in it is damaged, or is no backup of Tandem's", cause),
    })
}

/// Hashes what passes through.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hash.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a file in steps that others can get between, and gives up when asked to.
struct Steady<'a> {
    file: File,
    n_unsynced: usize,
    halt: &'a AtomicBool,
}

impl Write for Steady<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.halt.load(Ordering::SeqCst) {
            return Err(io::Error::other("stopping"));
        }
        let n = self.file.write(bytes)?;
        self.n_unsynced += n;
        if self.n_unsynced >= SYNC_EVERY {
            self.file.sync_data()?;
            self.n_unsynced = 0;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests;
