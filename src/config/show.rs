//! What is set and by whom, for `tandem config show`. It never prints a secret.

use figment::value::{Dict, Value};

use super::layers::{self, Flags};
use super::providers;
use crate::error::Result;

/// Keys whose values are never shown and may come from a file named in the environment.
const SECRETS: &[&str] = &[
    "mail.smtp_url",
    "sync.airtable_secret",
    "sync.airtable_secret_previous",
    "sync.airtable_mac_secret",
    "sync.airtable_token",
    "cron.secret",
];

/// Whether a key's value is a secret.
pub(super) fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key) || providers::is_secret(key)
}

/// One key as it stands.
#[derive(Debug, serde::Serialize)]
pub struct Setting {
    /// `server.listen`
    pub key: String,
    /// Its value as TOML; `"(hidden)"` for a secret that is set.
    pub value: String,
    /// `default`, the file, the variable or the flag that set it.
    pub origin: String,
}

/// Every setting with its value and origin, in the order of their keys.
///
/// # Errors
/// As `Config::load`.
pub fn settings(flags: &Flags) -> Result<Vec<Setting>> {
    let figment = layers::figment(flags, std::env::vars())?;
    let all: Dict = figment.extract().map_err(layers::explain)?;
    let mut settings = Vec::new();
    for key in keys_of(&all) {
        let value = figment.find_value(&key).map_err(layers::explain)?;
        let is_set_secret = is_secret(&key) && value.as_str().is_some_and(|text| !text.is_empty());
        let origin = figment.find_metadata(&key).map_or_else(|| "default".to_owned(), |it| it.name.to_string());
        let value = if is_set_secret { "(hidden)".to_owned() } else { written(&value) };
        settings.push(Setting { key, value, origin });
    }
    Ok(settings)
}

/// The dotted names of all leaves.
pub(super) fn keys_of(dict: &Dict) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in dict {
        match value {
            Value::Dict(_, inner) => keys.extend(keys_of(inner).into_iter().map(|key| format!("{name}.{key}"))),
            _ => keys.push(name.clone()),
        }
    }
    keys
}

fn written(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Bool(_, is_on) => is_on.to_string(),
        Value::Num(_, number) => {
            number.to_i128().map_or_else(|| format!("{:?}", number.to_f64()), |whole| whole.to_string())
        }
        Value::Array(_, items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}
