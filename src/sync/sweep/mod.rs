//! Deliveries grow old: what became of each stays, its very bytes go, for they hold what people wrote of themselves.

mod store;

use crate::db::Tx;
use crate::error::Result;

/// How long the bytes of a delivery are kept for another try, in days.
pub const BODY_DAYS: i64 = 30;

/// Drops the bodies of deliveries that are older than `BODY_DAYS`. Returns how many there were.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn sweep(tx: &Tx<'_>) -> Result<usize> {
    store::drop_bodies(tx, tx.now().plus_days(-BODY_DAYS))
}
