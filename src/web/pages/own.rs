//! The handlers of one's own pages: the profile, and the proof of who one is. Each calls the verb
//! that its JSON twin under `api` calls.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::arriving::on_form;
use super::confirm::{self, ConfirmView};
use super::fields::Errors;
use super::moments::start_of_day;
use super::profile::{self, LeavingView, PhotoView, ProfileView};
use super::profile_parts::{MenteePart, MentorPart};
use super::show::{frame, providers, when};
use crate::accounts::{self, Role, oidc, recovery};
use crate::app::App;
use crate::error::{Error, Result};
use crate::mentors::profiles::{self, Change, ExpertiseChange, MenteeChange, MentorChange};
use crate::mentors::{Patch, Visibility};
use crate::web::api::profiles::{Asking, erase_with};
use crate::web::error::Refusal;
use crate::web::extract::{Form, Query};
use crate::web::identity::{self, Caller, SignedIn};
use crate::web::next::local_path;

/// What a page says it has just done.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    done: String,
}

/// The profile as it stands, as the form holds it.
async fn stored(app: &App, asking: &Asking) -> Result<ProfileView> {
    let (asker, user) = (asking.asker, asking.asker.user);
    let (found, has_password) = app
        .db
        .read(move |tx| Ok((profiles::view(tx, &asker, user, false)?, accounts::has_password(tx, user)?)))
        .await?;
    let it = found.ok_or_else(Error::signed_out)?;
    let zone = it.timezone.clone();
    let mentor = it.mentor.map(|mentor| MentorPart {
        public_id: Some(mentor.id.to_string()).filter(|_| mentor.active),
        is_resting: !mentor.active,
        headline: mentor.headline,
        bio: mentor.bio,
        company: mentor.company,
        title: mentor.title,
        expertise: mentor.expertise.into_iter().map(|it| it.area).collect::<Vec<_>>().join(", "),
        industries: mentor.industries.join(", "),
        stages: mentor.stages.join(", "),
        languages: mentor.languages.join(", "),
        visibility: mentor.visibility.map_or("public", Visibility::name).to_owned(),
        load_cap_per_week: mentor.load_cap_per_week.map_or_else(String::new, |n| n.to_string()),
        paused_until: mentor.paused_until.map_or_else(String::new, |it| when(it, &zone, "%Y-%m-%d").label),
        linkedin_url: mentor.linkedin_url.unwrap_or_default(),
        meeting_url: mentor.meeting_url.unwrap_or_default(),
    });
    let mentee = it.mentee.map(|mentee| MenteePart {
        company: mentee.company,
        stage: mentee.stage,
        industry: mentee.industry,
        goals: mentee.goals,
    });
    Ok(ProfileView {
        name: it.name,
        email: it.email.unwrap_or_default(),
        role: it.role.name().to_owned(),
        timezone: it.timezone,
        mentor: mentor.or_else(|| (it.role == Role::Mentor).then(MentorPart::default)),
        mentee: mentee.or_else(|| (it.role == Role::Mentee).then(MenteePart::default)),
        photo: PhotoView {
            url: it.image,
            limits: "JPEG, PNG or WebP, at most 5 MiB.".to_owned(),
            ..PhotoView::default()
        },
        leaving: LeavingView { has_password, ..LeavingView::default() },
        ..ProfileView::default()
    })
}

fn profile_page(app: &App, caller: &Caller, view: &ProfileView) -> maud::Markup {
    let viewer = identity::as_viewer(&caller.user);
    profile::render(&frame(app, "Your profile", "/profile", Some(&viewer)), view)
}

/// `GET /profile`
pub async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    asking: Asking,
    Query(query): Query<Done>,
) -> Result<Response, Refusal> {
    let notice = (query.done == "saved").then(|| "Your profile is saved.".to_owned());
    let view = ProfileView { notice, ..stored(&app, &asking).await? };
    Ok(Html(profile_page(&app, &caller, &view).into_string()).into_response())
}

/// The profile form: all text, as typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProfileForm {
    name: String,
    timezone: String,
    headline: Option<String>,
    bio: String,
    title: String,
    company: String,
    expertise: String,
    industries: String,
    stages: String,
    languages: String,
    linkedin_url: String,
    visibility: String,
    load_cap_per_week: String,
    paused_until: String,
    meeting_url: String,
    mentee_company: Option<String>,
    stage: String,
    industry: String,
    goals: Option<String>,
}

/// Entries separated by commas, semicolons or lines.
fn entries(text: &str) -> Vec<String> {
    text.split([',', ';', '\n']).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
}

/// A text field of a form: blank clears.
fn line(text: &str) -> Patch<String> {
    if text.trim().is_empty() { Patch::Clear } else { Patch::Set(text.to_owned()) }
}

impl ProfileForm {
    /// The change from what is stored; tags that were not touched keep their finer words and weights.
    fn change(&self, stored: &ProfileView) -> Result<Change> {
        let mut mentor = self.headline.as_ref().map(|headline| self.mentor(headline)).transpose()?;
        let tags = stored.mentor.as_ref().map(|mentor| entries(&mentor.expertise));
        if let Some(mentor) = mentor.as_mut().filter(|_| tags == Some(entries(&self.expertise))) {
            mentor.expertise = Patch::Keep;
        }
        let mentee = self.goals.as_ref().map(|goals| MenteeChange {
            company: line(self.mentee_company.as_deref().unwrap_or(&self.company)),
            stage: line(&self.stage),
            industry: line(&self.industry),
            goals: line(goals),
        });
        Ok(Change {
            name: Patch::Set(self.name.clone()),
            timezone: Patch::Set(self.timezone.clone()),
            mentor,
            mentee,
            ..Change::default()
        })
    }

    fn mentor(&self, headline: &str) -> Result<MentorChange> {
        let cap = self.load_cap_per_week.trim();
        Ok(MentorChange {
            headline: line(headline),
            bio: line(&self.bio),
            company: line(&self.company),
            title: line(&self.title),
            industries: Patch::Set(entries(&self.industries)),
            stages: Patch::Set(entries(&self.stages)),
            languages: Patch::Set(entries(&self.languages)),
            expertise: Patch::Set(entries(&self.expertise).into_iter().map(ExpertiseChange::plain).collect()),
            visibility: match self.visibility.as_str() {
                "public" => Patch::Set(Visibility::Public),
                "limited" => Patch::Set(Visibility::Limited),
                "private" => Patch::Set(Visibility::Private),
                _ => Patch::Keep,
            },
            load_cap_per_week: match cap.parse() {
                Ok(cap) => Patch::Set(cap),
                Err(_) if cap.is_empty() => Patch::Clear,
                Err(_) => return Err(Error::field("loadCapPerWeek", "must be a whole number from 0 to 200")),
            },
            // In the zone in which the form shows it: else it would be another day with each saving.
            paused_until: start_of_day("pausedUntil", self.paused_until.trim(), &self.timezone)?
                .map_or(Patch::Clear, Patch::Set),
            linkedin_url: line(&self.linkedin_url),
            meeting_url: line(&self.meeting_url),
            ..MentorChange::default()
        })
    }

    /// Puts what was typed over what is stored, so that a slip loses nothing.
    fn over(self, mut view: ProfileView) -> ProfileView {
        (view.name, view.timezone) = (self.name, self.timezone);
        let mentee_company = self.mentee_company.unwrap_or_else(|| self.company.clone());
        if let Some((mentor, headline)) = view.mentor.as_mut().zip(self.headline) {
            let (public_id, is_resting) = (mentor.public_id.take(), mentor.is_resting);
            *mentor = MentorPart {
                public_id,
                is_resting,
                headline,
                bio: self.bio,
                company: self.company,
                title: self.title,
                expertise: self.expertise,
                industries: self.industries,
                stages: self.stages,
                languages: self.languages,
                visibility: self.visibility,
                load_cap_per_week: self.load_cap_per_week,
                paused_until: self.paused_until,
                linkedin_url: self.linkedin_url,
                meeting_url: self.meeting_url,
            };
        }
        if let Some((mentee, goals)) = view.mentee.as_mut().zip(self.goals) {
            *mentee = MenteePart { company: mentee_company, stage: self.stage, industry: self.industry, goals };
        }
        view
    }
}

/// The last word of a path such as `mentor.bio`, which is what the form calls the field.
pub(super) fn on_the_form(errors: Errors) -> Errors {
    errors
        .into_iter()
        .map(|(field, problem)| (field.rsplit('.').next().unwrap_or_default().to_owned(), problem))
        .collect()
}

async fn put(app: &App, asking: &Asking, change: Result<Change>) -> Result<bool> {
    let (asker, actor, change) = (asking.asker, asking.actor.clone(), change?);
    app.db.write(move |tx| profiles::change(tx, &actor, &asker, asker.user, false, change)).await
}

/// `POST /profile`
pub async fn save(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    asking: Asking,
    Form(form): Form<ProfileForm>,
) -> Result<Response, Refusal> {
    let view = stored(&app, &asking).await?;
    match put(&app, &asking, form.change(&view)).await {
        Ok(_) => Ok(Redirect::to("/profile?done=saved").into_response()),
        Err(refusal) => {
            let view = form.over(view);
            Ok(on_form(refusal, |errors, problem| {
                profile_page(&app, &caller, &ProfileView { errors: on_the_form(errors), problem, ..view })
            })?)
        }
    }
}

/// A picture by its address.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PhotoForm {
    photo_url: String,
}

/// `POST /profile/photo/url`
pub async fn link_photo(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    asking: Asking,
    Form(form): Form<PhotoForm>,
) -> Result<Response, Refusal> {
    let change = Change { image: line(&form.photo_url), ..Change::default() };
    match put(&app, &asking, Ok(change)).await {
        Ok(_) => Ok(Redirect::to("/profile?done=saved").into_response()),
        Err(refusal) => {
            let mut view = stored(&app, &asking).await?;
            Ok(on_form(refusal, |mut errors, problem| {
                if let Some(wrong) = errors.remove("image") {
                    errors.insert("photoUrl".to_owned(), wrong);
                }
                view.photo = PhotoView { typed: form.photo_url, errors, problem, ..view.photo };
                profile_page(&app, &caller, &view)
            })?)
        }
    }
}

/// The farewell.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LeavingForm {
    password: Option<String>,
    confirm: String,
}

/// `POST /profile/delete`
pub async fn leave(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    asking: Asking,
    Form(form): Form<LeavingForm>,
) -> Result<Response, Refusal> {
    let user = caller.user.id;
    let outcome = if form.confirm == "true" {
        erase_with(&app, asking.clone(), user, form.password).await
    } else {
        Err(Error::field("confirm", "must be ticked: an account that is gone stays gone"))
    };
    match outcome {
        Ok(()) => {
            let cookie = (header::SET_COOKIE, identity::clear_cookie(&app));
            Ok(([cookie], Redirect::to("/signin?done=gone")).into_response())
        }
        Err(refusal) => {
            let mut view = stored(&app, &asking).await?;
            Ok(on_form(refusal, |errors, problem| {
                view.leaving = LeavingView { errors, problem, ..view.leaving };
                profile_page(&app, &caller, &view)
            })?)
        }
    }
}

/// Where to go once it is clear who is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConfirmForm {
    password: String,
    next: String,
}

async fn confirm_view(app: &App, caller: &Caller, next: &str) -> Result<ConfirmView> {
    let user = caller.user.id;
    let (has_password, links) =
        app.db.read(move |tx| Ok((accounts::has_password(tx, user)?, oidc::links(tx, user)?))).await?;
    let linked = |id: &str| links.iter().any(|link| link.provider == id);
    Ok(ConfirmView {
        email: caller.user.email.clone(),
        next: local_path(next),
        has_password,
        providers: providers(app).into_iter().filter(|it| linked(&it.id)).collect(),
        ..ConfirmView::default()
    })
}

fn confirm_page(app: &App, caller: &Caller, view: &ConfirmView) -> maud::Markup {
    let viewer = identity::as_viewer(&caller.user);
    confirm::render(&frame(app, "Please confirm it is you", "/profile", Some(&viewer)), view)
}

/// `GET /confirm`
pub async fn confirm(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<ConfirmForm>,
) -> Result<Response, Refusal> {
    let view = confirm_view(&app, &caller, &query.next).await?;
    Ok((StatusCode::OK, Html(confirm_page(&app, &caller, &view).into_string())).into_response())
}

/// `POST /confirm`
pub async fn confirm_now(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Form(form): Form<ConfirmForm>,
) -> Result<Response, Refusal> {
    match recovery::confirm(&app.db, &app.passwords, caller.login()?, form.password).await {
        Ok(()) => Ok(Redirect::to(&local_path(&form.next)).into_response()),
        Err(refusal) => {
            let view = confirm_view(&app, &caller, &form.next).await?;
            Ok(on_form(refusal, |errors, problem| {
                confirm_page(&app, &caller, &ConfirmView { errors, problem, ..view })
            })?)
        }
    }
}
