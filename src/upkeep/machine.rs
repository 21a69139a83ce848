//! What the machine says: room on the disk, the kind of file system, memory, files. Where a machine
//! does not tell, nothing is made up.

use std::path::Path;

use crate::db::files;

/// The disk that a directory lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that this user may still write.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What a file system means for a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// It is on this machine.
    Local(&'static str),
    /// It is on another machine: locks and the write-ahead log may fail there.
    Network(&'static str),
    /// It forgets everything when the machine or the container stops.
    Passing(&'static str),
    /// Nobody knows.
    Unknown,
}

/// Room on the disk that holds `directory`.
pub fn disk(directory: &Path) -> Option<Disk> {
    let (free, total) = (files::free_space(directory).ok()?, files::total_space(directory).ok()?);
    Some(Disk { free, total })
}

/// The kind of file system that holds `directory`.
pub fn file_system(directory: &Path) -> FileSystem {
    #[cfg(target_os = "linux")]
    {
        rustix::fs::statfs(directory).map_or(FileSystem::Unknown, |it| {
            // The type of the number differs between machines; all known ones fit into 32 bits.
            u32::try_from(i128::from(it.f_type) & 0xFFFF_FFFF).map_or(FileSystem::Unknown, by_number)
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = directory;
        FileSystem::Unknown
    }
}

/// The numbers stand in the kernel's `magic.h`.
const fn by_number(number: u32) -> FileSystem {
    match number {
        0xEF53 => FileSystem::Local("ext4"),
        0x5846_5342 => FileSystem::Local("xfs"),
        0x9123_683E => FileSystem::Local("btrfs"),
        0x2FC1_2FC1 => FileSystem::Local("zfs"),
        0xF2F5_2010 => FileSystem::Local("f2fs"),
        0x6969 => FileSystem::Network("nfs"),
        0x517B | 0xFE53_4D42 => FileSystem::Network("smb"),
        0xFF53_4D42 => FileSystem::Network("cifs"),
        0x6573_5546 => FileSystem::Network("fuse"),
        0x0102_1997 => FileSystem::Network("9p"),
        0x00C3_6400 => FileSystem::Network("ceph"),
        0x5346_414F | 0x6B41_4653 => FileSystem::Network("afs"),
        0x0102_1994 => FileSystem::Passing("tmpfs"),
        0x8584_58F6 => FileSystem::Passing("ramfs"),
        0x794C_7630 => FileSystem::Passing("overlay"),
        _ => FileSystem::Unknown,
    }
}

/// Bytes of memory that this process holds.
pub fn memory() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages.saturating_mul(u64::try_from(rustix::param::page_size()).ok()?))
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

/// Files, connections among them, that this process may have open; `None` where nobody says.
pub fn most_files() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes of a file, 0 where there is none.
pub fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |it| it.len())
}

/// Bytes in words: `1.5 GB`.
pub fn in_words(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_as_people_say_them() {
        let said = [0, 999, 1_000, 1_549, 23_828_894, 5_000_000_000].map(in_words);
        assert_eq!(said, ["0 B", "999 B", "1.0 KB", "1.5 KB", "23.8 MB", "5.0 GB"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells_of_itself() {
        assert!(memory().is_some_and(|bytes| bytes > 1_000_000));
        let disk = disk(Path::new("/")).expect("there is a disk");
        assert!(disk.total > 0 && disk.free <= disk.total);
        assert_eq!(by_number(0x6969), FileSystem::Network("nfs"));
    }
}
