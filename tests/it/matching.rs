//! The main job from question to answer, and what keeps it true while mentors change.

use serde_json::{Value, json};
use tandem::accounts::Role;
use tandem::audit::Actor;
use tandem::sync::Format;

use crate::test_app::{TestApp, five_mentors, mentor};

async fn filled() -> (TestApp, String) {
    let house = TestApp::new();
    house.import(&five_mentors());
    let cookie = house.sign_in("mentee@example.org", Role::Mentee).await;
    (house, cookie)
}

fn names(answer: &Value) -> Vec<&str> {
    answer["matches"].as_array().expect("a list").iter().map(|it| it["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_need_finds_the_mentor_who_fits_with_a_score_that_adds_up_and_reasons_that_hold() {
    let (house, cookie) = filled().await;
    let answer = house.ask(&cookie, json!({ "query": "How do I decide what to charge for a pilot?" })).await;
    let best = &answer["matches"][0];
    assert_eq!(best["name"], "ada", "{answer}");
    let score = best["matchScore"].as_f64().expect("a number");
    assert!(score > 50.0, "{answer}");
    let points: f64 =
        best["signals"].as_array().expect("a list").iter().map(|it| it["points"].as_f64().expect("points")).sum();
    assert!((points - score).abs() <= 0.5, "{points} for {score}");
    for reason in best["reasons"].as_array().expect("a list") {
        let text = reason["text"].as_str().expect("text");
        for word in reason["matched"].as_array().expect("a list") {
            assert!(text.contains(word.as_str().expect("a word")), "{reason}");
        }
        if reason["kind"] == "passage" {
            let profile = format!("{} {}", best["headline"], best["bio"]);
            assert!(profile.contains(text), "{reason}");
        }
    }
    assert_eq!(best["profileUrl"], format!("/mentors/{}", best["id"].as_str().expect("an id")));
}

#[tokio::test]
async fn idle_talk_gets_an_honest_empty_answer_with_near_misses() {
    let (house, cookie) = filled().await;
    let answer = house.ask(&cookie, json!({ "query": "best chocolate cake recipe" })).await;
    assert_eq!((answer["count"].as_u64(), names(&answer).len()), (Some(0), 0));
    let near = answer["nearMisses"].as_array().expect("named");
    assert!(!near.is_empty() && near.len() <= 3);
    assert!(near.iter().all(|it| it["matchScore"].as_u64().expect("a score") < 30), "{answer}");
    // Nobody fits, so nearness is no reason: a quoted passage or a tag must share a word with the question.
    let reasons = near.iter().flat_map(|it| it["reasons"].as_array().expect("a list"));
    let unfounded = reasons.filter(|it| it["kind"] == "passage" || it["kind"] == "expertise");
    assert!(unfounded.clone().all(|it| it["matched"].as_array().is_some_and(|words| !words.is_empty())), "{answer}");
}

#[tokio::test]
async fn misspelt_needs_are_understood_unless_taken_by_the_letter() {
    let (house, cookie) = filled().await;
    let answer = house.ask(&cookie, json!({ "query": "drone regulatons" })).await;
    assert_eq!(answer["correctedQuery"], "drone regulations");
    assert_eq!(names(&answer)[0], "di");
    let exact = house.ask(&cookie, json!({ "query": "drone regulatons", "exact": true })).await;
    assert!(exact["correctedQuery"].is_null());
}

#[tokio::test]
async fn filters_are_any_of_within_a_list_and_all_of_across_and_ignore_case() {
    let (house, cookie) = filled().await;
    let question = |filters: Value| {
        let mut all = json!({ "query": "pricing and sales for software", "limit": 50 });
        all.as_object_mut().expect("an object").extend(filters.as_object().expect("an object").clone());
        all
    };
    let saas = house.ask(&cookie, question(json!({ "industries": ["saas", "nonsense"] }))).await;
    assert!(!names(&saas).is_empty() && names(&saas).iter().all(|it| ["ada", "cy"].contains(it)), "{saas}");
    let seed = house.ask(&cookie, question(json!({ "industries": ["SAAS"], "stages": ["SEED"] }))).await;
    assert_eq!(names(&seed), ["ada"]);
    let none = house.ask(&cookie, question(json!({ "industries": ["nonsense"] }))).await;
    assert_eq!(none["count"], 0);
    let never_free = house.ask(&cookie, question(json!({ "availableWithinDays": 60 }))).await;
    assert_eq!(never_free["count"], 0);
    let strict = house.ask(&cookie, question(json!({ "minScore": 100 }))).await;
    assert_eq!(strict["count"], 0, "count speaks of the same set as the list");
}

#[tokio::test]
async fn who_hides_is_gone_from_the_very_next_answer() {
    let (house, cookie) = filled().await;
    let question = json!({ "query": "drone permits" });
    assert_eq!(names(&house.ask(&cookie, question.clone()).await)[0], "di");
    for hidden in [json!({ "Is Active": false }), json!({ "Is Active": true, "Visibility": "private" })] {
        apply(&house, &mentor("di", hidden.clone()));
        let answer = house.ask(&cookie, question.clone()).await;
        assert!(!answer.to_string().contains("\"di\""), "{hidden}: {answer}");
        let list = house.get("/api/mentors", Some(&cookie)).await.text();
        assert!(!list.contains("\"di\""), "{list}");
    }
    apply(&house, &mentor("di", json!({ "Visibility": "public" })));
    house.work();
    assert_eq!(names(&house.ask(&cookie, question).await)[0], "di");
}

#[tokio::test]
async fn a_changed_bio_is_found_by_its_new_words() {
    let (house, cookie) = filled().await;
    apply(&house, &mentor("cy", json!({ "Bio": "I negotiate office leases for young companies." })));
    house.work();
    let answer = house.ask(&cookie, json!({ "query": "negotiating an office lease" })).await;
    assert_eq!(names(&answer)[0], "cy", "{answer}");
    assert_eq!(answer["degraded"], json!([]));
}

/// Applies a line without doing the jobs it causes: what the next answer shows must not wait for them.
fn apply(house: &TestApp, line: &str) {
    let report =
        tandem::sync::import(&house.app.db, &Actor::nobody("import"), line.as_bytes(), Format::JsonLines, None, |_| ());
    assert_eq!(report.expect("read").errors.len(), 0);
}

#[tokio::test]
async fn the_same_question_gets_the_same_bytes_after_a_restart_a_rebuild_and_a_copy() {
    let (house, cookie) = filled().await;
    // Edits leave deleted documents and reused slots behind, which must not show.
    for bio in
        ["Something else.", "Built sales teams from nothing at two start-ups: hiring, quotas, the first playbook."]
    {
        apply(&house, &mentor("cy", json!({ "Bio": bio })));
        house.work();
    }
    let questions = ["pricing a pilot", "first sales hire and quota", "raise a seed round", "drone permits", "cake"];
    let mut before = Vec::new();
    for question in questions {
        before.push(house.ask(&cookie, json!({ "query": question })).await["matches"].to_string());
    }
    let mut directory = house.close();
    for step in ["restart", "rebuild", "copy"] {
        match step {
            "rebuild" => {
                std::fs::remove_dir_all(directory.path().join("keywords")).expect("removed");
            }
            "copy" => {
                let copy = tempfile::tempdir().expect("a directory");
                std::fs::copy(directory.path().join("tandem.db"), copy.path().join("tandem.db")).expect("copied");
                directory = copy;
            }
            _ => {}
        }
        let house = TestApp::open(directory);
        house.work();
        for (question, before) in questions.iter().zip(&before) {
            let after = house.ask(&cookie, json!({ "query": question })).await["matches"].to_string();
            assert_eq!(&after, before, "{step}: {question}");
        }
        directory = house.close();
    }
}

#[tokio::test]
async fn damaged_and_foreign_indexes_come_back_by_themselves() {
    let (house, cookie) = filled().await;
    let before = house.ask(&cookie, json!({ "query": "pricing a pilot" })).await["matches"].to_string();
    let mut directory = house.close();
    let foreign = TestApp::new();
    foreign.import(&mentor("zoe", json!({ "Headline": "Pricing too", "Expertise": ["pricing"] })));
    let foreign = foreign.close();
    for damage in ["truncated", "garbage", "foreign", "a file"] {
        spoil(&directory.path().join("keywords"), damage, &foreign.path().join("keywords"));
        let house = TestApp::open(directory);
        house.work();
        let answer = house.ask(&cookie, json!({ "query": "pricing a pilot" })).await;
        assert_eq!(answer["matches"].to_string(), before, "{damage}");
        assert_eq!(answer["degraded"], json!([]), "{damage}");
        directory = house.close();
    }
}

fn spoil(index: &std::path::Path, damage: &str, foreign: &std::path::Path) {
    use std::fs;
    match damage {
        "a file" => {
            fs::remove_dir_all(index).expect("removed");
            fs::write(index, "not a directory").expect("written");
        }
        "foreign" => {
            fs::remove_dir_all(index).expect("removed");
            fs::create_dir(index).expect("made");
            for entry in fs::read_dir(foreign).expect("readable") {
                let entry = entry.expect("readable");
                fs::copy(entry.path(), index.join(entry.file_name())).expect("copied");
            }
        }
        _ => {
            for entry in fs::read_dir(index).expect("readable") {
                let path = entry.expect("readable").path();
                let bytes = fs::read(&path).expect("readable");
                let spoilt =
                    if damage == "truncated" { bytes[..bytes.len() / 2].to_vec() } else { vec![0xA5; bytes.len()] };
                fs::write(&path, spoilt).expect("written");
            }
        }
    }
}

#[tokio::test]
async fn while_profiles_are_unread_the_answer_says_so_and_uses_what_it_has() {
    let house = TestApp::new();
    let cookie = house.sign_in("mentee@example.org", Role::Mentee).await;
    apply(&house, &five_mentors());
    assert!(house.app.matcher.settle(std::time::Duration::from_secs(30)));
    let answer = house.ask(&cookie, json!({ "query": "drone regulations" })).await;
    assert_eq!(answer["degraded"], json!(["semantic"]));
    house.work();
    let answer = house.ask(&cookie, json!({ "query": "drone regulations" })).await;
    assert_eq!((&answer["degraded"], names(&answer)[0]), (&json!([]), "di"));
}

#[tokio::test]
async fn mentors_are_listed_by_name_a_page_at_a_time() {
    let (house, cookie) = filled().await;
    let first = house.get("/api/mentors?limit=3", Some(&cookie)).await.json();
    let of = |list: &Value| {
        list["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&first), ["ada", "bo", "cy"]);
    let cursor = first["nextCursor"].as_str().expect("there is more");
    let second = house.get(&format!("/api/mentors?limit=3&cursor={cursor}"), Some(&cookie)).await.json();
    assert_eq!((of(&second), second["nextCursor"].is_null()), (vec!["di".to_owned()], true));
    let seed = house.get("/api/mentors?stage=seed&industry=saas&industry=fintech&q=pric", Some(&cookie)).await.json();
    assert_eq!(of(&seed), ["ada"]);
    let id = first["items"][0]["id"].as_str().expect("an id");
    let card = house.get(&format!("/api/mentors/{id}"), Some(&cookie)).await.json();
    assert_eq!((card["name"].as_str(), card["availability"].as_array().map(Vec::len)), (Some("ada"), Some(0)));
}

#[tokio::test]
async fn readiness_names_its_parts() {
    let (house, _) = filled().await;
    let answer = house.readiness().await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["components"]["roster"]["mentors"], 4);
    for part in ["database", "jobs", "vectors", "keywords", "embedder"] {
        assert_eq!(body["components"][part]["status"], "ok", "{body}");
    }
}
