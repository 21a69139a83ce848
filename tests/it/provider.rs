//! An OpenID Connect provider that follows the standard on a socket of this machine: discovery,
//! keys of its own, an authorization page that lets everybody through, tokens for a code and its
//! proof. A test changes one line of its `Script` and sees what Tandem makes of that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{
    CoreHmacKey, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey,
};
use openidconnect::{
    AccessToken, Audience, ClientId, EmptyAdditionalClaims, EndUserEmail, EndUserName, IssuerUrl, JsonWebKeyId,
    LocalizedClaim, Nonce, PkceCodeChallenge, PkceCodeVerifier, PrivateSigningKey, StandardClaims, SubjectIdentifier,
};
use serde_json::{Value, json};
use tandem::config;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What Tandem is called there.
const CLIENT: &str = "tandem";

/// What it proves itself with, and how that looks in a header.
const SECRET: &str = "s3cret";
const AUTHORIZATION: &str = "Basic dGFuZGVtOnMzY3JldA==";

const ACCESS: &str = "an-access-token";

const PEMS: [&str; 2] = [include_str!("../fixtures/provider_1.pem"), include_str!("../fixtures/provider_2.pem")];

/// How an endpoint answers.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Right,
    Failing,
    Garbage,
    Endless,
    Elsewhere,
}

/// Who signs the token, and how.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Signed {
    #[default]
    Right,
    ByAnother,
    ByNobody,
    WithTheSecret,
    WithThePublicKey,
}

/// What is said of something that Tandem knows.
#[derive(Clone, Copy, Default)]
pub enum Said {
    #[default]
    Right,
    Nothing,
    Otherwise(&'static str),
}

impl Said {
    fn instead_of(self, right: &str) -> Option<&str> {
        match self {
            Self::Right => Some(right),
            Self::Nothing => None,
            Self::Otherwise(wrong) => Some(wrong),
        }
    }
}

/// What the provider says and does. The default is right in every way.
pub struct Script {
    pub now: DateTime<Utc>,
    pub subject: String,
    pub email: Option<&'static str>,
    pub is_verified: Option<bool>,
    pub name: Option<String>,
    pub issuer: Option<&'static str>,
    pub audiences: Vec<&'static str>,
    pub party: Option<&'static str>,
    pub nonce: Said,
    pub lives_for: TimeDelta,
    pub signed: Signed,
    pub hashed: &'static str,
    /// Which of its keys it uses; the other one is forgotten.
    pub key: usize,
    /// Whether the address stands in the token, or is told only when asked for.
    pub is_email_in_token: bool,
    pub told_about: Option<&'static str>,
    /// What the authorization page says instead of giving out a code.
    pub denies: Option<&'static str>,
    /// What it calls itself when it sends a browser back.
    pub signs_back_as: Option<String>,
    pub calls_itself: Option<&'static str>,
    pub discovery: Mood,
    pub keys: Mood,
    pub tokens: Mood,
    pub is_challenge_lost: bool,
    pub n_discoveries: usize,
    codes: HashMap<String, HashMap<String, String>>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            now: DateTime::default(),
            subject: "subject-1".to_owned(),
            email: Some("Bo@Example.org"),
            is_verified: Some(true),
            name: Some("Bo Berg".to_owned()),
            issuer: None,
            audiences: vec![CLIENT],
            party: None,
            nonce: Said::Right,
            lives_for: TimeDelta::minutes(5),
            signed: Signed::Right,
            hashed: ACCESS,
            key: 0,
            is_email_in_token: true,
            told_about: None,
            denies: None,
            signs_back_as: None,
            calls_itself: None,
            discovery: Mood::Right,
            keys: Mood::Right,
            tokens: Mood::Right,
            is_challenge_lost: false,
            n_discoveries: 0,
            codes: HashMap::new(),
        }
    }
}

/// A running provider; it ends with the test.
pub struct Provider {
    pub issuer: String,
    script: Arc<Mutex<Script>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Desk {
    issuer: String,
    script: Arc<Mutex<Script>>,
}

impl Provider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}/realms/test", listener.local_addr().expect("an address"));
        let now = DateTime::parse_from_rfc3339("2030-03-04T09:00:00Z").expect("a time").to_utc();
        let script = Arc::new(Mutex::new(Script { now, ..Script::default() }));
        let router = Router::new()
            .route("/realms/test/.well-known/openid-configuration", get(discovery))
            .route("/realms/test/keys", get(keys))
            .route("/realms/test/authorize", get(authorize))
            .route("/realms/test/token", post(token))
            .route("/realms/test/userinfo", get(userinfo))
            .with_state(Desk { issuer: issuer.clone(), script: Arc::clone(&script) });
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        Self { issuer, script, server }
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("not poisoned")
    }

    /// Everything is right again.
    pub fn mend(&self) {
        let mut script = self.script();
        *script = Script { now: script.now, ..Script::default() };
    }

    /// How an operator would write it down.
    pub fn settings(&self) -> config::Provider {
        config::Provider {
            name: "Example".to_owned(),
            issuer: self.issuer.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: SECRET.to_owned(),
            scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The answer, or what the mood makes of it.
fn in_mood(mood: Mood, answer: &Value) -> Response {
    let as_json = |body: String| ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    match mood {
        Mood::Right => as_json(answer.to_string()),
        Mood::Failing => (StatusCode::INTERNAL_SERVER_ERROR, "secret stack trace").into_response(),
        Mood::Garbage => as_json("{\"issuer\": ".to_owned()),
        Mood::Endless => as_json(" ".repeat(2_000_000) + &answer.to_string()),
        Mood::Elsewhere => (StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:1/")]).into_response(),
    }
}

fn pairs(query: &str) -> HashMap<String, String> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn key(number: usize) -> CoreRsaPrivateSigningKey {
    let id = JsonWebKeyId::new(format!("key-{number}"));
    CoreRsaPrivateSigningKey::from_pem(PEMS[number], Some(id)).expect("a key")
}

async fn discovery(State(desk): State<Desk>) -> Response {
    let mut script = desk.script.lock().expect("not poisoned");
    script.n_discoveries += 1;
    let issuer = &desk.issuer;
    let said = json!({
        "issuer": script.calls_itself.unwrap_or(issuer),
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // It claims more than Tandem may take.
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        "something_newer": true,
    });
    in_mood(script.discovery, &said)
}

async fn keys(State(desk): State<Desk>) -> Response {
    let script = desk.script.lock().expect("not poisoned");
    let set = CoreJsonWebKeySet::new(vec![key(script.key).as_verification_key()]);
    in_mood(script.keys, &serde_json::to_value(&set).expect("as JSON"))
}

async fn authorize(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Response {
    let asked = pairs(&query.unwrap_or_default());
    let is = |name: &str, value: &str| asked.get(name).is_some_and(|it| it == value);
    let has = |name: &str| asked.get(name).is_some_and(|it| it.len() >= 32);
    let scopes = asked.get("scope").cloned().unwrap_or_default();
    let is_right = is("response_type", "code")
        && is("client_id", CLIENT)
        && is("code_challenge_method", "S256")
        && is("redirect_uri", "http://127.0.0.1:8080/auth/oidc/example/callback")
        && scopes == "openid email profile"
        && ["state", "nonce", "code_challenge"].into_iter().all(has);
    if !is_right {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    }
    let mut script = desk.script.lock().expect("not poisoned");
    let code = format!("code-{}", script.codes.len());
    let mut back = form_urlencoded::Serializer::new(String::new());
    back.append_pair("state", &asked["state"]).append_pair("session_state", "more than was asked for");
    match script.denies {
        Some(why) => back.append_pair("error", why).append_pair("error_description", "<script>alert(1)</script>"),
        None => back.append_pair("code", &code),
    };
    if let Some(name) = &script.signs_back_as {
        back.append_pair("iss", name);
    }
    let location = format!("{}?{}", asked["redirect_uri"], back.finish());
    script.codes.insert(code, asked);
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

async fn token(State(desk): State<Desk>, headers: HeaderMap, body: String) -> Response {
    let mut script = desk.script.lock().expect("not poisoned");
    let sent = pairs(&body);
    let refuse = |code: &str| {
        let body = json!({ "error": code }).to_string();
        (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    if headers.get(header::AUTHORIZATION).is_none_or(|it| it != AUTHORIZATION) {
        return refuse("invalid_client");
    }
    let Some(asked) = sent.get("code").and_then(|code| script.codes.remove(code)) else {
        return refuse("invalid_grant");
    };
    let verifier = PkceCodeVerifier::new(sent.get("code_verifier").cloned().unwrap_or_default());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    let is_right = sent["grant_type"] == "authorization_code"
        && sent.get("redirect_uri") == asked.get("redirect_uri")
        && challenge.as_str() == asked["code_challenge"]
        && !script.is_challenge_lost;
    if !is_right {
        return refuse("invalid_grant");
    }
    let token = id_token(&desk.issuer, &script, &asked["nonce"]);
    let answer = json!({ "access_token": ACCESS, "token_type": "Bearer", "expires_in": 3600, "id_token": token });
    in_mood(script.tokens, &answer)
}

fn id_token(issuer: &str, script: &Script, nonce: &str) -> String {
    let mut person = StandardClaims::new(SubjectIdentifier::new(script.subject.clone()));
    if script.is_email_in_token {
        person = person
            .set_email(script.email.map(|it| EndUserEmail::new(it.to_owned())))
            .set_email_verified(script.is_verified);
    }
    let name = script.name.clone().map(|name| LocalizedClaim::from(EndUserName::new(name)));
    let claims = CoreIdTokenClaims::new(
        IssuerUrl::new(script.issuer.unwrap_or(issuer).to_owned()).expect("an address"),
        script.audiences.iter().map(|it| Audience::new((*it).to_owned())).collect(),
        script.now + script.lives_for,
        script.now,
        person.set_name(name),
        EmptyAdditionalClaims {},
    )
    .set_nonce(script.nonce.instead_of(nonce).map(|it| Nonce::new(it.to_owned())))
    .set_authorized_party(script.party.map(|it| ClientId::new(it.to_owned())));
    let access = AccessToken::new(script.hashed.to_owned());
    let rsa = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
    let signed = |key: &CoreRsaPrivateSigningKey| {
        CoreIdToken::new(claims.clone(), key, rsa.clone(), Some(&access), None).expect("signed").to_string()
    };
    let shared = |key: &[u8]| {
        let key = CoreHmacKey::new(key);
        CoreIdToken::new(claims.clone(), &key, CoreJwsSigningAlgorithm::HmacSha256, Some(&access), None)
            .expect("signed")
            .to_string()
    };
    match script.signed {
        Signed::Right => signed(&key(script.key)),
        // Another's key under this one's name.
        Signed::ByAnother => {
            let id = JsonWebKeyId::new(format!("key-{}", script.key));
            signed(&CoreRsaPrivateSigningKey::from_pem(PEMS[1 - script.key], Some(id)).expect("a key"))
        }
        Signed::ByNobody => {
            let whole = signed(&key(script.key));
            let payload = whole.split('.').nth(1).expect("three parts").to_owned();
            // {"alg":"none"}
            format!("eyJhbGciOiJub25lIn0.{payload}.")
        }
        Signed::WithTheSecret => shared(SECRET.as_bytes()),
        Signed::WithThePublicKey => {
            let public = serde_json::to_value(key(script.key).as_verification_key()).expect("as JSON");
            shared(public["n"].as_str().expect("a modulus").as_bytes())
        }
    }
}

async fn userinfo(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let script = desk.script.lock().expect("not poisoned");
    if headers.get(header::AUTHORIZATION).is_none_or(|it| it != &format!("Bearer {ACCESS}")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut said = json!({ "sub": script.told_about.unwrap_or(&script.subject) });
    if let Some(email) = script.email {
        said["email"] = json!(email);
        // As some providers write it.
        said["email_verified"] = json!(script.is_verified.map(|it| it.to_string()));
    }
    in_mood(Mood::Right, &said)
}
