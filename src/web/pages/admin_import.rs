//! Files of people for those who run the program: sent, looked through, and only then taken in. What would
//! happen is told line by line before anything does.

use maud::{Markup, html};

use crate::web::layout::{Frame, page};
use crate::web::pages::admin::head;
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::{button, notice, table, words};

/// What a file may hold, as programs and as people call it.
pub const KINDS: &[(&str, &str)] = &[("mentors", "Mentors"), ("mentees", "Mentees")];

const LABELS: &[(&str, &str)] = &[("file", "The file"), ("kind", "Who is in it")];

/// The form that sends a file.
#[derive(Clone, Debug, Default)]
pub struct SendView {
    /// What has just happened.
    pub notice: Option<String>,
    /// One of `KINDS`.
    pub kind: String,
    /// What is wrong, by field.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

/// A file on its way in.
#[derive(Clone, Debug, Default)]
pub struct UploadView {
    /// Names it in addresses.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// One of `KINDS`.
    pub kind: String,
    /// How it stands.
    pub stage: StageView,
}

/// How a file stands.
#[derive(Clone, Debug, Default)]
pub enum StageView {
    /// It is being looked through; the page comes back by itself.
    #[default]
    Checking,
    /// What would happen.
    Ready(ReportView),
    /// So many lines are taken in; the page comes back by itself.
    Running(u64),
    /// What has happened.
    Done(ReportView),
    /// It could not be read to the end.
    Failed(String),
}

/// What would happen, or has.
#[derive(Clone, Debug, Default)]
pub struct ReportView {
    /// Lines that hold somebody.
    pub n_read: u64,
    /// People who are new.
    pub n_new: u64,
    /// People who are there and differ.
    pub n_changed: u64,
    /// People who are there just so.
    pub n_unchanged: u64,
    /// Lines left out.
    pub n_refused: u64,
    /// The first of those left out: line and reason.
    pub refused: Vec<(u64, String)>,
    /// Columns that nobody knows.
    pub unknown: Vec<String>,
    /// The first lines, one by one.
    pub lines: Vec<LineView>,
}

/// One line of a file.
#[derive(Clone, Debug, Default)]
pub struct LineView {
    /// Counted from 1.
    pub line: u64,
    /// Whom it is about, as it says itself.
    pub about: String,
    /// `New`, `Changed`, `Unchanged` or `Left out`.
    pub outcome: &'static str,
    /// Why it is left out.
    pub problem: Option<String>,
}

/// Draws the form that sends a file.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &SendView) -> Markup {
    let form = Form { id: "send", labels: LABELS, errors: &view.errors };
    let problem = view.errors.get("file");
    page(
        frame,
        html! {
            (head(frame, "Import people"))
            (notice(view.notice.as_deref()))
            form.panel.stack.narrow-form action="/admin/import" method="post" enctype="multipart/form-data" {
                (form.summary(view.problem.as_deref()))
                p.soft { "Nothing is changed before you have seen what would happen with each line." }
                (form.select("kind", KINDS, &view.kind))
                div.field {
                    label for="send-file" { "The file" }
                    p.hint #send-file-hint { "A .csv file with a line of headings, or a .jsonl file with one record a line, up to 20 MiB. It is kept for an hour at most." }
                    input #send-file type="file" name="file" accept=".csv,.jsonl,.ndjson,.json" required aria-invalid=[problem.map(|_| "true")]
                        aria-describedby={ "send-file-hint" @if problem.is_some() { " send-errors" } } autofocus[problem.is_some()];
                }
                p { button.primary type="submit" { "Look through it" } }
            }
        },
    )
}

/// Draws a file on its way in.
#[must_use]
pub fn render_upload(frame: &Frame<'_>, view: &UploadView) -> Markup {
    let here = format!("/admin/import/{}", view.id);
    page(
        frame,
        html! {
            (head(frame, "Import people"))
            div.stack.lines {
                p { span.soft { (words(KINDS, &view.kind)) " from " } b { bdi { (view.name) } } }
                @match &view.stage {
                    StageView::Checking => { (waiting("The file is being looked through.", &here)) }
                    StageView::Running(n) => { (waiting(&format!("The file is being taken in: {n} lines are done."), &here)) }
                    StageView::Failed(problem) => {
                        p.error role="alert" { "The file could not be read to its end: " (problem) }
                        p.actions { a.button href="/admin/import" { "Send another" } }
                    }
                    StageView::Ready(report) => {
                        h2 { "What would happen" }
                        (outcomes(report))
                        div.actions {
                            @if report.n_new + report.n_changed > 0 {
                                form action=(here) method="post" {
                                    button.primary type="submit" { "Take in " (lines(report.n_new + report.n_changed)) }
                                }
                            } @else { p { "There is nothing to take in." } }
                            (button(&format!("{here}/discard"), "Discard the file", ""))
                        }
                        (details(report))
                    }
                    StageView::Done(report) => {
                        p.notice role="status" { "Done. Searches follow within seconds." }
                        (outcomes(report))
                        p.actions {
                            @if view.kind == "mentors" { a.button.primary href="/admin/mentors?sort=changed" { "See the mentors" } }
                            a.button href="/admin/import" { "Send another file" }
                        }
                        (details(report))
                    }
                }
            }
        },
    )
}

fn lines(n: u64) -> String {
    if n == 1 { "1 line".to_owned() } else { format!("{n} lines") }
}

fn waiting(sentence: &str, here: &str) -> Markup {
    html! {
        p.panel role="status" { (sentence) }
        p { a.plain href=(here) { "Look again" } span.soft.small { " This page does so by itself." } }
    }
}

fn outcomes(report: &ReportView) -> Markup {
    let counts = [
        (report.n_new, "new"),
        (report.n_changed, "changed"),
        (report.n_unchanged, "unchanged"),
        (report.n_refused, "left out"),
    ];
    html! {
        p { (lines(report.n_read)) " read:" }
        ul.outcomes { @for (n, label) in counts { li { b { (n) } " " (label) } } }
        @if !report.unknown.is_empty() {
            p.notice { "Columns that nobody knows here are left aside: " (report.unknown.join(", ")) "." }
        }
    }
}

fn details(report: &ReportView) -> Markup {
    let n_more = report.n_refused.saturating_sub(report.refused.len() as u64);
    html! {
        @if !report.refused.is_empty() {
            section.error {
                p { "Left out:" }
                ul {
                    @for (line, problem) in &report.refused { li { "Line " (line) ": " (problem) } }
                    @if n_more > 0 { li { "and " (n_more) " more" } }
                }
            }
        }
        @if !report.lines.is_empty() {
            h2 { "Line by line" }
            (table("The lines of the file", &["Line", "Who", "What"], &report.lines.iter().map(row).collect::<Vec<_>>()))
            @if (report.lines.len() as u64) < report.n_read { p.soft { "And so on: the file has " (lines(report.n_read)) "." } }
        }
    }
}

fn row(it: &LineView) -> Vec<Markup> {
    vec![
        html! { (it.line) },
        html! { span { bdi { (it.about) } } },
        html! {
            div {
                span.badge.is-off[it.problem.is_some()] { (it.outcome) }
                @if let Some(problem) = &it.problem { " " (problem) }
            }
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(stage: StageView) -> String {
        let viewer = Viewer { name: "Ada".into(), role: "pm".into() };
        let path = "/admin/import";
        let frame = Frame { title: "Import", path, viewer: Some(&viewer), program: "Lighthouse", assets: "1" };
        let name = "<b>people</b>.csv".to_owned();
        render_upload(&frame, &UploadView { id: "7".into(), name, kind: "mentors".into(), stage }).into_string()
    }

    #[test]
    fn what_a_file_says_comes_out_as_text() {
        let line = LineView { about: "<script>".into(), outcome: "New", ..LineView::default() };
        let report = ReportView {
            n_new: 1,
            n_refused: 3,
            refused: vec![(2, "<i>".into())],
            lines: vec![line],
            ..ReportView::default()
        };
        let document = drawn(StageView::Ready(report));
        assert!(!document.contains("<b>people") && !document.contains("<script><") && !document.contains("<i>"));
        assert!(document.contains("Take in 1 line<") && document.contains("and 2 more"), "{document}");
    }

    #[test]
    fn nothing_to_take_in_offers_nothing_to_press_but_to_discard() {
        let document = drawn(StageView::Ready(ReportView::default()));
        assert!(!document.contains("action=\"/admin/import/7\"") && document.contains("/admin/import/7/discard"));
    }
}
