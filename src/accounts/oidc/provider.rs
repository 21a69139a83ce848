//! One provider: what it says of itself, where to send a browser, and what it says of who comes
//! back. It believes nothing that is not signed with the provider's keys, and knows no account.

use std::sync::{Arc, Mutex, PoisonError};

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse, UserInfoError,
};

use super::Person;
use super::http::Http;
use crate::clock::{Clock, Moment};
use crate::config;
use crate::error::{Error, OrInternal, Result};

/// How long what a provider says of itself is believed, in seconds.
const BELIEVED_SECONDS: i64 = 3600;

/// The longest name of a person at a provider (`OpenID` Connect Core 1.0 section 2, `sub`).
const LONGEST_SUBJECT: usize = 255;

/// Signatures that are accepted: those that only the provider can make. What a shared secret
/// signs (HS256) and what nobody signs (none) is not among them.
const ALGORITHMS: &[CoreJwsSigningAlgorithm] = &[
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The three secrets of one sign-in: what comes back with the browser, what the signed token must
/// hold, and what proves that it is we who ask for it.
pub(super) struct Secrets {
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

/// A provider as it is configured, with what it last said of itself.
pub(super) struct Provider {
    pub name: String,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    scopes: Vec<Scope>,
    redirect: RedirectUrl,
    said: Mutex<Option<(Arc<CoreProviderMetadata>, Moment)>>,
}

impl Provider {
    pub(super) fn new(id: &str, settings: &config::Provider, public_url: &str) -> Result<Self> {
        let redirect = format!("{public_url}/auth/oidc/{id}/callback");
        let secret = Some(settings.client_secret.clone()).filter(|secret| !secret.is_empty());
        Ok(Self {
            name: settings.name.trim().to_owned(),
            issuer: IssuerUrl::new(settings.issuer.clone()).or_internal("reading a provider's address")?,
            client_id: ClientId::new(settings.client_id.clone()),
            client_secret: secret.map(ClientSecret::new),
            // The library asks for this one by itself.
            scopes: settings.scopes.iter().filter(|it| *it != "openid").cloned().map(Scope::new).collect(),
            redirect: RedirectUrl::new(redirect).or_internal("reading our own address")?,
            said: Mutex::new(None),
        })
    }

    pub(super) fn is_local(&self) -> bool {
        self.issuer.url().scheme() == "http"
    }

    /// Whether an answer that names its sender comes from this provider (RFC 9207).
    pub(super) fn is_issuer(&self, issuer: &str) -> bool {
        self.issuer.as_str() == issuer
    }

    /// Where to send the browser.
    pub(super) async fn address(&self, http: &Http, clock: &Clock, secrets: &Secrets) -> Result<String> {
        let metadata = self.metadata(http, clock).await?;
        let verifier = PkceCodeVerifier::new(secrets.verifier.clone());
        let state = CsrfToken::new(secrets.state.clone());
        let nonce = Nonce::new(secrets.nonce.clone());
        let (url, ..) = self
            .client(&metadata)
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scopes(self.scopes.iter().cloned())
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(url.into())
    }

    /// Who it is that came back with `code`.
    pub(super) async fn person(
        &self,
        http: &Http,
        clock: &Clock,
        code: String,
        verifier: String,
        nonce: String,
    ) -> Result<Person> {
        let metadata = self.metadata(http, clock).await?;
        let answer = self.exchange(http, &metadata, code, verifier).await?;
        let token = answer.id_token().ok_or_else(|| self.unproved(anyhow::anyhow!("there is no ID token")))?;
        let nonce = Nonce::new(nonce);
        let now = clock.now();
        let claims = match self.verify(&metadata, token, answer.access_token(), &nonce, now) {
            // The provider may have changed its keys since it was asked for them.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let metadata = self.discover(http, now).await?;
                self.verify(&metadata, token, answer.access_token(), &nonce, now)
            }
            outcome => outcome,
        };
        let claims = claims.map_err(|cause| self.unproved(cause))?;
        let mut person = as_person(&claims);
        if person.subject.is_empty() || person.subject.len() > LONGEST_SUBJECT {
            return Err(self.unproved(anyhow::anyhow!("a subject of {} bytes", person.subject.len())));
        }
        // What the scopes ask for may stand in the token or behind this door (Core 1.0 section 5.4).
        if person.email.is_none() && metadata.userinfo_endpoint().is_some() {
            self.complete(http, &metadata, answer.access_token(), &claims, &mut person).await?;
        }
        Ok(person)
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Client {
        let client =
            CoreClient::from_provider_metadata(metadata.clone(), self.client_id.clone(), self.client_secret.clone());
        let methods = metadata.token_endpoint_auth_methods_supported();
        let wants_body = methods.is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let auth = if wants_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        client.set_redirect_uri(self.redirect.clone()).set_auth_type(auth)
    }

    /// What the provider says of itself, asked anew when that is an hour old.
    async fn metadata(&self, http: &Http, clock: &Clock) -> Result<Arc<CoreProviderMetadata>> {
        let now = clock.now();
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match said {
            Some((metadata, asked_at)) if now < asked_at.plus_seconds(BELIEVED_SECONDS) => Ok(metadata),
            _ => self.discover(http, now).await,
        }
    }

    async fn discover(&self, http: &Http, now: Moment) -> Result<Arc<CoreProviderMetadata>> {
        let found = CoreProviderMetadata::discover_async(self.issuer.clone(), http).await;
        let metadata = found.map_err(|cause| self.unreachable(cause))?;
        if !config::is_private(metadata.authorization_endpoint().url()) {
            return Err(self.unreachable(anyhow::anyhow!("the authorization endpoint is not https")));
        }
        let metadata = Arc::new(metadata);
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&metadata), now));
        Ok(metadata)
    }

    /// Changes the code for tokens. A provider that fails is asked about itself anew the next time.
    async fn exchange(
        &self,
        http: &Http,
        metadata: &CoreProviderMetadata,
        code: String,
        verifier: String,
    ) -> Result<CoreTokenResponse> {
        let client = self.client(metadata);
        let request = client.exchange_code(AuthorizationCode::new(code)).map_err(|cause| self.unreachable(cause))?;
        let answer = request.set_pkce_verifier(PkceCodeVerifier::new(verifier)).request_async(http).await;
        answer.map_err(|cause| match cause {
            RequestTokenError::ServerResponse(answer) => self.unproved(anyhow::anyhow!("it answered {answer}")),
            other => {
                *self.said.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.unreachable(other)
            }
        })
    }

    /// Checks issuer, audience, signature, expiry, nonce, and that the access token belongs to this ID token.
    fn verify(
        &self,
        metadata: &CoreProviderMetadata,
        token: &CoreIdToken,
        access: &AccessToken,
        nonce: &Nonce,
        now: Moment,
    ) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
        let offered = metadata.id_token_signing_alg_values_supported();
        let allowed = ALGORITHMS.iter().filter(|algorithm| offered.contains(algorithm)).cloned();
        // To be a public client is to refuse shared secrets, which is what is wanted with a secret too.
        let verifier = CoreIdTokenVerifier::new_public_client(
            self.client_id.clone(),
            self.issuer.clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs(allowed)
        .set_time_fn(move || now.utc());
        let claims = token.claims(&verifier, nonce)?;
        if claims.authorized_party().is_some_and(|party| *party != self.client_id) {
            return Err(ClaimsVerificationError::InvalidAudience("it was made for another program".to_owned()));
        }
        if let Some(wanted) = claims.access_token_hash() {
            let signature = ClaimsVerificationError::SignatureVerification;
            let algorithm = token.signing_alg().map_err(signature)?;
            let key = token.signing_key(&verifier).map_err(signature)?;
            let hash = AccessTokenHash::from_token(access, algorithm, key);
            if hash.ok().as_ref() != Some(wanted) {
                return Err(ClaimsVerificationError::Other("the access token is another's".to_owned()));
            }
        }
        Ok(claims.clone())
    }

    /// Asks for what the token left out. The answer must be about the same person.
    async fn complete(
        &self,
        http: &Http,
        metadata: &CoreProviderMetadata,
        access: &AccessToken,
        claims: &CoreIdTokenClaims,
        person: &mut Person,
    ) -> Result<()> {
        let client = self.client(metadata);
        let request = client
            .user_info(access.clone(), Some(claims.subject().clone()))
            .map_err(|cause| self.unreachable(cause))?;
        let more: CoreUserInfoClaims = request.request_async(http).await.map_err(|cause| match cause {
            UserInfoError::ClaimsVerification(cause) => self.unproved(cause),
            other => self.unreachable(other),
        })?;
        person.email = more.email().map(|email| email.to_string());
        person.is_email_verified = more.email_verified() == Some(true);
        if person.name.is_none() {
            person.name = more.name().and_then(|name| name.get(None)).map(|name| name.to_string());
        }
        Ok(())
    }

    /// The provider cannot be spoken with; the log says why.
    fn unreachable(&self, cause: impl Into<anyhow::Error>) -> Error {
        let message = format!("{} does not answer as it should just now. Please try again in a moment.", self.name);
        Error::busy("oidc_unreachable", message).because(cause)
    }

    /// The provider answered, and its answer proves nothing; the log says why.
    pub(super) fn unproved(&self, cause: impl Into<anyhow::Error>) -> Error {
        let message = format!("What {} answered does not prove who you are, so nobody was signed in.", self.name);
        Error::forbidden("oidc_unproved", message).because(cause)
    }
}

fn as_person(claims: &CoreIdTokenClaims) -> Person {
    let name = |it: Option<&str>| it.map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned);
    let whole = claims.name().and_then(|it| it.get(None)).map(|it| it.as_str());
    let given = claims.given_name().and_then(|it| it.get(None)).map(|it| it.as_str());
    let family = claims.family_name().and_then(|it| it.get(None)).map(|it| it.as_str());
    let both = [given, family].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Person {
        subject: claims.subject().to_string(),
        email: claims.email().map(|email| email.to_string()),
        is_email_verified: claims.email_verified() == Some(true),
        name: name(whole).or_else(|| name(Some(&both))),
        timezone: claims.zoneinfo().map(|zone| zone.to_string()),
    }
}
