//! The time to judge one tracking number, on one thread.
//!
//! `number`: the cleaned number against its declared carrier: whether it fits, and if not, to whom it belongs and
//! what is wrong with it. `typed`: the same from the text as typed. `shipment`: the whole ladder on format
//! evidence, so that no scan ends it early. Each is given per number.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use vtr_kernel::carrier::{CarrierId, Carriers};
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Terms, judge};
use vtr_kernel::money::Rates;
use vtr_kernel::number::cleaned;
use vtr_kernel::{Book, Reason};
use vtr_micro::clock;
use vtr_micro::mix::{Typed, mix};

/// The day of each promise, which is also the last day for which data are known.
const DAY: i32 = 20_200;
const AS_OF: i32 = 20_300;

/// Applies the rungs that test a number against its declared carrier, in the ladder's order.
fn told(carriers: &Carriers, carrier: CarrierId, number: &str) -> Option<Reason> {
    let number = number.as_bytes();
    if carriers.fits(carrier, number) {
        return None;
    }
    if carriers.strict_owner(carrier, number).is_some() {
        return Some(Reason::CarrierMismatch);
    }
    if carriers.own_pattern(carrier, number).is_some() {
        return Some(Reason::CheckDigitFailed);
    }
    let malformed = carriers.entry(carrier).closed || carriers.opens_like_own_signature(carrier, number);
    malformed.then_some(Reason::NumberMalformed)
}

fn shipment<'a>(book: &Book, typed: &Typed, number: &'a str) -> Facts<'a> {
    Facts {
        marketplace: typed.marketplace,
        fulfilled_by: FulfilledBy::Seller,
        state: OrderState::Live,
        order_id: "302-1234567-7654321",
        carrier: CarrierField::Name(book.carriers.resolve(Some(typed.name))),
        service: book.services.resolve(Some("Tracked 24")),
        buy_shipping: false,
        tracking: Tracking::of_cleaned(number),
        origin: None,
        destination: None,
        value: None,
        currency: CurrencyField::Marketplaces,
        programme: None,
        promised: Some(Moment::Date(DAY)),
        shipped: None,
        tracking_added: None,
        first_scan: None,
        delivery_scan: None,
        scan_columns: ScanColumns::Neither,
    }
}

fn benches(criterion: &mut Criterion) {
    let book = vtr_kernel::load::embedded().expect("the embedded book loads");
    let rates = Rates::default();
    let terms = Terms { book: &book, rates: &rates, as_of: AS_OF, evidence: Evidence::Format };
    let typed = mix(&book);
    let facts: Vec<Facts> = typed.iter().map(|one| shipment(&book, one, &one.cleaned)).collect();
    say_what_is_in(&typed, &facts, &terms);
    let mut group = criterion.benchmark_group("judge");
    // Criterion chooses how many are judged, one after the other; it prints the time for one.
    group.bench_function("number", |bencher| {
        bencher.iter_custom(|count| {
            clock::of(typed.iter().cycle().take(count as usize), |one| {
                black_box(told(&book.carriers, one.carrier, black_box(&one.cleaned)));
            })
        });
    });
    group.bench_function("typed", |bencher| {
        let mut buffer = String::with_capacity(64);
        bencher.iter_custom(|count| {
            clock::of(typed.iter().cycle().take(count as usize), |one| {
                let number = cleaned(black_box(&one.number), &mut buffer);
                black_box(told(&book.carriers, one.carrier, number));
            })
        });
    });
    group.bench_function("shipment", |bencher| {
        bencher.iter_custom(|count| {
            clock::of(facts.iter().cycle().take(count as usize), |one| {
                black_box(judge(black_box(one), DAY, &terms));
            })
        });
    });
    group.finish();
}

/// Prints the outcomes of the mix: a benchmark of numbers that all end alike would measure nothing.
fn say_what_is_in(typed: &[Typed], facts: &[Facts], terms: &Terms) {
    let mut found = std::collections::BTreeMap::new();
    for facts in facts {
        *found.entry(judge(facts, DAY, terms).reason.name()).or_insert(0) += 1;
    }
    let shares =
        found.iter().map(|(reason, count)| format!("{reason} {:.1} %", 100.0 * f64::from(*count) / facts.len() as f64));
    println!("{} numbers: {}", typed.len(), shares.collect::<Vec<_>>().join(", "));
    assert!(found.len() >= 6, "the mix reaches too few rungs");
}

criterion_group!(all, benches);
criterion_main!(all);
