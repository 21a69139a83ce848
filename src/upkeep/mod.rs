//! What keeps a house in order while nobody looks: how its parts stand (`/readyz`, `tandem doctor`), the figures that
//! are read when somebody asks (`/metrics`), and the daily sweep. It looks and says; what it takes away, each room has
//! given up itself.

pub mod doctor;
pub mod figures;
pub mod machine;
pub mod standing;
mod store;
pub mod sweep;

use serde::Serialize;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should.
    Ok,
    /// It works, and somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

impl State {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// `Ok` where it is so, else `otherwise`.
    pub const fn ok_if(is_so: bool, otherwise: Self) -> Self {
        if is_so { Self::Ok } else { otherwise }
    }
}
