use super::*;
use crate::clock::{Clock, Moment};
use crate::mentors;

fn house() -> (tempfile::TempDir, Db) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
    let db = Db::open(directory.path(), clock, 1).expect("a new database");
    (directory, db)
}

fn last_change(tx: &Tx<'_>) -> Result<u64> {
    tx.last_change()
}

fn take(db: &Db, text: &[u8], format: Format) -> Report {
    import(db, &Actor::nobody("import"), text, format, None, false, |_| ()).expect("the file is read to its end")
}

fn names(db: &Db) -> Vec<String> {
    let mut names = Vec::new();
    db.read_here(|tx| {
        mentors::for_each(tx, |mentor| {
            names.push(mentor.name);
            Ok(())
        })
    })
    .expect("read");
    names
}

const ADA: &str = r#"{"recordId": "rec1", "fields": {"Email": "ada@example.org", "Name": "Ada", "Headline": "Pricing", "Industries": ["Fintech"], "Expertise": ["pricing"], "Is Active": true, "Timezone": "Europe/Berlin", "Shoe size": 38}}"#;
const BO: &str = r#"{"recordId": "rec2", "fields": {"Email": "bo@example.org", "Name": "Bo"}}"#;

#[test]
fn every_good_line_goes_in_and_every_bad_one_is_named() {
    let (_keep, db) = house();
    let mut file = format!("{ADA}\n\n{{broken\n{BO}\n").into_bytes();
    file.extend(b"\"\xFF\"\n");
    for line in [
        r#"{"recordId": "rec3", "fields": {"Email": "ADA@example.org", "Name": "Eve"}}"#,
        r#"{"recordId": "rec4", "fields": {"Email": "cy@example.org", "Name": "Cy", "Timezone": "Mars/Olympus"}}"#,
        r#"{"recordId": "rec5", "fields": {"Email": "di@example.org", "Name": "D\u0000i", "Bio": 7}}"#,
        r#"{"fields": {"Email": "el@example.org", "Name": "El"}}"#,
        "[1, 2]",
    ] {
        file.extend(line.as_bytes());
        file.push(b'\n');
    }
    let report = take(&db, &file, Format::JsonLines);
    assert_eq!(names(&db), ["Ada", "Bo"]);
    assert_eq!((report.read, report.changed, report.unchanged), (9, 2, 0));
    let errors: Vec<String> = report.errors.iter().map(|it| format!("{}: {}", it.line, it.problem)).collect();
    assert_eq!(
        errors,
        [
            "3: is not JSON (near column 2)",
            "5: is not UTF-8 text",
            "6: That e-mail address belongs to somebody else.",
            "7: Timezone must be an IANA time zone such as Europe/Berlin",
            "8: Bio must be text; Name must not hold control characters",
            "9: recordId must be a text that names the record",
            "10: must be a JSON object",
        ]
    );
    assert_eq!(report.unknown_fields, ["Shoe size"]);
}

#[test]
fn importing_again_changes_nothing() {
    let (_keep, db) = house();
    let file = format!("{ADA}\n{BO}\n");
    take(&db, file.as_bytes(), Format::JsonLines);
    let before = db.read_here(last_change).expect("read");
    let report = take(&db, file.as_bytes(), Format::JsonLines);
    assert_eq!((report.changed, report.unchanged), (0, 2));
    assert_eq!(db.read_here(last_change).expect("read"), before);
}

#[test]
fn a_dry_run_finds_what_is_wrong_and_keeps_nothing() {
    let (_keep, db) = house();
    let twin = BO.replace("rec2", "rec9");
    let file = format!("{ADA}\n{BO}\n{twin}\n");
    let report =
        import(&db, &Actor::nobody("import"), file.as_bytes(), Format::JsonLines, None, true, |_| ()).expect("read");
    assert_eq!((report.changed, report.errors.len()), (2, 1), "the twin is seen although nothing is kept");
    assert!(names(&db).is_empty());
}

#[test]
fn a_csv_says_the_same_as_json_lines() {
    let (_keep, db) = house();
    take(&db, format!("{ADA}\n").as_bytes(), Format::JsonLines);
    let csv = "\u{feff}Record ID,Email,Name,Headline,Industries,Expertise,Is Active,Timezone\r\n\
               rec1,ada@example.org,Ada,Pricing,Fintech,pricing,yes,Europe/Berlin\r\n\
               rec2,bo@example.org,Bo,\"Two\nlines\",\"Games, \"\"Art, fine\"\"\",\"a; b\",no,UTC\r\n\
               rec3,cy@example.org,Cy,,,,maybe,UTC,too,many\r\n";
    let report = take(&db, csv.as_bytes(), Format::Csv);
    assert_eq!((report.changed, report.unchanged), (1, 1), "{:?}", report.errors);
    assert_eq!(report.errors.len(), 1);
    assert_eq!(report.errors[0].line, 5, "a quoted line break counts as a line, as in an editor");
    let mut bo = None;
    db.read_here(|tx| {
        mentors::for_each(tx, |mentor| {
            bo = Some(mentor);
            Ok(())
        })
    })
    .expect("read");
    let bo = bo.expect("the last one").profile;
    assert_eq!(bo.industries, ["Games", "Art, fine"]);
    assert_eq!(bo.expertise.len(), 2);
    assert!(!bo.is_active);
}

#[test]
fn mentees_are_told_by_their_goals_or_by_whoever_asks() {
    let (_keep, db) = house();
    let cy = r#"{"Email": "cy@example.org", "Name": "Cy", "Goals": "Price a pilot.", "Timezone": "UTC"}"#;
    assert_eq!(take(&db, cy.as_bytes(), Format::JsonLines).changed, 1);
    assert_eq!(take(&db, cy.as_bytes(), Format::JsonLines).unchanged, 1);
    let without = r#"{"Email": "di@example.org", "Name": "Di"}"#;
    let report = import(
        &db,
        &Actor::nobody("import"),
        without.as_bytes(),
        Format::JsonLines,
        Some(Kind::Mentees),
        false,
        |_| (),
    )
    .expect("read");
    assert_eq!(report.changed, 1);
    assert!(names(&db).is_empty());
}

#[test]
fn a_mentees_new_name_or_zone_is_written_down_without_its_words() {
    let (_keep, db) = house();
    let cy = r#"{"Email": "cy@example.org", "Name": "Cy", "Goals": "Price a pilot.", "Timezone": "UTC"}"#;
    take(&db, cy.as_bytes(), Format::JsonLines);
    let other = cy.replace("\"Cy\"", "\"Cyd\"").replace("UTC", "Europe/Berlin");
    assert_eq!(take(&db, other.as_bytes(), Format::JsonLines).changed, 1);
    assert_eq!(take(&db, other.as_bytes(), Format::JsonLines).unchanged, 1);
    let filter = crate::audit::Filter { kind: Some("user.changed".to_owned()), ..crate::audit::Filter::default() };
    let log = db.read_here(|tx| crate::audit::entries(tx, &filter, 10)).expect("read");
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].change["after"], serde_json::json!({ "fields": ["name", "timezone"] }));
    assert!(!log[0].change.to_string().contains("Cyd"), "{}", log[0].change);
}

#[test]
fn a_line_without_end_is_refused_and_the_next_one_read() {
    let (_keep, db) = house();
    let mut file = vec![b'x'; 3 * 1024 * 1024];
    file.push(b'\n');
    file.extend(BO.as_bytes());
    let report = take(&db, &file, Format::JsonLines);
    assert_eq!((report.changed, report.errors.len()), (1, 1));
    assert_eq!(report.errors[0].problem, "is longer than 1 MiB");
}

#[test]
fn ten_thousand_levels_of_nesting_are_an_error_of_their_line() {
    let (_keep, db) = house();
    let deep = format!("{}\n{BO}\n", "[".repeat(10_000));
    let report = take(&db, deep.as_bytes(), Format::JsonLines);
    assert_eq!((report.changed, report.errors.len()), (1, 1));
}
