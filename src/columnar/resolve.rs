//! Cells of one batch: each column has an accessor that returns null, a typed value or a fault.
//!
//! Label columns are resolved once per distinct dictionary value and remembered from batch to batch; other cells
//! are typed when they are read. A cell that cannot be typed is a [`Cell::Fault`], never a null.

use crate::asides::Aside;
use crate::dictionary::is_same;
use crate::input::{CellRules, Column, Kind, label_type};
use crate::texts::{as_text, as_view};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, PrimitiveArray, StringArray, StringViewArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Decimal256Type, Float64Type, Int32Type, Int64Type, UInt64Type,
};
use arrow::util::bit_chunk_iterator::BitChunks;
use vtr_kernel::amount::{Amount, NotAnAmount};
use vtr_kernel::strays::Mark;
use vtr_kernel::text;

/// The content of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell<T> {
    Null,
    Value(T),
    Fault,
}

impl<T> Cell<T> {
    fn of(value: Option<T>) -> Cell<T> {
        value.map_or(Cell::Null, Cell::Value)
    }

    #[inline]
    pub(crate) fn or_fault<E>(value: Result<T, E>) -> Cell<T> {
        value.map_or(Cell::Fault, Cell::Value)
    }

    /// Returns the value or null; `None` for a fault.
    #[inline]
    pub(crate) fn sound(self) -> Option<Option<T>> {
        match self {
            Cell::Value(value) => Some(Some(value)),
            Cell::Null => Some(None),
            Cell::Fault => None,
        }
    }
}

/// The origin of a column's cells.
pub(crate) enum Origin<'a> {
    Absent,
    Constant(&'a str),
    Array(&'a ArrayRef),
}

/// A label column: each row has a code into the resolved values.
pub(crate) struct Labels<T> {
    /// Empty if every row has the same value.
    keys: ScalarBuffer<i32>,
    /// The resolved values; the last one is that of null, so that rows need no test for null.
    values: Vec<T>,
    /// The reason why each value is set aside; empty if none is.
    asides: Vec<Option<Aside>>,
    /// Whether the values are borrowed from a resolver, which takes them back.
    are_lent: bool,
}

impl<T: Copy> Labels<T> {
    /// Makes a column with the same value for every row.
    pub(crate) fn one(resolve: impl FnOnce(&mut Option<Aside>) -> T) -> Labels<T> {
        let mut aside = None;
        let values = vec![resolve(&mut aside)];
        let asides = aside.map(Some).into_iter().collect();
        Labels { keys: Vec::new().into(), values, asides, are_lent: false }
    }

    /// Returns why the value of a row is set aside; `None`: it is not.
    pub(crate) fn aside(&self, row: usize) -> Option<Aside> {
        let key = self.keys.get(row).map_or(0, |key| *key as usize);
        self.asides.get(key).copied().flatten()
    }

    /// Calls `tell` for each of `rows` rows whose value is set aside.
    pub(crate) fn each_aside(&self, rows: usize, tell: &mut dyn FnMut(usize, Aside)) {
        if !self.asides.is_empty() {
            (0..rows).filter_map(|row| Some((row, self.aside(row)?))).for_each(|(row, aside)| tell(row, aside));
        }
    }

    /// Returns every value that a row may have.
    pub(crate) fn all(&self) -> impl Iterator<Item = T> {
        self.values.iter().copied()
    }

    pub(crate) fn get(&self, row: usize) -> T {
        match self.keys.get(row) {
            Some(key) => self.values[*key as usize],
            None => self.values[0],
        }
    }

    /// Passes the values of the rows from `first` on to `set`.
    #[inline(always)]
    pub(crate) fn each<R>(&self, first: usize, rows: &mut [R], mut set: impl FnMut(&mut R, T)) {
        match self.keys.get(first..first + rows.len()) {
            Some(keys) => rows.iter_mut().zip(keys).for_each(|(row, key)| set(row, self.values[*key as usize])),
            None => rows.iter_mut().for_each(|row| set(row, self.values[0])),
        }
    }
}

/// The remembered values of one label column.
pub(crate) struct Resolver<T> {
    seen: Option<StringArray>,
    /// The resolved values of the texts seen so far, and then that of null.
    values: Vec<T>,
    /// The reason why each of these is set aside; empty if none is.
    asides: Vec<Option<Aside>>,
}

impl<T> Default for Resolver<T> {
    fn default() -> Self {
        Resolver { seen: None, values: Vec::new(), asides: Vec::new() }
    }
}

impl<T: Copy> Resolver<T> {
    /// Resolves a column of a batch; `resolve` maps trimmed text, or null, to a value, and notes if it is set
    /// aside.
    pub(crate) fn labels(
        &mut self,
        origin: &Origin,
        cells: &CellRules,
        mut resolve: impl FnMut(Option<&str>, &mut Option<Aside>) -> T,
    ) -> Result<Labels<T>, String> {
        let array = match origin {
            Origin::Absent => return Ok(Labels::one(|aside| resolve(None, aside))),
            Origin::Constant(text) => return Ok(Labels::one(|aside| resolve(cells.trim(text), aside))),
            Origin::Array(array) => as_labels(array)?,
        };
        let values = array.values().as_string::<i32>().clone();
        let null = values.len();
        if !self.seen.as_ref().is_some_and(|seen| is_same(seen, &values)) {
            let texts = (0..null).map(|index| if values.is_null(index) { None } else { Some(values.value(index)) });
            let resolved = texts.chain([None]).map(|text| {
                let mut aside = None;
                (resolve(text.and_then(|text| cells.trim(text)), &mut aside), aside)
            });
            (self.values, self.asides) = resolved.unzip();
            if self.asides.iter().all(Option::is_none) {
                self.asides = Vec::new();
            }
            self.seen = Some(values);
        }
        let keys = array.keys().values();
        let keys = match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => with_null(keys, nulls, null as i32),
            None => keys.clone(),
        };
        // The values are moved out for the batch and handed back by `keep`.
        let (values, asides) = (std::mem::take(&mut self.values), std::mem::take(&mut self.asides));
        Ok(Labels { keys, values, asides, are_lent: true })
    }

    /// Takes the values back after a batch.
    pub(crate) fn keep(&mut self, labels: Labels<T>) {
        if labels.are_lent {
            (self.values, self.asides) = (labels.values, labels.asides);
        }
    }
}

/// Returns the keys, with an extra one for null. It handles sixty-four at a time without a branch, because nulls
/// come in no predictable order.
fn with_null(keys: &[i32], nulls: &NullBuffer, null: i32) -> ScalarBuffer<i32> {
    let mut own = Vec::with_capacity(keys.len());
    for (keys, valid) in keys.chunks(64).zip(nulls.inner().bit_chunks().iter_padded()) {
        let key = |(place, key): (usize, &i32)| (key ^ null) & -((valid >> place & 1) as i32) ^ null;
        own.extend(keys.iter().enumerate().map(key));
    }
    own.into()
}

/// Returns up to sixty-four bits from `first` on, the first one lowest.
fn bits(all: &BooleanBuffer, first: usize, count: usize) -> u64 {
    BitChunks::new(all.values(), all.offset() + first, count).iter_padded().next().unwrap_or(0)
}

/// Returns a bit for each of up to sixty-four rows from `first` on, set if the row is not null.
pub(crate) fn valid(nulls: Option<&NullBuffer>, first: usize, count: usize) -> u64 {
    nulls.map_or(u64::MAX, |nulls| bits(nulls.inner(), first, count))
}

pub(crate) fn as_labels(array: &ArrayRef) -> Result<DictionaryArray<Int32Type>, String> {
    let cast = if *array.data_type() == label_type() {
        array.clone()
    } else {
        let text = as_text(array, &DataType::Utf8)?;
        cast(&text, &label_type()).map_err(|error| error.to_string())?
    };
    cast.as_dictionary_opt::<Int32Type>().cloned().ok_or_else(|| "a label column is no dictionary".to_owned())
}

/// A flag column.
pub(crate) enum Flags {
    Constant(Cell<bool>),
    Typed(BooleanArray),
    /// 0 and 1, with NaN as null.
    Numbers(Amounts),
    Text(StringViewArray),
}

fn read_flag(text: &str, cells: &CellRules) -> Cell<bool> {
    cells.trim(text).map_or(Cell::Null, |text| Cell::or_fault(text::flag(text).ok_or(())))
}

impl Flags {
    pub(crate) fn new(origin: &Origin, cells: &CellRules) -> Result<Flags, String> {
        Ok(match origin {
            Origin::Absent => Flags::Constant(Cell::Null),
            Origin::Constant(text) => Flags::Constant(read_flag(text, cells)),
            Origin::Array(array) => match array.data_type() {
                DataType::Null => Flags::Constant(Cell::Null),
                DataType::Boolean => Flags::Typed(array.as_boolean().clone()),
                kind if kind.is_primitive() => Flags::Numbers(Amounts::new(origin, cells)?),
                _ => Flags::Text(as_view(array)?),
            },
        })
    }

    pub(crate) fn get(&self, row: usize, cells: &CellRules) -> Cell<bool> {
        match self {
            Flags::Constant(cell) => *cell,
            Flags::Typed(array) => Cell::of((!array.is_null(row)).then(|| array.value(row))),
            Flags::Numbers(Amounts::Double(array)) if array.is_valid(row) && array.value(row).is_nan() => Cell::Null,
            Flags::Numbers(amounts) => match amounts.get(row, cells) {
                Cell::Value(Amount { mantissa: 0, .. }) => Cell::Value(false),
                Cell::Value(amount) if 10i128.checked_pow(amount.scale.into()) == Some(amount.mantissa) => {
                    Cell::Value(true)
                }
                Cell::Null => Cell::Null,
                Cell::Value(_) | Cell::Fault => Cell::Fault,
            },
            Flags::Text(array) if array.is_null(row) => Cell::Null,
            Flags::Text(array) => read_flag(array.value(row), cells),
        }
    }

    /// Passes the flags of the rows from `first` on to `set`.
    #[inline(always)]
    pub(crate) fn each<R>(
        &self,
        first: usize,
        rows: &mut [R],
        cells: &CellRules,
        mut set: impl FnMut(&mut R, Cell<bool>),
    ) {
        match self {
            Flags::Typed(array) => {
                let mut valid = valid(array.nulls(), first, rows.len());
                let mut flags = bits(array.values(), first, rows.len());
                for row in rows {
                    set(row, if valid & 1 == 1 { Cell::Value(flags & 1 == 1) } else { Cell::Null });
                    (valid, flags) = (valid >> 1, flags >> 1);
                }
            }
            Flags::Constant(_) | Flags::Numbers(_) | Flags::Text(_) => {
                (first..first + rows.len()).zip(rows).for_each(|(at, row)| set(row, self.get(at, cells)));
            }
        }
    }
}

pub(crate) fn primitive<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    wanted: &DataType,
) -> Result<PrimitiveArray<T>, String> {
    let array = cast(array, wanted).map_err(|error| error.to_string())?;
    array.as_primitive_opt::<T>().cloned().ok_or_else(|| format!("a column is not {wanted}"))
}

/// An amount column.
pub(crate) enum Amounts {
    Constant(Cell<Amount>),
    Signed(PrimitiveArray<Int64Type>),
    Unsigned(PrimitiveArray<UInt64Type>),
    Double(PrimitiveArray<Float64Type>),
    /// Floats of 32 bits, whose shortest decimal differs from that of the double to which they widen.
    Single(ArrayRef),
    Decimal(PrimitiveArray<Decimal128Type>, i8),
    Wide(PrimitiveArray<Decimal256Type>, i8),
    Text(StringViewArray),
}

fn read_amount(text: &str, cells: &CellRules) -> Cell<Amount> {
    cells.trim(text).map_or(Cell::Null, |text| Cell::or_fault(Amount::read(text, cells.decimal_mark)))
}

fn scaled(mantissa: i128, scale: i8) -> Cell<Amount> {
    match u8::try_from(scale) {
        Ok(scale) => Cell::Value(Amount { mantissa, scale }),
        Err(_) => {
            let power = 10i128.checked_pow(u32::from(scale.unsigned_abs()));
            let mantissa = power.and_then(|power| mantissa.checked_mul(power)).ok_or(());
            Cell::or_fault(mantissa.map(|mantissa| Amount { mantissa, scale: 0 }))
        }
    }
}

impl Amounts {
    pub(crate) fn new(origin: &Origin, cells: &CellRules) -> Result<Amounts, String> {
        let array = match origin {
            Origin::Absent => return Ok(Amounts::Constant(Cell::Null)),
            Origin::Constant(text) => return Ok(Amounts::Constant(read_amount(text, cells))),
            Origin::Array(array) => *array,
        };
        Ok(match array.data_type() {
            DataType::Null => Amounts::Constant(Cell::Null),
            DataType::UInt64 => Amounts::Unsigned(primitive(array, &DataType::UInt64)?),
            kind if kind.is_integer() => Amounts::Signed(primitive(array, &DataType::Int64)?),
            DataType::Float64 => Amounts::Double(primitive(array, &DataType::Float64)?),
            DataType::Float16 | DataType::Float32 => {
                Amounts::Single(cast(array, &DataType::Float32).map_err(|error| error.to_string())?)
            }
            DataType::Decimal256(_, scale) => Amounts::Wide(primitive(array, array.data_type())?, *scale),
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
                Amounts::Decimal(primitive(array, &DataType::Decimal128(38, *scale))?, *scale)
            }
            _ => Amounts::Text(as_view(array)?),
        })
    }

    pub(crate) fn get(&self, row: usize, cells: &CellRules) -> Cell<Amount> {
        match self {
            Amounts::Constant(cell) => *cell,
            _ if self.is_null(row) => Cell::Null,
            Amounts::Signed(array) => Cell::Value(Amount::whole(array.value(row))),
            Amounts::Unsigned(array) => Cell::Value(Amount { mantissa: i128::from(array.value(row)), scale: 0 }),
            Amounts::Double(array) => Cell::or_fault(Amount::from_f64(array.value(row))),
            Amounts::Single(array) => {
                let value = array.as_primitive::<arrow::datatypes::Float32Type>().value(row);
                Cell::or_fault(Amount::read(&value.to_string(), b'.'))
            }
            Amounts::Decimal(array, scale) => scaled(array.value(row), *scale),
            Amounts::Wide(array, scale) => {
                array.value(row).to_i128().map_or(Cell::Fault, |mantissa| scaled(mantissa, *scale))
            }
            Amounts::Text(array) => read_amount(array.value(row), cells),
        }
    }

    /// Describes the fault of the cell of a row, which cannot be typed.
    pub(crate) fn fault_text(&self, row: usize, cells: &CellRules) -> &'static str {
        const TOO_LONG: &str = "a number of more than 38 digits, which is the most that an amount can have";
        let why = match self {
            Amounts::Text(array) => cells.trim(array.value(row)).map(|text| Amount::read(text, cells.decimal_mark)),
            Amounts::Double(array) => Some(Amount::from_f64(array.value(row))),
            Amounts::Single(array) => {
                let value = array.as_primitive::<arrow::datatypes::Float32Type>().value(row);
                Some(Amount::from_f64(value.into()))
            }
            Amounts::Decimal(..) | Amounts::Wide(..) => return TOO_LONG,
            Amounts::Constant(_) | Amounts::Signed(_) | Amounts::Unsigned(_) => None,
        };
        match why {
            Some(Err(NotAnAmount::TooManyDigits)) => TOO_LONG,
            _ => fault_text(Column::PackageValue),
        }
    }

    /// Returns how certain the decimal mark of its amounts is.
    pub(crate) fn mark(&self, cells: &CellRules) -> Mark {
        match self {
            Amounts::Constant(_) | Amounts::Text(_) => cells.mark,
            _ => Mark::Known,
        }
    }

    /// Passes the amounts of the rows from `first` on to `set`.
    #[inline(always)]
    pub(crate) fn each<R>(
        &self,
        first: usize,
        rows: &mut [R],
        cells: &CellRules,
        mut set: impl FnMut(&mut R, Cell<Amount>),
    ) {
        match self {
            Amounts::Decimal(array, scale) => {
                let mut valid = valid(array.nulls(), first, rows.len());
                for (row, mantissa) in rows.iter_mut().zip(&array.values()[first..]) {
                    set(row, if valid & 1 == 1 { scaled(*mantissa, *scale) } else { Cell::Null });
                    valid >>= 1;
                }
            }
            _ => (first..first + rows.len()).zip(rows).for_each(|(at, row)| set(row, self.get(at, cells))),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Amounts::Constant(_) => false,
            Amounts::Signed(array) => array.is_null(row),
            Amounts::Unsigned(array) => array.is_null(row),
            Amounts::Double(array) => array.is_null(row),
            Amounts::Single(array) => array.is_null(row),
            Amounts::Decimal(array, _) => array.is_null(row),
            Amounts::Wide(array, _) => array.is_null(row),
            Amounts::Text(array) => array.is_null(row),
        }
    }
}

/// Describes the fault of a cell of this column that cannot be typed.
pub(crate) fn fault_text(column: Column) -> &'static str {
    match column.kind() {
        Kind::Flag => "not a boolean: write true or false",
        Kind::Amount => {
            "not a number in the declared notation: a sign, digits, and the decimal mark with digits; no thousands marks"
        }
        Kind::Time => {
            "not a timestamp or date in any declared form: say how it is written, as in timestamps = [\"%d.%m.%y\"]"
        }
        Kind::Label | Kind::Text => "not text",
    }
}

#[cfg(test)]
mod tests;
