//! The part of a plan that publication needs: where, under whose name, and which weeks are replaced.
//!
//! It reads the plan and nothing else. It fails for an output that this program cannot publish to, or that belongs to
//! another job.

use crate::error::{Error, Result};
use crate::job::digest::OUTPUT_REVISION;
use crate::job::plan::{Check, Claim, EvidenceWanted, Plan, Rolling, WeekRange};
use crate::schema::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use vtr_kernel::calendar::{Day, monday, provisional};
use vtr_kernel::ladder::Evidence;

use super::log::{Job, Manifest, Span, day_text};
use super::state;

/// The part of a plan that publication needs.
#[derive(Clone, Debug)]
pub struct Target {
    /// The output: a folder, or a URI.
    pub out: PathBuf,
    /// The job.
    pub job: Job,
    /// SHA-256 of the book.
    pub book: String,
    /// Digests of the parts of the book.
    pub book_parts: BTreeMap<String, String>,
    /// The output revision of the program.
    pub revision: u32,
    /// The UTC day on which the run began.
    pub ran_on: Day,
    /// The range of weeks; `None` for all.
    pub range: Option<WeekRange>,
    /// What is known about the weeks outside the range.
    pub claim: Option<Arc<Claim>>,
    /// Days until figures are final everywhere.
    pub latency_days: i32,
    /// The last day that the run takes into account.
    pub as_of: Day,
    /// The evidence that the job demands; `None` if the inputs decide.
    pub evidence: Option<Evidence>,
    /// The tables made, each with the span that is replaced.
    pub spans: BTreeMap<Table, Span>,
    /// The longest window in days, and the first weekday on which windows end: 6 is Sunday.
    pub windows: (i32, i32),
    /// The first week that `judged` keeps; `None` if the job does not make that table.
    pub judged_from: Option<Day>,
    /// The largest accepted share of rejected rows.
    pub max_rejected: (u64, u64),
    /// The largest accepted share of damaged values in a column.
    pub max_damaged: (u64, u64),
    /// The largest accepted share of unknown words in a column.
    pub max_unknown_words: (u64, u64),
    /// The largest accepted share of scans that are copies of other times of their packages.
    pub max_copied_times: (u64, u64),
    /// The largest accepted number of published weeks that lose all their rows.
    pub max_vanished_weeks: u64,
    /// Whether the job closes weeks.
    pub closes_weeks: bool,
    /// The checks of the job.
    pub checks: Vec<Check>,
    /// The most bytes that the checks may hold of sellers.
    pub check_bytes: u64,
    /// The most bytes of rows that wait for being compared with published ones, for each thread.
    pub held_bytes: usize,
}

impl Target {
    /// Takes it from a plan.
    pub fn of(plan: &Plan) -> Result<Target> {
        Ok(Target {
            out: PathBuf::from(&plan.output.path),
            job: Job { name: plan.name.clone(), digest: plan.job_digest.clone() },
            book: plan.book.digest().to_owned(),
            book_parts: super::stale::book_parts(plan),
            revision: OUTPUT_REVISION,
            ran_on: plan.began_on(),
            range: plan.range,
            claim: plan.claim.clone(),
            latency_days: plan.book.longest_latency(),
            as_of: plan.as_of,
            evidence: match plan.evidence {
                EvidenceWanted::Auto => None,
                EvidenceWanted::Scans => Some(Evidence::Scans),
                EvidenceWanted::Format => Some(Evidence::Format),
            },
            spans: super::spans(plan).into_iter().collect(),
            windows: (
                vtr_kernel::windows::lengths(&plan.book).last().copied().unwrap_or(1),
                if plan.output.rolling == Rolling::Daily { 0 } else { 6 },
            ),
            judged_from: plan.judged_from(),
            max_rejected: plan.limits.max_rejected,
            max_damaged: plan.limits.max_damaged,
            max_unknown_words: plan.limits.max_unknown_words,
            max_copied_times: plan.limits.max_copied_times,
            max_vanished_weeks: plan.limits.max_vanished_weeks,
            closes_weeks: plan.output.closed_after_days.is_some(),
            checks: plan.checks.clone(),
            check_bytes: plan.memory / 16,
            held_bytes: plan.budget().held(),
        })
    }

    /// Refuses a published version of another job or of other evidence.
    pub fn refuse_other(&self, published: &Manifest, evidence: Option<Evidence>) -> Result<()> {
        let (out, theirs, ours) = (self.out.display(), &published.job.name, &self.job.name);
        if theirs != ours {
            return Err(Error::Usage(format!(
                "{out}: belongs to job `{theirs}`, not to `{ours}`; give this job an output.path of its own"
            )));
        }
        match evidence {
            Some(evidence) if evidence.name() != published.evidence => Err(Error::Usage(format!(
                "{out}: holds rates on `{}` evidence, this run judges on `{}`; the two are never mixed: give it an output.path \
                 of its own",
                published.evidence,
                evidence.name()
            ))),
            _ => Ok(()),
        }
    }
}

impl Target {
    /// Returns everything by which equal rows may become other bytes.
    pub fn made_by(&self) -> String {
        format!("vtr {} revision {}", env!("CARGO_PKG_VERSION"), self.revision)
    }

    /// Refuses a publication whose figures would disagree within one version: weeks of another revision of the
    /// program, a table that has only some weeks, or a whole history as of an earlier day.
    ///
    /// # Errors
    /// [`Error::Usage`], with what to do.
    pub fn refuse_backwards(&self, published: &Manifest) -> Result<()> {
        let out = self.out.display();
        if self.range.is_some() && published.revision != self.revision {
            return Err(Error::Usage(format!(
                "{out}: was written by another version of this program, whose tables differ; run once without a range of weeks, \
                 which judges all of them anew"
            )));
        }
        self.refuse_other_tables(published)?;
        let newest = published.states.iter().map(|state| state.as_of).chain([published.as_of]).max();
        match newest.filter(|newest| self.range.is_none() && *newest > self.as_of) {
            None => Ok(()),
            Some(newest) if newest > self.ran_on => Err(Error::Usage(format!(
                "{out}: is published as of {}, a day that has not come yet and was probably mistyped, later than this run's {}; \
                 move that folder away or give another one with --out, and run again",
                day_text(newest),
                day_text(self.as_of)
            ))),
            Some(newest) => Err(Error::Usage(format!(
                "{out}: is published as of {}, later than this run's {}; what was known on a past day goes to an output of its \
                 own: use --out",
                day_text(newest),
                day_text(self.as_of)
            ))),
        }
    }

    /// Refuses some weeks with other tables than the weeks beside them. A table that was added would be empty in the
    /// other weeks, which reads as an all-clear; one that was dropped would keep old figures beside new ones.
    fn refuse_other_tables(&self, published: &Manifest) -> Result<()> {
        let (Some(_), None) = (self.range, &self.claim) else { return Ok(()) };
        let ours: BTreeSet<&str> = self.spans.keys().map(|table| table.name()).collect();
        let own = state::weeks_of(self.range, None);
        let beside = published.states.iter().filter(|state| !state::minus(&state.weeks, &own).is_empty());
        for state in beside {
            let theirs: BTreeSet<&str> = state.tables.iter().map(String::as_str).collect();
            let list = |what: &str, of: &BTreeSet<&str>, without: &BTreeSet<&str>| {
                let names: Vec<&str> = of.difference(without).copied().collect();
                (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
            };
            let differences = [list("with", &ours, &theirs), list("without", &theirs, &ours)];
            let differences: Vec<String> = differences.into_iter().flatten().collect();
            if !differences.is_empty() {
                return Err(Error::Usage(format!(
                    "{}: this job makes other tables than the weeks beside these were published with ({}); run once without a \
                     range of weeks, which brings all of them up to date",
                    self.out.display(),
                    differences.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Whether a published week was final in every marketplace when it was judged, and is now.
    pub fn was_final(&self, published: &Manifest, week: Day) -> bool {
        let file = published.files(Table::VtrWeekly).iter().find(|file| file.week == Some(week));
        let then =
            file.and_then(|file| published.judged.get(&file.judged_by)).map_or(published.as_of, |judged| judged.as_of);
        !provisional(week + 6, self.latency_days, then.min(self.as_of))
    }
}

/// The span of a table that a run replaces. A ranged run replaces the rolling windows that overlap the range; the last
/// of these ends on `last_end`. A later window would be dropped without a replacement.
pub fn span(table: Table, range: Option<WeekRange>, last_end: Day) -> Span {
    match range {
        Some(range) if table == Table::VtrRolling => Span::Weeks { first: range.first, last: monday(last_end) },
        Some(range) if table.is_partitioned() => Span::Weeks { first: range.first, last: range.last },
        _ => Span::All,
    }
}
