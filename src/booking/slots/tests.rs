use super::*;
use crate::booking::tests::House;

#[test]
fn what_cannot_be_offered_is_named_by_its_field() {
    let house = House::new();
    let hour = |hours: i64| house.now().plus_seconds(hours * 3_600);
    let open = |slots: &[NewSlot]| house.write(|tx| open(tx, &house.mentor_asks(), house.mentor, slots));
    let slot = |starts_at, ends_at| NewSlot { starts_at, ends_at, capacity: 1, location: "virtual".to_owned() };
    for (wrong, field) in [
        (slot(hour(-1), hour(1)), "startsAt"),
        (slot(hour(0), hour(1)), "startsAt"),
        (slot(hour(24 * 800), hour(24 * 800 + 1)), "startsAt"),
        (slot(Moment::from_unix(i64::MAX - 5), Moment::from_unix(i64::MAX)), "startsAt"),
        (slot(hour(3), hour(3)), "endsAt"),
        (slot(hour(3), hour(2)), "endsAt"),
        (slot(hour(3), hour(12)), "endsAt"),
        (NewSlot { capacity: 0, ..slot(hour(3), hour(4)) }, "capacity"),
        (NewSlot { capacity: 501, ..slot(hour(3), hour(4)) }, "capacity"),
        (NewSlot { location: " ".to_owned(), ..slot(hour(3), hour(4)) }, "location"),
        (NewSlot { location: "Room 1\nRoom 2".to_owned(), ..slot(hour(3), hour(4)) }, "location"),
    ] {
        let refusal = open(std::slice::from_ref(&wrong)).expect_err(field);
        assert!(refusal.fields.contains_key(field), "{wrong:?}: {:?}", refusal.fields);
    }
    let good = slot(hour(3), hour(4));
    let refusal = open(&[good.clone(), slot(hour(6), hour(5))]).expect_err("the second is wrong");
    assert!(refusal.fields.contains_key("slots[1].endsAt"), "{:?}", refusal.fields);
    assert!(open(&vec![good.clone(); 501]).expect_err("too many").fields.contains_key("slots"));
    assert_eq!(open(&[good.clone(), good.clone()]).expect_err("doubled").code, "slot_overlaps");
    assert!(house.read(|tx| all(tx, house.mentor, hour(0), hour(100))).is_empty(), "all or none");
    assert_eq!(open(&[good]).expect("opened").len(), 1);
    assert_eq!(open(&[slot(hour(4), hour(5)), slot(hour(2), hour(3))]).expect("neighbours touch").len(), 2);
}

#[test]
fn somebody_elses_slots_are_not_there() {
    let house = House::new();
    let id = house.slot(3, 1);
    let stranger = house.mentee_asks(0);
    for refusal in [
        house.write(|tx| change(tx, &stranger, id, &SlotChange::default())).expect_err("not theirs"),
        house.write(|tx| withdraw(tx, &house.rules, &stranger, id, true)).expect_err("not theirs"),
    ] {
        assert_eq!(refusal.code, "slot_unknown");
    }
    let opened = NewSlot {
        starts_at: house.now().plus_days(2),
        ends_at: house.now().plus_days(2).plus_seconds(60),
        capacity: 1,
        location: "virtual".to_owned(),
    };
    assert_eq!(
        house.write(|tx| open(tx, &stranger, house.mentor, &[opened])).expect_err("not theirs").code,
        "forbidden"
    );
}

#[test]
fn a_taken_slot_keeps_its_time_and_its_seats() {
    let house = House::new();
    let id = house.slot(24, 3);
    for mentee in 0..3 {
        house.book(mentee, id).expect("booked");
    }
    // The first goes, so that the others sit on the second and the third seat.
    let first = house.read(|tx| crate::booking::store::seated(tx, id))[0].id;
    house.write(|tx| crate::booking::cancel(tx, &house.rules, &house.mentor_asks(), first, "ill")).expect("cancelled");
    let change = |to: SlotChange| house.write(|tx| change(tx, &house.mentor_asks(), id, &to));
    let one = SlotChange { capacity: Some(1), ..SlotChange::default() };
    assert_eq!(change(one).expect_err("two sit there").code, "slot_in_use");
    let later = SlotChange { ends_at: Some(house.now().plus_days(2)), ..SlotChange::default() };
    assert_eq!(change(later).expect_err("two sit there").code, "slot_in_use");
    let two = SlotChange { capacity: Some(2), ..SlotChange::default() };
    assert_eq!(change(two).expect("both fit").n_taken, 2);
    let seats: Vec<u32> = house.read(|tx| crate::booking::store::seated(tx, id)).iter().map(|it| it.seat_no).collect();
    assert_eq!(seats, [1, 2]);
    let withdraw = |cancels| house.write(|tx| withdraw(tx, &house.rules, &house.mentor_asks(), id, cancels));
    assert_eq!(withdraw(false).expect_err("two sit there").code, "slot_in_use");
    withdraw(true).expect("withdrawn");
    assert!(house.read(|tx| slot(tx, id)).is_none());
}

#[test]
fn why_a_time_is_not_offered_is_told() {
    let house = House::new();
    let why = |at: Moment| house.read(|tx| why_not(tx, house.mentor, at));
    let hour = |hours: i64| house.now().plus_seconds(hours * 3_600);
    let (soon, full, near) = (house.slot(1, 1), house.slot(24, 1), house.slot(48, 1));
    assert_eq!(why(hour(48)), None);
    assert_eq!(why(hour(1)), Some(Obstacle::Notice));
    assert_eq!(why(hour(-1)), Some(Obstacle::Past));
    assert_eq!(why(hour(30)), Some(Obstacle::NotOffered));
    house.book(0, full).expect("booked");
    assert_eq!(why(hour(24)), Some(Obstacle::Full));
    house.write(|tx| hours::pause(tx, &house.mentor_asks(), house.mentor, Some(hour(100)))).expect("paused");
    assert_eq!(why(hour(48)), Some(Obstacle::Paused));
    house.write(|tx| hours::pause(tx, &house.mentor_asks(), house.mentor, None)).expect("back");
    house.set_cap(1);
    assert_eq!(why(hour(48)), Some(Obstacle::WeeklyCap));
    assert!(house.read(|tx| bookable(tx, house.mentor, None, hour(0), hour(100))).is_empty());
    let _ = (soon, near);
}

#[test]
fn what_is_left_is_offered_when_a_slot_is_lost() {
    let house = House::new();
    let ids: Vec<SlotId> = [24, 26, 28, 30].into_iter().map(|hour| house.slot(hour, 1)).collect();
    let near = house.now().plus_seconds(28 * 3_600);
    let left = house.read(|tx| alternatives(tx, house.mentor, None, near, 3));
    assert_eq!(left.iter().map(|slot| slot.id).collect::<Vec<_>>(), [ids[1], ids[2], ids[3]]);
    house.book(0, ids[1]).expect("booked");
    let viewer = house.mentees[0].0;
    let left = house.read(|tx| alternatives(tx, house.mentor, Some(viewer), near, 3));
    assert_eq!(left.iter().map(|slot| slot.id).collect::<Vec<_>>(), [ids[0], ids[2], ids[3]]);
}
