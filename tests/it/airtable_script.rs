//! The script of the README that people paste into an Airtable automation, run in a real browser against a Tandem that
//! listens: what it posts is signed, and a record is what Airtable makes of one.

use serde_json::{Value, json};
use tandem::accounts::Role;

use crate::browser::{Browser, on_a_socket_with};

const SECRET: &str =
    "a secret of the base, longer than one block of the hash: ünïcödé 0123456789 0123456789 0123456789";

/// The one block of JavaScript in the README.
fn script() -> String {
    let readme = include_str!("../../README.md");
    readme.split("```js\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script").to_owned()
}

/// What an automation finds around it: its inputs, and a base with one record.
const AROUND: &str = r#"
    const cells = arguments[0], done = arguments[arguments.length - 1];
    const input = { config: () => ({ recordId: "rec1", secret: arguments[1] }) };
    const fields_there = [["Email", "email"], ["Name", "singleLineText"], ["Bio", "richText"], ["Industries", "multipleSelects"],
        ["Visibility", "singleSelect"], ["Is Active", "checkbox"], ["Shoe Size", "number"]];
    const base = { getTable: (name) => name !== "Mentors" ? null : {
        fields: fields_there.map(([name, type]) => ({ name, type })),
        selectRecordAsync: async (id) => id !== "rec1" ? null : { getCellValue: (name) => cells[name] ?? null },
    } };
"#;

async fn run(browser: &Browser, site: &str, cells: &Value, secret: &str) -> Value {
    let script = script().replace("https://mentors.example.org", site);
    let whole =
        format!("{AROUND}\n(async () => {{ {script} }})().then(() => done('sent'), (error) => done(String(error)));");
    browser.send("execute/async", json!({ "script": whole, "args": [cells, secret] })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_of_the_readme_posts_what_tandem_takes() {
    let Some(browser) = Browser::start(1280, true).await else { return };
    let (house, site) = on_a_socket_with(|config| SECRET.clone_into(&mut config.sync.airtable_secret)).await;
    // The page's own rules on scripts are not the automation's: one that is no page has none.
    browser.open(&format!("{site}/healthz")).await;
    let cells = json!({
        "Email": "ada@example.org", "Name": "Ada Ångström 漢字", "Bio": "I keep bees 🐝.\n\"Twice\".", "Is Active": true,
        "Industries": [{ "id": "sel1", "name": "Farming" }, { "id": "sel2", "name": "Food" }],
        "Visibility": { "id": "sel3", "name": "public" }, "Shoe Size": 43,
    });
    assert_eq!(run(&browser, &site, &cells, SECRET).await, "sent");
    let mia = house.sign_in("mia@example.org", Role::Mentee).await;
    house.work();
    let answer = house.ask(&mia, json!({ "query": "Who keeps bees?" })).await;
    assert_eq!(answer["matches"][0]["name"], "Ada Ångström 漢字", "{answer}");
    let stored = house.app.db.read_here(|tx| {
        Ok(tx.query_row("select industries, visibility from mentors", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?)
    });
    assert_eq!(stored.expect("read"), ("[\"Farming\",\"Food\"]".to_owned(), "public".to_owned()));
    let refused = run(&browser, &site, &cells, "another secret").await;
    assert!(refused.as_str().is_some_and(|it| it.contains("Tandem refused it (401)")), "{refused}");
    let mut unticked = cells.clone();
    unticked["Is Active"] = Value::Null;
    assert_eq!(run(&browser, &site, &unticked, SECRET).await, "sent");
    let answer = house.ask(&mia, json!({ "query": "Who keeps bees?" })).await;
    assert_eq!(answer["matches"], json!([]), "an empty box hides at once");
    house.work();
}
