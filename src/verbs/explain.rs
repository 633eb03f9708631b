//! `vtr explain`: each package of an order told as a story.
//!
//! It reads the job's inputs as a run does and judges the order's rows with the same kernel; nothing
//! is counted or published. It fails if the job or its inputs are refused, and if no row is found.

use crate::cli::{ExplainArgs, GlobalOptions};
use crate::error::{Error, Result};
use crate::fold::dedup;
use crate::job::{self, plan::Plan};
use crate::progress::warn;
use crate::scan::{self, Survey};
use crate::{schema::Table, tables};
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::SystemTime;
use vtr_columnar::fold::{Copy, Fate, FileSource, Folder, Records, Settings, shown_cell};
use vtr_columnar::input::Column;
use vtr_columnar::keys::{Layout, SharedKeys};
use vtr_kernel::calendar::{Zone, date_from_day, iso_week};
use vtr_kernel::facts::{CarrierField, Facts, Tracking};
use vtr_kernel::ladder::{Evidence, Scanned, Selected, Verdict, select, zone};
use vtr_kernel::lane::{CarrierRule, Scans};
use vtr_kernel::mend::{Mending, suggested_fix};
use vtr_kernel::policy::{Market, Marketplace, Version};
use vtr_kernel::reason::{Reason, TABLE};
use vtr_kernel::text::shown;

/// One row's story, and what tells whether it is superseded.
struct Story {
    title: String,
    body: String,
    copy: Option<Copy>,
}

/// Explains the order.
pub fn run(args: &ExplainArgs, _global: &GlobalOptions) -> Result<()> {
    let mut plan = job::load(&args.job.job, &super::overrides(&args.job, &Default::default()), SystemTime::now())?;
    // The story tells every fact, whatever tables the job makes.
    plan.output.tables = Table::ALL.to_vec();
    let mut survey = scan::survey_and_try(&plan)?;
    let axis = tables::time_axis(&plan);
    let stories = loop {
        let settings = crate::fold::settings(&plan, &survey, &axis);
        match stories(&plan, &survey, &settings, args) {
            // As a run leaves them out.
            Err(Error::BadFiles(bad)) => survey = survey.without(&plan, bad)?,
            told => break told?,
        }
    };
    survey.left_out().for_each(|left_out| warn(&left_out));
    if stories.is_empty() {
        return Err(Error::Input(format!(
            "no row of seller `{}` and order `{}` stands in the job's inputs; both must be as in the source, blanks around them aside, or the row was rejected before its order could be read",
            args.seller, args.order
        )));
    }
    let copies: Vec<Copy> = stories.iter().filter_map(|story| story.copy).collect();
    let losers = plan.identity.map_or(Ok(Vec::new()), |identity| dedup::losers(copies, dedup::unit(identity)))?;
    let rows = if stories.len() == 1 { "1 row".to_owned() } else { format!("{} rows", stories.len()) };
    let mut text = format!("Seller {}, order {}: {rows}\n", shown(&args.seller), shown(&args.order));
    for story in &stories {
        let superseded = story
            .copy
            .is_some_and(|copy| losers.iter().any(|loser| (loser.file, loser.record) == (copy.file, copy.record)));
        write!(text, "\n{}\n", story.title).expect("a string takes everything");
        if superseded {
            text.push_str("  superseded: a newer copy of it counts; by itself it would come to this:\n");
        }
        text.push_str(&story.body);
    }
    super::print_lines(&text)
}

fn stories(plan: &Plan, survey: &Survey, settings: &Settings, args: &ExplainArgs) -> Result<Vec<Story>> {
    let mut units: Vec<&scan::Unit> = survey.units.iter().collect();
    units.sort_by_key(|unit| (unit.file, unit.first_record));
    let keys = SharedKeys::new(Layout::of(&plan.book), usize::MAX);
    let found = Mutex::new(Vec::new());
    let mut bad: BTreeMap<u32, String> = BTreeMap::new();
    for unit in units {
        if bad.contains_key(&unit.file) {
            continue;
        }
        let mut folder = Folder::new(settings, &keys);
        let file = &survey.files[unit.file as usize];
        let cells = plan.cells(file.input, file.format);
        let source = FileSource { file: unit.file, columns: file.columns, constants: &file.constants, cells: &cells };
        // What fails behind the reader is not the file's fault.
        let sound = Cell::new(true);
        let mut take = |chunk: scan::Chunk| {
            crate::signals::check()?;
            let refuse = |reason: String| Error::Input(format!("{}: {reason}", shown(&file.shown)));
            let wanted = [(Column::SellerId, args.seller.as_str()), (Column::OrderId, args.order.as_str())];
            let Some((batch, records)) = rows_of(&chunk, &source, &wanted).map_err(refuse)? else { return Ok(()) };
            let mut tell = |row: usize, fate: Fate| {
                let title = format!("{}, record {}", shown(&file.shown), number(&records, row));
                let story = story(plan, settings, &title, (&batch, &file.constants), row, fate);
                found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(story);
            };
            folder.explain(&source, &batch, &records, &mut tell).map_err(refuse)
        };
        match scan::read(plan, survey, unit, &mut |chunk| take(chunk).inspect_err(|_| sound.set(false))) {
            Err(Error::Input(why)) if sound.get() => drop(bad.insert(unit.file, why)),
            read => drop(read?),
        }
    }
    if !bad.is_empty() {
        return Err(Error::BadFiles(bad.into_iter().collect()));
    }
    Ok(found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn number(records: &Records, row: usize) -> u64 {
    match records {
        Records::From(first) => first + row as u64,
        Records::Listed { record, .. } => record[row],
    }
}

/// The rows of a chunk whose columns hold these texts, and their record numbers.
fn rows_of(
    chunk: &scan::Chunk,
    source: &FileSource,
    wanted: &[(Column, &str)],
) -> std::result::Result<Option<(RecordBatch, Records)>, String> {
    let rows = chunk.batch.num_rows();
    let mut stays = vec![true; rows];
    for (column, text) in wanted {
        let Some(array) = chunk.batch.column_by_name(column.name()) else {
            let constant = source.constants.iter().find(|(constant, _)| constant == column);
            if constant.is_none_or(|(_, constant)| constant.trim() != *text) {
                return Ok(None);
            }
            continue;
        };
        let texts = cast(array, &DataType::Utf8View).map_err(|error| error.to_string())?;
        let texts = texts.as_string_view();
        stays
            .iter_mut()
            .enumerate()
            .for_each(|(row, stays)| *stays &= !texts.is_null(row) && texts.value(row).trim() == *text);
    }
    if !stays.contains(&true) {
        return Ok(None);
    }
    let kept = || (0..rows).filter(|row| stays[*row]);
    let record: Vec<u64> = kept().map(|row| number(&chunk.records, row)).collect();
    let (line, byte_offset) = match &chunk.records {
        Records::From(_) => (Vec::new(), Vec::new()),
        Records::Listed { line, byte_offset, .. } => {
            (kept().map(|row| line[row]).collect(), kept().map(|row| byte_offset[row]).collect())
        }
    };
    let batch = filter_record_batch(&chunk.batch, &BooleanArray::from(stays)).map_err(|error| error.to_string())?;
    Ok(Some((batch, Records::Listed { record, line, byte_offset })))
}

fn story(
    plan: &Plan,
    settings: &Settings,
    place: &str,
    (batch, constants): (&RecordBatch, &[(Column, String)]),
    row: usize,
    fate: Fate,
) -> Story {
    let mut body = String::new();
    let mut copy = None;
    let mut title = format!("Row in {place}");
    facts_as_typed(batch, row, constants, &mut body);
    match fate {
        Fate::Rejected(reject) => {
            let column = reject.column.as_deref().unwrap_or("the record");
            line(&mut body, "verdict", &format!("rejected: {column}: {}", reject.reason));
        }
        Fate::AfterAsOf(day) => {
            let as_of = date_from_day(plan.as_of);
            line(&mut body, "day", &date_from_day(day).to_string());
            line(
                &mut body,
                "verdict",
                &format!("after_as_of: it was updated or shipped after {as_of}, so on that day it was not yet there"),
            );
        }
        Fate::Judged { facts, verdict, package, copy: found } => {
            title = format!(
                "Package {} ({place})",
                if package.is_empty() { "without id or number".into() } else { shown(package) }
            );
            copy = found;
            judged(plan, settings, facts, verdict, &mut body);
        }
    }
    Story { title, body, copy }
}

fn line(body: &mut String, head: &str, text: &str) {
    writeln!(body, "  {head:<10} {text}").expect("a string takes everything");
}

fn facts_as_typed(batch: &RecordBatch, row: usize, constants: &[(Column, String)], body: &mut String) {
    let schema = batch.schema();
    let cells = schema.fields().iter().zip(batch.columns());
    let typed =
        cells.filter_map(|(field, array)| Some(format!("{} = {}", field.name(), shown(&shown_cell(array, row)?))));
    let said = constants.iter().filter(|(column, _)| batch.column_by_name(column.name()).is_none());
    let said = said.map(|(column, text)| format!("{} = {} (for the whole file)", column.name(), shown(text)));
    line(body, "facts", &said.chain(typed).collect::<Vec<_>>().join("\n             "));
}

fn judged(plan: &Plan, settings: &Settings, facts: &Facts, verdict: &Verdict, body: &mut String) {
    let book = &*plan.book;
    let day = date_from_day(verdict.day);
    if let Marketplace::Known(id) = facts.marketplace {
        let selected = select(facts, book, id, verdict.day);
        let market = selected.market;
        line(
            body,
            "day",
            &format!("{day} in {} ({}), which selects the rules", market.zone.name(), iso_week(verdict.day)),
        );
        line(body, "rules", &rules(book, market, selected.version, verdict));
        if let Some(lane) = selected.lane {
            let country = |country: Option<vtr_kernel::lane::Country>| country.unwrap_or(market.country).code();
            let scans = match &lane.scans {
                Scans::Always(count) => format!("{count}"),
                Scans::Split { below, then, otherwise } => {
                    format!("{then} below {} {}, otherwise {otherwise}", decimal(&below.amount), below.currency.code())
                }
            };
            line(
                body,
                "lane",
                &format!(
                    "{}: {} to {}, scans asked for: {scans}",
                    book.rule(lane.id),
                    country(facts.origin),
                    country(facts.destination)
                ),
            );
        }
        line(body, "carrier", &carrier(book, facts, verdict, selected.carriers));
        sources(body, &selected, verdict);
    } else {
        line(body, "day", &format!("{day} in UTC ({})", iso_week(verdict.day)));
    }
    if let Tracking::Number(number) = facts.tracking {
        line(body, "number", &format!("{} once cleaned", shown(number)));
    }
    if matches!(settings.terms.evidence, Evidence::Scans) {
        let seen = Scanned::of(facts, plan.as_of);
        line(body, "scans", &format!("{} counted as of {}", seen.count, date_from_day(plan.as_of)));
    } else {
        line(body, "scans", "not looked at: judged on the number alone");
    }
    let entry = verdict.reason.entry();
    let passed: Vec<String> = TABLE
        .iter()
        .filter(|other| other.rung < entry.rung && !silent(other.reason, settings))
        .map(|other| format!("{} {}", other.rung, other.name))
        .collect();
    line(body, "passed", &if passed.is_empty() { "no rung before".to_owned() } else { passed.join(", ") });
    line(
        body,
        "verdict",
        &format!("{}: {} (rung {}), rule {}", entry.class.name(), entry.name, entry.rung, book.rule(verdict.rule)),
    );
    line(body, "meaning", entry.meaning);
    if let Some(owner) = verdict.likely_carrier {
        line(body, "likely", &format!("{} ({})", book.carriers.entry(owner).name, book.carriers.entry(owner).id));
    }
    if verdict.list_doubt {
        line(body, "note", "the carrier is not on the rule's list, which is known in part only: it may not count");
    }
    if verdict.unpriced {
        line(body, "note", "a rule asked for the package's value, but value, currency or rate is unknown");
    }
    let (utc, terms) = (Zone::utc(), &settings.terms);
    if let Some(mending) = Mending::of(facts, verdict.reason, terms, zone(book, facts.marketplace, &utc)) {
        let likely = verdict.likely_carrier.map(|owner| book.carriers.entry(owner).name.as_str());
        let fix = suggested_fix(verdict.reason, mending.fixable_by, mending.is_pending, likely);
        line(body, "to do", &fix);
        if let Some(day) = mending.act_by() {
            line(body, "by", &format!("{}, the promised day", date_from_day(day)));
        }
    }
}

/// How sure the rule is that decided, and what the book notes on it; for want of a note what it notes on the version.
fn sources(body: &mut String, selected: &Selected, verdict: &Verdict) {
    let Some(version) = selected.version else { return };
    let of_version = (version.id, version.confidence, &version.note);
    let lane = selected.lane;
    let of_lane = lane.into_iter().map(|lane| (lane.id, lane.confidence, &lane.note));
    let conditions = lane.into_iter().flat_map(|lane| lane.exempt.iter().chain(&lane.refuse));
    let of_conditions = conditions.map(|condition| (condition.id, condition.confidence, &condition.note));
    let mut all = of_lane.chain(of_conditions);
    let (_, confidence, note) = all.find(|(id, ..)| *id == verdict.rule).unwrap_or(of_version);
    line(body, "sure", confidence.name());
    let note = if note.is_empty() { &version.note } else { note };
    note.iter().for_each(|text| line(body, "book", text));
}

/// Whether a reason cannot be given on the run's evidence.
fn silent(reason: Reason, settings: &Settings) -> bool {
    let by_number = matches!(reason, Reason::WellFormed | Reason::Unverified);
    match settings.terms.evidence {
        Evidence::Scans => by_number,
        Evidence::Format => matches!(reason.entry().rung, 14 | 15 | 18 | 19),
    }
}

fn decimal(amount: &vtr_kernel::amount::Amount) -> String {
    let digits = format!("{:0width$}", amount.mantissa, width = usize::from(amount.scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(amount.scale));
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

fn rules(book: &vtr_kernel::Book, market: &Market, version: Option<&Version>, verdict: &Verdict) -> String {
    let Some(version) = version else { return format!("{} has no rules in force on that day", market.name) };
    let from = version.from.map_or("ever".to_owned(), |day| date_from_day(day).to_string());
    let until = version.until.map_or(String::new(), |day| format!(" until before {}", date_from_day(day)));
    let target = version.target(verdict.programme, verdict.day);
    format!(
        "{}, in force since {from}{until}; target: {} {} % in programme {}",
        book.rule(version.id),
        target.kind.name().replace('_', " "),
        target.share() * 100.0,
        book.programme(verdict.programme)
    )
}

fn carrier(book: &vtr_kernel::Book, facts: &Facts, verdict: &Verdict, rule: Option<&CarrierRule>) -> String {
    if facts.carrier == CarrierField::NoColumn {
        return "the source has no such column: not judged".to_owned();
    }
    let integrated = match rule {
        Some(rule @ CarrierRule::Integrated(..)) if rule.is_integrated(verdict.carrier) => ", integrated",
        Some(CarrierRule::Integrated(..)) => ", not integrated",
        _ => "",
    };
    format!("taken for {}{integrated}", book.carriers.label(verdict.carrier))
}
