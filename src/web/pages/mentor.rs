//! How one mentor looks: as a card among search results and as a page of their own.
//! Never decides who may be shown or when someone is free; it draws what it is given, in the order given.

use maud::{Markup, html};

use crate::web::layout::{Frame, When, highlight, page, portrait, time};
use crate::web::pages::picker::open_times;

/// One mentor among the results.
#[derive(Clone, Debug, Default)]
pub struct CardView {
    /// The id in `/mentors/{id}`.
    pub id: String,
    /// The full name.
    pub name: String,
    /// An `https:` address of a photo; anything else is not shown.
    pub photo_url: Option<String>,
    /// The role: `Food Technologist`.
    pub title: String,
    /// Where they do it.
    pub company: String,
    /// What they say they help with.
    pub headline: String,
    /// The score, 0 to 100.
    pub score: u8,
    /// Why they were chosen, best first.
    pub reasons: Vec<ReasonView>,
    /// What they know about.
    pub tags: Vec<TagView>,
    /// The next free times; the first three are shown.
    pub times: Vec<When>,
    /// What the score is made of.
    pub signals: Vec<SignalView>,
}

/// One reason for a match.
#[derive(Clone, Debug, Default)]
pub struct ReasonView {
    /// What kind of evidence this is: `passage` is quoted, others are told.
    pub kind: String,
    /// The passage or the sentence.
    pub text: String,
    /// Words or phrases of `text` to highlight.
    pub matched: Vec<String>,
}

/// One topic of a mentor.
#[derive(Clone, Debug, Default)]
pub struct TagView {
    /// The topic.
    pub text: String,
    /// Whether the question asked for it.
    pub is_matched: bool,
}

/// One part of the score.
#[derive(Clone, Debug, Default)]
pub struct SignalView {
    /// The name used by the API: `semantic`.
    pub name: String,
    /// How strong it is, 0 to 1.
    pub value: f64,
    /// Its share of the whole, 0 to 1.
    pub weight: f64,
    /// What it adds to the score.
    pub points: f64,
    /// Said in place of its strength, where the strength would mislead.
    pub note: Option<&'static str>,
}

/// What the mentor's own page shows.
#[derive(Clone, Debug, Default)]
pub struct MentorView {
    /// The id in `/mentors/{id}`.
    pub id: String,
    /// The full name.
    pub name: String,
    /// An `https:` address of a photo; anything else is not shown.
    pub photo_url: Option<String>,
    /// What they say they help with.
    pub headline: String,
    /// The role.
    pub title: String,
    /// Where they do it.
    pub company: String,
    /// Their story; an empty line starts a new paragraph.
    pub bio: String,
    /// What they know about.
    pub expertise: Vec<String>,
    /// The industries they know.
    pub industries: Vec<String>,
    /// The stages they like to help at.
    pub stages: Vec<String>,
    /// The languages they speak.
    pub languages: Vec<String>,
    /// Their time zone by its IANA name.
    pub zone: String,
    /// The time it is for them now.
    pub local_now: When,
    /// The time zone the open times are shown in.
    pub viewer_zone: String,
    /// The same in words: `Europe/Berlin (UTC+01:00)`.
    pub zone_label: String,
    /// The open times by day.
    pub days: Vec<DayView>,
    /// How many days ahead times open; none where they are opened one by one.
    pub opens_ahead_days: Option<u32>,
    /// The day whose times are shown, `2030-03-05`; the first one where it has none.
    pub chosen_day: String,
    /// Whether it is the viewer's own profile.
    pub is_own: bool,
    /// Whether the mentor accepts or declines each session.
    pub answers_requests: bool,
    /// Until when the mentor takes nobody new, in words.
    pub paused_until: Option<String>,
    /// The search to go back to; ignored unless it is a path of `/search`.
    pub back: Option<String>,
}

impl MentorView {
    /// The search to go back to, if it is one of this site.
    pub(super) fn search(&self) -> Option<&str> {
        self.back.as_deref().filter(|address| {
            address.strip_prefix("/search").is_some_and(|rest| rest.is_empty() || rest.starts_with('?'))
        })
    }
}

/// One day that has open times.
#[derive(Clone, Debug, Default)]
pub struct DayView {
    /// `2030-03-05` and `Tuesday 5 March`.
    pub day: When,
    /// Its open times, earliest first.
    pub slots: Vec<SlotView>,
}

/// One open time.
#[derive(Clone, Debug, Default)]
pub struct SlotView {
    /// Its id.
    pub id: String,
    /// The start, and the words for the whole interval: `14:00 to 14:45`.
    pub when: When,
    /// How many people it is for.
    pub capacity: u32,
    /// How many of those places are still free.
    pub n_remaining: u32,
}

/// How many topics a card shows before it says how many more there are.
const SHOWN_TAGS: usize = 6;
/// How many free times a card shows: enough to see a pattern, few enough to fit beside the score.
const SHOWN_TIMES: usize = 3;

/// Draws a mentor's page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &MentorView) -> Markup {
    let back = view.search();
    page(
        frame,
        html! {
            p.back { a href=(back.unwrap_or("/search")) {
                span aria-hidden="true" { "← " }
                @if back.is_some() { "Back to your results" } @else { "Find a mentor" }
            } }
            header.mentor-header {
                (portrait(&view.name, view.photo_url.as_deref()))
                div {
                    h1 { (view.name) }
                    p.soft { (work(&view.title, &view.company)) }
                    p.lead { (view.headline) }
                    @if !view.days.is_empty() { p.jump { a.button href="#times" { "See open times" } } }
                }
            }
            div.mentor-page {
                (about(view))
                (open_times(view))
            }
        },
    )
}

fn about(view: &MentorView) -> Markup {
    let facts = [("Industries", &view.industries), ("Stages", &view.stages), ("Languages", &view.languages)];
    html! {
        div.mentor-about {
            section aria-labelledby="about-title" {
                h2 #about-title { "About" }
                @for paragraph in view.bio.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
                    p { (paragraph) }
                }
                @if view.bio.trim().is_empty() { p.soft { (view.name) " has not written anything here yet." } }
            }
            @if !view.expertise.is_empty() {
                section aria-labelledby="expertise-title" {
                    h2 #expertise-title { "Can help with" }
                    ul.tags { @for topic in &view.expertise { li { (topic) } } }
                }
            }
            section aria-labelledby="facts-title" {
                h2 #facts-title { "Good to know" }
                dl.facts {
                    @for (label, values) in facts {
                        @if !values.is_empty() { div { dt { (label) } dd { (values.join(", ")) } } }
                    }
                    div {
                        dt { "Time zone" }
                        dd { (view.zone) @if !view.local_now.label.is_empty() { ", where it is now " (time(&view.local_now)) } }
                    }
                }
            }
        }
    }
}

/// Draws one search result. The whole card is a link; near misses are drawn alike but never counted as results.
#[must_use]
pub fn card(view: &CardView, is_near_miss: bool) -> Markup {
    let heading = format!("mentor-{}", view.id);
    let (card_hook, score_hook) =
        if is_near_miss { ("near-miss", "near-miss-score") } else { ("mentor-card", "match-score") };
    html! {
        article.card data-testid=(card_hook) aria-labelledby=(heading) {
            div.card-head.person {
                (portrait(&view.name, view.photo_url.as_deref()))
                div {
                    h3.person-name id=(heading) { a href={ "/mentors/" (view.id) } { (view.name) } }
                    p.soft { (work(&view.title, &view.company)) }
                }
            }
            div.card-score { (score(view.score, Some(score_hook))) }
            div.card-body {
                p.headline { (view.headline) }
                @if !view.reasons.is_empty() {
                    ul.reasons { @for reason in &view.reasons { (told(reason)) } }
                }
                (tags(&view.tags))
            }
            (next_times(&view.times))
            @if !view.signals.is_empty() { (breakdown(view)) }
        }
    }
}

/// Draws a score as a ring, a number and a word, so that it never speaks through colour alone.
#[must_use]
pub fn score(points: u8, hook: Option<&str>) -> Markup {
    let (word, class) = verdict(points);
    html! {
        p class={ "score " (class) } {
            svg viewBox="0 0 36 36" aria-hidden="true" focusable="false" {
                // A radius of 15.9155 makes the circle 100 long, so the score is the length of the arc.
                circle.ring-rest cx="18" cy="18" r="15.9155" {}
                @if points > 0 {
                    circle.ring-part cx="18" cy="18" r="15.9155" stroke-dasharray={ (points) " 100" } transform="rotate(-90 18 18)" {}
                }
            }
            span.unseen { "Match score " }
            span.score-number data-testid=[hook] { (points) }
            span.unseen { " of 100, " }
            span.score-word { (word) }
        }
    }
}

/// Returns the word for a score and the class that goes with it. 50 is where a mentor counts as clearly fitting.
fn verdict(points: u8) -> (&'static str, &'static str) {
    match points {
        80.. => ("Excellent fit", "is-excellent"),
        65..80 => ("Strong fit", "is-strong"),
        50..65 => ("Good fit", "is-good"),
        30..50 => ("Possible fit", "is-possible"),
        _ => ("Weak fit", "is-weak"),
    }
}

fn told(reason: &ReasonView) -> Markup {
    let words = highlight(&reason.text, &reason.matched);
    let is_quoted = reason.kind == "passage";
    html! {
        li.quote[is_quoted] {
            span.reason-kind { (reason_label(&reason.kind)) }
            span.unseen { ": " }
            span.reason-text { @if is_quoted { "“" (words) "”" } @else { (words) } }
        }
    }
}

fn reason_label(kind: &str) -> String {
    match kind {
        "passage" => "From the profile".into(),
        "keyword" | "keywords" | "words" => "Shared words".into(),
        "availability" => "Free times".into(),
        "load" => "Has room".into(),
        "rating" => "Feedback".into(),
        other => sentence_case(other),
    }
}

fn tags(tags: &[TagView]) -> Markup {
    let n_hidden = tags.len().saturating_sub(SHOWN_TAGS);
    html! {
        @if !tags.is_empty() {
            ul.tags aria-label="Can help with" {
                @for tag in tags.iter().take(SHOWN_TAGS) {
                    li.is-matched[tag.is_matched] { (tag.text) @if tag.is_matched { span.unseen { ", asked for" } } }
                }
                @if n_hidden > 0 { li.more { (n_hidden) " more" } }
            }
        }
    }
}

fn next_times(times: &[When]) -> Markup {
    html! {
        div.card-times {
            @if times.is_empty() {
                p.soft { "No open times in the next two weeks" }
            } @else {
                p.card-times-title { "Next free" }
                ul { @for moment in times.iter().take(SHOWN_TIMES) { li { (time(moment)) } } }
            }
        }
    }
}

/// Draws the parts of the score as a table whose points add up to the total under it.
fn breakdown(view: &CardView) -> Markup {
    let points = rounded(&view.signals.iter().map(|signal| signal.points).collect::<Vec<_>>(), view.score);
    let total = points.iter().sum::<f64>() / 10.0;
    html! {
        details.breakdown {
            summary { "How this score is made up" span.unseen { " for " (view.name) } }
            table {
                caption.unseen { "Points of each signal for " (view.name) }
                thead { tr { th scope="col" { "Signal" } th scope="col" { "Strength" } th scope="col" { "Points" } } }
                tbody {
                    @for (signal, tenths) in view.signals.iter().zip(&points) {
                        tr {
                            th scope="row" { (signal_label(&signal.name)) }
                            td {
                                @if let Some(note) = signal.note { (note) } @else { (format!("{:.0}%", signal.value * 100.0)) }
                            }
                            td { (format!("{:.1}", tenths / 10.0)) span.soft { (format!(" of {:.0}", signal.weight * 100.0)) } }
                        }
                    }
                }
                tfoot { tr { th scope="row" colspan="2" { "Together, shown as " (view.score) } td { (format!("{total:.1}")) } } }
            }
        }
    }
}

fn signal_label(name: &str) -> String {
    match name {
        "semantic" => "Meaning".into(),
        "keyword" | "keywords" => "Shared words".into(),
        "fit" | "industry_stage" | "industryStage" => "Industry and stage".into(),
        "availability" => "Free in the next two weeks".into(),
        "load" => "Room for new people".into(),
        "rating" => "Feedback so far".into(),
        other => sentence_case(other),
    }
}

/// Rounds `points` to whole tenths whose sum is the rounded sum, so the column adds up, and still rounds to `score`.
/// The tenths left over go to the parts that lost most by rounding down.
fn rounded(points: &[f64], score: u8) -> Vec<f64> {
    let exact = points.iter().map(|part| part * 10.0).collect::<Vec<_>>();
    let mut tenths = exact.iter().map(|part| part.floor()).collect::<Vec<_>>();
    let whole = f64::from(score) * 10.0;
    let mut target = exact.iter().sum::<f64>().round();
    if target >= whole + 5.0 {
        target -= 1.0;
    }
    let mut by_loss = (0..exact.len()).collect::<Vec<_>>();
    by_loss.sort_by(|&left, &right| (exact[right] - tenths[right]).total_cmp(&(exact[left] - tenths[left])));
    let mut left_over = target - tenths.iter().sum::<f64>();
    for part in by_loss {
        if left_over < 1.0 {
            break;
        }
        tenths[part] += 1.0;
        left_over -= 1.0;
    }
    tenths
}

fn work(title: &str, company: &str) -> String {
    [title, company].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" at ")
}

/// Returns `industry_fit` as `Industry fit`.
fn sentence_case(name: &str) -> String {
    let mut letters = name.chars().map(|letter| if letter == '_' { ' ' } else { letter });
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame<'static> {
        Frame { title: "Mentor", path: "/mentors/7", viewer: None, program: "Lighthouse", assets: "1" }
    }

    fn signal(points: f64) -> SignalView {
        SignalView { name: "semantic".into(), value: 0.5, weight: 0.5, points, note: None }
    }

    fn hostile() -> CardView {
        CardView {
            id: "7".into(),
            name: "<script>alert(\"Ada\")</script> O'Neil".into(),
            headline: "Ships \"R&D\"".into(),
            score: 87,
            reasons: vec![ReasonView {
                kind: "passage".into(),
                text: "<i>Seed</i> rounds".into(),
                matched: vec!["seed".into()],
            }],
            tags: vec![TagView { text: "<b>".into(), is_matched: true }],
            signals: vec![signal(46.04), signal(40.62)],
            ..CardView::default()
        }
    }

    #[test]
    fn hostile_names_come_out_as_text() {
        let drawn = card(&hostile(), false).into_string();
        assert!(!drawn.contains("<script>") && !drawn.contains("<i>") && !drawn.contains("<b>"), "{drawn}");
        assert!(drawn.contains("“&lt;i&gt;<mark>Seed</mark>&lt;/i&gt; rounds”"));
        let view = MentorView { name: hostile().name, bio: "a\n\n<img src=x>".into(), ..MentorView::default() };
        let document = render(&frame(), &view).into_string();
        assert!(!document.contains("<img src=x>") && document.contains("<p>&lt;img src=x&gt;</p>"), "{document}");
    }

    #[test]
    fn a_score_is_read_as_a_sentence() {
        let drawn = card(&hostile(), false).into_string();
        let heard = "Match score </span><span class=\"score-number\" data-testid=\"match-score\">87</span>\
                     <span class=\"unseen\"> of 100, </span><span class=\"score-word\">Excellent fit</span>";
        assert!(drawn.contains(heard), "{drawn}");
        assert!(drawn.contains("<a href=\"/mentors/7\">"));
    }

    #[test]
    fn a_near_miss_is_not_counted_as_a_result() {
        let drawn = card(&hostile(), true).into_string();
        assert!(!drawn.contains("mentor-card") && !drawn.contains("match-score"), "{drawn}");
    }

    #[test]
    fn every_score_has_its_word() {
        for (points, word) in [
            (100, "Excellent"),
            (80, "Excellent"),
            (79, "Strong"),
            (64, "Good"),
            (49, "Possible"),
            (29, "Weak"),
            (0, "Weak"),
        ] {
            assert!(verdict(points).0.starts_with(word), "{points}");
        }
    }

    #[test]
    fn the_points_shown_add_up_to_the_score_shown() {
        let thirds = [100.0 / 3.0; 3];
        let cases: [(&[f64], u8, f64); 5] = [
            (&[46.04, 40.42], 86, 864.0),
            (&thirds, 100, 1000.0),
            (&[45.5, 40.0, 1.0], 87, 865.0),
            (&[0.05; 7], 0, 4.0),
            (&[], 0, 0.0),
        ];
        for (points, score, total) in cases {
            let shown = rounded(points, score);
            assert!((shown.iter().sum::<f64>() - total).abs() < 0.001, "{shown:?}");
            assert!(
                shown.iter().zip(points).all(|(tenths, part)| (tenths / 10.0 - part).abs() < 0.1 + 1e-9),
                "{shown:?}"
            );
        }
        assert!(card(&hostile(), false).into_string().contains("shown as 87</th><td>86.7</td>"));
    }

    #[test]
    fn the_way_back_leads_to_the_search_and_nowhere_else() {
        let back = |address: &str| {
            render(&frame(), &MentorView { back: Some(address.into()), ..MentorView::default() }).into_string()
        };
        assert!(back("/search?q=a&stage=Seed").contains("href=\"/search?q=a&amp;stage=Seed\""));
        for address in ["//evil.example", "https://evil.example/search?q=a", "/search.evil", "javascript:alert(1)"] {
            assert!(
                back(address).contains("<a href=\"/search\"><span aria-hidden=\"true\">← </span>Find a mentor"),
                "{address}"
            );
        }
    }
}
