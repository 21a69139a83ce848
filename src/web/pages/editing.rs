//! The handlers of one mentor's form for staff: read, change, add. The verbs are those behind
//! `PUT /api/profiles/{userId}`.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::admin_mentor::{self, KnownView, MentorForm, MentorView};
use super::arriving::on_form;
use super::fields::Errors;
use super::moments::start_of_day;
use super::own::on_the_form;
use super::show::when;
use super::staff::page;
use crate::accounts;
use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::MentorId;
use crate::mentors::profiles::{self, Asker, Change, ExpertiseChange, MentorChange};
use crate::mentors::{self, Expertise, Mentor, Patch, Visibility};
use crate::web::error::Refusal;
use crate::web::extract::{Form, Id, Query};
use crate::web::identity::{Caller, Pm};

fn unknown() -> Error {
    Error::not_found("mentor_unknown", "This mentor is not here, or no longer.")
}

/// A part of a line of expertise: a bar in it is not the bar between parts.
fn escaped(part: &str) -> String {
    part.replace('\\', "\\\\").replace('|', "\\|")
}

/// One line of the field: the tag, a finer word and the weight, as far as they say something.
fn expertise_line(it: &Expertise) -> String {
    let area = escaped(&it.area);
    let has_weight = (it.weight - 1.0).abs() > f64::EPSILON;
    match (&it.subarea, has_weight) {
        (None, false) => area,
        (Some(subarea), false) => format!("{area} | {}", escaped(subarea)),
        (subarea, true) => format!("{area} | {} | {}", escaped(subarea.as_deref().unwrap_or_default()), it.weight),
    }
}

/// The parts between the bars of a line.
fn parts(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, parts.last_mut()) {
            ('|', _) => parts.push(String::new()),
            ('\\', Some(part)) => part.push(letters.next().unwrap_or('\\')),
            (letter, Some(part)) => part.push(letter),
            (_, None) => {}
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).collect()
}

/// The tags of the field. A line that stood there before is taken as it is; others may hold several, between commas.
fn expertise_of(text: &str, before: &str) -> Result<Vec<ExpertiseChange>> {
    let mut tags = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let is_known = before.lines().any(|it| it == line);
        let mut parts = parts(line);
        if parts.len() == 1 && !is_known {
            tags.extend(apart(&parts.remove(0)).map(|area| ExpertiseChange::plain(area.to_owned())));
            continue;
        }
        let wrong = |problem: &str| Error::field("expertise", format!("must be right in line {number}: {problem}"));
        if parts.len() > 3 {
            return Err(wrong("a tag, a finer word and a weight are all there can be"));
        }
        let weight = match parts.get(2).map(String::as_str) {
            None | Some("") => 1.0,
            Some(weight) => weight.parse().map_err(|_| wrong("the weight must be a number"))?,
        };
        let subarea = parts.get(1).filter(|it| !it.is_empty()).cloned();
        tags.push(ExpertiseChange { area: parts.remove(0), subarea, weight });
    }
    tags.retain(|tag| !tag.area.is_empty());
    Ok(tags)
}

fn apart(line: &str) -> impl Iterator<Item = &str> {
    line.split([',', ';']).map(str::trim).filter(|it| !it.is_empty())
}

/// The entries of a list, likewise.
fn entries(text: &str, before: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .flat_map(|line| {
            let is_known = before.lines().any(|it| it == line);
            if is_known { vec![line.to_owned()] } else { apart(line).map(str::to_owned).collect() }
        })
        .collect()
}

/// A mentor as the form holds them.
fn form_of(mentor: &Mentor) -> MentorForm {
    let profile = &mentor.profile;
    let day = profile.paused_until.map(|until| when(until, &mentor.timezone, "%Y-%m-%d").label);
    MentorForm {
        version: profiles::version(mentor),
        name: mentor.name.clone(),
        email: mentor.email.clone(),
        timezone: mentor.timezone.clone(),
        headline: profile.headline.clone(),
        bio: profile.bio.clone(),
        title: profile.title.clone(),
        company: profile.company.clone(),
        expertise: profile.expertise.iter().map(expertise_line).collect::<Vec<_>>().join("\n"),
        industries: profile.industries.join("\n"),
        stages: profile.stages.join("\n"),
        languages: profile.languages.join("\n"),
        active: profile.is_active.to_string(),
        visibility: profile.visibility.name().to_owned(),
        paused_until: day.unwrap_or_default(),
        load_cap_per_week: profile.load_cap_per_week.to_string(),
        photo_url: profile.photo_url.clone().unwrap_or_default(),
        linkedin_url: profile.linkedin_url.clone().unwrap_or_default(),
        meeting_url: profile.meeting_url.clone().unwrap_or_default(),
    }
}

impl MentorForm {
    /// Browsers send line ends as two letters.
    fn tidy(mut self) -> Self {
        for text in [&mut self.bio, &mut self.expertise, &mut self.industries, &mut self.stages, &mut self.languages] {
            *text = text.replace("\r\n", "\n");
        }
        self
    }

    /// The change from what is stored: what was not touched stays, to the letter. Wrong days, numbers and lines are
    /// all named.
    fn change(&self, stored: &Self) -> Result<Change> {
        let mut wrong = Errors::new();
        let expertise = changed(&self.expertise, &stored.expertise, |typed| {
            tried(&mut wrong, expertise_of(typed, &stored.expertise).map(Patch::Set))
        });
        let load_cap_per_week = changed(&self.load_cap_per_week, &stored.load_cap_per_week, |typed| {
            let cap = typed.trim().parse().map(Patch::Set);
            tried(&mut wrong, cap.map_err(|_| Error::field("loadCapPerWeek", "must be a whole number from 0 to 200")))
        });
        let paused_until = changed(&self.paused_until, &stored.paused_until, |typed| {
            let until = start_of_day("pausedUntil", typed.trim(), &self.timezone);
            tried(&mut wrong, until.map(|until| until.map_or(Patch::Clear, Patch::Set)))
        });
        if !wrong.is_empty() {
            return Err(Error::invalid_fields(wrong));
        }
        let mentor = MentorChange { expertise, load_cap_per_week, paused_until, ..self.plain(stored) };
        Ok(Change {
            name: text(&self.name, &stored.name),
            email: text(&self.email, &stored.email),
            timezone: text(&self.timezone, &stored.timezone),
            mentor: Some(mentor),
            ..Change::default()
        })
    }

    /// What can be read whatever it says.
    fn plain(&self, stored: &Self) -> MentorChange {
        let list = |typed: &str, before: &str| changed(typed, before, |typed| Patch::Set(entries(typed, before)));
        let visibilities = [Visibility::Public, Visibility::Limited, Visibility::Private];
        MentorChange {
            headline: text(&self.headline, &stored.headline),
            bio: text(&self.bio, &stored.bio),
            title: text(&self.title, &stored.title),
            company: text(&self.company, &stored.company),
            industries: list(&self.industries, &stored.industries),
            stages: list(&self.stages, &stored.stages),
            languages: list(&self.languages, &stored.languages),
            active: match self.active.as_str() {
                "true" => Patch::Set(true),
                "false" => Patch::Set(false),
                _ => Patch::Keep,
            },
            visibility: visibilities
                .into_iter()
                .find(|it| it.name() == self.visibility)
                .map_or(Patch::Keep, Patch::Set),
            photo_url: text(&self.photo_url, &stored.photo_url),
            linkedin_url: text(&self.linkedin_url, &stored.linkedin_url),
            meeting_url: text(&self.meeting_url, &stored.meeting_url),
            ..MentorChange::default()
        }
    }
}

/// A field as it was read; what is wrong with it is kept for the form.
fn tried<T>(wrong: &mut Errors, read: Result<Patch<T>>) -> Patch<T> {
    read.unwrap_or_else(|refusal| {
        wrong.extend(refusal.fields);
        Patch::Keep
    })
}

/// What was not touched stays; what was emptied goes; the rest is read.
fn changed<T>(typed: &str, stored: &str, read: impl FnOnce(&str) -> Patch<T>) -> Patch<T> {
    if typed == stored {
        Patch::Keep
    } else if typed.trim().is_empty() {
        Patch::Clear
    } else {
        read(typed)
    }
}

fn text(typed: &str, stored: &str) -> Patch<String> {
    changed(typed, stored, |typed| Patch::Set(typed.to_owned()))
}

async fn stored(app: &App, id: MentorId) -> Result<(Mentor, KnownView)> {
    let read = app.db.read(move |tx| {
        let mentor = mentors::mentor(tx, id)?.filter(|mentor| !mentor.is_erased).ok_or_else(unknown)?;
        let user = accounts::user(tx, mentor.user)?.ok_or_else(unknown)?;
        let has_password = accounts::has_password(tx, user.id)?;
        Ok((mentor, user, has_password))
    });
    let (mentor, user, has_password) = read.await?;
    let known = KnownView {
        id: mentor.id.to_string(),
        user: user.id.to_string(),
        name: mentor.name.clone(),
        photo_url: mentor.photo().map(str::to_owned),
        is_visible: mentor.is_visible(),
        record: mentor.record.clone(),
        has_never_come: user.last_login_at.is_none() && !has_password && mentor.has_active_account,
    };
    Ok((mentor, known))
}

fn drawn(app: &App, caller: &Caller, view: &MentorView) -> maud::Markup {
    let title = view.known.as_ref().map_or("Add a mentor", |known| &known.name);
    let path = if view.known.is_some() { "/admin/mentors" } else { "/admin/mentors/new" };
    page(app, caller, title, path, |frame| admin_mentor::render(frame, view))
}

/// What a page says it has just done.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    done: String,
}

/// `GET /admin/mentors/{id}`
pub async fn show(
    State(app): State<App>,
    Pm(caller): Pm,
    Id(id): Id<MentorId>,
    Query(query): Query<Done>,
) -> Result<Response, Refusal> {
    let (mentor, known) = stored(&app, id).await?;
    let notice = match query.done.as_str() {
        "saved" => Some("Saved. Answers follow within seconds."),
        "added" => Some("The mentor is added. They get no letter until somebody invites them."),
        _ => None,
    };
    let view = MentorView {
        notice: notice.map(str::to_owned),
        form: form_of(&mentor),
        known: Some(known),
        ..MentorView::default()
    };
    Ok(Html(drawn(&app, &caller, &view).into_string()).into_response())
}

/// `POST /admin/mentors/{id}`
pub async fn save(
    State(app): State<App>,
    Pm(caller): Pm,
    Id(id): Id<MentorId>,
    Form(form): Form<MentorForm>,
) -> Result<Response, Refusal> {
    let form = form.tidy();
    let (actor, asker, typed) = (caller.actor(), Asker::of(&caller.user), form.clone());
    let outcome = app
        .db
        .write(move |tx| {
            let mentor = mentors::mentor(tx, id)?.filter(|mentor| !mentor.is_erased).ok_or_else(unknown)?;
            let change = typed.change(&form_of(&mentor));
            // Whether it is stale comes first: what is wrong with the rest is said of what is stored now.
            let change = if profiles::version(&mentor) == typed.version { change? } else { Change::default() };
            profiles::change_as_seen(tx, &actor, &asker, &mentor, &typed.version, change)
        })
        .await;
    let Err(refusal) = outcome else {
        return Ok(Redirect::to(&format!("/admin/mentors/{id}?done=saved")).into_response());
    };
    let (mentor, known) = stored(&app, id).await?;
    let now = form_of(&mentor);
    let is_stale = refusal.code == "changed_meanwhile";
    // Whoever has seen both may save over it.
    let form = if is_stale { MentorForm { version: now.version.clone(), ..form } } else { form };
    Ok(on_form(in_its_field(refusal), |errors, problem| {
        let theirs = is_stale.then_some(now);
        let view = MentorView { notice: None, form, theirs, errors: on_the_form(errors), problem, known: Some(known) };
        drawn(&app, &caller, &view)
    })?)
}

/// An address that is taken is a matter of its field.
fn in_its_field(mut refusal: Error) -> Error {
    if refusal.code == "email_taken" && refusal.fields.is_empty() {
        refusal.fields.insert("email".to_owned(), "belongs to somebody else's account".to_owned());
    }
    refusal
}

/// `GET /admin/mentors/new`
pub async fn new(State(app): State<App>, Pm(caller): Pm) -> Response {
    let form = MentorForm {
        timezone: caller.user.timezone.clone(),
        active: "true".to_owned(),
        visibility: Visibility::Public.name().to_owned(),
        ..MentorForm::default()
    };
    Html(drawn(&app, &caller, &MentorView { form, ..MentorView::default() }).into_string()).into_response()
}

/// `POST /admin/mentors/new`
pub async fn add(State(app): State<App>, Pm(caller): Pm, Form(form): Form<MentorForm>) -> Result<Response, Refusal> {
    let form = form.tidy();
    let (actor, asker) = (caller.actor(), Asker::of(&caller.user));
    let outcome = match form.change(&MentorForm::default()) {
        Ok(change) => app.db.write(move |tx| profiles::add(tx, &actor, &asker, change)).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(id) => Ok(Redirect::to(&format!("/admin/mentors/{id}?done=added")).into_response()),
        Err(refusal) => Ok(on_form(in_its_field(refusal), |errors, problem| {
            let view = MentorView { form, errors: on_the_form(errors), problem, ..MentorView::default() };
            drawn(&app, &caller, &view)
        })?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(area: &str, subarea: Option<&str>, weight: f64) -> Expertise {
        Expertise { area: area.to_owned(), subarea: subarea.map(str::to_owned), weight }
    }

    #[test]
    fn what_a_line_says_of_a_tag_is_read_back() {
        for it in [
            tag("Pricing", None, 1.0),
            tag("Pricing, packaging", None, 1.0),
            tag("Pricing", Some("Subscriptions"), 1.0),
            tag("Pricing", None, 2.5),
            tag("A|B \\ C", Some("D | E"), 0.0),
        ] {
            let line = expertise_line(&it);
            let read = expertise_of(&line, &line).expect("read");
            let expected = ExpertiseChange { area: it.area, subarea: it.subarea, weight: it.weight };
            assert_eq!(read, [expected], "{line}");
        }
    }

    #[test]
    fn new_lines_may_hold_several_and_wrong_ones_are_named() {
        let read = expertise_of("Pricing, Export\n\n | odd\nSales | | 3", "").expect("read");
        let areas: Vec<(&str, f64)> = read.iter().map(|it| (it.area.as_str(), it.weight)).collect();
        assert_eq!(areas, [("Pricing", 1.0), ("Export", 1.0), ("Sales", 3.0)]);
        for text in ["Fine\nSales | | heavy", "Fine\na | b | 1 | c"] {
            let refusal = expertise_of(text, "").expect_err("refused");
            assert!(refusal.fields["expertise"].contains("line 2"), "{refusal:?}");
        }
        assert_eq!(
            entries("Retail, wholesale\nSaaS; Food", "Retail, wholesale"),
            ["Retail, wholesale", "SaaS", "Food"]
        );
    }
}
