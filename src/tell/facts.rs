//! Gathers from the stages what the report, the manifest and the warnings of a run contain.
//!
//! It adds up the stages' counts and decides nothing about a figure. It cannot fail.

use crate::fold::{FileCounts, Folded};
use crate::job::assembly::{AssembleInput, FoldBy};
use crate::job::plan::{AsOfMode, Plan};
use crate::publish::gates::KeptCounts;
use crate::publish::{InputFile, Manifest, ManifestFacts, SetAside, Sums, WrittenFiles, log, lost, stale};
use crate::scan::csv::{FIELDS, UNDECODABLE};
use crate::scan::{self, Extent, Survey};
use crate::tables::FileRow;
use crate::tell::report::{RunReport, TableRows};
use crate::tell::{copies, ended};
use std::collections::{BTreeMap, BTreeSet};
use vtr_columnar::alike::Alike;
use vtr_columnar::fold::{FileTally, Reject};
use vtr_columnar::input::Column;
use vtr_kernel::calendar::{Day, date_from_day};
use vtr_kernel::lane::Country;
use vtr_kernel::reason::{COUNT, Class, Reason, TABLE};
use vtr_kernel::sources::Field;
use vtr_kernel::text::{counted, grouped, shown};

/// A report that describes the plan and has no figures yet.
pub(crate) fn begin_report(plan: &Plan) -> RunReport {
    let date = |day| date_from_day(day).to_string();
    RunReport {
        run_id: plan.run_id.clone(),
        job: plan.name.clone(),
        job_digest: plan.job_digest.clone(),
        book_digest: plan.book.digest().to_owned(),
        as_of: date(plan.as_of),
        range: plan.range.map(|range| [date(range.days().0), date(range.days().1)]),
        began_at: plan.began_at.clone(),
        threads: plan.threads,
        memory_bytes: plan.memory,
        warnings: plan.of_packages.clone(),
        ..RunReport::default()
    }
}

/// Adds the survey's findings to the report.
pub(crate) fn note_survey(survey: &Survey, report: &mut RunReport) {
    report.evidence = survey.evidence.name().to_owned();
    report.files = survey.files.len() as u64;
}

/// The row of a file in `input_files`.
pub(crate) fn file_row(file: &scan::SourceFile, counts: &FileCounts) -> FileRow {
    FileRow {
        file: file.shown.clone(),
        bytes: file.bytes,
        rows_read: counts.rows_read,
        rows_pruned: file.rows_pruned,
        rejected: counts.tally.rejected,
        after_as_of: counts.tally.after_as_of,
        superseded: counts.superseded,
        outside_range: counts.tally.outside_range,
        classes: counts.tally.classes,
        first_day: counts.tally.first_day,
        last_day: counts.tally.last_day,
        digest: counts.digest.clone(),
    }
}

fn sums(file: &scan::SourceFile, counts: &FileCounts) -> Sums {
    let [out_of_scope, exempt, valid, defect] = counts.tally.classes;
    Sums {
        read: counts.rows_read,
        rows_pruned: file.rows_pruned,
        rejected: counts.tally.rejected,
        after_as_of: counts.tally.after_as_of,
        superseded: counts.superseded,
        outside_range: counts.tally.outside_range,
        out_of_scope,
        exempt,
        valid,
        defect,
    }
}

/// The manifest's entry of an input that was read.
fn input_file(plan: &Plan, file: &scan::SourceFile, counts: &FileCounts) -> InputFile {
    let tally = &counts.tally;
    let seen = || tally.first_day.zip(tally.last_day).into_iter().collect();
    InputFile {
        file: file.shown.clone(),
        bytes: file.bytes,
        digest: counts.digest.clone(),
        days: stale::days(file).or_else(|| (file.rows_pruned == 0).then(seen)),
        by_week: plan.inputs[file.input].by_week(&file.shown),
        later: tally.later.map(log::Later::from),
        rows: counts.rows_read,
        rejected: tally.rejected,
        set_aside: SetAside::of([(file.shown.as_str(), &counts.asides, counts.rows_read)]),
    }
}

/// Remembers the text files that were hashed as they were read.
pub(crate) fn learn(plan: &Plan, survey: &Survey, folded: &Folded) {
    for (file, counts) in survey.files.iter().zip(&folded.files) {
        if file.digest.is_none() && !counts.digest.is_empty() {
            plan.known.learn(&file.origin, &counts.digest, plan.began_nanos());
        }
    }
}

/// The content of the manifest; fills in the report with it.
pub(crate) fn facts(
    plan: &Plan,
    survey: &Survey,
    folded: &Folded,
    base: Option<&Manifest>,
    report: &mut RunReport,
) -> ManifestFacts {
    let mut inputs = Vec::new();
    let (mut total, mut kept) = (Sums::default(), KeptCounts::default());
    for (file, counts) in survey.files.iter().zip(&folded.files) {
        let own = sums(file, counts);
        total = total.plus(&own);
        let before = base.into_iter().flat_map(|base| &base.inputs).find(|input| input.file == file.shown);
        let input = match before {
            Some(before) if file.reading == Extent::Kept => {
                kept = kept.plus(before.rows, before.rejected);
                before.clone()
            }
            // An earlier run read more row groups of the same content: limits are those of the file.
            Some(before) if file.rows_pruned > 0 && before.rows > own.read && before.digest == counts.digest => {
                kept = kept.plus(before.rows - own.read, before.rejected.saturating_sub(own.rejected));
                let InputFile { rows, rejected, set_aside, .. } = before.clone();
                InputFile { rows, rejected: rejected.max(own.rejected), set_aside, ..input_file(plan, file, counts) }
            }
            _ => input_file(plan, file, counts),
        };
        inputs.push((input, own));
    }
    // Two parts of the total do not come from the files: rows as they arrived, and classes as the weeks add up.
    total.read = folded.rows_taken;
    let classes = folded.weeks.values().fold([0; 4], |sum, week| std::array::from_fn(|class| sum[class] + week[class]));
    [total.out_of_scope, total.exempt, total.valid, total.defect] = classes;
    report.counts = total;
    report.unpriced = folded.unpriced;
    report.bytes_read = folded.bytes_read;
    report.rows_noted = folded.rows_noted;
    report.spilled_bytes = folded.spilled_bytes;
    report.held_bytes = folded.peaks.by_name();
    // A ranged run sees fewer copies than the full run before it, so its distance is a lower bound.
    let apart = plan.range.and(base).and_then(|base| base.copies_apart_days).max(folded.copies_apart_days);
    let mut warnings = warnings(plan, &total, folded, apart);
    warnings.extend(survey.warnings().into_iter().chain(ended::of_run(plan, &folded.weeks, base)));
    let files = survey.files.iter().zip(&folded.files);
    let set_aside = SetAside::of(files.map(|(file, counts)| (file.shown.as_str(), &counts.asides, counts.rows_read)));
    warnings.extend(set_aside.iter().map(SetAside::sentence));
    report.set_aside = set_aside;
    warnings.extend(states(survey, folded));
    warnings.extend(scanned_on_the_day(survey, folded));
    warnings.extend(files_of_one_reason(survey, folded, &total));
    warnings.extend(late_by_file(plan, survey, folded).into_iter().chain(blanked_scans(plan, folded)));
    report.warnings.extend(warnings.iter().cloned());
    warnings.splice(..0, plan.of_packages.iter().cloned());
    report.warnings.extend(after_today(plan, folded));
    let lost = lost::weeks(plan, &folded.counted.category.by_week(), &inputs, base);
    report.warnings.extend(against_base(plan, (survey, folded), (&inputs, base), &lost));
    report.warnings.extend(rejects_shown(survey, folded, &said_of));
    report.rejected_values = rejects_shown(survey, folded, &value_of);
    ManifestFacts {
        evidence: survey.evidence,
        bad: survey.bad.clone(),
        sums: total,
        weeks: folded.weeks.clone(),
        due: folded.due.clone(),
        unpriced: folded.unpriced,
        copies_apart_days: apart,
        health_span_read: plan.counts_health_span() && !lost::of_health(plan, &lost),
        lost,
        kept,
        set_aside: SetAside::added_up(inputs.iter().flat_map(|(input, _)| &input.set_aside)),
        inputs,
        not_judged: survey.not_judged.iter().map(|absent| absent.told(survey.files.len())).collect(),
        warnings,
    }
}

/// Warnings that depend on what was published before, and would differ between equal runs.
fn against_base(
    plan: &Plan,
    (survey, folded): (&Survey, &Folded),
    (inputs, base): (&[(InputFile, Sums)], Option<&Manifest>),
    lost: &BTreeSet<Day>,
) -> Vec<String> {
    let mut warnings: Vec<String> = survey.published().map(str::to_owned).into_iter().collect();
    warnings.extend(shrunk(inputs, base));
    warnings.extend(fallen(&folded.weeks, base));
    warnings.extend(looks_back(plan, base));
    warnings.extend(lost::warning(plan, lost, base));
    warnings
}

/// Sentences about the first rejected rows of different faults; values are printed only on request.
fn rejects_shown(survey: &Survey, folded: &Folded, what: &dyn Fn(&Reject) -> Option<String>) -> Vec<String> {
    let line = |(file, reject): &(u32, Reject)| {
        let (file, column) = (&survey.files[*file as usize].shown, reject.column.as_deref().unwrap_or("the record"));
        Some(format!("rejected: {}, record {}: {column}{}", shown(file), reject.record, what(reject)?))
    };
    let mut seen = BTreeSet::new();
    let mut is_new = |reject: &Reject| seen.insert((reject.column.clone(), reject.reason.clone()));
    folded.rejects.iter().filter(|(_, reject)| is_new(reject)).take(3).filter_map(line).collect()
}

fn said_of(reject: &Reject) -> Option<String> {
    Some(format!(": {}{}", reject.reason, remedy(reject)))
}

fn value_of(reject: &Reject) -> Option<String> {
    reject.value.as_ref().map(|value| format!(" holds \"{value}\""))
}

/// Returns what helps against a fault that is rarely one of single rows; empty if the reason says it.
fn remedy(reject: &Reject) -> &'static str {
    match reject.reason.as_str() {
        UNDECODABLE => {
            "; files of another encoding than the others need an [[input]] of their own, with `encoding` in its [input.csv]"
        }
        reason if reason.contains(FIELDS) => "; `vtr inspect` says what is wrong with the file",
        "no marketplace of the book" => {
            "; replace texts other than ids, countries and channels such as Amazon.de, as in marketplace = { at = \"heading\", \
             values = { amazon_fr = \"FR\" } }"
        }
        _ => "",
    }
}

/// If nearly all of this many defects have one reason, the inputs are probably at fault.
const MANY_DEFECTS: u64 = 200;
/// If no package is valid, this many defects are enough.
const FEW_DEFECTS: u64 = 5;

/// A warning that more than 95 % of many defects have one reason.
fn one_reason(reasons: &[u64; COUNT], valid: u64) -> Option<String> {
    let defects = || Reason::defects().map(|reason| (reasons[reason as usize], reason));
    let all: u64 = defects().map(|(count, _)| count).sum();
    let (most, reason) = defects().max_by_key(|(count, _)| *count)?;
    let is_one = u128::from(most) * 100 > u128::from(all) * 95;
    // If no package is valid, a few defects are enough to suspect that a column is empty or mapped wrongly.
    let is_one = is_one && (all >= MANY_DEFECTS || valid == 0 && all >= FEW_DEFECTS);
    is_one.then(|| {
        format!(
            "{} of {} defects have one reason, {} ({}): look at some of them (`vtr defects`) before trusting the rate, the \
             column may be mapped wrongly or empty",
            grouped(most),
            grouped(all),
            reason.name(),
            reason.entry().meaning
        )
    })
}

/// A warning that no package counts, with the reason; a run without a rate must not look like one without a problem.
fn nothing_counts(reasons: &[u64; COUNT], total: &Sums) -> Option<String> {
    if total.valid + total.defect > 0 {
        return None;
    }
    let most = TABLE.iter().max_by_key(|entry| reasons[entry.reason as usize])?;
    let count = reasons[most.reason as usize];
    (count > 0).then(|| {
        format!(
            "no package counts for a rate: {} are exempt and {} out of scope, {} of them for {} ({}); if that is not what you \
             expect, look at one with `vtr explain`",
            grouped(total.exempt),
            grouped(total.out_of_scope),
            grouped(count),
            most.reason.name(),
            most.meaning
        )
    })
}

/// Files that have fewer rows than when they were last read, a sentence for each.
fn shrunk(inputs: &[(InputFile, Sums)], base: Option<&Manifest>) -> Vec<String> {
    let before = |file: &str| base?.inputs.iter().find(|input| input.file == file);
    let sentence = |(input, own): &(InputFile, Sums)| {
        let before = before(&input.file).filter(|before| before.digest != input.digest)?;
        let now = input.rows + own.rows_pruned;
        (now < before.rows).then(|| {
            format!(
                "{} holds {} rows, and held {} when it was read before: the others no longer count; if it was cut short, bring it back \
                 whole",
                shown(&input.file),
                grouped(now),
                grouped(before.rows)
            )
        })
    };
    inputs.iter().filter_map(sentence).collect()
}

/// The least number of packages that a week must lose for its fall to be said.
const NOTICED: u64 = 5;

/// A warning of weeks in which clearly fewer packages are valid than in the version before, and more are defects: scans
/// do not vanish.
fn fallen(weeks: &BTreeMap<Day, [u64; 4]>, base: Option<&Manifest>) -> Option<String> {
    let [valid, defect] = [Class::Valid as usize, Class::Defect as usize];
    let fell = |(week, now): (&Day, &[u64; 4])| {
        let before = base?.weeks.get(week)?;
        let (lost, more) = (before[valid].saturating_sub(now[valid]), now[defect].saturating_sub(before[defect]));
        (lost.min(more) >= NOTICED && lost * 100 >= before[valid]).then(|| {
            let name = vtr_kernel::calendar::iso_week(*week);
            format!("{name} {} valid, before {}", grouped(now[valid]), grouped(before[valid]))
        })
    };
    let all: Vec<String> = weeks.iter().filter_map(fell).collect();
    let shown = all.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    let more = all.len().saturating_sub(3);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    (!all.is_empty()).then(|| {
        format!(
            "packages that were valid are defects now, in weeks published before: {shown}{more}; a file may have been replaced by its \
             older state. If it is no correction, bring the newer files back and run again"
        )
    })
}

/// A warning that the weeks of this run are judged as of an earlier day than the version on which they are published.
fn looks_back(plan: &Plan, base: Option<&Manifest>) -> Option<String> {
    let published = base.map(|base| base.as_of).filter(|published| *published > plan.as_of && plan.range.is_some())?;
    let (now, then) = (date_from_day(plan.as_of), date_from_day(published));
    Some(format!(
        "the weeks of this run are judged as of {now}, and are published in a version as of {then}: what was known after {now} does \
         not count in them until a run without weeks judges them again; use --out to look back beside what is published"
    ))
}

/// Columns of countries that seem to hold states of the US, a sentence for each column of a file.
fn states(survey: &Survey, folded: &Folded) -> Vec<String> {
    let files = survey.files.iter().zip(&folded.files);
    let of_file = |(file, counts): (&scan::SourceFile, &FileCounts)| {
        let file = shown(&file.shown).into_owned();
        let sentence = |(column, states): (Column, Vec<Country>)| states_sentence(column, &file, &states);
        counts.asides.states().map(sentence).collect::<Vec<_>>()
    };
    files.flat_map(of_file).collect()
}

/// A warning that a column of countries seems to hold states of the US.
pub(crate) fn states_sentence(column: Column, of: &str, states: &[Country]) -> String {
    let codes: Vec<String> = states.iter().map(|state| state.code()).take(6).collect();
    format!(
        "`{}` of {of} seems to hold states of the US instead of countries ({}, ...): they were read as countries, CA as Canada; map the \
         column of countries, or give the country in [input.constants]",
        column.name(),
        codes.join(", ")
    )
}

/// If this many packages were all scanned on the day of their shipment, the scans are doubtful.
const MANY_ON_THE_DAY: u64 = 100;

/// Warnings about files in which each scan is a day without a time, namely the day of the shipment: the column of
/// scans is probably a copy of the other.
fn scanned_on_the_day(survey: &Survey, folded: &Folded) -> Vec<String> {
    let files = survey.files.iter().zip(&folded.files).map(|(file, counts)| (file, &counts.tally));
    let pairs = ["first_scan_at", "delivery_scan_at"].into_iter().zip(["shipped_at", "promised_delivery_at"]);
    let sentences = |(file, tally): (&scan::SourceFile, &FileTally)| {
        let copied =
            |place: usize| tally.by_days[place] >= MANY_ON_THE_DAY && tally.same_day[place] == tally.by_days[place];
        let sentence = |(place, (scan, other)): (usize, (&str, &str))| {
            copied(place).then(|| {
                format!(
                    "all {} packages of {} that were scanned were scanned on the very day of `{other}`: see whether `{scan}` is a \
                     copy of it; they count as scans",
                    grouped(tally.by_days[place]),
                    shown(&file.shown)
                )
            })
        };
        pairs.clone().enumerate().filter_map(sentence).collect::<Vec<_>>()
    };
    files.flat_map(sentences).collect()
}

/// Packages of a file from which on it is asked why hardly any of them is valid.
const MANY_OF_A_FILE: u64 = 50;

/// Warnings about files of which at most one package in twenty is valid, nearly all for one reason, while packages of other files
/// are: the column on which that reason depends is probably empty in them.
fn files_of_one_reason(survey: &Survey, folded: &Folded, total: &Sums) -> Vec<String> {
    let files = survey.files.iter().zip(&folded.files).filter(|_| survey.files.len() > 1);
    let sentence = |(file, counts): (&scan::SourceFile, &FileCounts)| {
        let [_, _, valid, defect] = counts.tally.classes;
        let others = total.valid.saturating_sub(valid);
        if valid + defect < MANY_OF_A_FILE || valid * 20 > valid + defect || others < MANY_OF_A_FILE {
            return None;
        }
        let reasons = counts.tally.reasons;
        let (count, reason) =
            Reason::defects().map(|reason| (reasons[reason as usize], reason)).max_by_key(|(count, _)| *count)?;
        (count * 20 >= defect * 19).then(|| {
            format!(
                "{valid} of {} packages of {} are valid, and {count} are {} ({}), unlike those of the other files: see whether the \
                 column that says otherwise is filled in it",
                valid + defect,
                shown(&file.shown),
                reason.name(),
                reason.entry().meaning
            )
        })
    };
    files.filter_map(sentence).collect()
}

/// A warning that most packages that count, of all or of a week, have a number that was given after delivery by the time at
/// which their files were written: files of an export are all written after the deliveries.
fn late_by_file(plan: &Plan, survey: &Survey, folded: &Folded) -> Option<String> {
    let dates_numbers = |input: &AssembleInput| input.fold() == Some(FoldBy::Writes) && input.fills(Field::WrittenAt);
    plan.assemble.as_ref().filter(|assemble| assemble.inputs.iter().any(dates_numbers))?;
    let of = |counts: &FileCounts| {
        let [_, _, valid, defect] = counts.tally.classes;
        (counts.tally.reasons[Reason::AddedAfterDelivery as usize], valid + defect)
    };
    let is_most = |(late, counted): (u64, u64)| counted >= LATE_AMONG && late * 2 > counted;
    let all = folded.files.iter().map(of).fold((0, 0), |all, own| (all.0 + own.0, all.1 + own.1));
    let weeks = || survey.files.iter().zip(&folded.files).filter(|(_, counts)| is_most(of(counts)));
    let first = weeks().next().map(|(file, _)| {
        format!(", more than half in {} of the files, first in {}", weeks().count(), shown(&file.shown))
    });
    (first.is_some() || is_most(all)).then(|| {
        format!(
            "{} of {} packages that count have a number that was given after delivery by the `written_at` of the files that give it{}: \
             it is probably the time of an export and not of the upload; take `written_at` out of the job, and no number is judged by \
             when it was given",
            grouped(all.0),
            grouped(all.1),
            first.unwrap_or_default()
        )
    })
}

/// Packages that count among which it is told of if most have a late number.
const LATE_AMONG: u64 = 10;

/// A warning that scans are after an `as_of` that the job fixes, while the data go on.
fn blanked_scans(plan: &Plan, folded: &Folded) -> Option<String> {
    let blanked: u64 = folded.files.iter().map(|counts| counts.tally.blanked).sum();
    (blanked > 0 && plan.as_of_mode == AsOfMode::Rows && plan.as_of < plan.began_on()).then(|| {
        format!(
            "{} scans after as_of ({}), which do not count yet: the inputs reach further than that day; if the newest \
             figures are meant, set as_of = \"today\"",
            counted(blanked, "package has", "packages have"),
            date_from_day(plan.as_of)
        )
    })
}

/// A warning that `as_of` is after the day of the run itself, so that packages seem overdue that are not.
fn before_its_time(plan: &Plan) -> Option<String> {
    (plan.as_of > plan.began_on()).then(|| {
        format!(
            "as_of ({}) is after today ({}): nothing is known of the days between, and packages that are due by then and not \
             scanned yet count as defects; write as_of = \"today\", or a day that has passed",
            date_from_day(plan.as_of),
            date_from_day(plan.began_on())
        )
    })
}

/// A warning that times are after the day of the run itself, so that nobody can have recorded them; only for text
/// files.
fn after_today(plan: &Plan, folded: &Folded) -> Option<String> {
    let today = plan.began_on();
    let later = folded.files.iter().filter_map(|counts| counts.tally.later).filter(|later| later.until > today);
    let later: Vec<_> = later.collect();
    let first = later.iter().map(|later| later.first).min()?;
    (plan.as_of >= today).then(|| {
        format!(
            "times of rows in {} are after today (the first of them on a package of {}); they count as unknown: look for day and \
             month swapped, or a wrong century",
            words_of_files(later.len()),
            date_from_day(first)
        )
    })
}

fn words_of_files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// Sellers and categories that differ from others only in how they are written, a sentence for each column.
fn alike_texts(all: &[Alike]) -> Vec<String> {
    let mut warnings = Vec::new();
    for column in [Column::SellerId, Column::ProductCategory] {
        let alike: Vec<&Alike> = all.iter().filter(|alike| alike.column == column).collect();
        if let Some(Alike { pair: [first, second], .. }) = alike.first() {
            warnings.push(format!(
                "`{}`: {} from another one only in case, blanks or signs that look the same, as {} and {}, and they count apart; write \
                 them alike, or map them with `values`",
                column.name(),
                counted(alike.len() as u64, "text differs", "texts differ"),
                shown(first),
                shown(second)
            ));
        }
    }
    warnings
}

/// Returns what the report says of the files of a table.
pub fn table_rows(written: &WrittenFiles) -> TableRows {
    TableRows { table: written.table.name().into(), rows: written.rows, files: written.files as u64 }
}

/// Warnings for readers of the figures, in sentences that do not change between equal runs.
fn warnings(plan: &Plan, total: &Sums, folded: &Folded, apart: Option<i64>) -> Vec<String> {
    let mut warnings: Vec<String> = plan.inputs.iter().flat_map(scan::headings::doubtful).collect();
    warnings.extend(before_its_time(plan));
    if total.after_as_of > 0 && plan.as_of_mode == AsOfMode::Rows {
        let share = vtr_kernel::tally::Tally { valid: total.after_as_of, eligible: total.read }.percent();
        warnings.push(format!(
            "{} of {} rows ({share}) are newer than as_of and were left out; if the source keeps only the latest state of a \
             package, use as_of_mode = \"scans\"",
            total.after_as_of, total.read
        ));
    }
    let mut reasons = [0; COUNT];
    for counts in &folded.files {
        reasons.iter_mut().zip(counts.tally.reasons).for_each(|(all, own)| *all += own);
    }
    warnings.extend(one_reason(&reasons, total.valid));
    warnings.extend(nothing_counts(&reasons, total));
    if total.superseded > 0 && u128::from(total.superseded) * 2 > u128::from(total.read) {
        warnings.push(format!(
            "{} of {} rows are superseded by newer copies of the same package; if they are packages of their own, the columns \
             of order and package are mapped wrongly, or filled with a constant",
            grouped(total.superseded),
            grouped(total.read)
        ));
    }
    warnings.extend(alike_texts(&folded.alike));
    warnings.extend(copies::of_copies(&folded.between, (total.valid, total.defect)));
    if folded.unpriced > 0 {
        warnings.push(format!(
            "{} value, but value, currency or rate is unknown; give package_value, currency and a rates file",
            counted(
                folded.unpriced,
                "package falls under a rule that asks for its",
                "packages fall under a rule that asks for their"
            )
        ));
    }
    // If a run itself finds the weeks to update, nobody asked about `account_health`, which is still valid.
    let asked_for_weeks = plan.range.is_some() && plan.claim.is_none();
    if asked_for_weeks && !plan.counts_health_span() && plan.asks_for_health() {
        warnings.push(
            "account_health was not replaced: the weeks asked for do not hold all the days that it needs, about 16 weeks before as_of".to_owned(),
        );
    }
    if plan.range.is_some()
        && let Some(apart) = apart
        && apart > i64::from(plan.copies_within_days)
    {
        warnings.push(format!(
            "copies of one package are up to {apart} days apart, more than copies_within = {}; raise it, or some copies outside the \
             range may have gone unseen",
            plan.copies_within_days
        ));
    }
    warnings
}
