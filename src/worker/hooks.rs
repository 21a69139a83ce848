//! Tells other programs what happens: follows the audit log, says in a letter what a session, a mentor or an
//! account is now, and posts what is due, each hook at its own pace. A receiver that is slow holds up only itself.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Bell;
use crate::accounts;
use crate::audit::{Actor, Event};
use crate::booking::feedback;
use crate::booking::{self, Asker, Person, Session, Status};
use crate::db::{Db, Tx};
use crate::error::{Error, Kind, Result};
use crate::hooks::{self, Post, Round};
use crate::ids::{HookId, MentorId, SessionId, UserId};
use crate::mentors::{self, Mentor};

/// How often it is looked for what is new or due.
const LOOK: Duration = Duration::from_millis(250);

/// How long nothing is tried after the database has failed.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// How long a stop waits for answers that are under way: what was answered and not noted is told again.
const GRACE: Duration = Duration::from_secs(2);

/// One round: the audit log, read on, becomes letters.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn tell(tx: &Tx<'_>) -> Result<Round> {
    hooks::follow(tx, &data)
}

/// Goes on until the bell says that it is over.
pub(super) fn keep_telling(db: &Db, post: &Post, bell: &Bell) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => return tracing::error!(%cause, "no other program is told anything: the thread cannot begin"),
    };
    runtime.block_on(tell_and_post(db, post, bell));
    // A name that is being looked up holds a thread that must not hold up the stop.
    runtime.shutdown_background();
}

async fn tell_and_post(db: &Db, post: &Post, bell: &Bell) {
    let mut tries: JoinSet<Result<bool>> = JoinSet::new();
    let mut under_way: HashMap<tokio::task::Id, HookId> = HashMap::new();
    while !bell.is_over.load(Ordering::SeqCst) {
        match look(db).await {
            Ok(due) => {
                for hook in due {
                    if under_way.values().any(|it| *it == hook) {
                        continue;
                    }
                    let (db, post) = (db.clone(), post.clone());
                    let task = tries.spawn(async move { hooks::post_next(&db, &post, hook).await });
                    under_way.insert(task.id(), hook);
                }
            }
            Err(refusal) => rest(&refusal, bell).await,
        }
        if tries.is_empty() {
            sleep(LOOK).await;
            continue;
        }
        match timeout(LOOK, tries.join_next_with_id()).await {
            Ok(Some(Ok((task, outcome)))) => {
                under_way.remove(&task);
                if let Err(refusal) = outcome {
                    rest(&refusal, bell).await;
                }
            }
            Ok(Some(Err(failure))) => {
                under_way.remove(&failure.id());
                rest(&Error::internal(failure), bell).await;
            }
            Ok(None) | Err(_) => {}
        }
    }
    drop(timeout(GRACE, async { while tries.join_next().await.is_some() {} }).await);
}

/// Says that something is wrong, and leaves it alone for a while.
async fn rest(refusal: &Error, bell: &Bell) {
    tracing::error!(cause = refusal.cause(), "other programs cannot be told what happens: {refusal}");
    let mut left = AFTER_TROUBLE;
    while !left.is_zero() && !bell.is_over.load(Ordering::SeqCst) {
        sleep(LOOK).await;
        left = left.saturating_sub(LOOK);
    }
}

async fn look(db: &Db) -> Result<Vec<HookId>> {
    while db.read(hooks::is_behind).await? && db.write(tell).await?.has_more {}
    db.read(hooks::due).await
}

/// What the thing of an entry is now, as the interface shows it; its id alone where it is no more, or nobody is to see it.
fn data(tx: &Tx<'_>, event: &Event) -> Result<Value> {
    let shown = match event.entity.as_str() {
        "session" => session(tx, event)?,
        "mentor" => mentor(tx, event)?,
        _ => user(tx, event)?,
    };
    Ok(shown.unwrap_or_else(|| json!({ "id": event.entity_id })))
}

fn session(tx: &Tx<'_>, event: &Event) -> Result<Option<Value>> {
    let Ok(id) = event.entity_id.parse::<SessionId>() else { return Ok(None) };
    let staff = Asker { user: UserId::random(), is_staff: true, actor: Actor::nobody("hooks") };
    let session = match booking::session(tx, &staff, id) {
        Ok(session) => session,
        Err(refusal) if refusal.kind == Kind::NotFound => return Ok(None),
        Err(refusal) => return Err(refusal),
    };
    let mut shown = session_as_staff_sees_it(&session);
    let from = &event.change["after"]["from"];
    if event.kind == "session.feedback_given" {
        let said = feedback::of_session(tx, &staff, id)?;
        let said = said.iter().find(|it| from.as_str() == Some(it.from.name()));
        shown["feedback"] = json!(said.map(|it| json!({ "from": it.from, "rating": it.rating })));
    }
    Ok(Some(shown))
}

/// What `GET /api/sessions/{id}` shows, but for the notes: they are between the two.
fn session_as_staff_sees_it(it: &Session) -> Value {
    let is_agreed = matches!(it.status, Status::Booked | Status::Completed | Status::NoShow);
    let person = |id: String, person: &Person| {
        json!({
            "id": id, "userId": person.user, "name": person.name, "image": person.image, "title": person.title,
            "company": person.company,
        })
    };
    json!({
        "id": it.id, "status": it.status, "startsAt": it.starts_at, "endsAt": it.ends_at, "mentorId": it.mentor_id,
        "menteeId": it.mentee_id, "mentor": person(it.mentor_id.to_string(), &it.mentor),
        "mentee": person(it.mentee_id.to_string(), &it.mentee), "slotId": it.slot, "location": it.location,
        "meetingUrl": it.meeting_url.as_ref().filter(|_| is_agreed), "cancelReason": it.cancel_reason,
        "cancelledBy": it.cancelled_by, "noShow": it.no_show_party, "expiresAt": it.expires_at,
        "version": it.version, "createdAt": it.created_at, "updatedAt": it.updated_at,
    })
}

fn mentor(tx: &Tx<'_>, event: &Event) -> Result<Option<Value>> {
    let Ok(id) = event.entity_id.parse::<MentorId>() else { return Ok(None) };
    let Some(mentor) = mentors::mentor(tx, id)? else { return Ok(None) };
    Ok(Some(mentor_as_anybody_sees_them(&mentor)))
}

/// What `GET /api/mentors/{mentorId}` shows, but for the times; of those whom nobody finds, only that it is so.
fn mentor_as_anybody_sees_them(it: &Mentor) -> Value {
    if !it.is_visible() {
        return json!({ "id": it.id, "visible": false });
    }
    let profile = &it.profile;
    let expertise: Vec<&str> = profile.expertise.iter().map(|it| it.area.as_str()).collect();
    json!({
        "id": it.id, "visible": true, "name": it.name, "headline": profile.headline, "bio": profile.bio,
        "company": profile.company, "title": profile.title, "photoUrl": it.photo(),
        "linkedinUrl": profile.linkedin_url, "expertise": expertise, "industries": profile.industries,
        "stages": profile.stages, "languages": profile.languages, "timezone": it.timezone,
        "profileUrl": format!("/mentors/{}", it.id),
    })
}

fn user(tx: &Tx<'_>, event: &Event) -> Result<Option<Value>> {
    let Ok(id) = event.entity_id.parse::<UserId>() else { return Ok(None) };
    let Some(user) = accounts::user(tx, id)? else { return Ok(None) };
    let mentor = mentors::of_user(tx, id)?.map(|mentor| mentor.id);
    Ok(Some(json!({
        "id": user.id, "name": user.name, "role": user.role, "status": user.status, "mentorId": mentor,
    })))
}
