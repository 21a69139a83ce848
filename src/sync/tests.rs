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
    import(db, &Actor::nobody("import"), text, format, None, |_| ()).expect("the file is read to its end")
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
    let report = preview(&db, &Actor::nobody("import"), file.as_bytes(), Format::JsonLines, None).expect("read");
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
    let report =
        import(&db, &Actor::nobody("import"), without.as_bytes(), Format::JsonLines, Some(Kind::Mentees), |_| ())
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

#[test]
fn a_preview_tells_line_by_line_what_would_happen_and_keeps_nothing() {
    let (_keep, db) = house();
    take(&db, format!("{ADA}\n").as_bytes(), Format::JsonLines);
    let csv = "Record ID,Email,Name,Headline\n\
               rec1,ada@example.org,Ada,Pricing\n\
               rec1,ada@example.org,Ada,Hiring\n\
               rec2,bo@example.org,Bo,\n\
               rec3,nobody,Cy,\n";
    let report = preview(&db, &Actor::nobody("test"), csv.as_bytes(), Format::Csv, Some(Kind::Mentors)).expect("read");
    let rows: Vec<_> = report.rows.iter().map(|row| (row.line, row.about.as_str(), row.outcome)).collect();
    assert_eq!(
        rows,
        [
            (2, "ada@example.org", Outcome::Unchanged),
            (3, "ada@example.org", Outcome::Changed),
            (4, "bo@example.org", Outcome::New),
            (5, "nobody", Outcome::Refused),
        ]
    );
    assert_eq!(report.rows[3].problem.as_deref(), Some("Email must be an e-mail address"));
    assert_eq!((report.changed, report.created, report.unchanged, report.refused), (2, 1, 1, 1));
    assert_eq!(names(&db), ["Ada"]);
}

#[test]
fn a_preview_of_many_lines_tells_only_the_first_of_them() {
    let (_keep, db) = house();
    let file = "{\"Email\": \"nobody\"}\n".repeat(MOST_ROWS + 5);
    let report =
        preview(&db, &Actor::nobody("test"), file.as_bytes(), Format::JsonLines, Some(Kind::Mentees)).expect("read");
    assert_eq!((report.rows.len(), report.refused), (MOST_ROWS, 1_005));
}

fn problems(db: &Db, text: &[u8]) -> Vec<(u64, String)> {
    take(db, text, Format::Csv).errors.into_iter().map(|error| (error.line, error.problem)).collect()
}

#[test]
fn a_csv_that_cannot_be_used_is_refused_by_its_first_line() {
    let (_keep, db) = house();
    let wide = format!("{}\nx,y\n", "name,".repeat(1_000_000));
    for (file, problem) in [
        (wide.into_bytes(), "names more than 1000 columns, so nothing of the file was read"),
        (b"Email,Name,Email\na,b,c\n".to_vec(), "names the column Email twice, so nothing of the file was read"),
        (
            b"Email,Name,Stra\xDFe\na,b,c\n".to_vec(),
            "is not UTF-8 text, so nothing of the file was read (save the file as UTF-8 CSV)",
        ),
        (vec![b'x'; 3 * 1024 * 1024], "is longer than 1 MiB, so nothing of the file was read"),
    ] {
        assert_eq!(problems(&db, &file), [(1, problem.to_owned())]);
    }
    assert!(problems(&db, b"").is_empty());
}

#[test]
fn a_csvs_bad_lines_are_named_and_its_good_ones_go_in() {
    let (_keep, db) = house();
    let mut file =
        b"\xEF\xBB\xBF\"Record ID\",Email,Name,Expertise\r\n\r\nrec1,ada@example.org,\"A\r\nda\",x\r\n".to_vec();
    file.extend(b"rec2,bo@example.org,Ren\xE9,x\r\n");
    file.extend(format!("rec3,cy@example.org,Cy{}\r\n", ",".repeat(1_000_000)).as_bytes());
    file.extend(format!("rec4,di@example.org,Di,\"{}\"\r\n", "x".repeat(2 * 1024 * 1024)).as_bytes());
    let tags: Vec<String> = (0..10_000).map(|at| format!("tag {at}")).collect();
    file.extend(format!("rec5,el@example.org,El,{}\r\n", tags.join(";")).as_bytes());
    file.extend(b"rec6,fy@example.org,Fy,\"a; \"\"b\"\r\n'=rec7,gu@example.org,'+Gu,\n");
    assert_eq!(
        problems(&db, &file),
        [
            (5, "is not UTF-8 text (save the file as UTF-8 CSV)".to_owned()),
            (6, "has more columns than the first line names".to_owned()),
            (7, "is longer than 1 MiB".to_owned()),
            (8, "Expertise must not have more than 50 entries".to_owned()),
            (9, "holds a list with a quote that does not end".to_owned()),
        ]
    );
    assert_eq!(names(&db), ["A da", "+Gu"]);
}
