//! Argon2id in both directions, never on a thread that serves requests, and never more at once
//! than there are cores: each hash takes 19 MiB and tens of milliseconds.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

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

/// How long a sign-in waits for its turn before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Passwords of ten and more characters that many people use, in lower case: those among the 20,000
/// that the Django project gathered (BSD licence) from leaked ones.
const COMMON: &str = include_str!("common_passwords.txt");

/// What became of checking a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is the one.
    pub is_right: bool,
    /// A hash with today's parameters, where the stored one was made with weaker ones.
    pub better_hash: Option<String>,
}

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

    /// The hash to store for a new password of an account whose address and name are `about`.
    ///
    /// # Errors
    /// `Invalid` naming the field `password` where it is too short, too long or easily guessed.
    pub async fn hash_for(&self, password: String, about: &[&str]) -> Result<String> {
        check(&password, about)?;
        self.with_permit(move || hash(&password)).await
    }

    /// Whether `password` is the one behind `stored`. Takes the same time where there is none stored.
    ///
    /// # Errors
    /// Internal, where the stored hash cannot be read; `busy` where too many wait.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Verdict> {
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.to_string());
        // Longer than any password can be: refused before it costs a hash of a megabyte.
        if password.chars().count() > LONGEST {
            return Ok(Verdict::default());
        }
        self.with_permit(move || {
            let stored = PasswordHash::new(&stored).or_internal("reading a stored password hash")?;
            let is_right = Argon2::default().verify_password(password.as_bytes(), &stored).is_ok() && is_known;
            let better_hash = if is_right && is_weak(&stored) { Some(hash(&password)?) } else { None };
            Ok(Verdict { is_right, better_hash })
        })
        .await
    }

    async fn with_permit<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = turn
            .map_err(|_| Error::busy("busy", "Very many people are signing in just now, please try again."))?
            .or_internal("waiting to hash a password")?;
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
    check(password, &[])?;
    hash(password)
}

fn check(password: &str, about: &[&str]) -> Result<()> {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(Error::field("password", format!("must have {SHORTEST} to {LONGEST} characters")));
    }
    if is_easily_guessed(password, about) {
        return Err(Error::field("password", "is one that is tried first; please choose one that nobody would guess"));
    }
    Ok(())
}

fn is_easily_guessed(password: &str, about: &[&str]) -> bool {
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.lines().collect());
    let lower = password.to_lowercase();
    let letters: HashSet<char> = lower.chars().collect();
    let is_about = |about: &&str| {
        let about = about.to_lowercase();
        about == lower || about.split('@').next() == Some(lower.as_str())
    };
    KNOWN.contains(lower.as_str()) || letters.len() < 4 || about.iter().any(is_about)
}

/// Whether a stored hash was made with less work than one made today.
fn is_weak(stored: &PasswordHash) -> bool {
    let Ok(parameters) = Params::try_from(stored) else { return true };
    parameters.m_cost() < MEMORY_KIB || parameters.t_cost() < PASSES
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

    async fn is_right(passwords: &Passwords, password: &str, stored: Option<String>) -> bool {
        passwords.verify(password.to_owned(), stored).await.expect("read").is_right
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let passwords = Passwords::new().expect("randomness");
        let stored = passwords.hash_for("correct horse battery".to_owned(), &[]).await.expect("long enough");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(is_right(&passwords, "correct horse battery", Some(stored.clone())).await);
        assert!(!is_right(&passwords, "correct horse batterY", Some(stored)).await);
    }

    #[tokio::test]
    async fn nobody_has_the_decoys_password() {
        let passwords = Passwords::new().expect("randomness");
        assert!(!is_right(&passwords, "a password that nobody has", None).await);
    }

    #[tokio::test]
    async fn a_password_of_a_megabyte_is_refused_unhashed() {
        let passwords = Passwords::new().expect("randomness");
        let long = "x".repeat(1_000_000);
        assert!(!is_right(&passwords, &long, None).await);
        assert!(passwords.hash_for(long, &[]).await.is_err());
        assert!(passwords.hash_for("too short".to_owned(), &[]).await.is_err());
    }

    #[tokio::test]
    async fn a_hash_made_with_less_work_is_made_anew_by_whoever_knows_the_password() {
        let passwords = Passwords::new().expect("randomness");
        let weak = Params::new(8_192, 1, 1, None).expect("allowed");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, weak);
        let stored = argon2.hash_password(b"correct horse battery").expect("hashed").to_string();
        let wrong = passwords.verify("wrong horse battery".to_owned(), Some(stored.clone())).await.expect("read");
        assert_eq!(wrong, Verdict::default());
        let right = passwords.verify("correct horse battery".to_owned(), Some(stored)).await.expect("read");
        let better = right.better_hash.expect("a better one");
        assert!(right.is_right && better.contains("m=19456,t=2"), "{better}");
        let again = passwords.verify("correct horse battery".to_owned(), Some(better)).await.expect("read");
        assert!(again.is_right && again.better_hash.is_none());
    }

    #[test]
    fn what_is_tried_first_is_refused() {
        for common in ["1234567890", "QwertyUiop", "password123", "aaaaaaaaaaaa", "abababababab"] {
            assert!(check(common, &[]).is_err(), "{common}");
        }
        let about = ["ada.lovelace@example.org", "Ada Lovelace"];
        assert!(check("ada.lovelace", &about).is_err() && check("ada lovelace", &about).is_err());
        for fine in ["correct horse battery", "Sup3r-secret!", "пароль от дома"] {
            assert!(check(fine, &about).is_ok(), "{fine}");
        }
    }

    #[test]
    fn the_list_of_common_passwords_holds_what_the_length_lets_through() {
        assert!(COMMON.lines().count() > 1_500);
        assert!(COMMON.lines().all(|line| line.chars().count() >= SHORTEST && line == line.to_lowercase()));
    }
}
