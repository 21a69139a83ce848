//! Everybody who may be shown, in memory: all that an answer needs, so that answering reads no
//! database. It follows the change log; it never writes. Pure: no I/O, cannot fail.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::bits::Bits;
use super::named::{Folded, folded};
use super::passages::Passage;
use crate::clock::Moment;
use crate::ids::{MentorId, SlotId};

/// How far ahead free slots count for the score and are shown in answers.
pub const SLOT_DAYS: i64 = 14;

/// What an answer shows of a mentor.
#[derive(Clone, Debug)]
pub struct Card {
    /// For programs outside.
    pub id: MentorId,
    /// Their name.
    pub name: String,
    /// One line.
    pub headline: String,
    /// Some paragraphs.
    pub bio: String,
    /// Where they work.
    pub company: String,
    /// As what.
    pub title: String,
    /// A picture.
    pub photo_url: Option<String>,
    /// Their page on LinkedIn.
    pub linkedin_url: Option<String>,
    /// Their tags.
    pub expertise: Vec<String>,
    /// Fields of business.
    pub industries: Vec<String>,
    /// Stages of a company.
    pub stages: Vec<String>,
    /// Both again, as questions are searched for them.
    pub folded: Folded,
    /// Languages.
    pub languages: Vec<String>,
    /// IANA zone.
    pub timezone: String,
    /// Sessions a week.
    pub load_cap_per_week: u32,
    /// Takes nobody new until then.
    pub paused_until: Option<Moment>,
    /// Whether mentees may find them, pauses aside.
    pub is_visible: bool,
    /// The texts behind their vectors, the whole first.
    pub passages: Vec<Passage>,
}

/// An open slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The slot.
    pub id: SlotId,
    /// When it starts.
    pub starts_at: Moment,
    /// When it ends.
    pub ends_at: Moment,
    /// Until when it can be booked: the start, less the notice that the mentor asks for.
    pub closes_at: Moment,
    /// Seats in all.
    pub capacity: u32,
    /// Seats that are left, at least one.
    pub remaining: u32,
}

/// What is booked with a mentor and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Open slots, by start.
    pub slots: Vec<Slot>,
    /// Starts of sessions that stand, rising.
    pub sessions: Vec<Moment>,
    /// Ratings by mentees: their sum and their number.
    pub ratings: (u32, u32),
}

/// What an asker will have no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Any of these industries, whatever their case; empty for all.
    pub industries: Vec<String>,
    /// Any of these stages.
    pub stages: Vec<String>,
    /// Any of these tags.
    pub expertise: Vec<String>,
    /// A free slot within so many days.
    pub available_within_days: Option<u32>,
}

/// Which list of a profile a value stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facet {
    /// `Card::industries`
    Industry,
    /// `Card::stages`
    Stage,
    /// `Card::expertise`
    Expertise,
}

struct Entry {
    card: Arc<Card>,
    /// `Card::load_cap_per_week`, here so that scoring need not read the card.
    cap: u32,
    standing: Standing,
}

/// A value of a facet as it was first written, and who has it.
#[derive(Default)]
struct Value {
    written: String,
    folded: String,
    mentors: RoaringBitmap,
}

/// Everybody, by number.
#[derive(Default)]
pub struct Roster {
    entries: Vec<Option<Entry>>,
    by_id: HashMap<MentorId, u32>,
    visible: Bits,
    paused: HashMap<u32, Moment>,
    facets: [HashMap<String, Value>; 3],
    /// (name in lower case, id): the order of lists.
    by_name: BTreeSet<(String, MentorId, u32)>,
}

impl Roster {
    /// Takes a mentor in, replacing what it knew of them.
    pub fn put(&mut self, mentor: u32, card: Card) {
        let standing = self.entry(mentor).map(|entry| entry.standing.clone()).unwrap_or_default();
        self.remove(mentor);
        let at = mentor as usize;
        if at >= self.entries.len() {
            self.entries.resize_with(at + 1, || None);
        }
        self.by_id.insert(card.id, mentor);
        if card.is_visible {
            self.visible.set(mentor);
            self.by_name.insert((card.name.to_lowercase(), card.id, mentor));
            if let Some(until) = card.paused_until {
                self.paused.insert(mentor, until);
            }
            for (facet, values) in facets_of(&card) {
                for written in values {
                    let value = self.facets[facet as usize].entry(written.to_lowercase()).or_default();
                    if value.written.is_empty() {
                        value.written.clone_from(written);
                        value.folded = folded(written);
                    }
                    value.mentors.insert(mentor);
                }
            }
        }
        self.entries[at] = Some(Entry { cap: card.load_cap_per_week, card: Arc::new(card), standing });
    }

    /// Notes what is booked with a mentor; somebody unknown is left alone.
    pub fn put_standing(&mut self, mentor: u32, standing: Standing) {
        if let Some(Some(entry)) = self.entries.get_mut(mentor as usize) {
            entry.standing = standing;
        }
    }

    /// Forgets a mentor.
    pub fn remove(&mut self, mentor: u32) {
        let Some(entry) = self.entries.get_mut(mentor as usize).and_then(Option::take) else { return };
        let card = entry.card;
        self.by_id.remove(&card.id);
        self.visible.unset(mentor);
        self.paused.remove(&mentor);
        self.by_name.remove(&(card.name.to_lowercase(), card.id, mentor));
        for (facet, values) in facets_of(&card) {
            for written in values {
                let key = written.to_lowercase();
                let values = &mut self.facets[facet as usize];
                if let Some(value) = values.get_mut(&key) {
                    value.mentors.remove(mentor);
                    if value.mentors.is_empty() {
                        values.remove(&key);
                    }
                }
            }
        }
    }

    /// Who may be chosen: visible, not pausing, and passing every filter.
    pub fn eligible(&self, filters: &Filters, now: Moment) -> Bits {
        let mut eligible = self.visible.clone();
        for (mentor, until) in &self.paused {
            if *until > now {
                eligible.unset(*mentor);
            }
        }
        for (facet, wanted) in [
            (Facet::Industry, &filters.industries),
            (Facet::Stage, &filters.stages),
            (Facet::Expertise, &filters.expertise),
        ] {
            if !wanted.is_empty() {
                eligible.and(&self.with_any(facet, wanted));
            }
        }
        if let Some(days) = filters.available_within_days {
            let until = now.plus_days(i64::from(days));
            let without: Vec<u32> =
                eligible.iter().filter(|mentor| self.free_slots(*mentor, now, until).is_empty()).collect();
            for mentor in without {
                eligible.unset(mentor);
            }
        }
        eligible
    }

    fn with_any(&self, facet: Facet, wanted: &[String]) -> Bits {
        let mut any = RoaringBitmap::new();
        for value in wanted {
            if let Some(value) = self.facets[facet as usize].get(&value.trim().to_lowercase()) {
                any |= &value.mentors;
            }
        }
        any.iter().collect()
    }

    /// Everybody visible, pausing or not.
    pub const fn visible(&self) -> &Bits {
        &self.visible
    }

    /// What is shown of a mentor.
    pub fn card(&self, mentor: u32) -> Option<&Arc<Card>> {
        self.entry(mentor).map(|entry| &entry.card)
    }

    /// The number behind an id.
    pub fn number(&self, id: MentorId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// Slots of a mentor that can be booked at `now` and start before `until`, by start: none during a pause.
    pub fn free_slots(&self, mentor: u32, now: Moment, until: Moment) -> &[Slot] {
        let Some(entry) = self.entry(mentor) else { return &[] };
        if entry.card.paused_until.is_some_and(|paused_until| paused_until > now) {
            return &[];
        }
        let slots = &entry.standing.slots;
        // One notice for all slots of a mentor: they close in the order in which they start.
        let from = slots.partition_point(|slot| slot.closes_at <= now);
        let to = slots.partition_point(|slot| slot.starts_at < until);
        slots.get(from..to).unwrap_or_default()
    }

    /// Sessions that stand with a mentor from `now` on for seven days, and how many they are willing to hold.
    pub fn load(&self, mentor: u32, now: Moment) -> (u32, u32) {
        let Some(entry) = self.entry(mentor) else { return (0, 0) };
        let end = now.plus_days(7);
        let sessions = entry.standing.sessions.iter().filter(|start| **start >= now && **start < end).count();
        (u32::try_from(sessions).unwrap_or(u32::MAX), entry.cap)
    }

    /// The sum and the number of a mentor's ratings.
    pub fn ratings(&self, mentor: u32) -> (u32, u32) {
        self.entry(mentor).map_or((0, 0), |entry| entry.standing.ratings)
    }

    /// The values of a facet among visible mentors with how many have each, most common first.
    pub fn values(&self, facet: Facet) -> Vec<(&str, u64)> {
        let mut values: Vec<(&str, u64)> =
            self.facets[facet as usize].values().map(|value| (value.written.as_str(), value.mentors.len())).collect();
        values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        values
    }

    /// The industries of visible mentors, folded, in no order.
    pub fn folded_industries(&self) -> impl Iterator<Item = &str> {
        self.facets[Facet::Industry as usize].values().map(|value| value.folded.as_str())
    }

    /// Visible mentors in the order of their names after `cursor`, those in `among` only, at most `limit`.
    pub fn page(&self, among: &Bits, cursor: Option<&(String, MentorId)>, limit: usize) -> Vec<u32> {
        let from = cursor.map_or(Bound::Unbounded, |(name, id)| Bound::Excluded((name.clone(), *id, u32::MAX)));
        self.by_name
            .range((from, Bound::Unbounded))
            .map(|(_, _, mentor)| *mentor)
            .filter(|mentor| among.get(*mentor))
            .take(limit)
            .collect()
    }

    fn entry(&self, mentor: u32) -> Option<&Entry> {
        self.entries.get(mentor as usize)?.as_ref()
    }
}

const fn facets_of(card: &Card) -> [(Facet, &Vec<String>); 3] {
    [(Facet::Industry, &card.industries), (Facet::Stage, &card.stages), (Facet::Expertise, &card.expertise)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(name: &str, industries: &[&str], stages: &[&str]) -> Card {
        Card {
            id: MentorId::random(),
            name: name.to_owned(),
            headline: String::new(),
            bio: String::new(),
            company: String::new(),
            title: String::new(),
            photo_url: None,
            linkedin_url: None,
            expertise: Vec::new(),
            industries: industries.iter().map(|it| (*it).to_owned()).collect(),
            stages: stages.iter().map(|it| (*it).to_owned()).collect(),
            folded: Folded::default(),
            languages: Vec::new(),
            timezone: "UTC".to_owned(),
            load_cap_per_week: 5,
            paused_until: None,
            is_visible: true,
            passages: Vec::new(),
        }
    }

    fn roster() -> Roster {
        let mut roster = Roster::default();
        roster.put(1, card("Ada", &["Fintech", "Games"], &["Seed"]));
        roster.put(2, card("bo", &["Games"], &["Series A"]));
        roster.put(3, card("Cy", &["Health"], &["Seed"]));
        roster
    }

    fn filters(industries: &[&str], stages: &[&str]) -> Filters {
        Filters {
            industries: industries.iter().map(|it| (*it).to_owned()).collect(),
            stages: stages.iter().map(|it| (*it).to_owned()).collect(),
            ..Filters::default()
        }
    }

    fn eligible(roster: &Roster, filters: &Filters) -> Vec<u32> {
        roster.eligible(filters, NOW).iter().collect()
    }

    const NOW: Moment = Moment::from_unix(1_000_000);

    #[test]
    fn within_a_list_any_will_do_and_across_lists_all_must() {
        let roster = roster();
        assert_eq!(eligible(&roster, &Filters::default()), [1, 2, 3]);
        assert_eq!(eligible(&roster, &filters(&["FINTECH", "health"], &[])), [1, 3]);
        assert_eq!(eligible(&roster, &filters(&["games"], &["seed", "nonsense"])), [1]);
        assert!(eligible(&roster, &filters(&["nonsense"], &[])).is_empty());
    }

    #[test]
    fn who_hides_or_pauses_or_goes_is_not_chosen() {
        let mut roster = roster();
        roster.put(1, Card { is_visible: false, ..card("Ada", &["Fintech"], &[]) });
        roster.put(2, Card { paused_until: Some(NOW.plus_days(1)), ..card("bo", &["Games"], &[]) });
        assert_eq!(eligible(&roster, &Filters::default()), [3]);
        assert_eq!(roster.eligible(&Filters::default(), NOW.plus_days(2)).iter().collect::<Vec<_>>(), [2, 3]);
        roster.remove(3);
        assert!(eligible(&roster, &Filters::default()).is_empty());
        assert_eq!(roster.values(Facet::Industry), [("Games", 1)], "counts speak of the visible alone");
    }

    #[test]
    fn free_slots_are_those_ahead() {
        let mut roster = roster();
        let slot = |start: i64| Slot {
            id: SlotId::random(),
            starts_at: NOW.plus_seconds(start),
            ends_at: NOW.plus_seconds(start + 1800),
            closes_at: NOW.plus_seconds(start - 60),
            capacity: 1,
            remaining: 1,
        };
        let slots = vec![slot(-60), slot(60), slot(61), slot(86_400 * 3)];
        roster.put_standing(1, Standing { slots: slots.clone(), ..Standing::default() });
        assert_eq!(roster.free_slots(1, NOW, NOW.plus_days(14)), &slots[2..], "what closes now is closed");
        let soon = Filters { available_within_days: Some(1), ..Filters::default() };
        assert_eq!(eligible(&roster, &soon), [1]);
        roster.put(1, card("Ada", &[], &[]));
        assert_eq!(roster.free_slots(1, NOW, NOW.plus_days(1)).len(), 1, "a new profile keeps the slots");
        roster.put(1, Card { paused_until: Some(NOW.plus_seconds(1)), ..card("Ada", &[], &[]) });
        assert!(roster.free_slots(1, NOW, NOW.plus_days(14)).is_empty(), "nothing during a pause");
        assert_eq!(roster.free_slots(1, NOW.plus_seconds(1), NOW.plus_days(14)), &slots[3..]);
    }

    #[test]
    fn lists_go_by_name_and_continue_where_they_stopped() {
        let roster = roster();
        let all = roster.visible().clone();
        assert_eq!(roster.page(&all, None, 2), [1, 2]);
        let last = roster.card(2).expect("there");
        assert_eq!(roster.page(&all, Some(&(last.name.to_lowercase(), last.id)), 2), [3]);
    }
}
