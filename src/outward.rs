//! How Tandem speaks to other machines over HTTP: no redirect is followed, for what is sent would go along; and neither
//! a slow nor an endless answer holds anything up for long. Who may be spoken to is for each room to say.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};

/// A client that gives up after `patience`, for the room to finish.
pub fn client(patience: Duration) -> ClientBuilder {
    // A process has one implementation of TLS; that it is chosen already is no error.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder()
        .redirect(Policy::none())
        .timeout(patience)
        .user_agent(concat!("Tandem/", env!("CARGO_PKG_VERSION")))
}

/// The whole body of an answer, of at most so many bytes. What goes wrong does not name the address, which may hold
/// what nobody else should read.
///
/// # Errors
/// Where the answer breaks off or is longer.
pub async fn body(answer: &mut Response, most: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        anyhow::ensure!(body.len() + part.len() <= most, "an answer of more than {most} bytes");
        body.extend_from_slice(&part);
    }
    Ok(body)
}
