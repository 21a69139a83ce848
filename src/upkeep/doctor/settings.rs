//! Settings that are right in themselves and may still be wrong together.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Finding;
use crate::config::{Config, Setting};

pub(super) fn examine(config: &Config, settings: &[Setting]) -> Vec<Finding> {
    vec![origins(settings), address(config), proxies(config)]
}

fn origins(settings: &[Setting]) -> Finding {
    let set: Vec<_> = settings.iter().filter(|it| it.origin != "default").collect();
    let origins: BTreeSet<&str> = set.iter().map(|it| it.origin.as_str()).collect();
    if set.is_empty() {
        return Finding::ok("config", "Every setting has its default.");
    }
    let from = origins.into_iter().collect::<Vec<_>>().join(", ");
    Finding::ok("config", format!("Settings that are no defaults: {}, from {from}.", set.len()))
}

/// Whether this is a name or an address of this very machine.
fn is_here(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn address(config: &Config) -> Finding {
    let (id, url) = ("public_url", config.public_url());
    let is_derived = config.server.public_url.is_empty();
    if is_derived && !config.server.listen.is_local() {
        return Finding::warn(id, format!("Others can reach Tandem, but letters lead to {url}."))
            .mend("Set server.public_url to the https:// address that people type.");
    }
    if is_here(&url) {
        return Finding::ok(id, format!("Letters lead to {url}, on this machine."));
    }
    if url.starts_with("https://") {
        return Finding::ok(id, format!("Letters lead to {url}."));
    }
    Finding::warn(id, format!("Letters lead to {url}: passwords travel in the clear."))
        .mend("Put a proxy with TLS in front, or set server.tls_certificate and server.tls_key; then set server.public_url to the https:// address.")
}

/// Behind a proxy that is not believed everybody has one address: its own.
fn proxies(config: &Config) -> Finding {
    let id = "proxies";
    let is_behind = config.server.public_url.starts_with("https://") && !config.has_tls();
    if is_behind && config.server.trusted_proxies.is_empty() {
        return Finding::warn(
            id,
            "A proxy seems to be in front whose forwarded headers are not believed: rate limits and the audit log take everybody for the proxy.",
        )
        .mend("Set server.trusted_proxies to the proxy's address, like [\"127.0.0.1\"].");
    }
    match config.server.trusted_proxies.join(", ").as_str() {
        "" => Finding::ok(id, "No proxy's forwarded headers are believed."),
        all => Finding::ok(id, format!("Forwarded headers of {all} are believed.")),
    }
}
