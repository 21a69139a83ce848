//! `tandem admin`: accounts of those who run Tandem. A password is read from the terminal or from
//! standard input, never from the command line, where everybody on the machine could see it.

use std::io::{BufRead, IsTerminal, Write};

use clap::Subcommand;

use super::{open, say};
use crate::accounts::tokens::{self, Scope};
use crate::accounts::{self, NewUser, Role, User};
use crate::app::App;
use crate::audit::Actor;
use crate::config::Flags;
use crate::error::{Error, OrInternal, Result};
use crate::mentors;

/// What the audit log calls the command line.
const COMMAND: &str = "command";

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
    /// Makes an API token for an account and prints it, this once
    Token {
        /// The account's address
        #[arg(long)]
        email: String,
        /// What the token is called in lists
        #[arg(long, default_value = "command line")]
        name: String,
        /// What it may do, such as match:read; may be repeated
        #[arg(long = "scope", required = true, value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Days until it ends by itself
        #[arg(long, value_name = "DAYS")]
        days: Option<u32>,
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
        Command::Create { email, name, role, timezone } => create(&app, email, name, &role, &timezone),
        Command::ResetPassword { email } => {
            let user = account(&app, &email)?;
            let hash = accounts::hash_here(&password()?)?;
            app.db.write_here(|tx| accounts::replace_password(tx, &Actor::nobody(COMMAND), user.id, &hash))?;
            say("The password is new, and every sign-in is over.")
        }
        Command::Token { email, name, scopes, days } => {
            let user = account(&app, &email)?;
            let scopes = scopes.iter().map(|scope| scope.parse()).collect::<Result<Vec<Scope>>>()?;
            let (_, text) = app.db.write_here(|tx| {
                let expires_at = days.map(|days| tx.now().plus_days(i64::from(days)));
                tokens::create(tx, &Actor::nobody(COMMAND), user.id, &name, &scopes, expires_at)
            })?;
            say(&text)
        }
    }
}

fn create(app: &App, email: String, name: String, role: &str, timezone: &str) -> Result<()> {
    let role: Role = role.parse()?;
    accounts::check_email(&email)?;
    let timezone = accounts::check_timezone(timezone)?;
    let hash = accounts::hash_here(&password()?)?;
    let new = NewUser { email, name, role, timezone, password_hash: Some(hash) };
    let user = app.db.write_here(|tx| {
        let actor = Actor::nobody(COMMAND);
        let user = accounts::create_vouched(tx, &actor, &new)?;
        mentors::settle_in(tx, &actor, &user)?;
        Ok(user)
    })?;
    say(&format!("{} ({}) can sign in now.", user.email, user.role))
}

fn account(app: &App, email: &str) -> Result<User> {
    let known = app.db.read_here(|tx| accounts::user_by_email(tx, email))?;
    known.ok_or_else(|| Error::operator("unknown_account", "No account has that address."))
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
