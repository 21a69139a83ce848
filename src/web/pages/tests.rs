//! What must hold for every account page alike, each drawn with the worst values there are.

use std::collections::HashSet;

use maud::Markup;
use serde_json::json;

use super::fields::Errors;
use super::links::{AskView, PressView, Purpose, ResetView, SentView};
use super::pieces::ProviderView;
use super::profile_parts::{MenteePart, MentorPart};
use super::{admin, admin_audit, admin_users, confirm, hooks, links, profile, security, setup, signin, signup, tokens};
use crate::accounts::tokens::Scope;
use crate::hooks::State;
use crate::web::layout::{Frame, Viewer, When};

const HOSTILE: &str = "\"'><script>alert(1)</script><b style=x>\u{202e}=cmd()&amp;";

fn hostile() -> String {
    HOSTILE.to_owned()
}

fn errors(names: &[&str]) -> Errors {
    names.iter().map(|&name| (name.to_owned(), hostile())).collect()
}

fn provider() -> ProviderView {
    ProviderView { id: hostile(), name: hostile() }
}

/// Pages for people who are signed out.
fn outside(frame: &Frame<'_>) -> Vec<Markup> {
    let errors = errors(&["email", "password", "name", "timezone", "unheard-of"]);
    let signup = signup::SignupView {
        is_open: true,
        providers: vec![provider()],
        next: hostile(),
        name: hostile(),
        email: hostile(),
        role: hostile(),
        timezone: hostile(),
        errors: errors.clone(),
        problem: Some(hostile()),
    };
    let setup = setup::SetupForm { token: hostile(), name: hostile(), errors: errors.clone(), ..Default::default() };
    let signin = signin::SigninView { next: hostile(), notice: Some(hostile()), ..Default::default() };
    let confirm = confirm::ConfirmView {
        before: hostile(),
        email: hostile(),
        next: hostile(),
        has_password: true,
        providers: vec![provider()],
        errors: errors.clone(),
        problem: None,
    };
    let mut pages = vec![
        signup::render(frame, &signup),
        signup::render(frame, &signup::SignupView::default()),
        setup::render(frame, &setup::SetupView::Open(setup)),
        setup::render(frame, &setup::SetupView::Done),
        setup::render(frame, &setup::SetupView::Expired),
        signin::render(frame, &signin),
        confirm::render(frame, &confirm),
    ];
    for purpose in [Purpose::Verify, Purpose::SignIn, Purpose::Reset, Purpose::Invitation] {
        let (email, next, token) = (hostile(), hostile(), hostile());
        let ask = AskView { purpose, email, next, errors: errors.clone(), problem: Some(hostile()) };
        let press = PressView { purpose, token: token.clone(), next: hostile() };
        let reset = ResetView { purpose, token, email: hostile(), errors: errors.clone(), problem: None };
        pages.extend([
            links::render_ask(frame, &ask),
            links::render_sent(frame, &SentView { purpose, email: hostile(), folder: Some(hostile()) }),
            links::render_press(frame, &press),
            links::render_reset(frame, &reset),
            links::render_expired(frame, purpose),
        ]);
    }
    pages
}

/// Pages about oneself.
fn inside(frame: &Frame<'_>) -> Vec<Markup> {
    let mentor = MentorPart { public_id: Some(hostile()), is_resting: true, bio: hostile(), ..Default::default() };
    let profile = profile::ProfileView {
        name: hostile(),
        email: hostile(),
        mentor: Some(mentor),
        mentee: Some(MenteePart { goals: hostile(), ..Default::default() }),
        errors: errors(&["bio", "visibility", "goals"]),
        photo: profile::PhotoView { url: Some(format!("https://{HOSTILE}")), ..Default::default() },
        leaving: profile::LeavingView { has_password: true, ..Default::default() },
        ..Default::default()
    };
    let login = |is_this| security::LoginView { id: hostile(), agent: hostile(), is_this, ..Default::default() };
    let token = tokens::TokenView { name: hostile(), scopes: vec![hostile()], ..Default::default() };
    let link = security::LinkedView { provider: provider(), email: Some(hostile()), can_unlink: true, id: hostile() };
    let security = security::SecurityView {
        has_password: true,
        email: hostile(),
        errors: errors(&["password"]),
        logins: vec![login(true), login(false)],
        linked: vec![link],
        linkable: vec![provider()],
        tokens: tokens::TokensView { tokens: vec![token], offered: Scope::ALL.to_vec(), ..Default::default() },
        ..Default::default()
    };
    vec![profile::render(frame, &profile), security::render(frame, &security)]
}

/// Pages for those who run the program.
fn staff(frame: &Frame<'_>) -> Vec<Markup> {
    let state = admin::CountState::Look;
    let count = admin::CountView { label: hostile(), n: 1, href: Some(hostile()), state };
    let group = admin::GroupView { title: hostile(), counts: vec![count] };
    let user =
        |id: &str| admin_users::UserView { id: id.into(), name: hostile(), email: hostile(), ..Default::default() };
    let invite = admin_users::InviteView { name: hostile(), errors: errors(&["email"]), ..Default::default() };
    let asked = admin_users::Asked { q: hostile(), cursor: hostile(), ..Default::default() };
    let next_cursor = Some(hostile());
    let people = vec![user("1"), user("2")];
    let users = admin_users::UsersView { asked, people, next_cursor, invite, ..Default::default() };
    let event = admin_audit::EventView {
        actor: Some((hostile(), hostile())),
        kind: hostile(),
        entity_name: Some(hostile()),
        changes: admin_audit::changes(&json!({ "before": { HOSTILE: HOSTILE }, "after": { HOSTILE: [HOSTILE] } })),
        ..Default::default()
    };
    let audit = admin_audit::AuditView { events: vec![event], errors: errors(&["actor"]), ..Default::default() };
    let overview = admin::AdminView { notice: Some(hostile()), warning: Some(hostile()), groups: vec![group] };
    vec![admin::render(frame, &overview), admin_users::render(frame, &users), admin_audit::render(frame, &audit)]
}

/// Pages for admins alone.
fn admins(frame: &Frame<'_>) -> Vec<Markup> {
    let hook = hooks::HookView {
        id: hostile(),
        url: hostile(),
        events: vec![hostile()],
        last: Some(When::default()),
        last_error: Some(hostile()),
        ..Default::default()
    };
    let form = hooks::HookForm { url: hostile(), errors: errors(&["events", "url"]), ..Default::default() };
    let letter = hooks::LetterLine {
        id: 1,
        event: 2,
        kind: hostile(),
        state: State::Dead,
        n_attempts: 1,
        last_error: Some(hostile()),
        written: When::default(),
        due: None,
    };
    let list = hooks::HooksView { hooks: vec![hook.clone()], form: form.clone(), ..Default::default() };
    let one = hooks::HookPage { hook, form, letters: vec![letter], next_before: Some(hostile()), ..Default::default() };
    let made = hooks::HookPage { secret: Some(hostile()), ..Default::default() };
    vec![hooks::render(frame, &list), hooks::render_hook(frame, &one, false), hooks::render_hook(frame, &made, true)]
}

fn all() -> Vec<String> {
    let viewer = Viewer { name: hostile(), role: "admin".into() };
    let frame = Frame { title: HOSTILE, path: "/admin", viewer: Some(&viewer), program: HOSTILE, assets: "1" };
    let signed_out = Frame { viewer: None, ..frame };
    let pages = [outside(&signed_out), inside(&frame), staff(&frame), admins(&frame)].concat();
    pages.into_iter().map(Markup::into_string).collect()
}

fn values<'a>(document: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    let parts = document.split(start.as_str()).skip(1);
    parts.map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

#[test]
fn hostile_values_come_out_as_text_on_every_page() {
    for document in all() {
        assert!(!document.contains("<script>") && !document.contains("<b style"), "{document}");
        assert!(!document.contains("<style") && !document.contains(" onclick="));
    }
}

#[test]
fn every_page_has_one_heading_and_takes_the_focus_once_at_most() {
    for document in all() {
        assert_eq!(document.matches("<h1").count(), 1, "{document}");
        assert!(document.matches(" autofocus").count() <= 1, "{document}");
    }
}

#[test]
fn labels_and_descriptions_lead_to_something_that_is_there_once() {
    for document in all() {
        let ids = values(&document, "id");
        let unique = ids.iter().copied().collect::<HashSet<_>>();
        assert_eq!(ids.len(), unique.len(), "{ids:?}");
        let described = values(&document, "aria-describedby").into_iter().flat_map(str::split_whitespace);
        let labelled = values(&document, "aria-labelledby").into_iter().chain(values(&document, "for"));
        let linked = values(&document, "href").into_iter().filter_map(|href| href.strip_prefix('#'));
        for id in described.chain(labelled).chain(linked) {
            assert!(unique.contains(id), "nothing is called {id}");
        }
    }
}

#[test]
fn a_password_is_never_sent_back() {
    for document in all() {
        for field in document.split("<input").skip(1).filter_map(|rest| rest.split('>').next()) {
            assert!(!field.contains("type=\"password\"") || !field.contains(" value="), "{field}");
        }
    }
}
