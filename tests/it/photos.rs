//! Pictures over HTTP: what comes in, what goes out and to whom, and what is no picture.

use axum::http::StatusCode;
use serde_json::json;
use tandem::accounts::Role;

use crate::profiles::{Person, send};
use crate::test_app::{Answer, TestApp, request};

/// A picture of 600 by 400 pixels.
fn picture() -> Vec<u8> {
    let pixels = image::RgbImage::from_fn(600, 400, |x, y| image::Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, image::ImageFormat::Png).expect("encoded");
    bytes.into_inner()
}

async fn upload(house: &TestApp, by: &Person, whose: &Person, kind: &str, body: Vec<u8>) -> Answer {
    let path = format!("/api/profiles/{}/photo", whose.id);
    send(house, "PUT", &path, Some(&by.cookie), kind, body).await
}

fn form(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"../../me.svg\"\r\n\
         Content-Type: image/svg+xml\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n--edge--\r\n"].concat()
}

const FORM: &str = "multipart/form-data; boundary=edge";

#[tokio::test]
async fn a_picture_is_shown_under_strict_headers_on_card_and_profile() {
    let house = TestApp::new();
    let (ada, bo) = (Person::mentor(&house, "ada").await, Person::new(&house, "bo", Role::Mentee).await);
    let answer = upload(&house, &ada, &ada, "image/png", picture()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let address = answer.json()["image"].as_str().expect("an address").to_owned();
    assert!(address.starts_with(&format!("/photos/{}/", ada.id)), "{address}");
    assert_eq!(upload(&house, &ada, &ada, "image/png", picture()).await.json()["image"], address.as_str());
    let seen = bo.gets(&house, &ada).await.json();
    assert_eq!(seen["image"], address.as_str());
    let found = house.ask(&bo.cookie, json!({ "query": "pricing" })).await;
    assert_eq!(found["matches"][0]["photoUrl"], address.as_str(), "the very next answer shows it");
    let page =
        house.get(&format!("/mentors/{}", seen["mentor"]["id"].as_str().expect("an id")), Some(&bo.cookie)).await;
    assert!(page.text().contains(&format!("src=\"{address}\"")), "{}", page.text());
    let photo = house.get(&address, Some(&bo.cookie)).await;
    assert_eq!(photo.status, StatusCode::OK);
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "private, max-age=31536000, immutable"),
        ("content-disposition", "inline"),
        ("content-encoding", ""),
    ] {
        assert_eq!(photo.header(name), value, "{name}");
    }
    assert!(photo.body.starts_with(&[0xFF, 0xD8, 0xFF]));
}

#[tokio::test]
async fn who_may_not_see_the_profile_sees_no_picture_and_nobody_puts_one_on_others() {
    let house = TestApp::new();
    let ada = Person::mentor(&house, "ada").await;
    let (bo, cy) = (Person::new(&house, "bo", Role::Mentee).await, Person::new(&house, "cy", Role::Mentee).await);
    let (pm, admin) = (Person::new(&house, "pm", Role::Pm).await, Person::new(&house, "admin", Role::Admin).await);
    let address =
        upload(&house, &bo, &bo, "image/png", picture()).await.json()["image"].as_str().expect("one").to_owned();
    for (by, status) in
        [(&bo, StatusCode::OK), (&pm, StatusCode::OK), (&cy, StatusCode::NOT_FOUND), (&ada, StatusCode::NOT_FOUND)]
    {
        assert_eq!(house.get(&address, Some(&by.cookie)).await.status, status);
    }
    assert_eq!(house.get(&address, None).await.status, StatusCode::SEE_OTHER, "to the sign-in page");
    for path in [&format!("/photos/{}/0", bo.id), "/photos/x/y", &format!("{address}/z"), &format!("{address}%00")] {
        assert_eq!(house.get(path, Some(&bo.cookie)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (by, whose, status) in [
        (&cy, &bo, StatusCode::NOT_FOUND),
        (&bo, &ada, StatusCode::FORBIDDEN),
        (&pm, &admin, StatusCode::FORBIDDEN),
        (&pm, &ada, StatusCode::OK),
    ] {
        assert_eq!(upload(&house, by, whose, "image/png", picture()).await.status, status);
        let path = format!("/api/profiles/{}/photo", whose.id);
        let removed = send(&house, "DELETE", &path, Some(&by.cookie), "", Vec::new()).await.status;
        assert_eq!(removed, if status == StatusCode::OK { StatusCode::NO_CONTENT } else { status });
    }
    let path = format!("/api/profiles/{}/photo", bo.id);
    for _ in 0..2 {
        assert_eq!(
            send(&house, "DELETE", &path, Some(&bo.cookie), "", Vec::new()).await.status,
            StatusCode::NO_CONTENT
        );
    }
    assert_eq!(house.get(&address, Some(&bo.cookie)).await.status, StatusCode::NOT_FOUND);
    assert!(bo.gets(&house, &bo).await.json()["image"].is_null());
    assert_eq!(send(&house, "PUT", &path, None, "image/png", picture()).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_no_picture_is_refused_whatever_it_is_called() {
    let house = TestApp::new();
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    let mut bomb = picture();
    bomb[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    let half = picture()[..900].to_vec();
    for (kind, body, status) in [
        ("image/png", Vec::new(), StatusCode::UNPROCESSABLE_ENTITY),
        ("image/png", b"<svg onload='alert(1)'/>".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        ("image/svg+xml", b"<svg onload='alert(1)'/>".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        ("image/png", b"<html><script>alert(1)</script>".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        ("image/png", bomb, StatusCode::UNPROCESSABLE_ENTITY),
        ("image/png", half, StatusCode::UNPROCESSABLE_ENTITY),
        ("text/html", picture(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("", picture(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("image/png", vec![0; 6 * 1024 * 1024], StatusCode::PAYLOAD_TOO_LARGE),
        ("image/jpeg", picture(), StatusCode::OK),
    ] {
        let answer = upload(&house, &bo, &bo, kind, body).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text());
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            assert!(answer.json()["fields"]["photo"].is_string(), "{kind}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn the_form_on_the_page_takes_a_picture_too() {
    let house = TestApp::new();
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    let post =
        async |path: &str, kind: &str, body: Vec<u8>| send(&house, "POST", path, Some(&bo.cookie), kind, body).await;
    let taken = post("/profile/photo", FORM, form("photo", &picture())).await;
    assert_eq!((taken.status, taken.header("location").as_str()), (StatusCode::SEE_OTHER, "/profile"));
    assert!(bo.gets(&house, &bo).await.json()["image"].is_string());
    for (kind, body, status) in [
        (FORM, form("photo", b"<svg/>"), StatusCode::UNPROCESSABLE_ENTITY),
        (FORM, form("other", &picture()), StatusCode::UNPROCESSABLE_ENTITY),
        (FORM, b"--edge\r\nnonsense".to_vec(), StatusCode::BAD_REQUEST),
        (FORM, form("photo", &vec![0; 6 * 1024 * 1024]), StatusCode::PAYLOAD_TOO_LARGE),
        ("application/x-www-form-urlencoded", b"photo=x".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        assert_eq!(post("/profile/photo", kind, body).await.status, status, "{kind}");
    }
    let removed = post("/profile/photo/remove", "application/x-www-form-urlencoded", Vec::new()).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    assert!(bo.gets(&house, &bo).await.json()["image"].is_null());
    let foreign = request("POST", "/profile/photo", Some(&bo.cookie))
        .header("sec-fetch-site", "cross-site")
        .header("content-type", FORM)
        .body(form("photo", &picture()).into())
        .expect("a request");
    assert_eq!(house.send(foreign).await.status, StatusCode::FORBIDDEN);
}
