use serde_json::{Value, json};

use super::*;
use crate::accounts::{NewUser, Status};
use crate::audit::{Filter, entries};
use crate::clock::{Clock, Moment};
use crate::db::Db;
use crate::mentors::{self, Edit, Patch, Visibility};

struct House {
    _keep: tempfile::TempDir,
    db: Db,
}

impl House {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let db = Db::open(directory.path(), clock, 1).expect("a new database");
        Self { _keep: directory, db }
    }

    fn add(&self, name: &str, role: Role) -> User {
        let new = NewUser {
            email: format!("{name}@example.org"),
            name: name.to_owned(),
            role,
            timezone: "UTC".to_owned(),
            password_hash: None,
        };
        self.db.write_here(|tx| accounts::create(tx, &new)).expect("created")
    }

    fn change(&self, by: &User, whose: &User, wanted: Value) -> Result<bool> {
        let wanted = serde_json::from_value(wanted).expect("a change");
        self.db.write_here(|tx| change(tx, &Actor::user(by.id, ""), &Asker::of(by), whose.id, false, wanted))
    }

    fn view(&self, by: &User, whose: &User, has_session_between: bool) -> Option<Value> {
        let seen = self.db.read_here(|tx| view(tx, &Asker::of(by), whose.id, has_session_between)).expect("read");
        seen.map(|seen| json!(seen))
    }

    fn kinds(&self) -> Vec<String> {
        let all = self.db.read_here(|tx| entries(tx, &Filter::default(), 100)).expect("read");
        all.into_iter().map(|event| event.kind).collect()
    }
}

#[test]
fn the_first_change_opens_a_profile_and_the_same_again_leaves_no_trace() {
    let house = House::new();
    let (ada, bo) = (house.add("ada", Role::Mentor), house.add("bo", Role::Mentee));
    let mentor =
        json!({ "mentor": { "headline": "Prices", "expertise": ["pricing", { "area": "sales", "weight": 2 }] } });
    assert!(house.change(&ada, &ada, mentor.clone()).expect("opened"));
    assert!(house.change(&bo, &bo, json!({ "company": "Acme", "goals": "A first customer" })).expect("opened"));
    assert_eq!(house.kinds(), ["mentee.created", "mentor.created"]);
    assert!(!house.change(&ada, &ada, mentor).expect("the same"));
    assert!(!house.change(&bo, &bo, json!({ "mentee": { "company": "Acme" } })).expect("the same"));
    assert!(!house.change(&bo, &bo, json!({})).expect("nothing"));
    assert_eq!(house.kinds().len(), 2);
    let seen = house.view(&ada, &ada, false).expect("oneself");
    assert_eq!(seen["mentor"]["expertise"][1], json!({ "area": "sales", "subarea": null, "weight": 2.0 }));
    assert_eq!((&seen["mentor"]["active"], &seen["mentor"]["loadCapPerWeek"]), (&json!(true), &json!(5)));
}

#[test]
fn a_mentor_seen_by_others_shows_what_is_for_others() {
    let house = House::new();
    let (ada, bo, pm) = (house.add("ada", Role::Mentor), house.add("bo", Role::Mentee), house.add("pm", Role::Pm));
    let change = json!({ "mentor": { "headline": "Prices", "meetingUrl": "https://meet.example.org/ada" } });
    house.change(&ada, &ada, change).expect("opened");
    let (others, staffs) =
        (house.view(&bo, &ada, false).expect("public"), house.view(&pm, &ada, false).expect("staff"));
    for (field, within) in [
        ("email", ""),
        ("status", ""),
        ("visibility", "mentor"),
        ("loadCapPerWeek", "mentor"),
        ("meetingUrl", "mentor"),
    ] {
        let of = |seen: &Value| if within.is_empty() { seen[field].clone() } else { seen[within][field].clone() };
        assert!(of(&others).is_null() && !of(&staffs).is_null(), "{field}");
    }
    assert_eq!(others["mentor"]["headline"], "Prices");
    house.change(&ada, &ada, json!({ "mentor": { "visibility": "private" } })).expect("hidden");
    assert!(house.view(&bo, &ada, false).is_none() && house.view(&bo, &ada, true).is_none());
    assert!(house.view(&pm, &ada, false).is_some());
    house.change(&ada, &ada, json!({ "mentor": { "visibility": null } })).expect("public again");
    assert!(house.view(&bo, &ada, false).is_some());
    for change in [json!({ "status": "suspended" }), json!({ "status": "active", "mentor": { "active": false } })] {
        house.change(&pm, &ada, change).expect("staff may");
        assert!(house.view(&bo, &ada, false).is_none());
    }
}

#[test]
fn a_mentee_and_staff_are_nobody_to_strangers() {
    let house = House::new();
    let (ada, bo, cy) = (house.add("ada", Role::Mentor), house.add("bo", Role::Mentee), house.add("cy", Role::Mentee));
    let (pm, admin) = (house.add("pm", Role::Pm), house.add("admin", Role::Admin));
    house.change(&bo, &bo, json!({ "goals": "A first customer" })).expect("opened");
    for stranger in [&ada, &cy] {
        for whose in [&bo, &pm, &admin] {
            assert!(house.view(stranger, whose, false).is_none(), "{} of {}", stranger.name, whose.name);
            assert_eq!(
                house.change(stranger, whose, json!({ "name": "Eve" })).expect_err("no").code,
                "profile_unknown"
            );
        }
    }
    let shared = house.view(&ada, &bo, true).expect("a session between them");
    assert_eq!((&shared["mentee"]["goals"], &shared["email"]), (&json!("A first customer"), &Value::Null));
    for staff in [&pm, &admin] {
        assert!(house.view(staff, &bo, false).is_some() && house.view(staff, &pm, false).is_some());
    }
}

#[test]
fn what_only_staff_or_only_admins_change_is_refused_to_others_unless_it_is_so_already() {
    let house = House::new();
    let (ada, bo) = (house.add("ada", Role::Mentor), house.add("bo", Role::Mentee));
    let (pm, admin) = (house.add("pm", Role::Pm), house.add("admin", Role::Admin));
    house.change(&ada, &ada, json!({ "mentor": {} })).expect("opened");
    let refused = [
        (&ada, &ada, json!({ "mentor": { "active": false } })),
        (&ada, &ada, json!({ "status": "inactive" })),
        (&ada, &ada, json!({ "role": "admin" })),
        (&bo, &ada, json!({ "name": "Eve" })),
        (&pm, &ada, json!({ "role": "pm" })),
        (&pm, &pm, json!({ "role": "admin" })),
        (&pm, &admin, json!({ "name": "Eve" })),
        (&pm, &admin, json!({ "status": "suspended" })),
    ];
    let n_before = house.kinds().len();
    for (by, whose, change) in refused {
        let refusal = house.change(by, whose, change.clone()).expect_err("refused");
        assert_eq!(refusal.code, "forbidden", "{} to {}: {change}", by.name, whose.name);
    }
    assert_eq!(house.kinds().len(), n_before, "a refusal changes nothing");
    let same = json!({ "role": "mentor", "status": "active", "mentor": { "active": true, "visibility": "public" } });
    assert!(!house.change(&ada, &ada, same).expect("so already"));
    assert!(house.change(&pm, &bo, json!({ "status": "suspended" })).expect("a pm may"));
    assert!(
        house.change(&admin, &bo, json!({ "role": "mentor", "status": "active", "mentor": {} })).expect("an admin may")
    );
    assert_eq!(house.kinds()[..3], ["mentor.created", "user.status_changed", "user.role_changed"]);
    assert_eq!(house.change(&admin, &admin, json!({ "role": "pm" })).expect_err("needed").code, "last_admin");
}

#[test]
fn everything_that_is_wrong_is_named_at_once_and_nothing_is_changed() {
    let house = House::new();
    let (ada, bo) = (house.add("ada", Role::Mentor), house.add("bo", Role::Mentee));
    let many: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    let change = json!({
        "name": null, "timezone": "Mars/Olympus", "image": "javascript:alert(1)", "role": null, "company": "Acme",
        "mentor": {
            "headline": "x".repeat(301), "bio": "nul\u{0}", "industries": many, "photoUrl": "http://example.org/a.png",
            "loadCapPerWeek": 201, "expertise": [{ "area": "a", "weight": -1 }],
        },
        "mentee": { "goals": "None" },
    });
    let refusal = house.change(&ada, &ada, change).expect_err("all wrong");
    let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "company",
            "image",
            "mentee",
            "mentor.bio",
            "mentor.expertise",
            "mentor.headline",
            "mentor.industries",
            "mentor.loadCapPerWeek",
            "mentor.photoUrl",
            "name",
            "role",
            "timezone"
        ]
    );
    let refusal = house.change(&bo, &bo, json!({ "mentor": { "headline": "Me too" } })).expect_err("no mentor");
    assert!(refusal.fields.contains_key("mentor"));
    assert!(house.kinds().is_empty());
}

#[test]
fn what_is_missing_stays_and_null_clears() {
    let house = House::new();
    let ada = house.add("ada", Role::Mentor);
    let all = json!({
        "timezone": "Europe/Berlin", "image": "https://example.org/a.png",
        "mentor": {
            "headline": "Prices", "stages": ["Seed"], "visibility": "limited", "loadCapPerWeek": 2,
            "pausedUntil": "2030-04-01T00:00:00Z", "linkedinUrl": "https://linkedin.example.org/ada",
        },
    });
    house.change(&ada, &ada, all).expect("changed");
    house
        .change(&ada, &ada, json!({ "mentor": { "headline": null, "pausedUntil": null, "visibility": null } }))
        .expect("cleared");
    house
        .change(&ada, &ada, json!({ "timezone": null, "image": "", "mentor": { "linkedinUrl": "" } }))
        .expect("cleared");
    let seen = house.view(&ada, &ada, false).expect("oneself");
    let mentor = &seen["mentor"];
    assert_eq!((&seen["timezone"], &seen["image"], &seen["name"]), (&json!("UTC"), &Value::Null, &json!("ada")));
    assert_eq!(
        (&mentor["headline"], &mentor["pausedUntil"], &mentor["visibility"]),
        (&json!(""), &Value::Null, &json!("public"))
    );
    assert_eq!(
        (&mentor["loadCapPerWeek"], &mentor["stages"], &mentor["stage"]),
        (&json!(2), &json!(["Seed"]), &json!("Seed"))
    );
    assert_eq!(mentor["linkedinUrl"], Value::Null);
}

#[test]
fn an_uploaded_picture_comes_before_the_one_a_profile_names() {
    let house = House::new();
    let ada = house.add("ada", Role::Mentor);
    house.change(&ada, &ada, json!({ "image": "https://a.example/1.png", "mentor": {} })).expect("opened");
    let photo =
        || house.db.read_here(|tx| Ok(mentors::of_user(tx, ada.id)?.and_then(|it| it.photo().map(str::to_owned))));
    assert_eq!(photo().expect("read").as_deref(), Some("https://a.example/1.png"));
    house.change(&ada, &ada, json!({ "mentor": { "photoUrl": "https://b.example/2.png" } })).expect("changed");
    assert_eq!(photo().expect("read").as_deref(), Some("https://b.example/2.png"));
    let picture = Photo { media_type: photos::MediaType::Png, bytes: vec![1], version: "0f".to_owned() };
    let asker = Asker::of(&ada);
    let actor = Actor::nobody("");
    let address = house.db.write_here(|tx| put_photo(tx, &actor, &asker, ada.id, false, &picture)).expect("kept");
    assert_eq!(photo().expect("read"), Some(address.clone()));
    assert!(!house.change(&ada, &ada, json!({ "image": address })).expect("so already"));
    house.change(&ada, &ada, json!({ "image": "https://a.example/3.png" })).expect("another");
    let left = house.db.read_here(|tx| super::photo(tx, &asker, ada.id, false, "0f")).expect("read");
    assert!(left.is_none(), "what nothing points at is gone");
}

#[test]
fn an_erased_mentor_is_empty_and_their_record_cannot_bring_them_back() {
    let house = House::new();
    let actor = Actor::nobody("import");
    let edit = || Edit {
        email: Some("ada@example.org".to_owned()),
        name: Some("Ada".to_owned()),
        bio: Patch::Set("I priced pilots.".to_owned()),
        expertise: Patch::Set(vec![mentors::Expertise::plain("pricing")]),
        ..Edit::default()
    };
    let ada = house
        .db
        .write_here(|tx| {
            mentors::put(tx, &actor, "rec1", edit())?;
            accounts::user_by_email(tx, "ada@example.org")
        })
        .expect("created")
        .expect("there");
    let (admin, pm) = (house.add("admin", Role::Admin), house.add("pm", Role::Pm));
    let by_pm = house.db.write_here(|tx| erase(tx, &actor, &Asker::of(&pm), ada.id, false)).expect_err("not a pm");
    assert_eq!(by_pm.code, "forbidden");
    house.db.write_here(|tx| erase(tx, &actor, &Asker::of(&admin), ada.id, false)).expect("erased");
    let mentor = house.db.read_here(|tx| mentors::of_user(tx, ada.id)).expect("read").expect("the row stays");
    assert!(mentor.is_erased && !mentor.is_visible());
    assert_eq!((mentor.name.as_str(), mentor.profile.visibility), (accounts::NAME_OF_THE_GONE, Visibility::Private));
    assert!(mentor.profile.bio.is_empty() && mentor.profile.expertise.is_empty());
    let again = house.db.write_here(|tx| mentors::put(tx, &actor, "rec1", edit())).expect_err("gone");
    assert_eq!(again.code, "mentor_gone");
    for asker in [&ada, &admin] {
        assert!(house.view(asker, &ada, true).is_none(), "the erased are nobody, even to staff");
    }
    assert_eq!(house.kinds()[..2], ["user.erased", "mentor.erased"]);
    let unknown = house.db.write_here(|tx| erase(tx, &actor, &Asker::of(&admin), ada.id, false)).expect_err("once");
    assert_eq!(unknown.code, "profile_unknown");
    assert_eq!(admin.status, Status::Active);
}
