//! `tandem admin`: accounts of those who run Tandem. A password is read from the terminal or from
//! standard input, never from the command line, where everybody on the machine could see it.

use std::io::{BufRead, IsTerminal, Write};

use clap::Subcommand;

use super::{open, say};
use crate::accounts::{self, NewUser, Role};
use crate::config::Flags;
use crate::error::{Error, OrInternal, Result};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes an account; the password is asked for, or read from standard input
    Create {
        /// The address to sign in with
        #[arg(long)]
        email: String,
        /// The name others see
        #[arg(long)]
        name: String,
        /// mentee, mentor, pm or admin
        #[arg(long, default_value = "admin")]
        role: String,
        /// The zone times are shown in
        #[arg(long, default_value = "UTC")]
        timezone: String,
    },
    /// Gives an account a new password, asked for or read from standard input
    ResetPassword {
        /// The account's address
        #[arg(long)]
        email: String,
    },
}

pub(super) fn run(flags: Flags, command: Command) -> Result<()> {
    let app = open(&flags, "admin")?;
    match command {
        Command::Create { email, name, role, timezone } => {
            let role: Role = role.parse()?;
            accounts::check_email(&email)?;
            let timezone = accounts::check_timezone(&timezone)?;
            let hash = accounts::hash_here(&password()?)?;
            let new = NewUser { email, name, role, timezone, password_hash: Some(hash) };
            let user = app.db.write_here(|tx| accounts::create(tx, &new))?;
            say(&format!("{} ({}) can sign in now.", user.email, user.role))
        }
        Command::ResetPassword { email } => {
            let known = app.db.read_here(|tx| accounts::user_by_email(tx, &email))?;
            let user = known.ok_or_else(|| Error::operator("unknown_account", "No account has that address."))?;
            let hash = accounts::hash_here(&password()?)?;
            app.db.write_here(|tx| {
                accounts::set_password(tx, user.id, &hash)?;
                accounts::end_logins(tx, user.id)
            })?;
            say("The password is new, and every sign-in is over.")
        }
    }
}

fn password() -> Result<String> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return line(&mut input.lock());
    }
    let first = rpassword::prompt_password("Password: ").or_internal("reading the password")?;
    let second = rpassword::prompt_password("Once more: ").or_internal("reading the password")?;
    if first != second {
        return Err(Error::operator("passwords_differ", "The two were not the same; nothing was done."));
    }
    // The prompts leave the cursor on their line on some terminals.
    drop(std::io::stderr().flush());
    Ok(first)
}

fn line(input: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    input.read_line(&mut line).or_internal("reading the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
