//! Codes for texts that repeat, and the packing of codes into the keys of cells.
//!
//! A text has one code for the whole run, assigned under a lock once per distinct value of a dictionary. A cell's
//! key needs no table of its own, because all its parts fit one number. Codes have no meaning outside a run and
//! their order depends on threads; everything that is published is sorted by text.

use crate::axis::TimeAxis;
use crate::refusal::{InputError, InputFault};
use arrow::array::{Array, StringArray, UInt32Array};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vtr_kernel::Book;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::mend::Outcome;
use vtr_kernel::policy::{Marketplace, MarketplaceId, ProgrammeId, RuleId};
use vtr_kernel::reason::{Class, TABLE};
use vtr_kernel::service::ServiceClass;

/// Returns the marketplace as a small number: 0 for none, else its index plus one.
pub(crate) fn market_code(marketplace: Marketplace) -> u16 {
    match marketplace {
        Marketplace::None => 0,
        Marketplace::Known(id) => id.0 + 1,
    }
}

/// Returns the marketplace of a small number.
pub(crate) fn market_from_code(code: u16) -> Marketplace {
    code.checked_sub(1).map_or(Marketplace::None, |index| Marketplace::Known(MarketplaceId(index)))
}

/// The number of bits of the time, the highest of a key.
pub(crate) const TIME_BITS: u32 = 14;
/// The number of bits of a key below the time.
pub(crate) const TIME_SHIFT: u32 = u64::BITS - TIME_BITS;
/// The number of bits of an outcome.
const REASON_BITS: u32 = Outcome::BITS;

/// The layout of the codes in a cell's key; the sizes of the book's lists decide it. From the high bits down: time,
/// seller, marketplace, programme, carrier, outcome; a marginal leaves out the codes by which it does not count.
/// Categories, typed names and circumstances are stored beside the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    market_bits: u32,
    programme_bits: u32,
    carrier_bits: u32,
    rule_bits: u32,
    service_bits: u32,
}

/// The circumstances of a judged package: everything by which it is counted beside account, week and outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Circumstances {
    /// The rule that decided.
    pub rule: RuleId,
    /// The lane that applies to it.
    pub lane: Option<RuleId>,
    /// The class of its service.
    pub service: Option<ServiceClass>,
    pub is_cross_border: bool,
    pub is_bought: bool,
    pub is_doubtful: bool,
}

/// The codes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Codes {
    pub time: u16,
    pub seller: u32,
    pub market: u16,
    pub programme: u16,
    pub carrier: u16,
    pub reason: u8,
}

/// The number of flags of circumstances.
const FLAGS: u32 = 3;

fn bits(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

fn low(key: u64, bits: u32) -> u64 {
    key & ((1 << bits) - 1)
}

impl Layout {
    /// Makes the layout for a book.
    ///
    /// # Panics
    /// If the book has so many carriers that a million sellers would not fit beside them.
    pub(crate) fn of(book: &Book) -> Layout {
        let layout = Layout {
            market_bits: bits(book.markets().count() + 1),
            programme_bits: bits(book.programme_count()),
            carrier_bits: bits(book.carriers.len() + 2),
            rule_bits: bits(book.rule_count() + 1),
            service_bits: bits(book.services.names().count() + 1),
        };
        let circumstances = 2 * layout.rule_bits + layout.service_bits + FLAGS;
        assert!(circumstances <= u32::BITS, "a book has so few rules and services that a package's fit one word");
        assert!(layout.seller_bits() >= 20, "a book's marketplaces, programmes and carriers leave room for sellers");
        layout
    }

    fn below_account(self) -> u32 {
        self.carrier_bits + REASON_BITS
    }

    fn seller_bits(self) -> u32 {
        TIME_SHIFT.saturating_sub(self.market_bits + self.programme_bits + self.below_account())
    }

    /// Returns the greatest number of sellers that fit.
    pub(crate) fn max_sellers(self) -> usize {
        1 << self.seller_bits()
    }

    /// Returns the code of a seller in a marketplace and programme.
    pub(crate) fn account(self, seller: u32, market: u16, programme: ProgrammeId) -> u64 {
        (u64::from(seller) << self.market_bits | u64::from(market)) << self.programme_bits | u64::from(programme.0)
    }

    /// Returns the key of a cell by carrier and week.
    pub(crate) fn weekly(self, week: u16, account: u64, carrier: Carrier, reason: u8) -> u64 {
        let cell = account << self.carrier_bits | u64::from(carrier.code());
        u64::from(week) << TIME_SHIFT | cell << REASON_BITS | u64::from(reason)
    }

    /// Returns the key of a cell by category and segment; the category is stored beside it.
    pub(crate) fn category(self, segment: u16, account: u64, reason: u8) -> u64 {
        u64::from(segment) << TIME_SHIFT | account << REASON_BITS | u64::from(reason)
    }

    /// Returns the key of a typed name in a week; the name is stored beside it.
    pub(crate) fn name(self, week: u16, market: u16, carrier: Carrier) -> u64 {
        u64::from(week) << TIME_SHIFT | u64::from(market) << self.carrier_bits | u64::from(carrier.code())
    }

    /// Returns circumstances as one word.
    pub(crate) fn circumstances(self, of: &Circumstances) -> u32 {
        let lane = of.lane.map_or(0, |lane| lane.0 + 1);
        let service = of.service.map_or(0, |class| u32::from(class.0) + 1);
        let flags = u32::from(of.is_cross_border) | u32::from(of.is_bought) << 1 | u32::from(of.is_doubtful) << 2;
        ((lane << self.rule_bits | of.rule.0) << self.service_bits | service) << FLAGS | flags
    }

    pub(crate) fn of_circumstances(self, word: u32) -> Circumstances {
        let (rules, word) = (word >> FLAGS >> self.service_bits, u64::from(word));
        let (lane, service) = (rules >> self.rule_bits, low(word >> FLAGS, self.service_bits));
        Circumstances {
            rule: RuleId(low(rules.into(), self.rule_bits) as u32),
            lane: lane.checked_sub(1).map(RuleId),
            service: service.checked_sub(1).map(|class| ServiceClass(class as u8)),
            is_cross_border: word & 1 == 1,
            is_bought: word >> 1 & 1 == 1,
            is_doubtful: word >> 2 & 1 == 1,
        }
    }

    pub(crate) fn of_weekly(self, key: u64) -> Codes {
        let cell = low(key, TIME_SHIFT) >> REASON_BITS;
        Codes { time: time(key), reason: low(key, REASON_BITS) as u8, ..self.of_account_and_carrier(cell) }
    }

    pub(crate) fn of_category(self, key: u64) -> Codes {
        let account = low(key, TIME_SHIFT) >> REASON_BITS;
        let codes = self.of_account_and_carrier(account << self.carrier_bits);
        Codes { time: time(key), reason: low(key, REASON_BITS) as u8, ..codes }
    }

    pub(crate) fn of_name(self, key: u64) -> Codes {
        let cell = low(key, TIME_SHIFT);
        Codes {
            time: time(key),
            seller: 0,
            market: (cell >> self.carrier_bits) as u16,
            programme: 0,
            carrier: low(cell, self.carrier_bits) as u16,
            reason: 0,
        }
    }

    fn of_account_and_carrier(self, cell: u64) -> Codes {
        let account = cell >> self.carrier_bits;
        let of_seller = account >> self.programme_bits;
        Codes {
            time: 0,
            seller: (of_seller >> self.market_bits) as u32,
            market: low(of_seller, self.market_bits) as u16,
            programme: low(account, self.programme_bits) as u16,
            carrier: low(cell, self.carrier_bits) as u16,
            reason: 0,
        }
    }
}

/// Returns the time of a key.
pub(crate) fn time(key: u64) -> u16 {
    (key >> TIME_SHIFT) as u16
}

/// Distinct texts in the order in which they were added, concatenated.
#[derive(Debug, Default)]
struct DistinctTexts {
    bytes: String,
    ends: Vec<u32>,
    codes: HashTable<u32>,
}

impl DistinctTexts {
    fn text(&self, code: u32) -> &str {
        let start = code.checked_sub(1).map_or(0, |before| self.ends[before as usize]);
        &self.bytes[start as usize..self.ends[code as usize] as usize]
    }

    /// Returns the code of a text, and the bytes that it takes if it is new.
    fn code(&mut self, text: &str, hasher: &RandomState) -> (u32, usize) {
        let hash = hasher.hash_one(text);
        if let Some(code) = self.codes.find(hash, |code| self.text(*code) == text) {
            return (*code, 0);
        }
        let code = self.ends.len() as u32;
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len() as u32);
        let DistinctTexts { bytes, ends, codes } = self;
        codes.insert_unique(hash, code, |code| {
            let start = code.checked_sub(1).map_or(0, |before| ends[before as usize]);
            hasher.hash_one(&bytes[start as usize..ends[*code as usize] as usize])
        });
        (code, text.len() + BYTES_BESIDE)
    }
}

/// The bytes of a text beside its characters: its end, its entry in the table, and later its index among the sorted
/// texts.
const BYTES_BESIDE: usize = 24;

/// The greatest number of bytes of texts of one kind: Arrow counts them in 31 bits.
const MOST_BYTES: usize = i32::MAX as usize;

/// The codes of a run, shared by its threads.
#[derive(Debug)]
pub(crate) struct SharedKeys {
    hasher: RandomState,
    sellers: Mutex<DistinctTexts>,
    categories: Mutex<DistinctTexts>,
    typed: Mutex<DistinctTexts>,
    most_sellers: usize,
    most_bytes: usize,
    bytes: AtomicUsize,
    longest: AtomicUsize,
    is_full: AtomicBool,
}

impl SharedKeys {
    /// Makes empty tables; `most_bytes` is the memory that all texts may take.
    pub(crate) fn new(layout: Layout, most_bytes: usize) -> SharedKeys {
        SharedKeys {
            hasher: RandomState::new(),
            sellers: Mutex::default(),
            categories: Mutex::default(),
            typed: Mutex::default(),
            most_sellers: layout.max_sellers(),
            most_bytes,
            bytes: AtomicUsize::new(0),
            longest: AtomicUsize::new(0),
            is_full: AtomicBool::new(false),
        }
    }

    fn code(&self, texts: &Mutex<DistinctTexts>, text: &str) -> u32 {
        let mut texts = locked(texts);
        if texts.bytes.len() + text.len() > MOST_BYTES {
            self.is_full.store(true, Ordering::Relaxed);
            return 0;
        }
        let (code, more) = texts.code(text, &self.hasher);
        if more > 0 {
            self.longest.fetch_max(text.len(), Ordering::Relaxed);
        }
        if more > 0 && self.bytes.fetch_add(more, Ordering::Relaxed) + more > self.most_bytes {
            self.is_full.store(true, Ordering::Relaxed);
        }
        code
    }

    /// Returns the code of a seller's id.
    pub(crate) fn seller(&self, text: &str) -> u32 {
        let code = self.code(&self.sellers, text);
        if code as usize >= self.most_sellers {
            self.is_full.store(true, Ordering::Relaxed);
        }
        code
    }

    /// Returns the code of a category.
    pub(crate) fn category(&self, text: &str) -> u32 {
        self.code(&self.categories, text)
    }

    /// Returns the code of a carrier's name as typed.
    pub(crate) fn typed(&self, text: &str) -> u32 {
        self.code(&self.typed, text)
    }

    /// Refuses to continue once there are more texts than fit.
    ///
    /// # Errors
    /// Says how many texts of each kind there are, and what to do.
    pub(crate) fn check(&self) -> Result<(), InputError> {
        if !self.is_full.load(Ordering::Relaxed) {
            return Ok(());
        }
        let count = |texts: &Mutex<DistinctTexts>| locked(texts).ends.len();
        let (sellers, categories, typed) = (count(&self.sellers), count(&self.categories), count(&self.typed));
        let found =
            format!("{sellers} seller ids, {categories} categories and {typed} carrier names have been met so far");
        let held = self.most_bytes >> 20;
        let wanted = format!(
            "more different ones than may be held at once ({held} MiB for them, a quarter of --memory above 96 MiB)"
        );
        // A quarter of the memory is for texts, and as many texts again may follow.
        let memory = ((8 * self.bytes()) >> 20) + 128;
        let remedy = format!("raise --memory to at least {memory} MiB, or run parts of the inputs separately");
        Err(InputError::whole(InputFault::TooManyTexts, found, &wanted, &remedy))
    }

    /// Returns the bytes that the texts take now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the bytes of the longest text so far.
    pub(crate) fn longest(&self) -> usize {
        self.longest.load(Ordering::Relaxed)
    }

    /// Returns the bytes of the texts with these codes of sellers, of categories and of typed names.
    pub(crate) fn bytes_of(&self, codes: [&[u32]; 3]) -> usize {
        let kinds = [&self.sellers, &self.categories, &self.typed];
        let bytes = kinds.into_iter().zip(codes).map(|(kind, codes)| {
            let texts = locked(kind);
            codes.iter().map(|code| texts.text(*code).len()).sum::<usize>()
        });
        bytes.sum()
    }

    /// Returns the texts with these codes of sellers, of categories and of typed names.
    pub(crate) fn texts(&self, codes: [&UInt32Array; 3]) -> [StringArray; 3] {
        let kinds = [&self.sellers, &self.categories, &self.typed];
        std::array::from_fn(|kind| {
            let texts = locked(kinds[kind]);
            codes[kind].iter().map(|code| code.map(|code| texts.text(code))).collect()
        })
    }

    /// Returns the texts with these codes of sellers and of categories, in their order.
    pub(crate) fn listed(&self, codes: [&[u32]; 2]) -> [Vec<String>; 2] {
        let kinds = [&self.sellers, &self.categories];
        std::array::from_fn(|kind| {
            let texts = locked(kinds[kind]);
            codes[kind].iter().map(|code| texts.text(*code).to_owned()).collect()
        })
    }

    /// Returns the texts in order, once no more codes are assigned.
    pub(crate) fn freeze(self, book: &Book, axis: TimeAxis) -> Keys {
        let ranked =
            |texts: Mutex<DistinctTexts>| Ranked::of(&texts.into_inner().unwrap_or_else(PoisonError::into_inner));
        let texts = [self.sellers, self.categories, self.typed].map(ranked);
        Keys::of(book, axis, texts)
    }

    /// Returns the texts so far in order; more codes may follow.
    pub(crate) fn ranked(&self, book: &Book, axis: TimeAxis) -> Keys {
        let ranked = |texts: &Mutex<DistinctTexts>| Ranked::of(&locked(texts));
        let texts = [&self.sellers, &self.categories, &self.typed].map(ranked);
        Keys::of(book, axis, texts)
    }
}

/// The text for a missing lane or class of services.
pub const NONE: &str = "(none)";

/// The texts of all codes of a judge, in order, by which packed counts become readable.
#[derive(Debug)]
pub struct Keys {
    pub(crate) layout: Layout,
    pub(crate) axis: TimeAxis,
    pub(crate) sellers: Ranked,
    pub(crate) markets: Ranked,
    pub(crate) programmes: Ranked,
    pub(crate) carriers: Ranked,
    /// Classes, by discriminant.
    pub(crate) classes: Ranked,
    /// Reasons, by discriminant.
    pub(crate) reasons: Ranked,
    pub(crate) rules: Ranked,
    /// The lanes: [`NONE`], then the rules.
    pub(crate) lanes: Ranked,
    /// The service classes: [`NONE`], then the classes.
    pub(crate) services: Ranked,
    /// The texts of flags: no, then yes.
    pub(crate) flags: Ranked,
    pub(crate) categories: Ranked,
    pub(crate) typed: Ranked,
}

impl Keys {
    fn of(book: &Book, axis: TimeAxis, [sellers, categories, typed]: [Ranked; 3]) -> Keys {
        let markets = (0..=book.markets().count() as u16).map(|code| book.marketplace_label(market_from_code(code)));
        let programmes = (0..book.programme_count()).map(|index| book.programme(ProgrammeId(index as u16)));
        let carriers = (0..book.carriers.len() as u16 + 2).map(|code| book.carriers.label(Carrier::from_code(code)));
        let rules = (0..book.rule_count() as u32).map(|code| book.rule(RuleId(code)));
        let services = [NONE].into_iter().chain(book.services.names());
        Keys {
            layout: Layout::of(book),
            axis,
            markets: Ranked::of_labels(markets),
            programmes: Ranked::of_labels(programmes),
            carriers: Ranked::of_labels(carriers),
            classes: Ranked::of_labels(Class::ALL.into_iter().map(Class::name)),
            reasons: Ranked::of_labels(TABLE.iter().map(|entry| entry.name)),
            lanes: Ranked::of_labels([NONE].into_iter().chain(rules.clone())),
            rules: Ranked::of_labels(rules),
            services: Ranked::of_labels(services),
            flags: Ranked::of_labels(["false", "true"].into_iter()),
            sellers,
            categories,
            typed,
        }
    }
}

/// Texts in ascending order, and the index of each code's text among them.
#[derive(Debug)]
pub(crate) struct Ranked {
    pub values: Arc<StringArray>,
    ranks: Vec<u32>,
}

impl Ranked {
    /// Takes labels that may repeat; equal ones share an index.
    fn of_labels<'a>(labels: impl Iterator<Item = &'a str>) -> Ranked {
        let mut texts = DistinctTexts::default();
        let hasher = RandomState::new();
        let codes: Vec<u32> = labels.map(|label| texts.code(label, &hasher).0).collect();
        let ranked = Ranked::of(&texts);
        Ranked { ranks: codes.iter().map(|code| ranked.rank(*code)).collect(), values: ranked.values }
    }

    fn of(texts: &DistinctTexts) -> Ranked {
        let mut order: Vec<u32> = (0..texts.ends.len() as u32).collect();
        order.sort_unstable_by(|a, b| texts.text(*a).cmp(texts.text(*b)));
        let mut ranks = vec![0; order.len()];
        let mut bytes: Vec<u8> = Vec::with_capacity(texts.bytes.len());
        let mut offsets: Vec<i32> = Vec::with_capacity(order.len() + 1);
        offsets.push(0);
        for (rank, code) in order.into_iter().enumerate() {
            ranks[code as usize] = rank as u32;
            bytes.extend_from_slice(texts.text(code).as_bytes());
            offsets.push(bytes.len() as i32);
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ranked { values: Arc::new(StringArray::new(offsets, Buffer::from_vec(bytes), None)), ranks }
    }

    pub fn rank(&self, code: u32) -> u32 {
        self.ranks[code as usize]
    }

    /// Returns the number of bits that a rank takes.
    pub fn bits(&self) -> u32 {
        bits(self.values.len())
    }
}

/// Locks texts. A panic elsewhere leaves them in a usable state, and ends the run anyway.
fn locked(texts: &Mutex<DistinctTexts>) -> MutexGuard<'_, DistinctTexts> {
    texts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::of(&vtr_kernel::load::embedded().unwrap())
    }

    #[test]
    fn threads_agree_on_codes_and_texts_come_back_sorted() {
        let shared = SharedKeys::new(layout(), 1 << 20);
        let codes: Vec<u32> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..2).map(|_| scope.spawn(|| [shared.seller("42"), shared.seller("0042")])).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(codes[..2], codes[2..]);
        assert_ne!(codes[0], codes[1]);
        let book = vtr_kernel::load::embedded().unwrap();
        assert_eq!(shared.ranked(&book, TimeAxis::new(vec![0])).sellers.values.value(0), "0042");
        let keys = shared.freeze(&book, TimeAxis::new(vec![0]));
        assert_eq!(keys.sellers.values.value(keys.sellers.rank(codes[0]) as usize), "42");
        assert_eq!(keys.sellers.values.value(0), "0042");
    }

    #[test]
    fn keys_give_their_codes_back_and_sort_by_time_first() {
        let layout = layout();
        let account = layout.account(123_456, 7, ProgrammeId(1));
        let carrier = Carrier::from_code(300);
        let key = layout.weekly(1_100, account, carrier, 18);
        let codes = Codes { time: 1_100, seller: 123_456, market: 7, programme: 1, carrier: 300, reason: 18 };
        assert_eq!(layout.of_weekly(key), codes);
        assert_eq!(
            layout.of_category(layout.category(8_000, account, 3)),
            Codes { time: 8_000, carrier: 0, reason: 3, ..codes }
        );
        let circumstances = Circumstances {
            rule: RuleId(600),
            lane: Some(RuleId(0)),
            service: Some(ServiceClass(0)),
            is_cross_border: true,
            is_bought: false,
            is_doubtful: true,
        };
        let none =
            Circumstances { lane: None, service: None, is_cross_border: false, is_bought: true, ..circumstances };
        for of in [circumstances, none, Circumstances { rule: RuleId(0), ..none }] {
            assert_eq!(layout.of_circumstances(layout.circumstances(&of)), of);
        }
        let name = layout.of_name(layout.name(1_100, 7, carrier));
        assert_eq!((name.time, name.market, name.carrier), (1_100, 7, 300));
        let last = layout.account(layout.max_sellers() as u32 - 1, 24, ProgrammeId(0));
        assert!(layout.weekly(1, last, carrier, 31) < layout.weekly(2, 0, Carrier::Missing, 0));
    }

    #[test]
    fn too_many_texts_are_refused_with_their_counts() {
        let shared = SharedKeys::new(layout(), 100);
        shared.seller("A");
        shared.check().unwrap();
        (0..10).for_each(|index| {
            shared.category(&format!("category {index}"));
        });
        let refused = shared.check().unwrap_err().to_string();
        assert!(refused.contains("1 seller ids, 10 categories") && refused.contains("--memory"), "{refused}");
    }

    #[test]
    fn marketplaces_survive_the_round_trip() {
        for marketplace in
            [Marketplace::None, Marketplace::Known(MarketplaceId(0)), Marketplace::Known(MarketplaceId(23))]
        {
            assert_eq!(market_from_code(market_code(marketplace)), marketplace);
        }
    }
}
