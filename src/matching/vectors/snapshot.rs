//! One file that holds all vectors, so that a start need not read them row by row: header, units by owner, checksum. Only ever a copy: whoever cannot read it builds the set again. Never trusts a number it read before the checksum has passed.

use super::cosine::{DIMS, Wide, check};
use super::slab::MAX_RUN;
use super::{MAX_OWNERS, Tier, Vectors};
use crc32fast::Hasher;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"TandemVx";
/// Goes up with every change of the layout; an older file is then built again.
const VERSION: u32 = 1;
/// Magic, version, dimensions, stamp (16 + 8 + 32), three counts, mean.
const HEADER_BYTES: u64 = 8 + 4 + 4 + 56 + 12 + WIDE_BYTES;
const WIDE_BYTES: u64 = 4 * DIMS as u64;
const OWNER_BYTES: u64 = 8;
const CHECKSUM_BYTES: u64 = 4;
/// Large enough that the system call does not show.
const BUFFER_BYTES: usize = 1 << 18;

/// What the vectors of a file were made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The id of the database they belong to.
    pub database: [u8; 16],
    /// The last entry of its change log that they contain.
    pub sequence: u64,
    /// The sha-256 of the meaning model.
    pub model: [u8; 32],
}

/// Why a file gave no vectors.
#[derive(Debug)]
pub enum Unreadable {
    /// It is not there, or cannot be read.
    Io(io::Error),
    /// It is no such file at all, or of another version or vector length.
    Foreign,
    /// It belongs to another database.
    OtherDatabase,
    /// Its vectors come from another model.
    OtherModel,
    /// It is cut short, too long, or its bytes have changed.
    Damaged,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(cause) => write!(out, "the vector file cannot be read: {cause}"),
            Self::Foreign => write!(out, "not a vector file of this version"),
            Self::OtherDatabase => write!(out, "the vector file belongs to another database"),
            Self::OtherModel => write!(out, "the vector file was made with another model"),
            Self::Damaged => write!(out, "the vector file is damaged"),
        }
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(cause) => Some(cause),
            Self::Foreign | Self::OtherDatabase | Self::OtherModel | Self::Damaged => None,
        }
    }
}

impl Vectors {
    /// Writes all vectors to `path`: first under the same name with `.tmp` added, which becomes `path` only when every byte is on disk. One writer at a time.
    ///
    /// # Errors
    /// Gives back what the file system says; `path` is as before then.
    pub fn save(&self, path: &Path, stamp: &Stamp) -> io::Result<()> {
        let unfinished = unfinished(path);
        let mut out = Summed::new(BufWriter::with_capacity(BUFFER_BYTES, File::create(&unfinished)?));
        self.write_to(&mut out, stamp)?;
        let Summed { inner: mut file, sum } = out;
        file.write_all(&sum.finalize().to_le_bytes())?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&unfinished, path)?;
        sync_folder(path)
    }

    /// Reads what `save` wrote, if it belongs to `database` and was made with `model`. The set then answers in every detail as the saved one did.
    ///
    /// # Errors
    /// Says why the file is of no use; whatever it holds, it is never worse than that.
    pub fn load(path: &Path, tier: Tier, database: &[u8; 16], model: &[u8; 32]) -> Result<(Self, Stamp), Unreadable> {
        let file = File::open(path).map_err(Unreadable::Io)?;
        let length = file.metadata().map_err(Unreadable::Io)?.len();
        let mut input = Summed::new(BufReader::with_capacity(BUFFER_BYTES, file));
        let header = Header::read(&mut input)?;
        if header.stamp.database != *database {
            return Err(Unreadable::OtherDatabase);
        }
        if header.stamp.model != *model {
            return Err(Unreadable::OtherModel);
        }
        // Only now do the counts mean anything, and only as many bytes are read as the file has.
        if length != header.file_bytes() {
            return Err(Unreadable::Damaged);
        }
        let mut vectors = Self::new(tier);
        vectors.mean = Arc::new(header.mean);
        vectors.n_centered = header.n_centered as usize;
        read_owners(&mut input, &header, &mut vectors)?;
        let expected = input.sum.clone().finalize();
        if u32::from_le_bytes(bytes(&mut input)?) == expected {
            Ok((vectors, header.stamp))
        } else {
            Err(Unreadable::Damaged)
        }
    }

    fn write_to(&self, out: &mut impl Write, stamp: &Stamp) -> io::Result<()> {
        let count = |number: usize| u32::try_from(number).expect("slots fit 32 bits").to_le_bytes();
        out.write_all(&MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        out.write_all(&count(DIMS))?;
        out.write_all(&stamp.database)?;
        out.write_all(&stamp.sequence.to_le_bytes())?;
        out.write_all(&stamp.model)?;
        out.write_all(&count(self.n_owners()))?;
        out.write_all(&count(self.n_units))?;
        out.write_all(&count(self.n_centered))?;
        out.write_all(self.mean.map(f32::to_le_bytes).as_flattened())?;
        for owner in self.present.iter() {
            let run = self.run(owner);
            out.write_all(&owner.to_le_bytes())?;
            out.write_all(&u32::from(run.length).to_le_bytes())?;
            for wide in self.slab.run(run.start as usize, usize::from(run.length)) {
                out.write_all(wide.map(f32::to_le_bytes).as_flattened())?;
            }
        }
        Ok(())
    }
}

/// What stands before the units.
struct Header {
    stamp: Stamp,
    n_owners: u32,
    n_units: u32,
    n_centered: u32,
    mean: Wide,
}

impl Header {
    fn read(input: &mut impl Read) -> Result<Self, Unreadable> {
        let magic: [u8; 8] = bytes(input)?;
        let (version, dims) = (number(input)?, number(input)?);
        if magic != MAGIC || version != VERSION || dims as usize != DIMS {
            return Err(Unreadable::Foreign);
        }
        let stamp =
            Stamp { database: bytes(input)?, sequence: u64::from_le_bytes(bytes(input)?), model: bytes(input)? };
        let (n_owners, n_units, n_centered) = (number(input)?, number(input)?, number(input)?);
        Ok(Self { stamp, n_owners, n_units, n_centered, mean: wide(input)? })
    }

    fn file_bytes(&self) -> u64 {
        HEADER_BYTES + u64::from(self.n_owners) * OWNER_BYTES + u64::from(self.n_units) * WIDE_BYTES + CHECKSUM_BYTES
    }
}

fn read_owners(input: &mut impl Read, header: &Header, vectors: &mut Vectors) -> Result<(), Unreadable> {
    let mut lowest = 0;
    for _ in 0..header.n_owners {
        let (owner, length) = (number(input)?, number(input)? as usize);
        if owner < lowest || owner >= MAX_OWNERS || length == 0 || length > MAX_RUN {
            return Err(Unreadable::Damaged);
        }
        let units = (0..length).map(|_| wide(input)).collect::<Result<Vec<Wide>, _>>()?;
        if units.iter().any(|unit| check(unit).is_err()) {
            return Err(Unreadable::Damaged);
        }
        vectors.place(owner, &units.iter().collect::<Vec<_>>());
        lowest = owner + 1;
    }
    if vectors.n_units == header.n_units as usize { Ok(()) } else { Err(Unreadable::Damaged) }
}

/// Reads the next `N` bytes; an end before them is damage, not an error of the disk.
fn bytes<const N: usize>(input: &mut impl Read) -> Result<[u8; N], Unreadable> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).map_err(|cause| match cause.kind() {
        io::ErrorKind::UnexpectedEof => Unreadable::Damaged,
        _ => Unreadable::Io(cause),
    })?;
    Ok(bytes)
}

fn number(input: &mut impl Read) -> Result<u32, Unreadable> {
    Ok(u32::from_le_bytes(bytes(input)?))
}

fn wide(input: &mut impl Read) -> Result<Wide, Unreadable> {
    let bytes: [u8; 4 * DIMS] = bytes(input)?;
    let mut wide = [0.0; DIMS];
    for (value, four) in wide.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *value = f32::from_le_bytes(*four);
    }
    Ok(wide)
}

fn unfinished(path: &Path) -> OsString {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name
}

/// Puts the new name of `path` on disk too. Only where a folder can be opened as a file.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A stream whose bytes are summed as they pass.
struct Summed<S> {
    inner: S,
    sum: Hasher,
}

impl<S> Summed<S> {
    fn new(inner: S) -> Self {
        Self { inner, sum: Hasher::new() }
    }
}

impl<S: Write> Write for Summed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<S: Read> Read for Summed<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.sum.update(&bytes[..read]);
        Ok(read)
    }
}
