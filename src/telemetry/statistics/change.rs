#![forbid(unsafe_code)]
//! What a transaction has changed and not yet written to the derived values.

use std::collections::{BTreeMap, HashMap};

use super::Day;
use crate::telemetry::kinds::EventType;

/// The facts of an event that derived values depend on.
#[derive(Debug, Clone, Copy)]
pub(in crate::telemetry) struct EventFacts<'a> {
    pub(in crate::telemetry) session_id: &'a str,
    /// `None`: a type that only a foreign program can have written.
    pub(in crate::telemetry) event_type: Option<EventType>,
    pub(in crate::telemetry) agent_type: &'a str,
    pub(in crate::telemetry) mode: &'a str,
    pub(in crate::telemetry) timestamp: f64,
}

/// Pending changes of all rows.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) sessions: HashMap<String, SessionChange>,
    pub(super) days: BTreeMap<Day, StatsChange>,
    pub(super) durations: DurationChange,
    pub(super) last_event_id: i64,
}

/// Pending change of the durations of all sessions.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct DurationChange {
    pub(super) changed: bool,
    pub(super) sum: f64,
    pub(super) count: i64,
    /// Largest number that went into the sum: it tells how much of it is rounding error.
    pub(super) largest: f64,
}

/// Pending changes of one session.
#[derive(Debug, Default)]
pub(super) struct SessionChange {
    /// Whether the session had events before.
    pub(super) had_events: bool,
    /// The days looked at.
    pub(super) days: Vec<DayChange>,
    pub(super) events: i64,
    pub(super) streams: i64,
    pub(super) errors: i64,
    /// Timestamps of the inserted events.
    pub(super) range: Option<(f64, f64)>,
    pub(super) deleted: bool,
}

/// What happened to the events of a session on one day.
#[derive(Debug, Clone, Copy)]
pub(super) struct DayChange {
    pub(super) day: Day,
    /// Whether there were events before.
    pub(super) had: bool,
    /// Whether something was inserted or deleted after the look: an insert can fail.
    pub(super) changed: bool,
}

/// Pending changes of one row of `telemetry_stats`.
#[derive(Debug, Default)]
pub(super) struct StatsChange {
    pub(super) events: i64,
    pub(super) by_type: [i64; 4],
    pub(super) unique_sessions: i64,
    pub(super) agents: BTreeMap<String, i64>,
    pub(super) modes: BTreeMap<String, i64>,
    pub(super) inserted: bool,
    pub(super) deleted: bool,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.values().all(SessionChange::is_empty) && self.days.is_empty() && !self.durations.changed
    }
}

impl DurationChange {
    /// The duration of a session went from `old` to `new`.
    pub(super) fn replace(&mut self, old: Option<f64>, new: Option<f64>) {
        if old == new {
            return;
        }
        self.changed = true;
        let (before, after) = (old.unwrap_or(0.0), new.unwrap_or(0.0));
        self.sum += after - before;
        self.count += i64::from(new.is_some()) - i64::from(old.is_some());
        self.largest = self.largest.max(before.abs()).max(after.abs()).max(self.sum.abs());
    }
}

impl SessionChange {
    pub(super) fn is_empty(&self) -> bool {
        self.range.is_none() && !self.deleted
    }

    pub(super) fn mark(&mut self, day: Day) {
        for touched in self.days.iter_mut().filter(|touched| touched.day == day) {
            touched.changed = true;
        }
    }

    pub(super) fn count(&mut self, facts: &EventFacts<'_>, sign: i64) {
        self.events += sign;
        match facts.event_type {
            Some(EventType::Stream) => self.streams += sign,
            Some(EventType::Error) => self.errors += sign,
            _ => {}
        }
    }

    pub(super) fn stretch(&mut self, timestamp: f64) {
        let (min, max) = self.range.unwrap_or((timestamp, timestamp));
        self.range = Some((min.min(timestamp), max.max(timestamp)));
    }
}

impl StatsChange {
    pub(super) fn insert(&mut self, facts: &EventFacts<'_>) {
        self.count(facts, 1);
        if self.inserted {
            self.min = self.min.min(facts.timestamp);
            self.max = self.max.max(facts.timestamp);
        } else {
            (self.inserted, self.min, self.max) = (true, facts.timestamp, facts.timestamp);
        }
    }

    pub(super) fn delete(&mut self, facts: &EventFacts<'_>) {
        self.count(facts, -1);
        self.deleted = true;
    }

    /// Fold a day's change into that of the total, except for the sessions, which are not additive.
    pub(super) fn fold(&mut self, day: &Self) {
        self.events += day.events;
        for (position, delta) in day.by_type.iter().enumerate() {
            self.by_type[position] += delta;
        }
        for (sum, part) in [(&mut self.agents, &day.agents), (&mut self.modes, &day.modes)] {
            for (key, delta) in part {
                *sum.entry(key.clone()).or_insert(0) += delta;
            }
        }
        if day.inserted {
            self.min = if self.inserted { self.min.min(day.min) } else { day.min };
            self.max = if self.inserted { self.max.max(day.max) } else { day.max };
        }
        self.inserted |= day.inserted;
        self.deleted |= day.deleted;
    }

    fn count(&mut self, facts: &EventFacts<'_>, sign: i64) {
        self.events += sign;
        if let Some(kind) = facts.event_type {
            self.by_type[type_index(kind)] += sign;
        }
        add(&mut self.agents, facts.agent_type, sign);
        add(&mut self.modes, facts.mode, sign);
    }
}

fn add(counts: &mut BTreeMap<String, i64>, key: &str, sign: i64) {
    match counts.get_mut(key) {
        Some(count) => *count += sign,
        None => {
            counts.insert(key.to_owned(), sign);
        }
    }
}

/// Position of a type in [`StatsChange::by_type`].
fn type_index(kind: EventType) -> usize {
    match kind {
        EventType::Start => 0,
        EventType::Stream => 1,
        EventType::End => 2,
        EventType::Error => 3,
    }
}
