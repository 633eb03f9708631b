//! The fold: one loop over the rows of a batch, from cells to counts.
//!
//! Each row ends in exactly one place: rejected, after `as_of`, outside the range, or judged; which
//! of its copies is superseded is settled later, from the [`Copy`] records that the fold hands on.
//! It fails only on a column of a type that [`Column::read_as`](crate::input::Column::read_as)
//! refuses.

pub use crate::columns::FileSource;
pub use crate::copies::{Copy, MOST_FILES, Subtractor, Taken};
pub use crate::reject::{Records, Reject, shown_cell, shown_value};
pub use crate::settings::{Identity, Settings, Unit};
pub use crate::tallies::{FileTally, Weeks};

use crate::columns::{Columns, MarketCell, Resolvers};
use crate::copies::copy;
use crate::defects::{DefectRow, DefectRows};
use crate::input::Column;
use crate::keys::{Codes, Layout, SharedKeys, market_code};
use crate::partial::{Partial, RowKeys, week_index};
use crate::resolve::{Cell, fault_text};
use crate::settings::row_keys;
use arrow::array::RecordBatch;
use std::ops::RangeInclusive;
use vtr_kernel::calendar::{DAY_MICROS, Day, FIRST_DAY, Micros, Zone, last_plausible_day};
use vtr_kernel::facts::{CarrierField, Facts, FulfilledBy, OrderState, Tracking};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::{Evidence, Scanned, Verdict, judge, selecting_day, zone};
use vtr_kernel::number::cleaned;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::reason::Class;

/// What the fold hands on beside the marginals, since it was last asked.
#[derive(Default)]
pub struct Yield {
    /// Counts of the file's rows.
    pub tally: FileTally,
    /// Rejected rows, in order.
    pub rejects: Vec<Reject>,
    /// A record for every row that may have copies.
    pub copies: Vec<Copy>,
    /// Rows of defects in the asked range, in no order. Columns: `file` (UInt32), `record` (Int64),
    /// `seller_id`, `marketplace`, `order_id`, `package_id` (Utf8), `day` (Date32), `carrier_typed`,
    /// `carrier`, `tracking_number` (Utf8), `reason` (UInt8), `rule` (Utf8), `likely_carrier` (Utf8,
    /// nullable), `mendable` (Boolean).
    pub defects: Option<RecordBatch>,
    /// Judged rows by week and class, counted apart from the marginals.
    pub weeks: Weeks,
    /// Rows whose verdict hung on a value that could not be compared.
    pub unpriced: u64,
}

/// A row whose cells all read.
pub(crate) struct Row<'a> {
    pub seller: u32,
    pub market: u16,
    pub updated: Option<Moment>,
    pub day: Day,
    /// What is judged; of the tracking number nothing yet until it has been cleaned.
    pub facts: Facts<'a>,
}

/// What becomes of one row.
pub enum Fate<'a> {
    /// It cannot be judged.
    Rejected(Reject),
    /// It is not there yet on the `as_of` day.
    AfterAsOf(Day),
    /// It was judged.
    Judged {
        /// What was judged.
        facts: &'a Facts<'a>,
        /// The verdict.
        verdict: &'a Verdict,
        /// Its package.
        package: &'a str,
        /// What makes it a copy of another; `None` if copies are not sought.
        copy: Option<Copy>,
    },
}

/// Scratch space that rows share.
#[derive(Default)]
struct Scratch {
    cleaned: String,
    identity: Vec<u8>,
}

/// Folds batches on one thread.
pub struct Folder<'a> {
    settings: &'a Settings<'a>,
    keys: &'a SharedKeys,
    layout: Layout,
    resolvers: Resolvers,
    partial: Partial,
    utc: Zone,
    plausible: Plausible,
    out: Yield,
    defects: DefectRows,
}

/// Days that a promise or a shipment can lie on.
struct Plausible {
    days: RangeInclusive<Day>,
    /// Instants that lie on such a day in every time zone.
    instants: std::ops::Range<Micros>,
}

impl Plausible {
    fn of(as_of: Day) -> Plausible {
        let last = last_plausible_day(as_of);
        let instants = i64::from(FIRST_DAY + 1) * DAY_MICROS..i64::from(last) * DAY_MICROS;
        Plausible { days: FIRST_DAY..=last, instants }
    }

    fn contains(&self, moment: Moment, clock: &Zone) -> bool {
        match moment {
            Moment::Instant(instant) if self.instants.contains(&instant) => true,
            moment => self.days.contains(&moment.day(clock)),
        }
    }
}

impl<'a> Folder<'a> {
    /// A folder without counts.
    pub fn new(settings: &'a Settings<'a>, keys: &'a SharedKeys) -> Folder<'a> {
        Folder {
            settings,
            keys,
            layout: Layout::of(settings.terms.book),
            resolvers: Resolvers::default(),
            partial: Partial::default(),
            utc: Zone::utc(),
            plausible: Plausible::of(settings.terms.as_of),
            out: Yield::default(),
            defects: DefectRows::default(),
        }
    }

    /// Folds the rows of a batch whose fields are named by canonical columns.
    ///
    /// # Errors
    /// A column whose type cannot be read, or more different texts than fit; nothing of the batch is
    /// counted then.
    pub fn batch(&mut self, source: &FileSource, batch: &RecordBatch, records: &Records) -> Result<(), String> {
        let columns = self.resolvers.columns(source, batch, self.keys, self.settings.terms.book)?;
        self.keys.check()?;
        let mut scratch = Scratch::default();
        for row in 0..batch.num_rows() {
            match self.read(&columns, source, row) {
                Some(mut read) => self.place(&columns, source, row, &mut read, records, &mut scratch),
                None => {
                    let reject = self.first_fault(&columns, source, batch, records, row);
                    self.reject(reject);
                }
            }
        }
        self.resolvers.keep(columns);
        Ok(())
    }

    /// Tells the fate of each row of a batch instead of counting it.
    ///
    /// # Errors
    /// As [`Folder::batch`].
    pub fn explain(
        &mut self,
        source: &FileSource,
        batch: &RecordBatch,
        records: &Records,
        tell: &mut dyn FnMut(usize, Fate),
    ) -> Result<(), String> {
        let columns = self.resolvers.columns(source, batch, self.keys, self.settings.terms.book)?;
        let mut scratch = Scratch::default();
        for row in 0..batch.num_rows() {
            let Some(mut read) = self.read(&columns, source, row) else {
                tell(row, Fate::Rejected(self.first_fault(&columns, source, batch, records, row)));
                continue;
            };
            if self.is_later(&read) {
                tell(row, Fate::AfterAsOf(read.day));
                continue;
            }
            let number = cleaned(columns.tracking.get(row, source.cells).unwrap_or_default(), &mut scratch.cleaned);
            read.facts.tracking = tracking(&columns, number);
            let facts = &read.facts;
            let verdict = judge(facts, read.day, &self.settings.terms);
            let package = columns.package.get(row, source.cells).unwrap_or(number_of(facts));
            let clock = zone(self.settings.terms.book, facts.marketplace, &self.utc);
            let place = (source.file, records.number(row));
            let copy = self
                .settings
                .identity
                .map(|identity| copy(identity, place, &read, package, clock, &mut scratch.identity));
            tell(row, Fate::Judged { facts, verdict: &verdict, package, copy });
        }
        self.resolvers.keep(columns);
        Ok(())
    }

    /// Counts a row that was rejected before it became part of a batch.
    pub fn reject(&mut self, reject: Reject) {
        self.out.tally.rejected += 1;
        self.out.rejects.push(reject);
    }

    /// What was handed on since the last call; to be asked for between files.
    pub fn take(&mut self) -> Yield {
        let mut out = std::mem::take(&mut self.out);
        out.defects = self.take_defects(1);
        out
    }

    /// The copies handed on since the last call; to be asked for often, for they are many.
    pub fn take_copies(&mut self) -> Vec<Copy> {
        std::mem::take(&mut self.out.copies)
    }

    /// The rejected rows handed on since the last call; to be asked for often, for all could be.
    pub fn take_rejects(&mut self) -> Vec<Reject> {
        std::mem::take(&mut self.out.rejects)
    }

    /// The rows of defects handed on since the last call, once there are so many.
    pub fn take_defects(&mut self, at_least: usize) -> Option<RecordBatch> {
        if self.defects.len() < at_least {
            return None;
        }
        self.defects.finish(self.keys, self.settings.terms.book)
    }

    /// The counts so far; to be asked for their size often, and taken when they are too many.
    pub fn partial(&mut self) -> &mut Partial {
        &mut self.partial
    }

    /// The counts of everything folded and not yet taken.
    pub fn finish(self) -> Partial {
        self.partial
    }

    /// The row, if nothing about it is to be rejected.
    #[inline(always)] // what it gives is large, and would be copied
    fn read<'b>(&self, columns: &'b Columns, source: &FileSource, row: usize) -> Option<Row<'b>> {
        let cells = source.cells;
        let seller = columns.seller.get(row)?;
        let MarketCell::Known(marketplace) = columns.market.get(row) else { return None };
        let order_id = columns.order.get(row, cells)?;
        let buy_shipping = columns.buy_shipping.get(row, cells).sound()?.unwrap_or(false);
        let value = columns.value.get(row, cells).sound()?;
        let added = columns.added.get(row).sound()?;
        let first_scan = columns.first_scan.get(row).sound()?;
        let delivery_scan = columns.delivery_scan.get(row).sound()?;
        let updated = columns.updated.get(row).sound()?;
        let promised = columns.promised.get(row).sound()?;
        let shipped = columns.shipped.get(row).sound()?;
        let terms = &self.settings.terms;
        let day = selecting_day(terms.book, marketplace, promised, shipped, &self.utc)?;
        let clock = zone(terms.book, marketplace, &self.utc);
        let wrong = |moment: Option<Moment>| moment.is_some_and(|moment| !self.plausible.contains(moment, clock));
        if wrong(promised) || wrong(shipped) {
            return None;
        }
        let facts = Facts {
            marketplace,
            fulfilled_by: columns.fulfilled.get(row),
            state: columns.state.get(row),
            order_id,
            carrier: if columns.has_carrier {
                CarrierField::Name(columns.carrier.get(row).name)
            } else {
                CarrierField::NoColumn
            },
            service: columns.service.get(row),
            buy_shipping,
            tracking: Tracking::NoColumn,
            origin: columns.from.get(row),
            destination: columns.to.get(row),
            value,
            currency: columns.currency.get(row),
            programme: columns.programme.get(row),
            promised,
            shipped,
            tracking_added: added,
            first_scan,
            delivery_scan,
            scan_columns: columns.scan_columns,
        };
        Some(Row { seller, market: market_code(marketplace), updated, day, facts })
    }

    /// Counts a row that reads where it belongs.
    #[inline]
    fn place<'b>(
        &mut self,
        columns: &'b Columns,
        source: &'b FileSource,
        row: usize,
        read: &mut Row<'b>,
        records: &Records,
        scratch: &'b mut Scratch,
    ) {
        let settings = self.settings;
        self.out.tally.see(read.day);
        if self.is_later(read) {
            self.out.tally.after_as_of += 1;
            return;
        }
        let raw = columns.tracking.get(row, source.cells);
        let package = if settings.identity.is_some() { columns.package.get(row, source.cells) } else { None };
        // The first rungs do not look at the number; cleaning it would be in vain.
        let is_looked_at = read.facts.marketplace != Marketplace::None
            && read.facts.fulfilled_by == FulfilledBy::Seller
            && read.facts.state == OrderState::Live;
        let number = if is_looked_at || package.is_none() && settings.identity.is_some() {
            cleaned(raw.unwrap_or_default(), &mut scratch.cleaned)
        } else {
            ""
        };
        read.facts.tracking = tracking(columns, number);
        let (read, facts) = (&*read, &read.facts);
        let verdict = judge(facts, read.day, &settings.terms);
        let typed = columns.carrier.get(row).typed;
        let codes = Codes {
            time: week_index(read.day),
            seller: read.seller,
            market: read.market,
            programme: verdict.programme.0,
            carrier: verdict.carrier.code(),
            reason: verdict.reason as u8,
        };
        let keys = row_keys(settings, self.layout, &codes, read.day, columns.category.get(row), typed);
        self.count(&keys, codes.time, read.day, verdict.reason.class());
        let unpriced = verdict.unpriced && keys.in_range;
        self.out.unpriced += u64::from(unpriced);
        let record = records.number(row);
        if let Some(identity) = settings.identity {
            let clock = zone(settings.terms.book, facts.marketplace, &self.utc);
            let package = package.unwrap_or(number_of(facts));
            let copy = copy(identity, (source.file, record), read, package, clock, &mut scratch.identity);
            self.out.copies.push(Copy { cell: keys.weekly, category: keys.category_code, typed, unpriced, ..copy });
        }
        if settings.wants_defects && keys.in_range && verdict.reason.class() == Class::Defect {
            let delivered = matches!(settings.terms.evidence, Evidence::Scans)
                && Scanned::of(facts, settings.terms.as_of).delivery.is_some();
            let package_id = columns.package.get(row, source.cells).unwrap_or(number_of(facts));
            let defect = DefectRow { typed, package_id, tracking: raw.unwrap_or_default(), mendable: !delivered };
            self.defects.push(source.file, record, read, &verdict, &defect);
        }
    }

    /// Whether a row is not there yet on the `as_of` day.
    fn is_later(&self, read: &Row) -> bool {
        let later = |moment: Option<Moment>| moment.is_some_and(|moment| moment.is_after(self.settings.terms.as_of));
        !self.settings.keep_later_rows && (later(read.updated) || later(read.facts.shipped))
    }

    #[inline]
    fn count(&mut self, keys: &RowKeys, week: u16, day: Day, class: Class) {
        self.partial.count(keys, self.settings.wants);
        if keys.in_range {
            self.out.tally.classes[class as usize] += 1;
            self.out.weeks.add(week, class, 1);
        } else {
            self.out.tally.add_outside(day, self.settings.windows);
        }
    }

    /// What to reject a row for: the first fault in the order of the columns.
    fn first_fault(
        &self,
        columns: &Columns,
        source: &FileSource,
        batch: &RecordBatch,
        records: &Records,
        row: usize,
    ) -> Reject {
        let (column, reason) = self.fault(columns, source, row);
        let typed = |column: Column| match batch.column_by_name(column.name()) {
            Some(array) => shown_cell(array, row),
            None => source.constants.iter().find(|(constant, _)| *constant == column).map(|(_, text)| text.clone()),
        };
        let (line, byte_offset) = records.place(row);
        Reject {
            record: records.number(row),
            line,
            byte_offset,
            column: Some(column.name().to_owned()),
            reason: reason.to_owned(),
            value: typed(column).map(|text| shown_value(&text)),
            seller: typed(Column::SellerId).and_then(|text| source.cells.trim(&text).map(str::to_owned)),
        }
    }

    fn fault(&self, columns: &Columns, source: &FileSource, row: usize) -> (Column, &'static str) {
        let cells = source.cells;
        const EMPTY: &str = "empty, but needed";
        if columns.seller.get(row).is_none() {
            return (Column::SellerId, EMPTY);
        }
        let marketplace = match columns.market.get(row) {
            MarketCell::Null => return (Column::Marketplace, EMPTY),
            MarketCell::Unknown => return (Column::Marketplace, "no marketplace of the book"),
            MarketCell::Known(marketplace) => marketplace,
        };
        if columns.order.get(row, cells).is_none() {
            return (Column::OrderId, EMPTY);
        }
        if columns.buy_shipping.get(row, cells) == Cell::Fault {
            return (Column::BuyShipping, fault_text(Column::BuyShipping));
        }
        if columns.value.get(row, cells) == Cell::Fault {
            return (Column::PackageValue, fault_text(Column::PackageValue));
        }
        let clock = zone(self.settings.terms.book, marketplace, &self.utc);
        if columns.promised.get(row) == Cell::Null && columns.shipped.get(row) == Cell::Null {
            return (Column::PromisedDeliveryAt, "empty, and shipped_at too: one of the two is needed");
        }
        let times = [
            (Column::PromisedDeliveryAt, &columns.promised),
            (Column::ShippedAt, &columns.shipped),
            (Column::TrackingAddedAt, &columns.added),
            (Column::FirstScanAt, &columns.first_scan),
            (Column::DeliveryScanAt, &columns.delivery_scan),
            (Column::UpdatedAt, &columns.updated),
        ];
        for (column, times) in times {
            let limited = matches!(column, Column::PromisedDeliveryAt | Column::ShippedAt);
            match times.get(row) {
                Cell::Fault => return (column, fault_text(column)),
                Cell::Value(moment) if limited && moment.day(clock) < FIRST_DAY => {
                    return (column, "before 2005-01-01");
                }
                Cell::Value(moment) if limited && !self.plausible.contains(moment, clock) => {
                    return (column, "more than two years after as_of");
                }
                _ => {}
            }
        }
        unreachable!("a row is asked for its fault only if it has one")
    }
}

/// The cleaned number, empty if there is none: what stands in for a missing package id.
fn number_of<'a>(facts: &Facts<'a>) -> &'a str {
    match facts.tracking {
        Tracking::Number(number) => number,
        Tracking::NoColumn | Tracking::Missing => "",
    }
}

/// What stands in the tracking column of a row, its number cleaned.
fn tracking<'a>(columns: &Columns, number: &'a str) -> Tracking<'a> {
    if columns.has_tracking { Tracking::of_cleaned(number) } else { Tracking::NoColumn }
}
