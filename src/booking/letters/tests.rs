use super::*;
use crate::booking::tests::House;
use crate::booking::{Wanted, accept, cancel, complete, decline, reschedule, watch};
use crate::jobs::{self, Lane};
use crate::mail::{Kept, Memory, Post};
use crate::mentors::{Edit, Patch};

/// Sends what waits and gives back what was sent since the last time.
fn sent(house: &House, memory: &Memory) -> Vec<Kept> {
    let n_before = memory.letters().len();
    while let Some(job) = house.write(|tx| jobs::claim(tx, Lane::Letters)).expect("claimed") {
        mail::send(&house.db, &Post::Memory(memory.clone()), &job).expect("sent");
    }
    memory.letters().split_off(n_before)
}

fn to<'a>(letters: &'a [Kept], address: &str) -> &'a Kept {
    letters.iter().find(|letter| letter.to == address).unwrap_or_else(|| panic!("no letter to {address}"))
}

fn raw(letter: &Kept) -> String {
    String::from_utf8(letter.raw.clone()).expect("text")
}

#[test]
fn each_side_reads_of_it_in_their_own_zone_and_never_the_others_address() {
    let (house, memory) = (House::new(), Memory::default());
    house.edit(Edit { timezone: Patch::Set("Asia/Kathmandu".into()), ..Edit::default() });
    let session = house.book(0, house.slot(24, 1)).expect("booked");
    let letters = sent(&house, &memory);
    assert_eq!(letters.len(), 2);
    let (mentor, mentee) = (to(&letters, "ada@example.org"), to(&letters, "bo0@example.org"));
    assert!(mentor.text.contains("Bo 0 has booked a session with you."), "{}", mentor.text);
    assert!(mentor.text.contains("Tuesday 5 March 2030, 14:45 to 15:15"), "{}", mentor.text);
    assert!(mentor.text.contains("(Asia/Kathmandu, UTC+05:45)"), "{}", mentor.text.replace('\n', " "));
    assert!(mentee.text.contains("Tuesday 5 March 2030, 09:00 to 09:30 (UTC)"), "{}", mentee.text);
    assert!(mentee.text.contains("About prices"), "{}", mentee.text);
    assert!(mentee.text.contains(&session.meeting_url.expect("a room")), "{}", mentee.text);
    for (letter, other) in [(mentor, "bo0@example.org"), (mentee, "ada@example.org")] {
        assert!(!raw(letter).contains(other), "{}", raw(letter));
        assert!(
            letter.message_id.starts_with(&format!("{}.1.session_confirmed.", session.id)),
            "{}",
            letter.message_id
        );
        assert!(raw(letter).contains("method=REQUEST"), "{}", raw(letter));
    }
    assert_eq!(mentee.subject, "Mentoring session with Ada, 5 March");
}

#[test]
fn a_request_is_asked_answered_and_only_then_in_the_calendar() {
    let (house, memory) = (House::new(), Memory::default());
    house.limit();
    let asked = house.book(0, house.slot(100, 1)).expect("asked");
    let letters = sent(&house, &memory);
    let mentor = to(&letters, "ada@example.org");
    assert!(mentor.text.contains("Please accept or decline") && mentor.text.contains("Answer by: "), "{}", mentor.text);
    assert!(letters.iter().all(|it| !raw(it).contains("text/calendar") && !it.text.contains("meet.jit.si")));
    house.write(|tx| accept(tx, &house.rules, &house.mentor_asks(), asked.id)).expect("accepted");
    let letters = sent(&house, &memory);
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|it| raw(it).contains("method=REQUEST") && it.text.contains("meet.jit.si")));
    let other = house.book(1, house.slot(120, 1)).expect("asked");
    sent(&house, &memory);
    house.write(|tx| decline(tx, &house.rules, &house.mentor_asks(), other.id, "On leave", None)).expect("declined");
    let letters = sent(&house, &memory);
    assert_eq!(letters.len(), 1);
    assert!(letters[0].text.contains("Ada cannot take this session") && letters[0].text.contains("On leave"));
}

#[test]
fn a_move_names_both_times_and_a_cancellation_says_who_and_why() {
    let (house, memory) = (House::new(), Memory::default());
    let booked = house.book(0, house.slot(24, 1)).expect("booked");
    let other = house.slot(26, 1);
    sent(&house, &memory);
    house
        .write(|tx| reschedule(tx, &house.rules, &house.mentee_asks(0), booked.id, &Wanted::Slot(other, None)))
        .expect("moved");
    let letters = sent(&house, &memory);
    assert_eq!(letters.len(), 2);
    let mentee = to(&letters, "bo0@example.org");
    assert!(mentee.text.contains("Before: Tuesday 5 March 2030, 09:00"), "{}", mentee.text);
    assert!(mentee.text.contains("Now: Tuesday 5 March 2030, 11:00"), "{}", mentee.text);
    assert!(raw(mentee).contains("SEQUENCE:1") && raw(mentee).contains("method=REQUEST"), "{}", raw(mentee));
    house.write(|tx| cancel(tx, &house.rules, &house.mentor_asks(), booked.id, "I am <b>ill</b>")).expect("cancelled");
    let letters = sent(&house, &memory);
    let (mentor, mentee) = (to(&letters, "ada@example.org"), to(&letters, "bo0@example.org"));
    assert!(mentor.text.contains("called off by you"), "{}", mentor.text);
    assert!(mentee.text.contains("called off by Ada") && mentee.text.contains("I am <b>ill</b>"), "{}", mentee.text);
    assert!(mentee.html.contains("I am &lt;b&gt;ill&lt;/b&gt;"));
    assert!(raw(mentee).contains("method=CANCEL") && raw(mentee).contains("SEQUENCE:2"), "{}", raw(mentee));
}

#[test]
fn after_a_session_both_are_asked_how_it_was_and_calendars_are_left_alone() {
    let (house, memory) = (House::new(), Memory::default());
    let booked = house.book(0, house.slot(24, 1)).expect("booked");
    house.pass(chrono::TimeDelta::hours(25));
    sent(&house, &memory);
    house.write(|tx| complete(tx, &house.rules, &house.mentor_asks(), booked.id)).expect("completed");
    house.write(|tx| watch::ask_feedback(tx, &house.rules)).expect("asked");
    let letters = sent(&house, &memory);
    assert_eq!(letters.len(), 2, "{letters:?}");
    for (reader, other) in [("bo0@example.org", "Ada"), ("ada@example.org", "Bo 0")] {
        let letter = to(&letters, reader);
        assert_eq!(letter.subject, format!("How was your session with {other}?"));
        assert!(letter.text.contains(&format!("You met {other}. How was it?")), "{}", letter.text);
        assert!(letter.text.contains(&format!("/sessions/{}", booked.id)), "{}", letter.text);
        assert!(!raw(letter).contains("text/calendar") && !letter.text.contains("meet.jit.si"), "{}", letter.text);
    }
    house.write(|tx| watch::ask_feedback(tx, &house.rules)).expect("asked again");
    assert!(sent(&house, &memory).is_empty(), "once is enough");
}

#[test]
fn nobody_is_told_the_same_thing_twice() {
    let (house, memory) = (House::new(), Memory::default());
    let booked = house.book(0, house.slot(24, 1)).expect("booked");
    house.write(|tx| (0..3).try_for_each(|_| tell(tx, &house.rules, &booked, Occasion::Confirmed))).expect("told");
    assert_eq!(sent(&house, &memory).len(), 2);
}
