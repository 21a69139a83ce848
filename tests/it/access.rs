//! The access matrix, made from the table of routes: every row is called as everybody it lets in and
//! as everybody it does not, with real objects of somebody's. A row that is added is tried by itself.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use serde_json::json;
use tandem::accounts::Role;
use tandem::accounts::tokens::{self, Scope};
use tandem::web::route::{BODY_LIMIT, FRESH_SECONDS, Route, Who, Whose};
use tandem::web::routes;

use crate::test_app::{PASSWORD, TestApp};

use crate::program::*;

#[tokio::test]
async fn the_signed_out_get_where_anyone_may_and_nowhere_else() {
    let program = Program::open();
    let owner = program.person(Role::Mentee, SECRET);
    let before = program.counts();
    for route in routes::table() {
        let answer = program.call(&route, &owner, &By::Nobody).await;
        was_taken_for_nobody(&route, "nobody", &answer);
    }
    assert!(program.is_untouched(&owner));
    assert_eq!(program.counts(), before, "and leave nothing behind");
}

#[tokio::test]
async fn each_role_gets_where_its_row_says() {
    let program = Program::open();
    let owner = program.person(Role::Mentee, SECRET);
    for route in routes::table() {
        for role in ROLES {
            let caller = program.person(role, "ownword");
            if lets_in(&route, role) {
                let answer = program.call(&route, &caller, &caller.by_cookie()).await;
                was_let_in(&route, role.name(), &answer);
            } else {
                let answer = program.call(&route, &owner, &caller.by_cookie()).await;
                was_forbidden(&route, role.name(), &answer, "forbidden");
            }
        }
    }
    assert!(program.is_untouched(&owner));
    program.house.work();
}

#[tokio::test]
async fn an_account_out_of_use_is_nobody_by_cookie_and_by_token() {
    let program = Program::open();
    let owner = program.person(Role::Mentee, SECRET);
    for route in routes::table() {
        let role = allowed_role(&route);
        for status in ["inactive", "suspended"] {
            let caller = program.person(role, "ownword");
            let token = program.token(&caller, Scope::ALL);
            // Not by the verb, which ends logins: the gate must look for itself.
            program.change(&format!("update users set status = '{status}' where id = '{}'", caller.id));
            let answer = program.call(&route, &owner, &caller.by_cookie()).await;
            was_taken_for_nobody(&route, status, &answer);
            let answer = program.call(&route, &owner, &token).await;
            assert!(is_shut_out(&answer), "{}", named(&route, status, &answer));
            tells_nothing(&route, status, &answer);
        }
    }
    assert!(program.is_untouched(&owner));
}

#[tokio::test]
async fn a_token_opens_what_its_scope_and_its_owners_role_open() {
    let program = Program::open();
    let owner = program.person(Role::Mentee, SECRET);
    for route in routes::table() {
        let others: Vec<Scope> = Scope::ALL.iter().copied().filter(|it| Some(*it) != route.scope).collect();
        for role in ROLES {
            let caller = program.person(role, "ownword");
            let wrong = program.call(&route, &owner, &program.token(&caller, &others)).await;
            match route.scope {
                None if route.who == Who::Anyone => was_let_in(&route, "a token", &wrong),
                None => was_forbidden(&route, "a token", &wrong, "token_refused"),
                Some(_) => was_forbidden(&route, "a token without the scope", &wrong, "scope_missing"),
            }
            let Some(scope) = route.scope else { continue };
            let right = program.token(&caller, &[scope]);
            if lets_in(&route, role) {
                was_let_in(&route, "a token with the scope", &program.call(&route, &caller, &right).await);
            } else {
                let answer = program.call(&route, &owner, &right).await;
                was_forbidden(&route, "a token of the wrong role", &answer, "forbidden");
            }
        }
    }
    assert!(program.is_untouched(&owner));
    program.house.work();
}

#[tokio::test]
async fn a_token_that_is_over_opens_nothing() {
    let program = Program::open();
    let owner = program.person(Role::Mentee, SECRET);
    let admin = program.person(Role::Admin, "ownword");
    for route in routes::table() {
        let token = program.token(&admin, Scope::ALL);
        let revoked = "update api_tokens set revoked_at = 1 where name = 'used'";
        let expired = "update api_tokens set revoked_at = null, expires_at = 1 where name = 'used'";
        for over in [revoked, expired] {
            program.change(over);
            let answer = program.call(&route, &owner, &token).await;
            assert!(is_shut_out(&answer), "{over}: {}", named(&route, "over", &answer));
        }
        let made_up = By::Token(format!("{}{}", tokens::PREFIX, "0".repeat(64)));
        let answer = program.call(&route, &owner, &made_up).await;
        assert!(is_shut_out(&answer), "{}", named(&route, "a made-up token", &answer));
    }
    assert!(program.is_untouched(&owner));
}

#[tokio::test]
async fn a_stranger_to_the_object_neither_sees_nor_changes_it() {
    let program = Program::open();
    let is_owned = |route: &Route| matches!(route.whose, Whose::Own | Whose::OwnOrStaff);
    for route in routes::table().into_iter().filter(is_owned) {
        for role in ROLES.into_iter().filter(|role| lets_in(&route, *role)) {
            let stranger = program.person(role, "ownword");
            let token = route.scope.map(|scope| program.token(&stranger, &[scope]));
            for by in [Some(stranger.by_cookie()), token].into_iter().flatten() {
                let owner = program.person(Role::Mentee, SECRET);
                let answer = program.call(&route, &owner, &by).await;
                let shown = named(&route, role.name(), &answer);
                if role.is_staff() && route.whose == Whose::OwnOrStaff {
                    let is_away = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED);
                    assert!(!is_away, "{shown}");
                    continue;
                }
                let may_know = role.is_staff() || route.whose == Whose::OwnOrStaff;
                let is_right =
                    answer.status == StatusCode::NOT_FOUND || (may_know && answer.status == StatusCode::FORBIDDEN);
                assert!(is_right, "{shown}");
                tells_nothing(&route, role.name(), &answer);
                assert!(program.is_untouched(&owner), "{shown}");
            }
        }
    }
    program.house.work();
}

#[test]
fn a_row_that_names_somebodys_object_says_whose() {
    for route in routes::table() {
        let is_said = route.whose != Whose::Nobody || route.who == Who::STAFF || route.who == Who::ADMINS;
        assert!(is_said || !names_somebodys(&route), "{} {}", route.method, route.path);
        let is_of_persons = matches!(route.whose, Whose::Own | Whose::OwnOrStaff);
        assert!(!is_of_persons || route.who != Who::Anyone, "{} {}: whose, of nobody's?", route.method, route.path);
    }
}

/// What the table says is what can be called: no method more, none less, and none twice.
#[tokio::test]
async fn methods_that_are_not_in_the_table_are_not_there() {
    let program = Program::open();
    let admin = program.person(Role::Admin, "ownword");
    let table = routes::table();
    let rows: BTreeSet<_> = table.iter().map(|it| (it.path, it.method.to_string())).collect();
    assert_eq!(rows.len(), table.len(), "a row is there twice");
    for route in &table {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if rows.contains(&(route.path, method.to_string())) {
                continue;
            }
            let other = Route { method, ..route.clone() };
            let answer = program.call(&other, &admin, &admin.by_cookie()).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{}", named(&other, "admin", &answer));
        }
    }
}

#[tokio::test]
async fn the_description_and_the_table_name_the_same_calls() {
    let house = TestApp::new();
    let document = house.get("/api/openapi.json", None).await.json();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let methods = item.as_object().expect("methods").keys().map(|it| it.to_uppercase());
        described.extend(methods.filter(|it| it != "PARAMETERS").map(|method| (method, path.clone())));
    }
    let rows = routes::table().into_iter().filter(|it| !is_page(it));
    let rows: BTreeSet<_> = rows.map(|it| (it.method.to_string(), it.path.to_owned())).collect();
    assert_eq!(described, rows);
    for route in routes::table().into_iter().filter(is_api) {
        assert!(!is_page(&route), "{} is part of the interface, so it is described", route.path);
    }
}

#[tokio::test]
async fn reading_changes_nothing() {
    let program = Program::open();
    let owner = program.person(Role::Mentee, SECRET);
    let admin = program.person(Role::Admin, "ownword");
    // Whoever takes a copy of the log or of a book along is written down.
    let noted = ["/api/admin/events.csv", "/admin/audit.csv", "/api/admin/export/{kind}"];
    for route in routes::table().into_iter().filter(|it| it.method == Method::GET) {
        for by in [By::Nobody, admin.by_cookie()] {
            let before = program.counts();
            program.call(&route, &owner, &by).await;
            let is_noted = noted.contains(&route.path) && matches!(by, By::Cookie(_));
            assert!(is_noted || program.counts() == before, "GET {} by {by:?}", route.path);
        }
    }
    assert!(program.is_untouched(&owner));
}

#[tokio::test]
async fn a_body_over_a_rows_limit_is_refused() {
    let program = Program::open();
    let document = program.house.get("/api/openapi.json", None).await.json();
    let mut n_refused = 0;
    for route in routes::table().into_iter().filter(|it| it.method != Method::GET) {
        let caller = program.person(allowed_role(&route), "ownword");
        let path = program.path(&route, &caller);
        let kind = match body_of(&route).0 {
            _ if is_page(&route) && route.body_limit > BODY_LIMIT => UPLOAD,
            _ if is_page(&route) => FORM,
            kind => kind,
        };
        let mut body = match kind {
            UPLOAD => b"--edge\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a\"\r\n\r\n".to_vec(),
            JSON => b"{\"x\": \"".to_vec(),
            _ => b"x=".to_vec(),
        };
        body.resize(route.body_limit + 1, b'x');
        let answer = program.send(&route, &path, &caller.by_cookie(), kind, body).await;
        let method = route.method.as_str().to_lowercase();
        let takes_one = document["paths"][route.path][method.as_str()]["requestBody"].is_object() || kind == UPLOAD;
        if takes_one || answer.status == StatusCode::PAYLOAD_TOO_LARGE {
            assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", named(&route, "", &answer));
            n_refused += 1;
        } else {
            // Nobody reads it, so nobody is kept busy by it.
            assert!(!answer.status.is_server_error(), "{}", named(&route, "", &answer));
        }
    }
    assert!(n_refused > 10, "{n_refused}");
    program.house.work();
}

#[tokio::test]
async fn what_is_guarded_asks_for_a_proof_of_this_half_hour() {
    let program = Program::open();
    let hash = program.house.app.passwords.hash_for(PASSWORD.to_owned(), &[]).await.expect("hashed");
    let owner = program.person(Role::Mentee, SECRET);
    let clock = program.house.app.db.clock().clone();
    let confirm = routes::table().into_iter().find(|it| it.path == "/api/auth/confirm").expect("a way to confirm");
    let guarded: Vec<_> = routes::table().into_iter().filter(|it| it.is_guarded).collect();
    assert!(guarded.len() >= 7, "{}", guarded.len());
    for route in guarded {
        assert_ne!(route.who, Who::Anyone, "{}", route.path);
        let caller = program.person(allowed_role(&route), "ownword");
        program.change(&format!("update users set password_hash = '{hash}' where id = '{}'", caller.id));
        let by = caller.by_cookie();
        clock.advance(TimeDelta::seconds(FRESH_SECONDS + 1));
        let stale = program.call(&route, &owner, &by).await;
        if is_page(&route) {
            assert!(stale.header("location").starts_with("/confirm?next="), "{}", named(&route, "stale", &stale));
        } else {
            was_forbidden(&route, "stale", &stale, "confirm_first");
        }
        let proof = json!({ "password": PASSWORD }).to_string().into_bytes();
        let proven = program.send(&confirm, confirm.path, &by, JSON, proof).await;
        assert_eq!(proven.status, StatusCode::NO_CONTENT, "{}", proven.text());
        clock.advance(TimeDelta::seconds(FRESH_SECONDS));
        was_let_in(&route, "proven", &program.call(&route, &caller, &by).await);
    }
    assert!(program.is_untouched(&owner));
    program.house.work();
}
