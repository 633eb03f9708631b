//! `vtr worklist JOB --format ship-confirm`: writes the corrections that are certain as Amazon's upload file.
//!
//! It reads the orders again, as `explain` does. A line without an item replaces every package of its order, so a line
//! is written only for an order of one package whose number matches one carrier alone; all others are listed for a
//! person. It publishes nothing, and fails if job, output or inputs are refused or a file cannot be written.

use super::filters::Terms;
use super::listing::{self, Cell, Format, Listing};
use super::orders::{self, AskedRow, FoundRow, WantedRows};
use super::{published, report};
use crate::cli::{JobOptions, WorklistArgs};
use crate::error::{Error, Result};
use crate::job::{self, plan::Plan};
use crate::pages::model::{self, Account};
use crate::pages::read::PublishedVersion;
use crate::pages::terms;
use crate::pages::work::{self, Actor, OpenDefect};
use crate::progress::say;
use crate::publish;
use crate::schema::Table;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{stderr, stdout};
use std::path::Path;
use std::time::SystemTime;
use vtr_columnar::judge::{CopyRecord, Fate, Judge};
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, date_from_day};
use vtr_kernel::carrier::CarrierId;
use vtr_kernel::facts::{Facts, Tracking};
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::Reason;
use vtr_kernel::text::is_hidden;

/// The headings of the upload file, `POST_FLAT_FILE_FULFILLMENT_DATA`.
const HEADINGS: &str =
    "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method\n";

/// The reason why a defect is left to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    NotAMismatch,
    RowsRejected,
    RowsNewer,
    SeveralPackages,
    ChangedSince,
    SeveralCarriers,
    NoCode,
    NoShipDate,
    Unwritable,
}

impl Doubt {
    fn words(self) -> &'static str {
        match self {
            Doubt::NotAMismatch => "only a person knows the right number or carrier",
            Doubt::RowsRejected => "a row of the order cannot be read",
            Doubt::RowsNewer => "a row of the order is newer than as_of; run the job with a later one",
            Doubt::SeveralPackages => "the order has several packages; a line of the file would replace them all",
            Doubt::ChangedSince => "the inputs no longer say so; run the job again",
            Doubt::SeveralCarriers => "the number fits several carriers",
            Doubt::NoCode => "no code of Amazon is known for the likely carrier",
            Doubt::NoShipDate => "the day of shipping is not known",
            Doubt::Unwritable => "order or number hold characters that the file cannot hold",
        }
    }
}

/// The relevant facts of one row of an order.
struct OrderRow {
    seller: String,
    order: String,
    /// Its package, or the reason why the row is not judged.
    package: std::result::Result<String, Doubt>,
    /// For a carrier mismatch: the one carrier that the number matches, and the day of shipping.
    mismatch: Option<(Option<CarrierId>, Option<Day>)>,
}

/// A line of an upload file.
struct Correction {
    order: String,
    shipped: Day,
    code: String,
    number: String,
}

/// Writes the files.
///
/// # Errors
/// See the head of the module.
pub fn run(args: &WorklistArgs) -> Result<()> {
    let options = JobOptions {
        job: args.out.clone(),
        as_of: None,
        book: Vec::new(),
        sources: None,
        out: None,
        threads: None,
        memory: None,
        set: Vec::new(),
    };
    let mut plan = job::load(&options.job, &super::overrides(&options, &Default::default()), SystemTime::now())?;
    crate::assemble::ready(&mut plan, crate::assemble::Mode::Standing)?;
    let store = publish::at(Path::new(&plan.output.path))?;
    let manifest = published::version(store.as_ref(), Table::Defects, None)?;
    let source = PublishedVersion { store: store.as_ref(), manifest: &manifest };
    let (names, doubt) = terms::of(&source, &plan.book)?;
    doubt.iter().for_each(|doubt| say(doubt));
    let terms = Terms { book: &plan.book, names: &names };
    let scope = report::scope(&args.seller, &args.marketplace, &terms)?;
    report::refuse_unknown(&source, &args.seller, &args.category, &terms)?;
    let (accounts, empty) = model::all_accounts(&source, &scope, &names)?;
    report::refuse_empty(accounts.len() + empty, &scope)?;
    let is_asked =
        |_: &Account, category: &str| args.category.is_empty() || args.category.iter().any(|asked| asked == category);
    let work = work::work(&source, &scope, &accounts, &is_asked, manifest.as_of, &|_| usize::MAX)?;
    let mut items: Vec<(String, String, &OpenDefect)> = Vec::new();
    for account in &accounts {
        let groups = work.get(&account.key).into_iter().flatten();
        for (_, group) in groups.filter(|(actor, _)| matches!(actor, Actor::Correct | Actor::Late)) {
            items.extend(group.items.iter().map(|item| (account.key.seller.clone(), account.key.market.clone(), item)));
        }
    }
    let mut wanted: HashMap<String, HashSet<String>> = HashMap::new();
    for (seller, _, item) in items.iter().filter(|(_, _, item)| is_mismatch(item)) {
        wanted.entry(item.order.clone()).or_default().insert(seller.clone());
    }
    let seen =
        if wanted.is_empty() { Vec::new() } else { orders::read(&mut plan, &WantedRows::Orders(wanted), &seen)? };
    let (certain, doubtful) = sorted(&items, &seen, &plan.book);
    write(&certain, &args.target)?;
    let format = if args.json { Format::Json } else { Format::Table };
    listing::unless_pipe_closed(listed(&doubtful, format))
}

fn is_mismatch(item: &OpenDefect) -> bool {
    item.reason == Reason::CarrierMismatch.name() && item.likely.is_some()
}

fn seen(plan: &Plan, _: &Judge, row: AskedRow) -> (OrderRow, Option<CopyRecord>) {
    let (seller, order) = super::explain::names(&row);
    let mut seen = OrderRow { seller, order, package: Err(Doubt::RowsRejected), mismatch: None };
    let mut copy = None;
    match row.fate {
        Fate::Rejected(_) => {}
        Fate::AfterAsOf(_) => seen.package = Err(Doubt::RowsNewer),
        Fate::Judged { facts, verdict, package, copy: found, .. } => {
            copy = found;
            seen.package = Ok(package.to_owned());
            if verdict.reason == Reason::CarrierMismatch {
                let only = only_carrier(&plan.book, facts).filter(|only| verdict.likely_carrier == Some(*only));
                seen.mismatch = Some((only, shipped(&plan.book, facts)));
            }
        }
    }
    (seen, copy)
}

/// The carrier whose signature a number matches, if it matches no other's.
fn only_carrier(book: &Book, facts: &Facts) -> Option<CarrierId> {
    let (Tracking::Plain(number) | Tracking::Number(number)) = facts.tracking else { return None };
    let mut owners = book.carriers.signatures(number.as_bytes()).map(|(owner, _)| owner);
    let first = owners.next()?;
    owners.all(|owner| owner == first).then_some(first)
}

fn shipped(book: &Book, facts: &Facts) -> Option<Day> {
    let Marketplace::Known(market) = facts.marketplace else { return None };
    Some(facts.shipped?.day(&book.market(market).zone))
}

type Doubtful<'a> = (&'a str, &'a str, &'a OpenDefect, Doubt);

/// The certain corrections by seller, and the defects that are left to a person, with the reason.
fn sorted<'a>(
    items: &'a [(String, String, &'a OpenDefect)],
    seen: &[FoundRow<OrderRow>],
    book: &Book,
) -> (BTreeMap<String, Vec<Correction>>, Vec<Doubtful<'a>>) {
    let mut of_order: HashMap<(&str, &str), Vec<&FoundRow<OrderRow>>> = HashMap::new();
    for found in seen {
        of_order.entry((&found.kept.seller, &found.kept.order)).or_default().push(found);
    }
    let (mut certain, mut doubtful) = (BTreeMap::<String, Vec<Correction>>::new(), Vec::new());
    for (seller, market, item) in items {
        let rows = of_order.get(&(seller.as_str(), item.order.as_str())).map_or(&[][..], Vec::as_slice);
        match correction(item, rows, book) {
            Ok(correction) => certain.entry(seller.clone()).or_default().push(correction),
            Err(doubt) => doubtful.push((seller.as_str(), market.as_str(), *item, doubt)),
        }
    }
    (certain, doubtful)
}

fn correction(item: &OpenDefect, rows: &[&FoundRow<OrderRow>], book: &Book) -> std::result::Result<Correction, Doubt> {
    if !is_mismatch(item) {
        return Err(Doubt::NotAMismatch);
    }
    if let Some(doubt) = rows.iter().find_map(|row| row.kept.package.as_ref().err()) {
        return Err(*doubt);
    }
    // Superseded rows are other copies of the same package, but a package that only superseded rows name still counts.
    let packages: HashSet<&str> = rows.iter().filter_map(|row| row.kept.package.as_deref().ok()).collect();
    if packages.len() > 1 {
        return Err(Doubt::SeveralPackages);
    }
    let counting: Vec<_> = rows.iter().filter(|row| !row.superseded).collect();
    let [row] = counting.as_slice() else {
        return Err(if counting.is_empty() { Doubt::ChangedSince } else { Doubt::SeveralPackages });
    };
    let (only, shipped) = row.kept.mismatch.ok_or(Doubt::ChangedSince)?;
    let only = only.ok_or(Doubt::SeveralCarriers)?;
    let entry = book.carriers.entry(only);
    if item.likely.as_deref() != Some(entry.id.as_str()) {
        return Err(Doubt::ChangedSince);
    }
    let code = entry.amazon_code.clone().ok_or(Doubt::NoCode)?;
    let shipped = shipped.ok_or(Doubt::NoShipDate)?;
    let (order, number) = (item.order.trim().to_owned(), item.number.trim().to_owned());
    let is_plain = |text: &str| !text.is_empty() && !text.contains(is_hidden) && !text.contains(['\t', '"']);
    if !is_plain(&order) || !is_plain(&number) {
        return Err(Doubt::Unwritable);
    }
    Ok(Correction { order, shipped, code, number })
}

fn write(certain: &BTreeMap<String, Vec<Correction>>, folder: &Path) -> Result<()> {
    if !certain.is_empty() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::failed(format!("making the folder {}", folder.display()), error))?;
    }
    for (seller, corrections) in certain {
        let mut text = HEADINGS.to_owned();
        for Correction { order, shipped, code, number } in corrections {
            let _ = writeln!(text, "{order}\t\t\t{}\t{code}\t\t{number}\t", date_from_day(*shipped));
        }
        // The seller's id is hashed, because it could contain any path.
        let digest = Sha256::digest(seller.as_bytes());
        let name = format!("ship-confirm-{}.txt", vtr_kernel::text::hex(&digest[..8]));
        let path = folder.join(name);
        report::write(&path, text.as_bytes())?;
        let lines = corrections.len();
        say(&format!(
            "{}: {lines} {} of seller {seller}",
            path.display(),
            if lines == 1 { "correction" } else { "corrections" }
        ));
    }
    if certain.is_empty() {
        say("no correction is certain; nothing was written");
    }
    Ok(())
}

fn listed(doubtful: &[Doubtful], format: Format) -> Result<()> {
    if doubtful.is_empty() && format == Format::Table {
        return Ok(());
    }
    let heads = [
        "seller_id",
        "marketplace",
        "order_id",
        "act_by",
        "tracking_number",
        "carrier_typed",
        "reason",
        "likely_carrier",
        "left_to_a_person",
    ];
    let mut out = stdout().lock();
    let mut listing = Listing::begin(format, &heads, &mut out)?;
    for (seller, market, item, doubt) in doubtful {
        listing.row(&[
            Cell::text(*seller),
            Cell::text(*market),
            Cell::text(&*item.order),
            item.act_by.map_or(Cell::Null, Cell::Day),
            Cell::text(&*item.number),
            Cell::text(&*item.carrier_typed),
            Cell::text(&*item.reason),
            item.likely.as_deref().map_or(Cell::Null, Cell::text),
            Cell::text(doubt.words()),
        ])?;
    }
    listing.finish(&mut stderr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::shelf;

    fn item(likely: &str, number: &str) -> OpenDefect {
        OpenDefect {
            order: "1-2".into(),
            package: "p".into(),
            category: "c".into(),
            number: number.into(),
            carrier: "dpd".into(),
            carrier_typed: "DPD".into(),
            likely: Some(likely.into()),
            reason: "carrier_mismatch".into(),
            fix: String::new(),
            day: 100,
            act_by: Some(100),
            counts_until: 130,
            worth_until: 144,
            reach: work::Reach::Next,
            is_promised: true,
        }
    }

    fn row(
        package: std::result::Result<&str, Doubt>,
        mismatch: Option<(Option<CarrierId>, Option<Day>)>,
        superseded: bool,
    ) -> FoundRow<OrderRow> {
        let kept = OrderRow { seller: "S".into(), order: "1-2".into(), package: package.map(str::to_owned), mismatch };
        FoundRow { kept, superseded }
    }

    #[test]
    fn only_what_is_certain_is_written() {
        let book = shelf::book(&[]).unwrap();
        let (id, entry) = book.carriers.iter().find(|(_, entry)| entry.amazon_code.is_some()).unwrap();
        let (_, uncoded) = book.carriers.iter().find(|(_, entry)| entry.amazon_code.is_none()).unwrap();
        let good = item(&entry.id, "1Z999AA10123456784");
        let of =
            |item: &OpenDefect, rows: &[FoundRow<OrderRow>]| correction(item, &rows.iter().collect::<Vec<_>>(), &book);
        let one = row(Ok("p"), Some((Some(id), Some(20_000))), false);
        let found = of(&good, &[one, row(Ok("p"), None, true)]).unwrap_or_else(|doubt| panic!("{doubt:?}"));
        assert_eq!((&*found.order, Some(found.code), found.shipped), ("1-2", entry.amazon_code.clone(), 20_000));
        let mismatch = || Some((Some(id), Some(20_000)));
        let doubt = |item: &OpenDefect, rows: &[FoundRow<OrderRow>]| of(item, rows).err();
        assert_eq!(doubt(&good, &[]), Some(Doubt::ChangedSince));
        assert_eq!(doubt(&good, &[row(Ok("p"), None, false)]), Some(Doubt::ChangedSince));
        let two = [row(Ok("p"), mismatch(), false), row(Ok("q"), None, false)];
        assert_eq!(doubt(&good, &two), Some(Doubt::SeveralPackages));
        let replaced = [row(Ok("p"), mismatch(), false), row(Ok("q"), None, true)];
        assert_eq!(doubt(&good, &replaced), Some(Doubt::SeveralPackages));
        assert_eq!(
            doubt(&good, &[row(Ok("p"), mismatch(), false), row(Err(Doubt::RowsRejected), None, false)]),
            Some(Doubt::RowsRejected)
        );
        let newer = [row(Ok("p"), mismatch(), false), row(Err(Doubt::RowsNewer), None, false)];
        assert_eq!(doubt(&good, &newer), Some(Doubt::RowsNewer), "a row after as_of can be read");
        assert_eq!(doubt(&good, &[row(Ok("p"), Some((None, Some(1))), false)]), Some(Doubt::SeveralCarriers));
        assert_eq!(doubt(&good, &[row(Ok("p"), Some((Some(id), None)), false)]), Some(Doubt::NoShipDate));
        let tab = item(&entry.id, "1\t2");
        assert_eq!(doubt(&tab, &[row(Ok("p"), mismatch(), false)]), Some(Doubt::Unwritable));
        let other = item(&uncoded.id, "1Z");
        assert_eq!(doubt(&other, &[row(Ok("p"), mismatch(), false)]), Some(Doubt::ChangedSince));
        let uncoded_id = book.carriers.by_id(&uncoded.id).unwrap();
        assert_eq!(doubt(&other, &[row(Ok("p"), Some((Some(uncoded_id), Some(1))), false)]), Some(Doubt::NoCode));
        let missing = OpenDefect { reason: "tracking_missing".into(), likely: None, ..good };
        assert_eq!(doubt(&missing, &[row(Ok("p"), None, false)]), Some(Doubt::NotAMismatch));
    }
}
