//! Letters on their way out: over real SMTP on loopback, into the folder, and before the eyes of staff.

use std::net::TcpListener;

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::json;
use tandem::accounts::Role;
use tandem::config::Config;
use tandem::mail::{self, Letter, Letterhead, Piece, Post, Posted, State};

use crate::smtp::{Arrived, CERTIFICATE, MailServer, Manner, parse};
use crate::test_app::TestApp;

const SECRET_LINK: &str =
    "http://127.0.0.1:8080/verify?token=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn letter() -> Letter {
    Letter {
        kind: "verify_email".into(),
        to: "bo@example.org".to_owned(),
        to_name: "Bo Ångström".to_owned(),
        subject: "Confirm your address — please".to_owned(),
        pieces: vec![
            Piece::Text("Hello Bo,\n.a line that starts with a dot\n..and one with two <b>".to_owned()),
            Piece::Button { label: "Confirm".to_owned(), url: SECRET_LINK.to_owned() },
            Piece::Small("The link works for a day.".to_owned()),
        ],
        is_secret: true,
    }
}

fn plain() -> Letter {
    Letter { kind: "welcome".into(), is_secret: false, ..letter() }
}

/// A house whose letters go where `url` says.
pub fn house(url: &str, ca: &str) -> TestApp {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut config = Config::defaults_in(directory.path());
    url.clone_into(&mut config.mail.smtp_url);
    ca.clone_into(&mut config.mail.smtp_ca);
    "Lighthouse <hello@lighthouse.example>".clone_into(&mut config.mail.from);
    let post = Post::open(&config).expect("the settings are right");
    TestApp::open_with(directory, post)
}

fn queue(house: &TestApp, letter: &Letter) {
    let head = Letterhead::of(&house.app.config);
    house.app.db.write_here(|tx| mail::queue(tx, &head, letter)).expect("queued");
}

/// Letters in the outbox, oldest first.
fn outbox(house: &TestApp) -> Vec<Posted> {
    let mut all = house.app.db.read_here(|tx| mail::outbox(tx, &mail::Filter::default(), None, 100)).expect("listed");
    all.reverse();
    all
}

fn text_of(house: &TestApp, id: i64) -> Option<String> {
    house.app.db.read_here(|tx| mail::letter(tx, id)).expect("read").expect("it is there").1.text
}

fn advance(house: &TestApp, seconds: i64) {
    house.app.db.clock().advance(TimeDelta::seconds(seconds));
    house.work();
}

fn only(server: &MailServer) -> Arrived {
    let mut arrived = server.arrived();
    assert_eq!(arrived.len(), 1, "{:?}", server.told());
    arrived.remove(0)
}

#[test]
fn a_letter_reaches_a_mail_server_whole() {
    for (mechanisms, query) in [("PLAIN LOGIN", ""), ("LOGIN", "?tls=none")] {
        let manner =
            Manner { login: Some(("bo@example.org", "p:ss wörd")), mechanisms: Some(mechanisms), ..Manner::default() };
        let server = MailServer::start(manner);
        let house = house(&server.url("bo%40example.org:p%3Ass%20w%C3%B6rd@", query), "");
        queue(&house, &letter());
        house.work();
        let arrived = only(&server);
        assert_eq!(
            (arrived.from.as_str(), arrived.to.as_slice()),
            ("hello@lighthouse.example", &["bo@example.org".to_owned()][..])
        );
        assert_eq!(arrived.user.as_deref(), Some("bo@example.org"));
        assert!(arrived.raw.is_ascii());
        let letter = parse(&arrived.raw);
        assert_eq!(letter.header("From"), "Lighthouse <hello@lighthouse.example>");
        assert_eq!(letter.header("To"), "Bo Ångström <bo@example.org>");
        assert_eq!(letter.header("Subject"), "Confirm your address — please");
        assert_eq!(letter.header("Date"), "Mon, 04 Mar 2030 09:00:00 +0000");
        assert_eq!(letter.header("Auto-Submitted"), "auto-generated");
        assert_eq!(letter.header("MIME-Version"), "1.0");
        let id = letter.header("Message-ID");
        assert!(id.starts_with('<') && id.ends_with("@127.0.0.1>") && id.len() == 32 + 12, "{id}");
        let lines = "Hello Bo,\n.a line that starts with a dot\n..and one with two <b>\n\nConfirm:\n\n";
        assert!(letter.text.starts_with(&format!("{lines}{SECRET_LINK}\n\n")), "{}", letter.text);
        assert!(
            letter.html.contains("..and one with two &lt;b&gt;")
                && letter.html.contains(&format!("href=\"{SECRET_LINK}\""))
        );
    }
}

#[test]
fn one_connection_carries_the_letters_that_follow_each_other() {
    let server = MailServer::start(Manner::default());
    let house = house(&server.url("", ""), "");
    (0..3).for_each(|_| queue(&house, &plain()));
    house.work();
    assert_eq!(server.arrived().len(), 3);
    assert_eq!(server.told().iter().filter(|line| line.starts_with("EHLO")).count(), 1);
    let ids: std::collections::HashSet<_> =
        server.arrived().iter().map(|it| parse(&it.raw).header("Message-ID").to_owned()).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_refusal_for_now_is_tried_again_and_nothing_is_sent_twice() {
    let server = MailServer::start(Manner::default());
    let house = house(&server.url("", ""), "");
    queue(&house, &plain());
    let steps = [
        ("HELLO", "421 busy", 5),
        ("MAIL", "550 who are you?", 30),
        ("RCPT", "450 4.2.1 mailbox busy", 120),
        (".", "451 try later", 600),
    ];
    for (n_tries, (verb, answer, wait)) in (1..).zip(steps) {
        server.refuses(verb, answer);
        house.work();
        let posted = &outbox(&house)[0];
        assert_eq!((posted.state, posted.attempts), (State::Queued, n_tries), "{verb}: {posted:?}");
        assert!(posted.last_error.as_deref().is_some_and(|it| it.contains(&answer[4..])), "{posted:?}");
        assert_eq!(posted.due_at, house.app.db.clock().now().plus_seconds(wait));
        assert_eq!(server.arrived().len(), 0);
        advance(&house, wait - 1);
        assert_eq!(outbox(&house)[0].attempts, n_tries, "it is not due yet");
        house.app.db.clock().advance(TimeDelta::seconds(1));
    }
    house.work();
    let posted = &outbox(&house)[0];
    assert_eq!((posted.state, posted.attempts, posted.last_error.clone()), (State::Sent, 5, None));
    advance(&house, 100_000);
    only(&server);
}

#[tokio::test]
async fn a_refusal_for_good_is_given_up_on_at_once_until_staff_try_again() {
    let server = MailServer::start(Manner::default());
    let house = house(&server.url("", ""), "");
    let pm = house.sign_in("pam@example.org", Role::Pm).await;
    server.refuses("RCPT", "550 5.1.1 no such\tuser");
    server.refuses(".", "554 5.7.1 looks like spam");
    queue(&house, &plain());
    queue(&house, &plain());
    house.work();
    assert_eq!(outbox(&house).iter().map(|it| it.state).collect::<Vec<_>>(), [State::Dead, State::Dead]);

    let dead = house.get("/api/admin/outbox?state=dead", Some(&pm)).await.json();
    let reasons: Vec<_> = dead["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["lastError"].as_str().expect("a reason"))
        .collect();
    assert!(
        reasons[1].contains("refused the recipient")
            && reasons[1].contains("550")
            && reasons[1].contains("no such user"),
        "{reasons:?}"
    );
    assert!(reasons[0].contains("refused the letter") && reasons[0].contains("spam"), "{reasons:?}");
    let ready = house.readiness().await.json();
    assert_eq!(
        ready["components"]["mail"],
        json!({ "status": "warn", "says": "Letters given up on: 2.", "way": "smtp", "queued": 0, "dead": 2 })
    );
    assert_eq!(ready["components"]["jobs"]["status"], "ok");

    for id in [1, 2] {
        let answer = house.post(&format!("/api/admin/outbox/{id}/retry"), Some(&pm), &json!({})).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    }
    let again = house.post("/api/admin/outbox/1/retry", Some(&pm), &json!({})).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "not_dead"));
    let unknown = house.post("/api/admin/outbox/99/retry", Some(&pm), &json!({})).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (StatusCode::NOT_FOUND, "letter_unknown"));
    house.work();
    assert_eq!(server.arrived().len(), 2);
    assert_eq!(house.readiness().await.json()["components"]["mail"]["status"], "ok");
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let address = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let house = house(&format!("smtp://{address}"), "");
    queue(&house, &plain());
    house.work();
    let posted = &outbox(&house)[0];
    assert_eq!((posted.state, posted.attempts), (State::Queued, 1));
    assert!(posted.last_error.as_deref().is_some_and(|it| it.contains("refused")), "{posted:?}");
    let server = MailServer::start_at(&address.to_string(), Manner::default());
    advance(&house, 5);
    assert_eq!(outbox(&house)[0].state, State::Sent);
    only(&server);
}

#[test]
fn a_wrong_password_is_retried_and_written_down_nowhere() {
    let server = MailServer::start(Manner { login: Some(("bo", "right")), ..Manner::default() });
    let house = house(&server.url("bo:open%20sesame@", ""), "");
    queue(&house, &plain());
    house.work();
    let posted = &outbox(&house)[0];
    let reason = posted.last_error.clone().expect("a reason");
    assert_eq!(posted.state, State::Queued);
    assert!(reason.contains("refuses the user or the password (535)"), "{reason}");
    // "\0bo\0open sesame" in base64: the server repeats that too.
    let secrets = ["sesame", "AGJvAG9wZW4gc2VzYW1l"];
    assert!(server.told().iter().any(|line| line.contains(secrets[1])), "the server was told: {:?}", server.told());
    let file = house.app.db.directory().join("tandem.db-wal");
    let written = String::from_utf8_lossy(&std::fs::read(file).expect("the log of the database")).into_owned();
    assert!(!secrets.iter().any(|secret| reason.contains(secret) || written.contains(secret)));
    house.app.db.write_here(|tx| tandem::jobs::forget(tx, tandem::jobs::Kind::Send, "1")).expect("struck off");
}

#[test]
fn a_server_without_tls_gets_neither_password_nor_letter() {
    for query in ["?tls=starttls", "?tls=required"] {
        let server = MailServer::start(Manner { login: Some(("bo", "sesame")), ..Manner::default() });
        let house = house(&server.url("bo:sesame@", query), "");
        queue(&house, &letter());
        house.work();
        assert_eq!(outbox(&house)[0].state, State::Queued);
        assert!(
            outbox(&house)[0].last_error.as_deref().is_some_and(|it| it.contains("STARTTLS")),
            "{:?}",
            outbox(&house)
        );
        assert!(server.told().iter().all(|line| line.starts_with("EHLO")), "{:?}", server.told());
        house.app.db.write_here(|tx| tandem::jobs::forget(tx, tandem::jobs::Kind::Send, "1")).expect("struck off");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_and_one_that_is_trusted_is_not() {
    for is_wrapped in [false, true] {
        let manner = Manner { login: Some(("bo", "sesame")), has_starttls: true, is_wrapped, ..Manner::default() };
        let query = if is_wrapped { "" } else { "?tls=starttls" };
        let server = MailServer::start(manner);

        let wary = house(&server.url("bo:sesame@", query), "");
        queue(&wary, &letter());
        wary.work();
        let posted = &outbox(&wary)[0];
        assert_eq!(posted.state, State::Queued);
        assert!(posted.last_error.as_deref().is_some_and(|it| it.contains("certificate")), "{posted:?}");
        assert!(server.told().iter().all(|line| line.starts_with("EHLO") || line == "STARTTLS"), "{:?}", server.told());
        wary.app.db.write_here(|tx| tandem::jobs::forget(tx, tandem::jobs::Kind::Send, "1")).expect("struck off");

        let trusting = house(&server.url("bo:sesame@", query), CERTIFICATE);
        queue(&trusting, &letter());
        trusting.work();
        let arrived = only(&server);
        assert!(arrived.is_guarded && arrived.user.as_deref() == Some("bo"), "{:?}", outbox(&trusting));
    }
}

#[test]
fn an_address_that_the_server_cannot_write_to_is_given_up_on() {
    let server = MailServer::start(Manner::default());
    let house = house(&server.url("", ""), "");
    queue(&house, &Letter { to: "bö@example.org".to_owned(), ..plain() });
    queue(&house, &Letter { to: "bo@bücher.example".to_owned(), ..plain() });
    house.work();
    assert_eq!(outbox(&house).iter().map(|it| it.state).collect::<Vec<_>>(), [State::Dead, State::Sent]);
    assert_eq!(only(&server).to, ["bo@xn--bcher-kva.example"]);
}

#[test]
fn secret_words_are_wiped_once_they_are_sent_and_kept_in_the_folder() {
    let server = MailServer::start(Manner::default());
    let sending = house(&server.url("", ""), "");
    let folder = house("", "");
    for house in [&sending, &folder] {
        queue(house, &letter());
        queue(house, &plain());
        assert!(text_of(house, 1).is_some_and(|text| text.contains(SECRET_LINK)), "it is needed until it is sent");
        house.work();
        assert_eq!(outbox(house)[0].subject, "Confirm your address — please");
        assert!(text_of(house, 2).is_some(), "no secret");
    }
    assert_eq!(text_of(&sending, 1), None);
    assert!(text_of(&folder, 1).is_some_and(|text| text.contains(SECRET_LINK)));
}

#[test]
fn without_a_mail_server_letters_are_files_that_a_mail_program_opens() {
    let house = house("", "");
    queue(&house, &letter());
    advance(&house, 60);
    queue(&house, &plain());
    house.work();
    let directory = house.app.db.directory().join("mail");
    let mut files: Vec<_> =
        std::fs::read_dir(&directory).expect("a folder").map(|it| it.expect("an entry").path()).collect();
    files.sort();
    let names: Vec<_> = files.iter().map(|it| it.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["20300304T090000Z-00000001.eml", "20300304T090100Z-00000002.eml"]);
    let letter = parse(&std::fs::read_to_string(&files[0]).expect("a letter"));
    assert_eq!(letter.header("To"), "Bo Ångström <bo@example.org>");
    assert!(letter.text.contains(&format!("\n{SECRET_LINK}\n")), "{}", letter.text);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&files[0])), (0o700, 0o600));
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_tried_again() {
    let house = house("", "");
    let directory = house.app.db.directory().join("mail");
    std::fs::write(&directory, "a file in its place").expect("a file");
    queue(&house, &plain());
    house.work();
    assert_eq!((outbox(&house)[0].state, outbox(&house)[0].attempts), (State::Queued, 1));
    std::fs::remove_file(&directory).expect("removed");
    advance(&house, 5);
    assert_eq!(outbox(&house)[0].state, State::Sent);
}

#[tokio::test]
async fn staff_read_the_outbox_and_only_admins_its_secrets() {
    let house = house("", "");
    let [mentee, pm, admin] = [
        house.sign_in("bo@example.org", Role::Mentee).await,
        house.sign_in("pam@example.org", Role::Pm).await,
        house.sign_in("ada@example.org", Role::Admin).await,
    ];
    for kind in ["verify_email", "welcome", "verify_email"] {
        queue(&house, &Letter { kind: kind.into(), is_secret: kind == "verify_email", ..letter() });
    }
    house.work();
    for path in ["/api/admin/outbox", "/api/admin/outbox/1"] {
        assert_eq!(house.get(path, None).await.status, StatusCode::UNAUTHORIZED);
        let answer = house.get(path, Some(&mentee)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(!answer.text().contains("example.org"));
    }
    assert_eq!(house.post("/api/admin/outbox/1/retry", Some(&mentee), &json!({})).await.status, StatusCode::FORBIDDEN);

    let ids = |body: &serde_json::Value| -> Vec<_> {
        body["items"].as_array().expect("a list").iter().map(|it| it["id"].as_i64()).collect()
    };
    let first = house.get("/api/admin/outbox?limit=2", Some(&pm)).await.json();
    assert_eq!((ids(&first), &first["nextCursor"]), (vec![Some(3), Some(2)], &json!("2")));
    let second = house.get("/api/admin/outbox?limit=2&cursor=2", Some(&pm)).await.json();
    assert_eq!((ids(&second), &second["nextCursor"]), (vec![Some(1)], &json!(null)));
    assert_eq!(
        ids(&house.get("/api/admin/outbox?kind=verify_email&state=sent", Some(&pm)).await.json()),
        [Some(3), Some(1)]
    );
    let item = &second["items"][0];
    assert_eq!(item["createdAt"], "2030-03-04T09:00:00Z");
    for (field, value) in [
        ("kind", json!("verify_email")),
        ("recipient", json!("bo@example.org")),
        ("state", json!("sent")),
        ("attempts", json!(1)),
        ("lastError", json!(null)),
        ("isSecret", json!(true)),
    ] {
        assert_eq!(item[field], value, "{field}");
    }
    assert!(item["text"].is_null() && !second.to_string().contains("token="));
    for wrong in ["limit=0", "limit=201", "state=lost", "cursor=x"] {
        let answer = house.get(&format!("/api/admin/outbox?{wrong}"), Some(&pm)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {}", answer.text());
    }

    let as_pm = house.get("/api/admin/outbox/1", Some(&pm)).await;
    assert!(!as_pm.text().contains("token=") && as_pm.json()["text"].is_null() && as_pm.json()["html"].is_null());
    let plain = house.get("/api/admin/outbox/2", Some(&pm)).await.json();
    assert!(plain["text"].as_str().is_some_and(|text| text.starts_with("Hello Bo")));
    let as_admin = house.get("/api/admin/outbox/1", Some(&admin)).await.json();
    assert!(as_admin["text"].as_str().is_some_and(|text| text.contains(SECRET_LINK)), "{as_admin}");
    assert_eq!(as_admin["recipientName"], "Bo Ångström");
    assert_eq!(house.get("/api/admin/outbox/99", Some(&admin)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get("/api/admin/outbox/x", Some(&admin)).await.status, StatusCode::NOT_FOUND);
}

#[test]
fn the_workers_of_a_running_house_send_letters_too() {
    let server = MailServer::start(Manner::default());
    let house = house(&server.url("", ""), "");
    queue(&house, &plain());
    let workers = house.app.start_workers().expect("they start");
    assert_eq!(server.await_letter().len(), 1);
    // Stopping waits for the job in hand, whose end is written down.
    workers.stop();
    assert_eq!(outbox(&house)[0].state, State::Sent);
}

#[test]
fn a_letter_that_its_cause_takes_back_is_never_sent() {
    let house = TestApp::new();
    let head = Letterhead::of(&house.app.config);
    let outcome: tandem::error::Result<()> = house.app.db.write_here(|tx| {
        mail::queue(tx, &head, &letter())?;
        Err(tandem::error::Error::conflict("changed_mind", "No."))
    });
    assert!(outcome.is_err() && house.letters().is_empty());
    queue(&house, &letter());
    let letters = house.letters();
    assert_eq!((letters.len(), letters[0].link()), (1, SECRET_LINK));
}
