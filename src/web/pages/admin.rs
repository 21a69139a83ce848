//! Where those who run the program begin: what there is, and what needs a look.

use maud::{Markup, html};

use crate::web::layout::{Frame, page, tabs};
use crate::web::pages::pieces::notice;

/// What the overview shows.
#[derive(Clone, Debug, Default)]
pub struct AdminView {
    /// What has just gone well.
    pub notice: Option<String>,
    /// What somebody should look after.
    pub warning: Option<String>,
    /// The counts, in groups that belong together: people, letters and jobs, programs that push.
    pub groups: Vec<GroupView>,
}

/// Counts that belong together.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// Names the group.
    pub title: String,
    /// Its counts.
    pub counts: Vec<CountView>,
}

/// One count.
#[derive(Clone, Debug)]
pub struct CountView {
    /// What is counted: `Mentors anyone finds`.
    pub label: String,
    /// How many.
    pub n: u64,
    /// The page that lists them, if there is one.
    pub href: Option<String>,
    /// What it means.
    pub state: CountState,
}

/// What a count means to those who run the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountState {
    /// Just a number.
    Plain,
    /// All is well.
    Good,
    /// Somebody should look.
    Look,
}

/// Draws the overview.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &AdminView) -> Markup {
    page(
        frame,
        html! {
            (head(frame, "Program"))
            (notice(view.notice.as_deref()))
            @if let Some(warning) = &view.warning { p.error role="alert" { (warning) } }
            @for (at, group) in view.groups.iter().enumerate() {
                section.counted aria-labelledby={ "group-" (at) } {
                    h2 id={ "group-" (at) } { (group.title) }
                    ul.counts { @for count in &group.counts { (card(count)) } }
                }
            }
        },
    )
}

/// Draws the heading that the staff pages share, with the way between them; admins see two doors more.
#[must_use]
pub fn head(frame: &Frame<'_>, title: &str) -> Markup {
    let is_admin = frame.viewer.is_some_and(|viewer| viewer.role == "admin");
    let mut links = vec![
        ("/admin", "Overview"),
        ("/admin/mentors", "Mentors"),
        ("/admin/tags", "Tags"),
        ("/admin/import", "Import"),
    ];
    links.extend(is_admin.then_some(("/admin/users", "Users")));
    links.extend([("/admin/outbox", "Letters"), ("/admin/sync", "Sync"), ("/admin/audit", "Audit log")]);
    links.extend(is_admin.then_some(("/admin/hooks", "Webhooks")));
    html! {
        h1 { (title) }
        (tabs("Program", frame.path, &links))
    }
}

fn card(count: &CountView) -> Markup {
    let (class, word) = match count.state {
        CountState::Plain => (None, ""),
        CountState::Good => (Some("is-good"), "All well"),
        CountState::Look => (Some("needs-look"), "Needs a look"),
    };
    html! {
        li class=[class] {
            p.count-number { (count.n) }
            p { @if let Some(href) = &count.href { a href=(href) { (count.label) } } @else { (count.label) } }
            @if !word.is_empty() { p.count-word { (word) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(role: &str, counts: Vec<CountView>) -> String {
        let viewer = Viewer { name: "Bo".into(), role: role.into() };
        let frame =
            Frame { title: "Program", path: "/admin", viewer: Some(&viewer), program: "Lighthouse", assets: "1" };
        let groups = vec![GroupView { title: "<People>".into(), counts }];
        render(&frame, &AdminView { groups, ..AdminView::default() }).into_string()
    }

    #[test]
    fn what_needs_a_look_says_so_in_words_and_leads_there() {
        let count = |n, state| CountView {
            label: "Dead letters".into(),
            n,
            href: Some("/admin/outbox?state=dead".into()),
            state,
        };
        let document =
            drawn("pm", vec![count(3, CountState::Look), count(0, CountState::Good), count(7, CountState::Plain)]);
        assert_eq!(document.matches("Needs a look").count(), 1);
        assert_eq!(document.matches("All well").count(), 1);
        assert!(document.contains("<a href=\"/admin/outbox?state=dead\">Dead letters</a>"), "{document}");
        assert!(document.contains("&lt;People&gt;"));
    }

    #[test]
    fn only_admins_see_the_doors_to_the_users_and_to_other_programs() {
        for door in ["href=\"/admin/users\"", "href=\"/admin/hooks\""] {
            assert!(drawn("admin", Vec::new()).contains(door));
            assert!(!drawn("pm", Vec::new()).contains(door));
        }
    }
}
