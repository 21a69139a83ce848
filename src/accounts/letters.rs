//! The words of letters about accounts. Pure. A letter with a link that lets its reader in says so
//! to the outbox, which wipes its words once it is sent.

use super::links::Purpose;
use crate::mail::{Letter, Letterhead, Piece};

/// Whom a letter is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipient<'a> {
    pub email: &'a str,
    pub name: &'a str,
}

/// The page behind a link with this secret.
pub(super) fn url(head: &Letterhead, purpose: Purpose, secret: &str) -> String {
    format!("{}{}?token={secret}", head.url, purpose.path())
}

fn letter(kind: &'static str, to: Recipient<'_>, subject: String, has_link: bool, pieces: Vec<Piece>) -> Letter {
    let mut all = vec![Piece::Text(format!("Hello {},", to.name))];
    all.extend(pieces);
    Letter {
        kind: kind.into(),
        to: to.email.to_owned(),
        to_name: to.name.to_owned(),
        subject,
        pieces: all,
        is_secret: has_link,
    }
}

fn text(words: impl Into<String>) -> Piece {
    Piece::Text(words.into())
}

fn button(label: &str, url: String) -> Piece {
    Piece::Button { label: label.to_owned(), url }
}

/// Good for so long, and what to do if it was not you.
fn fine_print(purpose: Purpose, otherwise: &str) -> Piece {
    let seconds = purpose.seconds();
    let life = match seconds {
        ..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    Piece::Small(format!("The link works once, for {life}. {otherwise}"))
}

/// To somebody who signs up: confirm the address.
pub(super) fn verify_email(head: &Letterhead, to: Recipient<'_>, secret: &str) -> Letter {
    let program = &head.program;
    let pieces = vec![
        text(format!("Welcome to {program}. One step is left: confirm that this address is yours.")),
        button("Confirm my address", url(head, Purpose::VerifyEmail, secret)),
        fine_print(
            Purpose::VerifyEmail,
            "If you did not sign up, please ignore this letter: without the click there is no account.",
        ),
    ];
    letter("verify_email", to, format!("Confirm your address for {program}"), true, pieces)
}

/// To the owner of an account whose address somebody tried to sign up with.
pub(super) fn already_here(head: &Letterhead, to: Recipient<'_>) -> Letter {
    let program = &head.program;
    let pieces = vec![
        text(format!(
            "Somebody, probably you, just tried to sign up for {program} with this address. You have an account already."
        )),
        button("Sign in", format!("{}/signin", head.url)),
        Piece::Small(format!(
            "Forgotten the password? Choose a new one at {}/forgot. If it was not you, nothing has changed.",
            head.url
        )),
    ];
    letter("already_here", to, format!("You already have an account at {program}"), false, pieces)
}

/// A link that signs in.
pub(super) fn sign_in(head: &Letterhead, to: Recipient<'_>, secret: &str) -> Letter {
    let program = &head.program;
    let pieces = vec![
        text(format!("Here is your link to sign in to {program}.")),
        button("Sign in", url(head, Purpose::SignIn, secret)),
        fine_print(Purpose::SignIn, "If you did not ask for it, please ignore this letter."),
    ];
    letter("magic_link", to, format!("Your link to sign in to {program}"), true, pieces)
}

/// A link that sets a new password.
pub(super) fn reset_password(head: &Letterhead, to: Recipient<'_>, secret: &str) -> Letter {
    let program = &head.program;
    let pieces = vec![
        text(format!("Somebody, hopefully you, asked to choose a new password for {program}.")),
        button("Choose a new password", url(head, Purpose::ResetPassword, secret)),
        fine_print(
            Purpose::ResetPassword,
            "If it was not you, please ignore this letter: your password stays as it is.",
        ),
    ];
    letter("password_reset", to, format!("Choose a new password for {program}"), true, pieces)
}

/// An invitation by staff.
pub(super) fn invite(head: &Letterhead, to: Recipient<'_>, inviter: &str, secret: &str) -> Letter {
    let program = &head.program;
    let pieces = vec![
        text(format!("{inviter} invites you to {program}. Choose a password and you are in.")),
        button("Accept the invitation", url(head, Purpose::Invite, secret)),
        fine_print(Purpose::Invite, "If you do not know what this is about, please ignore this letter."),
    ];
    letter("invitation", to, format!("You are invited to {program}"), true, pieces)
}

/// Tells the owner that the password is new.
pub(super) fn password_changed(head: &Letterhead, to: Recipient<'_>) -> Letter {
    let program = &head.program;
    let pieces = vec![
        text(format!("Your password for {program} was changed, and every other sign-in has ended.")),
        Piece::Small(format!(
            "If it was not you, choose a new one at once at {}/forgot and tell whoever runs {program}.",
            head.url
        )),
    ];
    letter("password_changed", to, format!("Your password for {program} was changed"), false, pieces)
}
