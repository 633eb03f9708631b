//! The values of one column chunk: dictionary codes in the order in which values first occur, and bounds.
//!
//! Most texts arrive as codes already, so a text is looked at once for each dictionary or page and not once for each row.
//! Nulls are left out: what they mean for a page is not known here, nor are pages and files. Nothing fails.

use arrow::array::{Array, AsArray, PrimitiveArray, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt32Type};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use parquet::basic::Type;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::ops::Range;

/// The bytes of a text's length, in front of it.
const LENGTH: usize = size_of::<u32>();
/// The bytes to which bounds of texts are cut.
const BYTES_OF_A_BOUND: usize = 64;

/// The values of a column: the half of a chunk that depends on their type.
pub trait Values: Default {
    /// A bound of a page.
    type Bound: PartialOrd + Clone;

    /// The physical type.
    const TYPE: Type;

    /// Appends the codes of rows of an array.
    fn code(&mut self, array: &dyn Array, rows: Range<usize>, codes: &mut Vec<u32>);

    /// Appends the values of rows of an array, once the dictionary is full.
    fn plain(&mut self, array: &dyn Array, rows: Range<usize>, into: &mut Vec<u8>);

    /// Returns the most bytes that the texts of so many rows of an array can take. Numbers are too small to be asked
    /// for.
    fn most_bytes(&mut self, array: &dyn Array, rows: usize) -> usize;

    /// Calls `each` with the bytes of texts of rows and the number of rows in a row that have them, until it returns
    /// `true`; returns whether it did. Numbers are too small to be asked for.
    fn sizes(&self, array: &dyn Array, rows: Range<usize>, each: &mut dyn FnMut(usize, usize) -> bool) -> bool;

    /// The number of values in the dictionary.
    fn len(&self) -> usize;

    /// The bytes of the dictionary's page.
    fn bytes(&self) -> usize;

    /// The dictionary's page, before compression.
    fn dictionary(&self) -> Vec<u8>;

    /// Bytes in front of a page's codes that count as its size; see [`ColumnChunk`](super::chunk::ColumnChunk).
    const HEAD: usize;

    /// The least and the greatest value of a page; a new page begins.
    fn take_bounds(&mut self) -> Option<(Self::Bound, Self::Bound)>;

    /// The bytes of a page's texts; `None` for numbers.
    fn take_text_bytes(&mut self) -> Option<i64>;

    /// The bounds of a page for the index of pages.
    fn indexed(low: &Self::Bound, high: &Self::Bound) -> [Vec<u8>; 2];

    /// What the footer says of the chunk; without bounds, all of it is null.
    fn statistics(bounds: Option<(Self::Bound, Self::Bound)>, nulls: u64, is_signed: bool) -> Statistics;
}

/// Calls `each` with each run of equal codes and its length.
fn runs(codes: &[u32], mut each: impl FnMut(u32, usize)) {
    let mut rest = codes;
    while let [first, ..] = rest {
        let length = rest.iter().take_while(|code| *code == first).count();
        each(*first, length);
        rest = &rest[length..];
    }
}

/// Numbers below this one have their codes in a table.
const SMALL: usize = 1_024;
/// The code of a value that has none yet.
const NONE: u32 = u32::MAX;

/// Numbers.
pub struct Numbers<T: Number> {
    small: Vec<u32>,
    large: HashMap<u64, u32>,
    uniques: Vec<T::Native>,
    bounds: Option<(T::Native, T::Native)>,
    /// The numbers of some rows without the nulls between them.
    gathered: Vec<T::Native>,
}

/// A type of numbers.
pub trait Number: ArrowPrimitiveType<Native: PartialOrd> {
    /// The physical type.
    const TYPE: Type;
    /// The number as one of equal bits, unlike those of other numbers.
    fn bits(value: Self::Native) -> u64;
    /// The number as an index, if it is small.
    fn index(value: Self::Native) -> Option<usize>;
    /// Its bytes.
    fn append(value: Self::Native, into: &mut Vec<u8>);
    /// Bounds as they are written: a zero is the lesser one below and the greater one above.
    fn written(low: Self::Native, high: Self::Native) -> (Self::Native, Self::Native);
    /// What the footer says of a chunk.
    fn statistics(low: Option<Self::Native>, high: Option<Self::Native>, nulls: u64, is_signed: bool) -> Statistics;
}

macro_rules! number {
    ($arrow:ty, $physical:ident, $statistics:ident, $bits:expr, $index:expr, $written:expr) => {
        impl Number for $arrow {
            const TYPE: Type = Type::$physical;

            fn bits(value: Self::Native) -> u64 {
                $bits(value)
            }

            fn index(value: Self::Native) -> Option<usize> {
                $index(value)
            }

            fn append(value: Self::Native, into: &mut Vec<u8>) {
                into.extend_from_slice(&value.to_le_bytes());
            }

            fn written(low: Self::Native, high: Self::Native) -> (Self::Native, Self::Native) {
                $written(low, high)
            }

            fn statistics(
                low: Option<Self::Native>,
                high: Option<Self::Native>,
                nulls: u64,
                is_signed: bool,
            ) -> Statistics {
                let bounds = ValueStatistics::new(low, high, None, Some(nulls), false);
                Statistics::$statistics(bounds.with_backwards_compatible_min_max(is_signed))
            }
        }
    };
}

fn small<T: TryInto<usize>>(value: T) -> Option<usize> {
    value.try_into().ok().filter(|index| *index < SMALL)
}

fn zeros(low: f64, high: f64) -> (f64, f64) {
    (if low == 0.0 { -0.0 } else { low }, if high == 0.0 { 0.0 } else { high })
}

number!(Int64Type, INT64, Int64, |value| value as u64, small, |low, high| (low, high));
number!(TimestampMicrosecondType, INT64, Int64, |value| value as u64, |_| None, |low, high| (low, high));
number!(Date32Type, INT32, Int32, |value| value as u64, small, |low, high| (low, high));
number!(Float64Type, DOUBLE, Double, f64::to_bits, |_| None, zeros);

impl<T: Number> Default for Numbers<T> {
    fn default() -> Self {
        let (large, uniques, gathered) = (HashMap::new(), Vec::new(), Vec::new());
        Numbers { small: vec![NONE; SMALL], large, uniques, bounds: None, gathered }
    }
}

impl<T: Number> Numbers<T> {
    /// Widens the bounds; what is not a number has no place in an order.
    fn see(&mut self, value: T::Native) {
        match &mut self.bounds {
            Some((low, _)) if value < *low => *low = value,
            Some((_, high)) if value > *high => *high = value,
            Some(_) => {}
            None if value.partial_cmp(&value).is_some() => self.bounds = Some((value, value)),
            None => {}
        }
    }

    fn code_of(&mut self, value: T::Native) -> u32 {
        let next = self.uniques.len() as u32;
        let code = match T::index(value) {
            Some(index) => &mut self.small[index],
            None => self.large.entry(T::bits(value)).or_insert(NONE),
        };
        if *code == NONE {
            *code = next;
            self.uniques.push(value);
        }
        *code
    }

    /// Calls `each` with the numbers of rows, without nulls.
    fn with(&mut self, array: &dyn Array, rows: Range<usize>, each: impl FnOnce(&mut Self, &[T::Native])) {
        let array: &PrimitiveArray<T> = array.as_primitive();
        match array.nulls() {
            None => each(self, &array.values()[rows]),
            Some(nulls) => {
                let mut gathered = std::mem::take(&mut self.gathered);
                gathered.clear();
                let valid = rows.filter(|row| nulls.is_valid(*row));
                gathered.extend(valid.map(|row| array.values()[row]));
                each(self, &gathered);
                self.gathered = gathered;
            }
        }
    }
}

impl<T: Number> Values for Numbers<T> {
    type Bound = T::Native;

    const TYPE: Type = T::TYPE;
    const HEAD: usize = 0;

    fn code(&mut self, array: &dyn Array, rows: Range<usize>, codes: &mut Vec<u32>) {
        self.with(array, rows, |own, values| {
            let (mut last, mut code) = (None, NONE);
            codes.extend(values.iter().map(|value| {
                let bits = T::bits(*value);
                if last != Some(bits) {
                    (last, code) = (Some(bits), own.code_of(*value));
                    own.see(*value);
                }
                code
            }));
        });
    }

    fn plain(&mut self, array: &dyn Array, rows: Range<usize>, into: &mut Vec<u8>) {
        self.with(array, rows, |own, values| {
            for value in values {
                own.see(*value);
                T::append(*value, into);
            }
        });
    }

    fn most_bytes(&mut self, _: &dyn Array, _: usize) -> usize {
        0
    }

    fn sizes(&self, _: &dyn Array, _: Range<usize>, _: &mut dyn FnMut(usize, usize) -> bool) -> bool {
        false
    }

    fn len(&self) -> usize {
        self.uniques.len()
    }

    fn bytes(&self) -> usize {
        self.uniques.len() * size_of::<T::Native>()
    }

    fn dictionary(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(self.bytes());
        self.uniques.iter().for_each(|value| T::append(*value, &mut page));
        page
    }

    fn take_bounds(&mut self) -> Option<(T::Native, T::Native)> {
        self.bounds.take().map(|(low, high)| T::written(low, high))
    }

    fn take_text_bytes(&mut self) -> Option<i64> {
        None
    }

    fn indexed(low: &T::Native, high: &T::Native) -> [Vec<u8>; 2] {
        [low, high].map(|bound| {
            let mut bytes = Vec::new();
            T::append(*bound, &mut bytes);
            bytes
        })
    }

    fn statistics(bounds: Option<(T::Native, T::Native)>, nulls: u64, is_signed: bool) -> Statistics {
        T::statistics(bounds.map(|bounds| bounds.0), bounds.map(|bounds| bounds.1), nulls, is_signed)
    }
}

/// Texts, which arrive as codes into ascending or other dictionaries, or as they are.
#[derive(Default)]
pub struct Texts {
    /// The dictionary's page, and where each text is in it.
    page: Vec<u8>,
    places: Vec<Range<usize>>,
    /// The source's dictionary, and the code of each of its texts.
    source: Option<StringArray>,
    codes: Vec<u32>,
    /// The bytes of the source's longest text.
    longest: usize,
    /// Codes by text, once a text can come a second time: in a second dictionary, or among texts as they are.
    by_text: Option<HashTable<u32>>,
    hasher: DefaultHashBuilder,
    /// The page in which each code was seen last, and the page that is being filled.
    seen_in: Vec<u32>,
    filling: u32,
    bounds: Option<(Vec<u8>, Vec<u8>)>,
    text_bytes: i64,
}

impl Texts {
    /// Makes `source` the array whose codes are known.
    fn turn_to(&mut self, source: &StringArray, is_dictionary: bool) {
        let is_same = |known: &StringArray| {
            let (a, b) = (known.value_data(), source.value_data());
            let are_one = a.as_ptr() == b.as_ptr() && known.value_offsets().as_ptr() == source.value_offsets().as_ptr();
            known.len() == source.len() && (are_one || known == source)
        };
        if self.source.as_ref().is_some_and(is_same) {
            return;
        }
        self.codes.clear();
        self.codes.resize(source.len(), NONE);
        let lengths = source.value_offsets().windows(2).map(|ends| (ends[1] - ends[0]) as usize);
        self.longest = lengths.max().unwrap_or(0);
        let is_first = self.source.replace(source.clone()).is_none();
        if self.by_text.is_none() && !(is_first && is_dictionary) {
            let mut by_text = HashTable::new();
            (0..self.places.len() as u32).for_each(|code| remember(&mut by_text, code, &|code| self.hash(code)));
            self.by_text = Some(by_text);
        }
    }

    fn hash(&self, code: u32) -> u64 {
        self.hasher.hash_one(&self.page[self.places[code as usize].clone()])
    }

    /// The code of a text of the source.
    fn code_of(&mut self, of_source: u32) -> u32 {
        let Texts { page, places, source, codes, by_text, hasher, seen_in, .. } = self;
        let known = &mut codes[of_source as usize];
        if *known != NONE {
            return *known;
        }
        let source = source.as_ref().expect("an array was turned to");
        let text = source.value(of_source as usize).as_bytes();
        let text_of = |code: u32| &page[places[code as usize].clone()];
        let find =
            |by_text: &HashTable<u32>| by_text.find(hasher.hash_one(text), |code| text_of(*code) == text).copied();
        *known = by_text.as_ref().and_then(find).unwrap_or_else(|| {
            let code = places.len() as u32;
            page.extend_from_slice(&(text.len() as u32).to_le_bytes());
            places.push(page.len()..page.len() + text.len());
            page.extend_from_slice(text);
            seen_in.push(NONE);
            if let Some(by_text) = by_text {
                remember(by_text, code, &|code| hasher.hash_one(&page[places[code as usize].clone()]));
            }
            code
        });
        *known
    }
}

fn remember(by_text: &mut HashTable<u32>, code: u32, hash: &dyn Fn(u32) -> u64) {
    by_text.insert_unique(hash(code), code, |code| hash(*code));
}

/// Widens the bounds of a page.
fn see(bounds: &mut Option<(Vec<u8>, Vec<u8>)>, text: &[u8]) {
    match bounds {
        None => *bounds = Some((text.to_vec(), text.to_vec())),
        Some((low, high)) => {
            let wider = if text < &low[..] { Some(low) } else { Some(high).filter(|high| text > &high[..]) };
            if let Some(bound) = wider {
                bound.clear();
                bound.extend_from_slice(text);
            }
        }
    }
}

/// The codes of rows, without nulls, and the texts that they mean; texts as they are have the code of their row.
fn coded(array: &dyn Array, rows: Range<usize>) -> (Cow<'_, [u32]>, &StringArray) {
    let Some(coded) = array.as_dictionary_opt::<UInt32Type>() else {
        let valid = rows.filter(|row| array.is_valid(*row)).map(|row| row as u32);
        return (valid.collect(), array.as_string());
    };
    let keys = coded.keys();
    let keys = match keys.nulls() {
        None => Cow::Borrowed(&keys.values()[rows]),
        Some(nulls) => rows.filter(|row| nulls.is_valid(*row)).map(|row| keys.values()[row]).collect(),
    };
    (keys, coded.values().as_string())
}

impl Values for Texts {
    type Bound = Vec<u8>;

    const TYPE: Type = Type::BYTE_ARRAY;
    const HEAD: usize = 1;

    fn code(&mut self, array: &dyn Array, rows: Range<usize>, codes: &mut Vec<u32>) {
        let (keys, source) = coded(array, rows);
        self.turn_to(source, array.as_string_opt::<i32>().is_none());
        runs(&keys, |key, length| {
            let code = self.code_of(key);
            if self.seen_in[code as usize] != self.filling {
                self.seen_in[code as usize] = self.filling;
                see(&mut self.bounds, &self.page[self.places[code as usize].clone()]);
            }
            self.text_bytes += (self.places[code as usize].len() * length) as i64;
            codes.extend(std::iter::repeat_n(code, length));
        });
    }

    fn plain(&mut self, array: &dyn Array, rows: Range<usize>, into: &mut Vec<u8>) {
        let (keys, source) = coded(array, rows);
        runs(&keys, |key, length| {
            let text = source.value(key as usize).as_bytes();
            see(&mut self.bounds, text);
            self.text_bytes += (text.len() * length) as i64;
            for _ in 0..length {
                into.extend_from_slice(&(text.len() as u32).to_le_bytes());
                into.extend_from_slice(text);
            }
        });
    }

    fn most_bytes(&mut self, array: &dyn Array, rows: usize) -> usize {
        let coded = array.as_dictionary_opt::<UInt32Type>();
        let source = coded.map_or(array, |coded| coded.values());
        self.turn_to(source.as_string(), coded.is_some());
        rows * (self.longest + LENGTH)
    }

    fn sizes(&self, array: &dyn Array, rows: Range<usize>, each: &mut dyn FnMut(usize, usize) -> bool) -> bool {
        let (keys, source) = coded(array, rows);
        let mut is_over = false;
        runs(&keys, |key, length| {
            is_over = is_over || each(source.value_length(key as usize) as usize + LENGTH, length);
        });
        is_over
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn bytes(&self) -> usize {
        self.page.len()
    }

    fn dictionary(&self) -> Vec<u8> {
        self.page.clone()
    }

    fn take_bounds(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.filling += 1;
        self.bounds.take()
    }

    fn take_text_bytes(&mut self) -> Option<i64> {
        Some(std::mem::take(&mut self.text_bytes))
    }

    fn indexed(low: &Vec<u8>, high: &Vec<u8>) -> [Vec<u8>; 2] {
        [lower(low).0, upper(high).0]
    }

    fn statistics(bounds: Option<(Vec<u8>, Vec<u8>)>, nulls: u64, is_signed: bool) -> Statistics {
        let Some((low, high)) = bounds else {
            let none = ValueStatistics::new(None, None, None, Some(nulls), false);
            return Statistics::ByteArray(none.with_backwards_compatible_min_max(is_signed));
        };
        let ((low, is_low_exact), (high, is_high_exact)) = (lower(&low), upper(&high));
        let [low, high] = [low, high].map(|bound| Some(ByteArray::from(bound)));
        Statistics::ByteArray(
            ValueStatistics::new(low, high, None, Some(nulls), is_signed)
                .with_max_is_exact(is_high_exact)
                .with_min_is_exact(is_low_exact),
        )
    }
}

/// The beginning of a text that is too long for a bound, and whether the bound is the text itself.
fn lower(text: &[u8]) -> (Vec<u8>, bool) {
    let cut = cut(text, 1).map(|text| text.as_bytes().to_vec());
    cut.map_or_else(|| (text.to_vec(), true), |cut| (cut, false))
}

/// A short text that follows all texts that begin as a long one does, and whether the bound is the text itself.
fn upper(text: &[u8]) -> (Vec<u8>, bool) {
    let following = cut(text, BYTES_OF_A_BOUND - 3).and_then(|text| {
        text.char_indices().rev().find_map(|(at, last)| {
            let next = char::from_u32(last as u32 + 1).filter(|next| next.len_utf8() == last.len_utf8())?;
            let mut bound = text[..at].to_owned();
            bound.push(next);
            Some(bound.into_bytes())
        })
    });
    following.map_or_else(|| (text.to_vec(), true), |bound| (bound, false))
}

/// The beginning of a text that is longer than a bound may be, of at least `least` bytes.
fn cut(text: &[u8], least: usize) -> Option<&str> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() > BYTES_OF_A_BOUND)?;
    let end = (least..=BYTES_OF_A_BOUND).rfind(|end| text.is_char_boundary(*end))?;
    Some(&text[..end])
}
