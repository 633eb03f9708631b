//! A plan of shares in a process that folds, settles or finishes: the planned job, compared with its state now.
//!
//! It looks at inputs and changes nothing. It refuses by name a job, a book or an input that differs from the plan.

use super::units::{PlannedUnit, Units, program};
use crate::assemble::{self, Mode};
use crate::error::{Error, Result};
use crate::fold::parts::Seal;
use crate::job::plan::{Format, Plan, WeekRange};
use crate::job::{self, Overrides};
use crate::scan::identity::is_still;
use crate::scan::{self, Survey, Unit};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use vtr_kernel::calendar::{Day, date_from_day, day_from_date};
use vtr_kernel::ladder::Evidence;

/// The settings of the process itself.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Worker threads; `None` for as many as the machine has.
    pub threads: Option<usize>,
    /// Most memory, such as `2 GiB`; `None` for half of the machine's, at most 2 GiB.
    pub memory: Option<String>,
}

/// The planned job; threads share it.
pub struct Work {
    plan: Plan,
    units: Units,
    seal: Seal,
    survey: Mutex<Option<Arc<Survey>>>,
    /// Files that were found unchanged since the plan.
    still: Mutex<HashSet<u32>>,
}

fn day(text: &str) -> Result<Day> {
    text.parse()
        .map(day_from_date)
        .map_err(|_| Error::Usage(format!("the plan's day {text} is not a date; plan again")))
}

impl Work {
    /// Opens the job in the plan; `now` is when this process begins.
    ///
    /// # Errors
    /// The job cannot be planned here (its book, rates or packages are not within reach), or has changed
    /// since.
    pub fn open(units: Units, machine: &Machine, now: SystemTime) -> Result<Work> {
        let (shown, root) = (format!("{} of the plan", units.job.name), PathBuf::from(&units.job.folder));
        let flags = Overrides { threads: machine.threads, memory: machine.memory.clone(), ..units.options.clone() };
        let plan = job::load_text(&units.job.text, (&shown, root), &flags, now)?;
        Work::of(plan, units)
    }

    /// Opens the job from its file, which must be the one that was planned; options that are given here override the
    /// plan's.
    ///
    /// # Errors
    /// As [`Work::open`].
    pub fn of_job(path: &Path, units: Units, given: &Overrides, now: SystemTime) -> Result<Work> {
        let planned = units.options.clone();
        let mut set = planned.set;
        set.extend(given.set.iter().cloned());
        let flags = Overrides {
            as_of: given.as_of.clone().or(planned.as_of),
            book: if given.book.is_empty() { planned.book } else { given.book.clone() },
            sources: given.sources.clone().or(planned.sources),
            out: given.out.clone().or(planned.out),
            set,
            ..given.clone()
        };
        Work::of(job::load(path, &flags, now)?, units)
    }

    fn of(mut plan: Plan, units: Units) -> Result<Work> {
        plan.range = match &units.weeks {
            Some([first, last]) => Some(WeekRange { first: day(first)?, last: day(last)? }),
            None => None,
        };
        if plan.assemble.is_some() {
            assemble::ready(&mut plan, Mode::Standing)?;
        }
        let date = date_from_day(plan.as_of).to_string();
        let tables: Vec<&str> = plan.output.tables.iter().map(|table| table.name()).collect();
        for (what, ours, theirs) in [
            ("the job has changed", &*plan.job_digest, &*units.job.digest),
            ("the book is another", plan.book.digest(), &*units.book),
            ("as_of is another", &*date, &*units.as_of),
            ("the tables are others", &*tables.join(" "), &*units.tables.join(" ")),
        ] {
            if ours != theirs {
                return Err(Error::Usage(format!(
                    "job `{}`: {what} since it was planned ({theirs}, now {ours}); plan again, or take the job that was planned",
                    plan.name
                )));
            }
        }
        let seal = Seal { plan: units.digest.clone(), book: units.book.clone(), program: program() };
        Ok(Work { plan, units, seal, survey: Mutex::default(), still: Mutex::default() })
    }

    /// Returns the job's plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the plan of shares.
    pub fn units(&self) -> &Units {
        &self.units
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Returns the evidence by which packages are judged.
    pub(super) fn evidence(&self) -> Result<Evidence> {
        let known = [Evidence::Scans, Evidence::Format].into_iter().find(|known| known.name() == self.units.evidence);
        known.ok_or_else(|| Error::Usage(format!("the plan's evidence {} is unknown; plan again", self.units.evidence)))
    }

    /// Returns the survey of the inputs, made once a process.
    pub(super) fn survey(&self) -> Result<Arc<Survey>> {
        let mut survey = self.survey.lock();
        if let Some(survey) = &*survey {
            return Ok(survey.clone());
        }
        Ok(survey.insert(Arc::new(self.look()?)).clone())
    }

    /// Surveys the inputs as they are now.
    pub(super) fn look(&self) -> Result<Survey> {
        let named: HashSet<&str> = self.units.inputs.iter().map(|input| input.file.as_str()).collect();
        let mut survey = scan::survey_again(&self.plan, &named, &self.units.left_out)?;
        let now = survey.files.iter().map(|file| (&file.shown, file.bytes));
        for ((file, bytes), planned) in now.zip(&self.units.inputs) {
            if *file != planned.file || bytes != planned.bytes {
                return Err(changed(&planned.file));
            }
        }
        if survey.files.len() != self.units.inputs.len() || survey.evidence.name() != self.units.evidence {
            return Err(Error::Input("the inputs are not those that were planned; plan again".to_owned()));
        }
        survey.bad.clone_from(&self.units.bad);
        Ok(survey)
    }

    /// Returns the units at some places of the plan.
    pub(super) fn units_at(&self, survey: &Survey, places: &[usize]) -> Result<Vec<Unit>> {
        let found: HashMap<(u32, u64), &Unit> =
            survey.units.iter().map(|unit| ((unit.file, unit.first_record), unit)).collect();
        let unit = |place: &usize| {
            let planned = self.units.units.get(*place).ok_or_else(|| {
                Error::Usage(format!("there is no unit {place}: the plan has {}, from 0", self.units.units.len()))
            })?;
            let unit =
                found.get(&(planned.file, planned.first_record)).filter(|unit| PlannedUnit::of(unit) == *planned);
            unit.map(|unit| (*unit).clone()).ok_or_else(|| changed(&self.units.inputs[planned.file as usize].file))
        };
        places.iter().map(unit).collect()
    }

    /// Refuses a survey that would read other units than were planned.
    pub(super) fn expect_units(&self, survey: &Survey) -> Result<()> {
        let now: Vec<PlannedUnit> = survey.units.iter().map(PlannedUnit::of).collect();
        if now == self.units.units {
            return Ok(());
        }
        Err(Error::Input("the units of the inputs are not those that were planned; plan again".to_owned()))
    }

    /// Refuses columnar inputs and objects that have changed since they were planned; changed texts are found by
    /// reading.
    pub(super) fn refuse_changed(&self, survey: &Survey, units: &[Unit]) -> Result<()> {
        let files: HashSet<u32> = units.iter().map(|unit| unit.file).collect();
        let mut files: Vec<u32> = files.into_iter().collect();
        files.sort_unstable();
        for file in files {
            let of = &survey.files[file as usize];
            if of.format == Format::Parquet || of.origin.path().is_none() {
                self.expect_content(survey, file, None)?;
            }
        }
        Ok(())
    }

    /// Refuses a file whose content differs from the plan; an empty digest means that it is unknown.
    pub(super) fn refuse_other_content(&self, survey: &Survey, file: u32, read: &str) -> Result<()> {
        if read.is_empty() { Ok(()) } else { self.expect_content(survey, file, Some(read)) }
    }

    fn expect_content(&self, survey: &Survey, file: u32, read: Option<&str>) -> Result<()> {
        let still = || self.still.lock();
        if still().contains(&file) {
            return Ok(());
        }
        let planned = &self.units.inputs[file as usize];
        if !is_still(&survey.files[file as usize], &planned.digest, planned.stamp.as_ref(), read)? {
            return Err(changed(&planned.file));
        }
        still().insert(file);
        Ok(())
    }
}

fn changed(file: &str) -> Error {
    let file = vtr_kernel::text::shown(file);
    Error::Input(format!("{file}: has changed since it was planned; plan again, and fold all shares of that plan"))
}
