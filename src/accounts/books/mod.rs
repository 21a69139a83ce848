//! Accounts as the program's books hold them: what an export says of a person beside their profile.

/// What bringing something in did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was not there before.
    New,
    /// It was there, otherwise.
    Changed,
    /// It was there just so.
    Unchanged,
}

impl Effect {
    /// That of something that was there.
    pub const fn of_known(has_changed: bool) -> Self {
        if has_changed { Self::Changed } else { Self::Unchanged }
    }
}
