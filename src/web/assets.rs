//! Style, script and icon, served from inside the binary and cached for ever: their address
//! carries the hash of their content.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const CSS: &str = include_str!("../../assets/app.css");
const STAFF_CSS: &str = include_str!("../../assets/staff.css");
const SCRIPT: &str = include_str!("../../assets/app.js");
const ICON: &str = include_str!("../../assets/icon.svg");

/// Changes whenever one of the assets does.
pub const HASH: &str = hash_text(&HASH_BYTES);

const HASH_BYTES: [u8; 16] = hex(fnv(
    fnv(fnv(fnv(0xcbf2_9ce4_8422_2325, CSS.as_bytes()), STAFF_CSS.as_bytes()), SCRIPT.as_bytes()),
    ICON.as_bytes(),
));

/// FNV-1a: not a lock, only a name that changes with what it names, and one the compiler can compute.
const fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

const fn hex(hash: u64) -> [u8; 16] {
    let mut text = [0; 16];
    let mut at = 0;
    while at < 16 {
        text[at] = b"0123456789abcdef"[(hash >> (60 - 4 * at) & 15) as usize];
        at += 1;
    }
    text
}

const fn hash_text(bytes: &'static [u8; 16]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "0",
    }
}

/// `GET /assets/{name}`
pub async fn show(Path(name): Path<String>) -> Response {
    let (kind, content) = match name.as_str() {
        "app.css" => ("text/css; charset=utf-8", CSS),
        "staff.css" => ("text/css; charset=utf-8", STAFF_CSS),
        "app.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")], content)
        .into_response()
}
