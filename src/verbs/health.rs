//! `vtr health`: shows the standing of each account, worst first, with an exit code for schedulers.
//!
//! It shows the published `account_health` and computes only the percentages shown, which are truncated and not
//! rounded; on a narrow terminal an account is a card of some lines. It fails if the table cannot be read, and with
//! `fail_on` if an account is at least that bad.

use super::filters::{FilterValues, Filters};
use super::listing::{self, CARDS_BELOW, Cell, Format, Listing, wrapped};
use crate::error::{Error, Result};
use crate::pages::brief::{self, Answer};
use crate::pages::model::{ALL, Key, Standing};
use crate::pages::words::{self, Names};
use crate::publish::store::Store;
use crate::schema::Table;
use crate::tables::health::Status;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use vtr_kernel::calendar::Day;
use vtr_kernel::tally::Tally;
use vtr_kernel::text::shown;

/// The filters and options of the list.
#[derive(Clone, Debug, Default)]
pub struct HealthQuery {
    /// Only these sellers and marketplaces.
    pub filters: Filters,
    /// The format of the rows.
    pub format: Format,
    /// The number of rows shown, the worst ones; `None` for all.
    pub limit: Option<usize>,
    /// Exit code 4 if a matching row is at least this bad: `AtRisk` or `Breach`.
    pub fail_on: Option<Status>,
}

/// What people read above and below the rows.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The answers about the worst account.
    pub answers: Vec<Answer>,
    /// The accounts that are not yet assessed, by name.
    pub unassessed: Option<String>,
    /// The same accounts by key; some have a row without packages.
    pub new: BTreeSet<Key>,
    /// The names by which the version was judged.
    pub names: Names,
}

/// The columns of the terminal's table of accounts; the other formats show all published columns.
const ACCOUNTS: [&str; 11] = [
    "status",
    "seller",
    "marketplace",
    "programme",
    "vtr",
    "target",
    "eligible",
    "defects",
    "budget",
    "needed",
    "largest cause",
];

/// The columns of the terminal's table of categories.
const CATEGORIES: [&str; 9] =
    ["category", "status", "seller", "marketplace", "programme", "vtr", "eligible", "defects", "largest cause"];

/// A row of `account_health`.
struct HealthRow<'a> {
    batch: &'a RecordBatch,
    row: usize,
    status: Status,
}

impl<'a> HealthRow<'a> {
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

    fn eligible(&self) -> i64 {
        self.count("eligible").unwrap_or_default()
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

    fn key(&self) -> Key {
        let [seller, market, programme] =
            ["seller_id", "marketplace", "programme"].map(|name| self.text(name).to_owned());
        Key { seller, market, programme }
    }

    /// Whether the row is a whole account, not one of its categories.
    fn is_account(&self) -> bool {
        self.text("product_category") == ALL
    }

    /// Orders the worst first; rows with few packages come last, because little can be concluded from them.
    fn rank(&self) -> (bool, std::cmp::Reverse<Status>, i64) {
        (self.is_few(), std::cmp::Reverse(self.status), self.count("defect_budget").unwrap_or(i64::MAX))
    }

    /// Of its categories, the one by which an account stands worse than by all together; the worst one comes first.
    fn decisive<'r>(&self, categories: &[&'r HealthRow<'a>], names: &Names) -> Option<&'r HealthRow<'a>> {
        if !names.suspends_categories(self.text("marketplace"), self.text("programme")) {
            return None;
        }
        categories.first().copied().filter(|worst| worst.standing() < self.standing())
    }

    /// The account, its standing and the reason, in some lines; `categories` are its own.
    fn card(&self, categories: &[&HealthRow], names: &Names, width: usize) -> String {
        let market = names.market(self.text("marketplace"));
        let programme = match self.text("programme") {
            "standard" => String::new(),
            programme => format!(", programme {programme}"),
        };
        let who = format!("{}, {market}{programme}", self.text("seller_id"));
        let decisive = self.decisive(categories, names);
        let standing = decisive.unwrap_or(self).standing();
        // Colour codes take no width; what does not fit continues below.
        let pad = " ".repeat(STANDING_WIDTH.saturating_sub(standing.words().len()));
        let room = width.saturating_sub(STANDING_WIDTH + 15);
        let mut card = format!(
            "{}{pad}{:>10}  {}\n",
            listing::coloured(standing),
            self.percent(),
            wrapped(&shown(&who), room).join("\n    ")
        );
        let defects = self.count("defects").unwrap_or_default();
        let mut told = match decisive {
            None => vec![self.room(defects)],
            Some(category) => {
                let (name, rate) = (category.text("product_category"), category.percent());
                let room = category.room(category.count("defects").unwrap_or_default());
                let standing = category.standing().words();
                vec![
                    format!("{standing} in {name}: {rate}, {room}"),
                    format!("All together: {}", self.counted(defects)),
                ]
            }
        };
        if let (Cell::Text(reason), Cell::Text(carrier), Some(packages)) =
            (self.cell("cause_reason"), self.cell("cause_carrier"), self.count("cause_packages"))
        {
            told.push(brief::lead(&reason, &carrier, packages, defects, names));
        }
        told.extend(of_categories(categories));
        for text in told {
            let lines = wrapped(&shown(&text), width.saturating_sub(4));
            card.extend(lines.iter().map(|line| format!("    {line}\n")));
        }
        card
    }

    /// The defects, the room that the target leaves for them, and the way back to it.
    fn room(&self, defects: i64) -> String {
        let told = self.counted(defects);
        let target = self.asked();
        match self.count("defect_budget") {
            None => told,
            Some(budget) if budget < 0 => format!(
                "{told}, {} too many. {}",
                words::number(-budget),
                brief::returns(self.count("valid_needed"), &target)
            ),
            Some(0) => format!("{told}; one more would miss {target}"),
            Some(1) => format!("{told}; 1 more fits {target}"),
            Some(budget) => format!("{told}; {} more fit {target}", words::number(budget)),
        }
    }

    fn counted(&self, defects: i64) -> String {
        format!("{} of {}", words::plural(defects, "defect"), words::plural(self.eligible(), "package"))
    }

    fn percent(&self) -> String {
        let count = |name| self.count(name).and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
        Tally { valid: count("valid"), eligible: count("eligible") }.percent()
    }

    /// The target in a column: `≥ 95 %`.
    fn target(&self) -> String {
        let sign = if self.is_more_than() { ">" } else { "≥" };
        self.share().map_or_else(String::new, |share| format!("{sign} {share}"))
    }

    /// The target in a sentence: `95 %`, `more than 95 %`.
    fn asked(&self) -> String {
        let more = if self.is_more_than() { "more than " } else { "" };
        self.share().map_or_else(String::new, |share| format!("{more}{share}"))
    }

    fn is_more_than(&self) -> bool {
        self.text("target_kind") == "more_than"
    }

    fn share(&self) -> Option<String> {
        let Cell::Share(share) = self.cell("target") else { return None };
        // Targets have few decimals; multiplying the double must not add any.
        Some(format!("{} %", (share * 1e9).round() / 1e7))
    }

    /// The largest cause as published names, and its share of the defects.
    fn cause(&self) -> Cell<'a> {
        match (self.cell("cause_reason"), self.cell("cause_carrier"), self.count("cause_packages")) {
            (Cell::Text(reason), Cell::Text(carrier), Some(packages)) => {
                Cell::text(format!("{reason}, {carrier}: {packages} of {}", self.count("defects").unwrap_or_default()))
            }
            (reason, _, _) => reason,
        }
    }

    /// The cells of these columns of the terminal's tables.
    fn shown(&self, heads: &[&str]) -> Vec<Cell<'a>> {
        let cell = |head: &&str| match *head {
            "category" => self.cell("product_category"),
            "seller" => self.cell("seller_id"),
            "status" if self.is_few() => Cell::text("too few"),
            "vtr" => Cell::text(self.percent()),
            "target" => Cell::text(self.target()),
            "budget" => self.cell("defect_budget"),
            "needed" => self.cell("valid_needed"),
            "largest cause" => self.cause(),
            name => self.cell(name),
        };
        heads.iter().map(cell).collect()
    }
}

/// The width of the longest standing.
const STANDING_WIDTH: usize = "too few to judge".len();

/// The categories of an account with defects, the one with most first; the others are counted.
fn of_categories(categories: &[&HealthRow]) -> Option<String> {
    let count = |row: &HealthRow| row.count("defects").unwrap_or_default();
    let mut bad: Vec<&&HealthRow> = categories.iter().filter(|row| count(row) > 0).collect();
    if categories.len() < 2 || bad.is_empty() {
        return None;
    }
    bad.sort_by_key(|row| std::cmp::Reverse(count(row)));
    let one = |row: &&&HealthRow| {
        let (name, rate) = (row.text("product_category"), row.percent());
        format!("{name} {rate} ({} of {})", count(row), words::number(row.count("eligible").unwrap_or_default()))
    };
    let mut told: Vec<String> = bad.iter().map(one).collect();
    let rest = categories.len() - bad.len();
    if rest > 0 {
        told.push(format!("{} without a defect", if rest == 1 { "1 other".into() } else { format!("{rest} others") }));
    }
    Some(format!("By category: {}", told.join("; ")))
}

/// Reads the published files of `account_health`.
fn read(store: &dyn Store, files: &[String]) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    for path in files {
        listing::read_published(store, Table::AccountHealth, path, &mut |batch| {
            batches.push(batch.clone());
            Ok(true)
        })?;
    }
    Ok(batches)
}

/// Fails by `fail_on` and shows nothing.
///
/// # Errors
/// A file cannot be read; [`Error::Gate`].
pub fn check(store: &dyn Store, files: &[String], query: &HealthQuery) -> Result<()> {
    let Some(worst) = query.fail_on else { return Ok(()) };
    gate(&select(&read(store, files)?, query)?, worst)
}

/// Shows the rows of the published files of `account_health`; people see the answers above it.
///
/// # Errors
/// A file cannot be read; writing fails; [`Error::Gate`] by `fail_on`.
pub fn run(
    store: &dyn Store,
    files: &[String],
    query: &HealthQuery,
    told: &Told,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<()> {
    let batches = read(store, files)?;
    let rows = select(&batches, query)?;
    let limit = query.limit.unwrap_or(usize::MAX);
    listing::unless_pipe_closed(match query.format {
        Format::Table => people(&rows, limit, told, out, notes),
        format => programs(&rows[..rows.len().min(limit)], format, out, notes),
    })?;
    if let Some(new) = told.unassessed.as_ref().filter(|_| query.format != Format::Table || rows.is_empty()) {
        let _ = writeln!(notes, "{}", shown(new));
    }
    let is_listed = |row: &&HealthRow| query.format != Format::Table || row.is_account() && row.eligible() > 0;
    let (all, what) =
        (rows.iter().filter(is_listed).count(), if query.format == Format::Table { "accounts" } else { "rows" });
    if limit < all {
        let _ = writeln!(notes, "the worst {limit} of {all} {what}; --limit raises the number");
    }
    query.fail_on.map_or(Ok(()), |worst| gate(&rows, worst))
}

/// The matching rows, worst first.
fn select<'a>(batches: &'a [RecordBatch], query: &HealthQuery) -> Result<Vec<HealthRow<'a>>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let name = batch["status"].as_string::<i32>().value(row);
            let status = Status::from_name(name).ok_or_else(|| {
                Error::Input(format!(
                    "account_health holds the status `{name}`, which this version does not know; run the job again"
                ))
            })?;
            let row = HealthRow { batch, row, status };
            let passes = |wanted: &Option<FilterValues>, name: &str| {
                wanted.as_ref().is_none_or(|wanted| wanted.has(row.text(name)))
            };
            if passes(&query.filters.seller, "seller_id") && passes(&query.filters.marketplace, "marketplace") {
                rows.push(row);
            }
        }
    }
    // The sort is stable: equally bad rows keep the order of the table's key.
    rows.sort_by_key(HealthRow::rank);
    Ok(rows)
}

/// The list for programs: all columns of all rows.
fn programs(rows: &[HealthRow], format: Format, out: &mut dyn Write, notes: &mut dyn Write) -> Result<()> {
    none(rows, notes);
    let heads: Vec<&'static str> = Table::AccountHealth.columns().iter().map(|facts| facts.name).collect();
    let mut listing = Listing::begin(format, &heads, out)?;
    for row in rows {
        let cells: Vec<Cell> = heads.iter().map(|name| row.cell(name)).collect();
        listing.row(&cells)?;
    }
    listing.finish(notes)
}

fn none(rows: &[HealthRow], notes: &mut dyn Write) {
    if rows.is_empty() {
        // A note that cannot be written is not an error.
        let _ = writeln!(
            notes,
            "no row of account_health matches; an account has rows as long as a package was judged in the last 84 days of its window"
        );
    }
}

/// The text for people: the answers about the worst account, then accounts and, below or beside each, its categories.
fn people(rows: &[HealthRow], limit: usize, told: &Told, out: &mut dyn Write, notes: &mut dyn Write) -> Result<()> {
    none(rows, notes);
    if rows.is_empty() {
        return Ok(());
    }
    let width = listing::width();
    write(out, &head(rows, width))?;
    write(out, &block(&told.answers, width))?;
    let (all, categories): (Vec<&HealthRow>, Vec<&HealthRow>) = rows.iter().partition(|row| row.is_account());
    let categories: Vec<&HealthRow> = categories.into_iter().filter(|row| row.eligible() > 0).collect();
    let mut of_account: HashMap<Key, Vec<&HealthRow>> = HashMap::new();
    categories.into_iter().for_each(|row| of_account.entry(row.key()).or_default().push(row));
    let own = |account: &HealthRow| of_account.get(&account.key()).map_or(&[][..], Vec::as_slice);
    let mut accounts: Vec<&HealthRow> = all.iter().copied().filter(|row| row.eligible() > 0).collect();
    let found =
        accounts.iter().filter_map(|account| Some((account.key(), account.decisive(own(account), &told.names)?)));
    let of_categories: HashMap<Key, &HealthRow> = found.collect();
    let decisive = |account: &HealthRow| of_categories.get(&account.key()).copied();
    accounts.sort_by_cached_key(|account| decisive(account).unwrap_or(account).rank());
    let listed = &accounts[..accounts.len().min(limit)];
    let standings = standings(accounts.iter().map(|account| decisive(account).unwrap_or(account).standing()));
    let heading = listing::wrapped(&format!("ACCOUNTS, worst first: {standings}"), width);
    heading.iter().try_for_each(|line| write(out, &format!("{}\n", listing::emphasised(line))))?;
    if width < CARDS_BELOW {
        listed.iter().try_for_each(|row| write(out, &row.card(own(row), &told.names, width)))?;
    } else {
        let table = |heads: &[&'static str], rows: &[&HealthRow], out: &mut dyn Write, notes: &mut dyn Write| {
            let mut listing = Listing::begin(Format::Table, heads, out)?;
            for row in rows {
                let mut cells = row.shown(heads);
                if let Some(category) = decisive(row).filter(|_| row.is_account()) {
                    cells[0] =
                        Cell::text(format!("{} in {}", category.status.name(), category.text("product_category")));
                }
                listing.row(&cells)?;
            }
            listing.finish(notes)
        };
        table(&ACCOUNTS, listed, out, notes)?;
        let bad = |row: &&HealthRow| row.count("defects").unwrap_or_default() > 0;
        let parts: Vec<&HealthRow> = listed.iter().flat_map(|account| own(account)).copied().filter(bad).collect();
        if !parts.is_empty() {
            write(out, &format!("\n{}\n", listing::emphasised("CATEGORIES of these accounts that have defects")))?;
            table(&CATEGORIES, &parts, out, notes)?;
        }
    }
    let empty = all.iter().filter(|row| row.eligible() == 0 && !told.new.contains(&row.key())).count();
    write(out, &legend(listed, empty, width))?;
    let new = told.unassessed.as_ref().map(|new| wrapped(&shown(new), width).join("\n"));
    new.map_or(Ok(()), |new| write(out, &format!("\n{new}\n")))
}

/// The answers, each after its question.
fn block(answers: &[Answer], width: usize) -> String {
    const HEAD: usize = 9;
    let mut text = String::new();
    for answer in answers {
        let lines = wrapped(&shown(&answer.plain()), width.saturating_sub(HEAD));
        let head = format!("{:<HEAD$}", answer.head.to_uppercase());
        for (index, line) in lines.iter().enumerate() {
            let head = if index == 0 { listing::emphasised(&head) } else { " ".repeat(HEAD) };
            text += &format!("{head}{line}\n");
        }
    }
    if text.is_empty() { text } else { text + "\n" }
}

/// The number of accounts of each standing.
fn standings(accounts: impl Iterator<Item = Standing>) -> String {
    let accounts: Vec<Standing> = accounts.collect();
    let count = |standing: Standing| accounts.iter().filter(|own| **own == standing).count() as i64;
    let words = |standing: Standing, count: i64| match standing {
        Standing::Good if count > 1 => "meet it".to_owned(),
        Standing::Good => "meets it".to_owned(),
        Standing::Few => "too few".to_owned(),
        standing => standing.words().to_lowercase(),
    };
    let said = Standing::ALL.into_iter().map(|standing| (count(standing), words(standing, count(standing))));
    let said: Vec<String> = said
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{} {words}", words::number(count)))
        .collect();
    if said.is_empty() { "none has a package that counts".to_owned() } else { said.join(", ") }
}

fn write(out: &mut dyn Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|error| Error::failed("writing the rows", error))
}

/// The judged windows and their `as_of`.
fn head(rows: &[HealthRow], width: usize) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let (start, end, as_of) = (first.day("window_start"), first.day("window_end"), first.day("as_of"));
    let is_one = rows.iter().all(|row| (row.day("window_start"), row.day("window_end")) == (start, end));
    let others = if is_one { "" } else { " (of the first row; others have windows of their own)" };
    let text = format!(
        "As of {} {}. Judged: {} to {}{others}, the last {}.",
        words::weekday(as_of, as_of),
        words::date(as_of).format("%Y"),
        words::day(start, as_of),
        words::day(end, as_of),
        words::plural(i64::from(end - start + 1), "final day")
    );
    wrapped(&text, width).iter().map(|line| format!("{line}\n")).collect::<String>() + "\n"
}

/// The meanings of the words in the list, and the number of accounts that are not in it.
fn legend(rows: &[&HealthRow], empty: usize, width: usize) -> String {
    let mut told = Vec::new();
    if width >= CARDS_BELOW {
        told.push(
            "Budget: how many more defects the same packages could hold and still meet the target; below zero, so many \
             are too many. Needed: how many further packages without a defect bring the rate back to it."
                .to_owned(),
        );
    }
    if rows.iter().any(|row| row.is_few()) {
        told.push("Too few to judge: below the job's min_eligible packages; listed last.".to_owned());
    }
    if empty > 0 {
        told.push(format!("Not listed: {} without a package that counts.", words::plural(empty as i64, "account")));
    }
    if told.is_empty() {
        return String::new();
    }
    "\n".to_owned() + &wrapped(&told.join(" "), width).iter().map(|line| format!("{line}\n")).collect::<String>()
}

fn gate(rows: &[HealthRow], worst: Status) -> Result<()> {
    // Nothing known is no all-clear: an empty window mostly means that the data stopped.
    if rows.iter().all(|row| row.status == Status::NoData) {
        let what = if rows.is_empty() {
            "no account matches, so nothing is known to be well; leave the filters out, or run the job with a later as_of"
        } else {
            "no account has a package that counts in its window, so nothing is known to be well; see whether the inputs go on"
        };
        return Err(Error::Gate(format!("--fail-on {}: {what}", worst.name())));
    }
    let bad: Vec<&HealthRow> = rows.iter().filter(|row| row.status >= worst).collect();
    let Some(first) = bad.first() else { return Ok(()) };
    // The marketplace knows no least number of packages, so the gate holds for accounts that lists call too few to judge.
    let few = match bad.iter().filter(|row| row.is_few()).count() {
        0 => String::new(),
        few => format!("; lists call {few} of them too few to judge, by the job's min_eligible"),
    };
    Err(Error::Gate(format!(
        "--fail-on {}: {} of {} rows are that bad, first of all {} in {}, {}, {}: {} with {} of {} valid{few}",
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
    type AccountCase = (&'static str, &'static str, i64, i64, &'static str, Option<i64>);

    fn accounts(rows: &[AccountCase]) -> tempfile::TempPath {
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

    fn shown(query: &HealthQuery) -> (Result<()>, String, String) {
        let file = accounts(&[
            ("A", "GB", 99, 100, "good", Some(4)),
            ("B", "GB", 90, 100, "breach", Some(-5)),
            ("C", "DE", 94_996, 100_000, "breach", Some(-4)),
            ("D", "DE", 0, 0, "no_data", None),
            ("E", "DE", 95, 100, "at_risk", Some(0)),
        ]);
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let store = crate::publish::local::Local::new(std::path::Path::new("/"));
        let result = run(&store, &[file.to_string_lossy().into_owned()], query, &Told::default(), &mut out, &mut notes);
        (result, String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap())
    }

    fn sellers(csv: &str) -> Vec<&str> {
        csv.lines().skip(1).map(|line| &line[..1]).collect()
    }

    #[test]
    fn the_worst_come_first() {
        let (result, out, notes) = shown(&HealthQuery { format: Format::Csv, ..HealthQuery::default() });
        assert!(result.is_ok() && notes.is_empty());
        assert_eq!(sellers(&out), ["B", "C", "E", "A", "D"]);
        assert!(out.starts_with("seller_id,marketplace,programme,product_category,window_start,"));
    }

    #[test]
    fn the_terminal_table_cuts_percentages() {
        let (_, out, _) = shown(&HealthQuery::default());
        assert!(out.contains(" 94.99 % ") && !out.contains("95.00 %\u{a0}"), "{out}");
        assert!(out.contains("one more would miss 95 %"), "{out}");
        let unwrapped = out.replace('\n', " ");
        assert!(unwrapped.contains("Not listed: 1 account without a package that counts."), "{out}");
        assert!(out.starts_with("As of ") && out.contains("ACCOUNTS, worst first: "), "{out}");
    }

    #[test]
    fn filters_narrow_and_the_gate_looks_at_what_is_left() {
        let of = |marketplace: &str, fail_on| HealthQuery {
            filters: Filters { marketplace: Some(FilterValues::of([marketplace])), ..Filters::default() },
            fail_on: Some(fail_on),
            format: Format::Csv,
            ..HealthQuery::default()
        };
        let (result, out, _) = shown(&of("GB", Status::Breach));
        assert_eq!(sellers(&out), ["B", "A"]);
        let error = result.unwrap_err();
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().contains("1 of 2 rows are that bad, first of all B in GB"), "{error}");
        assert!(error.to_string().contains("lists call 1 of them too few to judge"), "{error}");
        assert!(shown(&of("DE", Status::AtRisk)).0.unwrap_err().to_string().contains("2 of 3 rows"));
        let seller = |seller| Filters { seller: Some(FilterValues::of([seller])), ..Filters::default() };
        let good = HealthQuery { filters: seller("A"), fail_on: Some(Status::AtRisk), ..HealthQuery::default() };
        assert!(shown(&good).0.is_ok());
        let unknown = HealthQuery { filters: seller("D"), fail_on: Some(Status::Breach), ..HealthQuery::default() };
        let error = shown(&unknown).0.unwrap_err();
        assert!(error.exit_code() == 4 && error.to_string().contains("nothing is known to be well"), "{error}");
        let (result, out, notes) = shown(&HealthQuery { filters: seller("a"), ..HealthQuery::default() });
        assert!(result.is_ok() && out.is_empty() && notes.contains("no row"));
    }
}
