//! The data directory and the files that hold secrets: whose they are, and what they lie on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Cure, Finding, Holder, Patient, absolute};
use crate::error::{OrInternal, Result};
use crate::upkeep::machine::{self, FileSystem};
use crate::upkeep::standing::LITTLE_ROOM;

/// Variables that name a file with a secret and are no settings.
const OTHER_SECRETS: &[&str] = &["TANDEM_ADMIN_PASSWORD_FILE"];

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let mut findings = vec![directory(patient), holder(patient), secrets(patient)];
    if patient.config.data_dir.is_dir() {
        findings.extend([file_system(&patient.config.data_dir), disk(&patient.config.data_dir)]);
    }
    findings
}

fn directory(patient: &Patient) -> Finding {
    let (id, path) = ("data_dir", &patient.config.data_dir);
    let shown = absolute(path);
    match &patient.holder {
        Holder::NoDirectory => {
            return Finding::warn(id, format!("{} is not there yet.", shown.display()))
                .mend("tandem serve makes it; or name another with --data-dir.");
        }
        Holder::Unusable(says) => return Finding::fail(id, says.clone()).mend("Change its owner, or free some room."),
        Holder::Us | Holder::Another(_) => {}
    }
    if is_open_to_others(path) {
        return Finding::warn(id, format!("{} can be read by other users of this machine.", shown.display()))
            .mend(format!("chmod 700 {}", shown.display()))
            .cure(Cure::Close(vec![path.clone()]));
    }
    Finding::ok(id, format!("{} is its owner's alone.", shown.display()))
}

fn holder(patient: &Patient) -> Finding {
    match &patient.holder {
        Holder::Another(says) => Finding::ok("holder", says.clone()),
        _ => Finding::ok("holder", "No process works on the data directory now."),
    }
}

/// Files that hold a secret: those named by `…_FILE`, the settings where a secret stands in them, the key of TLS.
fn files_with_secrets(patient: &Patient) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    for setting in patient.settings.iter().filter(|it| it.value == "(hidden)") {
        let is_variable = setting.origin.starts_with("TANDEM_");
        if is_variable {
            files.extend(setting.origin.ends_with("_FILE").then(|| named(&setting.origin)).flatten());
        } else {
            files.insert(PathBuf::from(&setting.origin));
        }
    }
    files.extend(OTHER_SECRETS.iter().filter_map(|variable| named(variable)));
    files.extend(patient.config.server.tls_files().map(|(_, key)| key.to_owned()));
    files.retain(|file| file.is_file());
    files
}

fn secrets(patient: &Patient) -> Finding {
    let (id, files) = ("secret_files", files_with_secrets(patient));
    let open: Vec<PathBuf> = files.iter().filter(|file| is_open_to_others(file)).cloned().collect();
    if open.is_empty() {
        return Finding::ok(
            id,
            match files.len() {
                0 => "No file holds a secret.".to_owned(),
                n => format!("Only their owner reads the files that hold secrets: {n}."),
            },
        );
    }
    let names = open.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ");
    Finding::warn(id, format!("Other users of this machine can read secrets in {names}."))
        .mend(format!("chmod 600 {names}"))
        .cure(Cure::Close(open))
}

/// Whether anybody but its owner may do anything with it.
fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Takes it away from everybody but its owner.
pub(super) fn close(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).or_internal("looking at a file's mode")?.permissions().mode() & 0o700;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).or_internal("changing a file's mode")?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn file_system(directory: &Path) -> Finding {
    of_kind(machine::file_system(directory))
}

fn of_kind(kind: FileSystem) -> Finding {
    let id = "file_system";
    match kind {
        FileSystem::Local(name) => Finding::ok(id, format!("The data directory lies on {name}, on this machine.")),
        FileSystem::Unknown => Finding::ok(id, "The data directory lies on a file system that is not known here."),
        FileSystem::Network(name) => Finding::warn(
            id,
            format!("The data directory lies on {name}: locks may not hold there, and a database may be damaged."),
        )
        .mend("Move it to a disk of this machine; back up to the other one instead."),
        FileSystem::Passing(name) => Finding::warn(
            id,
            format!("The data directory lies on {name}, which forgets everything when it is stopped."),
        )
        .mend("Mount a volume for the data directory."),
    }
}

fn disk(directory: &Path) -> Finding {
    let database = machine::size(&directory.join("tandem.db"));
    match machine::disk(directory) {
        Some(disk) => of_room(disk.free, database),
        None => Finding::ok("disk", "This system does not say how much room is left."),
    }
}

/// An upgrade and a backup want room for a copy of the database each.
fn of_room(free: u64, database: u64) -> Finding {
    let (id, left) = ("disk", machine::in_words(free));
    let wanted = LITTLE_ROOM.max(database.saturating_mul(2));
    if free >= wanted {
        return Finding::ok(id, format!("{left} are free."));
    }
    let says = format!("Only {left} are free; {} are wanted for backups and upgrades.", machine::in_words(wanted));
    Finding::warn(id, says).mend("Free some room on that disk.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upkeep::State;

    #[test]
    fn file_systems_of_other_machines_and_passing_ones_are_warned_of() {
        let state = |kind| of_kind(kind).state;
        assert_eq!(state(FileSystem::Network("nfs")), State::Warn);
        assert_eq!(state(FileSystem::Passing("overlay")), State::Warn);
        assert_eq!((state(FileSystem::Local("ext4")), state(FileSystem::Unknown)), (State::Ok, State::Ok));
    }

    #[test]
    fn little_room_is_warned_of_by_the_size_of_the_database() {
        assert_eq!(of_room(LITTLE_ROOM, 0).state, State::Ok);
        assert_eq!(of_room(LITTLE_ROOM - 1, 0).state, State::Warn);
        assert_eq!(of_room(1_900_000_000, 1_000_000_000).state, State::Warn);
    }
}
