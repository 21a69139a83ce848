//! The main job as JSON: a question in, ranked mentors out.

use axum::extract::State;

use crate::app::App;
use crate::matching::{Answer, Ask, Question};
use crate::web::error::Refusal;
use crate::web::extract::Json;
use crate::web::identity::SignedIn;

/// Ranks the mentors that fit a need told in plain words.
#[utoipa::path(post, path = "/api/match", tag = "match", request_body = Question, responses(
    (status = 200, description = "Ranked mentors; nobody relevant is an empty list with near misses", body = Answer),
    (status = 401, description = "`signed_out`", body = super::operations::Problem),
    (status = 422, description = "A field is wrong", body = super::operations::Problem),
    (status = 503, description = "`busy`: try again", body = super::operations::Problem),
))]
pub async fn create(
    State(app): State<App>,
    _: SignedIn,
    Json(question): Json<Question>,
) -> Result<Json<Answer>, Refusal> {
    let ranking = app.matcher.answer(Ask::check(question)?).await?;
    Ok(Json(Answer::from(&ranking)))
}
