//! The landing page for people who are signed out: one sentence, one button, three steps.
//! Never shows a real mentor; the example in it is made up and says so.

use maud::{Markup, html};

use crate::web::layout::{Frame, highlight, page, portrait};
use crate::web::pages::mentor::score;

/// What the landing page shows.
#[derive(Clone, Debug, Default)]
pub struct HomeView {
    /// How many mentors can be found here; 0 says nothing about it.
    pub n_mentors: usize,
    /// Whether anyone may make an account.
    pub is_signup_open: bool,
}

const STEPS: [(&str, &str); 3] = [
    ("Say what you need", "Write it the way you would tell a friend. A word is enough, a paragraph is better."),
    ("See who fits, and why", "Each mentor comes with a score and the lines of their profile that earned it."),
    ("Pick a time", "Choose an open hour, shown in your own time zone, and bring your question."),
];

/// Draws the landing page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &HomeView) -> Markup {
    page(
        frame,
        html! {
            div.hero {
                div.hero-words {
                    h1 { "Talk to someone who has been where you are" }
                    p.lead {
                        "Describe what you are stuck on in your own words, and " (frame.program)
                        " finds the mentor who has already been through it."
                    }
                    p.actions {
                        @if frame.viewer.is_some() {
                            a.button.primary href="/search" { "Find a mentor" }
                        } @else {
                            a.button.primary href="/signin" { "Sign in" }
                            @if view.is_signup_open { a.button href="/signup" { "Create an account" } }
                        }
                    }
                    @if view.n_mentors > 1 { p.small.soft { (view.n_mentors) " mentors give their time here." } }
                }
                (example())
            }
            section.steps aria-labelledby="steps-title" {
                h2 #steps-title { "How it works" }
                ol {
                    @for (title, text) in STEPS {
                        li { h3 { (title) } p { (text) } }
                    }
                }
            }
        },
    )
}

/// Returns a small picture of a question and its answer, so nobody has to sign in to see what this is.
fn example() -> Markup {
    let name = "Amara Lindqvist";
    let words = ["pilot".to_owned(), "hospital".to_owned()];
    html! {
        figure.example {
            p.example-question { "“A hospital loves our pilot, but nobody there will pay for it.”" }
            div.example-answer {
                div.person {
                    (portrait(name, None))
                    div {
                        p.person-name { (name) }
                        p.soft { "Sells to public health care" }
                    }
                    (score(91, None))
                }
                p.quote { "“" (highlight("Turned a free pilot at one hospital into a paid contract with nine.", &words)) "”" }
            }
            figcaption { "A made-up example" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(view: &HomeView) -> String {
        render(&Frame { title: "Lighthouse", path: "/", viewer: None, program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    #[test]
    fn the_landing_page_has_one_heading_and_a_way_in() {
        let document = drawn(&HomeView::default());
        assert_eq!(document.matches("<h1").count(), 1);
        assert!(document.contains("class=\"button primary\" href=\"/signin\""), "{document}");
        assert_eq!(document.matches("<li><h3>").count(), 3);
    }

    #[test]
    fn the_example_is_no_search_result() {
        let document = drawn(&HomeView { n_mentors: 196, is_signup_open: true });
        assert!(!document.contains("data-testid"), "outside checks count those");
        assert!(document.contains("A made-up example"));
        assert!(document.contains("196 mentors") && document.contains("href=\"/signup\""));
    }
}
