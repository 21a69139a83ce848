//! Pictures that people upload. What comes in is never passed on: it is decoded within strict
//! limits, made a small square and encoded anew, so that nothing but pixels is left of it. Kept in
//! the database; the address names the picture's hash, so that it may be kept for ever.

mod store;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbaImage};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::User;
use crate::audit::{self, Actor, Entry};
use crate::db::Tx;
use crate::error::{Error, OrInternal, Result};
use crate::hex::hex;
use crate::ids::UserId;

/// The largest upload, in bytes: what a telephone's camera makes, and a little more.
pub const LARGEST_UPLOAD: usize = 5 * 1024 * 1024;

/// The most pixels a side of an upload may have.
const LONGEST_SIDE: u32 = 6_000;

/// The most memory that one picture's pixels may take: the largest picture at four bytes a pixel, and a little more.
const MOST_MEMORY: u64 = 160 * 1024 * 1024;

/// The sides tried for what is kept: the first is twice what any page shows; a picture of noise with
/// transparency fits only the second.
const SIDES: [u32; 2] = [512, 384];

/// The largest picture kept, in bytes; the schema holds it too.
const LARGEST_KEPT: usize = 1024 * 1024;

/// How good a JPEG is kept, of 100.
const QUALITY: u8 = 85;

/// What every address of a picture kept here begins with.
pub const ADDRESS: &str = "/photos/";

/// How a picture is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// Without transparency.
    Jpeg,
    /// With it.
    Png,
}

impl MediaType {
    /// The name in the database and in headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    fn from_name(name: &str) -> Self {
        if name == "image/png" { Self::Png } else { Self::Jpeg }
    }
}

/// A picture that is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    /// How it is encoded.
    pub media_type: MediaType,
    /// The file.
    pub bytes: Vec<u8>,
    /// Names it in its address: half of its hash.
    pub version: String,
}

/// Makes pictures of uploads, on threads that serve no requests and never more at once than there are cores.
#[derive(Clone)]
pub struct Photos {
    permits: Arc<Semaphore>,
}

impl Default for Photos {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { permits: Arc::new(Semaphore::new(cores)) }
    }
}

impl Photos {
    /// Makes the picture to keep of an upload.
    ///
    /// # Errors
    /// `Invalid` naming the field `photo`.
    pub async fn make(&self, upload: Vec<u8>) -> Result<Photo> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.or_internal("waiting to read a picture")?;
        tokio::task::spawn_blocking(move || {
            let _held = permit;
            // A decoder that panics was handed something that is no picture.
            catch_unwind(AssertUnwindSafe(|| made(&upload))).unwrap_or_else(|_| Err(unreadable()))
        })
        .await
        .or_internal("reading a picture")?
    }
}

/// Keeps a picture as the account's own and returns its address. Keeping the same one again changes nothing.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn keep(tx: &Tx<'_>, actor: &Actor, user: &User, photo: &Photo) -> Result<String> {
    let address = format!("{ADDRESS}{}/{}", user.id, photo.version);
    if user.image.as_deref() != Some(address.as_str()) {
        store::put(tx, user.id, photo)?;
        store::set_image(tx, user.id, Some(&address))?;
        note(tx, actor, user.id, "user.photo_changed")?;
    }
    Ok(address)
}

/// Takes an account's picture away, whether it is kept here or elsewhere. Returns whether there was one.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn remove(tx: &Tx<'_>, actor: &Actor, user: &User) -> Result<bool> {
    if user.image.is_none() {
        return Ok(false);
    }
    forget(tx, user.id)?;
    store::set_image(tx, user.id, None)?;
    note(tx, actor, user.id, "user.photo_removed")?;
    Ok(true)
}

/// Drops the picture kept here, for verbs that write their own entry.
pub(super) fn forget(tx: &Tx<'_>, user: UserId) -> Result<()> {
    store::remove(tx, user)
}

/// The picture at this address, `None` where there is none, or no longer.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn photo(tx: &Tx<'_>, user: UserId, version: &str) -> Result<Option<Photo>> {
    store::photo(tx, user, version)
}

fn note(tx: &Tx<'_>, actor: &Actor, user: UserId, kind: &'static str) -> Result<()> {
    let after = json!({ "fields": ["image"] });
    audit::note(tx, actor, &Entry { kind, about: ("user", &user.to_string()), before: ().into(), after })
}

fn unreadable() -> Error {
    Error::field("photo", "must be a JPEG, PNG or WebP picture")
}

fn made(upload: &[u8]) -> Result<Photo> {
    if upload.len() > LARGEST_UPLOAD {
        return Err(Error::too_large("A picture may have 5 MiB at most."));
    }
    let picture = square(upload)?;
    let is_see_through = picture.pixels().any(|pixel| pixel.0[3] < u8::MAX);
    let media_type = if is_see_through { MediaType::Png } else { MediaType::Jpeg };
    for side in SIDES {
        let bytes = encoded(&shrunk(&picture, side), media_type)?;
        if bytes.len() <= LARGEST_KEPT {
            let version = hex(&Sha256::digest(&bytes)[..16]);
            return Ok(Photo { media_type, bytes, version });
        }
    }
    Err(Error::internal(anyhow::anyhow!("a picture of {} pixels does not fit", picture.len())))
}

/// Whether a JPEG ends as it should: its decoder makes up what is missing, as browsers do, and half a
/// face in grey is not what anybody meant to upload.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low]) = bytes.get(at..at + 4) {
        match marker {
            // Padding before a marker.
            0xFF => at += 1,
            // The pixels begin: only the end can look like the end from here on.
            0xDA => return bytes[at..].windows(2).any(|pair| pair == [0xFF, 0xD9]),
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    false
}

/// The middle of the picture as a square, upright, no larger than it is kept.
fn square(upload: &[u8]) -> Result<RgbaImage> {
    // By what it is, never by what it is called.
    let format = image::guess_format(upload).ok();
    let format = format.filter(|it| matches!(it, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP));
    let format = format.ok_or_else(unreadable)?;
    if format == ImageFormat::Jpeg && !is_whole_jpeg(upload) {
        return Err(unreadable());
    }
    let mut reader = ImageReader::with_format(Cursor::new(upload), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    // So far only the header is read.
    let mut decoder = reader.into_decoder().map_err(|_| unreadable())?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > LONGEST_SIDE {
        return Err(Error::field("photo", format!("must not be wider or higher than {LONGEST_SIDE} pixels")));
    }
    if decoder.total_bytes() > MOST_MEMORY {
        return Err(Error::field("photo", "must not have so many pixels of so many colours"));
    }
    // Orientation that cannot be read is none.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(|_| unreadable())?;
    let side = width.min(height);
    if side == 0 {
        return Err(unreadable());
    }
    let middle = imageops::crop_imm(&picture, (width - side) / 2, (height - side) / 2, side, side);
    let kept = SIDES[0];
    // Far down in one cheap step, the last half with care.
    let small = if side > 2 * kept { imageops::thumbnail(&*middle, 2 * kept, 2 * kept) } else { middle.to_image() };
    drop(picture);
    let mut small = DynamicImage::ImageRgba8(shrunk(&small, kept));
    small.apply_orientation(orientation);
    Ok(small.into_rgba8())
}

/// The picture with sides of at most `side` pixels; it is never blown up.
fn shrunk(picture: &RgbaImage, side: u32) -> RgbaImage {
    if picture.width() <= side {
        return picture.clone();
    }
    imageops::resize(picture, side, side, FilterType::CatmullRom)
}

fn encoded(picture: &RgbaImage, media_type: MediaType) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match media_type {
        MediaType::Jpeg => {
            let opaque = DynamicImage::ImageRgba8(picture.clone()).into_rgb8();
            opaque
                .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
                .or_internal("encoding a picture")?;
        }
        MediaType::Png => {
            picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).or_internal("encoding a picture")?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
