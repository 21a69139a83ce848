use image::{Rgb, RgbImage, Rgba};

use super::*;

fn red_and_blue(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 200]) })
}

fn file(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

fn read(photo: &Photo) -> RgbImage {
    let format = if photo.media_type == MediaType::Png { ImageFormat::Png } else { ImageFormat::Jpeg };
    image::load_from_memory_with_format(&photo.bytes, format).expect("a picture").into_rgb8()
}

fn is_red(pixel: Rgb<u8>) -> bool {
    pixel.0[0] > 150 && pixel.0[2] < 60
}

/// The check of a PNG chunk (PNG specification, annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 })
    })
}

/// A small PNG whose header says that it is `width` by `height` pixels of 16 bits and four channels.
fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let mut png = file(&red_and_blue(8, 8), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    png[24..26].copy_from_slice(&[16, 6]);
    let sum = crc(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    png
}

/// A JPEG with EXIF data: turned a quarter to the right, and where it was taken.
fn turned_jpeg(picture: &RgbImage) -> Vec<u8> {
    let jpeg = file(picture, ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    exif.extend_from_slice(b"52.5200N 13.4050E");
    let length = u16::try_from(exif.len() + 2).expect("short");
    let mut turned = jpeg[..2].to_vec();
    turned.extend_from_slice(&[0xFF, 0xE1]);
    turned.extend_from_slice(&length.to_be_bytes());
    turned.extend_from_slice(&exif);
    turned.extend_from_slice(&jpeg[2..]);
    turned
}

#[test]
fn any_picture_becomes_a_small_square_from_its_middle() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let photo = made(&file(&red_and_blue(1_300, 1_100), format)).expect("a picture");
        assert_eq!(photo.media_type, MediaType::Jpeg, "nothing is transparent: {format:?}");
        assert!(photo.bytes.starts_with(&[0xFF, 0xD8]) && photo.bytes.len() < LARGEST_KEPT);
        let kept = read(&photo);
        assert_eq!(kept.dimensions(), (512, 512), "{format:?}");
        assert!(is_red(*kept.get_pixel(10, 256)) && !is_red(*kept.get_pixel(500, 256)), "{format:?}");
    }
    let wide = made(&file(&red_and_blue(90, 30), ImageFormat::Png)).expect("a picture");
    assert_eq!(read(&wide).dimensions(), (30, 30), "a small one is not blown up");
    let dot = made(&file(&red_and_blue(1, 1), ImageFormat::Png)).expect("a picture");
    assert_eq!(read(&dot).dimensions(), (1, 1));
}

#[test]
fn it_stands_upright_and_tells_nothing_but_its_pixels() {
    let upload = turned_jpeg(&red_and_blue(200, 120));
    assert!(upload.windows(8).any(|it| it == b"52.5200N"));
    let photo = made(&upload).expect("a picture");
    let kept = read(&photo);
    assert!(is_red(*kept.get_pixel(60, 10)) && !is_red(*kept.get_pixel(60, 110)), "left has become top");
    assert!(!photo.bytes.windows(4).any(|it| it == b"Exif" || it == b"52.5"));
}

#[test]
fn what_is_transparent_stays_so_and_fits() {
    // Noise does not compress: the worst that can be kept.
    let mut seed = 7_u32;
    let noise = RgbaImage::from_fn(600, 600, |_, _| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgba(seed.to_be_bytes())
    });
    let mut bytes = Cursor::new(Vec::new());
    noise.write_to(&mut bytes, ImageFormat::Png).expect("encoded");
    let photo = made(&bytes.into_inner()).expect("a picture");
    assert_eq!(photo.media_type, MediaType::Png);
    assert!(photo.bytes.len() <= LARGEST_KEPT);
    assert!(photo.bytes.starts_with(b"\x89PNG"));
}

#[test]
fn the_same_picture_has_the_same_address() {
    let upload = file(&red_and_blue(50, 50), ImageFormat::Png);
    let (first, again) = (made(&upload).expect("a picture"), made(&upload).expect("a picture"));
    assert_eq!(first, again);
    assert_eq!(first.version.len(), 32);
    assert_ne!(made(&file(&red_and_blue(51, 51), ImageFormat::Png)).expect("a picture").version, first.version);
}

#[test]
fn what_is_no_picture_or_a_trap_is_refused_by_name() {
    let png = file(&red_and_blue(300, 300), ImageFormat::Png);
    let jpeg = file(&red_and_blue(300, 300), ImageFormat::Jpeg);
    let webp = file(&red_and_blue(300, 300), ImageFormat::WebP);
    let mut bad_sum = png.clone();
    bad_sum[30] ^= 1;
    let traps: [(&str, Vec<u8>); 16] = [
        ("nothing", Vec::new()),
        ("a picture of vectors", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec()),
        ("a page", b"<!DOCTYPE html><script>alert(1)</script>".to_vec()),
        ("a page that begins like a PNG", b"\x89PNG\r\n\x1a\n<script>alert(1)</script>".to_vec()),
        ("a GIF", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()),
        ("a bitmap", b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0".to_vec()),
        ("a bomb", png_that_claims(60_000, 60_000)),
        ("one pixel too wide", png_that_claims(6_001, 1)),
        ("many pixels of many colours", png_that_claims(6_000, 6_000)),
        ("no pixels", png_that_claims(0, 0)),
        ("all pixels", png_that_claims(u32::MAX, u32::MAX)),
        ("half a PNG", png[..png.len() / 2].to_vec()),
        ("half a JPEG", jpeg[..jpeg.len() / 2].to_vec()),
        ("half a WebP", webp[..webp.len() / 2].to_vec()),
        ("a header alone", png[..33].to_vec()),
        ("a wrong sum", bad_sum),
    ];
    for (what, upload) in traps {
        let refusal = made(&upload).map(|photo| photo.media_type).expect_err(what);
        assert!(refusal.fields.contains_key("photo"), "{what}: {refusal:?}");
    }
    assert_eq!(made(&vec![0; LARGEST_UPLOAD + 1]).expect_err("too much").code, "too_large");
}

#[tokio::test]
async fn pictures_are_made_off_the_threads_that_serve() {
    let photos = Photos::default();
    let upload = file(&red_and_blue(20, 20), ImageFormat::Png);
    let (one, two) = tokio::join!(photos.make(upload.clone()), photos.make(upload));
    assert_eq!(one.expect("a picture"), two.expect("a picture"));
    assert!(photos.make(b"nothing of the sort".to_vec()).await.is_err());
}
