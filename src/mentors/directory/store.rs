//! The SQL of the list of mentors.

use rusqlite::{Row, named_params};

use super::{Filter, Line, Sort};
use crate::accounts::photos;
use crate::db::Tx;
use crate::error::{OrInternal, Result};
use crate::mentors::Visibility;

const NEXT_FREE: &str = include_str!("../sql/next_free.sql");

fn line_row(row: &Row<'_>) -> rusqlite::Result<Line> {
    let image: Option<String> = row.get("image")?;
    let photo_url: Option<String> = row.get("photo_url")?;
    let is_uploaded = image.as_deref().is_some_and(|image| image.starts_with(photos::ADDRESS));
    Ok(Line {
        id: row.get("id")?,
        user: row.get("user_id")?,
        name: row.get("name")?,
        email: row.get("email")?,
        photo: if is_uploaded { image } else { photo_url.or(image) },
        has_active_account: row.get("has_active_account")?,
        headline: row.get("headline")?,
        title: row.get("title")?,
        company: row.get("company")?,
        visibility: Visibility::from_name(row.get_ref("visibility")?.as_str()?),
        is_active: row.get("active")?,
        paused_until: row.get("paused_until")?,
        is_from_record: row.get("is_from_record")?,
        areas: crate::mentors::store::list(row, "areas")?,
        n_sessions: row.get("n_sessions")?,
        next_free_at: row.get("next_free_at")?,
    })
}

/// The lines of a page and how many there are in all.
pub(super) fn lines(tx: &Tx<'_>, filter: &Filter, limit: u32, offset: u32) -> Result<(Vec<Line>, u32)> {
    let order = match filter.sort {
        Sort::Name => "unicode_lower(users.name)".to_owned(),
        Sort::Newest => "mentors.created_at desc, mentors.number desc".to_owned(),
        Sort::Changed => "mentors.updated_at desc".to_owned(),
        Sort::Sessions => "(select count(*) from office_sessions where mentor_number = mentors.number and status <> \
             'cancelled') desc"
            .to_owned(),
        Sort::NextFree => format!("({NEXT_FREE}) is null, ({NEXT_FREE})"),
    };
    let sql = include_str!("../sql/directory.sql").replace("{order}", &order).replace("{next_free}", NEXT_FREE);
    let words = filter.q.to_lowercase();
    let words = serde_json::to_string(&words.split_whitespace().collect::<Vec<_>>()).or_internal("writing words")?;
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(named_params! {
        ":visibility": filter.visibility.map(Visibility::name),
        ":is_from_record": filter.is_from_record,
        ":state": filter.state.map(super::State::name),
        ":tag": filter.tag.as_ref().map(|tag| tag.to_lowercase()),
        ":words": words, ":limit": limit, ":offset": offset, ":now": tx.now(),
    })?;
    let (mut lines, mut n_all) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        n_all = row.get("n_all")?;
        lines.push(line_row(row)?);
    }
    Ok((lines, n_all))
}
