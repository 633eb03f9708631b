//! Builds a column from decoded ones: the first of several that says something, some values replaced, calendar days
//! and wall-clock times read as the job says.
//!
//! It works batch by batch and only on columns for which the job asks for this. It fails, before any row is read, on
//! columns whose types do not go together.

use super::csv::day;
use super::headings::HeadingPlace;
use super::labels::LabelBuilder;
use crate::job::plan::{CellRules, Input};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, StringViewBuilder, TimestampMicrosecondArray};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and, cast, is_not_null, not, or};
use arrow::datatypes::{DataType, Date32Type, Int64Type, TimeUnit};
use arrow::error::ArrowError;
use std::borrow::Cow;
use std::sync::Arc;
use vtr_columnar::input::{Column, Kind, label_type};
use vtr_kernel::calendar::{DAY_MICROS, Day, Micros, Zone};
use vtr_kernel::instant::Moment;
use vtr_kernel::{Book, number, strays, wrapper};

/// The headings of a column, of which the first counts whose cell says something.
#[derive(Clone)]
pub(crate) struct Headings {
    pub column: Column,
    pub places: Vec<HeadingPlace>,
    /// The book that lists the fillers; `None` where values do not matter.
    pub book: Option<Arc<Book>>,
}

impl Headings {
    /// Returns the first text that says something; if all are fillers, the first of them, so that it is counted as
    /// one; `None` if no cell is filled.
    pub fn first<'t>(
        &'t self,
        rules: &CellRules,
        mut filled: impl FnMut(&'t HeadingPlace) -> Option<Cow<'t, str>>,
    ) -> Option<Cow<'t, str>> {
        let mut filler = None;
        for place in &self.places {
            match filled(place) {
                Some(text) if self.places.len() > 1 && self.is_filler(&text, rules) => {
                    filler.get_or_insert(text);
                }
                Some(text) => return Some(text),
                None => {}
            }
        }
        filler
    }

    /// Returns whether a filled cell means that there is no value.
    fn is_filler(&self, text: &str, rules: &CellRules) -> bool {
        let Some(book) = &self.book else { return false };
        let (fillers, is_mark) = (&book.placeholders, !text.contains(char::is_alphanumeric));
        match (self.column, self.column.kind()) {
            (Column::TrackingNumber, _) => {
                fillers.find(number::cleaned(&wrapper::unwrapped(text), &mut String::new()), "").is_some()
            }
            (Column::SellerId | Column::OrderId, _) => fillers.is_id_filler(&wrapper::unwrapped(text)),
            (_, Kind::Time) => match rules.times.read(text) {
                Ok(moment) => strays::is_filler(moment, &Zone::utc()),
                Err(_) => is_mark || text.starts_with("0000-00-00"),
            },
            // NA is Namibia, and no word of these columns is a filler.
            (Column::Marketplace | Column::ShipFromCountry | Column::ShipToCountry | Column::Currency, _)
            | (_, Kind::Amount | Kind::Flag) => is_mark,
            (_, Kind::Label | Kind::Text) => fillers.is_filler(text),
        }
    }
}

/// How a column is built.
pub(crate) struct Choice {
    headings: Headings,
    /// The type that the column is read as.
    wanted: DataType,
    rules: CellRules,
    is_day: bool,
    /// The clock of timestamps without a zone; `None` is UTC.
    zone: Option<Zone>,
}

/// How a column of a file is decoded and converted.
pub(crate) struct Decoded {
    /// The types to decode as, one for each place.
    pub types: Vec<DataType>,
    /// The type that the fold gets.
    pub wanted: DataType,
    /// The conversion in between, if one is needed.
    pub choice: Option<Choice>,
}

/// Decides how a column is decoded; `found` are the types that the file has at its places.
///
/// # Errors
/// A type that the column cannot be read from, or types that do not go together.
pub(crate) fn decoded(headings: Headings, found: &[DataType], input: &Input) -> Result<Decoded, String> {
    let Headings { column, places, .. } = &headings;
    let column = *column;
    let types = found.iter().map(|found| column.read_as(found)).collect::<Result<Vec<_>, _>>();
    let types = types.map_err(|error| error.to_string())?;
    let is_day = input.days.contains(column);
    let is_list = places.len() > 1;
    let becomes: Vec<DataType> =
        types.iter().map(|kind| becomes(kind, is_day, input.zone.is_some(), is_list)).collect();
    let replaces = places.iter().any(|place| !place.values.is_empty());
    let is_text = |kind: &DataType| *kind == DataType::Utf8View || *kind == label_type();
    let rewrites = is_day && types.iter().any(is_text);
    if !is_list && !replaces && !rewrites && becomes == types {
        return Ok(Decoded { wanted: types[0].clone(), types, choice: None });
    }
    let name = column.name();
    let first = becomes.iter().find(|kind| **kind != DataType::Null).unwrap_or(&becomes[0]).clone();
    let same = becomes.iter().all(|kind| *kind == first || *kind == DataType::Null);
    let as_text = match column.kind() {
        Kind::Label | Kind::Text | Kind::Flag => replaces || !same || is_text(&first),
        Kind::Amount | Kind::Time => is_text(&first) && same,
    };
    if replaces && !as_text {
        return Err(format!("`values` of `{name}` replaces texts, but its column is {first}"));
    }
    if !same && !as_text {
        let kinds: Vec<String> = becomes.iter().map(DataType::to_string).collect();
        return Err(format!(
            "the headings of `{name}` are of types that do not go together: {}; map one of them, or export them alike",
            kinds.join(" and ")
        ));
    }
    let wanted = match column.kind() {
        Kind::Label if as_text => label_type(),
        _ if as_text => DataType::Utf8View,
        _ => first,
    };
    let choice = Choice {
        headings,
        wanted: wanted.clone(),
        rules: input.columnar_cells.clone(),
        is_day,
        zone: input.zone.clone(),
    };
    Ok(Decoded { types, wanted, choice: Some(choice) })
}

/// Returns the type of one column after days and clocks are applied.
fn becomes(kind: &DataType, is_day: bool, has_zone: bool, is_list: bool) -> DataType {
    let utc = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    match kind {
        DataType::Timestamp(..) | DataType::Date64 if is_day => DataType::Date32,
        DataType::Timestamp(_, None) if has_zone => utc(),
        DataType::Timestamp(..) if is_list => utc(),
        other => other.clone(),
    }
}

impl Choice {
    /// Returns the column, built from those decoded at its places.
    ///
    /// # Errors
    /// A column that cannot be converted.
    pub fn array(&self, decoded: &[ArrayRef]) -> Result<ArrayRef, String> {
        if self.wanted == DataType::Utf8View || self.wanted == label_type() {
            return self.texts(decoded);
        }
        let mut typed = decoded.iter().map(|array| self.typed(array));
        let first = typed.next().expect("a column has a place")?;
        typed.try_fold(first, |before, next| {
            let next = next?;
            let stays = self.stays(&before, &next).map_err(|error| error.to_string())?;
            zip(&stays, &before, &next).map_err(|error| error.to_string())
        })
    }

    /// Returns where the values of one heading count before those of the next: where they say something, and where
    /// the next do not. A time of no clock says nothing.
    fn stays(&self, before: &ArrayRef, next: &ArrayRef) -> Result<BooleanArray, ArrowError> {
        let (filled, says) = (is_not_null(before)?, self.says_something(before)?);
        or(&says, &and(&filled, &not(&self.says_something(next)?)?)?)
    }

    fn says_something(&self, array: &ArrayRef) -> Result<BooleanArray, ArrowError> {
        if self.headings.column.kind() != Kind::Time || self.headings.book.is_none() {
            return is_not_null(array);
        }
        let utc = Zone::utc();
        let says = |moment: Option<Moment>| moment.is_some_and(|moment| !strays::is_filler(moment, &utc));
        Ok(match array.data_type() {
            DataType::Date32 => array
                .as_primitive::<Date32Type>()
                .iter()
                .map(|day| says(day.map(Moment::Date)))
                .collect::<Vec<_>>()
                .into(),
            DataType::Timestamp(unit, _) => micros(array, *unit)
                .map_err(ArrowError::CastError)?
                .into_iter()
                .map(|micros| says(micros.map(Moment::Instant)))
                .collect::<Vec<_>>()
                .into(),
            _ => is_not_null(array)?,
        })
    }

    fn texts(&self, decoded: &[ArrayRef]) -> Result<ArrayRef, String> {
        let views = decoded
            .iter()
            .map(|array| cast(array, &DataType::Utf8View).map_err(|error| error.to_string()))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = views.first().map_or(0, |view| view.len());
        let cell = |row: usize| {
            let mut views = views.iter().map(|view| view.as_string_view());
            let filled = self.headings.first(&self.rules, |place| {
                let view = views.next().filter(|view| view.is_valid(row))?;
                place.filled(view.value(row), &self.rules).map(Cow::Borrowed)
            });
            filled.map(|text| if self.is_day { day(text, &self.rules) } else { text })
        };
        if self.wanted == label_type() {
            let mut labels = LabelBuilder::default();
            (0..rows).for_each(|row| labels.append(&cell(row).unwrap_or_default(), None));
            return Ok(labels.finish());
        }
        let mut texts = StringViewBuilder::with_capacity(rows);
        (0..rows).for_each(|row| texts.append_option(cell(row)));
        Ok(Arc::new(texts.finish()))
    }

    fn typed(&self, array: &ArrayRef) -> Result<ArrayRef, String> {
        match array.data_type() {
            kind if *kind == self.wanted => Ok(array.clone()),
            DataType::Timestamp(unit, zone) if self.wanted == DataType::Date32 => {
                let clock = zone.as_deref().map(|name| self.clock(name)).transpose()?;
                let day = |micros: Micros| match &clock {
                    Some(clock) => clock.day_at(micros),
                    None => Day::try_from(micros.div_euclid(DAY_MICROS)).unwrap_or(Day::MAX),
                };
                let days = micros(array, *unit)?;
                Ok(Arc::new(Date32Array::from_iter(days.into_iter().map(|micros| micros.map(day)))))
            }
            DataType::Timestamp(unit, zone) => {
                let instant = |local: Micros| match (&self.zone, zone) {
                    (Some(clock), None) => clock.instant_of(local),
                    _ => local,
                };
                let instants = micros(array, *unit)?.into_iter().map(|micros| micros.map(instant));
                Ok(Arc::new(TimestampMicrosecondArray::from_iter(instants).with_timezone("UTC")))
            }
            _ => cast(array, &self.wanted).map_err(|error| error.to_string()),
        }
    }

    /// Returns the clock that a column's type names.
    fn clock(&self, name: &str) -> Result<Zone, String> {
        let known =
            if matches!(name, "Z" | "+00:00" | "+0000" | "+00") { Some(Zone::utc()) } else { Zone::named(name) };
        known.ok_or_else(|| {
            format!(
                "`days` names `{}`, but the zone of its type, {name:?}, is not an IANA zone",
                self.headings.column.name()
            )
        })
    }
}

/// Returns microseconds, whatever the unit; a value out of range becomes the last instant, which no row can mean.
fn micros(array: &ArrayRef, unit: TimeUnit) -> Result<Vec<Option<Micros>>, String> {
    let raw = cast(array, &DataType::Int64).map_err(|error| error.to_string())?;
    let micros = |raw: i64| match unit {
        TimeUnit::Second => raw.saturating_mul(1_000_000),
        TimeUnit::Millisecond => raw.saturating_mul(1_000),
        TimeUnit::Microsecond => raw,
        TimeUnit::Nanosecond => raw.div_euclid(1_000),
    };
    Ok(raw.as_primitive::<Int64Type>().iter().map(|raw| raw.map(micros)).collect())
}
