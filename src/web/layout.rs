//! The frame around every page (head, skip link, header, navigation, footer) and the small pieces pages share.
//! Never reads a request or the database, and never writes an inline style or script, which the content policy refuses.

use std::collections::HashSet;

use maud::{DOCTYPE, Markup, html};

/// The person looking at the page.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The name shown beside the sign-out button.
    pub name: String,
    /// `mentee`, `mentor`, `pm` or `admin`; decides which links the header shows.
    pub role: String,
}

/// What the frame needs to know about the page inside it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Names the page in the browser's tab and history.
    pub title: &'a str,
    /// The path of the page, to mark its link in the navigation.
    pub path: &'a str,
    /// The person signed in, if any.
    pub viewer: Option<&'a Viewer>,
    /// The name of the mentoring program.
    pub program: &'a str,
    /// The hash of the assets; changes whenever one of them does, so they can be cached for ever.
    pub assets: &'a str,
}

/// A moment with the words to show for it, already in the viewer's time zone.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// RFC 3339, for machines.
    pub iso: String,
    /// For people: `Tue 5 Mar, 14:00`.
    pub label: String,
}

/// One link in the header and the roles that see it.
struct Link {
    href: &'static str,
    label: &'static str,
    roles: &'static [&'static str],
}

const EVERYONE: &[&str] = &["mentee", "mentor", "pm", "admin"];

const STAFF: &[&str] = &["pm", "admin"];

/// The rooms a signed-in person can walk to. A new room adds one line here.
const LINKS: &[Link] = &[
    Link { href: "/search", label: "Find a mentor", roles: EVERYONE },
    Link { href: "/sessions", label: "Sessions", roles: EVERYONE },
    Link { href: "/availability", label: "Availability", roles: &["mentor"] },
    Link { href: "/profile", label: "Profile", roles: EVERYONE },
    Link { href: "/admin", label: "Program", roles: STAFF },
];

/// Returns the whole document with `body` inside the main landmark.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "callers build the body in place and have no use for it afterwards")]
pub fn page(frame: &Frame<'_>, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(frame))
            body {
                a.skip href="#main" { "Skip to the content" }
                (header(frame))
                main #main tabindex="-1" { (body) }
                footer.site-footer {
                    p { (frame.program) " runs on Tandem. Questions are answered on this server and sent nowhere else." }
                    p { a href="/api/docs" { "API documentation" } }
                }
            }
        }
    }
}

fn head(frame: &Frame<'_>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="theme-color" content="#faf6ee" media="(prefers-color-scheme: light)";
            meta name="theme-color" content="#151a18" media="(prefers-color-scheme: dark)";
            title {
                @if frame.title == frame.program { (frame.program) } @else { (frame.title) " · " (frame.program) }
            }
            link rel="icon" type="image/svg+xml" href={ "/assets/icon.svg?v=" (frame.assets) };
            link rel="stylesheet" href={ "/assets/app.css?v=" (frame.assets) };
            // Those who do not run the program never fetch it.
            @if is_inside(frame.path, "/admin") { link rel="stylesheet" href={ "/assets/staff.css?v=" (frame.assets) }; }
            script src={ "/assets/app.js?v=" (frame.assets) } defer {}
        }
    }
}

fn header(frame: &Frame<'_>) -> Markup {
    html! {
        header.site-header {
            div.site-header-inner {
                a.brand href="/" {
                    img src={ "/assets/icon.svg?v=" (frame.assets) } width="36" height="36" alt="";
                    span { (frame.program) }
                }
                @if let Some(viewer) = frame.viewer {
                    (navigation(viewer, frame.path))
                    (account(viewer))
                } @else if frame.path != "/signin" {
                    a.account-link href="/signin" { "Sign in" }
                }
            }
        }
    }
}

fn navigation(viewer: &Viewer, path: &str) -> Markup {
    html! {
        nav.site-nav aria-label="Main" {
            ul {
                @for link in LINKS.iter().filter(|link| link.roles.contains(&viewer.role.as_str())) {
                    li { a href=(link.href) aria-current=[is_inside(path, link.href).then_some("page")] { (link.label) } }
                }
            }
        }
    }
}

fn account(viewer: &Viewer) -> Markup {
    html! {
        div.account {
            a.account-name href="/profile" { span.unseen { "Signed in as " } bdi { (viewer.name) } }
            form action="/signout" method="post" {
                button.quiet type="submit" { "Sign out" }
            }
        }
    }
}

/// Draws the way between pages that belong together, the one at `path` marked.
#[must_use]
pub fn tabs(label: &str, path: &str, links: &[(&str, &str)]) -> Markup {
    // Of `/admin` and `/admin/users` both hold the latter; the longer one is the page.
    let here = links.iter().map(|(href, _)| *href).filter(|href| is_inside(path, href)).max_by_key(|href| href.len());
    html! {
        nav.tabs aria-label=(label) {
            ul {
                @for (href, label) in links {
                    li { a href=(href) aria-current=[(here == Some(*href)).then_some("page")] { (label) } }
                }
            }
        }
    }
}

/// Whether `path` is the page at `href` or one below it.
fn is_inside(path: &str, href: &str) -> bool {
    path.strip_prefix(href).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Draws a moment so that programs can read it too.
#[must_use]
pub fn time(when: &When) -> Markup {
    html! { time datetime=(when.iso) { (when.label) } }
}

/// Whether an address is one that a photo is shown from: over https, or a picture kept here.
fn is_photo(address: &str) -> bool {
    let is_kept_here = address.strip_prefix("/photos/").is_some_and(|rest| {
        let is_plain =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        rest.split_once('/').is_some_and(|(user, version)| is_plain(user) && is_plain(version))
    });
    is_kept_here || address.starts_with("https://")
}

/// Draws a photo, or initials on a colour that stays with the name.
#[must_use]
pub fn portrait(name: &str, photo_url: Option<&str>) -> Markup {
    let tone = name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 6;
    html! {
        @if let Some(address) = photo_url.filter(|address| is_photo(address)) {
            img.portrait src=(address) alt={ "Photo of " (name) } width="64" height="64" loading="lazy" referrerpolicy="no-referrer";
        } @else {
            span class={ "portrait tone-" (tone) } aria-hidden="true" { (initials(name)) }
        }
    }
}

/// Returns the first letters of the first and the last name.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
    words.next().into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}

/// Returns `text` with every whole word or phrase of `matched` marked, whatever its case. Everything else is plain text.
#[must_use]
pub fn highlight(text: &str, matched: &[String]) -> Markup {
    let words = words(text);
    let phrases =
        matched.iter().map(|phrase| lowered(phrase)).filter(|phrase| !phrase.is_empty()).collect::<HashSet<_>>();
    let longest = phrases.iter().map(Vec::len).max().unwrap_or(0);
    let lowered = words.iter().map(|&(start, end)| text[start..end].to_lowercase()).collect::<Vec<_>>();
    let mut pieces = Vec::new();
    let (mut done, mut word) = (0, 0);
    while word < words.len() {
        let most = longest.min(words.len() - word);
        let found = (1..=most).rev().find(|&length| {
            let is_joined = words[word..word + length].windows(2).all(|pair| !is_break(&text[pair[0].1..pair[1].0]));
            is_joined && phrases.contains(&lowered[word..word + length])
        });
        if let Some(length) = found {
            let (start, end) = (words[word].0, words[word + length - 1].1);
            pieces.push((&text[done..start], &text[start..end]));
            done = end;
        }
        word += found.unwrap_or(1);
    }
    html! {
        @for (before, marked) in pieces { (before) mark { (marked) } }
        (&text[done..])
    }
}

fn lowered(phrase: &str) -> Vec<String> {
    words(phrase).into_iter().map(|(start, end)| phrase[start..end].to_lowercase()).collect()
}

/// Returns where each run of letters and digits begins and ends.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut begun = None;
    for (at, letter) in text.char_indices() {
        match (letter.is_alphanumeric(), begun) {
            (true, None) => begun = Some(at),
            (false, Some(start)) => {
                found.push((start, at));
                begun = None;
            }
            _ => {}
        }
    }
    found.extend(begun.map(|start| (start, text.len())));
    found
}

/// Whether two words with `between` them belong to different phrases.
fn is_break(between: &str) -> bool {
    between.chars().any(|letter| !letter.is_whitespace() && !"-‐‑'’/&".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(role: &str) -> Viewer {
        Viewer { name: "Bo <script>alert('bo')</script>".into(), role: role.into() }
    }

    fn drawn(viewer: Option<&Viewer>, path: &str) -> String {
        let frame = Frame { title: "A \"title\"", path, viewer, program: "<b>Lighthouse</b>", assets: "abc123" };
        page(&frame, html! { h1 { "Hello" } }).into_string()
    }

    #[test]
    fn names_come_out_as_text() {
        let document = drawn(Some(&viewer("mentee")), "/search");
        assert!(document.contains("Bo &lt;script&gt;"), "{document}");
        assert!(document.contains("&lt;b&gt;Lighthouse&lt;/b&gt;"));
        assert!(!document.contains("<script>"));
        assert!(!document.contains("<b>"));
    }

    #[test]
    fn a_page_can_be_skipped_into_and_says_its_language() {
        let document = drawn(None, "/");
        assert!(document.starts_with("<!DOCTYPE html><html lang=\"en\">"));
        assert!(document.contains("href=\"#main\"") && document.contains("<main id=\"main\""));
    }

    #[test]
    fn assets_carry_their_hash() {
        let document = drawn(None, "/");
        assert!(document.contains("/assets/app.css?v=abc123"));
        assert!(document.contains("/assets/app.js?v=abc123"));
    }

    #[test]
    fn no_page_carries_inline_style_or_script() {
        let document = drawn(Some(&viewer("admin")), "/search");
        assert!(!document.contains(" style=") && !document.contains("<style"));
        assert!(!document.contains(" onclick=") && document.contains("defer></script>"));
    }

    #[test]
    fn only_staff_pages_fetch_the_stylesheet_of_staff() {
        for (path, is_staff) in [("/admin", true), ("/admin/mentors/7", true), ("/administrator", false), ("/", false)]
        {
            assert_eq!(drawn(Some(&viewer("pm")), path).contains("/assets/staff.css?v=abc123"), is_staff, "{path}");
        }
    }

    #[test]
    fn the_stylesheet_and_the_script_stay_small_and_fetch_nothing_from_elsewhere() {
        let (stylesheet, script) = (include_str!("../../assets/app.css"), include_str!("../../assets/app.js"));
        let of_staff = include_str!("../../assets/staff.css");
        // The account pages brought forms, lists of people, tables that fold up and buttons that show and copy.
        assert!(stylesheet.len() < 26_000 && script.len() < 5_000, "{} and {}", stylesheet.len(), script.len());
        assert!(of_staff.len() < 10_000, "{}", of_staff.len());
        for text in [stylesheet, of_staff, script] {
            assert!(!text.contains("http") && !text.contains("@import") && !text.contains("url("));
        }
    }

    #[test]
    fn signing_out_is_a_form_and_only_for_those_signed_in() {
        assert!(drawn(Some(&viewer("pm")), "/").contains("<form action=\"/signout\" method=\"post\">"));
        let signed_out = drawn(None, "/");
        assert!(!signed_out.contains("/signout"));
        assert!(signed_out.contains("href=\"/signin\""));
        assert!(!drawn(None, "/signin").contains("href=\"/signin\""), "the page itself needs no link to itself");
    }

    #[test]
    fn the_link_of_the_page_is_marked_and_no_other() {
        assert!(drawn(Some(&viewer("mentor")), "/search").contains("aria-current=\"page\""));
        assert!(!drawn(Some(&viewer("mentor")), "/searching").contains("aria-current"));
    }

    #[test]
    fn an_unknown_role_sees_no_links() {
        assert!(!drawn(Some(&viewer("stranger")), "/").contains("Find a mentor"));
    }

    #[test]
    fn staff_see_the_way_to_the_program_and_others_do_not() {
        for (role, is_staff) in [("mentee", false), ("mentor", false), ("pm", true), ("admin", true)] {
            assert_eq!(drawn(Some(&viewer(role)), "/").contains("href=\"/admin\""), is_staff, "{role}");
        }
        assert!(drawn(Some(&viewer("mentee")), "/").contains("href=\"/profile\""));
    }

    #[test]
    fn of_pages_that_hold_each_other_only_one_is_marked() {
        let links = [("/admin", "Overview"), ("/admin/users", "Users")];
        let marked = |path| {
            let drawn = tabs("Program", path, &links).into_string();
            assert_eq!(drawn.matches("aria-current").count(), 1, "{drawn}");
            drawn.split("aria-current=\"page\">").nth(1).is_some_and(|rest| rest.starts_with("Users"))
        };
        assert!(marked("/admin/users") && marked("/admin/users/7") && !marked("/admin"));
    }

    fn marked(text: &str, matched: &[&str]) -> String {
        highlight(text, &matched.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).into_string()
    }

    #[test]
    fn whole_words_are_marked_whatever_their_case() {
        assert_eq!(
            marked("Seed rounds, seeded; SEED!", &["seed"]),
            "<mark>Seed</mark> rounds, seeded; <mark>SEED</mark>!"
        );
        assert_eq!(
            marked("Über-Preise für Ärzte", &["ärzte", "preise"]),
            "Über-<mark>Preise</mark> für <mark>Ärzte</mark>"
        );
    }

    #[test]
    fn a_phrase_is_marked_as_one_and_only_as_a_whole() {
        assert_eq!(marked("Co-packing for co-founders", &["co-packing"]), "<mark>Co-packing</mark> for co-founders");
        assert_eq!(marked("a market. Entry fee", &["market entry"]), "a market. Entry fee");
        assert_eq!(marked("market entry", &["market", "market entry"]), "<mark>market entry</mark>");
    }

    #[test]
    fn marking_never_breaks_the_page() {
        assert_eq!(
            marked("<b>amp & lt</b>", &["b", "lt", "amp"]),
            "&lt;<mark>b</mark>&gt;<mark>amp</mark> &amp; <mark>lt</mark>&lt;/<mark>b</mark>&gt;"
        );
        assert_eq!(marked("nothing here", &["", "<script>", " "]), "nothing here");
        assert_eq!(marked("", &["word"]), "");
    }

    #[test]
    fn a_portrait_falls_back_to_initials() {
        assert!(portrait("Rosa-Linda de Chaves", None).into_string().contains(">RC<"));
        assert!(portrait("ångström", Some("javascript:alert(1)")).into_string().contains(">Å<"));
        for odd in ["/photos/", "//evil.example/a", "/photos/../a", "/photos/a/b/c", "/photos/a?b/c", "/assets/a/b"] {
            assert!(!portrait("Bo", Some(odd)).into_string().contains("<img"), "{odd}");
        }
        assert!(portrait("Bo", Some("/photos/a1-b2/c3")).into_string().contains("src=\"/photos/a1-b2/c3\""));
        assert!(portrait("", None).into_string().contains("aria-hidden=\"true\"></span>"));
        let photo = portrait("A \"B\" C", Some("https://example.org/a.jpg\" onload=\"x")).into_string();
        assert!(photo.contains("alt=\"Photo of A &quot;B&quot; C\"") && !photo.contains("\" onload"), "{photo}");
    }
}
