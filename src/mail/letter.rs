//! A letter's looks: plain text and HTML from the same pieces. Pure. What people wrote comes out as
//! text: nothing in it can add a header, turn the writing direction or hide.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Letter, Letterhead, Piece};
use crate::unseen;

/// Columns of plain text: what RFC 3676 recommends, with room for a reply's marks.
const COLUMNS: usize = 72;

/// Characters of a subject and of a name at most. Longer ones are cut: no program shows more.
const LONGEST_SUBJECT: usize = 150;
const LONGEST_NAME: usize = 100;

/// Mail programs know no style sheet of ours, so everything stands inline; these lines only turn the
/// colours where the reader likes it dark, and programs that drop them show the light ones.
const DARK: &str = "@media (prefers-color-scheme: dark) { \
     .paper { background: #151a18 !important; } .sheet { background: #1d2421 !important; border-color: #333d38 !important; } \
     .ink { color: #ece8de !important; } .soft, .soft a { color: #aab3aa !important; } \
     .push { background: #93d3bb !important; color: #0e2720 !important; } .line { border-color: #333d38 !important; } }";

const FONT: &str = "font-family:-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;";

/// The subject as one harmless line.
pub(super) fn subject(letter: &Letter) -> String {
    one_line(&letter.subject, LONGEST_SUBJECT)
}

/// A person's name as one harmless line.
pub(super) fn name(name: &str) -> String {
    one_line(name, LONGEST_NAME)
}

/// One line of at most `n_most` characters, without any that control or hide.
pub(super) fn one_line(text: &str, n_most: usize) -> String {
    let visible: String = text
        .chars()
        .filter(|letter| !unseen::hides(*letter))
        .map(|letter| if letter.is_control() || letter.is_whitespace() { ' ' } else { letter })
        .collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    // What looks like an encoded word would be decoded by the reader's program into what was filtered out here.
    let line = line.replace("=?", "= ?");
    if line.chars().count() <= n_most {
        return line;
    }
    let mut cut: String = line.chars().take(n_most.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// Lines of text, without characters that control or hide.
fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    let lines = text.split(['\n', '\r', '\u{0b}', '\u{0c}', '\u{85}', '\u{2028}', '\u{2029}']);
    lines.map(|line| one_line(line, usize::MAX)).collect()
}

/// An address that may be linked to; anything else stays text.
fn is_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Draws a letter as plain text.
pub(super) fn text(head: &Letterhead, letter: &Letter) -> String {
    let mut parts: Vec<String> = letter.pieces.iter().map(piece_as_text).filter(|part| !part.is_empty()).collect();
    // The two dashes mark a signature, which replies leave out.
    parts.push(format!("-- \n{}\n{}", name(&head.program), head.url));
    parts.join("\n\n") + "\n"
}

fn piece_as_text(piece: &Piece) -> String {
    match piece {
        Piece::Text(words) | Piece::Small(words) => {
            lines(words).iter().map(|line| wrapped(line, "")).collect::<Vec<_>>().join("\n").trim().to_owned()
        }
        // The address stands alone, so that no program takes a neighbour for a part of it.
        Piece::Button { label, url } => {
            let label = one_line(label, usize::MAX);
            format!("{}:\n\n{}", wrapped(label.trim_end_matches([':', '.']), ""), one_line(url, usize::MAX))
        }
        Piece::Facts(facts) => {
            let fact = |(name, value): &(String, String)| {
                wrapped(&format!("{}: {}", one_line(name, usize::MAX), lines(value).join(" ")), "    ")
            };
            facts.iter().map(fact).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Breaks a line between words; a word that is longer than a line, such as an address, stays whole.
fn wrapped(line: &str, indent: &str) -> String {
    let mut all = String::with_capacity(line.len() + 8);
    let mut n_columns = 0;
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let n_letters = word.chars().count();
        if n_columns == 0 {
            n_columns = n_letters;
        } else if n_columns + 1 + n_letters > COLUMNS {
            all.push('\n');
            all.push_str(indent);
            n_columns = indent.len() + n_letters;
        } else {
            all.push(' ');
            n_columns += 1 + n_letters;
        }
        all.push_str(word);
    }
    all
}

/// Draws a letter as HTML that needs no table, no picture and nothing from elsewhere.
pub(super) fn html(head: &Letterhead, letter: &Letter) -> String {
    let sheet = format!(
        "max-width:544px;margin:0 auto;padding:28px 24px;background:#fffdf9;border:1px solid #e3dac8;border-radius:12px;{FONT}"
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="supported-color-schemes" content="light dark";
                title { (subject(letter)) }
                style { (PreEscaped(DARK)) }
            }
            body.paper style="margin:0;padding:24px 12px;background:#faf6ee;" {
                div.sheet style=(sheet) {
                    @for piece in &letter.pieces { (piece_as_html(piece)) }
                    (foot(head))
                }
            }
        }
    }
    .into_string()
}

fn foot(head: &Letterhead) -> Markup {
    html! {
        p.soft.line style="margin:28px 0 0;padding-top:16px;border-top:1px solid #e3dac8;font-size:13px;line-height:1.5;color:#56625b;" {
            (name(&head.program)) br; (link(&head.url))
        }
    }
}

fn link(url: &str) -> Markup {
    let url = one_line(url, usize::MAX);
    html! {
        @if is_link(&url) { a.soft href=(url) style="color:#56625b;word-break:break-all;" { (url) } } @else { (url) }
    }
}

fn piece_as_html(piece: &Piece) -> Markup {
    match piece {
        Piece::Text(words) => html! {
            p.ink style="margin:0 0 16px;font-size:16px;line-height:1.55;color:#20302b;" { (broken(words)) }
        },
        Piece::Small(words) => html! {
            p.soft style="margin:0 0 16px;font-size:13px;line-height:1.5;color:#56625b;" { (broken(words)) }
        },
        Piece::Button { label, url } => button(label, url),
        Piece::Facts(facts) => html! {
            div style="margin:0 0 16px;" {
                @for (name, value) in facts {
                    p.ink style="margin:0 0 6px;font-size:16px;line-height:1.5;color:#20302b;" {
                        span.soft style="color:#56625b;" { (one_line(name, usize::MAX)) ": " }
                        @if is_link(value) { (link(value)) } @else { strong { (broken(value)) } }
                    }
                }
            }
        },
    }
}

fn button(label: &str, url: &str) -> Markup {
    let url = one_line(url, usize::MAX);
    html! {
        @if is_link(&url) {
            p style="margin:24px 0 12px;" {
                a.push href=(url) style="display:inline-block;padding:12px 24px;background:#1d5b4c;border-radius:10px;font-size:16px;font-weight:600;color:#fffdf8;text-decoration:none;" {
                    (one_line(label, usize::MAX))
                }
            }
        }
        p.soft style="margin:0 0 20px;font-size:13px;line-height:1.5;color:#56625b;" {
            "If the button does not work, open this address: " (link(&url))
        }
    }
}

/// Lines with breaks between them.
fn broken(words: &str) -> Markup {
    html! {
        @for (place, line) in lines(words.trim()).iter().enumerate() {
            @if place > 0 { br; }
            (line)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Letterhead {
        Letterhead { program: "Light & House".to_owned(), url: "https://mentors.example.org".to_owned() }
    }

    fn letter(pieces: Vec<Piece>) -> Letter {
        Letter {
            kind: "verify_email".into(),
            to: "bo@example.org".to_owned(),
            to_name: "Bo".to_owned(),
            subject: "Confirm your address".to_owned(),
            pieces,
            is_secret: true,
        }
    }

    #[test]
    fn plain_text_is_wrapped_and_gives_the_address_a_line_of_its_own() {
        let url = format!("https://mentors.example.org/verify?token={}", "a1".repeat(50));
        let drawn = text(
            &head(),
            &letter(vec![
                Piece::Text(format!("Hello Bo,\n\n{}", "a few words that go on and on ".repeat(8))),
                Piece::Button { label: "Confirm the address".to_owned(), url: url.clone() },
                Piece::Facts(vec![("When".to_owned(), "Tue 5 March 2030, 10:00".to_owned())]),
                Piece::Small("The link works for a day.".to_owned()),
            ]),
        );
        assert!(drawn.starts_with("Hello Bo,\n\na few words"), "{drawn}");
        assert!(drawn.contains(&format!("\nConfirm the address:\n\n{url}\n\n")), "{drawn}");
        assert!(drawn.contains("\nWhen: Tue 5 March 2030, 10:00\n\nThe link works for a day.\n"), "{drawn}");
        assert!(drawn.ends_with("\n\n-- \nLight & House\nhttps://mentors.example.org\n"), "{drawn}");
        for line in drawn.lines().filter(|line| *line != url) {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn what_people_wrote_is_text_in_html() {
        let hostile = "<script>alert(1)</script> & \"quoted\"";
        let drawn = html(
            &head(),
            &letter(vec![
                Piece::Text(format!("{hostile}\nsecond line")),
                Piece::Facts(vec![(hostile.to_owned(), hostile.to_owned())]),
                Piece::Small(hostile.to_owned()),
                Piece::Button { label: hostile.to_owned(), url: "https://mentors.example.org/?a=1&b=\"x".to_owned() },
                Piece::Button { label: "Run".to_owned(), url: "javascript:alert(1)".to_owned() },
            ]),
        );
        assert!(!drawn.contains("<script"), "{drawn}");
        assert_eq!(drawn.matches("&lt;script&gt;").count(), 5);
        assert!(drawn.contains("href=\"https://mentors.example.org/?a=1&amp;b=&quot;x\""), "{drawn}");
        assert!(!drawn.contains("href=\"javascript"), "{drawn}");
        assert!(drawn.contains("Light &amp; House") && drawn.contains("<br>second line"), "{drawn}");
        for foreign in ["<img", "<link", "<table", "src=", "url("] {
            assert!(!drawn.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_line_can_neither_break_nor_turn_nor_hide() {
        for (hostile, wanted) in [
            ("Bo\r\nBcc: all@example.org", "Bo Bcc: all@example.org"),
            ("Bo\u{2028}X\u{85}Y\u{0}Z", "Bo X Y Z"),
            ("moc\u{202e}gro.elpmaxe\u{202c}", "mocgro.elpmaxe"),
            ("\u{2066}\u{200f}Bo\u{feff}\u{200b}\u{e0041}", "Bo"),
            ("=?utf-8?q?=E2=80=AE?=", "= ?utf-8?q?=E2=80=AE?="),
            ("  Zoë   Ångström 👩\u{200d}💻 ", "Zoë Ångström 👩\u{200d}💻"),
            ("", ""),
        ] {
            assert_eq!(name(hostile), wanted, "{hostile:?}");
        }
        let long = name(&"ß".repeat(10_000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST_NAME, true));
    }

    #[test]
    fn paragraphs_keep_their_lines_and_nothing_stranger() {
        assert_eq!(lines("a\r\nb\u{2029}c\u{202e}d\te"), ["a", "b", "cd e"]);
    }
}
