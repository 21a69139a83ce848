//! The SQL of pictures.

use rusqlite::{OptionalExtension, named_params};

use super::{MediaType, Photo};
use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

pub(super) fn put(tx: &Tx<'_>, user: UserId, photo: &Photo) -> Result<()> {
    tx.prepare_cached(
        "insert into photos (user_id, media_type, bytes, version, updated_at)
         values (:user, :media_type, :bytes, :version, :now)
         on conflict (user_id) do update set media_type = excluded.media_type, bytes = excluded.bytes,
             version = excluded.version, updated_at = excluded.updated_at",
    )?
    .execute(named_params! {
        ":user": user, ":media_type": photo.media_type.name(), ":bytes": photo.bytes, ":version": photo.version,
        ":now": tx.now(),
    })?;
    Ok(())
}

pub(super) fn remove(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.prepare_cached("delete from photos where user_id = :user")?.execute(named_params! { ":user": user })?;
    Ok(())
}

pub(super) fn photo(tx: &Tx<'_>, user: UserId, version: &str) -> Result<Option<Photo>> {
    Ok(tx
        .prepare_cached("select media_type, bytes, version from photos where user_id = :user and version = :version")?
        .query_row(named_params! { ":user": user, ":version": version }, |row| {
            let media_type = MediaType::from_name(row.get_ref("media_type")?.as_str()?);
            Ok(Photo { media_type, bytes: row.get("bytes")?, version: row.get("version")? })
        })
        .optional()?)
}

pub(super) fn set_image(tx: &Tx<'_>, user: UserId, image: Option<&str>) -> Result<()> {
    tx.prepare_cached("update users set image = :image, updated_at = :now where id = :user")?
        .execute(named_params! { ":user": user, ":image": image, ":now": tx.now() })?;
    Ok(())
}
