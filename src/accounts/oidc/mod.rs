//! Signing in with Google or any other `OpenID` Connect provider. A person is who the provider says
//! they are, by the provider's name for them; an address counts only where the provider has
//! verified it, and an account that never proved its address keeps nothing of its past when its
//! owner first does. Every sign-in under way belongs to the one browser that began it.

mod http;
mod provider;
mod store;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::logins::{self, random_secret, secret_hash};
use super::mentees::Mentee;
use super::{Device, LONGEST_NAME, Login, LoginRules, NewUser, Role, Status, User, email_key, recovery};
use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::config;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{LinkId, MenteeId, UserId};
use http::Http;
use provider::{Provider, Secrets};

/// How long a provider may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a person may take to come back from a provider, in seconds.
const FLOW_SECONDS: i64 = 600;

/// The providers that people may sign in with here.
pub struct Providers {
    all: BTreeMap<String, Provider>,
    http: Option<Http>,
}

/// A browser about to be sent to a provider.
#[derive(Debug)]
pub struct Begun {
    /// Where to send it.
    pub address: String,
    /// What it has to bring back in a cookie, which shows that it is the same browser.
    pub browser: String,
}

/// What a browser brings back from a provider.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The provider whose address here it came to.
    pub provider: String,
    /// What it was sent off with.
    pub state: Option<String>,
    /// What the provider gives out for it.
    pub code: Option<String>,
    /// Why it does not.
    pub error: Option<String>,
    /// Who says so, where that is said.
    pub issuer: Option<String>,
    /// What its cookie holds.
    pub browser: Option<String>,
}

/// Who comes back, and what holds here.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// From where.
    pub device: Device,
    /// Who is signed in already.
    pub signed_in: Option<UserId>,
    /// How long a sign-in lasts.
    pub rules: LoginRules,
    /// Whether those without an account get one.
    pub is_signup_open: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Done {
    /// Where the person was going.
    pub next: String,
    /// The new login and the secret for its cookie; none where an account was linked.
    pub opened: Option<(Login, String)>,
}

/// An account of a person's at a provider, linked to theirs here.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// The provider's id.
    pub provider: String,
    /// The address there, as it was when it was linked.
    pub email: Option<String>,
    /// When that was.
    pub created_at: Moment,
}

/// A sign-in under way.
#[derive(Debug)]
struct Flow {
    provider: String,
    nonce: String,
    verifier: String,
    next: String,
    /// Who links a provider to their account; none for a sign-in.
    user: Option<UserId>,
}

/// A person as a provider has proved them to be.
#[derive(Debug)]
struct Person {
    /// The provider's name for them, which never changes and never passes to another.
    subject: String,
    email: Option<String>,
    is_email_verified: bool,
    name: Option<String>,
    timezone: Option<String>,
}

impl Person {
    /// The address, if the provider has verified it and it is one.
    fn address(&self) -> Option<String> {
        let email = self.email.as_deref().filter(|_| self.is_email_verified)?;
        super::check_email(email).ok()
    }

    /// A name for a new account: the provider's, or what stands before the @.
    fn name(&self, address: &str) -> String {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        let tidy =
            |name: &str| name.chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect::<String>();
        let named = self.name.as_deref().and_then(|name| super::check_name(&tidy(name)).ok());
        named.unwrap_or_else(|| tidy(local))
    }
}

impl Providers {
    /// The providers of the settings; each is first asked about itself when somebody needs it.
    ///
    /// # Errors
    /// `no_certificates`, an operator's error, where the machine has none; internal, where an address is none.
    pub fn new(settings: &BTreeMap<String, config::Provider>, public_url: &str, patience: Duration) -> Result<Self> {
        let all = settings
            .iter()
            .map(|(id, settings)| Ok((id.clone(), Provider::new(id, settings, public_url)?)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        let is_local = all.values().all(Provider::is_local);
        let http = if all.is_empty() { None } else { Some(Http::new(patience, is_local)?) };
        Ok(Self { all, http })
    }

    /// Each provider's id and name.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all.iter().map(|(id, provider)| (id.as_str(), provider.name.as_str()))
    }

    fn named(&self, id: &str) -> Result<(&Provider, &Http)> {
        self.all
            .get(id)
            .zip(self.http.as_ref())
            .ok_or_else(|| Error::not_found("provider_unknown", "Nobody can sign in that way here."))
    }

    /// Begins a sign-in, or with `linking` the linking of an account at the provider to that one here.
    ///
    /// # Errors
    /// `provider_unknown`; `oidc_unreachable` where the provider cannot be spoken with.
    pub async fn begin(&self, db: &Db, provider: &str, next: String, linking: Option<UserId>) -> Result<Begun> {
        let (known, http) = self.named(provider)?;
        let secrets = Secrets { state: random_secret()?, nonce: random_secret()?, verifier: random_secret()? };
        let address = known.address(http, db.clock(), &secrets).await?;
        let browser = random_secret()?;
        let (state_hash, browser_hash) = (secret_hash(&secrets.state), secret_hash(&browser));
        let Secrets { nonce, verifier, .. } = secrets;
        let flow = Flow { provider: provider.to_owned(), nonce, verifier, next, user: linking };
        db.write(move |tx| {
            store::insert_flow(tx, &state_hash, &browser_hash, &flow, tx.now().plus_seconds(FLOW_SECONDS))
        })
        .await?;
        Ok(Begun { address, browser })
    }

    /// Ends what `begin` began: signs the person in, or links their account.
    ///
    /// # Errors
    /// `oidc_state` where this browser began no such thing, or it is over; `oidc_cancelled`;
    /// `oidc_unproved`, `oidc_unreachable`, `oidc_unverified`, `invite_only`; `bad_credentials` for
    /// an account that is not in use; `link_taken`.
    pub async fn finish(&self, db: &Db, answer: Answer, visitor: Visitor) -> Result<Done> {
        let (known, http) = self.named(&answer.provider)?;
        let flow = redeem(db, &answer).await?;
        if answer.issuer.is_some_and(|issuer| !known.is_issuer(&issuer)) {
            return Err(known.unproved(anyhow::anyhow!("another issuer answered")));
        }
        if let Some(error) = answer.error {
            return Err(refused(&known.name, &error));
        }
        let code = answer.code.ok_or_else(broken)?;
        if flow.user.is_some() && flow.user != visitor.signed_in {
            return Err(Error::forbidden("oidc_login_over", "You are no longer signed in, so nothing was linked."));
        }
        let person = known.person(http, db.clock(), code, flow.verifier, flow.nonce).await?;
        let name = known.name.clone();
        db.write(move |tx| {
            let Some(user) = flow.user else {
                let user = sign_in(tx, (&flow.provider, &name), &person, &visitor)?;
                let opened = logins::open(tx, visitor.rules, user, &visitor.device)?;
                return Ok(Done { next: flow.next, opened: Some(opened) });
            };
            link(tx, &Actor::user(user, visitor.device.address), user, &flow.provider, &person)?;
            Ok(Done { next: flow.next, opened: None })
        })
        .await
    }
}

/// Takes the flow that this browser began with this provider; it can be taken once.
async fn redeem(db: &Db, answer: &Answer) -> Result<Flow> {
    let (Some(state), Some(browser)) = (&answer.state, &answer.browser) else { return Err(broken()) };
    let (state_hash, browser_hash) = (secret_hash(state), secret_hash(browser));
    let provider = answer.provider.clone();
    db.write(move |tx| store::take_flow(tx, &state_hash, &browser_hash, &provider)).await?.ok_or_else(broken)
}

fn broken() -> Error {
    Error::malformed(
        "oidc_state",
        "This sign-in was begun in another browser, is over, or took too long. Please start again.",
    )
}

/// What the provider says instead of a code. Its own words may be anybody's: they go to the log.
fn refused(name: &str, error: &str) -> Error {
    if error == "access_denied" {
        return Error::forbidden("oidc_cancelled", format!("You cancelled at {name}, so nothing has changed here."));
    }
    let word: String =
        error.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(60).collect();
    Error::forbidden("oidc_refused", format!("{name} did not let you through. Please try again."))
        .because(anyhow::anyhow!("it answered {word}"))
}

/// Who signs in: whom the provider's name for them is linked to, else whose address it has
/// verified, else somebody new.
fn sign_in(tx: &Tx<'_>, (provider, name): (&str, &str), person: &Person, visitor: &Visitor) -> Result<User> {
    let address = person.address();
    if let Some(id) = store::linked(tx, provider, &person.subject)? {
        let user = in_use(tx, id)?;
        if let Some(address) = address {
            prove(tx, &user, &address, (provider, person), visitor)?;
        }
        return Ok(user);
    }
    let Some(address) = address else {
        let message = format!("{name} has not verified an e-mail address of yours, so it cannot sign you in here.");
        return Err(Error::forbidden("oidc_unverified", message));
    };
    let user = if let Some(id) = store::by_address(tx, &email_key(&address))? {
        let user = in_use(tx, id)?;
        prove(tx, &user, &address, (provider, person), visitor)?;
        user
    } else if visitor.is_signup_open {
        welcome(tx, provider, &address, person, visitor)?
    } else {
        let message = "There is no account with your address, and accounts are made by invitation here.";
        return Err(Error::forbidden("invite_only", message));
    };
    link(tx, &Actor::user(user.id, &visitor.device.address), user.id, provider, person)?;
    Ok(user)
}

fn in_use(tx: &Tx<'_>, id: UserId) -> Result<User> {
    super::user(tx, id)?.filter(|user| user.status == Status::Active).ok_or_else(|| {
        // Alike for every reason, as with a wrong password.
        let mut refusal = Error::bad_credentials();
        refusal.message = "That account cannot be signed in to.".into();
        refusal
    })
}

/// The provider has verified this address: that proves the account's where it is the same.
fn prove(
    tx: &Tx<'_>,
    user: &User,
    address: &str,
    (provider, person): (&str, &Person),
    visitor: &Visitor,
) -> Result<()> {
    if email_key(address) != email_key(&user.email) {
        return Ok(());
    }
    let actor = Actor::user(user.id, &visitor.device.address);
    recovery::prove_address(tx, &actor, user, provider, Some(&person.subject))
}

/// Makes an account for somebody whose address the provider has verified.
fn welcome(tx: &Tx<'_>, provider: &str, address: &str, person: &Person, visitor: &Visitor) -> Result<User> {
    let zone = person.timezone.as_deref().and_then(|zone| super::check_timezone(zone).ok());
    let new = NewUser {
        email: address.to_owned(),
        name: person.name(address),
        role: Role::Mentee,
        timezone: zone.unwrap_or_else(|| "UTC".to_owned()),
        password_hash: None,
    };
    let user = super::create(tx, &new)?;
    super::store::put_mentee(tx, MenteeId::random(), user.id, &Mentee::default())?;
    super::vouch(tx, user.id)?;
    let id = user.id.to_string();
    let after = json!({ "role": user.role, "by": provider });
    let entry = Entry { kind: "user.created", about: ("user", &id), before: ().into(), after };
    audit::note(tx, &Actor::user(user.id, &visitor.device.address), &entry)?;
    Ok(user)
}

/// Links the account at the provider to `user`. Doing so twice changes nothing.
fn link(tx: &Tx<'_>, actor: &Actor, user: UserId, provider: &str, person: &Person) -> Result<()> {
    if store::linked(tx, provider, &person.subject)? == Some(user) {
        return Ok(());
    }
    let address = person.email.as_deref().and_then(|email| super::check_email(email).ok());
    let id = LinkId::random();
    if !store::insert_link(tx, id, user, provider, &person.subject, address.as_deref())? {
        return Err(Error::conflict("link_taken", "That account is already linked to somebody else's here."));
    }
    let (user, id) = (user.to_string(), id.to_string());
    let after = json!({ "provider": provider, "link": id });
    audit::note(tx, actor, &Entry { kind: "user.linked", about: ("user", &user), before: ().into(), after })
}

/// The accounts at providers that are linked to this one, oldest first.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn links(tx: &Tx<'_>, user: UserId) -> Result<Vec<Link>> {
    store::links(tx, user)
}

/// Removes a link of `user`.
///
/// # Errors
/// `link_unknown` where that account has no such link; `last_way_in` where it has no other and no password.
pub fn unlink(tx: &Tx<'_>, actor: &Actor, user: UserId, id: LinkId) -> Result<()> {
    let links = store::links(tx, user)?;
    let Some(link) = links.iter().find(|link| link.id == id) else {
        return Err(Error::not_found("link_unknown", "There is no such link, or no longer."));
    };
    if links.len() == 1 && !super::has_password(tx, user)? {
        return Err(Error::conflict("last_way_in", "That is your only way in. Please set a password first."));
    }
    store::delete_link(tx, user, id)?;
    let (user, id) = (user.to_string(), id.to_string());
    let before = json!({ "provider": link.provider, "link": id });
    audit::note(tx, actor, &Entry { kind: "user.unlinked", about: ("user", &user), before, after: ().into() })
}
