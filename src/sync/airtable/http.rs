//! How Tandem speaks to Airtable: nothing unencrypted leaves this machine, no redirect is followed (the token would
//! go along), and neither a slow nor an endless answer holds anything up for long.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use url::Url;

use crate::config;
use crate::error::{Error, OrInternal, Result};
use crate::outward;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer taken, in bytes: a hundred records of the longest texts, several times over.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// A client with a runtime of its own: it is used from threads that have none, and only while it asks.
pub(super) struct Http {
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    token: HeaderValue,
}

/// What is done there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    /// Something is read.
    Get,
    /// Something is done, and nothing sent along.
    Post,
}

/// One answer.
pub(super) struct Reply {
    pub status: u16,
    /// Seconds that it asks to wait.
    pub retry_after: Option<u64>,
    pub body: Vec<u8>,
}

impl Http {
    pub(super) fn open(address: &Url, token: &str) -> Result<Self> {
        if !config::is_private(address) {
            return Err(Error::operator("config", "sync.airtable_api_url must be an https:// address."));
        }
        let builder = outward::client(PATIENCE);
        // On this machine nothing needs an authority's certificate, nor a way round.
        let is_here = address.scheme() == "http";
        let builder = if is_here { builder.tls_certs_only([]).no_proxy() } else { builder };
        let client = builder.build().map_err(|cause| {
            let problem = "Airtable needs the certificates of authorities, which this machine seems not to have (on \
                           Debian they are in the package ca-certificates).";
            Error::operator("no_certificates", problem).because(cause)
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .or_internal("starting what speaks to Airtable")?;
        let mut token = HeaderValue::try_from(format!("Bearer {token}")).or_internal("reading the token")?;
        token.set_sensitive(true);
        Ok(Self { client, runtime, token })
    }

    /// Sends one request. The error is about the way there and back.
    pub(super) fn send(&self, method: Method, url: &Url) -> anyhow::Result<Reply> {
        self.runtime.block_on(self.send_now(method, url))
    }

    async fn send_now(&self, method: Method, url: &Url) -> anyhow::Result<Reply> {
        let request = match method {
            Method::Get => self.client.get(url.clone()),
            Method::Post => self.client.post(url.clone()),
        };
        let mut answer =
            request.header(AUTHORIZATION, self.token.clone()).send().await.map_err(reqwest::Error::without_url)?;
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.trim().parse().ok());
        let body = outward::body(&mut answer, LONGEST_ANSWER).await?;
        Ok(Reply { status: answer.status().as_u16(), retry_after, body })
    }
}
