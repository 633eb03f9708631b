//! `vtr reconcile`: compares our figures with Amazon's.
//!
//! It finds the reports, compares them by `reconcile/` and prints the result. Only `--fail-on` gives exit code 4: a
//! difference by itself is an answer, not a failure.

use super::listing::{Cell, Format, Listing};
use super::published::format;
use crate::cli::{Difference, ReconcileArgs};
use crate::error::{Error, Result};
use crate::job::plan::Plan;
use crate::job::{self, Overrides};
use crate::pages::read::{PublishedVersion, Scope};
use crate::publish;
use crate::reconcile::{self, Agreement, Compared, Given, Side, Window, show};
use crate::schema::Table;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use vtr_kernel::calendar::{Day, date_from_day, day_from_date};

/// Compares and prints; fails if `--fail-on` asks for it.
///
/// # Errors
/// [`Error::Usage`] if there is nothing to compare, [`Error::Input`] for files that are no reports, [`Error::Gate`]
/// for a difference that `--fail-on` names.
pub fn run(args: &ReconcileArgs) -> Result<()> {
    let now = SystemTime::now();
    let flags = super::overrides(&args.job, &Default::default());
    let plan = job::load(&args.job.job, &flags, now)?;
    let named = |given: &[PathBuf], pattern: &Option<String>| match (given, pattern) {
        ([], Some(pattern)) => found(&plan, pattern),
        (given, _) => Ok(given.to_vec()),
    };
    let performance = named(&args.performance, &plan.reconcile.performance)?;
    let defects = named(&args.defects, &plan.reconcile.defects)?;
    if performance.is_empty() && defects.is_empty() {
        return Err(Error::Usage(
            "nothing to compare: name Amazon's reports with --performance and --defects, or in the job's [reconcile]"
                .into(),
        ));
    }
    let pulled_on = args.pulled_on.map(day_from_date);
    let given = Given { seller: args.seller.clone(), only_seller: &|| only_seller(&plan), pulled_on };
    let mut reports = reconcile::reports(&plan.reconcile, &performance, &defects, &given)?;
    let judge = |pulled_on: Option<Day>, days: Option<Window>| judge_as_of(&args.job.job, &flags, pulled_on, days, now);
    let mut compared = reconcile::compare(&reports, &judge)?;
    if let Some(asked) = &args.marketplace {
        let unknown =
            || Error::Usage(format!("--marketplace: the book knows no `{asked}`; write DE, Amazon.de or an id"));
        let marketplace = plan.book.resolve_marketplace(asked).ok_or_else(unknown)?;
        // Rows whose store is not known may be of the one that is asked for.
        let asked = [plan.book.marketplace_label(marketplace), reconcile::UNKNOWN_STORE];
        compared.retain(|one| asked.contains(&one.marketplace.as_str()));
    }
    reports.notes.extend(reconcile::newer_notes(&compared));
    let format = format(args.written);
    if args.orders && format != Format::Json || format == Format::Csv {
        reports.notes.iter().for_each(|note| crate::progress::say(&format!("note: {note}")));
        orders(&compared, format)?;
    } else if format == Format::Json {
        super::print(format!("{:#}\n", show::json(&compared, &reports.notes, args.orders)))?;
    } else {
        super::print_lines(&show::text(&compared, &reports.notes))?;
    }
    args.fail_on.map_or(Ok(()), |what| fail_on(what, &compared))
}

/// The files of a path or glob of the job.
fn found(plan: &Plan, pattern: &str) -> Result<Vec<PathBuf>> {
    let full = plan.root.join(pattern);
    if full.is_file() {
        return Ok(vec![full]);
    }
    let text = full.to_string_lossy().into_owned();
    let glob = globset::GlobBuilder::new(&text)
        .literal_separator(true)
        .build()
        .map_err(|error| Error::Usage(format!("[reconcile]: `{pattern}` is no pattern: {error}")))?
        .compile_matcher();
    let fixed: PathBuf = full
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']))
        .collect();
    let entries = walkdir::WalkDir::new(fixed).sort_by_file_name().into_iter().filter_map(std::result::Result::ok);
    let files: Vec<PathBuf> =
        entries.map(walkdir::DirEntry::into_path).filter(|path| path.is_file() && glob.is_match(path)).collect();
    if files.is_empty() {
        return Err(Error::Input(format!("[reconcile]: no file matches `{pattern}`")));
    }
    Ok(files)
}

/// The seller of inputs with the same constant, or of a published output with one seller only.
fn only_seller(plan: &Plan) -> Result<Option<String>> {
    let constants = plan.inputs.iter().map(|input| {
        let seller = input.constants.iter().find(|(column, _)| *column == vtr_columnar::input::Column::SellerId);
        seller.map(|(_, text)| text.as_str())
    });
    let mut sellers: Vec<Option<&str>> = constants.collect();
    sellers.dedup();
    if let [Some(one)] = sellers.as_slice() {
        return Ok(Some((*one).to_owned()));
    }
    let store = publish::at(Path::new(&plan.output.path))?;
    let Some(manifest) = publish::log::latest(store.as_ref())? else { return Ok(None) };
    let published = PublishedVersion { store: store.as_ref(), manifest: &manifest };
    // `dim_seller` may list sellers without rows, so it is the second choice.
    let with_sellers = [Table::VtrWeekly, Table::DimSeller];
    let Some(table) = with_sellers.into_iter().find(|table| manifest.has(*table)) else { return Ok(None) };
    let mut sellers: BTreeSet<String> = BTreeSet::new();
    published.read(table.name(), &["seller_id"], None, &Scope::default(), &mut |rows| {
        let new = rows.text("seller_id").iter().flatten().filter(|seller| !sellers.contains(*seller));
        let new: Vec<String> = new.map(str::to_owned).collect();
        sellers.extend(new);
        Ok(())
    })?;
    Ok(sellers.pop_first().filter(|_| sellers.is_empty()))
}

/// The job's plan as of the day on which a report was pulled, over the report's days. If that day is known it counts,
/// and not the job's `as_of`: scans of later days had not happened for Amazon, and those until then had.
fn judge_as_of(
    path: &Path,
    flags: &Overrides,
    pulled_on: Option<Day>,
    days: Option<Window>,
    now: SystemTime,
) -> Result<Plan> {
    let date = |day: Day| date_from_day(day).to_string();
    let as_of = pulled_on.map(date);
    if let (Some(as_of), Some(given)) = (&as_of, flags.as_of.as_ref().filter(|given| Some(*given) != as_of.as_ref())) {
        crate::progress::warn(&format!(
            "packages are judged as of {as_of}, when the report was pulled, and not as of {given}; leave --as-of out, or \
             --pulled-on"
        ));
    }
    let flags = Overrides {
        as_of: as_of.or_else(|| flags.as_of.clone()),
        from: days.map(|days| date(days.from)),
        to: days.map(|days| date(days.to)),
        ..flags.clone()
    };
    let mut plan = job::load(path, &flags, now)?;
    crate::assemble::ready(&mut plan, crate::assemble::Mode::Standing)?;
    plan.output.tables = Table::ALL.to_vec();
    Ok(plan)
}

/// Prints one row per order.
fn orders(compared: &[Compared], format: Format) -> Result<()> {
    const HEADS: [&str; 11] = [
        "seller_id",
        "marketplace",
        "from",
        "to",
        "side",
        "order_id",
        "number",
        "carrier",
        "reason",
        "cause",
        "because",
    ];
    let mut text = Vec::new();
    let mut listing = Listing::begin(format, &HEADS, &mut text)?;
    for one in compared {
        let day = |day: Option<Day>| day.map_or(Cell::Null, Cell::Day);
        for case in one.orders.iter().flat_map(|orders| &orders.cases) {
            let cause = case.cause.as_ref();
            listing.row(&[
                Cell::text(one.seller.as_str()),
                Cell::text(one.marketplace.as_str()),
                day(one.window.map(|window| window.from)),
                day(one.window.map(|window| window.to)),
                Cell::text(case.side.name()),
                Cell::text(case.order_id.as_str()),
                Cell::text(case.number.as_str()),
                Cell::text(case.carrier.as_str()),
                Cell::text(case.reason.as_str()),
                cause.map_or(Cell::Null, |cause| Cell::text(cause.name)),
                cause.map_or(Cell::Null, |cause| Cell::text(cause.because.as_str())),
            ])?;
        }
    }
    listing.finish(&mut std::io::stderr())?;
    super::print(text)
}

fn fail_on(what: Difference, compared: &[Compared]) -> Result<()> {
    let asks = |one: Difference| what == one || what == Difference::Any;
    let mut found = Vec::new();
    for one in compared {
        let place = format!("{} in {}", vtr_kernel::text::shown(&one.seller), one.marketplace);
        if asks(Difference::Shipments) && one.shipments == Agreement::Differs {
            found.push(format!("{place}: packages differ beyond the tolerance"));
        }
        if asks(Difference::Rate) && one.rate == Agreement::Differs {
            found.push(format!("{place}: rates differ beyond the tolerance"));
        }
        let unexplained = one.orders.iter().flat_map(|orders| &orders.cases);
        let unexplained = unexplained.filter(|case| {
            case.side == Side::Ambiguous || case.cause.as_ref().is_some_and(|cause| cause.name == "unexplained")
        });
        let count = unexplained.count();
        if asks(Difference::Orders) && count > 0 {
            found.push(format!("{place}: {count} orders that no cause explains"));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Error::Gate(found.join("\n"))) }
}
