//! Signatures of deliveries: HMAC-SHA-256 (RFC 2104) over the bytes as they came, in hexadecimal. Pure.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Whether one of the secrets has signed just these bytes. Empty secrets sign nothing. Compared in constant time; the
/// signature is taken as it must be written: 64 small hexadecimal digits.
pub fn is_signed<S: AsRef<[u8]>>(secrets: &[S], body: &[u8], signature: &str) -> bool {
    let Some(signature) = digits(signature) else { return false };
    // Every secret is tried, so that the time does not tell which of them it was.
    secrets.iter().map(AsRef::as_ref).filter(|secret| !secret.is_empty()).fold(false, |is_signed, secret| {
        let is_this = Hmac::<Sha256>::new_from_slice(secret)
            .is_ok_and(|mac| mac.chain_update(body).verify_slice(&signature).is_ok());
        is_signed | is_this
    })
}

fn digits(text: &str) -> Option<[u8; 32]> {
    let is_right = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !is_right {
        return None;
    }
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4231, test case 2.
    const SECRET: &str = "Jefe";
    const BODY: &[u8] = b"what do ya want for nothing?";
    const SIGNATURE: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[test]
    fn only_the_very_bytes_and_the_very_signature_pass() {
        assert!(is_signed(&[SECRET], BODY, SIGNATURE));
        assert!(is_signed(&["new", SECRET], BODY, SIGNATURE), "the secret before, while it is changed over");
        assert!(!is_signed(&["", "new"], BODY, SIGNATURE));
        assert!(!is_signed(&[SECRET], b"what do ya want for nothing!", SIGNATURE));
        for wrong in [
            "",
            &SIGNATURE[..62],
            &SIGNATURE.to_uppercase(),
            &format!("{SIGNATURE}{SIGNATURE}"),
            &format!(" {SIGNATURE}"),
            &SIGNATURE.replace('5', "g"),
            &"ü".repeat(32),
        ] {
            assert!(!is_signed(&[SECRET], BODY, wrong), "{wrong}");
        }
    }
}
