//! A program manager's afternoon in a real browser: a bio and tags, a mentor taken off the list, two tags made one, a
//! file with wrong rows. Each is seen in the search. As `browser`, it needs `chromedriver`.

use tandem::accounts::Role;

use crate::browser::{Browser, on_a_socket, sign_in};
use crate::test_app::{PASSWORD, TestApp, five_mentors};

/// Five rows, of which three are wrong: no address, an odd one, one of somebody who runs the program.
const ROWS: &str = "recordId,Name,Email,Headline,Bio,Expertise\r\n\
    rec1,Ines Roja,ines@example.org,Beekeeping as a business,\"I sell honey, wax and pollination to orchards.\",beekeeping\r\n\
    rec2,Nobody,,No address,,\r\n\
    rec3,Jon Blau,jon@example.org,Lighthouses,I restored two lighthouses and run tours in them.,lighthouse tours\r\n\
    rec4,Odd,not an address,Odd,,\r\n\
    rec5,Taken,pm@example.org,Not theirs,,\r\n";

async fn searches(browser: &Browser, site: &str, question: &str) {
    let question = form_urlencoded::byte_serialize(question.as_bytes()).collect::<String>();
    browser.open(&format!("{site}/search?q={question}")).await;
    browser.sees("id=\"count\"").await;
}

/// Opens the form of the mentor with this name.
async fn edits(browser: &Browser, site: &str, name: &str) {
    browser.open(&format!("{site}/admin/mentors?q={name}")).await;
    browser.press("a.mentor-name").await;
    browser.sees("What they bring").await;
}

async fn an_afternoon(width: u32, has_scripts: bool) {
    let Some(browser) = Browser::start(width, has_scripts).await else { return };
    let (house, site) = on_a_socket().await;
    house.import(&five_mentors());
    house.sign_in("pm@example.org", Role::Pm).await;
    browser.open(&format!("{site}/signin")).await;
    sign_in(&browser, "pm@example.org", PASSWORD).await;
    browser.sees("What do you need help with?").await;

    bio_and_tags(&browser, &house, &site).await;
    takes_one_off_and_back(&browser, &house, &site).await;
    makes_two_tags_one(&browser, &house, &site).await;
    imports(&browser, &house, &site).await;
}

async fn bio_and_tags(browser: &Browser, house: &TestApp, site: &str) {
    edits(browser, site, "ada").await;
    browser.rewrite("#mentor-bio", "I ran a glassblowing studio and taught apprentices to blow vases.").await;
    browser.rewrite("#mentor-expertise", "glassblowing | vases | 2\nfund raising").await;
    browser.press("#mentor button.primary").await;
    browser.sees("Answers follow within seconds").await;
    house.work();
    searches(browser, site, "Who can teach me glassblowing?").await;
    browser.sees("taught apprentices").await;
}

async fn takes_one_off_and_back(browser: &Browser, house: &TestApp, site: &str) {
    searches(browser, site, "permits for flying drones").await;
    browser.sees("Drones and the law").await;
    browser.open(&format!("{site}/admin/mentors?q=drones")).await;
    browser.press("input[name=id]").await;
    browser.press("select[name=deed] option[value=deactivate]").await;
    browser.press(".bulk-deed button").await;
    browser.sees("1 mentor: taken off the list").await;
    house.work();
    searches(browser, site, "permits for flying drones").await;
    assert!(!browser.page().await.contains("Drones and the law"), "off the list is out of the search");
    browser.open(&format!("{site}/admin/mentors?state=inactive")).await;
    browser.sees("1 mentor").await;
}

async fn makes_two_tags_one(browser: &Browser, house: &TestApp, site: &str) {
    browser.open(&format!("{site}/admin/tags")).await;
    browser.sees("These look alike").await;
    browser.press(".alike .rows a").await;
    browser.sees("What would change").await;
    browser.press("form[method=post] button.primary").await;
    browser.sees("1 mentor changed").await;
    browser.sees("Undo this").await;
    house.work();
    browser.open(&format!("{site}/search?q=fundraising&expertise=fundraising")).await;
    browser.sees("Pricing that sticks").await;
    browser.sees("Raising seed rounds").await;
}

async fn imports(browser: &Browser, house: &TestApp, site: &str) {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("people.csv");
    std::fs::write(&file, ROWS).expect("written");
    browser.open(&format!("{site}/admin/import")).await;
    browser.write("input[name=file]", &file.display().to_string()).await;
    browser.press("main form button[type=submit]").await;
    browser.sees("Take in 2 lines").await;
    for line in ["Line 3:", "Line 5:", "Line 6:"] {
        browser.sees(line).await;
    }
    browser.press(".actions form button.primary").await;
    browser.sees("Done. Searches follow within seconds").await;
    house.work();
    searches(browser, site, "selling honey and pollination").await;
    browser.sees("Beekeeping as a business").await;
    searches(browser, site, "restoring a lighthouse for tours").await;
    browser.sees("I restored two lighthouses").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_manager_tidies_up_without_scripts_on_a_phone() {
    an_afternoon(390, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_manager_tidies_up_with_scripts_at_a_desk() {
    an_afternoon(1280, true).await;
}
