//! A program with one of everything that can be somebody's, and everybody who may call its routes: what the access
//! matrix and the advisories are tried on.

use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::http::{Method, StatusCode, header};
use tandem::accounts::tokens::{self, Scope};
use tandem::accounts::{self, Device, LoginRules, NewUser, Role, logins};
use tandem::audit::Actor;
use tandem::booking::feeds;
use tandem::db::Tx;
use tandem::error::{Error, Result};
use tandem::hooks;
use tandem::ids::{LoginId, TokenId, UserId};
use tandem::mail::{self, Letter, Letterhead, Piece};
use tandem::sync::Mapping;
use tandem::sync::deliveries::{self, Source};
use tandem::web::route::{Handler, Route, Who, Whose};

use crate::office_hours::a_free_slot_and_a_session;
use crate::test_app::{Answer, TestApp, five_mentors, request};

pub const ROLES: [Role; 4] = [Role::Mentee, Role::Mentor, Role::Pm, Role::Admin];

/// Stands in every field of every object that is somebody's: a refusal that holds it has told something.
pub const SECRET: &str = "quagmirion";

/// The version of everybody's photo here.
pub const VERSION: &str = "0123456789abcdef";

/// An account with one of everything that can be somebody's.
pub struct Person {
    pub id: UserId,
    pub cookie: String,
    pub login: LoginId,
    pub token: TokenId,
    pub link: String,
    /// A free slot of theirs, and a session that somebody has booked with them.
    pub slot: String,
    pub session: String,
    /// The secret of their calendar feed.
    pub feed: String,
}

/// A house with mentors and one letter that was sent, and no rate limits: the matrix knocks a thousand times.
pub struct Program {
    pub house: TestApp,
    mentor: String,
    letter: i64,
    hook: String,
    hook_letter: i64,
}

/// How a caller shows who they are.
#[derive(Clone, Debug)]
pub enum By {
    Nobody,
    Cookie(String),
    Token(String),
}

impl Program {
    pub fn open() -> Self {
        let house = TestApp::with(|config| config.limits.enabled = false);
        house.import(&five_mentors());
        let letter = Letter {
            kind: "welcome".into(),
            to: format!("{SECRET}@example.org"),
            to_name: SECRET.to_owned(),
            subject: SECRET.to_owned(),
            pieces: vec![Piece::Text(SECRET.to_owned())],
            is_secret: false,
        };
        let head = Letterhead::of(&house.app.config);
        house.app.db.write_here(|tx| mail::queue(tx, &head, &letter)).expect("queued");
        let body = format!("{{\"recordId\":\"{SECRET}\"}}");
        let (mapping, failure) = (Mapping::of(&house.app.config.sync), Error::busy("busy", "Not just now."));
        let failed = |tx: &Tx<'_>| deliveries::failed(tx, Source::Webhook, &mapping, body.as_bytes(), &failure);
        house.app.db.write_here(failed).expect("written down");
        house.work();
        let read = |tx: &Tx<'_>| {
            let sql =
                "select (select id from mentors where visibility = 'public' limit 1), (select max(id) from outbox)";
            Ok(tx.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        };
        let (mentor, letter) = house.app.db.read_here(read).expect("read");
        // Its address is nobody's business but the admins'.
        let add = |tx: &Tx<'_>| {
            let (post, by) = (&house.app.hook_post, Actor::default());
            let (hook, _) = hooks::add(tx, post, &by, &format!("https://{SECRET}.example.org/"), &[])?;
            Ok((hook.id.to_string(), hooks::test(tx, &by, hook.id)?.id))
        };
        let (hook, hook_letter) = house.app.db.write_here(add).expect("set up");
        Self { house, mentor, letter, hook, hook_letter }
    }

    /// Somebody in whose every field `word` stands, with a login of their own beside the one they call by.
    pub fn person(&self, role: Role, word: &str) -> Person {
        self.house.app.db.write_here(|tx| person(tx, role, word)).expect("made")
    }

    /// A token of theirs that may do this.
    pub fn token(&self, of: &Person, scopes: &[Scope]) -> By {
        let made = self.house.app.db.write_here(|tx| {
            // Fresh, for there may be fifty at most, and only this one is used.
            tx.execute_batch(&format!("delete from api_tokens where user_id = '{}' and name = 'used'", of.id))?;
            tokens::create(tx, &Actor::default(), of.id, "used", scopes, None)
        });
        By::Token(made.expect("made").1)
    }

    pub fn change(&self, sql: &str) {
        self.house.app.db.write_here(|tx| Ok(tx.execute_batch(sql)?)).expect("changed");
    }

    /// The address of a row, its names replaced by objects of `owner`. A name that stands at a new place has
    /// to be thought about: what does it name, and whose is it?
    pub fn path(&self, route: &Route, owner: &Person) -> String {
        let mut before = "";
        let mut filled = Vec::new();
        for segment in route.path.split('/') {
            filled.push(match (before, segment) {
                ("links", "{id}") => owner.link.clone(),
                ("logins", "{id}") => owner.login.to_string(),
                ("tokens", "{id}") => owner.token.to_string(),
                ("users", "{id}") | ("profiles" | "photos", "{userId}") => owner.id.to_string(),
                ("{userId}", "{version}") => VERSION.to_owned(),
                ("hooks", "{id}") => self.hook.clone(),
                ("letters", "{id}") => self.hook_letter.to_string(),
                ("outbox", "{id}") => self.letter.to_string(),
                // The only delivery there is.
                ("sync", "{id}") => "1".to_owned(),
                ("availability" | "slots", "{id}") => owner.slot.clone(),
                ("sessions", "{id}") => owner.session.clone(),
                ("cal", "{name}") => format!("{}.ics", owner.feed),
                ("export", "{kind}") => "mentors".to_owned(),
                ("cron", "{task}") => "reminders".to_owned(),
                ("mentors", "{mentorId}" | "{id}") => self.mentor.clone(),
                ("oidc", "{provider}") => "nowhere".to_owned(),
                // Nobody's: that a file is its sender's alone is tried in `staff_pages`.
                ("import", "{id}") => UserId::random().to_string(),
                ("assets", "{name}") => "none.css".to_owned(),
                (_, name) if name.contains('{') => panic!("{}: what is {name}, and whose?", route.path),
                (_, plain) => plain.to_owned(),
            });
            before = segment;
        }
        filled.join("/")
    }

    /// Calls a row with a body that its handler understands, as our own pages would.
    pub async fn call(&self, route: &Route, owner: &Person, by: &By) -> Answer {
        let (kind, body) = body_of(route);
        self.send(route, &self.path(route, owner), by, kind, body).await
    }

    pub async fn send(&self, route: &Route, path: &str, by: &By, kind: &str, body: Vec<u8>) -> Answer {
        let cookie = if let By::Cookie(cookie) = by { Some(cookie.as_str()) } else { None };
        let mut request = request(route.method.as_str(), path, cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, kind)
            .extension(ConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 9], 4000))));
        if let By::Token(token) = by {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.house.send(request.body(Body::from(body)).expect("a request")).await
    }

    /// How many rows each table holds.
    pub fn counts(&self) -> Vec<(String, i64)> {
        let count = |tx: &Tx<'_>| -> Result<Vec<(String, i64)>> {
            let mut tables = tx.prepare("select name from sqlite_schema where type = 'table' order by name")?;
            let names = tables.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
            let counted = names.into_iter().map(|name| {
                let n = tx.query_row(&format!("select count(*) from \"{name}\""), [], |row| row.get(0))?;
                Ok::<_, Error>((name, n))
            });
            counted.collect()
        };
        self.house.app.db.read_here(count).expect("counted")
    }

    /// Everything of theirs is still there and still as it was.
    pub fn is_untouched(&self, person: &Person) -> bool {
        let sql = format!(
            "select (select count(*) from users where id = '{id}' and name = '{SECRET}' and deleted_at is null)
                  + (select count(*) from logins where user_id = '{id}')
                  + (select count(*) from api_tokens where id = '{token}' and revoked_at is null)
                  + (select count(*) from accounts where id = '{link}')
                  + (select count(*) from photos where user_id = '{id}' and version = '{VERSION}')
                  + (select count(*) from availability where id = '{slot}' and location = '{SECRET}')
                  + (select count(*) from office_sessions
                     where id = '{session}' and status = 'booked' and notes = '{SECRET}' and slot_id is not null)",
            id = person.id,
            token = person.token,
            link = person.link,
            slot = person.slot,
            session = person.session,
        );
        let n: i64 = self.house.app.db.read_here(|tx| Ok(tx.query_row(&sql, [], |row| row.get(0))?)).expect("read");
        n == 8
    }
}

fn person(tx: &Tx<'_>, role: Role, word: &str) -> Result<Person> {
    let email = format!("{word}-{}@example.org", UserId::random());
    let new = NewUser { email, name: word.to_owned(), role, timezone: "UTC".to_owned(), password_hash: None };
    let user = accounts::create(tx, &new)?;
    let (id, link) = (user.id, UserId::random().to_string());
    let rules = LoginRules { idle_days: 14, max_days: 60, is_guarded: false };
    let device = Device { agent: word.to_owned(), address: word.to_owned(), network: word.to_owned() };
    let (_, secret) = logins::open(tx, rules, user.clone(), &device)?;
    let (login, _) = logins::open(tx, rules, user, &device)?;
    let (token, _) = tokens::create(tx, &Actor::default(), id, word, &[Scope::MatchRead], None)?;
    tx.execute_batch(&format!(
        "update users set image = 'https://{word}.example/a.png' where id = '{id}';
         insert into accounts values ('{link}', '{id}', '{word}', '{id}', '{word}@example.org', 0);
         insert into photos values ('{id}', 'image/jpeg', cast('{word}' as blob), '{VERSION}', 0);"
    ))?;
    if role == Role::Mentee {
        tx.execute_batch(&format!(
            "insert into mentees values ('{}', '{id}', '{word}', '{word}', '{word}', '{word}', 0, 0);",
            UserId::random()
        ))?;
    }
    let (slot, session) = a_free_slot_and_a_session(tx, id, word)?;
    let feed = feeds::renew(tx, &Actor::default(), id)?;
    let cookie = format!("tandem_login={secret}");
    Ok(Person { id, cookie, login: login.id, token: token.id, link, slot, session, feed })
}

impl Person {
    pub fn by_cookie(&self) -> By {
        By::Cookie(self.cookie.clone())
    }
}

pub fn is_page(route: &Route) -> bool {
    matches!(route.handler, Handler::Page(_))
}

pub fn is_api(route: &Route) -> bool {
    route.path.starts_with("/api/")
}

/// Whom a row lets in, read anew: the table's own reading is under test here.
pub fn lets_in(route: &Route, role: Role) -> bool {
    match route.who {
        Who::Anyone | Who::SignedIn => true,
        Who::Only(roles) => roles.iter().any(|it| it.name() == role.name()),
    }
}

/// A role that the row lets in.
pub fn allowed_role(route: &Route) -> Role {
    ROLES.into_iter().find(|role| lets_in(route, *role)).expect("a row is for somebody")
}

/// Whether the address names something that is one person's.
pub fn names_somebodys(route: &Route) -> bool {
    let named = ["/links/{id}", "/logins/{id}", "/tokens/{id}", "{userId}", "/availability/{id}", "/sessions/{id}"];
    named.iter().any(|part| route.path.contains(part))
}

pub fn picture() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 8).write_to(&mut bytes, image::ImageFormat::Png).expect("encoded");
    bytes.into_inner()
}

pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";
pub const UPLOAD: &str = "multipart/form-data; boundary=edge";

pub fn body_of(route: &Route) -> (&'static str, Vec<u8>) {
    match route.path {
        "/api/profiles/{userId}/photo" => ("image/png", picture()),
        "/api/sessions/{id}/no-show" => (JSON, b"{\"party\":\"mentor\"}".to_vec()),
        "/api/sessions/{id}/feedback" => (JSON, b"{\"rating\":5}".to_vec()),
        "/api/sessions/{id}/reschedule" => {
            (JSON, b"{\"startsAt\":\"2030-03-04T09:00:00Z\",\"endsAt\":\"2030-03-04T09:30:00Z\"}".to_vec())
        }
        "/api/profiles/{userId}" if route.method == Method::PUT => (JSON, b"{\"name\":\"Stolen\"}".to_vec()),
        "/api/availability/{id}" if route.method == Method::PATCH => (JSON, b"{\"location\":\"Stolen\"}".to_vec()),
        "/api/sessions/{id}/cancel" => (JSON, b"{\"reason\":\"Stolen\"}".to_vec()),
        // A form without a password would be answered like a wrong one: with 401, which is no gate's.
        _ if is_page(route) && route.who != Who::Anyone => (FORM, Vec::new()),
        _ => (JSON, b"{}".to_vec()),
    }
}

pub fn named(route: &Route, by: &str, answer: &Answer) -> String {
    format!("{} {} as {by}: {} {}", route.method, route.path, answer.status, answer.text())
}

/// The gate, or what stands for it, has not let them in.
pub fn is_shut_out(answer: &Answer) -> bool {
    let goes = answer.header("location");
    matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || goes.starts_with("/signin?next=")
        || goes.starts_with("/confirm?next=")
}

pub fn tells_nothing(route: &Route, by: &str, answer: &Answer) {
    assert!(!answer.text().to_lowercase().contains(SECRET), "{}", named(route, by, answer));
}

pub fn was_let_in(route: &Route, by: &str, answer: &Answer) {
    let is_broken = answer.status.is_server_error() || answer.status == StatusCode::METHOD_NOT_ALLOWED;
    // The readiness of a house without workers is 503; a holder's secret is the handler's to judge.
    assert!(!is_broken || route.path == "/readyz", "{}", named(route, by, answer));
    let is_for_holders = route.whose == Whose::Holder && route.who == Who::Anyone;
    assert!(is_for_holders || !is_shut_out(answer), "{}", named(route, by, answer));
}

pub fn was_taken_for_nobody(route: &Route, by: &str, answer: &Answer) {
    let shown = named(route, by, answer);
    if route.who == Who::Anyone {
        return was_let_in(route, by, answer);
    }
    if is_api(route) {
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "signed_out"), "{shown}");
    } else if route.method == Method::GET {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{shown}");
        assert!(answer.header("location").starts_with("/signin?next="), "{shown}");
    } else {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{shown}");
    }
    tells_nothing(route, by, answer);
}

pub fn was_forbidden(route: &Route, by: &str, answer: &Answer, code: &str) {
    let shown = named(route, by, answer);
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{shown}");
    assert!(!is_api(route) || answer.code() == code, "{shown}");
    tells_nothing(route, by, answer);
}
