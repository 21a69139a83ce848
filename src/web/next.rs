//! Where a person goes after signing in: a path of this site, whatever a link says.

use url::Url;

/// Where people go who were going nowhere in particular.
const START: &str = "/search";

/// The longest path taken, in bytes.
const LONGEST: usize = 4_000;

/// A path of this site, or the search page: nobody is sent elsewhere by a link.
pub fn local_path(next: &str) -> String {
    read(next).unwrap_or_else(|| START.to_owned())
}

/// The path as a browser would understand it, or nothing where that could be another site.
fn read(next: &str) -> Option<String> {
    let is_odd = |letter: char| letter == '\\' || letter.is_control() || letter.is_whitespace();
    if !next.starts_with('/') || next.contains(is_odd) || next.len() > LONGEST {
        return None;
    }
    // Any base will do: what matters is that the path leaves it where it is.
    let base = Url::parse("https://here.invalid/").ok()?;
    let url = base.join(next).ok().filter(|url| url.origin() == base.origin() && url.username().is_empty())?;
    let path = &url[url::Position::BeforePath..];
    (!path.starts_with("//") && !next.starts_with("//")).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere_by_a_link() {
        for next in [
            "//evil.example",
            "///evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/.//evil.example",
            "/x/..//evil.example",
            "/%2e/%2e%2e//evil.example",
            "/\t/evil.example",
            " //evil.example",
            "javascript:alert(1)",
            "evil",
            "",
            "/a\r\nSet-Cookie: x=y",
            "/a\u{2028}b",
        ] {
            assert_eq!(local_path(next), "/search", "{next}");
        }
        assert_eq!(local_path(&format!("/{}", "x".repeat(4_000))), "/search");
    }

    #[test]
    fn a_path_of_ours_is_kept() {
        assert_eq!(local_path("/mentors/1?from=/search"), "/mentors/1?from=/search");
        assert_eq!(local_path("/search?q=a%20b&next=//evil.example#top"), "/search?q=a%20b&next=//evil.example#top");
        assert_eq!(local_path("/search?q=ä"), "/search?q=%C3%A4");
        assert_eq!(local_path("/a/../b"), "/b");
    }

    proptest! {
        #[test]
        fn every_answer_stays_on_this_site(next in "[/\\\\.:@a%25?#\t\r\n ]{0,12}(evil\\.example)?[/:@?#]{0,2}") {
            let base = Url::parse("https://tandem.example/signin").expect("an address");
            let path = local_path(&next);
            let url = base.join(&path).expect("a path");
            prop_assert_eq!(url.origin(), base.origin());
            prop_assert!(path.starts_with('/') && !path.starts_with("//") && !path.contains('\\'));
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
