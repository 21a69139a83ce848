//! What `[sync]` says of Airtable's own interface, checked before Tandem speaks to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::{Sync, providers, wrong};
use crate::error::Error;

/// The rarest look at the whole table, in minutes: a month.
const RAREST_LOOK: u32 = 31 * 24 * 60;

impl Sync {
    /// Whether Tandem may ask Airtable.
    pub fn has_airtable(&self) -> bool {
        !self.airtable_token.is_empty()
    }

    /// The key that signs Airtable's notifications, `None` where there is none.
    pub fn airtable_mac_key(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.airtable_mac_secret.trim()).ok().filter(|key| !key.is_empty())
    }
}

/// Everything that is wrong. Secrets are never repeated.
pub(super) fn problems(sync: &Sync) -> Vec<Error> {
    let mut problems = Vec::new();
    let mut demand = |key, is_right: bool, problem: &str| {
        if !is_right {
            problems.push(wrong(key, problem));
        }
    };
    let url = Url::parse(&sync.airtable_api_url).ok().filter(providers::is_private);
    let is_bare = |url: &Url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let must_be = "must be an https:// address (http:// only on this machine)";
    demand("sync.airtable_api_url", url.as_ref().is_some_and(is_bare), must_be);
    let is_visible = |text: &str| text.chars().all(|letter| letter.is_ascii_graphic());
    demand("sync.airtable_token", is_visible(&sync.airtable_token), "must be one word, without blanks");
    let (base, table) = (&sync.airtable_base, &sync.airtable_table);
    let is_id = base.chars().all(|letter| letter.is_ascii_alphanumeric());
    demand("sync.airtable_base", is_id, "must be the id of a base, like appAbCdEfGhIjKlMn");
    let is_name = table.trim() == table && !table.contains(char::is_control) && table != "." && table != "..";
    demand("sync.airtable_table", is_name, "must be the name or the id of a table");
    if sync.has_airtable() {
        demand("sync.airtable_base", !base.is_empty(), "is needed where airtable_token is set");
        demand("sync.airtable_table", !table.is_empty(), "is needed where airtable_token is set");
    }
    let needs_token = "needs airtable_token, airtable_base and airtable_table";
    let has_secret = !sync.airtable_mac_secret.is_empty();
    let is_key = !has_secret || sync.airtable_mac_key().is_some();
    demand("sync.airtable_mac_secret", is_key, "must be the Base64 text that Airtable gave");
    demand("sync.airtable_mac_secret", !has_secret || sync.has_airtable(), needs_token);
    demand("sync.reconcile_minutes", sync.reconcile_minutes == 0 || sync.has_airtable(), needs_token);
    demand("sync.reconcile_minutes", sync.reconcile_minutes <= RAREST_LOOK, "must be at most 44640, a month");
    problems
}
