//! A crafted shipment as texts, and everything that a book answers about it.

use vtr_kernel::Book;
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::{Day, Zone, provisional};
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Terms, judge, select, selecting_day};
use vtr_kernel::lane::Country;
use vtr_kernel::money::Rates;
use vtr_kernel::number::clean_into;
use vtr_kernel::policy::Marketplace;

/// The number of days from a shipment to `as_of`, which is at the edge of latency.
pub const LATENCY: i32 = 14;

/// A crafted shipment.
#[derive(Clone, Debug)]
pub struct Shipment {
    pub marketplace: String,
    pub day: Day,
    pub from: Option<String>,
    pub to: Option<String>,
    pub carrier: String,
    pub service: Option<&'static str>,
    pub bought: bool,
    /// The amount and, unless it is the marketplace's, the currency.
    pub value: Option<(String, Option<String>)>,
    pub number: String,
    pub programme: Option<String>,
    pub scans: u8,
    pub evidence: Evidence,
}

impl Shipment {
    /// Makes a domestic package of an unknown carrier, without a scan.
    pub fn new(marketplace: &str, day: Day) -> Shipment {
        Shipment {
            marketplace: marketplace.to_owned(),
            day,
            from: None,
            to: None,
            carrier: "Bob's Vans".into(),
            service: None,
            bought: false,
            value: None,
            number: "AT837151204PL".into(),
            programme: None,
            scans: 0,
            evidence: Evidence::Scans,
        }
    }

    /// Returns the answer of a book.
    pub fn judged(&self, book: &Book, rates: &Rates) -> Answer {
        let marketplace = book.resolve_marketplace(&self.marketplace);
        let Some(marketplace) = marketplace else { return Answer { text: "rejected".into(), ..Answer::default() } };
        let at = Some(Moment::Date(self.day));
        let mut cleaned = String::new();
        clean_into(&self.number, &mut cleaned);
        let facts = Facts {
            marketplace,
            fulfilled_by: FulfilledBy::Seller,
            state: OrderState::Live,
            order_id: "202-1234567-7654321",
            carrier: CarrierField::Name(book.carrier_name(Some(&self.carrier))),
            service: book.services.resolve(self.service),
            buy_shipping: self.bought,
            tracking: Tracking::of_cleaned(&cleaned),
            origin: self.from.as_deref().map(Country::read),
            destination: self.to.as_deref().map(Country::read),
            value: self.value.as_ref().map(|(amount, _)| Amount::read(amount, b'.').unwrap()),
            currency: CurrencyField::read(
                self.value.as_ref().and_then(|(_, currency)| currency.as_deref()),
                &book.words,
            ),
            programme: self.programme.as_deref().and_then(|name| book.resolve_programme(name)),
            // Noon in UTC: the same day in every store, and the next day in the zone that the probes set.
            promised: Some(Moment::Instant(i64::from(self.day) * 86_400_000_000 + 12 * 3_600_000_000)),
            shipped: Some(Moment::Date(self.day - 1)),
            tracking_added: None,
            first_scan: at.filter(|_| self.scans > 0),
            delivery_scan: at.filter(|_| self.scans > 1),
            scan_columns: ScanColumns::Both,
        };
        let utc = Zone::utc();
        let as_of = self.day + LATENCY;
        let day = selecting_day(book, marketplace, facts.promised, facts.shipped, &utc).unwrap();
        let terms = Terms { book, rates, as_of, evidence: self.evidence };
        let verdict = judge(&facts, day, &terms);
        let rule = book.rule(verdict.rule).to_owned();
        let mut answer = Answer { rule: rule.clone(), ..Answer::default() };
        let (mut window, mut moving, mut target) = (0, false, None);
        if let Marketplace::Known(id) = marketplace {
            let selected = select(&facts, book, id, day);
            answer.version = selected.version.map(|version| book.rule(version.id).to_owned());
            answer.lane = selected.lane.map(|lane| book.rule(lane.id).to_owned());
            window = selected.market.window_days;
            moving = provisional(self.day, selected.market.latency_days, as_of);
            target = selected.version.map(|version| version.target(verdict.programme, day));
        }
        answer.text = format!(
            "{} by {rule} on {day} of {} carrier {} programme {} likely {:?} unpriced {} doubt {} window {window} moving {moving} target {target:?}",
            verdict.reason.name(),
            book.marketplace_label(marketplace),
            book.carriers.label(verdict.carrier),
            book.programme(verdict.programme),
            verdict.likely_carrier.map(|id| book.carriers.entry(id).id.clone()),
            verdict.unpriced,
            verdict.list_doubt,
        );
        answer
    }
}

/// Everything that a book answers about a shipment, and the rules that it used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    pub rule: String,
    pub version: Option<String>,
    pub lane: Option<String>,
}

/// Returns rates at which each of these currencies is worth a euro; other currencies have none.
pub fn even_rates() -> Rates {
    const CODES: [&str; 18] = [
        "AED", "AUD", "BRL", "CAD", "CNY", "EGP", "GBP", "INR", "JPY", "MXN", "PLN", "SAR", "SEK", "SGD", "TRY", "USD",
        "ZAR", "EUR",
    ];
    let ones = CODES.map(|_| "1").join(",");
    Rates::read(&format!("Date,{}\n1999-01-04,{ones}\n", CODES.join(","))).unwrap()
}
