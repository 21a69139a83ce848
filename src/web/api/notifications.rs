//! Airtable's own webhooks: they say that something has changed and not what. The signature is checked before
//! anything is read; then one job is queued, and whoever notifies is sent home.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::operations::Problem;
use super::webhooks::knock;
use crate::app::App;
use crate::error::{Error, Result};
use crate::sync::deliveries::Source;
use crate::sync::{self, airtable};
use crate::web::error::Refusal;
use crate::web::extract::Raw;

/// Bytes of a notification, at most: it names a base, a webhook and a time.
pub const BODY_LIMIT: usize = 16 * 1024;

/// The header of its signature.
const SIGNATURE: &str = "x-airtable-content-mac";

/// Hears that something in the base has changed, and has the base looked through. As many notifications as come
/// while a look waits are answered by that one look.
#[utoipa::path(post, path = "/api/webhooks/airtable/notifications", tag = "sync", request_body = Object,
    params(("x-airtable-content-mac" = String, Header,
        description = "`hmac-sha256=` and the hexadecimal HMAC of the raw body, by the MAC secret of the webhook")),
    responses(
    (status = 200, description = "The base is going to be looked through"),
    (status = 401, description = "`bad_signature`", body = Problem),
    (status = 404, description = "No MAC secret is set, so there is nothing to notify", body = Problem),
    (status = 413, description = "Over 16 KiB", body = Problem),
))]
pub async fn notify(State(app): State<App>, headers: HeaderMap, Raw(body): Raw) -> Result<StatusCode, Refusal> {
    let settings = &app.config.sync;
    let Some(key) = settings.airtable_mac_key().filter(|_| settings.has_airtable()) else {
        return Err(Error::not_found("not_found", "There is nothing here.").into());
    };
    let mut signatures = headers.get_all(SIGNATURE).iter();
    let signature = signatures.next().and_then(|it| it.to_str().ok()?.strip_prefix("hmac-sha256="));
    if signatures.next().is_some() || !sync::is_signed(&[key], &body, signature.unwrap_or_default()) {
        return Err(knock(&app, Source::Notification).await?.into());
    }
    app.db.write(move |tx| airtable::heard(tx, &body)).await?;
    Ok(StatusCode::OK)
}
