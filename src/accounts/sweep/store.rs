//! The SQL that takes away what has ended.

use rusqlite::named_params;

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;

pub(super) fn delete_logins(tx: &Tx<'_>, ended: Moment, idle_since: Moment) -> Result<usize> {
    Ok(tx
        .prepare_cached("delete from logins where expires_at < :ended or last_seen_at < :idle")?
        .execute(named_params! { ":ended": ended, ":idle": idle_since })?)
}

pub(super) fn delete_links(tx: &Tx<'_>, before: Moment) -> Result<usize> {
    Ok(tx
        .prepare_cached("delete from verification_tokens where expires_at < :before")?
        .execute(named_params! { ":before": before })?)
}

pub(super) fn delete_flows(tx: &Tx<'_>, before: Moment) -> Result<usize> {
    Ok(tx
        .prepare_cached("delete from oidc_flows where expires_at < :before")?
        .execute(named_params! { ":before": before })?)
}

pub(super) fn delete_failures(tx: &Tx<'_>, before: Moment) -> Result<usize> {
    Ok(tx
        .prepare_cached("delete from sign_in_failures where last_failed_at < :before and locked_until < :before")?
        .execute(named_params! { ":before": before })?)
}

pub(super) fn delete_tokens(tx: &Tx<'_>, before: Moment) -> Result<usize> {
    Ok(tx
        .prepare_cached("delete from api_tokens where revoked_at < :before or expires_at < :before")?
        .execute(named_params! { ":before": before })?)
}
