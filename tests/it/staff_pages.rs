//! The staff's pages over HTTP: all mentors, many changed at once, one edited by two people, tags made one, files of
//! people; and what comes of hostile input.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tandem::accounts::Role;

use crate::forms::{leads_to, shows, submit};
use crate::profiles::{Person, send};
use crate::signing_up::{advance, count};
use crate::test_app::{Answer, TestApp, five_mentors, mentor};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn program() -> (TestApp, Person) {
    let house = TestApp::new();
    house.import(&five_mentors());
    let pm = Person::new(&house, "pm", Role::Pm).await;
    (house, pm)
}

fn text(house: &TestApp, sql: &str) -> String {
    house.app.db.read_here(|tx| Ok(tx.query_row(sql, [], |row| row.get(0))?)).expect("read")
}

/// The id of the mentor from this record.
fn id_of(house: &TestApp, record: &str) -> String {
    text(house, &format!("select id from mentors where airtable_record_id = '{record}'"))
}

async fn names(house: &TestApp, by: &Person, query: &str) -> Vec<String> {
    let page = house.get(&format!("/admin/mentors?{query}"), Some(&by.cookie)).await.text();
    page.split("class=\"mentor-name\"")
        .skip(1)
        .map(|rest| {
            let name = rest.split("<bdi>").nth(1).expect("a name");
            name.split("</bdi>").next().expect("its end").to_owned()
        })
        .collect()
}

/// The value of a field of a form on the page.
fn value<'a>(page: &'a str, name: &str) -> &'a str {
    let rest = page.split(&format!("name=\"{name}\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a value")
}

#[tokio::test]
async fn the_list_is_found_in_narrowed_and_ordered() {
    let (house, pm) = program().await;
    assert_eq!(names(&house, &pm, "").await, ["ada", "bo", "cy", "di", "el"], "the private one too");
    assert_eq!(names(&house, &pm, "q=PRICING").await, ["ada", "el"], "tags and headlines, whatever the case");
    assert_eq!(names(&house, &pm, "q=seed+round").await, ["bo"], "all of the words");
    assert_eq!(names(&house, &pm, "q=cy%40example").await, ["cy"]);
    assert_eq!(names(&house, &pm, "visibility=private").await, ["el"]);
    assert_eq!(names(&house, &pm, "tag=saas").await, ["ada", "cy"], "an industry is a tag here");
    assert_eq!(names(&house, &pm, "tag=sales").await, Vec::<String>::new(), "a tag as a whole");
    assert_eq!(names(&house, &pm, "origin=here").await, Vec::<String>::new());
    assert_eq!(names(&house, &pm, "sort=newest").await, ["el", "di", "cy", "bo", "ada"]);
    for sort in ["changed", "sessions", "free"] {
        assert_eq!(names(&house, &pm, &format!("sort={sort}")).await.len(), 5, "{sort}");
    }
    for odd in ["q=%25", "q=%27%3B--", "q=%00", "tag=%5C", "page=99999999999", "page=3000000"] {
        let answer = house.get(&format!("/admin/mentors?{odd}"), Some(&pm.cookie)).await;
        assert_eq!(answer.status, StatusCode::OK, "{odd}");
    }
}

#[tokio::test]
async fn only_those_who_run_the_program_get_to_these_pages() {
    let (house, _) = program().await;
    let ada = id_of(&house, "ada");
    for role in [Role::Mentee, Role::Mentor] {
        let stranger = Person::new(&house, role.name(), role).await;
        for path in
            ["/admin/mentors", "/admin/mentors/new", "/admin/tags", "/admin/import", &format!("/admin/mentors/{ada}")]
        {
            assert_eq!(house.get(path, Some(&stranger.cookie)).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        let form = [("deed", "deactivate"), ("id", ada.as_str())];
        let answer = submit(&house, Some(&stranger), "/admin/mentors/bulk", &form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(count(&house, "select count(*) from mentors where active = 0"), 0);
    house.work();
}

#[tokio::test]
async fn many_are_changed_at_once_and_put_back() {
    let (house, pm) = program().await;
    let (ada, bo, el) = (id_of(&house, "ada"), id_of(&house, "bo"), id_of(&house, "el"));
    for (deed, more, sql) in [
        ("deactivate", ("tag", ""), "select count(*) from mentors where active = 0"),
        ("pause", ("until", "2030-03-20"), "select count(*) from mentors where paused_until = 1900191600"),
        ("limited", ("tag", ""), "select count(*) from mentors where visibility = 'limited'"),
        ("tag", ("tag", "  board   seats "), "select count(*) from expertise where area = 'board seats'"),
    ] {
        let before = count(&house, "select count(*) from mentors where visibility = 'private'");
        let form = [("deed", deed), more, ("id", &ada), ("id", &el), ("id", &ada), ("next", "/admin/mentors?q=a")];
        let answer = submit(&house, Some(&pm), "/admin/mentors/bulk", &form).await;
        let named = ["<bdi>ada", "<bdi>el"];
        shows(
            &answer,
            StatusCode::OK,
            &[&["2 mentors: ", "Undo this", "href=\"/admin/mentors?q=a\""], &named[..]].concat(),
        );
        assert_eq!(count(&house, sql), 2, "{deed}");
        let again = submit(&house, Some(&pm), "/admin/mentors/bulk", &form).await;
        shows(&again, StatusCode::OK, &["0 mentors: ", "2 mentors needed no change"]);
        assert!(!again.text().contains("Undo this"), "nothing to undo");
        let page = answer.text();
        let undo: Vec<(&str, &str)> = page
            .split("type=\"hidden\" name=\"")
            .skip(1)
            .filter_map(|rest| Some((rest.split('"').next()?, rest.split("value=\"").nth(1)?.split('"').next()?)))
            .collect();
        let answer = submit(&house, Some(&pm), "/admin/mentors/bulk/undo", &undo).await;
        shows(&answer, StatusCode::OK, &["Undone: 2 mentors as before", named[0], named[1]]);
        let log = house.get("/admin/audit?kind=mentor", Some(&pm.cookie)).await;
        shows(&log, StatusCode::OK, &["</bdi></a><span class=\"unseen\"> (mentor)", named[0], named[1]]);
        assert_eq!(count(&house, sql), 0, "{deed}");
        assert_eq!(count(&house, "select count(*) from mentors where visibility = 'private'"), before, "{deed}");
        let twice = submit(&house, Some(&pm), "/admin/mentors/bulk/undo", &undo).await;
        shows(&twice, StatusCode::OK, &["Undone: 0 mentors", "has been changed since"]);
    }
    // One who is gone is left out; the other is changed all the same.
    let form = [("deed", "private"), ("id", &bo), ("id", UNKNOWN)];
    shows(
        &submit(&house, Some(&pm), "/admin/mentors/bulk", &form).await,
        StatusCode::OK,
        &["1 mentor: ", "is not here"],
    );
    house.work();
}

#[tokio::test]
async fn a_change_to_many_that_cannot_be_keeps_the_ticks_and_says_why() {
    let (house, pm) = program().await;
    let ada = id_of(&house, "ada");
    for (fields, problem) in [
        (vec![("deed", "activate")], "tick the boxes first"),
        (vec![("deed", ""), ("id", &ada)], "what is to be done?"),
        (vec![("deed", "explode"), ("id", &ada)], "what is to be done?"),
        (vec![("deed", "pause"), ("id", &ada)], "a day that is still to come"),
        (vec![("deed", "pause"), ("until", "2030-03-03"), ("id", &ada)], "a day that is still to come"),
        (vec![("deed", "pause"), ("until", "99999-01-01"), ("id", &ada)], "a day such as"),
        (vec![("deed", "tag"), ("tag", " "), ("id", &ada)], "must not be blank"),
        (vec![("deed", "activate"), ("id", "1 or 1=1")], "mentors in the list"),
    ] {
        let answer = submit(&house, Some(&pm), "/admin/mentors/bulk", &fields).await;
        shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[problem]);
        if fields.contains(&("id", &ada)) {
            assert!(answer.text().contains(&format!("value=\"{ada}\" checked")), "{fields:?}");
        }
    }
    let long = "x".repeat(101);
    let answer =
        submit(&house, Some(&pm), "/admin/mentors/bulk", &[("deed", "tag"), ("tag", &long), ("id", &ada)]).await;
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["100 characters", &long]);
    let ids: Vec<(&str, &str)> = std::iter::repeat_n(("id", UNKNOWN), 501).collect();
    let form = [vec![("deed", "activate")], ids].concat();
    let answer = submit(&house, Some(&pm), "/admin/mentors/bulk", &form).await;
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["more than 500"]);
    let ids: Vec<(&str, &str)> = std::iter::repeat_n(("id", UNKNOWN), 10_000).collect();
    let answer = submit(&house, Some(&pm), "/admin/mentors/bulk", &ids).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    for was in ["", "x", &format!("{ada}:soon"), &format!("{ada}:99999999999999999999")] {
        let form = [("deed", "pause"), ("until", "2030-03-20"), ("was", was)];
        let answer = submit(&house, Some(&pm), "/admin/mentors/bulk/undo", &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{was}");
    }
    assert_eq!(count(&house, "select count(*) from events where type = 'mentor.changed'"), 0);
}

/// The fields of the form on a mentor's page, with some of them changed.
fn fields(page: &str, changed: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let all = [
        "version",
        "name",
        "email",
        "timezone",
        "headline",
        "bio",
        "title",
        "company",
        "expertise",
        "industries",
        "stages",
        "languages",
        "active",
        "visibility",
        "pausedUntil",
        "loadCapPerWeek",
        "photoUrl",
        "linkedinUrl",
        "meetingUrl",
    ];
    let form = page.split("id=\"mentor\"").nth(1).expect("the form");
    let plain =
        |text: &str| text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    all.into_iter()
        .map(|name| {
            if let Some((_, value)) = changed.iter().find(|(it, _)| *it == name) {
                return (name, (*value).to_owned());
            }
            let rest = form.split(&format!("name=\"{name}\"")).nth(1).unwrap_or_else(|| panic!("no {name}"));
            let value = match name {
                "bio" | "expertise" | "industries" | "stages" | "languages" => {
                    rest.split_once(">\n").and_then(|(_, rest)| rest.split("</textarea>").next()).expect("a text")
                }
                "timezone" => rest
                    .split(" selected")
                    .next()
                    .and_then(|it| it.rsplit("value=\"").next())
                    .expect("a zone")
                    .trim_end_matches('"'),
                "active" => "true",
                "visibility" => "public",
                _ => rest.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a value"),
            };
            (name, plain(value))
        })
        .collect()
}

async fn save(house: &TestApp, by: &Person, path: &str, fields: &[(&'static str, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    submit(house, Some(by), path, &fields).await
}

#[tokio::test]
async fn a_mentor_is_edited_with_every_field() {
    let (house, pm) = program().await;
    let ada = id_of(&house, "ada");
    let path = format!("/admin/mentors/{ada}");
    let page = house.get(&path, Some(&pm.cookie)).await.text();
    leads_to(&save(&house, &pm, &path, &fields(&page, &[])).await, &format!("{path}?done=saved"));
    assert_eq!(count(&house, "select count(*) from events where type = 'mentor.changed'"), 0, "nothing was touched");
    let changed = [
        ("name", "Ada Byron"),
        ("email", "byron@example.org"),
        ("bio", "I blow glass.\r\n\r\nAnd teach it."),
        ("expertise", "glassblowing | vases | 2.5\nkilns, studios"),
        ("industries", "Arts; Crafts"),
        ("active", "false"),
        ("visibility", "limited"),
        ("pausedUntil", "2030-06-01"),
        ("loadCapPerWeek", "7"),
        ("photoUrl", "https://example.org/a.png"),
        ("meetingUrl", "https://meet.example.org/ada"),
    ];
    leads_to(&save(&house, &pm, &path, &fields(&page, &changed)).await, &format!("{path}?done=saved"));
    let stored = text(
        &house,
        "select name || email || bio || industries || active || visibility || paused_until || load_cap_per_week
             || (select group_concat(area || coalesce(subarea, '') || weight) from expertise
                 where mentor_number = mentors.number)
         from mentors join users on users.id = user_id where airtable_record_id = 'ada'",
    );
    let expected = "Ada Byronbyron@example.orgI blow glass.\n\nAnd teach it.[\"Arts\",\"Crafts\"]0limited19065024007\
                    glassblowingvases2.5,kilns1.0,studios1.0";
    assert_eq!(stored, expected);
    house.work();
}

#[tokio::test]
async fn a_form_that_cannot_be_saved_loses_nothing_and_names_every_field() {
    let (house, pm) = program().await;
    let path = format!("/admin/mentors/{}", id_of(&house, "ada"));
    let page = house.get(&path, Some(&pm.cookie)).await.text();
    let wrong = [
        ("headline", "Not lost <b>"),
        ("pausedUntil", "someday"),
        ("loadCapPerWeek", "lots"),
        ("expertise", "a | b | c"),
    ];
    let answer = save(&house, &pm, &path, &fields(&page, &wrong)).await;
    let said = [
        "day such as 2030-03-05",
        "whole number from 0 to 200",
        "line 1: the weight",
        "Not lost &lt;b&gt;",
        "a | b | c",
    ];
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &said);
    for (field, typed, status, problem) in [
        ("email", "bo@example.org", StatusCode::CONFLICT, "belongs to somebody else"),
        ("email", "nowhere", StatusCode::UNPROCESSABLE_ENTITY, "must be"),
        ("name", " ", StatusCode::UNPROCESSABLE_ENTITY, "must not be blank"),
        ("loadCapPerWeek", "201", StatusCode::UNPROCESSABLE_ENTITY, "200"),
        ("photoUrl", "javascript:alert(1)", StatusCode::UNPROCESSABLE_ENTITY, "https://"),
    ] {
        let answer = save(&house, &pm, &path, &fields(&page, &[("headline", "Not lost <b>"), (field, typed)])).await;
        shows(&answer, status, &[problem, "Not lost &lt;b&gt;"]);
    }
    assert_eq!(count(&house, "select count(*) from events where type in ('mentor.changed', 'user.changed')"), 0);
    let gone = submit(&house, Some(&pm), &format!("/admin/mentors/{UNKNOWN}"), &[]).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn of_two_who_edit_the_slower_sees_both_and_may_save_over() {
    let (house, pm) = program().await;
    let other = Person::new(&house, "other", Role::Pm).await;
    let path = format!("/admin/mentors/{}", id_of(&house, "ada"));
    let page = house.get(&path, Some(&pm.cookie)).await.text();
    leads_to(&save(&house, &other, &path, &fields(&page, &[("bio", "Theirs")])).await, &format!("{path}?done=saved"));
    let answer = save(&house, &pm, &path, &fields(&page, &[("bio", "Mine"), ("headline", "Mine too")])).await;
    shows(
        &answer,
        StatusCode::CONFLICT,
        &["Somebody else has changed", "Theirs", "Mine", "Mine too", "Save mine over it"],
    );
    assert_eq!(text(&house, "select bio from mentors where airtable_record_id = 'ada'"), "Theirs");
    let page = answer.text();
    leads_to(&save(&house, &pm, &path, &fields(&page, &[])).await, &format!("{path}?done=saved"));
    assert_eq!(text(&house, "select bio || headline from mentors where airtable_record_id = 'ada'"), "MineMine too");
    house.work();
}

#[tokio::test]
async fn a_program_manager_moves_nobodys_account_who_runs_the_program() {
    let (house, pm) = program().await;
    let change = json!({ "email": "mine@example.org" });
    let other = Person::new(&house, "other", Role::Pm).await;
    let mentor = Person::mentor(&house, "fay").await;
    assert_eq!(pm.puts(&house, &other, &change).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        mentor.puts(&house, &mentor, &change).await.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "not even one's own"
    );
    assert_eq!(pm.puts(&house, &mentor, &change).await.status, StatusCode::OK);
    assert_eq!(pm.puts(&house, &mentor, &json!({ "email": "bo@example.org" })).await.status, StatusCode::CONFLICT);
    assert_eq!(pm.puts(&house, &mentor, &json!({ "email": null })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(text(&house, &format!("select email from users where id = '{}'", mentor.id)), "mine@example.org");
    house.work();
}

#[tokio::test]
async fn a_mentor_is_added_and_found() {
    let (house, pm) = program().await;
    let page = house.get("/admin/mentors/new", Some(&pm.cookie)).await.text();
    let typed =
        [("name", "Fay Wray"), ("email", "fay@example.org"), ("bio", "I train falcons."), ("expertise", "falconry")];
    let empty = save(&house, &pm, "/admin/mentors/new", &fields(&page, &[("bio", "Not lost")])).await;
    shows(&empty, StatusCode::UNPROCESSABLE_ENTITY, &["Not lost", "Name must not be blank"]);
    let taken =
        save(&house, &pm, "/admin/mentors/new", &fields(&page, &[("name", "Fay"), ("email", "ADA@example.org")])).await;
    shows(&taken, StatusCode::CONFLICT, &["belongs to somebody else"]);
    let added = save(&house, &pm, "/admin/mentors/new", &fields(&page, &typed)).await;
    assert!(added.header("location").ends_with("?done=added"), "{}", added.text());
    house.work();
    let found = house.ask(&pm.cookie, json!({ "query": "who trains falcons?" })).await;
    assert_eq!(found["matches"][0]["name"], "Fay Wray");
}

#[tokio::test]
async fn two_tags_become_one_and_the_search_follows() {
    let (house, pm) = program().await;
    house.import(&mentor("fa", json!({ "Headline": "Angels", "Expertise": ["fund raising"] })));
    let list = house.get("/api/admin/tags", Some(&pm.cookie)).await.json();
    assert_eq!(list["suggestions"][0]["from"]["nMentors"], 1);
    let ask = json!({ "query": "fundraising", "expertise": ["fundraising"] });
    assert_eq!(house.ask(&pm.cookie, ask.clone()).await["matches"].as_array().expect("matches").len(), 1);
    let change = [("kind", "expertise"), ("from", "fund raising"), ("into", "fundraising")];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(change).finish();
    let preview = house.get(&format!("/admin/tags/change?{query}"), Some(&pm.cookie)).await;
    shows(
        &preview,
        StatusCode::OK,
        &["becomes “fundraising” with 1 mentor", "1 mentor has “fundraising” now, 2 will", "Merge them"],
    );
    let done = submit(&house, Some(&pm), "/admin/tags/change", &change).await;
    assert!(
        done.header("location").starts_with("/admin/tags?kind=expertise&done=changed&n=1&undo="),
        "{}",
        done.text()
    );
    house.work();
    assert_eq!(house.ask(&pm.cookie, ask.clone()).await["matches"].as_array().expect("matches").len(), 2);
    let page = house.get(&done.header("location"), Some(&pm.cookie)).await.text();
    let undo = value(&page, "undo").to_owned();
    let undone = submit(&house, Some(&pm), "/admin/tags/undo", &[("undo", &undo), ("kind", "expertise")]).await;
    leads_to(&undone, "/admin/tags?kind=expertise&done=undone&n=1");
    let again = submit(&house, Some(&pm), "/admin/tags/undo", &[("undo", &undo)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    house.work();
    assert_eq!(house.ask(&pm.cookie, ask).await["matches"].as_array().expect("matches").len(), 1);
    let merged = house
        .post(
            "/api/admin/tags/merge",
            Some(&pm.cookie),
            &json!({ "kind": "expertise", "from": "fund raising", "into": "fundraising" }),
        )
        .await;
    assert_eq!((merged.status, merged.json()), (StatusCode::OK, json!({ "changed": 1 })));
    house.work();
}

#[tokio::test]
async fn tags_that_cannot_be_changed_say_why() {
    let (house, pm) = program().await;
    let merge = async |body: serde_json::Value| house.post("/api/admin/tags/merge", Some(&pm.cookie), &body).await;
    for (kind, from, into, status) in [
        ("expertise", "nowhere", "fundraising", StatusCode::NOT_FOUND),
        ("expertise", "fundraising", "nowhere", StatusCode::NOT_FOUND),
        ("expertise", "fundraising", "fundraising", StatusCode::UNPROCESSABLE_ENTITY),
        ("goals", "fundraising", "pricing", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = merge(json!({ "kind": kind, "from": from, "into": into })).await;
        assert_eq!(answer.status, status, "{kind} {from} {into}: {}", answer.text());
    }
    assert_eq!(merge(json!({ "kind": "expertise", "from": "a" })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        house.get("/api/admin/tags?kind=goals", Some(&pm.cookie)).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let blank = [("kind", "expertise"), ("from", "fundraising"), ("into", " ")];
    shows(
        &submit(&house, Some(&pm), "/admin/tags/change", &blank).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        &["must not be blank"],
    );
    let removal = [("kind", "expertise"), ("from", "pricing"), ("remove", "true")];
    let done = submit(&house, Some(&pm), "/admin/tags/change", &removal).await;
    assert!(done.header("location").contains("n=2"), "{}", done.header("location"));
    house.work();
    let gone = submit(&house, Some(&pm), "/admin/tags/change", &removal).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

async fn upload(house: &TestApp, by: &Person, name: &str, kind: &str, content: &[u8]) -> Answer {
    let head = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\n{kind}\r\n--edge\r\nContent-Disposition: \
         form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n"
    );
    let body = [head.as_bytes(), content, b"\r\n--edge--\r\n"].concat();
    send(house, "POST", "/admin/import", Some(&by.cookie), "multipart/form-data; boundary=edge", body).await
}

/// The page of an upload once it no longer waits for anything.
async fn settled(house: &TestApp, by: &Person, path: &str) -> Answer {
    for _ in 0..400 {
        let answer = house.get(path, Some(&by.cookie)).await;
        if answer.header("refresh").is_empty() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{path} waits for ever");
}

const PEOPLE: &[u8] = b"recordId,Name,Email,Headline,Shoe size\n\
    rec1,Ines,ines@example.org,Beekeeping,38\n\
    rec2,Nobody,,No address,\n\
    ada,ada,ada@example.org,Pricing that sticks,\n\
    rec4,<b>,not an address,,\n";

#[tokio::test]
async fn a_file_is_looked_through_before_anything_is_taken_in() {
    let (house, pm) = program().await;
    let other = Person::new(&house, "other", Role::Admin).await;
    let sent = upload(&house, &pm, "pe\u{202e}ople.csv", "mentors", PEOPLE).await;
    let path = sent.header("location");
    assert!(path.starts_with("/admin/import/"), "{}", sent.text());
    let ready = settled(&house, &pm, &path).await;
    shows(&ready, StatusCode::OK, &["Take in 1 line", "Line 3: ", "Line 5: ", "Shoe size", "Unchanged"]);
    assert_eq!(count(&house, "select count(*) from mentors"), 5, "looking changes nothing");
    for (method, path) in [("GET", path.clone()), ("POST", path.clone()), ("POST", format!("{path}/discard"))] {
        let answer =
            send(&house, method, &path, Some(&other.cookie), "application/x-www-form-urlencoded", Vec::new()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}: somebody else's");
    }
    for _ in 0..2 {
        leads_to(&submit(&house, Some(&pm), &path, &[]).await, &path);
    }
    shows(&settled(&house, &pm, &path).await, StatusCode::OK, &["Done.", "Line 3: "]);
    house.work();
    assert_eq!(count(&house, "select count(*) from mentors"), 6);
    assert_eq!(count(&house, "select count(*) from events where type = 'import.done'"), 1, "once");
    advance(&house, 3_600);
    assert_eq!(house.get(&path, Some(&pm.cookie)).await.status, StatusCode::NOT_FOUND, "an hour later it is gone");
}

#[tokio::test]
async fn a_file_that_cannot_be_is_refused_in_words() {
    let (house, pm) = program().await;
    for (name, kind, content, problem) in [
        ("people.xlsx", "mentors", PEOPLE, "must be a .csv or a .jsonl file"),
        ("people", "mentors", PEOPLE, "must be a .csv or a .jsonl file"),
        ("people.csv", "goats", PEOPLE, "must be mentors or mentees"),
        ("people.csv", "mentors", b"", "must hold something"),
    ] {
        let answer = upload(&house, &pm, name, kind, content).await;
        shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[problem]);
    }
    let large = vec![b'x'; 20 * 1024 * 1024 + 1];
    let answer = upload(&house, &pm, "people.csv", "mentors", &large).await;
    shows(&answer, StatusCode::PAYLOAD_TOO_LARGE, &["20 MiB"]);
    let no_form = submit(&house, Some(&pm), "/admin/import", &[]).await;
    assert_eq!(no_form.status, StatusCode::UNPROCESSABLE_ENTITY);
    let sent = upload(&house, &pm, "people.csv", "mentors", b"\xff\xfe\x00\x01,\"\n\n").await;
    let odd = settled(&house, &pm, &sent.header("location")).await;
    assert_eq!(odd.status, StatusCode::OK, "whatever it is, it is told: {}", odd.text());
    let path = sent.header("location");
    leads_to(&submit(&house, Some(&pm), &format!("{path}/discard"), &[]).await, "/admin/import?done=discarded");
    assert_eq!(house.get(&path, Some(&pm.cookie)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get("/admin/import/7", Some(&pm.cookie)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(count(&house, "select count(*) from mentors"), 5);
}
