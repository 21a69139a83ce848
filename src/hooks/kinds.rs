//! What other programs may hear of, and the entries of the audit log that it is made from. Pure.

/// One kind of event.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What programs call it: `session.booked`.
    pub name: &'static str,
    /// What people are told that it is.
    pub words: &'static str,
    /// The kinds of entries in the audit log.
    of: &'static [&'static str],
}

/// What a test is called. It can neither be wished for nor left out.
pub const PING: &str = "ping";

/// Every kind there is, in the order in which people read them.
pub const KINDS: &[Kind] = &[
    Kind { name: "mentor.created", words: "A mentor is new.", of: &["mentor.created"] },
    Kind { name: "mentor.updated", words: "A mentor’s profile has changed.", of: &["mentor.changed"] },
    Kind { name: "mentor.deleted", words: "A mentor has left for good.", of: &["mentor.erased"] },
    Kind { name: "session.requested", words: "Somebody asks a mentor for a session.", of: &["session.requested"] },
    Kind { name: "session.accepted", words: "The mentor has agreed.", of: &["session.accepted"] },
    Kind { name: "session.declined", words: "The mentor has declined.", of: &["session.declined"] },
    Kind { name: "session.expired", words: "A request ran out unanswered.", of: &["session.expired"] },
    Kind { name: "session.booked", words: "A session is booked at once.", of: &["session.booked"] },
    Kind { name: "session.rescheduled", words: "A session is moved.", of: &["session.rescheduled"] },
    Kind { name: "session.cancelled", words: "A session is called off.", of: &["session.cancelled"] },
    Kind { name: "session.completed", words: "A session has taken place.", of: &["session.completed"] },
    Kind { name: "session.missed", words: "One of the two did not come.", of: &["session.missed"] },
    Kind { name: "session.reopened", words: "Staff took back how a session went.", of: &["session.reopened"] },
    Kind { name: "session.feedback_given", words: "One of the two said how it was.", of: &["session.feedback_given"] },
    Kind { name: "user.created", words: "An account is new.", of: &["user.created", "user.invited"] },
    Kind {
        name: "user.updated",
        words: "An account’s name, picture, role or state has changed.",
        of: &["user.changed", "user.photo_changed", "user.photo_removed", "user.role_changed", "user.status_changed"],
    },
    Kind { name: "user.deleted", words: "An account was deleted.", of: &["user.erased"] },
];

/// The kind that an entry of the audit log makes, if it is told to anybody.
pub(super) fn of_entry(entry: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.of.contains(&entry))
}

/// The kind of this name.
pub(super) fn by_name(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Whether an entry says that somebody is gone for good, and with them what letters may still say of them.
pub(super) fn is_an_end(entry: &str) -> bool {
    matches!(entry, "user.erased" | "mentor.erased")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_entry_makes_two_kinds_and_no_name_stands_twice() {
        let mut entries: Vec<_> = KINDS.iter().flat_map(|kind| kind.of).collect();
        let mut names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        let counts = (entries.len(), names.len());
        entries.sort_unstable();
        entries.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((entries.len(), names.len()), counts);
        assert_eq!(of_entry("user.invited").map(|kind| kind.name), Some("user.created"));
        assert_eq!(of_entry("hook.created"), None, "nobody is told of hooks");
        assert_eq!(by_name(PING), None);
    }
}
