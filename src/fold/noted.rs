//! The fold and notes of row groups: what an earlier run noted is taken over, and what this one finds is noted.
//!
//! A noted group enters every count that its rows would enter, as it would if they were read; rows in the range of weeks
//! are read beside their group's note. Which notes may be believed is decided by [`Notes`]. It fails if the disk does.

use super::notes::{Gathering, Known, key_of};
use super::{FoldReading, Gathered, constant_seller};
use crate::error::Result;
use crate::place::budget::Purpose;
use crate::scan::{Unit, UnitEnd};
use vtr_columnar::judge::{CopyRecord, Counter, Judge};

/// How much of a unit is left to read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// All of it: it has no note.
    All,
    /// Its rows in the range of weeks.
    OfRange,
    /// Nothing.
    Nothing,
}

/// What is gathered of rows that are read beside the note of their group.
pub(super) struct BesideNote {
    /// Their number, as the note says.
    asked: u64,
    keys: Vec<u64>,
}

impl BesideNote {
    pub(super) fn add(&mut self, copies: &[CopyRecord]) {
        self.keys.extend(copies.iter().map(key_of));
    }
}

impl FoldReading<'_> {
    /// Takes over what is noted of a unit; returns what is left to read.
    pub(super) fn take_noted(
        &self,
        unit: &Unit,
        judge: &Judge,
        counter: &mut Counter,
        gathered: &mut Gathered,
    ) -> Result<Left> {
        let file = &self.survey.files[unit.file as usize];
        let Some(notes) = self.notes else { return Ok(Left::All) };
        let Some(known) = notes.known(self.plan, judge, file, unit) else { return Ok(Left::All) };
        crate::signals::check()?;
        // Rows that are read beside the note are seen again.
        if known.asked == 0 {
            self.survey.see(unit.file, known.seen);
        }
        known.each_cell(self.plan, notes, |record, rows| counter.count_noted(record, rows))?;
        gathered.peaks.see(Purpose::Counts, counter.bytes());
        gathered.relieve_counts(counter.bytes(), &mut || counter.take_pieces())?;
        let seller = constant_seller(file);
        for seller in known.rejects.iter().filter_map(|reject| reject.seller.as_deref().or(seller)) {
            gathered.sellers.add(seller, 1);
        }
        self.kept.add(unit.file, known.rejects.clone());
        let (rows, asked) = (known.counts.rows_read, known.asked);
        gathered.take_known(unit, known)?;
        self.budget.check()?;
        if asked > 0 {
            gathered.beside = Some(BesideNote { asked, keys: Vec::with_capacity(asked as usize) });
            return Ok(Left::OfRange);
        }
        self.progress.add(rows);
        Ok(Left::Nothing)
    }

    /// Ends the reading of a unit: notes what was gathered, or leaves to the run what it read beside the unit's note.
    pub(super) fn end(
        &self,
        unit: &Unit,
        judge: &Judge,
        counter: &mut Counter,
        gathered: &mut Gathered,
        end: UnitEnd,
    ) -> Result<()> {
        let (file, mut out) = (&self.survey.files[unit.file as usize], counter.take());
        gathered.bytes_read += end.bytes_read;
        let Some(notes) = self.notes else { return gathered.add(unit.file, out, end.rows_read, end.digest) };
        if let Some(gathering) = gathered.gathering.take() {
            let counts = Gathering::counts(&mut out, end.rows_read, file);
            notes.write(self.plan, judge, gathering, &counts);
        }
        let Some(BesideNote { asked, keys }) = gathered.beside.take() else {
            return gathered.add(unit.file, out, end.rows_read, end.digest);
        };
        let group = gathered.noted.0.last_mut().expect("the group was added before its rows were read");
        if keys.len() as u64 != asked {
            return Err(group.give_up(notes, "it counts other rows than its row group has"));
        }
        group.leave(notes, keys, &|day| self.plan.is_asked(day))?;
        gathered.add(unit.file, out.of_range(), 0, end.digest)
    }
}

impl Gathered {
    fn take_known(&mut self, unit: &Unit, known: Known) -> Result<()> {
        self.files.entry(unit.file).or_default().merge(&known.counts);
        let (mut group, keys) = known.into_group(unit, self.spill.clone());
        if self.noted.1 + keys.len() > self.copies.most_bytes() {
            group.spill(&keys)?;
        } else {
            self.noted.1 += keys.len();
            group.hold(keys);
        }
        self.peaks.see(Purpose::Copies, self.copies.bytes() + self.noted.1);
        self.noted.0.push(group);
        Ok(())
    }
}
