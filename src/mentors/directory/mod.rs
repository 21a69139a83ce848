//! All mentors as those who run the program see them, the private and the resting too: found by
//! words, narrowed, sorted, one page at a time. Those who have deleted their account are not here.

mod store;

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{MentorId, UserId};
use crate::mentors::Visibility;

/// How a mentor stands in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In use, and not on a pause.
    Active,
    /// Taken off the list.
    Inactive,
    /// In use, but takes nobody new for now.
    Paused,
    /// Their account is not in use.
    Closed,
}

impl State {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Inactive, Self::Paused, Self::Closed];

    /// The word in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }
}

/// What the list is ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The name.
    #[default]
    Name,
    /// When the profile was made, the newest first.
    Newest,
    /// When the profile was last changed, the latest first.
    Changed,
    /// How many sessions they have or had, the most first.
    Sessions,
    /// The next time that can be booked, the soonest first.
    NextFree,
}

impl Sort {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::Name, Self::Newest, Self::Changed, Self::Sessions, Self::NextFree];

    /// The word in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Newest => "newest",
            Self::Changed => "changed",
            Self::Sessions => "sessions",
            Self::NextFree => "free",
        }
    }
}

/// Which mentors to list, and in which order. Everything that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Words that must all stand in name, address, headline, company, title or tags, whatever their case.
    pub q: String,
    /// How they stand.
    pub state: Option<State>,
    /// Who may see them.
    pub visibility: Option<Visibility>,
    /// A tag, an industry or a stage, as a whole, whatever its case.
    pub tag: Option<String>,
    /// Whether they come from a record of another program.
    pub is_from_record: Option<bool>,
    /// The order.
    pub sort: Sort,
}

/// A mentor in the list.
#[derive(Clone, Debug)]
pub struct Line {
    /// The mentor.
    pub id: MentorId,
    /// Their account.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// The picture to show.
    pub photo: Option<String>,
    /// Whether their account is in use.
    pub has_active_account: bool,
    /// One line.
    pub headline: String,
    /// As what they work.
    pub title: String,
    /// Where they work.
    pub company: String,
    /// Who may see them.
    pub visibility: Visibility,
    /// Whether the program has them in use.
    pub is_active: bool,
    /// Takes nobody new until then.
    pub paused_until: Option<Moment>,
    /// Whether they come from a record of another program.
    pub is_from_record: bool,
    /// Their tags, the first ones foremost.
    pub areas: Vec<String>,
    /// Sessions that were not called off.
    pub n_sessions: u32,
    /// The next time that can be booked.
    pub next_free_at: Option<Moment>,
}

/// Returns `limit` lines after the first `offset`, and how many fit in all; none in all where `offset` lies beyond.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn lines(tx: &Tx<'_>, filter: &Filter, limit: u32, offset: u32) -> Result<(Vec<Line>, u32)> {
    store::lines(tx, filter, limit, offset)
}
