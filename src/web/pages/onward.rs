//! The step between a form here and another site: the content policy lets no form lead there, and
//! a page with a link needs no exception. A browser goes on by itself.

use maud::{Markup, html};

use crate::web::layout::{Frame, page};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct OnwardView {
    /// What the other site is called.
    pub name: String,
    /// Its address.
    pub address: String,
}

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &OnwardView) -> Markup {
    page(
        frame,
        html! {
            div.narrow {
                h1 { "On to " (view.name) }
                p.lead { "You come back here when you are done there." }
                p { a.button.primary href=(view.address) { "Continue to " (view.name) } }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_is_a_link() {
        let frame = Frame { title: "On", path: "/profile", viewer: None, program: "Lighthouse", assets: "1" };
        let view = OnwardView { name: "Google".into(), address: "https://id.example/a?b=c&d=\"e".into() };
        let document = render(&frame, &view).into_string();
        assert!(document.contains("href=\"https://id.example/a?b=c&amp;d=&quot;e\""), "{document}");
    }
}
