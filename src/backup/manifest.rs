//! What a backup says of itself: its first entry. Read from strangers' files, so it is checked before it is believed.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::db::copy::Census;
use crate::db::{DATABASE, newest_schema};
use crate::error::{Error, Result};
use crate::hex::hex;
use crate::matching::embed;

/// The manifest's name in the archive.
pub(super) const NAME: &str = "manifest.json";

/// Bytes of a manifest, at most.
pub(super) const LONGEST: u64 = 1024 * 1024;

/// The one form that there is.
const FORMAT: u32 = 1;

/// Files of a backup, at most.
const MOST_MEMBERS: usize = 64;

/// Bytes of a secret key, at most: what is larger is no key, whatever its name.
pub(super) const LONGEST_KEY: u64 = 1024 * 1024;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of the archive.
    pub format: u32,
    /// The version of the Tandem that made it.
    pub tandem: String,
    /// When.
    pub made_at: Moment,
    /// The SHA-256 of the model that Tandem's vectors are made with.
    pub model: String,
    /// The database: its schema, its identity, its rows.
    #[serde(flatten)]
    pub census: Census,
    /// The files that follow, in their order.
    pub files: Vec<Member>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// A plain name: no directory is ever part of it.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// The manifest of a backup made now.
    pub(super) fn new(made_at: Moment, model: String, census: Census, files: Vec<Member>) -> Self {
        Self { format: FORMAT, tandem: env!("CARGO_PKG_VERSION").to_owned(), made_at, model, census, files }
    }

    /// Whether the Tandem that made it had another model than this one.
    pub fn is_of_another_model(&self) -> bool {
        self.model != hex(&embed::model_hash())
    }

    /// Reads one and refuses what this Tandem cannot restore, or should not.
    pub(super) fn read(text: &[u8]) -> Result<Self> {
        let manifest: Self =
            serde_json::from_slice(text).map_err(|cause| unfit("its manifest cannot be read", cause))?;
        if manifest.format != FORMAT {
            let (theirs, ours) = (manifest.format, FORMAT);
            return Err(Error::operator(
                "newer_backup",
                format!(
                    "The backup has the form {theirs}, this Tandem knows {ours}: use a newer Tandem. Nothing was changed."
                ),
            ));
        }
        let (theirs, ours) = (manifest.census.schema, newest_schema());
        if theirs > ours {
            return Err(Error::operator(
                "newer_backup",
                format!(
                    "The backup was made by a newer Tandem ({}; its schema is {theirs}, this one knows {ours}): restore it with that one. Nothing was changed.",
                    manifest.tandem
                ),
            ));
        }
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let is_first = self.files.first().is_some_and(|first| first.name == DATABASE);
        let mut names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let are_plain = names.iter().all(|name| *name == DATABASE || is_key(name));
        let are_short = self.files.iter().skip(1).all(|file| file.bytes <= LONGEST_KEY);
        let is_sane =
            is_first && are_plain && names.len() == self.files.len() && names.len() <= MOST_MEMBERS && are_short;
        if is_sane && self.bytes().is_some() {
            return Ok(());
        }
        Err(unfit("its manifest names files that no backup has", anyhow::anyhow!("{names:?}")))
    }

    /// Bytes of all files, `None` where the sum is beyond counting.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.bytes))
    }
}

/// Whether a file of the data directory is a secret key that belongs to the database.
pub(super) fn is_key(name: &str) -> bool {
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
    is_plain && name.len() <= 64 && matches!(name.rsplit_once('.'), Some((_, "key" | "pem")))
}

/// The refusal of a file that cannot be restored.
pub(super) fn unfit(reason: &str, cause: impl Into<anyhow::Error>) -> Error {
    Error::operator("damaged_backup", format!("The backup cannot be restored: {reason}. Nothing was changed."))
        .because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_keys() {
        for good in ["secret.key", "tls-2030.pem", "a.key"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["../secret.key", "/etc/x.key", ".key", "a/b.key", "x.toml", "x.key\n", "", "..", "C:x.key", "ä.key"]
        {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn what_no_backup_has_is_refused() {
        let census = Census { schema: newest_schema(), database_id: "1".into(), counts: [].into() };
        let file = |name: &str, bytes| Member { name: name.to_owned(), bytes, sha256: String::new() };
        let with = |files| Manifest::new(Moment::from_unix(0), String::new(), census.clone(), files);
        let read = |manifest: &Manifest| Manifest::read(&serde_json::to_vec(manifest).expect("written"));
        let good = with(vec![file(DATABASE, 1), file("a.key", 2)]);
        assert_eq!(read(&good).expect("good"), good);
        assert!(good.is_of_another_model(), "which is no reason to refuse it");
        let ours = Manifest { model: hex(&embed::model_hash()), ..good.clone() };
        assert!(!read(&ours).expect("good").is_of_another_model());
        for files in [
            vec![],
            vec![file("a.key", 1), file(DATABASE, 1)],
            vec![file(DATABASE, 1), file(DATABASE, 1)],
            vec![file(DATABASE, 1), file("../x.key", 1)],
            vec![file(DATABASE, u64::MAX), file("a.key", 1)],
            vec![file(DATABASE, 1), file("a.key", LONGEST_KEY + 1)],
            [vec![file(DATABASE, 1)], (0..64).map(|number| file(&format!("{number}.key"), 1)).collect()].concat(),
        ] {
            assert_eq!(read(&with(files)).expect_err("bad").code, "damaged_backup");
        }
        let mut newer = good.clone();
        newer.census.schema += 1;
        assert_eq!(read(&newer).expect_err("newer").code, "newer_backup");
        let other = Manifest { format: 2, ..good };
        assert_eq!(read(&other).expect_err("another form").code, "newer_backup");
        assert_eq!(Manifest::read(b"{").expect_err("no JSON").code, "damaged_backup");
    }
}
