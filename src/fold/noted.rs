//! The fold and notes of row groups: what an earlier run noted is taken over, and what this one finds is noted.
//!
//! A noted group enters every count that its rows would enter, as it would if they were read. Which notes may be believed
//! is decided by [`Notes`]. It fails if the disk does.

use super::notes::{Gathering, Known};
use super::{FoldReading, Gathered, constant_seller};
use crate::error::Result;
use crate::place::budget::Purpose;
use crate::scan::Unit;
use vtr_columnar::judge::{Counter, Judge, Yield};

impl FoldReading<'_> {
    /// Takes over what is noted of a unit; returns whether there is no need to read it.
    pub(super) fn take_noted(
        &self,
        unit: &Unit,
        judge: &Judge,
        counter: &mut Counter,
        gathered: &mut Gathered,
    ) -> Result<bool> {
        let file = &self.survey.files[unit.file as usize];
        let Some(notes) = self.notes else { return Ok(false) };
        let Some(known) = notes.known(self.plan, judge, file, unit) else { return Ok(false) };
        crate::signals::check()?;
        self.survey.see_times(unit.file, known.times);
        known.cells.iter().for_each(|(record, rows)| counter.count_noted(record, *rows));
        gathered.peaks.see(Purpose::Counts, counter.bytes());
        gathered.relieve_counts(counter.bytes(), &mut || counter.take_pieces())?;
        let seller = constant_seller(file);
        for seller in known.rejects.iter().filter_map(|reject| reject.seller.as_deref().or(seller)) {
            gathered.sellers.add(seller, 1);
        }
        self.kept.add(unit.file, known.rejects.clone());
        self.progress.add(known.counts.rows_read);
        gathered.take_known(unit, known)?;
        self.budget.check()?;
        Ok(true)
    }

    /// Notes what was gathered of a unit.
    pub(super) fn note(&self, unit: &Unit, judge: &Judge, gathered: &mut Gathered, out: &mut Yield, rows_read: u64) {
        let file = &self.survey.files[unit.file as usize];
        if let (Some(notes), Some(gathering)) = (self.notes, gathered.gathering.take()) {
            let counts = Gathering::counts(out, rows_read, file);
            notes.write(self.plan, judge, gathering, &counts);
        }
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
