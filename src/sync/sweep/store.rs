//! The SQL of deliveries that grow old.

use rusqlite::named_params;

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;

pub(super) fn drop_bodies(tx: &Tx<'_>, before: Moment) -> Result<usize> {
    Ok(tx
        .prepare_cached("update deliveries set body = null where last_at < :before and body is not null")?
        .execute(named_params! { ":before": before })?)
}
