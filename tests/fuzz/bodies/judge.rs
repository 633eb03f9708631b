//! One shipment under the embedded book: judging is total, and its properties hold.
//!
//! The input has one line per fact in the order of [`Typed::read`]; an empty or missing line is null.

use crate::promises;
use std::sync::LazyLock;
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::{Day, Zone};
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use vtr_kernel::instant::{Moment, TimeFormat};
use vtr_kernel::ladder::{Evidence, Terms, Verdict, judge, selecting_day};
use vtr_kernel::lane::Country;
use vtr_kernel::money::Rates;
use vtr_kernel::number::clean_into;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::text::trim;
use vtr_kernel::{Book, Class, Reason};

static BOOK: LazyLock<Book> = LazyLock::new(|| vtr_kernel::load::embedded().expect("the embedded book loads"));
static RATES: LazyLock<Rates> = LazyLock::new(|| {
    let text = "Date,GBP,USD,JPY,SEK\n2025-01-02,0.8301,1.0321,162.5,11.4\n2021-01-04,0.9,1.22,126.6,10.05\n";
    Rates::read(text).expect("these are rates")
});

/// Runs one input.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let typed = Typed::read(&text);
    let Some((facts, day)) = typed.facts(&BOOK) else { return };
    let verdict = typed.verdict(&facts, day);
    assert_eq!(typed.verdict(&facts, day), verdict, "judged twice: {typed:?}");
    promises::hold(&BOOK, &facts, day, typed.evidence(), &verdict);
    dominated(&typed, &facts, day);
    scanned(&typed, &facts, day, &verdict);
    cleaned(&typed);
}

/// A shipment as texts.
#[derive(Debug)]
struct Typed<'a> {
    marketplace: &'a str,
    order_id: &'a str,
    channel: Option<&'a str>,
    status: Option<&'a str>,
    carrier: Option<&'a str>,
    service: Option<&'a str>,
    number: Option<&'a str>,
    from: Option<&'a str>,
    to: Option<&'a str>,
    value: Option<&'a str>,
    currency: Option<&'a str>,
    programme: Option<&'a str>,
    times: [Option<Moment>; 5],
    as_of: Day,
    /// `b` Buy Shipping, `c` no carrier column, `n` no number column, `1` and `2` no such scan
    /// column, `f` format evidence.
    marks: &'a str,
    cleaned: String,
}

impl<'a> Typed<'a> {
    fn read(text: &'a str) -> Typed<'a> {
        let mut lines = text.split('\n').map(trim);
        let mut next = || lines.next().flatten();
        let moment = |text: Option<&str>| text.and_then(|text| TimeFormat::default().read(text).ok());
        let mut typed = Typed {
            marketplace: next().unwrap_or("GB"),
            order_id: next().unwrap_or("202-1234567-7654321"),
            channel: next(),
            status: next(),
            carrier: next(),
            service: next(),
            number: next(),
            from: next(),
            to: next(),
            value: next(),
            currency: next(),
            programme: next(),
            times: [(); 5].map(|()| moment(next())),
            as_of: match moment(next()) {
                Some(Moment::Date(day)) => day,
                _ => 20_200,
            },
            marks: next().unwrap_or_default(),
            cleaned: String::new(),
        };
        clean_into(typed.number.unwrap_or_default(), &mut typed.cleaned);
        typed
    }

    fn has(&self, mark: char) -> bool {
        self.marks.contains(mark)
    }

    fn facts(&self, book: &Book) -> Option<(Facts<'_>, Day)> {
        let marketplace = book.resolve_marketplace(self.marketplace)?;
        let [promised, shipped, tracking_added, first_scan, delivery_scan] = self.times;
        let day = selecting_day(book, marketplace, promised, shipped, &Zone::utc())?;
        let facts = Facts {
            marketplace,
            fulfilled_by: book.words.fulfilled_by(self.channel).meaning(),
            state: book.words.order_state(self.status).meaning(),
            order_id: self.order_id,
            carrier: if self.has('c') {
                CarrierField::NoColumn
            } else {
                CarrierField::Name(book.carriers.resolve(self.carrier))
            },
            service: book.services.resolve(self.service),
            buy_shipping: self.has('b'),
            tracking: if self.has('n') { Tracking::NoColumn } else { Tracking::of_cleaned(&self.cleaned) },
            origin: self.from.map(Country::read),
            destination: self.to.map(Country::read),
            value: self.value.and_then(|text| Amount::read(text, b'.').ok()),
            currency: CurrencyField::read(self.currency, &book.words),
            programme: self.programme.and_then(|name| book.resolve_programme(name)),
            promised,
            shipped,
            tracking_added,
            first_scan,
            delivery_scan,
            scan_columns: match (self.has('1'), self.has('2')) {
                (false, false) => ScanColumns::Both,
                (false, true) => ScanColumns::FirstOnly,
                (true, false) => ScanColumns::DeliveryOnly,
                (true, true) => ScanColumns::Neither,
            },
        };
        Some((facts, day))
    }

    fn evidence(&self) -> Evidence {
        if self.has('f') { Evidence::Format } else { Evidence::Scans }
    }

    fn verdict(&self, facts: &Facts, day: Day) -> Verdict {
        judge(facts, day, &Terms { book: &BOOK, rates: &RATES, as_of: self.as_of, evidence: self.evidence() })
    }
}

/// Checks that the first rungs decide whatever the facts of later rungs are.
fn dominated(typed: &Typed, facts: &Facts, day: Day) {
    if facts.marketplace == Marketplace::None {
        return;
    }
    let theirs = Facts { fulfilled_by: FulfilledBy::Marketplace, ..*facts };
    assert_eq!(typed.verdict(&theirs, day).reason, Reason::FulfilledByMarketplace, "{typed:?}");
    let gone = Facts { fulfilled_by: FulfilledBy::Seller, state: OrderState::Canceled, ..*facts };
    assert_eq!(typed.verdict(&gone, day).reason, Reason::Canceled, "{typed:?}");
}

/// Checks that a further scan never harms, unless the number was added too late.
fn scanned(typed: &Typed, facts: &Facts, day: Day, verdict: &Verdict) {
    let early = Some(Moment::Date(typed.as_of.saturating_sub(1)));
    let before = Facts { tracking_added: None, ..*facts };
    let after = Facts { first_scan: early, delivery_scan: early, ..before };
    let (before, after) = (typed.verdict(&before, day).reason.class(), typed.verdict(&after, day).reason.class());
    assert!(before != Class::Valid || after == Class::Valid, "{typed:?}: {verdict:?}");
    assert_eq!(before == Class::OutOfScope, after == Class::OutOfScope, "{typed:?}: {verdict:?}");
}

/// Checks that cleaning is idempotent, and that removed characters make no difference.
fn cleaned(typed: &Typed) {
    let mut again = String::new();
    clean_into(&typed.cleaned, &mut again);
    assert_eq!(again, typed.cleaned);
    let spread: String = typed.number.unwrap_or_default().chars().flat_map(|c| [' ', c, '-', '.']).collect();
    clean_into(&spread, &mut again);
    assert_eq!(again, typed.cleaned, "{spread:?}");
}
