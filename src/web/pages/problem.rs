//! The page shown when a request fails: what happened, what to quote, a way back.
//! Never shows a cause, a path on disk or anything else the log is for.

use maud::{Markup, html};

use crate::web::layout::{Frame, page};

/// What the error page shows.
#[derive(Clone, Debug)]
pub struct ProblemView {
    /// The HTTP status.
    pub status: u16,
    /// One sentence for people.
    pub message: String,
    /// The id the log knows this request by.
    pub request_id: String,
    /// How long to wait before another try, where that is known.
    pub retry_seconds: Option<u32>,
}

/// Draws the error page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &ProblemView) -> Markup {
    let (href, label) = way_back(frame, view.status);
    page(
        frame,
        html! {
            div.narrow.problem {
                p.problem-status { span.unseen { "Error " } (view.status) }
                h1 { (headline(view.status)) }
                p.lead { (view.message) }
                @if let Some(seconds) = view.retry_seconds {
                    p { "Please try again in " (seconds) @if seconds == 1 { " second." } @else { " seconds." } }
                }
                p { a.button href=(href) { (label) } }
                p.small.soft { "If this keeps happening, tell your program manager and quote " code { (view.request_id) } "." }
            }
        },
    )
}

/// Returns where to go from here, and what the button says.
fn way_back(frame: &Frame<'_>, status: u16) -> (&'static str, &'static str) {
    match (frame.viewer, status) {
        (_, 401) => ("/signin", "Sign in"),
        (Some(_), _) => ("/search", "Back to finding a mentor"),
        (None, _) => ("/", "Back to the start"),
    }
}

/// Returns a plain heading for `status`.
/// What happened, in a few words.
pub const fn headline(status: u16) -> &'static str {
    match status {
        401 => "Please sign in first",
        403 => "This is not open to your account",
        404 => "There is nothing here",
        413 => "That was too much at once",
        429 => "That was a little too fast",
        503 => "Very busy just now",
        500..=599 => "Something went wrong on our side",
        _ => "That did not work",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(viewer: Option<&Viewer>, status: u16) -> String {
        let view = ProblemView {
            status,
            message: "No mentor <b>here</b> by that name.".into(),
            request_id: "01J\"Z".into(),
            retry_seconds: (status == 503).then_some(1),
        };
        render(&Frame { title: "Not found", path: "/x", viewer, program: "Lighthouse", assets: "1" }, &view)
            .into_string()
    }

    #[test]
    fn a_problem_names_its_status_its_sentence_and_its_request() {
        let document = drawn(None, 404);
        assert!(document.contains("Error </span>404"), "{document}");
        assert!(document.contains("No mentor &lt;b&gt;here&lt;/b&gt; by that name."));
        assert!(document.contains("<code>01J&quot;Z</code>"));
    }

    #[test]
    fn the_way_back_depends_on_who_asks() {
        let viewer = Viewer { name: "Bo".into(), role: "mentee".into() };
        assert!(drawn(None, 404).contains("class=\"button\" href=\"/\""));
        assert!(drawn(Some(&viewer), 500).contains("class=\"button\" href=\"/search\""));
        assert!(drawn(None, 401).contains("class=\"button\" href=\"/signin\""));
    }

    #[test]
    fn a_busy_house_says_when_to_come_back() {
        assert!(drawn(None, 503).contains("in 1 second."));
    }
}
