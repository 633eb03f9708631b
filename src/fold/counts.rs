//! The counts of a run, as tables ask for them: one piece of time after the other, sorted, batch by batch.
//!
//! Nothing is judged, summed into rates or sorted by anything but its key here, and no reader may hold more pieces of
//! time than it works on; several threads may read at once. Whether counts are in memory or in spilled runs is private
//! to this module, and only reading spilled runs can fail.

use crate::error::Result;
use crate::place::spill::{Spill, SpillRange};
#[cfg(test)]
use arrow::array::AsArray;
use arrow::array::{RecordBatch, StringArray};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use vtr_columnar::keys::Keys;
use vtr_columnar::marginals::MarginalKind;
use vtr_columnar::partial::{Packed, Piece, Unpacked};
use vtr_kernel::calendar::{Day, monday};

mod defects;

pub use defects::{DefectRuns, Defects, Gone};

/// Most rows of a batch that is handed out.
pub const BATCH_ROWS: usize = 65_536;

/// Consecutive batches in order.
pub type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch>> + 'a>;

/// Everything that tables are made from, without superseded rows.
#[derive(Debug, Default)]
pub struct Counted {
    /// By Monday. Keys: `seller_id`, `marketplace`, `programme`, `carrier`; with `reason`. Only weeks
    /// of the asked range.
    pub weekly: Marginal,
    /// By first day of the segment (see `vtr_columnar::axis::TimeAxis`); days outside the range
    /// included where a window needs them. Keys: `seller_id`, `marketplace`, `programme`,
    /// `product_category`; with `reason`.
    pub category: Marginal,
    /// By Monday. Keys: `marketplace`, `carrier_typed`, `carrier`: judged shipments. Only weeks of the
    /// asked range.
    pub names: Marginal,
    /// By Monday. Keys: those of `vtr_columnar::marginals::CIRCUMSTANCES`; with `flags` in the place of `reason`. Only
    /// weeks of the asked range.
    pub reasons: Marginal,
    /// Eligible packages in each marketplace's health window; the day encodes who can fix them (see
    /// `vtr_columnar::keys::Keys::day`). Keys: `seller_id`, `marketplace`, `programme`, `product_category`, `carrier`;
    /// with `reason`.
    pub breakdown: Marginal,
    /// The rows of defects.
    pub defects: Defects,
    /// The judged rows that are listed.
    pub judged: Defects,
}

impl Counted {
    /// Returns the counts of kept runs, with the keys that map their codes to texts. `idle_bytes` is the most memory
    /// for sorted pieces of a marginal that are not in use.
    pub fn of_runs(runs: Runs, keys: Keys, [defects, judged]: [Defects; 2], idle_bytes: usize) -> Counted {
        let keys = Arc::new(keys);
        let Runs([weekly, category, names, reasons, breakdown]) = runs;
        let marginal = |kind: MarginalKind, times: Times| Marginal {
            days: times
                .into_iter()
                // A cell is never negative, so a time without rows has no cell with rows.
                .filter(|(_, pieces)| pieces.rows != 0)
                .map(|(time, pieces)| (keys.day(kind, time), pieces))
                .collect(),
            of: Some((kind, keys.clone())),
            ready: Mutex::default(),
            idle_bytes,
            #[cfg(test)]
            batches: BTreeMap::new(),
        };
        Counted {
            weekly: marginal(MarginalKind::Weekly, weekly),
            category: marginal(MarginalKind::Category, category),
            names: marginal(MarginalKind::Names, names),
            reasons: marginal(MarginalKind::Reasons, reasons),
            breakdown: marginal(MarginalKind::Breakdown, breakdown),
            defects,
            judged,
        }
    }

    /// Returns the counts of batches, for tests; defects in any order, in the schema of `vtr_columnar::judge::Yield`.
    #[cfg(test)]
    pub fn in_memory(marginals: Marginals, defects: Vec<RecordBatch>) -> Counted {
        let marginal = |mut batches: BTreeMap<Day, RecordBatch>| {
            batches.retain(|_, batch| batch.num_rows() > 0);
            Marginal { batches, ..Marginal::default() }
        };
        Counted {
            weekly: marginal(marginals.weekly),
            category: marginal(marginals.category),
            names: marginal(marginals.names),
            reasons: marginal(marginals.reasons),
            breakdown: marginal(marginals.breakdown),
            judged: Defects::in_memory(defects.clone()),
            defects: Defects::in_memory(defects),
        }
    }
}

/// Counts by piece of time, as tests write them down; see [`Marginal`] for the columns.
#[cfg(test)]
#[derive(Debug, Default)]
pub struct Marginals {
    /// By Monday.
    pub weekly: BTreeMap<Day, RecordBatch>,
    /// By first day of the segment.
    pub category: BTreeMap<Day, RecordBatch>,
    /// By Monday.
    pub names: BTreeMap<Day, RecordBatch>,
    /// By Monday.
    pub reasons: BTreeMap<Day, RecordBatch>,
    /// By who can fix them.
    pub breakdown: BTreeMap<Day, RecordBatch>,
}

/// The pieces of one time, by run, and the number of rows that they count together.
#[derive(Debug, Default)]
struct TimePieces {
    rows: i64,
    held: Vec<HeldCounts>,
}

type Times = BTreeMap<u16, TimePieces>;

/// Counts of one time of one thread.
#[derive(Debug)]
enum HeldCounts {
    Memory(Packed),
    Spilled(Arc<Spill>, SpillRange),
}

impl HeldCounts {
    fn read(&self, into: &mut Unpacked) -> Result<()> {
        match self {
            HeldCounts::Memory(packed) => into.add(packed),
            HeldCounts::Spilled(spill, place) => {
                let mut bytes = vec![0; STEP.min(place.bytes())];
                for from in (0..place.bytes()).step_by(STEP) {
                    let bytes = &mut bytes[..(place.bytes() - from).min(STEP)];
                    spill.read(*place, from, bytes)?;
                    into.add_bytes(bytes);
                }
            }
        }
        Ok(())
    }
}

/// Bytes of packed counts that are read at once.
const STEP: usize = 16_384 * Unpacked::STEP;

/// The counts of a thread, or of several, by kind and time.
#[derive(Debug, Default)]
pub struct Runs([Times; MarginalKind::ALL.len()]);

impl Runs {
    fn hold(&mut self, (kind, time, rows): (MarginalKind, u16, i64), held: HeldCounts) {
        let pieces = self.0[kind as usize].entry(time).or_default();
        pieces.rows += rows;
        pieces.held.push(held);
    }

    /// Keeps counts in memory.
    pub fn keep(&mut self, pieces: Vec<Piece>) {
        for Piece { kind, time, rows, packed } in pieces {
            self.hold((kind, time, rows), HeldCounts::Memory(packed));
        }
    }

    /// Spills counts.
    ///
    /// # Errors
    /// The disk fails.
    pub fn spill(&mut self, pieces: Vec<Piece>, spill: &Arc<Spill>) -> Result<()> {
        let mut bytes = Vec::new();
        for Piece { kind, time, rows, packed } in pieces {
            bytes.clear();
            packed.write(&mut bytes);
            self.hold((kind, time, rows), HeldCounts::Spilled(spill.clone(), spill.put(&bytes)?));
        }
        Ok(())
    }

    /// Hands on the counts of each kind and time, kind after kind and times ascending.
    ///
    /// # Errors
    /// A failure to read spilled counts.
    pub fn each(self, take: &mut dyn FnMut(MarginalKind, u16, Unpacked)) -> Result<()> {
        for (kind, times) in MarginalKind::ALL.into_iter().zip(self.0) {
            for (time, pieces) in times {
                let mut counts = Unpacked::default();
                pieces.held.iter().try_for_each(|held| held.read(&mut counts))?;
                take(kind, time, counts);
            }
        }
        Ok(())
    }

    /// Adds another thread's runs.
    pub fn merge(&mut self, other: Runs) {
        for (times, others) in self.0.iter_mut().zip(other.0) {
            for (time, mut more) in others {
                let pieces = times.entry(time).or_default();
                pieces.rows += more.rows;
                pieces.held.append(&mut more.held);
            }
        }
    }
}

/// Returns a piece as batches of at most [`BATCH_ROWS`] rows; the slot is held until they are dropped.
fn cut<'a>(batch: RecordBatch, slot: Arc<Slot>) -> Batches<'a> {
    let rows = batch.num_rows();
    Box::new((0..rows).step_by(BATCH_ROWS).map(move |start| {
        let _held = &slot;
        Ok(batch.slice(start, BATCH_ROWS.min(rows - start)))
    }))
}

/// Counts by key and piece of time.
///
/// Its batches have a `Dictionary(UInt32, Utf8)` column for each key, `reason` (UInt8, the code of
/// `vtr_kernel::mend::Outcome`) if the marginal distinguishes reasons, and `count` (Int64, positive). All batches of
/// all marginals share one dictionary for each key, whose texts ascend bytewise without repetition, so that codes
/// compare as texts do and a code means the same in every batch.
#[derive(Debug, Default)]
pub struct Marginal {
    days: BTreeMap<Day, TimePieces>,
    /// The kind of marginal, and the texts of its codes; `None` if nothing was counted.
    of: Option<(MarginalKind, Arc<Keys>)>,
    ready: Mutex<Ready>,
    /// The most bytes of pieces that are not in use.
    idle_bytes: usize,
    #[cfg(test)]
    batches: BTreeMap<Day, RecordBatch>,
}

/// Recently sorted pieces: windows ask for each of them several times.
#[derive(Debug, Default)]
struct Ready {
    /// Pieces that a reader still holds.
    slots: BTreeMap<Day, Weak<Slot>>,
    /// Pieces that are held here, and the bytes of each.
    kept: VecDeque<(Arc<Slot>, usize)>,
    kept_bytes: usize,
}

/// A piece of time, sorted by the first reader.
type Slot = Mutex<Option<RecordBatch>>;

/// Bytes of a row of counts: ten codes, a reason and a count at most.
const ROW_BYTES: usize = 49;

impl Marginal {
    /// Returns the pieces of time that hold counts, by first day, ascending.
    pub fn days(&self) -> Vec<Day> {
        #[cfg(test)]
        if !self.batches.is_empty() {
            return self.batches.keys().copied().collect();
        }
        self.days.keys().copied().collect()
    }

    /// Returns the number of packages that are counted in each week, by Monday.
    pub fn by_week(&self) -> BTreeMap<Day, u64> {
        let mut weeks = BTreeMap::new();
        for (day, pieces) in &self.days {
            *weeks.entry(monday(*day)).or_default() += u64::try_from(pieces.rows).unwrap_or_default();
        }
        weeks
    }

    /// Returns the texts of a key column, by code; empty if nothing was counted.
    pub fn texts(&self, column: &str) -> StringArray {
        #[cfg(test)]
        if let Some(batch) = self.batches.values().next() {
            return batch[column].as_dictionary::<arrow::datatypes::UInt32Type>().values().as_string::<i32>().clone();
        }
        let texts = self.of.as_ref().and_then(|(_, keys)| keys.texts(column));
        texts.cloned().unwrap_or_else(|| StringArray::new_null(0))
    }

    /// Returns the counts of a piece of time, ascending by the codes of the keys in their order and then by reason,
    /// each combination once, in batches of at most [`BATCH_ROWS`] rows.
    ///
    /// # Errors
    /// A failure to read spilled counts.
    pub fn sorted(&self, day: Day) -> Result<Batches<'_>> {
        #[cfg(test)]
        if let Some(batch) = self.batches.get(&day) {
            return Ok(cut(batch.clone(), Arc::default()));
        }
        let slot = {
            let mut ready = self.ready.lock();
            let slot = ready.slots.get(&day).and_then(Weak::upgrade).unwrap_or_default();
            ready.slots.insert(day, Arc::downgrade(&slot));
            slot
        };
        let mut sorted = slot.lock();
        if let Some(batch) = &*sorted {
            return Ok(cut(batch.clone(), slot.clone()));
        }
        let Some(batch) = self.batch(day)? else { return Ok(Box::new(std::iter::empty())) };
        *sorted = Some(batch.clone());
        drop(sorted);
        let bytes = batch.num_rows() * ROW_BYTES;
        let mut ready = self.ready.lock();
        ready.kept_bytes += bytes;
        ready.kept.push_back((slot.clone(), bytes));
        // Only windows ask for a piece again.
        let is_asked_again = self.of.as_ref().is_some_and(|(kind, _)| *kind == MarginalKind::Category);
        let most = if is_asked_again { self.idle_bytes } else { 0 };
        while ready.kept_bytes > most {
            let Some((_, bytes)) = ready.kept.pop_front() else { break };
            ready.kept_bytes -= bytes;
        }
        Ok(cut(batch, slot))
    }

    fn batch(&self, day: Day) -> Result<Option<RecordBatch>> {
        let (Some(pieces), Some((kind, keys))) = (self.days.get(&day), &self.of) else { return Ok(None) };
        let mut counts = Unpacked::default();
        pieces.held.iter().try_for_each(|held| held.read(&mut counts))?;
        Ok(Some(keys.batch(*kind, counts)))
    }
}
