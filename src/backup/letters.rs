//! The words of the letters that admins get when backups begin to fail, or cannot be restored.

use crate::clock::Moment;
use crate::mail::{Letter, Letterhead, Piece};

/// The backup failed; to one admin.
pub(super) fn failed(head: &Letterhead, email: &str, name: &str, reason: &str, last_at: Option<Moment>) -> Letter {
    let last = last_at.map_or_else(
        || "There is no backup yet.".to_owned(),
        |at| format!("The last good one is from {} UTC.", at.utc().format("%-d %B %Y, %H:%M")),
    );
    Letter {
        kind: "backup_failed".into(),
        to: email.to_owned(),
        to_name: name.to_owned(),
        subject: format!("The backup of {} failed", head.program),
        pieces: vec![
            Piece::Text(format!("The backup of {} could not be made: {reason}", head.program)),
            Piece::Text(format!(
                "{last} Tandem goes on trying, and writes again only if it fails after it has worked."
            )),
            Piece::Button { label: "Look at the program".to_owned(), url: format!("{}/admin", head.url) },
            Piece::Small("Whoever runs the machine finds the details in Tandem's log.".to_owned()),
        ],
        is_secret: false,
    }
}

/// The newest backup could not be restored on trial; to one admin.
pub(super) fn drill_failed(head: &Letterhead, email: &str, name: &str, reason: &str) -> Letter {
    Letter {
        kind: "backup_drill_failed".into(),
        to: email.to_owned(),
        to_name: name.to_owned(),
        subject: format!("The backup of {} could not be restored on trial", head.program),
        pieces: vec![
            Piece::Text(format!("The newest backup of {} was restored on trial, and that failed: {reason}", head.program)),
            Piece::Text(
                "Tandem itself goes on as before. The trial is made again tomorrow, and you are written to again only if it fails after it has worked."
                    .to_owned(),
            ),
            Piece::Small("Whoever runs the machine finds the details in Tandem's log.".to_owned()),
        ],
        is_secret: false,
    }
}
