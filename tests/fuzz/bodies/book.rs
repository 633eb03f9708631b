//! A book's files: loading returns a book that judges, or all problems with file and line, in an order that does
//! not depend on that of the files.
//!
//! The files of an input are split as `parts/files.rs` says.

use crate::files::files;
use vtr_kernel::calendar::Zone;
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Terms, judge, selecting_day};
use vtr_kernel::load::load;
use vtr_kernel::money::Rates;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::{Book, Reason};

const NAMES: [&str; 5] = ["Red", "Blue Express", "Bob's Vans", "--", "DHL"];
const NUMBERS: [&str; 5] = ["AH404746448GB", "1Z1EPJGEM038K2F5O6", "BLU123456789", "000000", "3304986661"];

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut files = files(data);
    let first = load(&files);
    let doubled = (1..files.len()).any(|index| files[..index].iter().any(|file| file.name == files[index].name));
    files.reverse();
    match (first, load(&files)) {
        (Ok(book), Ok(again)) => {
            assert_eq!(book.digest(), again.digest(), "the order of the files moves the digest");
            judges(&book);
        }
        (Err(problems), again) => {
            assert!(!problems.is_empty(), "refused without a reason");
            assert!(problems.is_sorted(), "by file and line: {problems:?}");
            for problem in &problems {
                assert!(!problem.file.is_empty() && problem.line > 0 && !problem.message.is_empty(), "{problem:?}");
                let steers = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
                assert!(!problem.to_string().contains(steers), "steers a terminal: {problem:?}");
            }
            assert!(doubled || again.err() == Some(problems), "the order of the files moves the problems");
        }
        (Ok(_), Err(problems)) => panic!("refused in another order: {problems:?}"),
    }
}

/// Judges on days of every version of every market.
fn judges(book: &Book) {
    let rates = Rates::default();
    for (id, market) in book.markets() {
        let days = market.versions.iter().flat_map(|version| [version.from, version.until]).flatten();
        for (index, day) in days.chain([20_000]).enumerate() {
            for (name, number) in NAMES.iter().zip(NUMBERS.iter().cycle().skip(index)) {
                let facts = Facts {
                    marketplace: Marketplace::Known(id),
                    fulfilled_by: FulfilledBy::Seller,
                    state: OrderState::Live,
                    order_id: "202-1234567-7654321",
                    carrier: CarrierField::Name(book.carriers.resolve(Some(name))),
                    service: book.services.resolve(Some("large letter")),
                    buy_shipping: index % 2 == 0,
                    tracking: Tracking::of_cleaned(number),
                    origin: None,
                    destination: None,
                    value: None,
                    currency: CurrencyField::Marketplaces,
                    programme: None,
                    promised: Some(Moment::Date(day)),
                    shipped: None,
                    tracking_added: None,
                    first_scan: None,
                    delivery_scan: None,
                    scan_columns: ScanColumns::Both,
                };
                let selected = selecting_day(book, facts.marketplace, facts.promised, None, &Zone::utc());
                assert_eq!(selected, Some(day));
                let terms = Terms { book, rates: &rates, as_of: day, evidence: Evidence::Scans };
                let verdict = judge(&facts, day, &terms);
                assert!(!book.rule(verdict.rule).is_empty());
                assert_ne!(verdict.reason, Reason::NotOnMarketplace);
            }
        }
    }
}
