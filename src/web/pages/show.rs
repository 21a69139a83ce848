//! The handlers of the pages: typed input, one verb, a view. How a page looks is its own file's affair.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::mentor::{CardView, DayView, MentorView, ReasonView, SignalView, SlotView, TagView};
use super::moments::{day, hours, zone_label};
use super::picker::FARTHEST_DAYS;
use super::pieces::ProviderView;
use super::search::{AnswerView, Asked, ChoiceView, Outcome, SearchView};
use super::{home, mentor, search, signin};
use crate::accounts;
use crate::app::App;
use crate::booking;
use crate::booking::slots::{self, Slot};
use crate::clock::Moment;
use crate::config::Signup;
use crate::error::{Error, Kind};
use crate::ids::MentorId;
use crate::matching::score::Signal;
use crate::matching::{Ask, Facet, Match, Question, Ranking};
use crate::mentors::{self, Visibility};
use crate::web::assets::HASH;
use crate::web::error::Refusal;
use crate::web::extract::{Form, Id, Query};
use crate::web::identity::{self, SignedIn, Visitor};
use crate::web::layout::{Frame, Viewer, When};
use crate::web::next;

/// Values offered for each filter: the most common ones.
const CHOICES: usize = 24;

pub(super) fn frame<'a>(app: &'a App, title: &'a str, path: &'a str, viewer: Option<&'a Viewer>) -> Frame<'a> {
    Frame { title, path, viewer, program: &app.config.program.name, assets: HASH }
}

/// `GET /`
pub async fn home(State(app): State<App>, login: Option<SignedIn>) -> Response {
    if login.is_some() {
        return Redirect::to("/search").into_response();
    }
    let view = home::HomeView {
        n_mentors: app.matcher.n_visible(),
        is_signup_open: app.config.accounts.signup == Signup::Open,
    };
    Html(home::render(&frame(&app, &app.config.program.name, "/", None), &view).into_string()).into_response()
}

/// What `/signin` may be asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SigninQuery {
    next: String,
    /// Names what has just gone well: `verified`, `password`.
    done: String,
}

/// `GET /signin`
pub async fn signin(State(app): State<App>, login: Option<SignedIn>, Query(query): Query<SigninQuery>) -> Response {
    let next = next::local_path(&query.next);
    if login.is_some() {
        return Redirect::to(&next).into_response();
    }
    let notice = match query.done.as_str() {
        "verified" => Some("Your address is confirmed. Sign in and you are there.".to_owned()),
        "password" => Some("Your new password is set. Sign in with it.".to_owned()),
        "gone" => Some("Your account is deleted. Thank you for having been here.".to_owned()),
        _ => None,
    };
    signin_page_with(&app, String::new(), next, None, notice, StatusCode::OK)
}

/// The places that people may sign in with.
pub(super) fn providers(app: &App) -> Vec<ProviderView> {
    app.providers.names().map(|(id, name)| ProviderView { id: id.to_owned(), name: name.to_owned() }).collect()
}

/// The sign-in page, after a failure with the reason.
pub fn signin_page(app: &App, email: String, next: String, error: Option<String>, status: StatusCode) -> Response {
    signin_page_with(app, email, next, error, None, status)
}

fn signin_page_with(
    app: &App,
    email: String,
    next: String,
    error: Option<String>,
    notice: Option<String>,
    status: StatusCode,
) -> Response {
    let demo = app.demo.iter().flat_map(|demo| demo.accounts()).map(|account| signin::DemoAccount {
        role: account.role.to_owned(),
        email: account.email.to_owned(),
        password: account.password.to_owned(),
    });
    let view = signin::SigninView {
        email,
        next,
        error,
        notice,
        providers: providers(app),
        demo: demo.collect(),
        is_signup_open: app.config.accounts.signup == Signup::Open,
    };
    (status, Html(signin::render(&frame(app, "Sign in", "/signin", None), &view).into_string())).into_response()
}

/// The sign-in form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SigninForm {
    email: String,
    password: String,
    next: String,
}

/// `POST /signin`
pub async fn sign_in(
    State(app): State<App>,
    Visitor(device): Visitor,
    headers: HeaderMap,
    Form(form): Form<SigninForm>,
) -> Result<Response, Refusal> {
    let next = next::local_path(&form.next);
    let outcome =
        accounts::sign_in(&app.db, &app.passwords, identity::rules(&app), &form.email, form.password, device).await;
    match outcome {
        Ok((_, secret)) => {
            identity::end_former(&app, &headers).await?;
            Ok(([(header::SET_COOKIE, identity::set_cookie(&app, &secret))], Redirect::to(&next)).into_response())
        }
        Err(refusal) if matches!(refusal.kind, Kind::SignedOut | Kind::Forbidden | Kind::TooMany) => {
            let status = crate::web::error::status(refusal.kind);
            Ok(signin_page(&app, form.email, next, Some(refusal.message.to_string()), status))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// `POST /signout`
pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<Response, Refusal> {
    identity::end_former(&app, &headers).await?;
    Ok(([(header::SET_COOKIE, identity::clear_cookie(&app))], Redirect::to("/signin")).into_response())
}

/// `GET /search`
pub async fn search(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let asked = Asked::read(query.as_deref().unwrap_or_default());
    let viewer = identity::as_viewer(&caller.user);
    let zone = caller.user.timezone;
    let (outcome, status) = match &asked.question {
        None => (Outcome::Start, StatusCode::OK),
        Some(question) => match ask(&asked, question) {
            Err(refusal) if refusal.kind == Kind::Invalid => {
                (Outcome::Refused(words(&refusal)), StatusCode::UNPROCESSABLE_ENTITY)
            }
            Err(refusal) => return Err(refusal.into()),
            Ok(ask) => (Outcome::Answered(answer_view(&app.matcher.answer(ask).await?, &zone)), StatusCode::OK),
        },
    };
    let title = asked
        .question
        .as_ref()
        .filter(|it| !it.trim().is_empty())
        .map_or_else(|| "Find a mentor".to_owned(), |question| question.chars().take(60).collect());
    let view = SearchView {
        industries: choices(&app, Facet::Industry),
        stages: choices(&app, Facet::Stage),
        expertise: choices(&app, Facet::Expertise),
        examples: EXAMPLES.iter().map(|it| (*it).to_owned()).collect(),
        zone,
        asked,
        outcome,
    };
    Ok((status, Html(search::render(&frame(&app, &title, "/search", Some(&viewer)), &view).into_string()))
        .into_response())
}

/// Shown before the first question: how one may write here, from two words to a story.
const EXAMPLES: &[&str] = &[
    "Help with fundraising",
    "How do I decide what to charge for a pilot?",
    "People sign up, look around once and never come back",
    "First sales hire for a B2B start-up",
];

fn ask(asked: &Asked, question: &str) -> Result<Ask, Error> {
    Ask::check(Question {
        query: question.to_owned(),
        industries: asked.industries.clone(),
        stages: asked.stages.clone(),
        expertise: asked.expertise.clone(),
        limit: u32::try_from(asked.n_shown).ok(),
        available_within_days: asked.within_days.map(u32::from),
        exact: asked.is_exact,
        min_score: None,
    })
}

fn words(refusal: &Error) -> String {
    match refusal.fields.get("query") {
        Some(problem) => format!("Your question {problem}."),
        None => format!("{}.", refusal.message),
    }
}

fn choices(app: &App, facet: Facet) -> Vec<ChoiceView> {
    let values = app.matcher.values(facet, CHOICES);
    values.into_iter().map(|(value, n_mentors)| ChoiceView { value, n_mentors }).collect()
}

fn answer_view(ranking: &Ranking, zone: &str) -> AnswerView {
    AnswerView {
        n_relevant: ranking.count,
        n_fitting: ranking.n_fitting,
        cards: ranking.matches.iter().map(|it| card_view(it, zone)).collect(),
        near_misses: ranking.near_misses.iter().map(|it| card_view(it, zone)).collect(),
        corrected: ranking.corrected.clone(),
        degraded: ranking.degraded.iter().map(|part| degraded(part).to_owned()).collect(),
    }
}

fn degraded(part: &str) -> &'static str {
    match part {
        "keyword" => "The word index is being rebuilt; mentors are found by meaning alone for the moment.",
        _ => "Some profiles are still being read; answers will be fuller in a moment.",
    }
}

fn card_view(it: &Match, zone: &str) -> CardView {
    let card = &it.card;
    let is_matched = |tag: &str| it.reasons.iter().any(|reason| reason.kind == "expertise" && reason.text == tag);
    CardView {
        id: card.id.to_string(),
        name: card.name.clone(),
        photo_url: card.photo_url.clone(),
        title: card.title.clone(),
        company: card.company.clone(),
        headline: card.headline.clone(),
        score: it.score.shown(),
        reasons: it
            .reasons
            .iter()
            .map(|reason| ReasonView {
                kind: reason.kind.to_owned(),
                text: reason.text.clone(),
                matched: reason.matched.clone(),
            })
            .collect(),
        tags: card.expertise.iter().map(|tag| TagView { text: tag.clone(), is_matched: is_matched(tag) }).collect(),
        times: it.slots.iter().map(|slot| when(slot.starts_at, zone, "%a %-d %b, %H:%M")).collect(),
        signals: it
            .score
            .parts()
            .map(|part| SignalView {
                name: part.signal.name().to_owned(),
                value: part.value,
                weight: part.weight,
                points: part.points(),
                // Somebody unrated counts as middling, which nobody has said of them.
                note: (part.signal == Signal::Rating && it.n_ratings == 0).then_some("none yet"),
            })
            .collect(),
    }
}

pub(super) fn when(moment: Moment, zone: &str, format: &str) -> When {
    let zone: chrono_tz::Tz = zone.parse().unwrap_or(chrono_tz::UTC);
    When { iso: moment.to_string(), label: moment.utc().with_timezone(&zone).format(format).to_string() }
}

/// What `/mentors/{id}` may be asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MentorQuery {
    from: Option<String>,
    /// The day whose times are shown.
    day: String,
    /// The zone that times are shown in.
    tz: String,
}

/// `GET /mentors/{id}`
pub async fn mentor(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    headers: HeaderMap,
    Id(id): Id<MentorId>,
    Query(query): Query<MentorQuery>,
) -> Result<Response, Refusal> {
    let (now, user) = (app.db.clock().now(), caller.user.id);
    let (card, _) = app
        .matcher
        .visible_card(id, now)
        .ok_or_else(|| Error::not_found("mentor_unknown", "This mentor is not here, or no longer."))?;
    // The very slots that booking would give, not the roster's.
    let read = app.db.read(move |tx| {
        let Some(mentor) = mentors::mentor(tx, id)? else { return Ok((false, false, None, Vec::new())) };
        let open = slots::bookable(tx, mentor.number, Some(user), tx.now(), tx.now().plus_days(FARTHEST_DAYS))?;
        let weekly = booking::hours::hours(tx, mentor.number)?;
        let ahead = (!weekly.rules.is_empty()).then_some(weekly.window_days);
        Ok((mentor.user == user, mentor.profile.visibility == Visibility::Limited, ahead, open))
    });
    let (is_own, answers_requests, opens_ahead_days, open) = read.await?;
    let viewer_zone = super::booking::chosen_zone(&query.tz, &caller);
    let view = MentorView {
        id: id.to_string(),
        name: card.name.clone(),
        photo_url: card.photo_url.clone(),
        headline: card.headline.clone(),
        title: card.title.clone(),
        company: card.company.clone(),
        bio: card.bio.clone(),
        expertise: card.expertise.clone(),
        industries: card.industries.clone(),
        stages: card.stages.clone(),
        languages: card.languages.clone(),
        zone: card.timezone.clone(),
        local_now: when(now, &card.timezone, "%H:%M"),
        days: days(&open, &viewer_zone),
        opens_ahead_days,
        chosen_day: query.day,
        zone_label: zone_label(&viewer_zone, now),
        is_own,
        answers_requests,
        paused_until: card.paused_until.filter(|it| *it > now).map(|it| when(it, &viewer_zone, "%-d %B %Y").label),
        viewer_zone,
        back: query.from.or_else(|| referring_search(&headers)),
    };
    let viewer = identity::as_viewer(&caller.user);
    let path = format!("/mentors/{id}");
    Ok(Html(mentor::render(&frame(&app, &card.name, &path, Some(&viewer)), &view).into_string()).into_response())
}

/// Path and query of the search this page was reached from. The page takes only `/search` from it.
fn referring_search(headers: &HeaderMap) -> Option<String> {
    let referer = headers.get(header::REFERER)?.to_str().ok()?;
    let (_, rest) = referer.split_once("://")?;
    rest.find('/').map(|at| rest[at..].to_owned())
}

fn days(slots: &[Slot], zone: &str) -> Vec<DayView> {
    let mut days: Vec<DayView> = Vec::new();
    for slot in slots {
        let day = day(slot.starts_at, zone);
        let slot_view = SlotView {
            id: slot.id.to_string(),
            when: hours(slot.starts_at, slot.ends_at, zone),
            capacity: slot.capacity,
            n_remaining: slot.capacity.saturating_sub(slot.n_taken),
        };
        match days.last_mut().filter(|last| last.day.iso == day.iso) {
            Some(last) => last.slots.push(slot_view),
            None => days.push(DayView { day, slots: vec![slot_view] }),
        }
    }
    days
}
