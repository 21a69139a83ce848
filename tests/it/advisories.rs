//! Twelve holes that others had, one test each, named for the advisory: what would have caught its
//! class here. Most are about who may do what, and about accounts whose state has changed.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::http::{Method, StatusCode, header};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tandem::accounts::tokens::{self, Scope};
use tandem::accounts::{self, Role};
use tandem::audit::Actor;
use tandem::mail::{self, Letter, Letterhead, Piece};
use tandem::web::route::{Who, Whose};
use tandem::web::{next, routes};

use crate::oidc::{cookies, dance, house_with_provider, signed_in};
use crate::program::{
    By, Person, Program, ROLES, SECRET, is_page, is_shut_out, lets_in, tells_nothing, was_forbidden,
    was_taken_for_nobody,
};
use crate::test_app::{Answer, PASSWORD, TestApp, request};

/// Sends JSON from our own pages.
async fn send(house: &TestApp, method: &str, path: &str, by: &By, body: &Value) -> Answer {
    let cookie = if let By::Cookie(cookie) = by { Some(cookie.as_str()) } else { None };
    let mut request = request(method, path, cookie)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/json");
    if let By::Token(token) = by {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    house.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

async fn give_password(program: &Program, person: &Person) {
    let hash = program.house.app.passwords.hash_for(PASSWORD.to_owned(), &[]).await.expect("hashed");
    program.change(&format!("update users set password_hash = '{hash}' where id = '{}'", person.id));
}

fn email_of(program: &Program, person: &Person) -> String {
    let id = person.id;
    program.house.app.db.read_here(|tx| accounts::user(tx, id)).expect("read").expect("an account").email
}

fn mentors_of(program: &Program) -> Vec<String> {
    let read = program.house.app.db.read_here(|tx| {
        let mut statement = tx.prepare("select user_id from mentors")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<Vec<String>, _>>()?)
    });
    read.expect("read")
}

/// Vaultwarden: a purge asked for the role of an owner, and not whether the membership was confirmed.
#[tokio::test]
async fn cve_2026_43913_a_state_that_is_not_active_may_do_nothing() {
    let program = Program::open();
    let owner = program.person(Role::Mentee, SECRET);
    let states = ["status = 'inactive'", "status = 'suspended'", "deleted_at = 1"];
    let is_closed = |route: &tandem::web::route::Route| route.method != Method::GET && route.who != Who::Anyone;
    for role in ROLES {
        for state in states {
            let caller = program.person(role, "ownword");
            let token = program.token(&caller, Scope::ALL);
            program.change(&format!("update users set {state} where id = '{}'", caller.id));
            let before = program.counts();
            for route in routes::table().into_iter().filter(is_closed).filter(|route| lets_in(route, role)) {
                for by in [caller.by_cookie(), token.clone()] {
                    let answer = program.call(&route, &owner, &by).await;
                    was_taken_for_nobody(&route, state, &answer);
                }
            }
            assert_eq!(program.counts(), before, "{role} with {state}");
        }
    }
    assert!(program.is_untouched(&owner));
    // Nor is there a way back in.
    let gone = program.person(Role::Admin, "ownword");
    give_password(&program, &gone).await;
    program.change(&format!("update users set status = 'suspended' where id = '{}'", gone.id));
    let signin = json!({ "email": email_of(&program, &gone), "password": PASSWORD });
    let answer = send(&program.house, "POST", "/api/auth/signin", &By::Nobody, &signin).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "bad_credentials"));
}

/// Vaultwarden: a partial update skipped the check of ownership, and told the object in its answer.
#[tokio::test]
async fn cve_2026_27898_a_partial_change_asks_whose_it_is_and_tells_strangers_nothing() {
    let program = Program::open();
    let (owner, stranger) = (program.person(Role::Mentee, SECRET), program.person(Role::Mentee, "ownword"));
    let nobodys = "/api/profiles/00000000-0000-4000-8000-000000000000";
    let path = format!("/api/profiles/{}", owner.id);
    for change in [
        json!({}),
        json!({ "name": "Stolen" }),
        json!({ "company": "Stolen" }),
        json!({ "goals": null }),
        json!({ "mentee": { "stage": "Stolen" } }),
        json!({ "mentor": { "bio": "Stolen" } }),
        json!({ "image": null }),
        json!({ "status": "active" }),
        json!({ "role": "mentee" }),
    ] {
        let by = stranger.by_cookie();
        let refused = send(&program.house, "PUT", &path, &by, &change).await;
        let unknown = send(&program.house, "PUT", nobodys, &by, &change).await;
        let said = |answer: &Answer| (answer.status, answer.code(), answer.json()["error"].clone());
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{change}: {}", refused.text());
        assert_eq!(said(&refused), said(&unknown), "{change}: as if there were nobody");
        assert!(!refused.text().contains(SECRET), "{change}: {}", refused.text());
        assert!(program.is_untouched(&owner), "{change}");
    }
    let kept = send(&program.house, "GET", &path, &owner.by_cookie(), &json!({})).await.json();
    let fields = [&kept["mentee"]["company"], &kept["mentee"]["stage"], &kept["mentee"]["goals"], &kept["name"]];
    assert_eq!(fields, [SECRET; 4], "{kept}");
}

/// Vaultwarden: protected actions did not ask for the second proof, or let it be guessed.
#[tokio::test]
async fn cve_2026_27801_what_is_dangerous_asks_for_a_proof_that_cannot_be_guessed() {
    let guarded = routes::table().into_iter().filter(|it| it.is_guarded);
    let guarded: BTreeSet<_> = guarded.map(|it| (it.method.to_string(), it.path)).collect();
    for (method, path) in [
        ("GET", "/api/profiles/{userId}/export"),
        ("DELETE", "/api/profiles/{userId}"),
        ("GET", "/api/admin/events.csv"),
        ("GET", "/api/admin/export/{kind}"),
        ("POST", "/api/admin/users"),
        ("PATCH", "/api/admin/users/{id}"),
        ("POST", "/api/tokens"),
        ("DELETE", "/api/auth/links/{id}"),
        ("POST", "/auth/oidc/{provider}/link"),
    ] {
        assert!(guarded.contains(&(method.to_owned(), path)), "{method} {path} does not ask for a proof");
    }
    let program = Program::open();
    let person = program.person(Role::Admin, "ownword");
    give_password(&program, &person).await;
    let clock = program.house.app.db.clock().clone();
    clock.advance(TimeDelta::minutes(31));
    let (by, wrong, right) = (person.by_cookie(), json!({ "password": "wrong" }), json!({ "password": PASSWORD }));
    let mut codes = Vec::new();
    for _ in 0..7 {
        codes.push(send(&program.house, "POST", "/api/auth/confirm", &by, &wrong).await.code());
    }
    assert_eq!((codes[0].as_str(), codes[6].as_str()), ("bad_credentials", "too_many_failures"), "{codes:?}");
    let locked = send(&program.house, "POST", "/api/auth/confirm", &by, &right).await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS, "not even the right one, for a moment");
    let export = format!("/api/profiles/{}/export", person.id);
    assert_eq!(send(&program.house, "GET", &export, &by, &json!({})).await.code(), "confirm_first");
    clock.advance(TimeDelta::minutes(16));
    let proven = send(&program.house, "POST", "/api/auth/confirm", &by, &right).await;
    assert_eq!(proven.status, StatusCode::NO_CONTENT, "{}", proven.text());
    assert_eq!(send(&program.house, "GET", &export, &by, &json!({})).await.status, StatusCode::OK);
    // A program cannot prove anything: it has no password to type.
    let token = program.token(&person, Scope::ALL);
    assert_eq!(send(&program.house, "POST", "/api/auth/confirm", &token, &right).await.code(), "token_refused");
}

/// Vaultwarden: the organisation was taken from a second place than the one that was authorised, and a
/// setting named a program to run.
#[tokio::test]
async fn cve_2025_24365_one_place_says_whom_and_no_setting_names_a_program() {
    let program = Program::open();
    let (bo, other) = (program.person(Role::Mentee, "ownword"), program.person(Role::Mentee, SECRET));
    let (by, own) = (bo.by_cookie(), format!("/api/profiles/{}", bo.id));
    for key in ["id", "userId", "user_id", "user", "email"] {
        let change = json!({ key: other.id.to_string(), "name": "Stolen" });
        let answer = send(&program.house, "PUT", &own, &by, &change).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{key}: {}", answer.text());
        let path = format!("{own}?{key}={}", other.id);
        let seen = send(&program.house, "GET", &path, &by, &json!({})).await;
        assert!(!seen.text().contains(SECRET), "{key}: {}", seen.text());
        send(&program.house, "PUT", &path, &by, &json!({ "name": "Bo" })).await;
        let tokens = send(&program.house, "GET", &format!("/api/tokens?{key}={}", other.id), &by, &json!({})).await;
        assert!(!tokens.text().contains(SECRET), "{key}: {}", tokens.text());
    }
    assert!(program.is_untouched(&other));

    let settings = include_str!("../../config.toml").lines().filter_map(|line| line.split_once(" = "));
    for (key, _) in settings.filter(|(key, _)| !key.starts_with('#')) {
        for word in ["command", "exec", "program", "shell", "sendmail", "script", "hook", "binary"] {
            assert!(!key.contains(word), "{key} could name a program to run");
        }
    }
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                assert!(!text.contains("process::Command"), "{} runs programs", path.display());
            }
        }
    }
}

/// Vaultwarden: fields of users were put into the admin page as HTML.
#[tokio::test]
async fn cve_2024_39926_what_people_write_is_text_on_pages_in_letters_and_in_files() {
    let program = Program::open();
    let script = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let admin = program.person(Role::Admin, "ownword");
    program.change(&format!(
        "update users set name = '{script}', image = 'javascript:alert(3)' where id = '{}';
         update logins set device = '{script}', address = '{script}';
         update api_tokens set name = '{script}'; update outbox set subject = '{script}', recipient = '{script}'",
        admin.id
    ));
    let all = json!({ "headline": script, "bio": script, "company": script, "title": script, "expertise": [script] });
    for mentor in mentors_of(&program) {
        let change = json!({ "name": script, "mentor": all });
        let path = format!("/api/profiles/{mentor}");
        let changed = send(&program.house, "PUT", &path, &admin.by_cookie(), &change).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    }
    let mut n_pages = 0;
    for route in routes::table().into_iter().filter(|it| it.method == Method::GET) {
        let answer = program.call(&route, &admin, &admin.by_cookie()).await;
        if answer.header("content-type").starts_with("text/html") {
            n_pages += 1;
            let page = answer.text();
            for raw in ["<script>alert", "<img src=x", "=\"javascript:"] {
                assert!(!page.contains(raw), "{}: {page}", route.path);
            }
        }
        // Everything else must not be taken for a page by a browser.
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}", route.path);
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{}", route.path);
    }
    assert!(n_pages >= 2, "{n_pages}");

    letters_hold_no_markup_and_no_headers_of_theirs(&program, script).await;
    a_spreadsheet_runs_nothing(&program, &admin).await;
}

async fn letters_hold_no_markup_and_no_headers_of_theirs(program: &Program, script: &str) {
    for name in [script, "Ada' || char(13, 10) || 'Bcc: eve@example.org' || char(10) || 'X: y"] {
        let reader = program.person(Role::Mentee, "ownword");
        program.change(&format!("update users set name = '{name}' where id = '{}'", reader.id));
        let reset = json!({ "email": email_of(program, &reader) });
        send(&program.house, "POST", "/api/auth/password/forgot", &By::Nobody, &reset).await;
        let letter = program.house.letters().pop().expect("a letter");
        assert!(!letter.html.contains("<script") && !letter.html.contains("<img"), "{}", letter.html);
        let raw = String::from_utf8_lossy(&letter.raw).into_owned();
        let head = raw.split("\r\n\r\n").next().expect("a head");
        assert!(head.lines().all(|line| !line.starts_with("Bcc") && !line.starts_with("X:")), "{head}");
    }
}

async fn a_spreadsheet_runs_nothing(program: &Program, admin: &Person) {
    for name in ["=cmd()|' /C calc'!A0", "+1", "-1", "@SUM(1)"] {
        let quoted = name.replace('\'', "''");
        program.change(&format!("update users set name = '{quoted}' where id = '{}'", admin.id));
        let made = json!({ "name": name, "scopes": ["match:read"] });
        let made = send(&program.house, "POST", "/api/tokens", &admin.by_cookie(), &made).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let file = send(&program.house, "GET", "/api/admin/events.csv", &admin.by_cookie(), &json!({})).await;
        assert_eq!(file.status, StatusCode::OK, "{}", file.text());
        let mut rows = csv::Reader::from_reader(file.body.as_slice());
        let cells: Vec<String> =
            rows.records().flat_map(|row| row.expect("a row").iter().map(str::to_owned).collect::<Vec<_>>()).collect();
        assert!(cells.contains(&format!("'{name}")), "{name} is there as text: {cells:?}");
        assert!(cells.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{cells:?}");
    }
}

/// Gitea: scopes were looked at on one way that a token comes, not on the other, and none meant all.
#[tokio::test]
async fn cve_2026_28699_a_token_without_scopes_is_nothing_however_it_is_carried() {
    let program = Program::open();
    let admin = program.person(Role::Admin, "ownword");
    let none = json!({ "name": "none", "scopes": [] });
    let refused = send(&program.house, "POST", "/api/tokens", &admin.by_cookie(), &none).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let By::Token(token) = program.token(&admin, Scope::ALL) else { panic!("a token") };
    let basic = |user: &str, password: &str| format!("Basic {}", base64(&format!("{user}:{password}")));
    for scopes in [r"[]", r#"["unheard:of"]"#, r#"["*"]"#, r#"[""]"#] {
        program.change(&format!("update api_tokens set scopes = '{scopes}' where name = 'used'"));
        for route in routes::table().into_iter().filter(|it| it.who != Who::Anyone) {
            let path = program.path(&route, &admin);
            for (name, value) in [
                (header::AUTHORIZATION, format!("Bearer {token}")),
                (header::AUTHORIZATION, format!("bearer  {token}")),
                (header::AUTHORIZATION, format!("token {token}")),
                (header::AUTHORIZATION, basic("", &token)),
                (header::AUTHORIZATION, basic(&token, "x-oauth-basic")),
                (header::COOKIE, format!("tandem_login={token}")),
                (header::COOKIE, format!("access_token={token}")),
                (header::HeaderName::from_static("x-api-key"), token.clone()),
            ] {
                let shown = format!("{scopes} {} {} with {name}: {value}", route.method, route.path);
                let asked = request(route.method.as_str(), &format!("{path}?access_token={token}&token={token}"), None)
                    .header("sec-fetch-site", "same-origin")
                    .header(header::CONTENT_TYPE, "application/json")
                    .header(name, value);
                let answer = program.house.send(asked.body(Body::from("{}")).expect("a request")).await;
                assert!(is_shut_out(&answer), "{shown}: {} {}", answer.status, answer.text());
            }
        }
    }
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let coded = text.as_bytes().chunks(3).flat_map(|part| {
        let bits = part.iter().chain([&0, &0]).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        (0..4).map(move |at| if at > part.len() { '=' } else { char::from(LETTERS[bits >> (18 - 6 * at) & 63]) })
    });
    coded.collect()
}

/// Gitea: a scope was looked at by each route for itself, and the next family of routes forgot it.
#[tokio::test]
async fn cve_2025_68941_every_route_names_a_scope_or_is_closed_to_tokens() {
    let program = Program::open();
    for route in routes::table().into_iter().filter(|it| it.scope.is_none() && it.who != Who::Anyone) {
        // What is closed to programs is so on purpose: an account's own ways in, and pages.
        let is_own_account =
            ["/api/auth/", "/api/tokens", "/api/calendar/"].iter().any(|start| route.path.starts_with(start));
        let is_on_purpose = is_own_account || is_page(&route) || route.is_guarded;
        assert!(is_on_purpose, "{} {} forgot its scope", route.method, route.path);
        for role in ROLES {
            let caller = program.person(role, "ownword");
            let answer = program.call(&route, &caller, &program.token(&caller, Scope::ALL)).await;
            was_forbidden(&route, "a token that may do everything", &answer, "token_refused");
        }
    }
    // Reading is not a licence to change: what a route changes has no scope that is called `read`, the questions aside.
    for route in routes::table().into_iter().filter(|it| it.method != Method::GET && it.path != "/api/match") {
        let is_reading = route.scope.is_some_and(|scope| scope.name().ends_with(":read"));
        assert!(!is_reading, "{} {}", route.method, route.path);
    }
}

/// Gitea: a list went on to show what its owner had lost the right to see.
#[tokio::test]
async fn cve_2026_20883_when_a_right_ends_nothing_goes_on_showing() {
    let program = Program::open();
    let house = &program.house;
    let (admin, pm) = (program.person(Role::Admin, "ownword"), program.person(Role::Pm, "ownword"));
    let mentee = program.person(Role::Mentee, SECRET);
    let token = program.token(&pm, &[Scope::StaffRead, Scope::ProfilesRead]);
    let profile = format!("/api/profiles/{}", mentee.id);
    for path in ["/api/admin/users", "/api/admin/outbox", &profile] {
        assert!(send(house, "GET", path, &token, &json!({})).await.text().contains(SECRET), "{path}");
    }
    let standing = format!("/api/admin/users/{}", pm.id);
    let changed = send(house, "PATCH", &standing, &admin.by_cookie(), &json!({ "role": "mentee" })).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    for route in routes::table().into_iter().filter(|it| it.who != Who::Anyone && it.whose != Whose::Nobody) {
        for by in [pm.by_cookie(), token.clone()] {
            tells_nothing(&route, "a former pm", &program.call(&route, &mentee, &by).await);
        }
    }
    for route in routes::table().into_iter().filter(|it| it.who == Who::STAFF || it.who == Who::ADMINS) {
        was_taken_for_nobody(&route, "a former pm", &program.call(&route, &mentee, &pm.by_cookie()).await);
        let answer = program.call(&route, &mentee, &token).await;
        assert!(is_shut_out(&answer), "{}: {}", route.path, answer.status);
    }

    // Links in letters that wait in a mailbox go dark with the account, and so do lists of matches.
    let letters = ["/api/auth/magic-link", "/api/auth/password/forgot"];
    let mut links = Vec::new();
    for path in letters {
        let email = json!({ "email": email_of(&program, &mentee) });
        assert_eq!(send(house, "POST", path, &By::Nobody, &email).await.status, StatusCode::ACCEPTED);
        let letter = house.letters().pop().expect("a letter");
        links.push(letter.link().split("token=").nth(1).expect("a token").to_owned());
    }
    let ask = json!({ "query": "raising a seed round" });
    let asker = program.person(Role::Mentee, "ownword");
    let found = send(house, "POST", "/api/match", &asker.by_cookie(), &ask).await.json();
    let best = found["matches"][0]["id"].as_str().expect("somebody").to_owned();
    let sql = format!("select user_id from mentors where id = '{best}'");
    let mentor: String = house.app.db.read_here(|tx| Ok(tx.query_row(&sql, [], |row| row.get(0))?)).expect("read");
    for id in [mentor.as_str(), &mentee.id.to_string()] {
        let path = format!("/api/admin/users/{id}");
        let changed = send(house, "PATCH", &path, &admin.by_cookie(), &json!({ "status": "suspended" })).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    }
    let redeemed = send(house, "POST", "/api/auth/magic-link/redeem", &By::Nobody, &json!({ "token": links[0] })).await;
    assert_eq!(redeemed.code(), "link_dead", "{}", redeemed.text());
    let reset = json!({ "token": links[1], "password": "another horse battery" });
    assert_eq!(send(house, "POST", "/api/auth/password/reset", &By::Nobody, &reset).await.code(), "link_dead");
    let found = send(house, "POST", "/api/match", &asker.by_cookie(), &ask).await;
    assert!(!found.text().contains(&best), "the same question, asked again: {}", found.text());
    let card = send(house, "GET", &format!("/api/mentors/{best}"), &asker.by_cookie(), &json!({})).await;
    assert_eq!(card.status, StatusCode::NOT_FOUND);
    house.work();
}

/// `PocketBase`: accounts were linked by an address that nobody had verified, and one prepared by a stranger lived on.
#[tokio::test]
async fn cve_2024_38351_only_a_verified_address_links_and_what_a_stranger_prepared_goes() {
    let (house, provider) = house_with_provider().await;
    let thief = house.sign_in("bo@example.org", Role::Mentee).await;
    let find = |tx: &tandem::db::Tx<'_>| accounts::user_by_email(tx, "bo@example.org");
    let owner = house.app.db.read(find).await.expect("read").expect("an account").id;
    let made = house
        .app
        .db
        .write(move |tx| tokens::create(tx, &Actor::default(), owner, "waiting", &[Scope::MatchRead], None));
    let (_, token) = made.await.expect("a token");
    for is_verified in [Some(false), None] {
        provider.script().is_verified = is_verified;
        let answer = dance(&house).await;
        assert!(answer.status.is_client_error(), "{is_verified:?}: {}", answer.status);
        assert!(!cookies(&answer).contains("tandem_login"), "{is_verified:?}");
    }
    let links = house.get("/api/auth/links", Some(&thief)).await.json();
    assert_eq!(links["items"], json!([]), "nothing was linked");

    provider.script().is_verified = Some(true);
    let answer = dance(&house).await;
    assert_eq!(signed_in(&house, &answer).await["id"], owner.to_string(), "{}", answer.text());
    assert_eq!(house.get("/api/auth/session", Some(&thief)).await.json(), json!({}), "the old login is over");
    let used = send(&house, "GET", "/api/mentors", &By::Token(token), &json!({})).await;
    assert_eq!(used.code(), "signed_out", "the old token is dead");
    let signin = json!({ "email": "bo@example.org", "password": PASSWORD });
    let old = send(&house, "POST", "/api/auth/signin", &By::Nobody, &signin).await;
    assert_eq!(old.code(), "bad_credentials", "the old password is gone");
}

/// `PocketBase` 0.39.7: a panic in the background took the whole process with it.
#[tokio::test]
async fn pocketbase_7762_a_job_that_panics_is_handed_back_and_the_house_lives() {
    let program = Program::open();
    let house = &program.house;
    let admin = program.person(Role::Admin, "ownword");
    let head = Letterhead::of(&house.app.config);
    let letter = |to: &str| Letter {
        kind: "welcome".into(),
        to: to.to_owned(),
        to_name: "Bo".to_owned(),
        subject: "Hello".to_owned(),
        pieces: vec![Piece::Text("Hello".to_owned())],
        is_secret: false,
    };
    let queue = |to: &str| house.app.db.write_here(|tx| mail::queue(tx, &head, &letter(to))).expect("queued");
    queue("poison@example.org");
    // A year that has five digits: what writes a letter's date panics at it.
    program.change("update outbox set created_at = 300000000000 where recipient = 'poison@example.org'");
    queue("bo@example.org");
    house.work();
    let sent_to = |to: &str| house.letters().iter().filter(|it| it.to == to).count();
    assert_eq!((sent_to("poison@example.org"), sent_to("bo@example.org")), (0, 1), "the next job is done");
    let state = async || {
        let list = send(house, "GET", "/api/admin/outbox", &admin.by_cookie(), &json!({})).await.json();
        let items = list["items"].as_array().expect("a list").clone();
        items.into_iter().find(|it| it["recipient"] == "poison@example.org").expect("listed")
    };
    let told = state().await;
    assert_eq!((&told["state"], &told["attempts"]), (&json!("queued"), &json!(1)), "{told}");
    assert!(told["lastError"].as_str().is_some_and(|it| it.contains("panicked")), "{told}");
    for _ in 0..10 {
        house.app.db.clock().advance(TimeDelta::hours(13));
        house.work();
    }
    let told = state().await;
    assert_eq!((&told["state"], &told["attempts"]), (&json!("dead"), &json!(9)), "tried again, then given up: {told}");
    assert_eq!(house.get("/healthz", None).await.text(), "ok");

    program.change("update outbox set created_at = 0 where recipient = 'poison@example.org'");
    let path = format!("/api/admin/outbox/{}/retry", told["id"]);
    let again = send(house, "POST", &path, &admin.by_cookie(), &json!({})).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT, "{}", again.text());
    house.work();
    assert_eq!(sent_to("poison@example.org"), 1, "once it can be, it is sent");
}

/// Miniflux: an allow-list believed a forwarded header that anybody can write.
#[tokio::test]
async fn cve_2023_27591_forwarded_addresses_are_believed_from_named_proxies_alone() {
    for (proxies, peer, seen) in [
        (&[][..], [127_u8, 0, 0, 1], "127.0.0.1"),
        (&[][..], [192, 0, 2, 9], "192.0.2.9"),
        (&["10.0.0.0/8"][..], [192, 0, 2, 9], "192.0.2.9"),
        (&["10.0.0.0/8"][..], [10, 1, 2, 3], "203.0.113.7"),
    ] {
        let house = TestApp::with(|config| {
            config.server.trusted_proxies = proxies.iter().map(|it: &&str| (*it).to_owned()).collect();
        });
        house.sign_in("bo@example.org", Role::Mentee).await;
        let from_peer = |method: &str, path: &str, cookie: Option<&str>, body: &Value| {
            request(method, path, cookie)
                .header("sec-fetch-site", "same-origin")
                .header(header::CONTENT_TYPE, "application/json")
                .header("x-forwarded-for", "127.0.0.1, 203.0.113.7")
                .header("x-real-ip", "127.0.0.1")
                .header("forwarded", "for=127.0.0.1")
                .header("cf-connecting-ip", "127.0.0.1")
                .extension(ConnectInfo(SocketAddr::from((peer, 4000))))
                .body(Body::from(body.to_string()))
                .expect("a request")
        };
        let signin = json!({ "email": "bo@example.org", "password": PASSWORD });
        let answer = house.send(from_peer("POST", "/api/auth/signin", None, &signin)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let cookie = cookies(&answer);
        let logins = house.send(from_peer("GET", "/api/auth/logins", Some(&cookie), &json!({}))).await.json();
        let current = logins["items"].as_array().expect("a list").iter().find(|it| it["isCurrent"] == true).cloned();
        assert_eq!(current.expect("this one")["address"], seen, "the login, {proxies:?} {peer:?}");
        let new = json!({ "name": "mine", "scopes": ["match:read"] });
        let made = house.send(from_peer("POST", "/api/tokens", Some(&cookie), &new)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let filter = tandem::audit::Filter { kind: Some("token.created".to_owned()), ..Default::default() };
        let noted = house.app.db.read(move |tx| tandem::audit::entries(tx, &filter, 1)).await.expect("read");
        assert_eq!(noted[0].address, seen, "the audit log, {proxies:?} {peer:?}");
    }
}

/// Miniflux: `//evil.example` passed for a path of one's own.
#[tokio::test]
async fn cve_2025_67713_nobody_is_led_elsewhere_after_signing_in() {
    let house = TestApp::with(|config| config.limits.enabled = false);
    let cookie = house.sign_in("bo@example.org", Role::Mentee).await;
    let base = url::Url::parse("http://tandem.test/signin").expect("an address");
    let (starts, middles) = (
        ["", "/", "//", "///", "\\", "/\\", "\\/", "/.", "/x/..", "http:", "https:", "https://"],
        ["", "/", "//", "\\", "\t/", "\r\n/", "\u{0}/", " /", "%2f/", "@", ":", "."],
    );
    for start in starts {
        for middle in middles {
            let target = format!("{start}{middle}evil.example/x");
            let pairs = form_urlencoded::Serializer::new(String::new()).append_pair("next", &target).finish();
            let answer = house.get(&format!("/signin?{pairs}"), Some(&cookie)).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{target:?}");
            let goes = answer.header("location");
            assert!(goes.starts_with('/') && !goes.starts_with("//") && !goes.contains('\\'), "{target:?}: {goes}");
            assert_eq!(base.join(&goes).expect("a path").origin(), base.origin(), "{target:?}: {goes}");
            assert_eq!(goes, next::local_path(&target), "{target:?}");
        }
    }
    let form = "email=bo%40example.org&password=correct+horse+battery&next=%2F%2Fevil.example";
    let request = request("POST", "/signin", None)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = house.send(request.body(Body::from(form)).expect("a request")).await;
    assert_eq!((answer.status, answer.header("location").as_str()), (StatusCode::SEE_OTHER, "/search"));
    let page = house.get("/signin?next=%2F%2Fevil.example", None).await.text();
    assert!(!page.contains("evil.example"), "{page}");
    for route in routes::table().into_iter().filter(|it| it.method == Method::GET && it.who != Who::Anyone) {
        // The way to the sign-in page keeps where one was going: as a value, of this site.
        if is_page(&route) && !route.path.contains('{') {
            let answer = house.get(&format!("{}?next=//evil.example", route.path), None).await;
            assert!(answer.header("location").starts_with("/signin?next=%2F"), "{}", route.path);
        }
    }
    let kept = house.get("/signin?next=%2Fsearch%3Fq%3Dpricing", Some(&cookie)).await;
    assert_eq!(kept.header("location"), "/search?q=pricing", "a path of ours is kept");
}
