//! Everybody with an account, the audit log and the queue, for staff, as JSON.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::operations::Problem;
use crate::accounts::people::{self, Filter, Person};
use crate::accounts::{self, Role, Status};
use crate::app::App;
use crate::audit::{self, Event};
use crate::booking::{self, Rules};
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::jobs::{self, DeadJob, Depth};
use crate::mail::Letterhead;
use crate::mentors;
use crate::web::error::Refusal;
use crate::web::extract::{Id, Json, Query, checked_limit, page_of};
use crate::web::identity::{Admin, Caller, Pm};

/// Jobs that were given up on, as many as are shown.
const MOST_DEAD: u32 = 200;

/// Rows of an exported audit log.
const EXPORTED: u32 = 100_000;

/// Which people to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// A part of the name or the address.
    pub q: String,
    /// `mentee`, `mentor`, `pm`, `admin`
    #[param(value_type = Option<String>)]
    pub role: Option<String>,
    /// `active`, `inactive`, `suspended`
    #[param(value_type = Option<String>)]
    pub status: Option<String>,
    /// 1 to 200, 50 unless said otherwise.
    pub limit: Option<u32>,
    /// `nextCursor` of the list before.
    pub cursor: Option<String>,
}

/// People by name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonList {
    /// The people.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Person>,
    /// Asks for the next ones; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Reads one page of people: the verb that the JSON interface and the page share.
pub async fn people_page(app: &App, query: PeopleQuery) -> Result<PersonList> {
    let limit = checked_limit(query.limit)?;
    let cursor = query.cursor.filter(|cursor| !cursor.is_empty());
    let after = cursor.map(|cursor| {
        let (id, name) = cursor.split_once('.').ok_or_else(|| Error::field("cursor", "is not one of ours"))?;
        Ok::<_, Error>((name.to_owned(), id.to_owned()))
    });
    let filter = Filter {
        q: query.q,
        role: query.role.filter(|it| !it.is_empty()).map(|it| it.parse()).transpose()?,
        status: query.status.filter(|it| !it.is_empty()).map(|it| it.parse()).transpose()?,
        after: after.transpose()?,
    };
    let (items, has_more) = page_of(app.db.read(move |tx| people::list(tx, &filter, limit + 1)).await?, limit);
    let last = items.last().filter(|_| has_more);
    let next_cursor = last.map(|person| format!("{}.{}", person.id, person.name.to_ascii_lowercase()));
    Ok(PersonList { items, next_cursor })
}

/// Lists everybody with an account, by name.
#[utoipa::path(get, path = "/api/admin/users", tag = "staff", params(PeopleQuery), responses(
    (status = 200, description = "People by name", body = PersonList),
    (status = 422, description = "A parameter is wrong", body = Problem),
))]
pub async fn list(
    State(app): State<App>,
    _: Pm,
    Query(query): Query<PeopleQuery>,
) -> Result<Json<PersonList>, Refusal> {
    Ok(Json(people_page(&app, query).await?))
}

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// The address to write to.
    pub email: String,
    /// The name.
    pub name: String,
    /// `mentee`, `mentor`, `pm` or `admin`
    #[schema(value_type = String)]
    pub role: Role,
}

/// Invites somebody: the verb that the JSON interface and the page share.
pub async fn invite_with(app: &App, caller: &Caller, ask: Invitation) -> Result<Person> {
    let (actor, inviter, head) = (caller.actor(), caller.user.clone(), Letterhead::of(&app.config));
    app.db
        .write(move |tx| {
            let user = people::invite(tx, &head, &actor, &inviter, &ask.email, &ask.name, ask.role)?;
            mentors::settle_in(tx, &actor, &user)?;
            people::person(tx, user.id)?.ok_or_else(|| Error::not_found("user_unknown", "There is no such person."))
        })
        .await
}

/// Makes an account for somebody and mails them an invitation.
#[utoipa::path(post, path = "/api/admin/users", tag = "staff", request_body = Invitation, responses(
    (status = 201, description = "Invited", body = Object),
    (status = 409, description = "`email_taken`", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn invite(
    State(app): State<App>,
    Admin(caller): Admin,
    Json(ask): Json<Invitation>,
) -> Result<Response, Refusal> {
    Ok((StatusCode::CREATED, Json(invite_with(&app, &caller, ask).await?)).into_response())
}

/// Invites somebody once more who has not come in: the verb that the JSON interface and the page share.
pub async fn invite_again_with(app: &App, caller: &Caller, id: UserId) -> Result<()> {
    let (actor, inviter, head) = (caller.actor(), caller.user.clone(), Letterhead::of(&app.config));
    app.db.write(move |tx| people::invite_again(tx, &head, &actor, &inviter, id)).await
}

/// Mails the invitation once more to somebody who has never signed in.
#[utoipa::path(post, path = "/api/admin/users/{id}/invite", tag = "staff",
    params(("id" = uuid::Uuid, Path, description = "The account")), responses(
    (status = 202, description = "The letter is on its way"),
    (status = 404, description = "`user_unknown`", body = Problem),
    (status = 409, description = "`already_in`, `not_in_use`", body = Problem),
    (status = 429, description = "`too_many_letters`", body = Problem),
))]
pub async fn invite_again(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<UserId>,
) -> Result<StatusCode, Refusal> {
    invite_again_with(&app, &caller, id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// What is to change about an account.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Standing {
    /// `mentee`, `mentor`, `pm` or `admin`
    #[schema(value_type = Option<String>)]
    pub role: Option<Role>,
    /// `active`, `inactive` or `suspended`
    #[schema(value_type = Option<String>)]
    pub status: Option<Status>,
}

/// Changes what somebody may do, or whether their account is in use: the verb that the JSON interface and the page share.
pub async fn change_with(app: &App, caller: &Caller, id: UserId, to: Standing) -> Result<Person> {
    let (actor, by, rules) = (caller.actor(), caller.asker(), Rules::of(&app.config));
    app.db
        .write(move |tx| {
            if to.status.is_some_and(|status| status != Status::Active) {
                booking::cancel_all_of(tx, &rules, &by, id, "The account is not in use any more.")?;
            }
            if people::change(tx, &actor, id, to.role, to.status)? {
                mentors::account_changed(tx, id)?;
                if let Some(user) = accounts::user(tx, id)? {
                    mentors::settle_in(tx, &actor, &user)?;
                }
            }
            people::person(tx, id)?.ok_or_else(|| Error::not_found("user_unknown", "There is no such person."))
        })
        .await
}

/// Changes somebody's role or state, and ends their logins.
#[utoipa::path(patch, path = "/api/admin/users/{id}", tag = "staff", request_body = Standing,
    params(("id" = uuid::Uuid, Path, description = "The account")), responses(
    (status = 200, description = "As it is now", body = Object),
    (status = 404, description = "`user_unknown`", body = Problem),
    (status = 409, description = "`last_admin`", body = Problem),
))]
pub async fn change(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<UserId>,
    Json(to): Json<Standing>,
) -> Result<Json<Person>, Refusal> {
    Ok(Json(change_with(&app, &caller, id, to).await?))
}

/// Which entries of the audit log to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// A kind (`user.role_changed`), or the part before the dot.
    pub kind: String,
    /// The id of who did it.
    pub actor: String,
    /// The id of what it happened to.
    pub entity: String,
    /// From this moment or day on.
    pub from: String,
    /// Before this moment, or to the end of this day.
    pub to: String,
    /// 1 to 200, 50 unless said otherwise.
    pub limit: Option<u32>,
    /// `nextCursor` of the list before.
    pub cursor: String,
}

impl EventQuery {
    fn filter(&self) -> Result<audit::Filter> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let wrong_id = |field| move |_| Error::field(field, "must be an id");
        Ok(audit::Filter {
            kind: given(&self.kind),
            actor: given(&self.actor).map(|it| it.parse().map_err(wrong_id("actor"))).transpose()?,
            entity_id: given(&self.entity),
            from: given(&self.from).map(|it| moment("from", &it, 0)).transpose()?,
            to: given(&self.to).map(|it| moment("to", &it, 1)).transpose()?,
            before_id: given(&self.cursor)
                .map(|it| it.parse().map_err(|_| Error::field("cursor", "must be the nextCursor of the list before")))
                .transpose()?,
        })
    }
}

/// A moment, or a day in UTC, whose end is `days` later.
fn moment(field: &str, text: &str, days: i64) -> Result<Moment> {
    Moment::parse(text)
        .or_else(|| Moment::parse(&format!("{text}T00:00:00Z")).map(|day| day.plus_days(days)))
        .ok_or_else(|| Error::field(field, "must be a day (2030-03-04) or a time (2030-03-04T09:00:00Z)"))
}

/// Entries of the audit log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// The entries, newest first.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Event>,
    /// Asks for older ones; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Reads one page of the audit log: the verb that the JSON interface and the page share.
pub async fn event_page(app: &App, query: &EventQuery) -> Result<EventList> {
    let (limit, filter) = (checked_limit(query.limit)?, query.filter()?);
    let (items, has_more) = page_of(app.db.read(move |tx| audit::entries(tx, &filter, limit + 1)).await?, limit);
    let next_cursor = items.last().filter(|_| has_more).map(|event| event.id.to_string());
    Ok(EventList { items, next_cursor })
}

/// Lists what changed, newest first.
#[utoipa::path(get, path = "/api/admin/events", tag = "staff", params(EventQuery), responses(
    (status = 200, description = "Entries, newest first", body = EventList),
    (status = 422, description = "A parameter is wrong", body = Problem),
))]
pub async fn events(
    State(app): State<App>,
    _: Pm,
    Query(query): Query<EventQuery>,
) -> Result<Json<EventList>, Refusal> {
    Ok(Json(event_page(&app, &query).await?))
}

/// The audit log as a file for spreadsheets; the same filters.
#[utoipa::path(get, path = "/api/admin/events.csv", tag = "staff", params(EventQuery), responses(
    (status = 200, description = "The newest 100,000 entries that fit", content_type = "text/csv"),
    (status = 403, description = "`confirm_first`: type your password once more (`POST /api/auth/confirm`)", body = Problem),
))]
pub async fn events_csv(
    State(app): State<App>,
    Admin(caller): Admin,
    Query(query): Query<EventQuery>,
) -> Result<Response, Refusal> {
    let (filter, actor) = (query.filter()?, caller.actor());
    let file = app
        .db
        .write(move |tx| {
            let file = audit::as_csv(&audit::entries(tx, &filter, EXPORTED)?)?;
            audit::note_export(tx, &actor)?;
            Ok(file)
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit-log.csv\""),
    ];
    Ok((headers, file).into_response())
}

/// How the queue stands.
#[derive(Serialize, ToSchema)]
pub struct Queue {
    /// Jobs by state.
    #[schema(value_type = Object)]
    depth: Depth,
    /// Those that were given up on, newest first.
    #[schema(value_type = Vec<Object>)]
    dead: Vec<DeadJob>,
}

/// How background work stands.
#[utoipa::path(get, path = "/api/admin/jobs", tag = "staff", responses(
    (status = 200, description = "Depths, and what was given up on", body = Queue),
))]
pub async fn queue(State(app): State<App>, _: Pm) -> Result<Json<Queue>, Refusal> {
    let read = app.db.read(|tx| Ok(Queue { depth: jobs::depth(tx)?, dead: jobs::dead(tx, MOST_DEAD)? }));
    Ok(Json(read.await?))
}
