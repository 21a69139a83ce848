//! The handlers of files of people: one is sent, looked through on a thread that may block, shown, and taken in
//! when its owner says so.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::admin_import::{self, KINDS, LineView, ReportView, SendView, StageView, UploadView};
use super::arriving::on_form;
use super::fields::Errors;
use super::staff::page;
use crate::app::App;
use crate::error::{Error, Kind as ErrorKind, OrInternal, Result};
use crate::sync::uploads::{LIFE_SECONDS, Stage, Upload};
use crate::sync::{self, Format, Kind, Outcome, Report};
use crate::web::error::{Refusal, told};
use crate::web::extract::{Id, Query};
use crate::web::identity::{Caller, Pm};

/// The largest file, in bytes.
const LARGEST_FILE: usize = 20 * 1024 * 1024;

/// The largest body: the file and, from a form, what stands around it.
pub const BODY_LIMIT: usize = LARGEST_FILE + 64 * 1024;

/// Lines told one by one, and lines left out that are named.
const SHOWN: usize = 200;

/// Seconds after which a page that waits looks again.
const REFRESH: HeaderValue = HeaderValue::from_static("2");

/// What the page says it has just done.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    done: String,
}

fn drawn(app: &App, caller: &Caller, view: &SendView) -> maud::Markup {
    page(app, caller, "Import people", "/admin/import", |frame| admin_import::render(frame, view))
}

/// `GET /admin/import`
pub async fn form(State(app): State<App>, Pm(caller): Pm, Query(query): Query<Done>) -> Response {
    let notice = (query.done == "discarded").then(|| "The file is gone; nothing was changed.".to_owned());
    let view = SendView { notice, kind: KINDS[0].0.to_owned(), ..SendView::default() };
    Html(drawn(&app, &caller, &view).into_string()).into_response()
}

/// What a form with a file said.
#[derive(Default)]
struct Sent {
    kind: String,
    file: Option<(String, NamedTempFile)>,
}

fn too_large() -> Error {
    Error::too_large("A file may have 20 MiB at most.")
}

fn unreadable(cause: MultipartError) -> Error {
    if cause.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large();
    }
    Error::malformed("bad_form", "The form cannot be read.")
}

/// Writes a field into a file of its own, piece by piece.
async fn written(app: &App, field: &mut Field<'_>) -> Result<NamedTempFile> {
    let mut file = app.uploads.blank()?;
    let mut n_bytes = 0;
    while let Some(piece) = field.chunk().await.map_err(unreadable)? {
        n_bytes += piece.len();
        if n_bytes > LARGEST_FILE {
            return Err(too_large());
        }
        file.write_all(&piece).or_internal("writing an upload")?;
    }
    if n_bytes == 0 {
        return Err(Error::field("file", "must be chosen, and must hold something"));
    }
    Ok(file)
}

async fn sent(app: &App, request: Request) -> Result<Sent, (String, Error)> {
    let mut sent = Sent::default();
    let form = Multipart::from_request(request, app).await;
    let Ok(mut form) = form else {
        return Err((sent.kind, Error::field("file", "must be sent with the form")));
    };
    loop {
        let field = form.next_field().await.map_err(unreadable);
        let mut field = match field {
            Ok(Some(field)) => field,
            Ok(None) => return Ok(sent),
            Err(refusal) => return Err((sent.kind, refusal)),
        };
        let outcome = match field.name() {
            Some("kind") => field.text().await.map_err(unreadable).map(|kind| sent.kind = kind),
            Some("file") => {
                let name = field.file_name().unwrap_or_default().to_owned();
                written(app, &mut field).await.map(|file| sent.file = Some((name, file)))
            }
            _ => Ok(()),
        };
        if let Err(refusal) = outcome {
            return Err((sent.kind, refusal));
        }
    }
}

fn kind_of(name: &str) -> Result<Kind> {
    match name {
        "mentors" => Ok(Kind::Mentors),
        "mentees" => Ok(Kind::Mentees),
        _ => Err(Error::field("kind", "must be mentors or mentees")),
    }
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Mentors => "mentors",
        Kind::Mentees => "mentees",
    }
}

fn format_of(name: &str) -> Result<Format> {
    sync::format_of(Path::new(name)).map_err(|_| Error::field("file", "must be a .csv or a .jsonl file"))
}

fn keep(app: &App, caller: &Caller, sent: Sent) -> Result<Uuid> {
    let kind = kind_of(&sent.kind)?;
    let (name, file) = sent.file.ok_or_else(|| Error::field("file", "must be chosen, and must hold something"))?;
    app.uploads.keep(file, caller.user.id, &name, format_of(&name)?, kind, app.db.clock().now())
}

/// `POST /admin/import`
pub async fn send(State(app): State<App>, Pm(caller): Pm, request: Request) -> Result<Response, Refusal> {
    let (kind, outcome) = match sent(&app, request).await {
        Ok(sent) => (sent.kind.clone(), keep(&app, &caller, sent)),
        Err((kind, refusal)) => (kind, Err(refusal)),
    };
    match outcome {
        Ok(id) => {
            let (uploads, db) = (app.uploads.clone(), app.db.clone());
            tokio::task::spawn_blocking(move || uploads.check(&db, id));
            let (uploads, db) = (app.uploads.clone(), app.db.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(LIFE_SECONDS.unsigned_abs() + 1)).await;
                uploads.sweep(db.clock().now());
            });
            Ok(Redirect::to(&format!("/admin/import/{id}")).into_response())
        }
        Err(refusal) if refusal.kind == ErrorKind::TooLarge => {
            let errors = Errors::from([("file".to_owned(), "must not be larger than 20 MiB".to_owned())]);
            let markup = drawn(&app, &caller, &SendView { kind, errors, ..SendView::default() });
            Ok(told(refusal, |status| (status, Html(markup.into_string())).into_response()))
        }
        Err(refusal) => Ok(on_form(refusal, |errors, problem| {
            drawn(&app, &caller, &SendView { notice: None, kind, errors, problem })
        })?),
    }
}

fn report_view(report: &Report) -> ReportView {
    let line = |row: &sync::Row| LineView {
        line: row.line,
        about: row.about.clone(),
        outcome: match row.outcome {
            Outcome::New => "New",
            Outcome::Changed => "Changed",
            Outcome::Unchanged => "Unchanged",
            Outcome::Refused => "Left out",
        },
        problem: row.problem.clone(),
    };
    ReportView {
        n_read: report.read,
        n_new: report.created,
        n_changed: report.changed.saturating_sub(report.created),
        n_unchanged: report.unchanged,
        n_refused: report.refused,
        refused: report.errors.iter().take(SHOWN).map(|it| (it.line, it.problem.clone())).collect(),
        unknown: report.unknown_fields.iter().take(SHOWN).cloned().collect(),
        lines: report.rows.iter().take(SHOWN).map(line).collect(),
    }
}

fn upload_view(upload: Upload) -> UploadView {
    UploadView {
        id: upload.id.to_string(),
        name: upload.name,
        kind: kind_name(upload.kind).to_owned(),
        stage: match upload.stage {
            Stage::Checking => StageView::Checking,
            Stage::Ready(report) => StageView::Ready(report_view(&report)),
            Stage::Running(n) => StageView::Running(n),
            Stage::Done(report) => StageView::Done(report_view(&report)),
            Stage::Failed(problem) => StageView::Failed(problem),
        },
    }
}

/// `GET /admin/import/{id}`
pub async fn show(State(app): State<App>, Pm(caller): Pm, Id(id): Id<Uuid>) -> Result<Response, Refusal> {
    let view = upload_view(app.uploads.upload(id, caller.user.id, app.db.clock().now())?);
    let is_waiting = matches!(view.stage, StageView::Checking | StageView::Running(_));
    let drawn =
        page(&app, &caller, "Import people", "/admin/import", |frame| admin_import::render_upload(frame, &view));
    let mut response = Html(drawn.into_string()).into_response();
    if is_waiting {
        // Without a script, this is how a page looks again by itself.
        response.headers_mut().insert(header::REFRESH, REFRESH);
    }
    Ok(response)
}

/// `POST /admin/import/{id}`
pub async fn take_in(State(app): State<App>, Pm(caller): Pm, Id(id): Id<Uuid>) -> Result<Redirect, Refusal> {
    if app.uploads.claim(id, caller.user.id, app.db.clock().now())? {
        let (uploads, db, actor) = (app.uploads.clone(), app.db.clone(), caller.actor());
        tokio::task::spawn_blocking(move || uploads.take_in(&db, &actor, id));
    }
    Ok(Redirect::to(&format!("/admin/import/{id}")))
}

/// `POST /admin/import/{id}/discard`
pub async fn discard(State(app): State<App>, Pm(caller): Pm, Id(id): Id<Uuid>) -> Result<Redirect, Refusal> {
    app.uploads.discard(id, caller.user.id, app.db.clock().now())?;
    Ok(Redirect::to("/admin/import?done=discarded"))
}
