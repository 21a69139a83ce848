//! Sessions as iCalendar (RFC 5545) and invitations to them (RFC 5546). Pure.
//!
//! A session is one event for life: the same UID whatever becomes of it, and a SEQUENCE that rises. Times are UTC, so
//! that no reader's idea of a zone can shift them. The program is the organizer, and each copy names its one reader as
//! the attendee: nobody learns another's address.

use std::fmt::Write as _;

use super::letters::stretch;
use super::{Party, Person, Rules, Session, Status};
use crate::clock::Moment;

/// Octets of a line, less its end (RFC 5545 section 3.1).
const LONGEST_LINE: usize = 75;

/// Minutes before the start at which calendars ring.
const ALARM_MINUTES: u32 = 15;

/// What an invitation does to the reader's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Puts the session in, or moves it.
    Request,
    /// Takes it out.
    Cancel,
    /// Lets it be read, without asking anything of anybody.
    Publish,
}

impl Method {
    /// The word of RFC 5546.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
            Self::Publish => "PUBLISH",
        }
    }
}

/// An invitation for one of the two, as a calendar object.
pub fn invitation(rules: &Rules, session: &Session, to: Party, method: Method, now: Moment) -> String {
    let mut object = Object::open(method);
    event(&mut object, rules, session, to, method, now);
    object.close()
}

/// Sessions of one person as a calendar to subscribe to.
pub(super) fn published(rules: &Rules, sessions: &[(Session, Party)], now: Moment) -> String {
    let mut object = Object::open(Method::Publish);
    object.text("X-WR-CALNAME", &rules.head.program);
    object.line("REFRESH-INTERVAL;VALUE=DURATION:PT1H");
    object.line("X-PUBLISHED-TTL:PT1H");
    for (session, party) in sessions {
        event(&mut object, rules, session, *party, Method::Publish, now);
    }
    object.close()
}

fn event(object: &mut Object, rules: &Rules, session: &Session, to: Party, method: Method, now: Moment) {
    let reader = session.person(to);
    let state = match session.status {
        _ if method == Method::Cancel => "CANCELLED",
        Status::Cancelled => "CANCELLED",
        Status::Pending => "TENTATIVE",
        Status::Booked | Status::Completed | Status::NoShow => "CONFIRMED",
    };
    object.line("BEGIN:VEVENT");
    object.line(&format!("UID:{}@tandem", session.id));
    object.line(&format!("SEQUENCE:{}", session.sequence));
    object.line(&format!("DTSTAMP:{}", stamp(now)));
    object.line(&format!("DTSTART:{}", stamp(session.starts_at)));
    object.line(&format!("DTEND:{}", stamp(session.ends_at)));
    // The same in every version and for both: programs tell versions apart by UID and SEQUENCE, people by this.
    object.text("SUMMARY", &format!("{}: {} and {}", rules.head.program, session.mentor.name, session.mentee.name));
    let page = format!("{}/sessions/{}", rules.head.url, session.id);
    object.text("DESCRIPTION", &description(session, reader, &page));
    let room = session.meeting_url.as_deref().filter(|_| session.status != Status::Pending);
    object.text("LOCATION", room.unwrap_or(if session.location == "virtual" { "Online" } else { &session.location }));
    object.line(&format!("URL:{page}"));
    object.line(&format!("STATUS:{state}"));
    object.line("TRANSP:OPAQUE");
    object.line(&format!("ORGANIZER;CN={}:mailto:{}", quoted(&rules.head.program), mailbox(&rules.organiser)));
    if method != Method::Publish {
        let name = quoted(&reader.name);
        let address = mailbox(&reader.email);
        object.line(&format!(
            "ATTENDEE;CN={name};CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:{address}"
        ));
    }
    if state == "CONFIRMED" {
        object.line("BEGIN:VALARM");
        object.line("ACTION:DISPLAY");
        object.text("DESCRIPTION", &format!("{} and {}", session.mentor.name, session.mentee.name));
        object.line(&format!("TRIGGER:-PT{ALARM_MINUTES}M"));
        object.line("END:VALARM");
    }
    object.line("END:VEVENT");
}

/// In words what some calendars show wrongly or not at all: the time where the reader lives, and where to meet.
fn description(session: &Session, reader: &Person, page: &str) -> String {
    let mut text = format!("{}\n", stretch(session.starts_at, session.ends_at, &reader.timezone));
    if let Some(room) = session.meeting_url.as_deref().filter(|_| session.status != Status::Pending) {
        let _ = writeln!(text, "{room}");
    }
    text.push('\n');
    if !session.notes.is_empty() {
        let _ = writeln!(text, "{}\n", session.notes);
    }
    let _ = write!(text, "Details, changes and cancelling: {page}");
    text
}

fn stamp(at: Moment) -> String {
    at.utc().format("%Y%m%dT%H%M%SZ").to_string()
}

/// A parameter's value in quotes; what would end them goes (RFC 5545 section 3.2).
fn quoted(text: &str) -> String {
    let plain: String = text.chars().filter(|letter| *letter != '"' && !letter.is_control()).collect();
    format!("\"{plain}\"")
}

/// An address without anything that could end the line or begin another property.
fn mailbox(address: &str) -> String {
    address.chars().filter(|letter| !letter.is_control() && !letter.is_whitespace()).collect()
}

/// A calendar object while it is written.
struct Object(String);

impl Object {
    fn open(method: Method) -> Self {
        let mut object = Self(String::with_capacity(1_024));
        object.line("BEGIN:VCALENDAR");
        object.line("PRODID:-//Tandem//Tandem//EN");
        object.line("VERSION:2.0");
        object.line("CALSCALE:GREGORIAN");
        object.line(&format!("METHOD:{}", method.name()));
        object
    }

    fn close(mut self) -> String {
        self.line("END:VCALENDAR");
        self.0
    }

    /// A property whose value is text (RFC 5545 section 3.3.11).
    fn text(&mut self, name: &str, value: &str) {
        let mut line = format!("{name}:");
        for letter in value.replace("\r\n", "\n").chars() {
            match letter {
                '\\' | ';' | ',' => {
                    line.push('\\');
                    line.push(letter);
                }
                '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => line.push_str("\\n"),
                '\t' => line.push(' '),
                _ if letter.is_control() => {}
                _ => line.push(letter),
            }
        }
        self.line(&line);
    }

    /// One line, folded where it is too long, never within a character.
    fn line(&mut self, line: &str) {
        let mut n_octets = 0;
        for letter in line.chars() {
            if n_octets + letter.len_utf8() > LONGEST_LINE {
                self.0.push_str("\r\n ");
                n_octets = 1;
            }
            self.0.push(letter);
            n_octets += letter.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::booking::tests::House;

    /// Reads a calendar object as its own test sees the grammar: unfolded lines, split at the first colon that is in no quotes.
    fn properties(text: &str) -> Vec<(String, String)> {
        assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
        assert!(text.split("\r\n").all(|line| line.len() <= LONGEST_LINE), "{text}");
        let unfolded = text.replace("\r\n ", "");
        let lines = unfolded.split("\r\n").filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let mut in_quotes = false;
                let colon = line.char_indices().find(|(_, letter)| {
                    in_quotes ^= *letter == '"';
                    *letter == ':' && !in_quotes
                });
                let (name, value) = line.split_at(colon.expect("a colon").0);
                (name.to_owned(), value[1..].to_owned())
            })
            .collect()
    }

    fn one(text: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut in_alarm = false;
        for (name, value) in properties(text) {
            let (begins, ends) = (name == "BEGIN" && value == "VALARM", name == "END" && value == "VALARM");
            in_alarm |= begins;
            if !in_alarm && name != "BEGIN" && name != "END" {
                assert!(found.insert(name.clone(), value).is_none(), "{name} stands once");
            }
            in_alarm &= !ends;
        }
        found
    }

    fn session(house: &House) -> Session {
        house.book(0, house.slot(24, 1)).expect("booked")
    }

    #[test]
    fn an_invitation_says_what_calendars_need_and_names_its_reader_alone() {
        let house = House::new();
        let session = session(&house);
        let found = one(&invitation(&house.rules, &session, Party::Mentee, Method::Request, house.now()));
        for (name, value) in [
            ("METHOD", "REQUEST"),
            ("VERSION", "2.0"),
            ("UID", &*format!("{}@tandem", session.id)),
            ("SEQUENCE", "0"),
            ("DTSTAMP", "20300304T090000Z"),
            ("DTSTART", "20300305T090000Z"),
            ("DTEND", "20300305T093000Z"),
            ("SUMMARY", "Tandem: Ada and Bo 0"),
            ("STATUS", "CONFIRMED"),
            ("ORGANIZER;CN=\"Tandem\"", "mailto:tandem@localhost"),
        ] {
            assert_eq!(found.get(name).map(String::as_str), Some(value), "{name}: {found:?}");
        }
        let attendees: Vec<_> = found.iter().filter(|(name, _)| name.starts_with("ATTENDEE")).collect();
        assert_eq!(attendees.len(), 1);
        assert_eq!(attendees[0].1, "mailto:bo0@example.org");
        assert!(attendees[0].0.contains("PARTSTAT=ACCEPTED;RSVP=FALSE"));
        assert_eq!(found["LOCATION"], session.meeting_url.clone().expect("a room"));
    }

    #[test]
    fn a_cancellation_is_of_the_same_event_and_comes_later() {
        let house = House::new();
        let booked = session(&house);
        let off = house
            .write(|tx| crate::booking::cancel(tx, &house.rules, &house.mentor_asks(), booked.id, "ill"))
            .expect("cancelled");
        let before = one(&invitation(&house.rules, &booked, Party::Mentor, Method::Request, house.now()));
        let after = one(&invitation(&house.rules, &off, Party::Mentor, Method::Cancel, house.now()));
        assert_eq!((after["METHOD"].as_str(), after["STATUS"].as_str()), ("CANCEL", "CANCELLED"));
        for name in ["UID", "DTSTART", "DTEND", "SUMMARY", "ORGANIZER;CN=\"Tandem\""] {
            assert_eq!(before[name], after[name], "{name}");
        }
        assert_eq!((before["SEQUENCE"].as_str(), after["SEQUENCE"].as_str()), ("0", "1"));
    }

    #[test]
    fn what_is_published_asks_nothing_of_anybody() {
        let house = House::new();
        let session = session(&house);
        let text = published(&house.rules, &[(session.clone(), Party::Mentor), (session, Party::Mentor)], house.now());
        assert!(text.contains("METHOD:PUBLISH") && !text.contains("ATTENDEE"), "{text}");
        assert_eq!(properties(&text).iter().filter(|(name, value)| name == "BEGIN" && value == "VEVENT").count(), 2);
    }

    proptest! {
        #[test]
        fn whatever_people_write_stays_inside_its_property(
            notes in any::<String>(),
            name in "\\PC{0,40}|[\"\\\\;:,\r\n]{0,20}",
            mentor in any::<String>(),
            room in any::<String>(),
        ) {
            let house = House::new();
            let mut session = session(&house);
            let calm = properties(&invitation(&house.rules, &session, Party::Mentee, Method::Request, house.now())).len();
            session.notes = format!("{notes}\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nATTENDEE:mailto:x@example.org");
            session.mentee.name = name;
            session.mentor.name = mentor;
            session.meeting_url = Some(format!("https://meet.example.org/{room}\r\nATTENDEE:mailto:y@example.org"));
            let text = invitation(&house.rules, &session, Party::Mentee, Method::Request, house.now());
            let all = properties(&text);
            prop_assert_eq!(all.iter().filter(|(name, _)| name.starts_with("ATTENDEE")).count(), 1);
            prop_assert_eq!(all.iter().filter(|(name, value)| name == "BEGIN" && value == "VEVENT").count(), 1);
            prop_assert_eq!(all.len(), calm);
        }
    }
}
