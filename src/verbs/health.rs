//! `vtr health`: shows the standing of each account, worst first, with an exit code for schedulers.
//!
//! It shows the published `account_health` and computes only the percentages shown, which are truncated and not
//! rounded; on a narrow terminal an account is a card of some lines. It fails if the table cannot be read, and with
//! `fail_on` if an account is at least that bad.

use super::filters::{Filters, Wanted};
use super::listing::{self, CARDS_BELOW, Cell, Format, Listing, wrapped};
use crate::error::{Error, Result};
use crate::job::shelf;
use crate::pages::model::Standing;
use crate::pages::words::{self, Names};
use crate::publish::store::Store;
use crate::schema::Table;
use crate::tables::health::Status;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use std::io::Write;
use vtr_kernel::calendar::Day;
use vtr_kernel::tally::Tally;
use vtr_kernel::text::shown;

/// The filters and options of the list.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only these sellers and marketplaces.
    pub filters: Filters,
    /// The format of the rows.
    pub format: Format,
    /// The number of rows shown, the worst ones; `None` for all.
    pub limit: Option<usize>,
    /// Exit code 4 if a matching row is at least this bad: `AtRisk` or `Breach`.
    pub fail_on: Option<Status>,
}

/// The columns of the terminal table; the other formats show all published columns.
const SHOWN: [&str; 13] = [
    "seller",
    "marketplace",
    "programme",
    "category",
    "window ends",
    "status",
    "vtr",
    "target",
    "eligible",
    "defects",
    "budget",
    "needed",
    "mostly",
];

/// A row of `account_health`.
struct Row<'a> {
    batch: &'a RecordBatch,
    row: usize,
    status: Status,
}

impl<'a> Row<'a> {
    fn cell(&self, name: &str) -> Cell<'a> {
        Cell::of(self.batch[name].as_ref(), self.row)
    }

    fn text(&self, name: &str) -> &'a str {
        self.batch[name].as_string::<i32>().value(self.row)
    }

    fn count(&self, name: &str) -> Option<i64> {
        match self.cell(name) {
            Cell::Count(count) => Some(count),
            _ => None,
        }
    }

    fn day(&self, name: &str) -> Day {
        match self.cell(name) {
            Cell::Day(day) => day,
            _ => Day::default(),
        }
    }

    fn is_few(&self) -> bool {
        self.cell("few") == Cell::Flag(true)
    }

    fn standing(&self) -> Standing {
        match self.status {
            _ if self.is_few() => Standing::Few,
            Status::Breach => Standing::Breach,
            Status::AtRisk => Standing::AtRisk,
            Status::Good | Status::NoData => Standing::Good,
        }
    }

    /// The account, its standing and the reason, in two or three lines.
    fn card(&self, names: &Names, width: usize) -> String {
        let market = names.market(self.text("marketplace"));
        let programme = match self.text("programme") {
            "standard" => String::new(),
            programme => format!(", programme {programme}"),
        };
        let category = match self.text("product_category") {
            crate::pages::model::ALL => "all categories".to_owned(),
            category => format!("category {category}"),
        };
        let who = format!("{}, {market}{programme}, {category}", self.text("seller_id"));
        let standing = match self.status {
            Status::NoData => "no package that counts".to_owned(),
            _ => listing::coloured(self.standing()),
        };
        let rate = if self.status == Status::NoData { String::new() } else { format!(" {:>9}  ", self.percent()) };
        // Colour codes take no width; what does not fit continues below.
        let room = width.saturating_sub(32);
        let mut card = format!("{standing}{rate}  {}\n", wrapped(&shown(&who), room).join("\n    "));
        let indent = |text: &str| {
            wrapped(text, width.saturating_sub(4)).iter().map(|line| format!("    {line}\n")).collect::<String>()
        };
        let eligible = self.count("eligible").unwrap_or_default();
        if eligible == 0 {
            return card;
        }
        let defects = self.count("defects").unwrap_or_default();
        let mut told = format!("{} of {}", words::plural(defects, "defect"), words::plural(eligible, "package"));
        if let Some(budget) = self.count("defect_budget") {
            told += &match budget {
                budget if budget < 0 => format!(", {} too many for {}", words::number(-budget), self.target()),
                0 => format!(", one more would miss {}", self.target()),
                budget => format!(", {} more fit {}", words::number(budget), self.target()),
            };
            told += &match self.count("valid_needed") {
                Some(0) => String::new(),
                Some(needed) => format!("; {} more valid packages bring it back", words::number(needed)),
                None => "; no number of valid packages brings it back".to_owned(),
            };
        }
        card += &indent(&told);
        if let (Cell::Text(reason), Cell::Text(carrier), Some(packages)) =
            (self.cell("cause_reason"), self.cell("cause_carrier"), self.count("cause_packages"))
        {
            let cause = format!(
                "Mostly: {}, {}, {} of {defects}",
                words::reason_inline(&reason),
                names.carrier(&carrier),
                words::number(packages)
            );
            card += &indent(&shown(&cause));
        }
        card
    }

    fn percent(&self) -> String {
        let count = |name| self.count(name).and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
        Tally { valid: count("valid"), eligible: count("eligible") }.percent()
    }

    fn target(&self) -> String {
        let Cell::Share(share) = self.cell("target") else { return String::new() };
        let sign = if self.text("target_kind") == "more_than" { ">" } else { "≥" };
        // Targets have few decimals; multiplying the double must not add any.
        format!("{sign} {} %", (share * 1e9).round() / 1e7)
    }

    fn mostly(&self) -> Cell<'a> {
        match (self.cell("cause_reason"), self.cell("cause_carrier")) {
            (Cell::Text(reason), Cell::Text(carrier)) => Cell::text(format!("{reason}, {carrier}")),
            (reason, _) => reason,
        }
    }

    fn shown(&self) -> [Cell<'a>; 13] {
        let head = ["seller_id", "marketplace", "programme", "product_category", "window_end", "status"];
        let [seller, marketplace, programme, category, window_end, status] = head.map(|name| self.cell(name));
        let [eligible, defects, budget, needed] =
            ["eligible", "defects", "defect_budget", "valid_needed"].map(|name| self.cell(name));
        let [vtr, target] = [self.percent(), self.target()].map(Cell::text);
        let mostly = self.mostly();
        [
            seller,
            marketplace,
            programme,
            category,
            window_end,
            status,
            vtr,
            target,
            eligible,
            defects,
            budget,
            needed,
            mostly,
        ]
    }
}

/// Shows the rows of the published files of `account_health`.
///
/// # Errors
/// A file cannot be read; writing fails; [`Error::Gate`] by `fail_on`.
pub fn run(
    store: &dyn Store,
    files: &[String],
    query: &Query,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<()> {
    let mut batches = Vec::new();
    for path in files {
        listing::read_published(store, Table::AccountHealth, path, &mut |batch| {
            batches.push(batch.clone());
            Ok(true)
        })?;
    }
    let rows = select(&batches, query)?;
    let shown = &rows[..rows.len().min(query.limit.unwrap_or(usize::MAX))];
    listing::unless_pipe_closed(show(shown, query.format, out, notes))?;
    if shown.len() < rows.len() {
        let _ = writeln!(notes, "the worst {} of {} rows; --limit raises the number", shown.len(), rows.len());
    }
    query.fail_on.map_or(Ok(()), |worst| gate(&rows, worst))
}

/// The matching rows, worst first.
fn select<'a>(batches: &'a [RecordBatch], query: &Query) -> Result<Vec<Row<'a>>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let name = batch["status"].as_string::<i32>().value(row);
            let status = Status::from_name(name).ok_or_else(|| {
                Error::Input(format!(
                    "account_health holds the status `{name}`, which this version does not know; run the job again"
                ))
            })?;
            let row = Row { batch, row, status };
            let passes =
                |wanted: &Option<Wanted>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted.has(row.text(name)));
            if passes(&query.filters.seller, "seller_id") && passes(&query.filters.marketplace, "marketplace") {
                rows.push(row);
            }
        }
    }
    // The sort is stable: equally bad rows keep the order of the table's key. Rows with few packages come last,
    // because little can be concluded from them.
    rows.sort_by_key(|row| {
        (row.is_few(), std::cmp::Reverse(row.status), row.count("defect_budget").unwrap_or(i64::MAX))
    });
    Ok(rows)
}

fn show(rows: &[Row], format: Format, out: &mut dyn Write, notes: &mut dyn Write) -> Result<()> {
    if rows.is_empty() {
        // A note that cannot be written is not an error.
        let _ = writeln!(notes, "no row of account_health matches");
    }
    if format == Format::Table {
        if rows.is_empty() {
            return Ok(());
        }
        let width = listing::width();
        write(out, &head(rows, width))?;
        if width < CARDS_BELOW {
            let names = Names::of(shelf::book(&[])?.as_ref());
            for row in rows {
                write(out, &row.card(&names, width))?;
            }
        } else {
            let mut listing = Listing::begin(format, &SHOWN, out)?;
            for row in rows {
                listing.row(&row.shown())?;
            }
            listing.finish(notes)?;
        }
        return write(out, &legend(rows, width));
    }
    let heads: Vec<&'static str> = Table::AccountHealth.columns().iter().map(|facts| facts.name).collect();
    let mut listing = Listing::begin(format, &heads, out)?;
    for row in rows {
        let cells: Vec<Cell> = heads.iter().map(|name| row.cell(name)).collect();
        listing.row(&cells)?;
    }
    listing.finish(notes)
}

fn write(out: &mut dyn Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|error| Error::failed("writing the rows", error))
}

/// The judged windows and their `as_of`.
fn head(rows: &[Row], width: usize) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let (start, end, as_of) = (first.day("window_start"), first.day("window_end"), first.day("as_of"));
    let is_one = rows.iter().all(|row| (row.day("window_start"), row.day("window_end")) == (start, end));
    let others = if is_one { "" } else { " (of the first row; others have windows of their own)" };
    let text = format!(
        "As of {} {}. Judged: {} to {}{others}, the last {} that are final.",
        words::weekday(as_of, as_of),
        words::date(as_of).format("%Y"),
        words::day(start, as_of),
        words::day(end, as_of),
        words::plural(i64::from(end - start + 1), "day")
    );
    wrapped(&text, width).iter().map(|line| format!("{line}\n")).collect::<String>() + "\n"
}

/// The meanings of the words in the list.
fn legend(rows: &[Row], width: usize) -> String {
    let mut text =
        "Budget (fit, too many): how many more defects the same packages could hold and still meet the target. \
                    Needed (bring it back): how many valid packages without a defect would bring the rate back to it."
            .to_owned();
    if rows.iter().any(Row::is_few) {
        text += " Too few to judge: below the job's min_eligible packages; listed last.";
    }
    "\n".to_owned() + &wrapped(&text, width).iter().map(|line| format!("{line}\n")).collect::<String>()
}

fn gate(rows: &[Row], worst: Status) -> Result<()> {
    if rows.is_empty() {
        let what = "no account matches, so nothing is known to be well; leave the filters out, or run the job with a later as_of";
        return Err(Error::Gate(format!("--fail-on {}: {what}", worst.name())));
    }
    let bad: Vec<&Row> = rows.iter().filter(|row| row.status >= worst).collect();
    let Some(first) = bad.first() else { return Ok(()) };
    Err(Error::Gate(format!(
        "--fail-on {}: {} of {} rows are that bad, first of all {} in {}, {}, {}: {} with {} of {} valid",
        worst.name(),
        bad.len(),
        rows.len(),
        first.text("seller_id"),
        first.text("marketplace"),
        first.text("programme"),
        first.text("product_category"),
        first.status.name(),
        first.count("valid").unwrap_or_default(),
        first.count("eligible").unwrap_or_default(),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::listing::tests::{filler, published};

    /// Seller, marketplace, valid, eligible, status, budget.
    type Account = (&'static str, &'static str, i64, i64, &'static str, Option<i64>);

    fn accounts(rows: &[Account]) -> tempfile::TempPath {
        published(Table::AccountHealth, rows.len(), |row, name| {
            let (seller, marketplace, valid, eligible, status, budget) = rows[row];
            match name {
                "seller_id" => Cell::text(seller),
                "marketplace" => Cell::text(marketplace),
                "product_category" => Cell::text("(all)"),
                "status" => Cell::text(status),
                "valid" => Cell::Count(valid),
                "eligible" => Cell::Count(eligible),
                "defect_budget" => budget.map_or(Cell::Null, Cell::Count),
                "target" => Cell::Share(0.95),
                "target_kind" => Cell::text("at_least"),
                "cause_reason" | "cause_carrier" | "vtr_7_days_before" => Cell::Null,
                _ => filler(Table::AccountHealth, name),
            }
        })
    }

    fn shown(query: &Query) -> (Result<()>, String, String) {
        let file = accounts(&[
            ("A", "GB", 99, 100, "good", Some(4)),
            ("B", "GB", 90, 100, "breach", Some(-5)),
            ("C", "DE", 94_996, 100_000, "breach", Some(-4)),
            ("D", "DE", 0, 0, "no_data", None),
            ("E", "DE", 95, 100, "at_risk", Some(0)),
        ]);
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let store = crate::publish::local::Local::new(std::path::Path::new("/"));
        let result = run(&store, &[file.to_string_lossy().into_owned()], query, &mut out, &mut notes);
        (result, String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap())
    }

    fn sellers(csv: &str) -> Vec<&str> {
        csv.lines().skip(1).map(|line| &line[..1]).collect()
    }

    #[test]
    fn the_worst_come_first() {
        let (result, out, notes) = shown(&Query { format: Format::Csv, ..Query::default() });
        assert!(result.is_ok() && notes.is_empty());
        assert_eq!(sellers(&out), ["B", "C", "E", "A", "D"]);
        assert!(out.starts_with("seller_id,marketplace,programme,product_category,window_start,"));
    }

    #[test]
    fn the_terminal_table_cuts_percentages() {
        let (_, out, _) = shown(&Query::default());
        assert!(out.contains(" 94.99 % ") && !out.contains("95.00 %\u{a0}"), "{out}");
        assert!(out.contains("≥ 95 %"), "{out}");
        assert!(out.contains("no package that counts  D, "), "{out}");
        assert!(out.starts_with("As of ") && out.contains("Budget (fit, too many)"), "{out}");
    }

    #[test]
    fn filters_narrow_and_the_gate_looks_at_what_is_left() {
        let of = |marketplace: &str, fail_on| Query {
            filters: Filters { marketplace: Some(Wanted::of([marketplace])), ..Filters::default() },
            fail_on: Some(fail_on),
            format: Format::Csv,
            ..Query::default()
        };
        let (result, out, _) = shown(&of("GB", Status::Breach));
        assert_eq!(sellers(&out), ["B", "A"]);
        let error = result.unwrap_err();
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().contains("1 of 2 rows are that bad, first of all B in GB"), "{error}");
        assert!(shown(&of("DE", Status::AtRisk)).0.unwrap_err().to_string().contains("2 of 3 rows"));
        let seller = |seller| Filters { seller: Some(Wanted::of([seller])), ..Filters::default() };
        let good = Query { filters: seller("A"), fail_on: Some(Status::AtRisk), ..Query::default() };
        assert!(shown(&good).0.is_ok());
        let (result, out, notes) = shown(&Query { filters: seller("a"), ..Query::default() });
        assert!(result.is_ok() && out.is_empty() && notes.contains("no row"));
    }
}
