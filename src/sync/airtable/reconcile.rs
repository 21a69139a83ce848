//! A whole table against what is here: every record goes the way of a delivery, a bad one alone is left out, and
//! whoever is no longer in the table is hidden.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::Order;
use super::report::{Changed, Hidden, Refused, Report};
use crate::audit::{self, Actor, Filter};
use crate::db::{Change, Db, Tx};
use crate::error::{Error, Kind, Result};
use crate::ids::MentorNo;
use crate::mentors::{self, Edit, Mentor, Patch, Put};
use crate::sync::deliveries::{self, Noted};
use crate::sync::intake::describe;
use crate::sync::mapping::Mapping;
use crate::sync::{apply, check};

/// As many may vanish from the table at once without a question.
const FEW: usize = 5;

/// The largest record taken, in bytes: as for a delivery.
const LONGEST_RECORD: usize = 1024 * 1024;

/// Who was in use here before the table was read, by their records.
pub(super) struct Before {
    known: HashMap<String, MentorNo>,
    /// The newest change there was.
    seq: u64,
}

impl Before {
    /// Looks before the table is read: whoever comes in meanwhile may be missing from what was read and yet be there.
    pub(super) fn look(db: &Db) -> Result<Self> {
        db.read_here(|tx| {
            let mut known = HashMap::new();
            mentors::for_each(tx, |mentor| {
                if let Some(record) = mentor.record.filter(|_| mentor.profile.is_active && !mentor.is_erased) {
                    known.insert(record, mentor.number);
                }
                Ok(())
            })?;
            Ok(Self { known, seq: tx.last_change()? })
        })
    }
}

/// What became of one record.
enum Outcome {
    Taken(Put),
    Refused(Error),
    /// Somebody changed them here while the table was read.
    Later,
    /// It is gone, and this is whom it stood for.
    Hidden(Box<Mentor>),
}

/// One look at the whole table.
pub(super) struct Round<'a> {
    order: Order,
    mapping: &'a Mapping,
    actor: Actor,
    /// Those who are here and not in the table.
    gone: Vec<MentorNo>,
    /// Those whom somebody else has changed since the table was read.
    touched: HashSet<MentorNo>,
    /// The last change that was looked at.
    seq: u64,
    unknown: BTreeSet<String>,
    pub report: Report,
}

impl<'a> Round<'a> {
    /// A round on the table with these records.
    ///
    /// # Errors
    /// `sync_too_many_gone` where so many are missing that the table is more likely the wrong one.
    pub(super) fn new(order: Order, mapping: &'a Mapping, before: Before, records: &HashSet<String>) -> Result<Self> {
        let n_known = before.known.len();
        let mut gone: Vec<MentorNo> = before
            .known
            .into_iter()
            .filter_map(|(record, number)| (!records.contains(&record)).then_some(number))
            .collect();
        gone.sort_unstable();
        let is_odd = !gone.is_empty() && (records.is_empty() || (gone.len() > FEW && gone.len() * 2 > n_known));
        if is_odd && !order.is_forced {
            let problem = format!(
                "{} of the {n_known} mentors here who come from the base are not among its {} records. That many are \
                 not hidden by themselves, and nothing was changed. See whether sync.airtable_table is the right table; \
                 `tandem sync --dry-run --force` lists whom it would hide, `tandem sync --force` does it.",
                gone.len(),
                records.len(),
            );
            return Err(Error::operator("sync_too_many_gone", problem));
        }
        let (touched, unknown, report) = (HashSet::new(), BTreeSet::new(), Report::default());
        let actor = Actor::nobody("airtable");
        Ok(Self { order, mapping, actor, gone, touched, seq: before.seq, unknown, report })
    }

    /// Takes in some records, as the base would post them, in one transaction.
    pub(super) fn take(&mut self, tx: &Tx<'_>, payloads: &[Value]) -> Result<()> {
        self.look_for_others(tx)?;
        for payload in payloads {
            self.report.read += 1;
            let record = payload["recordId"].as_str().unwrap_or_default();
            let mut unknown = BTreeSet::new();
            let outcome = match tx.savepoint(|tx| self.take_one(tx, payload, &mut unknown)) {
                Ok(put) => Outcome::Taken(put),
                Err(refusal) if refusal.code == "changed_meanwhile" => Outcome::Later,
                // A refusal is about this record; anything else is about the machine and ends the round.
                Err(refusal) if refusal.kind != Kind::Internal && refusal.cause().is_none() => {
                    Outcome::Refused(refusal)
                }
                Err(failure) => return Err(failure),
            };
            self.settle(tx, record, Some(payload), &unknown, outcome)?;
            self.unknown.extend(unknown);
        }
        self.seq = tx.last_change()?;
        Ok(())
    }

    fn take_one(&self, tx: &Tx<'_>, payload: &Value, unknown: &mut BTreeSet<String>) -> Result<Put> {
        let mut payload = payload.clone();
        if payload.to_string().len() > LONGEST_RECORD {
            return Err(Error::too_large("The record is larger than 1 MiB."));
        }
        self.mapping.rename(&mut payload);
        let record = check::mentor_payload(&payload, unknown)?;
        let applied = apply(tx, &self.actor, record)?;
        if applied.put.has_changed && self.touched.contains(&applied.put.number) {
            return Err(Error::conflict("changed_meanwhile", "They were changed here while the table was read."));
        }
        Ok(applied.put)
    }

    /// Hides those who are gone, unless they came back or were changed meanwhile.
    pub(super) fn hide_the_gone(&mut self, tx: &Tx<'_>) -> Result<()> {
        self.look_for_others(tx)?;
        for number in std::mem::take(&mut self.gone) {
            let Some(mentor) = mentors::by_number(tx, number)?.filter(|it| it.profile.is_active && !it.is_erased)
            else {
                continue;
            };
            let Some(record) = mentor.record.clone() else { continue };
            let outcome = if self.touched.contains(&number) {
                Outcome::Later
            } else {
                let edit = Edit { is_active: Patch::Set(false), ..Edit::default() };
                mentors::change(tx, &self.actor, mentor.clone(), None, edit)?;
                Outcome::Hidden(Box::new(mentor))
            };
            self.settle(tx, &record, None, &BTreeSet::new(), outcome)?;
        }
        self.report.unknown_fields = self.unknown.iter().cloned().collect();
        Ok(())
    }

    /// Sees whom somebody else has changed since this round last looked. Its own changes lie before `seq`.
    fn look_for_others(&mut self, tx: &Tx<'_>) -> Result<()> {
        let changes = tx.changes_after(self.seq)?;
        self.touched.extend(changes.iter().filter(|it| it.change == Change::Profile).map(|it| it.mentor));
        Ok(())
    }

    /// The one place where it is known what became of a record; `payload` is what the base says of it.
    fn settle(
        &mut self,
        tx: &Tx<'_>,
        record: &str,
        payload: Option<&Value>,
        unknown: &BTreeSet<String>,
        outcome: Outcome,
    ) -> Result<()> {
        let source = self.order.source.into();
        let body = payload.map(Value::to_string).filter(|body| body.len() <= LONGEST_RECORD);
        let body = body.as_deref().map(str::as_bytes);
        let log = |mentor, result, refusal| {
            deliveries::note(tx, &Noted { source, record: Some(record), mentor, result, refusal, unknown, body })
        };
        match outcome {
            // The log would be nothing but these.
            Outcome::Taken(put) if !put.has_changed => self.report.unchanged += 1,
            Outcome::Taken(put) => {
                log(Some(put.number), deliveries::Outcome::Changed, None)?;
                self.report.changed.push(changed(tx, record, &put)?);
            }
            Outcome::Later => self.report.later += 1,
            Outcome::Refused(refusal) => {
                tracing::warn!(?source, record, code = refusal.code, "a record was refused: {refusal}");
                log(None, deliveries::Outcome::Refused, Some(&refusal))?;
                let reason = describe(&refusal);
                self.report.refused.push(Refused { record: record.to_owned(), code: refusal.code, reason });
            }
            Outcome::Hidden(mentor) => {
                log(Some(mentor.number), deliveries::Outcome::Changed, None)?;
                let (record, mentor_id, name) = (record.to_owned(), mentor.id, mentor.name);
                self.report.hidden.push(Hidden { record, mentor_id, name });
            }
        }
        Ok(())
    }
}

/// What has just been changed, as the audit log has written it down.
fn changed(tx: &Tx<'_>, record: &str, put: &Put) -> Result<Changed> {
    let filter = Filter { entity_id: Some(put.mentor.to_string()), ..Filter::default() };
    let written = audit::entries(tx, &filter, 1)?.pop();
    let is_new = written.as_ref().is_some_and(|event| event.kind == "mentor.created");
    let mut fields = Vec::new();
    if let Some(Value::Object(after)) = written.filter(|_| !is_new).map(|mut event| event.change["after"].take()) {
        fields.extend(after.keys().filter(|key| *key != "fields").cloned());
        let texts = after.get("fields").and_then(Value::as_array).into_iter().flatten();
        fields.extend(texts.filter_map(Value::as_str).map(str::to_owned));
    }
    let name = mentors::by_number(tx, put.number)?.map(|mentor| mentor.name).unwrap_or_default();
    Ok(Changed { record: record.to_owned(), mentor_id: put.mentor, name, is_new, fields })
}
