//! What forms are made of: fields with their labels, hints and errors, and the summary of what is wrong.
//! Never shows a password again and never judges a value; it draws what it is told.

use std::collections::BTreeMap;

use maud::{Markup, Render, html};

use crate::web::pages::pieces::words;
use crate::web::pages::zones;

/// What is wrong with which field: `password` → `must have 10 to 128 characters`.
pub type Errors = BTreeMap<String, String>;

/// One form: where the ids of its fields begin, what its fields are called, what is wrong with them.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// Unlike that of every other form on the page.
    pub id: &'a str,
    /// Name and label of each field, in the order of the page.
    pub labels: &'a [(&'a str, &'a str)],
    /// What is wrong; empty before the first try.
    pub errors: &'a Errors,
}

/// One value of several to choose from.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// What is sent.
    pub value: &'a str,
    /// What is read.
    pub label: &'a str,
    /// What it means; may be empty.
    pub hint: &'a str,
}

#[derive(Clone, Copy, Debug)]
enum Kind<'a> {
    Input(&'static str),
    Area(u8),
    Select(&'a [(&'a str, &'a str)]),
    Zone,
}

/// One field with its label, hint and error; drawn by standing in the markup.
#[derive(Clone, Debug)]
#[must_use]
pub struct Field<'a> {
    form: Form<'a>,
    name: &'a str,
    kind: Kind<'a>,
    value: &'a str,
    hint: &'a str,
    autocomplete: Option<&'a str>,
    is_required: bool,
    longest: Option<u16>,
    range: Option<(u16, u16)>,
    list: Option<&'a str>,
}

impl<'a> Form<'a> {
    fn field(self, name: &'a str, kind: Kind<'a>, value: &'a str) -> Field<'a> {
        Field {
            form: self,
            name,
            kind,
            value,
            hint: "",
            autocomplete: None,
            is_required: false,
            longest: None,
            range: None,
            list: None,
        }
    }

    /// A line of text.
    pub fn text(self, name: &'a str, value: &'a str) -> Field<'a> {
        self.field(name, Kind::Input("text"), value)
    }

    /// An e-mail address.
    pub fn email(self, value: &'a str) -> Field<'a> {
        self.field("email", Kind::Input("email"), value).required().at_most(254)
    }

    /// An address on the web.
    pub fn url(self, name: &'a str, value: &'a str) -> Field<'a> {
        self.field(name, Kind::Input("url"), value).at_most(2000)
    }

    /// A day.
    pub fn date(self, name: &'a str, value: &'a str) -> Field<'a> {
        self.field(name, Kind::Input("date"), value)
    }

    /// A whole number between two others.
    pub fn number(self, name: &'a str, value: &'a str, range: (u16, u16)) -> Field<'a> {
        Field { range: Some(range), ..self.field(name, Kind::Input("number"), value) }
    }

    /// A password somebody has. Browsers cut off what is too long without a word, so no length is named.
    pub fn known_password(self, name: &'a str) -> Field<'a> {
        self.field(name, Kind::Input("password"), "").autocomplete("current-password").required()
    }

    /// A password somebody chooses.
    pub fn new_password(self, name: &'a str) -> Field<'a> {
        self.field(name, Kind::Input("password"), "")
            .autocomplete("new-password")
            .required()
            .hint("10 characters or more. A few words you can remember are better than one strange one.")
    }

    /// Several lines of text.
    pub fn area(self, name: &'a str, value: &'a str, rows: u8) -> Field<'a> {
        self.field(name, Kind::Area(rows), value)
    }

    /// One of a few values, each with its words.
    pub fn select(self, name: &'a str, options: &'a [(&'a str, &'a str)], chosen: &'a str) -> Field<'a> {
        self.field(name, Kind::Select(options), chosen)
    }

    /// A time zone.
    pub fn zone(self, chosen: &'a str) -> Field<'a> {
        self.field("timezone", Kind::Zone, chosen)
    }

    /// Draws one of a few values, each with an explanation.
    #[must_use]
    pub fn radios(self, name: &str, options: &[Choice<'_>], chosen: &str) -> Markup {
        self.options(name, "radio", options, &|value| value == chosen)
    }

    /// Draws any of a few values, each with an explanation.
    #[must_use]
    pub fn checkboxes(self, name: &str, options: &[Choice<'_>], chosen: &[String]) -> Markup {
        self.options(name, "checkbox", options, &|value| chosen.iter().any(|it| it == value))
    }

    fn options(self, name: &str, kind: &str, options: &[Choice<'_>], is_chosen: &dyn Fn(&str) -> bool) -> Markup {
        let id = self.id_of(name);
        let problem = self.errors.get(name);
        html! {
            fieldset.many[kind == "checkbox"] aria-describedby=[problem.map(|_| format!("{id}-error"))] {
                legend { (self.label(name)) }
                (field_error(&id, problem))
                @for (at, option) in options.iter().enumerate() {
                    label.option {
                        // The summary's link leads to the first of them.
                        input id=[(at == 0).then_some(&id)] type=(kind) name=(name) value=(option.value)
                            checked[is_chosen(option.value)] required[kind == "radio"]
                            autofocus[at == 0 && self.is_first_wrong(name)];
                        span { b { (option.label) } @if !option.hint.is_empty() { span.hint { (option.hint) } } }
                    }
                }
            }
        }
    }

    /// Draws one box to tick; `words` say what ticking it means.
    #[must_use]
    pub fn tick(self, name: &str, words: &str, is_ticked: bool) -> Markup {
        let id = self.id_of(name);
        let problem = self.errors.get(name);
        html! {
            div.field {
                (field_error(&id, problem))
                label.choice {
                    input #(id) type="checkbox" name=(name) value="true" checked[is_ticked] required
                        autofocus[self.is_first_wrong(name)] aria-invalid=[problem.map(|_| "true")]
                        aria-describedby=[problem.map(|_| format!("{id}-error"))];
                    span { (words) }
                }
            }
        }
    }

    /// Draws the address that a password belongs to: to be read, not to be changed or sent.
    #[must_use]
    pub fn fixed_email(self, email: &str) -> Markup {
        let id = self.id_of("email");
        html! {
            @if !email.is_empty() {
                div.field {
                    label for=(id) { "E-mail address" }
                    input #(id) type="email" value=(email) autocomplete="username" readonly;
                }
            }
        }
    }

    /// Draws what went wrong, all of it, with a link to each field: `problem` about the whole, then field by field.
    #[must_use]
    pub fn summary(self, problem: Option<&str>) -> Markup {
        let known = self.labels.iter().filter_map(|&(name, label)| Some((name, label, self.errors.get(name)?)));
        let other = self.errors.iter().filter(|(name, _)| !self.labels.iter().any(|(it, _)| it == name));
        html! {
            @if problem.is_some() || !self.errors.is_empty() {
                div.error #{ (self.id) "-errors" } role="alert" {
                    p { (problem.unwrap_or("That is not quite right yet:")) }
                    @if !self.errors.is_empty() {
                        ul {
                            @for (name, label, problem) in known {
                                li { a href={ "#" (self.id_of(name)) } { (label) " " (problem) } }
                            }
                            @for (name, problem) in other { li { (name) " " (problem) } }
                        }
                    }
                }
            }
        }
    }

    fn label(self, name: &'a str) -> &'a str {
        words(self.labels, name)
    }

    fn id_of(self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    fn is_first_wrong(self, name: &str) -> bool {
        self.labels.iter().find(|(it, _)| self.errors.contains_key(*it)).is_some_and(|(it, _)| *it == name)
    }
}

impl<'a> Field<'a> {
    /// Says more about the field than its label does.
    pub fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    /// Tells browsers and password managers what belongs here.
    pub fn autocomplete(self, token: &'a str) -> Self {
        Self { autocomplete: Some(token), ..self }
    }

    /// The form cannot be sent without it.
    pub fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// The id of a `datalist` with values to suggest.
    pub fn list(self, id: &'a str) -> Self {
        Self { list: Some(id), ..self }
    }

    /// The most characters it may have.
    pub fn at_most(self, longest: u16) -> Self {
        Self { longest: Some(longest), ..self }
    }
}

impl Render for Field<'_> {
    fn render(&self) -> Markup {
        let id = self.form.id_of(self.name);
        let problem = self.form.errors.get(self.name);
        html! {
            div.field {
                label for=(id) { (self.form.label(self.name)) }
                @if !self.hint.is_empty() { p.hint #{ (id) "-hint" } { (self.hint) } }
                (field_error(&id, problem))
                @match self.kind {
                    Kind::Input("password") => {
                        div.with-button {
                            (self.control(&id))
                            // The script reveals this button; without the script it would do nothing.
                            button.quiet type="button" hidden data-shows=(id) { span { "Show" } span.unseen { " what is typed" } }
                        }
                    }
                    _ => (self.control(&id)),
                }
            }
        }
    }
}

impl Field<'_> {
    fn control(&self, id: &str) -> Markup {
        let has_problem = self.form.errors.contains_key(self.name);
        let described_by =
            [(!self.hint.is_empty(), "hint"), (has_problem, "error")].into_iter().filter(|(is_there, _)| *is_there);
        let described_by = described_by.map(|(_, part)| format!("{id}-{part}")).collect::<Vec<_>>().join(" ");
        let described_by = Some(described_by).filter(|it| !it.is_empty());
        let is_invalid = has_problem.then_some("true");
        let is_first = self.form.is_first_wrong(self.name);
        html! {
            @match self.kind {
                Kind::Input(kind) => {
                    input #(id) name=(self.name) type=(kind) value=[(kind != "password").then_some(self.value)]
                        dir=[(kind == "text").then_some("auto")] autocomplete=[self.autocomplete] required[self.is_required]
                        maxlength=[self.longest] min=[self.range.map(|it| it.0)] max=[self.range.map(|it| it.1)] list=[self.list]
                        autofocus[is_first] aria-describedby=[described_by] aria-invalid=[is_invalid];
                }
                Kind::Area(rows) => {
                    textarea #(id) name=(self.name) rows=(rows) dir="auto" required[self.is_required] maxlength=[self.longest]
                        autofocus[is_first] aria-describedby=[described_by] aria-invalid=[is_invalid] {
                        // Browsers drop one line break right after the tag; this one is theirs to drop.
                        "\n" (self.value)
                    }
                }
                Kind::Select(options) => {
                    select #(id) name=(self.name) autocomplete=[self.autocomplete] autofocus[is_first]
                        aria-describedby=[described_by] aria-invalid=[is_invalid] {
                        @for (value, label) in options { option value=(value) selected[*value == self.value] { (label) } }
                    }
                }
                Kind::Zone => {
                    select #(id) name=(self.name) autofocus[is_first] aria-describedby=[described_by]
                        aria-invalid=[is_invalid] { (zones::options(self.value)) }
                }
            }
        }
    }
}

fn field_error(id: &str, problem: Option<&String>) -> Markup {
    html! { @if let Some(problem) = problem { p.field-error #{ (id) "-error" } { (sentence(problem)) } } }
}

/// Returns `must have 10 to 128 characters` as a sentence.
fn sentence(problem: &str) -> String {
    let mut letters = problem.chars();
    let start = letters.next().into_iter().flat_map(char::to_uppercase);
    start.chain(letters).chain((!problem.ends_with(['.', '!', '?'])).then_some('.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: &[(&str, &str)] = &[("name", "Your name"), ("password", "Password"), ("role", "You are here")];

    fn errors(problems: &[(&str, &str)]) -> Errors {
        problems.iter().map(|&(name, problem)| (name.to_owned(), problem.to_owned())).collect()
    }

    #[test]
    fn a_field_is_tied_to_its_label_its_hint_and_its_error() {
        let errors = errors(&[("name", "must not be blank")]);
        let form = Form { id: "signup", labels: LABELS, errors: &errors };
        let drawn =
            html! { (form.text("name", "a\" onfocus=\"x").hint("As others call you.").required()) }.into_string();
        assert!(drawn.contains("<label for=\"signup-name\">Your name</label>"), "{drawn}");
        assert!(drawn.contains("id=\"signup-name-error\">Must not be blank.</p>"));
        assert!(drawn.contains("aria-describedby=\"signup-name-hint signup-name-error\" aria-invalid=\"true\""));
        assert!(drawn.contains("value=\"a&quot; onfocus=&quot;x\""));
    }

    #[test]
    fn the_summary_links_to_every_wrong_field_and_loses_no_error() {
        let errors = errors(&[("role", "must be one of these"), ("password", "is too common"), ("body", "<b>is odd")]);
        let form = Form { id: "signup", labels: LABELS, errors: &errors };
        let drawn = form.summary(None).into_string();
        let password = drawn.find("<a href=\"#signup-password\">Password is too common</a>").expect("listed");
        assert!(password < drawn.find("#signup-role").expect("listed"), "the page's order, not the alphabet's");
        assert!(drawn.contains("role=\"alert\"") && drawn.contains("<li>body &lt;b&gt;is odd</li>"), "{drawn}");
    }

    #[test]
    fn only_the_first_wrong_field_takes_the_focus() {
        let errors = errors(&[("role", "must be one of these"), ("password", "is too common")]);
        let form = Form { id: "signup", labels: LABELS, errors: &errors };
        let choice = Choice { value: "mentee", label: "Mentee", hint: "" };
        let fields =
            html! { (form.text("name", "")) (form.new_password("password")) (form.radios("role", &[choice], "")) };
        let drawn = fields.into_string();
        assert_eq!(drawn.matches(" autofocus").count(), 1, "{drawn}");
        assert!(drawn.split("id=\"signup-password\"").nth(1).expect("there").starts_with(" name=\"password\""));
    }

    #[test]
    fn before_the_first_try_nothing_is_wrong() {
        let errors = Errors::new();
        let form = Form { id: "signup", labels: LABELS, errors: &errors };
        let drawn =
            html! { (form.summary(None)) (form.text("name", "")) (form.new_password("password")) }.into_string();
        assert!(!drawn.contains("error") && !drawn.contains("invalid") && !drawn.contains("autofocus"), "{drawn}");
    }

    #[test]
    fn a_password_is_never_shown_again_and_never_cut_off() {
        let errors = Errors::new();
        let form = Form { id: "signup", labels: LABELS, errors: &errors };
        let drawn = html! { (form.new_password("password")) }.into_string();
        assert!(!drawn.contains("value=") && !drawn.contains("maxlength"), "{drawn}");
        assert!(drawn.contains("autocomplete=\"new-password\""));
    }

    #[test]
    fn text_of_several_lines_comes_back_as_it_was() {
        let errors = Errors::new();
        let form = Form { id: "profile", labels: &[], errors: &errors };
        let drawn = html! { (form.area("bio", "\nA</textarea><script>", 4)) }.into_string();
        assert!(drawn.contains(">\n\nA&lt;/textarea&gt;&lt;script&gt;</textarea>"), "{drawn}");
    }
}
