//! How Tandem speaks to a provider: nothing unencrypted leaves this machine, no redirect is
//! followed, and neither a slow nor an endless answer holds anybody up for long.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use crate::config;
use crate::error::{Error, Result};
use crate::outward;

/// The largest answer taken, in bytes: a long list of keys has a tenth of that.
const LONGEST_ANSWER: usize = 256 * 1024;

/// A client for every provider.
#[derive(Clone, Debug)]
pub(super) struct Http(reqwest::Client);

impl Http {
    /// A client that gives up after `patience`. Where everything is on this machine
    /// (`is_local`), no authority's certificate is needed, and none is looked for.
    pub(super) fn new(patience: Duration, is_local: bool) -> Result<Self> {
        let builder = outward::client(patience);
        let builder = if is_local { builder.tls_certs_only([]) } else { builder };
        builder.build().map(Self).map_err(|cause| {
            Error::operator(
                "no_certificates",
                "Sign-in providers need the certificates of authorities, which this machine seems not to have \
                 (on Debian they are in the package ca-certificates).",
            )
            .because(cause)
        })
    }

    async fn send(&self, request: HttpRequest) -> io::Result<HttpResponse> {
        if !Url::parse(&request.uri().to_string()).is_ok_and(|url| config::is_private(&url)) {
            return Err(io::Error::other("an address that is not https"));
        }
        let mut answer = self.0.execute(request.try_into().map_err(failed)?).await.map_err(failed)?;
        let body = outward::body(&mut answer, LONGEST_ANSWER).await.map_err(io::Error::other)?;
        let mut whole = HttpResponse::new(body);
        *whole.status_mut() = answer.status();
        *whole.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(whole)
    }
}

/// What went wrong, without the address: it may hold what nobody else should read.
fn failed(cause: reqwest::Error) -> io::Error {
    io::Error::other(anyhow::Error::new(cause.without_url()))
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<HttpResponse>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
