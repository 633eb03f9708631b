//! Columns of text, and identifiers without the wrappers that exports put around them.
//!
//! A batch is searched once for texts that are not plain; the texts are rewritten only if there are some. It fails
//! on bytes that are no text and on floats that are numbers.

use crate::asides::Aside;
use crate::input::CellRules;
use crate::resolve::{Origin, as_labels, primitive, valid};
use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringViewArray, StringViewBuilder, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Int32Type};
use vtr_kernel::wrapper;

/// A label column as typed, for the few rows that are listed.
pub(crate) enum Typed<'a> {
    Absent,
    Constant(&'a str),
    Array(DictionaryArray<Int32Type>),
}

impl Typed<'_> {
    pub(crate) fn new<'a>(origin: &Origin<'a>) -> Result<Typed<'a>, String> {
        Ok(match origin {
            Origin::Absent => Typed::Absent,
            Origin::Constant(text) => Typed::Constant(text),
            Origin::Array(array) => Typed::Array(as_labels(array)?),
        })
    }

    pub(crate) fn get(&self, row: usize, cells: &CellRules) -> Option<&str> {
        match self {
            Typed::Absent => None,
            Typed::Constant(text) => cells.trim(text),
            Typed::Array(array) => {
                let texts = array.values().as_string::<i32>();
                let key = array.key(row).filter(|key| texts.is_valid(*key))?;
                cells.trim(texts.value(key))
            }
        }
    }
}

/// Returns whether a column of floats holds any that is not NaN.
pub(crate) fn holds_numbers(array: &ArrayRef) -> Result<bool, String> {
    let values = primitive::<Float64Type>(array, &DataType::Float64)?;
    Ok(values.iter().flatten().any(|value| !value.is_nan()))
}

/// Returns a column as text of this type. NaN becomes null; the column must hold no other float.
///
/// # Errors
/// If the bytes are not UTF-8.
pub(crate) fn as_text(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, String> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let to =
        |array: &dyn Array, kind: &DataType| cast_with_options(array, kind, &strict).map_err(|error| error.to_string());
    match array.data_type() {
        // The column holds only NaN.
        kind if kind.is_floating() => Ok(new_null_array(wanted, array.len())),
        DataType::FixedSizeBinary(_) => to(&to(array, &DataType::Binary)?, wanted),
        kind if kind.is_primitive() => to(&to(array, &DataType::Utf8)?, wanted),
        _ => to(array, wanted),
    }
}

/// The rows whose value is set aside, and why.
pub(crate) type Marks = Vec<(usize, Aside)>;

/// A text column.
pub(crate) enum Texts<'a> {
    Absent,
    Constant(Option<&'a str>),
    View(StringViewArray),
}

impl Texts<'_> {
    pub(crate) fn new<'a>(origin: &Origin<'a>, cells: &CellRules) -> Result<Texts<'a>, String> {
        Ok(match origin {
            Origin::Absent => Texts::Absent,
            Origin::Constant(text) => Texts::Constant(cells.trim(text)),
            Origin::Array(array) => Texts::View(as_view(array)?),
        })
    }

    /// Returns a column of tracking numbers as typed; floats are formatted as damaged numbers.
    pub(crate) fn numbers<'a>(origin: &Origin<'a>, cells: &CellRules) -> Result<(Texts<'a>, Marks), String> {
        let Origin::Array(array) = origin else { return Ok((Texts::new(origin, cells)?, Marks::new())) };
        match array.data_type() {
            kind if kind.is_floating() => {
                let values = primitive::<Float64Type>(array, &DataType::Float64)?;
                let shown = |value: f64| Some(damaged(value)).filter(|_| !value.is_nan());
                let texts: StringViewArray = values.iter().map(|value| value.and_then(shown)).collect();
                Ok((Texts::View(texts), Marks::new()))
            }
            kind => {
                let rows = 0..if kind.is_primitive() { array.len() } else { 0 };
                let marks = rows.filter(|row| array.is_valid(*row)).map(|row| (row, Aside::NumberAsInteger)).collect();
                Ok((Texts::new(origin, cells)?, marks))
            }
        }
    }

    /// Returns a column of identifiers without their wrappers, with damaged ones and fillers as null; and the rows
    /// of all these.
    pub(crate) fn identifiers<'a>(
        origin: &Origin<'a>,
        cells: &CellRules,
        is_filler: impl Fn(&str) -> bool,
        held: &'a mut String,
    ) -> Result<(Texts<'a>, Marks), String> {
        let mut marks = Marks::new();
        let mut bare = |row: usize, text: &str, into: &mut dyn FnMut(Option<&str>)| {
            let Some(text) = cells.trim(text) else { return into(None) };
            let unwrapped = wrapper::unwrapped_number(text);
            let aside = if wrapper::is_damaged(&unwrapped) {
                Some(Aside::DamagedId)
            } else if is_filler(&unwrapped) && !unwrapped.is_empty() {
                Some(Aside::FillerText)
            } else {
                (*unwrapped != *text).then_some(Aside::WrappedText)
            };
            marks.extend(aside.map(|aside| (row, aside)));
            let is_none = unwrapped.is_empty() || matches!(aside, Some(Aside::DamagedId | Aside::FillerText));
            into(Some(&*unwrapped).filter(|_| !is_none));
        };
        let texts = match origin {
            Origin::Absent => Texts::Absent,
            Origin::Constant(text) => {
                let mut is_null = true;
                bare(0, text, &mut |text| {
                    is_null = text.is_none();
                    held.push_str(text.unwrap_or_default());
                });
                Texts::Constant(Some(held.as_str()).filter(|_| !is_null))
            }
            Origin::Array(array) => {
                let view = as_view(array)?;
                let is_sound = |text: &str| wrapper::is_plain(text) && !is_filler(text);
                if view.iter().flatten().all(is_sound) {
                    return Ok((Texts::View(view), marks));
                }
                let mut texts = StringViewBuilder::with_capacity(view.len());
                for (row, text) in view.iter().enumerate() {
                    match text {
                        Some(text) if !is_sound(text) => bare(row, text, &mut |text| texts.append_option(text)),
                        text => texts.append_option(text),
                    }
                }
                Texts::View(texts.finish())
            }
        };
        Ok((texts, marks))
    }

    pub(crate) fn get<'b>(&'b self, row: usize, cells: &CellRules) -> Option<&'b str> {
        match self {
            Texts::Absent => None,
            Texts::Constant(text) => *text,
            Texts::View(array) if array.is_null(row) => None,
            Texts::View(array) => cells.trim(array.value(row)),
        }
    }

    /// Passes the texts of the rows from `first` on.
    #[inline(always)]
    pub(crate) fn each<'b, R>(
        &'b self,
        first: usize,
        rows: &mut [R],
        cells: &CellRules,
        mut set: impl FnMut(&mut R, Option<&'b str>),
    ) {
        let Texts::View(array) = self else {
            return rows.iter_mut().for_each(|row| set(row, self.get(first, cells)));
        };
        let mut valid = valid(array.nulls(), first, rows.len());
        for (at, row) in (first..first + rows.len()).zip(rows) {
            set(row, if valid & 1 == 1 { cells.trim(array.value(at)) } else { None });
            valid >>= 1;
        }
    }
}

/// Returns a float in exponential notation, which marks the number as damaged.
fn damaged(value: f64) -> String {
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

/// Returns a column as views of its texts.
pub(crate) fn as_view(array: &ArrayRef) -> Result<StringViewArray, String> {
    let view = as_text(array, &DataType::Utf8View)?;
    Ok(view.as_string_view().clone())
}
