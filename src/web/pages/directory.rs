//! The handlers of the list of mentors: what it shows, and one change to all that are ticked.

use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::admin_mentors::{self, Asked, BulkView, DEEDS, LineView, MentorsView, ReportView};
use super::arriving::on_form;
use super::moments::{start_of_day, zone_label};
use super::pieces::words;
use super::show::when;
use super::staff::page;
use crate::app::App;
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::ids::MentorId;
use crate::mentors::Visibility;
use crate::mentors::bulk::{self, Deed, Former, Outcome};
use crate::mentors::directory::{self, Filter, Line, Sort, State as Standing};
use crate::mentors::profiles::Asker;
use crate::web::error::Refusal;
use crate::web::extract::Form;
use crate::web::identity::{Caller, Pm};
use crate::web::next::local_path;

/// Mentors on a page.
const LISTED: u32 = 50;

/// Tags shown of each.
const TAGS: usize = 4;

fn visibility_of(name: &str) -> Option<Visibility> {
    [Visibility::Public, Visibility::Limited, Visibility::Private].into_iter().find(|it| it.name() == name)
}

fn filter_of(asked: &Asked) -> Filter {
    Filter {
        q: asked.q.chars().take(200).collect(),
        state: Standing::ALL.into_iter().find(|it| it.name() == asked.state),
        visibility: visibility_of(&asked.visibility),
        tag: Some(asked.tag.clone()).filter(|tag| !tag.is_empty()),
        is_from_record: Some(asked.origin.as_str()).filter(|it| !it.is_empty()).map(|it| it == "record"),
        sort: Sort::ALL.into_iter().find(|it| it.name() == asked.sort).unwrap_or_default(),
    }
}

fn line_view(line: Line, now: Moment, zone: &str) -> LineView {
    let pause = line.paused_until.filter(|until| *until > now);
    let state = match (line.has_active_account, line.is_active, pause) {
        (false, _, _) => "closed",
        (_, false, _) => "inactive",
        (_, _, Some(_)) => "paused",
        _ => "active",
    };
    let n_more_tags = line.areas.len().saturating_sub(TAGS);
    LineView {
        id: line.id.to_string(),
        name: line.name,
        email: line.email,
        photo_url: line.photo,
        headline: line.headline,
        state,
        paused_until: pause.map(|until| when(until, zone, "%-d %b %Y")),
        visibility: line.visibility.name(),
        tags: line.areas.into_iter().take(TAGS).collect(),
        n_more_tags,
        n_sessions: line.n_sessions,
        next_free: line.next_free_at.map(|at| when(at, zone, "%a %-d %b, %H:%M")),
        is_from_record: line.is_from_record,
        is_ticked: false,
    }
}

async fn stored(app: &App, caller: &Caller, query: &str) -> Result<MentorsView> {
    let asked = Asked::read(query);
    let filter = filter_of(&asked);
    let offset = asked.page.max(1).saturating_sub(1).saturating_mul(LISTED);
    let read = app.db.read(move |tx| Ok((directory::lines(tx, &filter, LISTED, offset)?, tx.now())));
    let ((lines, n_all), now) = read.await?;
    let zone = &caller.user.timezone;
    Ok(MentorsView {
        asked,
        mentors: lines.into_iter().map(|line| line_view(line, now, zone)).collect(),
        n_all,
        n_pages: n_all.div_ceil(LISTED),
        zone: zone_label(zone, now),
        ..MentorsView::default()
    })
}

fn drawn(app: &App, caller: &Caller, view: &MentorsView) -> maud::Markup {
    page(app, caller, "Mentors", "/admin/mentors", |frame| admin_mentors::render(frame, view))
}

/// `GET /admin/mentors`
pub async fn list(State(app): State<App>, Pm(caller): Pm, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let view = stored(&app, &caller, &query.unwrap_or_default()).await?;
    Ok(Html(drawn(&app, &caller, &view).into_string()).into_response())
}

/// What is to be done, and to whom.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BulkForm {
    id: Vec<String>,
    deed: String,
    until: String,
    tag: String,
    next: String,
    /// To undo: `id` or `id:what it was`.
    was: Vec<String>,
}

impl BulkForm {
    fn deed(&self, zone: &str) -> Result<Deed> {
        Ok(match self.deed.as_str() {
            "activate" => Deed::Active(true),
            "deactivate" => Deed::Active(false),
            "pause" => match start_of_day("until", self.until.trim(), zone)? {
                Some(until) => Deed::Pause(Some(until)),
                None => return Err(Error::field("until", "must be a day that is still to come")),
            },
            "unpause" => Deed::Pause(None),
            "tag" => Deed::AddTag(self.tag.clone()),
            name => match visibility_of(name) {
                Some(visibility) => Deed::Visibility(visibility),
                None => return Err(Error::field("deed", "must be chosen: what is to be done?")),
            },
        })
    }

    fn ids(&self) -> Result<Vec<MentorId>> {
        let id = |text: &String| text.parse().map_err(|_| Error::field("id", "must be of mentors in the list"));
        self.id.iter().map(id).collect()
    }

    /// Those to be put back, each with what they were.
    fn formers(&self) -> Result<Vec<(MentorId, Former)>> {
        let wrong = || Error::field("was", "cannot be read");
        let former = |text: &String| {
            let (id, was) = text.split_once(':').map_or((text.as_str(), None), |(id, was)| (id, Some(was)));
            let former = match was {
                None => Former::Opposite,
                Some("") => Former::Paused(None),
                Some(was) => match visibility_of(was) {
                    Some(visibility) => Former::Visible(visibility),
                    None => Former::Paused(Some(Moment::from_unix(was.parse().map_err(|_| wrong())?))),
                },
            };
            Ok((id.parse().map_err(|_| wrong())?, former))
        };
        self.was.iter().map(former).collect()
    }

    fn undo(&self, outcome: &Outcome) -> Vec<(&'static str, String)> {
        if outcome.changed.is_empty() {
            return Vec::new();
        }
        let was = |(id, former): &(MentorId, Former)| match former {
            Former::Opposite => id.to_string(),
            Former::Paused(until) => {
                format!("{id}:{}", until.map_or_else(String::new, |until| until.unix().to_string()))
            }
            Former::Visible(visibility) => format!("{id}:{}", visibility.name()),
        };
        let said = [("deed", &self.deed), ("until", &self.until), ("tag", &self.tag)];
        let said = said.into_iter().map(|(name, value)| (name, value.clone()));
        said.chain(outcome.changed.iter().map(|it| ("was", was(it)))).collect()
    }

    /// `3 mentors: off the list.`
    fn sentence(&self, n_changed: usize) -> String {
        let who = admin_mentors::counted(u32::try_from(n_changed).unwrap_or(u32::MAX), "mentor");
        let done = match self.deed.as_str() {
            "activate" => "put into use".to_owned(),
            "deactivate" => "taken off the list".to_owned(),
            "pause" => format!("paused until {}", self.until),
            "unpause" => "back from the pause".to_owned(),
            "tag" => format!("given the tag “{}”", self.tag.trim()),
            name => words(DEEDS, name).to_lowercase(),
        };
        format!("{who}: {done}.")
    }

    /// The list that the form stood in.
    fn back(&self) -> String {
        let next = local_path(&self.next);
        if next.split('?').next() == Some("/admin/mentors") { next } else { "/admin/mentors".to_owned() }
    }
}

fn reported(app: &App, caller: &Caller, view: &ReportView) -> Response {
    let drawn = page(app, caller, "Mentors", "/admin/mentors", |frame| admin_mentors::report(frame, view));
    Html(drawn.into_string()).into_response()
}

/// `POST /admin/mentors/bulk`
pub async fn change(State(app): State<App>, Pm(caller): Pm, Form(form): Form<BulkForm>) -> Result<Response, Refusal> {
    let (actor, asker) = (caller.actor(), Asker::of(&caller.user));
    let outcome = match form.deed(&caller.user.timezone).and_then(|deed| Ok((deed, form.ids()?))) {
        Ok((deed, ids)) => app.db.write(move |tx| bulk::apply(tx, &actor, &asker, &ids, &deed)).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(outcome) => {
            let view = ReportView {
                done: form.sentence(outcome.changed.len()),
                names: outcome.names.clone(),
                n_same: outcome.n_same,
                undo: form.undo(&outcome),
                left_out: outcome.left_out,
                next: form.back(),
            };
            Ok(reported(&app, &caller, &view))
        }
        Err(refusal) => {
            let back = form.back();
            let mut view = stored(&app, &caller, back.split_once('?').map_or("", |(_, query)| query)).await?;
            for line in &mut view.mentors {
                line.is_ticked = form.id.contains(&line.id);
            }
            Ok(on_form(refusal, |errors, problem| {
                let BulkForm { deed, until, tag, .. } = form;
                view.bulk = BulkView { deed, until, tag, errors, problem };
                drawn(&app, &caller, &view)
            })?)
        }
    }
}

/// `POST /admin/mentors/bulk/undo`
pub async fn take_back(
    State(app): State<App>,
    Pm(caller): Pm,
    Form(form): Form<BulkForm>,
) -> Result<Response, Refusal> {
    let (actor, asker) = (caller.actor(), Asker::of(&caller.user));
    let (deed, formers) = (form.deed(&caller.user.timezone)?, form.formers()?);
    let outcome = app.db.write(move |tx| bulk::take_back(tx, &actor, &asker, &deed, &formers)).await?;
    let who = admin_mentors::counted(u32::try_from(outcome.changed.len()).unwrap_or(u32::MAX), "mentor");
    let view = ReportView {
        done: format!("Undone: {who} as before."),
        names: outcome.names,
        n_same: outcome.n_same,
        left_out: outcome.left_out,
        undo: Vec::new(),
        next: form.back(),
    };
    Ok(reported(&app, &caller, &view))
}
