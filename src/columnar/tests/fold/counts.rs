//! Counts against a naive reference: the same rows, judged one by one and counted in a map.

use crate::lines::{Dice, Line, batch, lines};
use crate::{AS_OF, the_judge};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use std::collections::BTreeMap;
use vtr_columnar::judge::{Counts, MarginalKind, Records};
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::{Day, Zone, monday};
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Terms, judge, selecting_day, zone};
use vtr_kernel::mend::Outcome;
use vtr_kernel::money::Rates;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::{Class, Reason};
use vtr_kernel::{Book, countries};
type Cells = BTreeMap<(Day, String, String, String, String, u8), i64>;

/// Returns the expected result of the fold, and how many rows it must reject or find too new.
fn naive(lines: &[Line], book: &Book) -> (Cells, u64, u64) {
    let (rates, utc) = (Rates::default(), Zone::utc());
    let (mut cells, mut rejected, mut later) = (Cells::new(), 0, 0);
    for line in lines {
        let seller = line.seller.trim();
        let order = line.order.trim();
        let Some(marketplace) = book.resolve_marketplace(line.marketplace) else {
            rejected += 1;
            continue;
        };
        let promised = line.promised.map(Moment::Instant);
        let shipped = line.shipped.map(Moment::Date);
        let day = selecting_day(book, marketplace, promised, shipped, &utc);
        let origin = line.from.map(countries::read);
        let is_nowhere = origin == Some(None) && marketplace != Marketplace::None;
        let (false, false, false, Some(day)) = (seller.is_empty(), order.is_empty(), is_nowhere, day) else {
            rejected += 1;
            continue;
        };
        if shipped.is_some_and(|shipped| shipped.is_after(AS_OF)) {
            later += 1;
            continue;
        }
        let mut number = String::new();
        let facts = Facts {
            marketplace,
            fulfilled_by: FulfilledBy::Seller,
            state: OrderState::Live,
            order_id: order,
            carrier: CarrierField::Name(book.carriers.resolve(line.carrier)),
            service: book.services.resolve(line.service),
            buy_shipping: line.bought.unwrap_or(false),
            tracking: Tracking::read(line.tracking.unwrap_or_default(), &mut number).0,
            origin: origin.flatten(),
            destination: None,
            value: line.value.map(|text| Amount::read(text, b'.').unwrap()),
            currency: CurrencyField::Marketplaces,
            programme: None,
            promised,
            shipped,
            tracking_added: line.added.map(Moment::Instant),
            first_scan: line.first.map(Moment::Instant),
            delivery_scan: line.delivery.map(Moment::Instant),
            scan_columns: ScanColumns::Both,
        };
        let terms = Terms { book, rates: &rates, as_of: AS_OF, evidence: Evidence::Scans };
        let verdict = judge(&facts, day, &terms);
        let promised_day = promised.map(|promised| promised.day(zone(book, marketplace, &utc)));
        let is_pending = verdict.reason.entry().rung >= 18 && promised_day.is_some_and(|day| day >= AS_OF);
        let is_pending = is_pending && verdict.reason.class() == Class::Defect;
        let key = (
            monday(day),
            seller.to_owned(),
            book.marketplace_label(marketplace).to_owned(),
            book.programme(verdict.programme).to_owned(),
            book.carriers.label(verdict.carrier).to_owned(),
            Outcome { reason: verdict.reason, is_pending }.code(),
        );
        *cells.entry(key).or_default() += 1;
    }
    (cells, rejected, later)
}

pub(crate) fn text<'a>(batch: &'a RecordBatch, column: &str, row: usize) -> &'a str {
    batch[column].as_string::<i32>().value(row)
}

pub(crate) fn number(batch: &RecordBatch, row: usize) -> i64 {
    batch["count"].as_primitive::<Int64Type>().value(row)
}

fn outcome(batch: &RecordBatch, row: usize) -> u8 {
    let reason = Reason::from_name(text(batch, "reason", row)).expect("a reason");
    Outcome { reason, is_pending: batch["pending"].as_boolean().value(row) }.code()
}

fn cells(counts: &Counts) -> Cells {
    let mut cells = Cells::new();
    for batch in counts.batches(MarginalKind::Weekly) {
        assert_eq!(batch.schema(), MarginalKind::Weekly.schema());
        for row in 0..batch.num_rows() {
            let day = batch["week"].as_primitive::<Date32Type>().value(row);
            let keys =
                ["seller_id", "marketplace", "programme", "carrier"].map(|name| text(&batch, name, row).to_owned());
            let [seller, marketplace, programme, carrier] = keys;
            let key = (day, seller, marketplace, programme, carrier, outcome(&batch, row));
            assert!(cells.insert(key, number(&batch, row)).is_none(), "a cell occurs once");
        }
    }
    cells
}

#[test]
fn any_split_order_and_typing_gives_the_naive_counts() {
    let lines = lines(1, 6_000);
    let (want, rejected, later) = naive(&lines, &vtr_kernel::load::embedded().unwrap());
    assert!(
        rejected > 100 && later > 10 && want.len() > 500,
        "the lines reach every place: {rejected} {later} {}",
        want.len()
    );
    for style in 0..12 {
        let judge = the_judge();
        let mut dice = Dice(style as u64);
        let mut shuffled = lines.clone();
        (1..shuffled.len()).for_each(|last| shuffled.swap(last, dice.roll(last + 1)));
        let (mut whole, mut tally) = (judge.counts(), [0u64; 3]);
        for chunk in shuffled.chunks(1 + dice.roll(3_000)) {
            let (mut counter, mut rejects) = (judge.counter(), 0);
            for piece in chunk.chunks(1 + dice.roll(700)) {
                let batch = batch(piece, style);
                let input = judge.input(&batch.schema()).unwrap();
                rejects += counter.add(&input, &batch, &Records::From(1)).unwrap().len() as u64;
            }
            let out = counter.take();
            assert_eq!(rejects, out.tally.rejected);
            tally[0] += out.tally.rejected;
            tally[1] += out.tally.after_as_of;
            tally[2] += out.tally.classes.iter().sum::<u64>();
            whole.add(counter.counts());
        }
        assert_eq!(tally, [rejected, later, want.values().sum::<i64>() as u64]);
        assert_eq!(cells(&whole), want, "style {style}");
        // The counts by category and day add up to the same packages by week and reason.
        let mut by_category: BTreeMap<(Day, u8), i64> = BTreeMap::new();
        for batch in whole.batches(MarginalKind::Category) {
            for row in 0..batch.num_rows() {
                let day = batch["segment"].as_primitive::<Date32Type>().value(row);
                *by_category.entry((monday(day), outcome(&batch, row))).or_default() += number(&batch, row);
            }
        }
        let mut by_week: BTreeMap<(Day, u8), i64> = BTreeMap::new();
        want.iter().for_each(|(key, count)| *by_week.entry((key.0, key.5)).or_default() += count);
        assert_eq!(by_category, by_week);
    }
}
