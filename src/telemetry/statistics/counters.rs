#![forbid(unsafe_code)]
//! The keeper of derived values on the writer thread.

use std::collections::{HashMap, hash_map::Entry};

use super::{
    Day, StatsRow,
    change::{Changes, DayChange, EventFacts, SessionChange, StatsChange},
    recount,
};
use crate::{clock::now, error::Result, store::Conn};

/// Sessions remembered between transactions; beyond that the memory starts anew.
const MOST_KNOWN_SESSIONS: usize = 4_096;
/// Rows of `telemetry_stats` remembered between transactions.
const MOST_KNOWN_ROWS: usize = 64;
/// Largest share of the sum of all durations that may be rounding error of one transaction.
const ROUNDING: f64 = 1e-10;

/// Collects what a transaction changes and writes it once. What it knows about the file is a cache, valid until another
/// connection commits or something is undone.
#[derive(Debug, Default)]
pub(in crate::telemetry) struct Counters {
    changes: Changes,
    known: HashMap<String, Known>,
    /// `None`: the totals.
    rows: HashMap<Option<Day>, StatsRow>,
    /// Another program has inserted events that are not counted: the next open has to find that out.
    behind: bool,
}

/// What is known about a session that has events.
#[derive(Debug, Clone)]
struct Known {
    min: f64,
    max: f64,
    /// `None`: the session has no row (possible with foreign keys off).
    duration: Option<Option<f64>>,
    days: Vec<Day>,
}

impl Counters {
    /// Forget everything that is not in the file, and all that was known about it.
    pub(in crate::telemetry) fn forget(&mut self) {
        *self = Self { behind: self.behind, ..Self::default() };
    }

    /// Everything has been counted anew.
    pub(in crate::telemetry) fn recounted(&mut self) {
        *self = Self::default();
    }

    /// Another connection has committed: forget what was known, and see whether it counted what it inserted.
    pub(in crate::telemetry) fn foreign_commit(&mut self, conn: &Conn) -> Result<()> {
        self.forget();
        self.behind = recount::event_counter(conn)? > self.row(conn, None)?.last_event_id;
        Ok(())
    }

    /// Look at the session before an event is inserted: afterwards one cannot tell whether it is the first.
    pub(in crate::telemetry) fn expect(&mut self, conn: &Conn, session_id: &str, timestamp: f64) -> Result<()> {
        let day = Day::of(timestamp);
        self.touch(conn, session_id, day, None)
    }

    /// An event has been inserted, after [`Counters::expect`].
    pub(in crate::telemetry) fn inserted(&mut self, id: i64, facts: &EventFacts<'_>) {
        if let Some(change) = self.changes.sessions.get_mut(facts.session_id) {
            change.mark(Day::of(facts.timestamp));
            change.count(facts, 1);
            change.stretch(facts.timestamp);
        }
        self.changes.days.entry(Day::of(facts.timestamp)).or_default().insert(facts);
        self.changes.last_event_id = self.changes.last_event_id.max(id);
    }

    /// An event has been deleted.
    pub(in crate::telemetry) fn deleted(&mut self, conn: &Conn, facts: &EventFacts<'_>) -> Result<()> {
        let day = Day::of(facts.timestamp);
        self.touch(conn, facts.session_id, day, Some(true))?;
        if let Some(change) = self.changes.sessions.get_mut(facts.session_id) {
            change.mark(day);
            change.count(facts, -1);
            change.deleted = true;
        }
        self.known.remove(facts.session_id);
        self.changes.days.entry(day).or_default().delete(facts);
        Ok(())
    }

    /// The row of a session has been written by its user: its duration went from `old` to `new`.
    pub(in crate::telemetry) fn session_written(&mut self, session_id: &str, old: Option<f64>, new: Option<f64>) {
        self.known.remove(session_id);
        self.changes.durations.replace(old, new);
    }

    /// Write the collected changes to the file.
    pub(in crate::telemetry) fn flush(&mut self, conn: &Conn) -> Result<()> {
        if self.changes.is_empty() {
            // What was looked up for inserts that failed is not true for ever.
            self.changes = Changes::default();
            return Ok(());
        }
        let now = now();
        let mut changes = std::mem::take(&mut self.changes);
        let mut total = StatsChange::default();
        for (session_id, change) in changes.sessions.iter().filter(|(_, change)| !change.is_empty()) {
            if let Some((before, after)) = self.write_session(conn, session_id, change, now)? {
                changes.durations.replace(before, after);
            }
            for &DayChange { day, had, .. } in change.days.iter().filter(|touched| touched.changed) {
                let has = !change.deleted || has_events(conn, session_id, Some(day))?;
                changes.days.entry(day).or_default().unique_sessions += i64::from(has) - i64::from(had);
            }
            let has = !change.deleted || has_events(conn, session_id, None)?;
            total.unique_sessions += i64::from(has) - i64::from(change.had_events);
        }
        for (&day, change) in &changes.days {
            total.fold(change);
            let row = self.row(conn, Some(day))?;
            row.apply(change);
            if change.deleted {
                (row.min_timestamp, row.max_timestamp) = range_of(conn, day.bounds())?;
            }
            row.store(conn, now)?;
            if row.total_events == 0 {
                self.rows.remove(&Some(day));
            }
        }
        self.write_total(conn, &total, &changes, now)
    }

    fn write_total(&mut self, conn: &Conn, change: &StatsChange, changes: &Changes, now: f64) -> Result<()> {
        let behind = self.behind;
        let row = self.row(conn, None)?;
        row.apply(change);
        if change.deleted {
            (row.min_timestamp, row.max_timestamp) = range_of(conn, (0.0, f64::INFINITY))?;
        }
        let durations = changes.durations;
        let largest = durations.largest.max(row.duration_sum.abs());
        row.add_durations(durations.sum, durations.count);
        if !row.duration_sum.is_finite() || largest * f64::EPSILON > ROUNDING * row.duration_sum.abs().max(1.0) {
            // The difference of two far larger sums is all rounding error.
            (row.duration_sum, row.duration_count) = (0.0, 0);
            let (sum, count) = recount::durations(conn)?;
            row.add_durations(sum, count);
        }
        if !behind {
            row.last_event_id = row.last_event_id.max(changes.last_event_id);
        }
        row.store(conn, now)
    }

    /// Write the counts of one session. Returns its duration before and after, if it has a row and they are written.
    fn write_session(
        &mut self,
        conn: &Conn,
        id: &str,
        change: &SessionChange,
        now: f64,
    ) -> Result<Option<(Option<f64>, Option<f64>)>> {
        let Some((low, high)) = change.range else {
            conn.cached(
                "UPDATE telemetry_sessions SET event_count = event_count + ?2, stream_event_count = stream_event_count + \
                 ?3, error_count = error_count + ?4, updated_at = ?5 WHERE id = ?1",
            )?
            .execute((id, change.events, change.streams, change.errors, now))?;
            return Ok(None);
        };
        let known = self.known.remove(id).filter(|_| !change.deleted);
        let (min, max) = match &known {
            Some(known) => (known.min.min(low), known.max.max(high)),
            None if !change.had_events && !change.deleted => (low, high),
            None => session_range(conn, id)?,
        };
        let before = match &known {
            Some(known) => known.duration,
            None => stored_duration(conn, id)?,
        };
        let duration = (min != 0.0 && max != 0.0).then_some(max - min);
        let kept = i64::from(change.had_events);
        conn.cached(
            "UPDATE telemetry_sessions SET event_count = event_count * ?2 + ?3, stream_event_count = \
             stream_event_count * ?2 + ?4, error_count = error_count * ?2 + ?5, end_time = ?6, duration = ?7, \
             updated_at = ?8 WHERE id = ?1",
        )?
        .execute((id, kept, change.events, change.streams, change.errors, max, duration, now))?;
        if !change.deleted {
            let mut days = known.map(|known| known.days).unwrap_or_default();
            days.extend(change.days.iter().filter(|touched| touched.changed).map(|touched| touched.day));
            days.sort_unstable();
            days.dedup();
            self.remember(id, Known { min, max, duration: before.map(|_| duration), days });
        }
        Ok(before.map(|before| (before, duration)))
    }

    fn remember(&mut self, id: &str, known: Known) {
        if self.known.len() >= MOST_KNOWN_SESSIONS {
            self.known.clear();
        }
        self.known.insert(id.to_owned(), known);
    }

    /// Note what was there before a session and a day of it are changed. `had`: the answer, where it is known.
    fn touch(&mut self, conn: &Conn, session_id: &str, day: Day, had: Option<bool>) -> Result<()> {
        let known = self.known.get(session_id);
        let had_day = |known: Option<&Known>| match had {
            Some(had) => Ok(had),
            None if known.is_some_and(|known| known.days.contains(&day)) => Ok(true),
            None => has_events(conn, session_id, Some(day)),
        };
        if let Some(change) = self.changes.sessions.get_mut(session_id) {
            if !change.days.iter().any(|touched| touched.day == day) {
                change.days.push(DayChange { day, had: had_day(known)?, changed: false });
            }
            return Ok(());
        }
        let had_events = match had {
            Some(had) => had,
            None => known.is_some() || has_events(conn, session_id, None)?,
        };
        let first = DayChange { day, had: had_events && had_day(known)?, changed: false };
        let change = SessionChange { had_events, days: vec![first], ..SessionChange::default() };
        self.changes.sessions.insert(session_id.to_owned(), change);
        Ok(())
    }

    fn row(&mut self, conn: &Conn, day: Option<Day>) -> Result<&mut StatsRow> {
        if self.rows.len() >= MOST_KNOWN_ROWS && !self.rows.contains_key(&day) {
            self.rows.clear();
        }
        Ok(match self.rows.entry(day) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(day.map_or_else(StatsRow::total, StatsRow::day).load(conn)?),
        })
    }
}

/// Whether the session has an event, on `day` if given. One step in `idx_events_session_id`.
fn has_events(conn: &Conn, session_id: &str, day: Option<Day>) -> Result<bool> {
    let (from, to) = day.map_or((0.0, f64::INFINITY), Day::bounds);
    Ok(conn
        .cached("SELECT 1 FROM telemetry_events WHERE session_id = ?1 AND timestamp >= ?2 AND timestamp < ?3 LIMIT 1")?
        .exists((session_id, from, to))?)
}

/// Lowest and highest timestamp of a session: the two ends of its range in `idx_events_session_id`.
fn session_range(conn: &Conn, session_id: &str) -> Result<(f64, f64)> {
    Ok(conn
        .cached(
            "SELECT (SELECT min(timestamp) FROM telemetry_events WHERE session_id = ?1), \
             (SELECT max(timestamp) FROM telemetry_events WHERE session_id = ?1)",
        )?
        .query_row([session_id], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Lowest and highest timestamp of a range of time: two steps in `idx_events_timestamp`.
fn range_of(conn: &Conn, (from, to): (f64, f64)) -> Result<(Option<f64>, Option<f64>)> {
    Ok(conn
        .cached(
            "SELECT (SELECT min(timestamp) FROM telemetry_events WHERE timestamp >= ?1 AND timestamp < ?2), \
             (SELECT max(timestamp) FROM telemetry_events WHERE timestamp >= ?1 AND timestamp < ?2)",
        )?
        .query_row((from, to), |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// The duration in the row of a session; `None` without a row.
fn stored_duration(conn: &Conn, session_id: &str) -> Result<Option<Option<f64>>> {
    use rusqlite::OptionalExtension;
    Ok(conn
        .cached("SELECT duration FROM telemetry_sessions WHERE id = ?1")?
        .query_row([session_id], |row| row.get(0))
        .optional()?)
}
