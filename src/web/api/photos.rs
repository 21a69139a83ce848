//! Pictures in and out. What goes out was encoded here, and is served with headers under which even
//! something else than a picture could do nothing.

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Path, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::profiles::Asking;
use crate::accounts::photos::LARGEST_UPLOAD;
use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::mentors::profiles;
use crate::web::error::Refusal;
use crate::web::extract::{Id, Json, body};

/// The largest body of an upload: the picture and, from a form, what stands around it.
pub const BODY_LIMIT: usize = LARGEST_UPLOAD + 64 * 1024;

/// Where the picture is now.
#[derive(Serialize, ToSchema)]
pub struct Uploaded {
    #[schema(example = "/photos/7c9e6679-7425-40de-944b-e07fc1f90ae7/0f1e2d3c4b5a69788796a5b4c3d2e1f0")]
    image: String,
}

/// A picture as the whole body of a request.
pub struct Picture(Vec<u8>);

impl FromRequest<App> for Picture {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("image/") {
            return Err(Error::unsupported("Please send the picture itself, with its own Content-Type.").into());
        }
        Ok(Self(body(request, app).await?.to_vec()))
    }
}

/// Takes a picture for a profile: JPEG, PNG or WebP, 5 MiB and 6000 pixels a side at most.
#[utoipa::path(put, path = "/api/profiles/{userId}/photo", tag = "profiles",
    request_body(content = Vec<u8>, content_type = "image/*"),
    params(("userId" = uuid::Uuid, Path, description = "The person's account")), responses(
    (status = 200, description = "The picture's new address", body = Uploaded),
    (status = 403, description = "`forbidden`: somebody else's", body = super::operations::Problem),
    (status = 413, description = "More than 5 MiB", body = super::operations::Problem),
    (status = 422, description = "`photo` is no picture, or too large a one", body = super::operations::Problem),
))]
pub async fn upload(
    State(app): State<App>,
    asking: Asking,
    Id(user): Id<UserId>,
    Picture(picture): Picture,
) -> Result<Json<Uploaded>, Refusal> {
    Ok(Json(Uploaded { image: put(&app, asking, user, picture).await? }))
}

/// Takes the picture of a profile away; one that is not there is no error.
#[utoipa::path(delete, path = "/api/profiles/{userId}/photo", tag = "profiles",
    params(("userId" = uuid::Uuid, Path, description = "The person's account")), responses(
    (status = 204, description = "There is none now"),
    (status = 403, description = "`forbidden`: somebody else's", body = super::operations::Problem),
))]
pub async fn remove(State(app): State<App>, asking: Asking, Id(user): Id<UserId>) -> Result<StatusCode, Refusal> {
    take_away(&app, asking, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /profile/photo`: the form on one's own profile page.
pub async fn upload_form(State(app): State<App>, asking: Asking, request: Request) -> Result<Redirect, Refusal> {
    let form = Multipart::from_request(request, &app)
        .await
        .map_err(|_| Error::unsupported("Please send a form with a picture in it."))?;
    let picture = picture_in(form).await?;
    let user = asking.asker.user;
    put(&app, asking, user, picture).await?;
    Ok(Redirect::to("/profile"))
}

/// `POST /profile/photo/remove`: the button beside it.
pub async fn remove_form(State(app): State<App>, asking: Asking) -> Result<Redirect, Refusal> {
    let user = asking.asker.user;
    take_away(&app, asking, user).await?;
    Ok(Redirect::to("/profile"))
}

/// `GET /photos/{userId}/{version}`: the picture, for those who may see the profile.
pub async fn show(
    State(app): State<App>,
    asking: Asking,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Refusal> {
    let unknown = || Error::not_found("not_found", "There is nothing here.");
    let Path((user, version)) = path.map_err(|_| unknown())?;
    let user: UserId = user.parse().map_err(|_| unknown())?;
    let found = app
        .db
        .read(move |tx| {
            let has_session = asking.has_session_with(tx, user)?;
            profiles::photo(tx, &asking.asker, user, has_session, &version)
        })
        .await?;
    let photo = found.ok_or_else(unknown)?;
    let headers = [
        (header::CONTENT_TYPE, photo.media_type.name()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
        (header::CONTENT_DISPOSITION, "inline"),
    ];
    Ok((headers, Bytes::from(photo.bytes)).into_response())
}

async fn put(app: &App, asking: Asking, user: UserId, picture: Vec<u8>) -> Result<String> {
    let Asking { asker, .. } = asking;
    // Whoever may not do this costs no decoding.
    app.db
        .read(move |tx| {
            let has_session = crate::booking::have_session(tx, asker.user, user)?;
            profiles::changeable(tx, &asker, user, has_session).map(drop)
        })
        .await?;
    let photo = app.photos.make(picture).await?;
    app.db
        .write(move |tx| {
            let has_session = asking.has_session_with(tx, user)?;
            profiles::put_photo(tx, &asking.actor, &asking.asker, user, has_session, &photo)
        })
        .await
}

async fn take_away(app: &App, asking: Asking, user: UserId) -> Result<()> {
    app.db
        .write(move |tx| {
            let has_session = asking.has_session_with(tx, user)?;
            profiles::remove_photo(tx, &asking.actor, &asking.asker, user, has_session)
        })
        .await
}

/// The field `photo` of a form; a form without one holds no picture.
async fn picture_in(mut form: Multipart) -> Result<Vec<u8>> {
    let wrong = |cause: axum::extract::multipart::MultipartError| {
        if cause.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Error::too_large("A picture may have 5 MiB at most.");
        }
        Error::malformed("bad_form", "The form cannot be read.")
    };
    while let Some(field) = form.next_field().await.map_err(wrong)? {
        if field.name() == Some("photo") {
            return Ok(field.bytes().await.map_err(wrong)?.to_vec());
        }
    }
    Err(Error::field("photo", "is needed"))
}
