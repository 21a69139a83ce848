//! Airtable's webhooks come to an end after seven days, unless whoever made them asks for seven more. Tandem asks
//! once a day for the one that notifies it; that this fails is said in the log and holds nothing up.

use serde_json::Value;

use super::{Source, ask};
use crate::db::Tx;
use crate::error::Result;

/// Where the id of the webhook is kept that has notified last.
const WEBHOOK: &str = "airtable_webhook";

/// Where it is kept when its life was to be made longer last.
const EXTENDED_AT: &str = "airtable_webhook_extended_at";

/// The longest id taken for one.
const LONGEST_ID: usize = 60;

const A_DAY: i64 = 24 * 60 * 60;

/// Hears a notification whose signature is right: queues a look at the whole table, and remembers which webhook it was.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn heard(tx: &Tx<'_>, body: &[u8]) -> Result<()> {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let webhook = said["webhook"]["id"].as_str().unwrap_or_default();
    let is_id = (1..=LONGEST_ID).contains(&webhook.len()) && webhook.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id && tx.setting(WEBHOOK)?.as_deref() != Some(webhook) {
        tx.set_setting(WEBHOOK, webhook)?;
        tx.set_setting(EXTENDED_AT, "")?;
    }
    ask(tx, Source::Notification)
}

/// The webhook whose life is to be made longer now, which is then taken for done.
pub(super) fn to_extend(tx: &Tx<'_>) -> Result<Option<String>> {
    let Some(webhook) = tx.setting(WEBHOOK)? else { return Ok(None) };
    let last: Option<i64> = tx.setting(EXTENDED_AT)?.and_then(|text| text.parse().ok());
    let now = tx.now().unix();
    if last.is_some_and(|last| last <= now && now < last.saturating_add(A_DAY)) {
        return Ok(None);
    }
    tx.set_setting(EXTENDED_AT, &now.to_string())?;
    Ok(Some(webhook))
}
