//! Reading files whole before anything of them is counted, so that those which turn out bad half way can be left out.
//!
//! A run drops what it has folded once a file turns out bad, and folds the rest anew; whoever deals units out to others
//! must know before. It judges and keeps nothing. It fails where the inputs cannot be reached and when it is told to stop.

use super::on_threads;
use crate::error::{Error, Result};
use crate::job::plan::{OnBadFile, Plan, Trial};
use crate::scan::{self, Survey, Unit};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A survey without the files that cannot be read to their end and that the job allows to be left out. Files of other
/// inputs are not read, nor those that a process of its own has read already.
///
/// # Errors
/// An input that cannot be reached, no file that stays, or the word to stop.
pub fn without_bad(plan: &Plan, survey: Survey) -> Result<Survey> {
    let may_skip = |unit: &&Unit| {
        let input = &plan.inputs[survey.files[unit.file as usize].input];
        input.on_bad_file == OnBadFile::Skip && input.trial == Trial::None
    };
    let units: Vec<&Unit> = survey.units.iter().filter(may_skip).collect();
    let (next, bad) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<u32, String>::new()));
    on_threads(plan, &AtomicBool::new(false), || {
        while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            match scan::read(plan, &survey, unit, &mut |_| crate::signals::check()) {
                Err(Error::BadFiles(one)) => bad.lock().unwrap_or_else(PoisonError::into_inner).extend(one),
                read => drop(read?),
            }
        }
        Ok(())
    })?;
    let bad: Vec<(u32, String)> = bad.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
    if bad.is_empty() { Ok(survey) } else { survey.without(plan, bad) }
}
