//! What the packages of a file are, by the week in which a run judges them: one digest a week.
//!
//! A run compares them with those it judged before, so that a file that was written again outdates only the weeks
//! whose packages are others now. It must see every cell that is published. It cannot fail.

use super::pack::{BY_EVENTS, BY_FRIEND, BY_OTHER, BY_STATUS, HAS_ORDER, OTHER_DELIVERED, Pack};
use crate::job::plan::ByWeek;
use std::collections::BTreeMap;
use vtr_columnar::input::{ColumnSet, Kind as Cells};
use vtr_kernel::calendar::{Day, FIRST_DAY, Zone, monday};
use vtr_kernel::instant::Moment;
use vtr_kernel::ladder::selecting_day;
use vtr_kernel::policy::{Book, Marketplace};
use vtr_kernel::sources::Field;
use vtr_kernel::text;

/// Hex digits of a digest that are kept: 128 bits.
const DIGITS: usize = 32;

/// The digests of a file while its packages arrive in order.
pub struct Judging<'b> {
    book: &'b Book,
    utc: &'b Zone,
    weeks: BTreeMap<Day, blake3::Hasher>,
    /// The marketplace looked up last.
    market: Option<(Option<String>, Marketplace)>,
    bytes: Vec<u8>,
}

impl<'b> Judging<'b> {
    /// Returns digests without packages yet.
    pub fn of(book: &'b Book, utc: &'b Zone) -> Judging<'b> {
        Judging { book, utc, weeks: BTreeMap::new(), market: None, bytes: Vec::new() }
    }

    /// Adds a package.
    pub fn add(&mut self, pack: &Pack, columns: ColumnSet, files: &[String]) {
        let week = self.week(pack);
        self.bytes.clear();
        for field in columns.iter().filter_map(|column| Some((Field::from_name(column.name())?, column.kind()))) {
            match field {
                (field, Cells::Label | Cells::Text) => self.cell(pack.text(field).map(str::as_bytes)),
                (field, Cells::Flag) => {
                    self.cell(
                        pack.text(field)
                            .and_then(text::flag)
                            .map(|flag| [u8::from(flag)])
                            .as_ref()
                            .map(<[u8; 1]>::as_slice),
                    );
                }
                (_, Cells::Amount) => self.cell(pack.value.map(i128::to_le_bytes).as_ref().map(<[u8; 16]>::as_slice)),
                (field, Cells::Time) => {
                    let at = if field == Field::UpdatedAt { pack.updated_at } else { pack.time(field) };
                    self.cell(at.map(i64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice));
                }
            }
        }
        let lent = pack.orders_file.filter(|_| pack.flags & HAS_ORDER != 0);
        for file in [Some(pack.source.file), lent] {
            self.cell(file.and_then(|file| files.get(file as usize)).map(|name| name.as_bytes()));
        }
        let source = pack.flags & (BY_STATUS | BY_EVENTS | BY_FRIEND | BY_OTHER | OTHER_DELIVERED);
        self.bytes.extend(
            [pack.source.record, pack.events, u64::from(source)].iter().flat_map(|number| number.to_le_bytes()),
        );
        self.weeks.entry(week).or_default().update(&self.bytes);
    }

    /// Returns the digests.
    pub fn end(&self) -> ByWeek {
        let digest = |hash: &blake3::Hasher| hash.finalize().to_hex().chars().take(DIGITS).collect();
        self.weeks.iter().map(|(week, hash)| (*week, digest(hash))).collect()
    }

    /// Returns the Monday of the week that judges a package.
    fn week(&mut self, pack: &Pack) -> Day {
        let name = pack.text(Field::Marketplace);
        let market = match &self.market {
            Some((known, market)) if known.as_deref() == name => *market,
            _ => {
                let market = name.and_then(|name| self.book.resolve_marketplace(name)).unwrap_or(Marketplace::None);
                self.market = Some((name.map(str::to_owned), market));
                market
            }
        };
        let [promised, shipped] =
            [Field::PromisedDeliveryAt, Field::ShippedAt].map(|field| pack.time(field).map(Moment::Instant));
        // A package without any date cannot be judged; it is told under the first possible week.
        monday(selecting_day(self.book, market, promised, shipped, self.utc).unwrap_or(FIRST_DAY))
    }

    /// Adds a cell with its length, so that two rows of cells never give the same bytes.
    fn cell(&mut self, cell: Option<&[u8]>) {
        let length = cell.map_or(u32::MAX, |cell| cell.len() as u32);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(cell.unwrap_or_default());
    }
}
