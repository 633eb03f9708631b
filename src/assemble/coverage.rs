//! How many packages the sides cover, by week, seller and marketplace: the table `join_coverage`.
//!
//! It is counted while weeks are written, which are sorted by seller, and spilled seller by seller, because there may
//! be nearly as many cells as packages. It must not judge what is enough; that is the tally's work. It fails if the
//! disk does.

use super::facts::Note;
use super::pack::{HAS_ORDER, Pack};
use crate::error::{Error, Result};
use crate::place::spill::{Spill, SpillRange};
use crate::publish::encode::{self, Encoded};
use crate::schema::ValueKind;
use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use vtr_kernel::calendar::{Day, Zone};
use vtr_kernel::policy::Book;
use vtr_kernel::sources::Field;

/// The table.
pub const COVERAGE: &str = "join_coverage";

/// The counts of a cell beside its packages: how many have each fact.
const WITH: [&str; 6] = ["with_order", "with_promise", "with_value", "with_category", "with_number", "with_events"];
/// The number of counts of a cell: packages, [`WITH`], [`Note::ALL`].
const COUNTS: usize = 1 + WITH.len() + Note::ALL.len();

type CoverageCounts = [u64; COUNTS];

/// The cells of all weeks.
pub struct Coverage {
    spill: Spill,
    weeks: Mutex<BTreeMap<Day, SpillRange>>,
}

impl Coverage {
    /// Returns a coverage without weeks yet; counts are spilled below a folder.
    pub fn below(folder: &Path) -> Coverage {
        Coverage { spill: Spill::below(folder), weeks: Mutex::default() }
    }

    /// Begins a week, whose packages arrive sorted by seller.
    pub fn week<'c>(&'c self, book: &'c Book, utc: &'c Zone, week: Day) -> OfWeek<'c> {
        let (bytes, seller, market) = (Vec::new(), String::new(), (None, String::new()));
        OfWeek { coverage: self, book, utc, week, bytes, seller, cells: BTreeMap::new(), market }
    }

    /// Returns the table, sorted by week, seller and marketplace.
    ///
    /// # Errors
    /// The disk fails.
    pub fn table(&self) -> Result<Encoded> {
        let mut columns = vec![
            ("week_start", ValueKind::Day, false),
            ("seller_id", ValueKind::Text, false),
            ("marketplace", ValueKind::Text, false),
            ("packages", ValueKind::Count, false),
        ];
        let counted = WITH.into_iter().chain(Note::ALL.map(Note::column));
        columns.extend(counted.map(|name| (name, ValueKind::Count, false)));
        let schema = super::publish::columns_of(&columns);
        let weeks = self.weeks.lock();
        let batch = |(week, place): (&Day, &SpillRange)| {
            let mut bytes = vec![0; place.bytes()];
            self.spill.read(*place, 0, &mut bytes)?;
            of_week(&schema, *week, &bytes)
        };
        encode::batches(COVERAGE, &schema, weeks.iter().map(batch))
    }
}

/// The cells of a week while its packages arrive.
pub struct OfWeek<'c> {
    coverage: &'c Coverage,
    book: &'c Book,
    utc: &'c Zone,
    week: Day,
    bytes: Vec<u8>,
    seller: String,
    /// The current seller's cells, by marketplace.
    cells: BTreeMap<String, CoverageCounts>,
    /// The marketplace looked up last, and its name.
    market: (Option<String>, String),
}

impl OfWeek<'_> {
    /// Counts a package.
    pub fn add(&mut self, pack: &Pack) {
        let seller = pack.text(Field::SellerId).unwrap_or_default();
        if seller != self.seller {
            self.flush();
            self.seller.replace_range(.., seller);
        }
        let market = pack.text(Field::Marketplace);
        if self.cells.is_empty() || self.market.0.as_deref() != market {
            self.market = (market.map(str::to_owned), super::pack::store(self.book, market, self.utc).label);
        }
        if !self.cells.contains_key(&self.market.1) {
            self.cells.insert(self.market.1.clone(), [0; COUNTS]);
        }
        let Some(cell) = self.cells.get_mut(&self.market.1) else { return };
        let has = [
            true,
            pack.flags & HAS_ORDER != 0,
            pack.time(Field::PromisedDeliveryAt).is_some(),
            pack.value.is_some(),
            pack.text(Field::ProductCategory).is_some(),
            pack.text(Field::TrackingNumber).is_some(),
            pack.events > 0,
        ];
        let notes = pack.notes.0.map(u64::from);
        cell.iter_mut().zip(has.map(u64::from).into_iter().chain(notes)).for_each(|(sum, more)| *sum += more);
    }

    fn flush(&mut self) {
        for (market, counts) in std::mem::take(&mut self.cells) {
            for text in [&self.seller, &market] {
                self.bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
                self.bytes.extend_from_slice(text.as_bytes());
            }
            counts.iter().for_each(|count| self.bytes.extend_from_slice(&count.to_le_bytes()));
        }
    }

    /// Spills the week.
    ///
    /// # Errors
    /// The disk is full.
    pub fn end(mut self) -> Result<()> {
        self.flush();
        let place = self.coverage.spill.put(&self.bytes)?;
        self.coverage.weeks.lock().insert(self.week, place);
        Ok(())
    }
}

/// Returns the spilled cells of a week as a batch.
fn of_week(schema: &SchemaRef, week: Day, bytes: &[u8]) -> Result<RecordBatch> {
    let (mut sellers, mut markets, mut counts) = (Vec::new(), Vec::new(), vec![Vec::new(); COUNTS]);
    let mut left = bytes;
    while !left.is_empty() {
        for texts in [&mut sellers, &mut markets] {
            let (length, rest) = left.split_at(4);
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            let (text, rest) = rest.split_at(length);
            texts.push(String::from_utf8_lossy(text));
            left = rest;
        }
        for column in &mut counts {
            let (count, rest) = left.split_at(8);
            column.push(i64::from_le_bytes(std::array::from_fn(|at| count[at])));
            left = rest;
        }
    }
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![week; sellers.len()])),
        Arc::new(StringArray::from_iter_values(sellers)),
        Arc::new(StringArray::from_iter_values(markets)),
    ];
    arrays.extend(counts.into_iter().map(|column| Arc::new(Int64Array::from(column)) as ArrayRef));
    RecordBatch::try_new(schema.clone(), arrays).map_err(|error| Error::failed(format!("making {COVERAGE}"), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::pack::TEXTS;

    #[test]
    fn cells_of_a_week_add_up_by_seller_and_the_marketplace_as_the_book_calls_it() {
        let folder = tempfile::tempdir().unwrap();
        let (book, utc) = (vtr_kernel::load::embedded().unwrap(), Zone::utc());
        let coverage = Coverage::below(folder.path());
        let mut texts = [None; TEXTS.len()];
        for week in [20_107, 20_100] {
            let mut cells = coverage.week(&book, &utc, week);
            for (seller, market) in [("A", "Amazon.de"), ("A", "DE"), ("A", "FR"), ("B", "DE")] {
                (texts[0], texts[1]) = (Some(seller), Some(market));
                cells.add(&Pack { texts, flags: HAS_ORDER, events: 2, ..Pack::default() });
            }
            cells.end().unwrap();
        }
        let encoded = coverage.table().unwrap();
        assert_eq!(encoded.rows, 6);
        let place = coverage.weeks.lock()[&20_100];
        let mut bytes = vec![0; place.bytes()];
        coverage.spill.read(place, 0, &mut bytes).unwrap();
        let names = ["week_start", "seller_id", "marketplace", "packages"].into_iter().chain(WITH);
        let columns: Vec<_> =
            names.chain(Note::ALL.map(Note::column)).map(|name| (name, ValueKind::Count, false)).collect();
        let kinds = [ValueKind::Day, ValueKind::Text, ValueKind::Text];
        let columns: Vec<_> = columns
            .into_iter()
            .enumerate()
            .map(|(at, (name, kind, is_null))| (name, kinds.get(at).copied().unwrap_or(kind), is_null))
            .collect();
        let batch = of_week(&crate::assemble::publish::columns_of(&columns), 20_100, &bytes).unwrap();
        let count = |name: &str| {
            batch.column_by_name(name).unwrap().as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
        };
        assert_eq!((count("packages"), count("with_order")), (vec![2, 1, 1], vec![2, 1, 1]));
        assert_eq!((count("with_events"), count("with_number")), (vec![2, 1, 1], vec![0, 0, 0]));
    }
}
