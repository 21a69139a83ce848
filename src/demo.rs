//! The demo program: fictional people from `assets/demo`, with times in the coming weeks. Its
//! passwords are printed for everybody to see, so it is only ever served on this machine.

use chrono::{Datelike, Days, NaiveTime, TimeZone, Weekday};

use crate::accounts::{self, NewUser, Role};
use crate::audit::Actor;
use crate::booking;
use crate::clock::Moment;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::mentors::{self, Mentor};
use crate::sync::{self, Format, Kind};

const MENTORS: &str = include_str!("../assets/demo/mentors.jsonl");
const MENTEES: &str = include_str!("../assets/demo/mentees.jsonl");

/// The setting that marks a demo's database.
const MARK: &str = "demo";

/// The password of every demo account.
const PASSWORD: &str = "tandem-demo";

/// Whose mentor and mentee the demo signs in as: the first of each file.
const MENTOR: &str = "rosa-linda.chaves@example.org";
const MENTEE: &str = "amaya.torrealba@example.org";
const PM: &str = "pm@example.org";
const ADMIN: &str = "admin@example.org";

/// Weeks that the demo's mentors have times in, this one included.
const WEEKS: u64 = 5;

/// How to sign in to a demo.
#[derive(Clone, Copy, Debug)]
pub struct Demo;

/// One account anyone may use.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// What it is: `Mentee`.
    pub role: &'static str,
    /// Its address.
    pub email: &'static str,
    /// Its password.
    pub password: &'static str,
}

impl Demo {
    /// The demo that this database holds, `None` for a program of real people.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn of(db: &Db) -> Result<Option<Self>> {
        Ok(db.read_here(|tx| tx.setting(MARK))?.map(|_| Self))
    }

    /// An account of each role.
    pub fn accounts(self) -> [Account; 4] {
        let account = |role, email| Account { role, email, password: PASSWORD };
        [account("Mentee", MENTEE), account("Mentor", MENTOR), account("Program manager", PM), account("Admin", ADMIN)]
    }
}

/// Fills an empty database with the demo program; times are opened anew wherever a past start left
/// too few. Doing so again adds nothing twice.
///
/// # Errors
/// An operator's error where the database holds a program of real people.
pub fn fill(db: &Db) -> Result<()> {
    let has_mentors = db.read_here(|tx| {
        let mut has_any = false;
        mentors::for_each(tx, |_| {
            has_any = true;
            Ok(())
        })?;
        Ok(has_any)
    })?;
    let is_demo = Demo::of(db)?.is_some();
    if has_mentors && !is_demo {
        return Err(Error::operator(
            "not_a_demo",
            "This data directory holds a real program: the demo will not mix with it. Name another with --data-dir.",
        ));
    }
    if !is_demo {
        // The mark comes first: a demo that was cut short while filling is still a demo.
        db.write_here(|tx| tx.set_setting(MARK, "1"))?;
    }
    let actor = Actor::nobody("demo");
    sync::import(db, &actor, MENTORS.as_bytes(), Format::JsonLines, Some(Kind::Mentors), |_| ())?;
    sync::import(db, &actor, MENTEES.as_bytes(), Format::JsonLines, Some(Kind::Mentees), |_| ())?;
    db.write_here(|tx| {
        open_accounts(tx)?;
        let mut all = Vec::new();
        mentors::for_each(tx, |mentor| {
            all.push(mentor);
            Ok(())
        })?;
        all.iter().try_for_each(|mentor| open_slots(tx, mentor))
    })
}

fn open_accounts(tx: &Tx<'_>) -> Result<()> {
    for (email, name, role) in [(PM, "Paula Mensah", Role::Pm), (ADMIN, "Adrian Minh", Role::Admin)] {
        if accounts::user_by_email(tx, email)?.is_none() {
            let (email, name, timezone) = (email.to_owned(), name.to_owned(), "Europe/Berlin".to_owned());
            accounts::create(tx, &NewUser { email, name, role, timezone, password_hash: None })?;
        }
    }
    for email in [MENTOR, MENTEE, PM, ADMIN] {
        let user = accounts::user_by_email(tx, email)?
            .ok_or_else(|| Error::internal(anyhow::anyhow!("the demo lacks one of its accounts")))?;
        if !accounts::has_password(tx, user.id)? {
            accounts::set_password(tx, user.id, &accounts::hash_here(PASSWORD)?)?;
            accounts::vouch(tx, user.id)?;
        }
    }
    Ok(())
}

/// Gives most mentors some half hours a week at times that follow from their number alone.
fn open_slots(tx: &Tx<'_>, mentor: &Mentor) -> Result<()> {
    let number = u64::from(mentor.number.0);
    // Every ninth has no times, so that the demo shows that too.
    if number.is_multiple_of(9) || !mentor.is_visible() {
        return Ok(());
    }
    let zone: chrono_tz::Tz = mentor.timezone.parse().unwrap_or(chrono_tz::UTC);
    let today = tx.now().utc().with_timezone(&zone).date_naive();
    for day in 1..WEEKS * 7 {
        let Some(date) = today.checked_add_days(Days::new(day)) else { continue };
        let is_weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        let weekday = u64::from(date.weekday().num_days_from_monday());
        if is_weekend || !(number + weekday).is_multiple_of(3) {
            continue;
        }
        for part in 0..=number % 2 {
            let hour = u32::try_from(9 + (number * 5 + weekday * 3 + part * 2) % 8).unwrap_or(9);
            let Some(time) = NaiveTime::from_hms_opt(hour, 0, 0) else { continue };
            let Some(start) = zone.from_local_datetime(&date.and_time(time)).earliest() else { continue };
            let starts_at = Moment::from_unix(start.timestamp());
            match booking::open_slot(tx, mentor.number, starts_at, starts_at.plus_seconds(1_800)) {
                Ok(_) => {}
                Err(refusal) if refusal.code == "slot_overlaps" => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }
    Ok(())
}
