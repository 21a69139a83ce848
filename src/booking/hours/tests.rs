use super::*;
use crate::booking::slots;
use crate::booking::tests::House;

fn nine_to_eleven() -> Hours {
    Hours {
        timezone: "UTC".to_owned(),
        session_minutes: 30,
        buffer_minutes: 0,
        min_notice_minutes: 120,
        window_days: 14,
        capacity: 1,
        rules: vec![
            (Weekday::Mon, Window { starts: 540, ends: 660 }),
            (Weekday::Wed, Window { starts: 540, ends: 660 }),
        ],
        exceptions: Vec::new(),
    }
}

fn times(house: &House) -> Vec<String> {
    let all = house.read(|tx| slots::all(tx, house.mentor, house.now(), house.now().plus_days(400)));
    all.iter().map(|slot| slot.starts_at.utc().format("%m-%d %H:%M").to_string()).collect()
}

#[test]
fn hours_make_slots_ahead_and_saying_them_twice_changes_nothing() {
    let house = House::new();
    let set = |hours: &Hours| house.write(|tx| set(tx, &house.mentor_asks(), house.mentor, hours));
    set(&nine_to_eleven()).expect("set");
    // It is Monday the 4th, nine o'clock: that slot has begun.
    let made = times(&house);
    assert_eq!(made[..4], ["03-04 09:30", "03-04 10:00", "03-04 10:30", "03-06 09:00"]);
    assert_eq!(made.len(), 3 + 4 + 4 + 4);
    let before = house.read(|tx| slots::all(tx, house.mentor, house.now(), house.now().plus_days(400)));
    set(&nine_to_eleven()).expect("set again");
    assert_eq!(house.read(|tx| slots::all(tx, house.mentor, house.now(), house.now().plus_days(400))), before);
    assert_eq!(house.write(|tx| fill(tx, house.mentor)).expect("filled"), 0);
}

#[test]
fn changed_hours_never_touch_a_seat_that_is_taken_nor_a_slot_opened_by_hand() {
    let house = House::new();
    let by_hand = house.slot(30, 1);
    let set = |hours: &Hours| house.write(|tx| set(tx, &house.mentor_asks(), house.mentor, hours)).expect("set");
    set(&nine_to_eleven());
    let all = house.read(|tx| slots::all(tx, house.mentor, house.now(), house.now().plus_days(400)));
    let taken =
        all.iter().find(|slot| slot.starts_at.utc().format("%d %H:%M").to_string() == "06 09:30").expect("there");
    house.book(0, taken.id).expect("booked");
    // From 45 minutes past nine: overlaps the taken one, which stays; the new ones lie around it.
    let rules = vec![(Weekday::Wed, Window { starts: 585, ends: 675 })];
    set(&Hours { rules, ..nine_to_eleven() });
    let left = house.read(|tx| slots::all(tx, house.mentor, house.now(), house.now().plus_days(5)));
    assert!(left.iter().any(|slot| slot.id == taken.id && slot.n_taken == 1));
    assert!(left.iter().any(|slot| slot.id == by_hand));
    assert_eq!(times(&house)[..3], ["03-05 15:00", "03-06 09:30", "03-06 10:15"]);
    set(&Hours { rules: Vec::new(), ..nine_to_eleven() });
    assert_eq!(times(&house), ["03-05 15:00", "03-06 09:30"]);
}

#[test]
fn the_window_moves_on_with_the_days() {
    let house = House::new();
    house.write(|tx| set(tx, &house.mentor_asks(), house.mentor, &nine_to_eleven())).expect("set");
    assert!(!house.read(is_due));
    house.pass(chrono::TimeDelta::days(2));
    assert!(house.read(is_due));
    assert_eq!(house.write(|tx| fill_all(tx, 10)).expect("filled"), 4, "the Monday that came into reach");
    assert!(!house.read(is_due));
}

#[test]
fn hours_follow_their_mentor_to_another_zone() {
    let house = House::new();
    house.write(|tx| set(tx, &house.mentor_asks(), house.mentor, &nine_to_eleven())).expect("set");
    house
        .write(|tx| {
            let mentor = mentors::by_number(tx, house.mentor)?.expect("there");
            let edit = Edit { timezone: Patch::Set("Asia/Kathmandu".to_owned()), ..Edit::default() };
            mentors::change(tx, &house.mentor_asks().actor, mentor, None, edit)
        })
        .expect("moved");
    assert!(house.read(is_due));
    house.write(|tx| fill_all(tx, 10)).expect("laid out anew");
    assert!(!house.read(is_due));
    assert_eq!(times(&house)[0], "03-06 03:15");
}

#[test]
fn wrong_hours_are_named_by_their_field() {
    let house = House::new();
    let window = |starts, ends| Window { starts, ends };
    let date = NaiveDate::from_ymd_opt(2030, 4, 1).expect("a date");
    let good = nine_to_eleven;
    for (wrong, field) in [
        (Hours { session_minutes: 4, ..good() }, "sessionMinutes"),
        (Hours { buffer_minutes: 481, ..good() }, "bufferMinutes"),
        (Hours { min_notice_minutes: 43_201, ..good() }, "minNoticeMinutes"),
        (Hours { window_days: 181, ..good() }, "windowDays"),
        (Hours { window_days: 0, ..good() }, "windowDays"),
        (Hours { capacity: 0, ..good() }, "capacity"),
        (Hours { rules: vec![(Weekday::Mon, window(600, 600))], ..good() }, "rules[0].end"),
        (Hours { rules: vec![(Weekday::Mon, window(600, 1441))], ..good() }, "rules[0].end"),
        (
            Hours { rules: vec![(Weekday::Mon, window(600, 700)), (Weekday::Mon, window(690, 800))], ..good() },
            "rules[1].start",
        ),
        (Hours { rules: vec![(Weekday::Mon, window(0, 1)); 101], ..good() }, "rules"),
        (Hours { exceptions: vec![(date, Vec::new()), (date, Vec::new())], ..good() }, "exceptions[1].date"),
        (Hours { exceptions: vec![(NaiveDate::MAX, Vec::new())], ..good() }, "exceptions[0].date"),
        (Hours { exceptions: vec![(date, vec![window(5, 5)])], ..good() }, "exceptions[0].windows[0].end"),
    ] {
        let refusal = house.write(|tx| set(tx, &house.mentor_asks(), house.mentor, &wrong)).expect_err(field);
        assert!(refusal.fields.contains_key(field), "{field}: {:?}", refusal.fields);
    }
}
