//! Argon2id in both directions, never on a thread that serves requests, and never more at once
//! than there are cores: each hash takes 19 MiB and tens of milliseconds.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use crate::error::{Error, OrInternal, Result};

/// Memory in KiB, passes and lanes: the first choice of OWASP's password storage cheat sheet for argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The shortest and the longest password taken, in characters.
const SHORTEST: usize = 10;
const LONGEST: usize = 128;

/// Hashes and checks passwords. Clones share one set of permits.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// Checked where there is no account, so that an unknown address takes as long as a known one.
    decoy: Arc<str>,
}

impl Passwords {
    /// Permits one hash per core.
    ///
    /// # Errors
    /// Internal, where the system has no randomness.
    pub fn new() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoy = hash("a password that nobody has").map(Arc::from)?;
        Ok(Self { permits: Arc::new(Semaphore::new(cores)), decoy })
    }

    /// The hash to store for a new password.
    ///
    /// # Errors
    /// `Invalid` naming the field `password` where it is too short or too long.
    pub async fn hash(&self, password: String) -> Result<String> {
        check(&password)?;
        self.with_permit(move || hash(&password)).await
    }

    /// Whether `password` is the one behind `stored`. Takes the same time where there is none stored.
    ///
    /// # Errors
    /// Internal, where the stored hash cannot be read.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.to_string());
        // Longer than any password can be: refused before it costs a hash of a megabyte.
        if password.chars().count() > LONGEST {
            return Ok(false);
        }
        let is_right = self
            .with_permit(move || {
                let stored = PasswordHash::new(&stored).or_internal("reading a stored password hash")?;
                Ok(Argon2::default().verify_password(password.as_bytes(), &stored).is_ok())
            })
            .await?;
        Ok(is_right && is_known)
    }

    async fn with_permit<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.or_internal("waiting to hash a password")?;
        tokio::task::spawn_blocking(move || {
            let _held = permit;
            work()
        })
        .await
        .or_internal("hashing a password")?
    }
}

/// The hash to store for a password, on the calling thread, for commands.
///
/// # Errors
/// `Invalid` naming the field `password`.
pub(super) fn checked_hash(password: &str) -> Result<String> {
    check(password)?;
    hash(password)
}

fn check(password: &str) -> Result<()> {
    let length = password.chars().count();
    if (SHORTEST..=LONGEST).contains(&length) {
        return Ok(());
    }
    Err(Error::field("password", format!("must have {SHORTEST} to {LONGEST} characters")))
}

fn hash(password: &str) -> Result<String> {
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None).or_internal("setting up argon2")?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let hash = argon2.hash_password(password.as_bytes()).or_internal("hashing a password")?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let passwords = Passwords::new().expect("randomness");
        let stored = passwords.hash("correct horse battery".to_owned()).await.expect("long enough");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify("correct horse battery".to_owned(), Some(stored.clone())).await.expect("read"));
        assert!(!passwords.verify("correct horse batterY".to_owned(), Some(stored)).await.expect("read"));
    }

    #[tokio::test]
    async fn nobody_has_the_decoys_password() {
        let passwords = Passwords::new().expect("randomness");
        assert!(!passwords.verify("a password that nobody has".to_owned(), None).await.expect("read"));
    }

    #[tokio::test]
    async fn a_password_of_a_megabyte_is_refused_unhashed() {
        let passwords = Passwords::new().expect("randomness");
        let long = "x".repeat(1_000_000);
        assert!(!passwords.verify(long.clone(), None).await.expect("refused"));
        assert!(passwords.hash(long).await.is_err());
        assert!(passwords.hash("too short".to_owned()).await.is_err());
    }
}
