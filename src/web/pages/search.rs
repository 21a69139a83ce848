//! The search page: a question, filters that live in the address, and the mentors that fit.
//! Never ranks or hides a mentor; it draws the answer it is given, in the order given.

use form_urlencoded::Serializer;
use maud::{Markup, html};

use crate::web::layout::{Frame, page};
use crate::web::pages::mentor::{CardView, card};

/// How many mentors an answer shows unless more are asked for; the API's own default.
const SHOWN: usize = 10;
/// The most an answer may show; the API's own limit.
const SHOWN_AT_MOST: usize = 50;
/// The longest question, in characters; the API's own limit.
const LONGEST_QUESTION: usize = 2000;
/// The spans of days one can ask to find a free time in.
const SPANS: [u16; 3] = [7, 14, 30];

/// What the address of a search says. Reading an address and writing it again gives the same search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The question; `None` before anything was asked, which is not the same as a blank one.
    pub question: Option<String>,
    /// Any of these industries.
    pub industries: Vec<String>,
    /// Any of these stages.
    pub stages: Vec<String>,
    /// Any of these topics.
    pub expertise: Vec<String>,
    /// Only mentors with a free time within so many days.
    pub within_days: Option<u16>,
    /// Whether the question is to be taken letter by letter, without correcting its spelling.
    pub is_exact: bool,
    /// How many mentors to show.
    pub n_shown: usize,
}

/// What the search page shows.
#[derive(Clone, Debug)]
pub struct SearchView {
    /// The question and the filters in force.
    pub asked: Asked,
    /// The industries to choose from.
    pub industries: Vec<ChoiceView>,
    /// The stages to choose from.
    pub stages: Vec<ChoiceView>,
    /// The topics to choose from; the most common ones will do, chosen ones are added by themselves.
    pub expertise: Vec<ChoiceView>,
    /// Questions to try, shown before the first one.
    pub examples: Vec<String>,
    /// The time zone all times are shown in.
    pub zone: String,
    /// What came of the question.
    pub outcome: Outcome,
}

/// One value of a filter.
#[derive(Clone, Debug)]
pub struct ChoiceView {
    /// The value, as it stands in profiles.
    pub value: String,
    /// How many mentors have it.
    pub n_mentors: usize,
}

/// What came of the question.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing was asked yet.
    Start,
    /// The question cannot be answered, and why.
    Refused(String),
    /// The question was answered.
    Answered(AnswerView),
}

/// The answer to a question.
#[derive(Clone, Debug, Default)]
pub struct AnswerView {
    /// How many mentors are relevant, shown or not.
    pub n_relevant: usize,
    /// How many of them score 50 or more.
    pub n_fitting: usize,
    /// Those shown, best first.
    pub cards: Vec<CardView>,
    /// Where none fits: the nearest, at most three.
    pub near_misses: Vec<CardView>,
    /// The question as it was understood, where its spelling was corrected.
    pub corrected: Option<String>,
    /// Sentences about what does not work fully just now.
    pub degraded: Vec<String>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            question: None,
            industries: Vec::new(),
            stages: Vec::new(),
            expertise: Vec::new(),
            within_days: None,
            is_exact: false,
            n_shown: SHOWN,
        }
    }
}

impl Asked {
    /// Reads the query part of an address. What it does not know, it leaves out.
    #[must_use]
    pub fn read(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match name.as_ref() {
                "q" => asked.question = Some(value),
                "industry" => add(&mut asked.industries, value),
                "stage" => add(&mut asked.stages, value),
                "expertise" => add(&mut asked.expertise, value),
                "within" => asked.within_days = value.parse().ok().filter(|days| SPANS.contains(days)),
                "exact" => asked.is_exact = value == "1",
                "show" => asked.n_shown = value.parse().map_or(SHOWN, |shown: usize| shown.clamp(SHOWN, SHOWN_AT_MOST)),
                _ => {}
            }
        }
        asked
    }

    /// Returns the address of this search.
    #[must_use]
    pub fn address(&self) -> String {
        let mut query = Serializer::new(String::new());
        if let Some(question) = &self.question {
            query.append_pair("q", question);
        }
        for (name, value) in self.chosen() {
            query.append_pair(name, &value);
        }
        if self.is_exact {
            query.append_pair("exact", "1");
        }
        if self.n_shown != SHOWN {
            query.append_pair("show", &self.n_shown.to_string());
        }
        let query = query.finish();
        if query.is_empty() { "/search".into() } else { format!("/search?{query}") }
    }

    /// Returns the filters in force as pairs of the address.
    fn chosen(&self) -> Vec<(&'static str, String)> {
        let listed = [("industry", &self.industries), ("stage", &self.stages), ("expertise", &self.expertise)];
        let days = self.within_days.map(|days| ("within", days.to_string()));
        listed
            .into_iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name, value.clone())))
            .chain(days)
            .collect()
    }

    /// Returns this search without one value of one filter.
    fn without(&self, name: &str, value: &str) -> Self {
        let mut rest = Self { n_shown: SHOWN, ..self.clone() };
        match name {
            "industry" => rest.industries.retain(|kept| kept != value),
            "stage" => rest.stages.retain(|kept| kept != value),
            "expertise" => rest.expertise.retain(|kept| kept != value),
            _ => rest.within_days = None,
        }
        rest
    }

    /// Returns this search without any filter.
    fn unfiltered(&self) -> Self {
        Self { question: self.question.clone(), is_exact: self.is_exact, ..Self::default() }
    }
}

/// Adds a value a filter does not hold yet; browsers send blank ones for "any".
fn add(values: &mut Vec<String>, value: String) {
    if !value.trim().is_empty() && !values.contains(&value) {
        values.push(value);
    }
}

/// Draws the search page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &SearchView) -> Markup {
    page(
        frame,
        html! {
            h1 { "Find a mentor" }
            @if matches!(view.outcome, Outcome::Start) {
                p.lead { "Tell us what you are working on. We show you who has done it before, and why we think so." }
            }
            (form(view))
            // The script replaces what is inside the next three when a filter changes, and leaves the rest alone.
            div #chips { (chips(&view.asked)) }
            @match &view.outcome {
                Outcome::Start => (start(view)),
                Outcome::Refused(_) => {},
                Outcome::Answered(answer) => {
                    h2 #count aria-live="polite" { (count(answer)) }
                    div #answer { (answered(view, answer)) }
                }
            }
        },
    )
}

fn form(view: &SearchView) -> Markup {
    let refusal = if let Outcome::Refused(message) = &view.outcome { Some(message) } else { None };
    let question = view.asked.question.as_deref().unwrap_or_default();
    html! {
        // Without autocomplete="off" some browsers restore old ticks on a reload, against what the address says.
        form.panel.search-form #search role="search" action="/search" method="get" autocomplete="off" {
            div.field {
                label for="q" { "Describe what you need, in your own words" }
                @if let Some(message) = refusal { p.error #q-error role="alert" { (message) } }
                div.ask {
                    textarea #q name="q" rows="2" maxlength=(LONGEST_QUESTION) aria-required="true" enterkeyhint="search"
                        placeholder="What do you need help with? For example: pricing a first pilot with a hospital"
                        aria-invalid=[refusal.map(|_| "true")] aria-describedby=[refusal.map(|_| "q-error")] {
                        (question)
                    }
                    button.primary type="submit" data-busy="Searching…" { "Search" }
                }
            }
            (filters(view))
        }
    }
}

fn filters(view: &SearchView) -> Markup {
    let asked = &view.asked;
    let n_chosen = asked.chosen().len();
    html! {
        details.filters {
            summary { "Filters" @if n_chosen > 0 { span.badge { (n_chosen) " chosen" } } }
            div.filter-groups {
                (choices("Industry", "industry", &view.industries, &asked.industries))
                (choices("Stage", "stage", &view.stages, &asked.stages))
                (choices("Expertise", "expertise", &view.expertise, &asked.expertise))
                (spans(asked.within_days))
            }
            p.actions {
                button type="submit" { "Apply filters" }
                @if n_chosen > 0 { a.plain href=(asked.unfiltered().address()) { "Clear all" } }
            }
        }
    }
}

fn choices(legend: &str, name: &str, offered: &[ChoiceView], chosen: &[String]) -> Markup {
    let unlisted = chosen.iter().filter(|value| !offered.iter().any(|choice| choice.value == **value));
    html! {
        @if !offered.is_empty() || !chosen.is_empty() {
            fieldset {
                legend { (legend) }
                div.choices {
                    @for value in unlisted {
                        label.choice { input type="checkbox" name=(name) value=(value) checked; span { (value) } }
                    }
                    @for choice in offered {
                        label.choice {
                            input type="checkbox" name=(name) value=(choice.value) checked[chosen.contains(&choice.value)];
                            span { (choice.value) }
                            span.choice-count { (choice.n_mentors) span.unseen { " mentors" } }
                        }
                    }
                }
            }
        }
    }
}

fn spans(chosen: Option<u16>) -> Markup {
    html! {
        fieldset {
            legend { "Free within" }
            div.choices {
                label.choice { input type="radio" name="within" value="" checked[chosen.is_none()]; span { "Any time" } }
                @for days in SPANS {
                    label.choice {
                        input type="radio" name="within" value=(days) checked[chosen == Some(days)];
                        span { (days) " days" }
                    }
                }
            }
        }
    }
}

fn chips(asked: &Asked) -> Markup {
    let chosen = asked.chosen();
    html! {
        @if !chosen.is_empty() {
            ul.chips aria-label="Filters in force" {
                @for (name, value) in &chosen {
                    li { a.chip href=(asked.without(name, value).address()) {
                        span.unseen { "Remove " } (filter_label(name, value)) span aria-hidden="true" { "×" }
                    } }
                }
                li { a.plain href=(asked.unfiltered().address()) { "Clear all" } }
            }
        }
    }
}

fn filter_label(name: &str, value: &str) -> String {
    match name {
        "industry" => format!("Industry: {value}"),
        "stage" => format!("Stage: {value}"),
        "expertise" => format!("Expertise: {value}"),
        _ => format!("Free within {value} days"),
    }
}

fn start(view: &SearchView) -> Markup {
    html! {
        div.start {
            @if !view.examples.is_empty() {
                section aria-labelledby="examples-title" {
                    h2 #examples-title { "Not sure how to put it?" }
                    p.soft { "Others have asked questions like these." }
                    ul.examples {
                        @for example in &view.examples {
                            @let asked = Asked { question: Some(example.clone()), ..view.asked.clone() };
                            li { a href=(asked.address()) { "“" (example) "”" } }
                        }
                    }
                }
            }
            section aria-labelledby="how-title" {
                h2 #how-title { "How it works" }
                p {
                    "We compare the meaning of your words with every profile, add what you share in words, topics and field, \
                     and show you the score with the lines that earned it. A whole paragraph works better than a word."
                }
            }
        }
    }
}

fn answered(view: &SearchView, answer: &AnswerView) -> Markup {
    html! {
        @for sentence in &answer.degraded { p.notice role="status" { (sentence) } }
        @if let Some(corrected) = &answer.corrected {
            @let exact = Asked { is_exact: true, n_shown: SHOWN, ..view.asked.clone() };
            p.spelling {
                "Showing results for " b { (corrected) } ". Search instead for "
                a href=(exact.address()) { (view.asked.question.as_deref().unwrap_or_default()) } "."
            }
        }
        @if answer.n_relevant == 0 { (nothing(view, answer)) } @else { (results(view, answer)) }
    }
}

fn results(view: &SearchView, answer: &AnswerView) -> Markup {
    let n_more = answer.n_relevant.saturating_sub(answer.cards.len());
    let more = Asked { n_shown: (view.asked.n_shown + SHOWN).min(SHOWN_AT_MOST), ..view.asked.clone() };
    html! {
        p.soft.small { "Best first. Times are shown in your time zone, " (view.zone) "." }
        ol.results role="list" { @for found in &answer.cards { li { (card(found, false)) } } }
        @if n_more > 0 {
            p.more-results {
                span.soft { "Showing the best " (answer.cards.len()) " of " (answer.n_relevant) "." }
                @if view.asked.n_shown < SHOWN_AT_MOST { " " a.button href=(more.address()) { "Show more" } }
            }
        }
    }
}

fn nothing(view: &SearchView, answer: &AnswerView) -> Markup {
    let asked = &view.asked;
    let chosen = asked.chosen();
    html! {
        div.panel.nothing {
            p { (why_nobody(chosen.len())) }
            ul {
                li { "Try other words: name the problem, the customer or the kind of company." }
                @if chosen.len() == 1 { li { a href=(asked.unfiltered().address()) { "Ask again without the filter" } } }
                @if chosen.len() > 1 {
                    @for (name, value) in &chosen {
                        li { a href=(asked.without(name, value).address()) { "Ask again without “" (filter_label(name, value)) "”" } }
                    }
                    li { a href=(asked.unfiltered().address()) { "Ask again without any filter" } }
                }
            }
        }
        @if !answer.near_misses.is_empty() {
            section aria-labelledby="near-title" {
                h2 #near-title { "Nearest, but not a fit" }
                p.soft { "Something in their profiles touches your question, but too little to recommend them; the lines of each say what. They may still know someone who can help. Times are shown in " (view.zone) "." }
                ol.results role="list" { @for found in &answer.near_misses { li { (card(found, true)) } } }
            }
        }
    }
}

/// Why an answer is empty: what was compared with the question, and that nothing met it.
fn why_nobody(n_filters: usize) -> String {
    let who = match n_filters {
        0 => "every mentor of this program".to_owned(),
        1 => "every mentor your filter leaves".to_owned(),
        n => format!("every mentor your {n} filters leave"),
    };
    format!(
        "We compared your question with the profile of {who}. None of them writes of this clearly enough for us to \
         recommend them. Somebody may know about it all the same, and new mentors join."
    )
}

/// "Fits" is said of those who score 50 or more; the others are near it.
fn count(answer: &AnswerView) -> String {
    let n_near = answer.n_relevant.saturating_sub(answer.n_fitting);
    let fitting = match answer.n_fitting {
        0 => String::new(),
        1 => "1 mentor fits".to_owned(),
        more => format!("{more} mentors fit"),
    };
    match (answer.n_fitting, n_near) {
        (0, 0) => "No mentor here fits that".to_owned(),
        (0, 1) => "1 mentor comes near".to_owned(),
        (0, near) => format!("{near} mentors come near"),
        (_, 0) => fitting,
        (_, 1) => format!("{fitting}, 1 more comes near"),
        (_, near) => format!("{fitting}, {near} more come near"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "/search?q=R%26D+%2B+50%25%3F&industry=Food+%26+Drink&industry=Fintech&stage=Seed&expertise=Ch%C3%A8vre&within=14";

    fn asked() -> Asked {
        Asked::read(ADDRESS.split_once('?').map_or("", |(_, query)| query))
    }

    fn view(outcome: Outcome) -> SearchView {
        let choice = |value: &str| ChoiceView { value: value.into(), n_mentors: 3 };
        SearchView {
            asked: asked(),
            industries: vec![choice("Fintech"), choice("Space")],
            stages: vec![choice("Seed")],
            expertise: Vec::new(),
            examples: vec!["How do I price a pilot?".into()],
            zone: "Europe/Berlin".into(),
            outcome,
        }
    }

    fn drawn(view: &SearchView) -> String {
        render(
            &Frame { title: "Find a mentor", path: "/search", viewer: None, program: "Lighthouse", assets: "1" },
            view,
        )
        .into_string()
    }

    fn found(id: &str) -> CardView {
        CardView { id: id.into(), name: "Ada".into(), score: 12, ..CardView::default() }
    }

    #[test]
    fn an_address_read_and_written_stays_the_same() {
        assert_eq!(asked().address(), ADDRESS);
        assert_eq!(asked().question.as_deref(), Some("R&D + 50%?"));
        assert_eq!(Asked::default().address(), "/search");
        assert_eq!(Asked::read("q=").question.as_deref(), Some(""), "a blank question was still asked");
    }

    #[test]
    fn what_an_address_says_wrongly_is_left_out() {
        let asked = Asked::read("q=a&within=8&show=9999&industry=&industry=A&industry=A&colour=red&exact=yes");
        assert_eq!(asked.address(), "/search?q=a&industry=A&show=50");
        assert_eq!(Asked::read("show=ten&within=-7").address(), "/search");
    }

    #[test]
    fn every_chip_drops_exactly_one_value() {
        let all = asked().chosen();
        for (name, value) in &all {
            let mut expected = all.clone();
            expected.retain(|pair| pair != &(*name, value.clone()));
            let left = asked().without(name, value);
            assert_eq!(left.chosen(), expected);
            assert_eq!(left.question, asked().question);
            let link = format!("href=\"{}\"", left.address().replace('&', "&amp;"));
            assert!(chips(&asked()).into_string().contains(&link), "{link}");
        }
        assert_eq!(all.len(), 5);
    }

    #[test]
    fn filters_show_what_is_chosen_even_when_nobody_has_it() {
        let document = drawn(&view(Outcome::Start));
        assert!(document.contains("value=\"Fintech\" checked>") && !document.contains("value=\"Space\" checked"));
        assert!(
            document.contains("value=\"Food &amp; Drink\" checked>") && document.contains("value=\"Chèvre\" checked>")
        );
        assert!(document.contains("value=\"14\" checked>") && document.contains("5 chosen"));
    }

    #[test]
    fn a_refused_question_keeps_its_text_and_names_the_field() {
        let mut view = view(Outcome::Refused("Please keep it under 2000 characters.".into()));
        view.asked.question = Some("</textarea><script>".into());
        let document = drawn(&view);
        assert!(
            document.contains("aria-describedby=\"q-error\"") && document.contains("id=\"q-error\" role=\"alert\"")
        );
        assert!(document.contains(">&lt;/textarea&gt;&lt;script&gt;</textarea>"), "{document}");
    }

    #[test]
    fn the_count_speaks_of_all_that_fit_and_more_can_be_had() {
        let document = drawn(&view(Outcome::Answered(AnswerView {
            n_relevant: 12,
            n_fitting: 4,
            cards: vec![found("1")],
            ..AnswerView::default()
        })));
        assert!(document.contains("aria-live=\"polite\">4 mentors fit, 8 more come near</h2>"), "{document}");
        assert_eq!(document.matches("data-testid=\"mentor-card\"").count(), 1);
        assert!(document.contains("Showing the best 1 of 12.") && document.contains("&amp;show=20\""));
        let counted = |n_fitting, n_relevant| count(&AnswerView { n_relevant, n_fitting, ..AnswerView::default() });
        assert_eq!((counted(1, 1).as_str(), counted(0, 2).as_str()), ("1 mentor fits", "2 mentors come near"));
    }

    #[test]
    fn an_empty_answer_is_honest_and_says_what_to_try() {
        let document =
            drawn(&view(Outcome::Answered(AnswerView { near_misses: vec![found("1")], ..AnswerView::default() })));
        assert!(document.contains("No mentor here fits that") && document.contains("Nearest, but not a fit"));
        assert!(!document.contains("mentor-card"));
        assert_eq!(document.matches("Ask again without").count(), 6, "one link for each of five filters, one for all");
    }

    #[test]
    fn a_corrected_question_offers_the_one_typed() {
        let document =
            drawn(&view(Outcome::Answered(AnswerView { corrected: Some("<R&D>".into()), ..AnswerView::default() })));
        assert!(
            document.contains("<b>&lt;R&amp;D&gt;</b>") && document.contains("&amp;exact=1\">R&amp;D + 50%?</a>"),
            "{document}"
        );
    }

    #[test]
    fn there_is_one_search_button_and_one_question_field() {
        let document = drawn(&view(Outcome::Start));
        assert_eq!(document.matches(">Search</button>").count(), 1);
        assert_eq!(document.matches("placeholder=\"What do you need help with?").count(), 1);
    }
}
