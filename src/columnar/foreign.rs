//! Counts of another worker, by texts: from a batch to cells of this judge.
//!
//! Every value is checked before any is added. This module adds nothing itself, and refuses a batch as a whole,
//! naming column and value.

use crate::cells::CellEntry;
use crate::judge::Judge;
use crate::keys::{Circumstances, Layout, NONE, SharedKeys, market_from_code};
use crate::marginals::MarginalKind;
use crate::partial::week_index;
use crate::refusal::{InputError, InputFault};
use crate::reject::shown_value;
use crate::resolve::as_labels;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use std::collections::HashMap;
use std::sync::Arc;
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, date_from_day, monday};
use vtr_kernel::carrier::Carrier;
use vtr_kernel::mend::{FixableBy, Outcome};
use vtr_kernel::policy::{ProgrammeId, RuleId};
use vtr_kernel::reason::Reason;
use vtr_kernel::service::ServiceClass;

const REMEDY: &str =
    "count with the same book, time axis and version of the program, or merge with a judge of the same settings";

/// The counts that a cell may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// The counts of counted rows.
    Positive,
    /// Also the counts of subtracted rows, which are negative.
    Signed,
}

/// Returns the kind of counts in a batch, and its cells with their counts.
pub(crate) fn cells(
    judge: &Judge,
    batch: &RecordBatch,
    counts: Allowed,
) -> Result<(MarginalKind, Vec<(CellEntry, i64)>), InputError> {
    let kind = kind(batch)?;
    let reader = Reader::of(judge, kind, batch);
    let cells = reader.cells(counts)?;
    reader.check()?;
    Ok((kind, cells))
}

fn kind(batch: &RecordBatch) -> Result<MarginalKind, InputError> {
    let schema = batch.schema_ref();
    let has = |kind: &MarginalKind| {
        let wanted = kind.schema();
        wanted.fields().len() == schema.fields().len()
            && wanted.fields().iter().all(|field| schema.column_with_name(field.name()).is_some())
    };
    MarginalKind::ALL.into_iter().find(has).ok_or_else(|| {
        let found: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let found = format!("a batch with the columns [{}] holds no kind of counts", found.join(", "));
        let wanted = "which have the columns of `Kind::schema`";
        InputError::whole(InputFault::Schema, found, wanted, "give a batch of `Counts::batches`")
    })
}

/// Reads columns of counts by the texts that a judge knows.
pub(crate) struct Reader<'a> {
    judge: &'a Judge,
    keys: &'a SharedKeys,
    layout: Layout,
    kind: MarginalKind,
    batch: &'a RecordBatch,
}

impl<'a> Reader<'a> {
    pub(crate) fn of(judge: &'a Judge, kind: MarginalKind, batch: &'a RecordBatch) -> Reader<'a> {
        Reader { judge, keys: judge.shared_keys(), layout: Layout::of(&judge.settings().book), kind, batch }
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// Refuses to continue once there are more texts than fit.
    pub(crate) fn check(&self) -> Result<(), InputError> {
        self.keys.check()
    }

    fn book(&self) -> &Book {
        &self.judge.settings().book
    }

    fn refuse(&self, column: &str, found: &str, wanted: &str) -> InputError {
        InputError::of(InputFault::Values, column, shown_value(found), wanted, REMEDY)
    }

    /// Reads a column of texts as codes; `code` returns the code of a text, or `None` if the text is unknown.
    fn codes(&self, column: &str, wanted: &str, code: impl Fn(&str) -> Option<u32>) -> Result<Vec<u32>, InputError> {
        let labels = self.labels(column, |text| {
            text.map_or(Ok(None), |text| match code(text) {
                Some(code) => Ok(Some(code)),
                None => Err(self.refuse(column, &format!("`{text}`"), wanted)),
            })
        })?;
        labels.into_iter().map(|code| code.ok_or_else(|| self.refuse(column, "null", wanted))).collect()
    }

    /// Reads a column of texts, resolving each distinct one once.
    fn labels<T: Copy>(
        &self,
        column: &str,
        resolve: impl Fn(Option<&str>) -> Result<T, InputError>,
    ) -> Result<Vec<T>, InputError> {
        let array = &self.batch[column];
        let kind = |error: String| {
            let found = format!("{} ({error})", array.data_type());
            InputError::of(InputFault::Type, column, found, "text", REMEDY)
        };
        let is_text = match array.data_type() {
            DataType::Dictionary(_, values) => values.is_string(),
            kind => kind.is_string(),
        };
        if !is_text {
            return Err(InputError::of(InputFault::Type, column, array.data_type(), "text", REMEDY));
        }
        let labels: ArrayRef = match array.data_type() {
            DataType::Dictionary(..) => array.clone(),
            _ => Arc::new(as_labels(array).map_err(kind)?),
        };
        let labels = labels.as_any_dictionary();
        let texts = cast(labels.values(), &DataType::Utf8).map_err(|error| kind(error.to_string()))?;
        let texts = texts.as_string::<i32>();
        let null = texts.len();
        let keys = if texts.is_empty() { vec![null; labels.len()] } else { labels.normalized_keys() };
        let has_nulls = labels.null_count() + texts.null_count() > 0;
        let is_null = |row: usize, key: usize| has_nulls && (key == null || labels.is_null(row) || texts.is_null(key));
        // One entry per text, and a last one for null.
        let mut known: Vec<Option<T>> = vec![None; null + 1];
        let mut resolved = Vec::with_capacity(labels.len());
        for (row, key) in keys.into_iter().enumerate() {
            let key = if is_null(row, key) { null } else { key };
            let value = match known[key] {
                Some(value) => value,
                None => {
                    let value = resolve((key != null).then(|| texts.value(key)))?;
                    known[key] = Some(value);
                    value
                }
            };
            resolved.push(value);
        }
        Ok(resolved)
    }

    /// Refuses a column of another type, or with nulls.
    pub(crate) fn typed(&self, column: &str, wanted: &DataType) -> Result<(), InputError> {
        let array = &self.batch[column];
        if array.data_type() != wanted {
            return Err(InputError::of(InputFault::Type, column, array.data_type(), &wanted.to_string(), REMEDY));
        }
        if array.null_count() > 0 {
            return Err(self.refuse(column, "null", "a value in every row"));
        }
        Ok(())
    }

    fn counts(&self, allowed: Allowed) -> Result<Vec<i64>, InputError> {
        self.typed("count", &DataType::Int64)?;
        let counts = self.batch["count"].as_primitive::<Int64Type>().values();
        let (is_none, wanted): (fn(&&i64) -> bool, _) = match allowed {
            Allowed::Positive => (|count| **count <= 0, "positive"),
            Allowed::Signed => (|count| **count == 0, "another than 0"),
        };
        match counts.iter().find(is_none) {
            Some(count) => Err(self.refuse("count", &count.to_string(), wanted)),
            None => Ok(counts.to_vec()),
        }
    }

    /// Reads a column of days; `read` returns the meaning of a day, or `None` if it has none.
    pub(crate) fn days<T>(
        &self,
        column: &str,
        wanted: &str,
        read: &dyn Fn(Day) -> Option<T>,
    ) -> Result<Vec<T>, InputError> {
        self.typed(column, &DataType::Date32)?;
        let days = self.batch[column].as_primitive::<Date32Type>().values();
        days.iter().map(|day| read(*day).ok_or_else(|| self.refuse(column, &shown_day(*day), wanted))).collect()
    }

    /// Returns the time of each row.
    fn times(&self) -> Result<Vec<u16>, InputError> {
        match self.kind {
            MarginalKind::Weekly | MarginalKind::Names | MarginalKind::Reasons => {
                let is_week = |day: Day| monday(day) == day && self.judge.is_plausible(day + 6);
                let wanted = "a Monday from 2005 to two years after as_of";
                self.days("week", wanted, &|day| is_week(day).then(|| week_index(day)))
            }
            MarginalKind::Category => {
                let axis = &self.judge.settings().axis;
                let wanted = "the first day of a segment of the judge's time axis";
                self.days("segment", wanted, &|day| axis.segment_from(day))
            }
            MarginalKind::Breakdown => self.menders(),
        }
    }

    /// Returns who can mend the packages of each row: 0 for no defect, else the index among all menders plus one.
    pub(crate) fn menders(&self) -> Result<Vec<u16>, InputError> {
        self.labels("fixable_by", |text| match text.map(FixableBy::from_name) {
            None => Ok(0),
            Some(Some(mender)) => Ok(mender as u16 + 1),
            Some(None) => {
                let found = format!("`{}`", text.unwrap_or_default());
                Err(self.refuse("fixable_by", &found, "null, `nobody`, `carrier` or `number`"))
            }
        })
    }

    pub(crate) fn typed_names(&self) -> Result<Vec<u32>, InputError> {
        self.codes("carrier_typed", "a name", |text| Some(self.keys.typed(text)))
    }

    pub(crate) fn flags(&self, column: &str) -> Result<&BooleanArray, InputError> {
        self.typed(column, &DataType::Boolean)?;
        Ok(self.batch[column].as_boolean())
    }

    /// Returns the code of each row's outcome.
    pub(crate) fn outcomes(&self) -> Result<Vec<u8>, InputError> {
        let wanted = "a reason of the ladder";
        let reasons = self.labels("reason", |text| {
            let reason = text.and_then(Reason::from_name);
            reason.ok_or_else(|| self.refuse("reason", &format!("`{}`", text.unwrap_or("null")), wanted))
        })?;
        let pending = self.flags("pending")?;
        let outcome = |(row, reason): (usize, &Reason)| {
            let outcome = Outcome { reason: *reason, is_pending: pending.value(row) };
            let code = outcome.code();
            let is_one = Outcome::from_code(code) == Some(outcome);
            is_one.then_some(code).ok_or_else(|| {
                let found = format!("true of `{}`", reason.name());
                self.refuse("pending", &found, "false where no scan is missing")
            })
        };
        reasons.iter().enumerate().map(outcome).collect()
    }

    fn sellers(&self) -> Result<Vec<u32>, InputError> {
        self.codes("seller_id", "an id", |text| (!text.is_empty()).then(|| self.keys.seller(text)))
    }

    pub(crate) fn categories(&self) -> Result<Vec<u32>, InputError> {
        self.codes("product_category", "a category", |text| Some(self.keys.category(text)))
    }

    fn markets(&self) -> Result<Vec<u32>, InputError> {
        let book = self.book();
        let names = (0..=book.markets().count() as u16).map(|code| book.marketplace_label(market_from_code(code)));
        self.known("marketplace", "a marketplace of the book", names)
    }

    fn programmes(&self) -> Result<Vec<u32>, InputError> {
        let book = self.book();
        let names = (0..book.programme_count()).map(|index| book.programme(ProgrammeId(index as u16)));
        self.known("programme", "a programme of the book", names)
    }

    pub(crate) fn carriers(&self) -> Result<Vec<u32>, InputError> {
        let carriers = &self.book().carriers;
        let names = (0..carriers.len() as u16 + 2).map(|code| carriers.label(Carrier::from_code(code)));
        self.known("carrier", "a carrier of the book", names)
    }

    /// Reads a column of texts that the book must list; their codes are their indexes.
    fn known<'b>(
        &self,
        column: &str,
        wanted: &str,
        names: impl Iterator<Item = &'b str>,
    ) -> Result<Vec<u32>, InputError> {
        let mut places: HashMap<&str, u32> = HashMap::new();
        // Labels may repeat; equal ones have the same meaning.
        for (place, name) in (0..).zip(names) {
            places.entry(name).or_insert(place);
        }
        self.codes(column, wanted, |text| places.get(text).copied())
    }

    pub(crate) fn accounts(&self) -> Result<Vec<u64>, InputError> {
        let (sellers, markets, programmes) = (self.sellers()?, self.markets()?, self.programmes()?);
        // More sellers than fit a key are refused before any key is packed.
        self.keys.check()?;
        let codes = sellers.iter().zip(markets).zip(programmes);
        Ok(codes
            .map(|((seller, market), programme)| {
                self.layout.account(*seller, market as u16, ProgrammeId(programme as u16))
            })
            .collect())
    }

    fn cells(&self, allowed: Allowed) -> Result<Vec<(CellEntry, i64)>, InputError> {
        let (counts, times) = (self.counts(allowed)?, self.times()?);
        let rows = 0..counts.len();
        let none = || vec![0; counts.len()];
        let layout = self.layout;
        let (keys, beside): (Vec<u64>, Vec<u32>) = match self.kind {
            MarginalKind::Weekly | MarginalKind::Breakdown => {
                let (accounts, carriers, outcomes) = (self.accounts()?, self.carriers()?, self.outcomes()?);
                let carrier = |row: usize| Carrier::from_code(carriers[row] as u16);
                let key = |row: usize| layout.weekly(times[row], accounts[row], carrier(row), outcomes[row]);
                let beside = if self.kind == MarginalKind::Breakdown { self.categories()? } else { none() };
                (rows.map(key).collect(), beside)
            }
            MarginalKind::Category => {
                let (accounts, outcomes) = (self.accounts()?, self.outcomes()?);
                let key = |row: usize| layout.category(times[row], accounts[row], outcomes[row]);
                (rows.map(key).collect(), self.categories()?)
            }
            MarginalKind::Names => {
                let (markets, carriers) = (self.markets()?, self.carriers()?);
                let carrier = |row: usize| Carrier::from_code(carriers[row] as u16);
                let key = |row: usize| layout.name(times[row], markets[row] as u16, carrier(row));
                (rows.map(key).collect(), self.typed_names()?)
            }
            MarginalKind::Reasons => {
                let (accounts, outcomes) = (self.accounts()?, self.outcomes()?);
                let key = |row: usize| layout.category(times[row], accounts[row], outcomes[row]);
                (rows.map(key).collect(), self.circumstances(&outcomes)?)
            }
        };
        let cells = keys.into_iter().zip(beside).zip(counts);
        Ok(cells.map(|((key, beside), rows)| (CellEntry { key, beside, count: 0 }, rows)).collect())
    }

    /// Returns the circumstances of each row as one word.
    pub(crate) fn circumstances(&self, outcomes: &[u8]) -> Result<Vec<u32>, InputError> {
        let book = self.book();
        let rules = || (0..book.rule_count() as u32).map(|code| book.rule(RuleId(code)));
        let rule = self.known("rule", "a rule of the book", rules())?;
        let lane = self.known("lane", "a lane of the book or (none)", [NONE].into_iter().chain(rules()))?;
        let services = [NONE].into_iter().chain(book.services.names());
        let service = self.known("service_class", "a class of services of the book or (none)", services)?;
        let flag = |column: &str| self.known(column, "`true` or `false`", ["false", "true"].into_iter());
        let (cross_border, bought, doubt) = (flag("cross_border")?, flag("buy_shipping")?, self.flags("list_doubt")?);
        let class = self.labels("class", |text| Ok(text.and_then(class_of)))?;
        let word = |row: usize| {
            let reason = Outcome::from_code(outcomes[row]).map(|outcome| outcome.reason);
            if class[row] != reason.map(|reason| reason.class() as usize) {
                return Err(self.refuse("class", "another than the reason's", "the class of the reason"));
            }
            Ok(self.layout.circumstances(&Circumstances {
                rule: RuleId(rule[row]),
                lane: lane[row].checked_sub(1).map(RuleId),
                service: service[row].checked_sub(1).map(|class| ServiceClass(class as u8)),
                is_cross_border: cross_border[row] == 1,
                is_bought: bought[row] == 1,
                is_doubtful: doubt.value(row),
            }))
        };
        (0..outcomes.len()).map(word).collect()
    }
}

/// Returns the index of a class by its name.
fn class_of(name: &str) -> Option<usize> {
    vtr_kernel::reason::Class::ALL.into_iter().position(|class| class.name() == name)
}

fn shown_day(day: Day) -> String {
    // A day outside every calendar is displayed as its number.
    if day.abs() < 10_000_000 { date_from_day(day).to_string() } else { format!("day {day}") }
}
