//! The soft lock: whoever guesses waits, the owner elsewhere does not, and an unknown address is
//! locked like a known one.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{StatusCode, header};
use serde_json::json;
use tandem::accounts::Role;

use crate::signing_up::{advance, count};
use crate::test_app::{Answer, PASSWORD, TestApp, request};

const GUESSER: &str = "198.51.100.7";
const HOME: &str = "203.0.113.9";

async fn try_from(house: &TestApp, address: &str, email: &str, password: &str) -> Answer {
    let mut request = request("POST", "/api/auth/signin", None)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(json!({ "email": email, "password": password }).to_string()))
        .expect("a request");
    let address: IpAddr = address.parse().expect("an address");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 4000)));
    house.send(request).await
}

/// How many seconds the guesser is told to wait; none where the guess was looked at.
async fn guess(house: &TestApp, address: &str, email: &str) -> Option<u32> {
    let answer = try_from(house, address, email, "a wrong password").await;
    let code = answer.code();
    if answer.status == StatusCode::UNAUTHORIZED {
        assert_eq!(code, "bad_credentials");
        return None;
    }
    assert_eq!((answer.status, code.as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_failures"));
    Some(answer.header("retry-after").parse().expect("seconds"))
}

#[tokio::test]
async fn after_six_wrong_passwords_the_guesser_waits_and_the_owner_elsewhere_does_not() {
    let house = TestApp::new();
    house.sign_in("ada@example.org", Role::Mentee).await;
    for email in ["ada@example.org", "nobody@example.org"] {
        let mut answers = Vec::new();
        for _ in 0..8 {
            answers.push(guess(&house, GUESSER, email).await);
        }
        assert_eq!(answers, [None, None, None, None, None, None, Some(1), Some(1)], "{email}");
        assert_eq!(guess(&house, GUESSER, &email.to_uppercase()).await, Some(1), "however it is cased");
    }
    let locked = try_from(&house, GUESSER, "ada@example.org", PASSWORD).await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS, "not even the right one is looked at");
    assert_eq!(try_from(&house, HOME, "ada@example.org", PASSWORD).await.status, StatusCode::OK);
    advance(&house, 1);
    assert_eq!(try_from(&house, GUESSER, "ada@example.org", PASSWORD).await.status, StatusCode::OK);
    for _ in 0..6 {
        assert_eq!(guess(&house, GUESSER, "ada@example.org").await, None, "the right password begins anew");
    }
}

#[tokio::test]
async fn waits_grow_and_are_the_same_for_an_address_that_nobody_has() {
    let house = TestApp::new();
    house.sign_in("ada@example.org", Role::Mentee).await;
    let mut told = Vec::new();
    for (address, email) in [(GUESSER, "ada@example.org"), ("198.51.100.8", "nobody@example.org")] {
        let mut waits = Vec::new();
        for _ in 0..20 {
            if let Some(seconds) = guess(&house, address, email).await {
                waits.push(seconds);
                advance(&house, i64::from(seconds));
            }
        }
        told.push(waits);
    }
    assert_eq!(told[0], [1, 2, 4, 8, 16, 32, 64]);
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn an_ipv6_site_is_one_guesser_and_a_forwarded_address_is_not_believed() {
    let house = TestApp::new();
    for n in 0..6 {
        assert_eq!(guess(&house, &format!("2001:db8:1:2::{n}"), "ada@example.org").await, None);
    }
    assert_eq!(guess(&house, "2001:db8:1:2:ffff::1", "ada@example.org").await, Some(1));
    assert_eq!(guess(&house, "2001:db8:1:3::1", "ada@example.org").await, None);
    for n in 0..6 {
        let mut request = request("POST", "/api/auth/signin", None)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", format!("192.0.2.{n}"))
            .body(Body::from(json!({ "email": "bo@example.org", "password": "wrong" }).to_string()))
            .expect("a request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(GUESSER.parse().expect("an address"), 1)));
        assert_eq!(house.send(request).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(guess(&house, GUESSER, "bo@example.org").await, Some(1));
}

#[tokio::test]
async fn a_thousand_wrong_passwords_at_once_are_six_guesses() {
    let house = TestApp::new();
    house.sign_in("ada@example.org", Role::Mentee).await;
    let mut n_looked_at = 0;
    for _ in 0..20 {
        let batch = (0..50).map(|_| try_from(&house, GUESSER, "ada@example.org", "a wrong password"));
        for answer in all(batch).await {
            if answer.status == StatusCode::UNAUTHORIZED {
                n_looked_at += 1;
            } else {
                assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.text());
                assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
            }
        }
    }
    assert_eq!(n_looked_at, 6);
    assert_eq!(try_from(&house, HOME, "ada@example.org", PASSWORD).await.status, StatusCode::OK);
    let counted = "select sum(n_failures) from sign_in_failures";
    assert_eq!(count(&house, counted), 12, "six at the account and six from the address");
}

/// Waits for many requests that are under way at once.
async fn all(asks: impl Iterator<Item = impl Future<Output = Answer>>) -> Vec<Answer> {
    let mut asks: Vec<_> = asks.map(Box::pin).collect();
    let mut answers: Vec<Option<Answer>> = asks.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (ask, answer) in asks.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let std::task::Poll::Ready(ready) = ask.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        if answers.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

#[tokio::test]
async fn where_limits_are_off_nobody_waits() {
    let house = TestApp::with(|config| config.limits.enabled = false);
    for _ in 0..12 {
        assert_eq!(guess(&house, GUESSER, "ada@example.org").await, None);
    }
}
