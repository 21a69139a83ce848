//! The program's books for staff: a kind of what the program owns, as a file.

use std::fs::File;
use std::future::Future;
use std::io::{self, BufWriter, Read, Seek};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde::Deserialize;
use tokio::task::{JoinHandle, spawn_blocking};
use utoipa::IntoParams;

use super::operations::Problem;
use crate::app::App;
use crate::books::{self, Kind};
use crate::error::{Error, OrInternal, Result};
use crate::sync::Format;
use crate::web::error::Refusal;
use crate::web::extract::{Id, Query};
use crate::web::identity::Pm;

/// Bytes that are read and sent at a time.
const CHUNK: usize = 64 * 1024;

/// How the file is to be written.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct BookQuery {
    /// `csv` or `jsonl`; `csv` unless said otherwise.
    format: Option<String>,
}

/// A kind of what the program owns as a file that `tandem import` takes: all of it, as it stands at one moment.
#[utoipa::path(get, path = "/api/admin/export/{kind}", tag = "staff", params(
    ("kind" = String, Path, description = "`mentors`, `mentees`, `hours`, `availability`, `sessions` or `feedback`"),
    BookQuery,
), responses(
    (status = 200, description = "The file", content_type = "text/csv"),
    (status = 403, description = "`confirm_first`: type your password once more (`POST /api/auth/confirm`)", body = Problem),
    (status = 404, description = "No such kind", body = Problem),
    (status = 422, description = "A parameter is wrong", body = Problem),
))]
pub async fn export(
    State(app): State<App>,
    Pm(caller): Pm,
    Id(kind): Id<String>,
    Query(query): Query<BookQuery>,
) -> Result<Response, Refusal> {
    let kind =
        Kind::from_name(&kind).ok_or_else(|| Error::not_found("kind_unknown", "There is no such kind of file."))?;
    let (format, ending, media_type) = match query.format.as_deref() {
        None | Some("csv") => (Format::Csv, "csv", "text/csv; charset=utf-8"),
        Some("jsonl") => (Format::JsonLines, "jsonl", "application/x-ndjson"),
        Some(_) => return Err(Error::field("format", "must be csv or jsonl").into()),
    };
    let directory = app.db.directory().to_owned();
    // Written to a file without a name first: however slowly the caller takes it, the database waits for nobody.
    let spooled = app.db.read(move |tx| {
        let mut file = tempfile::tempfile_in(&directory).or_internal("making a file for an export")?;
        let n_lines = books::export(tx, kind, format, BufWriter::new(&mut file), || ())?;
        let length = file.stream_position().or_internal("writing an export")?;
        file.rewind().or_internal("writing an export")?;
        Ok((file, length, n_lines))
    });
    let (file, length, n_lines) = spooled.await?;
    let actor = caller.actor();
    app.db.write(move |tx| books::note_export(tx, &actor, kind, n_lines)).await?;
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.{ending}\"", kind.name())),
    ];
    Ok((headers, Body::from_stream(Chunks(Some(Chunks::read(file))))).into_response())
}

/// A file a piece at a time, each read on a blocking thread when the last is sent.
struct Chunks(Option<Reading>);

/// The next piece, and the file to go on with.
type Reading = JoinHandle<io::Result<(File, Vec<u8>)>>;

impl Chunks {
    fn read(mut file: File) -> Reading {
        spawn_blocking(move || {
            let mut bytes = vec![0; CHUNK];
            let n_read = file.read(&mut bytes)?;
            bytes.truncate(n_read);
            Ok((file, bytes))
        })
    }
}

impl Stream for Chunks {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(reading) = self.0.as_mut() else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        self.0 = None;
        Poll::Ready(match read.map_err(io::Error::other).flatten() {
            Ok((_, bytes)) if bytes.is_empty() => None,
            Ok((file, bytes)) => {
                self.0 = Some(Self::read(file));
                Some(Ok(bytes))
            }
            Err(cause) => Some(Err(cause)),
        })
    }
}
