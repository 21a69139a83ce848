//! The layers that a value may come from, lowest first: the embedded defaults, `config.toml`,
//! the environment, the flags. Each keeps its name, so that messages can say who set what.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::show::{is_secret, keys_of};
use super::{DEFAULTS, fields, providers};
use crate::error::{Error, Result};

/// Variables that start with `TANDEM_` but name no setting.
const NOT_SETTINGS: &[&str] = &["TANDEM_TEST_ALL", "TANDEM_ADMIN_EMAIL", "TANDEM_ADMIN_PASSWORD_FILE"];

/// What the command line may override.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`: a file that must exist; without it `config.toml` is read where there is one.
    pub config: Option<PathBuf>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
}

/// The embedded defaults as the lowest layer.
pub(super) fn defaults() -> Figment {
    Figment::from(Named { name: "default", dict: parse(DEFAULTS) })
}

fn parse(text: &str) -> Dict {
    // The embedded file is parsed by a test; a broken one would stop that test, not an operator.
    Toml::string(text).data().ok().and_then(|mut profiles| profiles.remove(&Profile::Default)).unwrap_or_default()
}

/// All layers, each checked for keys that nobody knows.
pub(super) fn figment(flags: &Flags, environment: impl Iterator<Item = (String, String)>) -> Result<Figment> {
    let defaults_layer = defaults();
    let known = keys_of(&parse(DEFAULTS));
    let mut figment = defaults_layer;
    if let Some(file) = config_file(flags)? {
        let layer = Toml::file_exact(&file);
        let data = layer.data().map_err(explain)?;
        let dict = data.get(&Profile::Default).cloned().unwrap_or_default();
        for key in keys_of(&dict) {
            check_known(&key, &known, &file.display().to_string())?;
        }
        figment = figment.merge(Named { name: &file.display().to_string(), dict });
    }
    for (variable, key, value) in environment_layer(environment, &known)? {
        figment = figment.merge(Named { name: &variable, dict: nest(&key, typed(&key, &value)) });
    }
    for (flag, key, value) in [
        ("--data-dir", "data_dir", flags.data_dir.as_ref().map(|path| path.display().to_string())),
        ("--listen", "server.listen", flags.listen.clone()),
        ("--log-format", "log.format", flags.log_format.clone()),
    ] {
        if let Some(value) = value {
            figment = figment.merge(Named { name: flag, dict: nest(key, value.into()) });
        }
    }
    Ok(figment)
}

fn config_file(flags: &Flags) -> Result<Option<PathBuf>> {
    match &flags.config {
        Some(path) if path.is_file() => Ok(Some(path.clone())),
        Some(path) => {
            Err(Error::operator("config", format!("The configuration file {} is not there.", path.display())))
        }
        None => Ok(Some(PathBuf::from("config.toml")).filter(|path| path.is_file())),
    }
}

/// The settings named in the environment: (variable, key, value).
fn environment_layer(
    environment: impl Iterator<Item = (String, String)>,
    known: &[String],
) -> Result<Vec<(String, String, String)>> {
    let mut found = Vec::new();
    let mut variables: Vec<_> =
        environment.filter(|(name, _)| name.starts_with("TANDEM_") && !NOT_SETTINGS.contains(&name.as_str())).collect();
    // A variable's place in the environment is chance: reading them in order makes messages stable.
    variables.sort();
    for (variable, value) in variables {
        let key = variable["TANDEM_".len()..].replace("__", ".").to_lowercase();
        let key = fields::with_names(&providers::with_dashes(&key));
        let secret = key.strip_suffix("_file").filter(|secret| is_secret(secret));
        if let Some(secret) = secret {
            found.push((variable.clone(), secret.to_owned(), secret_from(&variable, Path::new(&value))?));
        } else {
            check_known(&key, known, &variable)?;
            found.push((variable, key, value));
        }
    }
    Ok(found)
}

fn secret_from(variable: &str, path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).map_err(|cause| {
        Error::operator("config", format!("{variable} names {}, which cannot be read.", path.display())).because(cause)
    })
}

fn check_known(key: &str, known: &[String], origin: &str) -> Result<()> {
    let mut made_up = providers::keys_beside(key);
    made_up.extend(fields::keys_beside(key));
    if known.iter().chain(&made_up).any(|it| it == key) {
        return Ok(());
    }
    let near = known
        .iter()
        .chain(&made_up)
        .map(|it| (strsim::jaro_winkler(key, it), it))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = near.map_or_else(
        || "`tandem config show` lists all there are".to_owned(),
        |(_, known)| format!("did you mean `{known}`?"),
    );
    Err(Error::operator("config", format!("`{key}` (set by {origin}) is not a setting; {hint}")))
}

/// Reads an environment value as the type its default has, so that a secret of digits stays text.
fn typed(key: &str, text: &str) -> Value {
    let default = Figment::from(Named { name: "default", dict: parse(DEFAULTS) }).find_value(key);
    let is_text = (matches!(default, Ok(Value::String(..))) && key != "accounts.verify_email")
        || providers::is_text(key)
        || fields::is_text(key);
    if is_text { text.into() } else { text.parse().unwrap_or_else(|never| match never {}) }
}

/// `a.b = value` as a nested dictionary.
fn nest(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        Some((section, rest)) => Dict::from([(section.to_owned(), nest(rest, value).into())]),
        None => Dict::from([(key.to_owned(), value)]),
    }
}

/// One layer under a name that messages show.
struct Named<'a> {
    name: &'a str,
    dict: Dict,
}

impl Provider for Named<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.to_owned())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

/// Says which key is wrong, who set it, and what was expected.
pub(super) fn explain(error: figment::Error) -> Error {
    let Some(first) = error.into_iter().next() else {
        return Error::operator("config", "The configuration cannot be read.");
    };
    let key = first.path.join(".");
    let origin = first.metadata.as_ref().map_or_else(String::new, |metadata| format!(" (set by {})", metadata.name));
    let place = if key.is_empty() { "The configuration".to_owned() } else { format!("`{key}`{origin}") };
    Error::operator("config", format!("{place} is not right: {}.", first.kind))
}
