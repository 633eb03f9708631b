//! Counts on their way to another worker: cells are partitioned into buckets by seller, with texts instead of
//! codes, and read back.
//!
//! Workers that count the same cells send the same rows in the same order, whatever the codes of their texts. This
//! module writes no file. It refuses a batch as a whole, naming column and value.

use crate::carried::{menders_texts, text_type};
use crate::foreign::{self, Allowed};
use crate::judge::Judge;
use crate::keys::Keys;
use crate::marginals::{CIRCUMSTANCES, MarginalKind};
use crate::partial::{Piece, Unpacked, packed};
use crate::refusal::{InputError, InputFault};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, DictionaryArray, Int64Array, RecordBatch, StringArray,
    UInt32Array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, DataType, Field, Int64Type, Schema, SchemaRef, UInt8Type, UInt16Type,
    UInt32Type,
};
use std::sync::Arc;
use vtr_kernel::calendar::Day;
use vtr_kernel::mend::Outcome;
use vtr_kernel::reason::TABLE;

/// Most rows of a batch.
const BATCH_ROWS: usize = 1 << 16;

/// The text columns beside [`CIRCUMSTANCES`]; the kind decides which of them have values.
const BESIDE: [&str; 4] = ["carrier", "product_category", "carrier_typed", "fixable_by"];

/// Returns the columns of counts of all kinds: `marginal` (the name of the kind), `day` (Date32: the first of the
/// week or segment), the texts of [`CIRCUMSTANCES`], `carrier`, `product_category`, `carrier_typed` and
/// `fixable_by` (null if the kind does not count by them), `pending`, `list_doubt` (Boolean) and `count` (Int64,
/// negative for subtracted rows). Texts are dictionaries of Utf8.
pub fn counts_schema() -> SchemaRef {
    let mut fields = vec![Field::new("marginal", text_type(), true), Field::new("day", DataType::Date32, false)];
    fields.extend(CIRCUMSTANCES.into_iter().chain(BESIDE).map(|name| Field::new(name, text_type(), true)));
    fields.extend(["pending", "list_doubt"].map(|name| Field::new(name, DataType::Boolean, false)));
    fields.push(Field::new("count", DataType::Int64, false));
    Arc::new(Schema::new(fields))
}

/// The cells of one kind in one bucket, in the order in which they were added.
#[derive(Clone, Default)]
struct Cells {
    days: Vec<Day>,
    /// The codes of texts, by key column.
    keys: Vec<Vec<u32>>,
    /// The code of the outcome, or flags.
    beside: Vec<u8>,
    counts: Vec<i64>,
}

/// Counts that are partitioned into buckets.
pub struct Dealt<'k> {
    keys: &'k Keys,
    /// The bucket of each seller and of each typed name.
    of_seller: Vec<usize>,
    of_typed: Vec<usize>,
    buckets: Vec<[Cells; MarginalKind::ALL.len()]>,
    /// The index of each reason among the texts of reasons.
    reasons: Vec<u32>,
}

impl<'k> Dealt<'k> {
    /// Makes empty buckets. `bucket` returns the bucket of a seller's cells or, for counts by typed name, of a
    /// name's cells.
    pub fn new(keys: &'k Keys, buckets: usize, bucket: &dyn Fn(&str) -> usize) -> Dealt<'k> {
        let of = |texts: &StringArray| texts.iter().map(|text| bucket(text.unwrap_or_default())).collect();
        Dealt {
            keys,
            of_seller: of(&keys.sellers.values),
            of_typed: of(&keys.typed.values),
            buckets: vec![Default::default(); buckets.max(1)],
            reasons: TABLE.iter().map(|entry| keys.reasons.rank(entry.reason as u32)).collect(),
        }
    }

    /// Adds all counts of one kind and time; times must come in ascending order.
    pub fn add(&mut self, kind: MarginalKind, time: u16, counts: Unpacked) {
        let day = self.keys.day(kind, time);
        let sorted = self.keys.batch(kind, counts);
        let code = |name: &&str| sorted[*name].as_dictionary::<UInt32Type>().keys().values().clone();
        let keys: Vec<_> = kind.keys().iter().map(code).collect();
        let beside = ["reason", "flags"].into_iter().find_map(|name| {
            let column = sorted.column_by_name(name)?;
            column.as_primitive_opt::<UInt8Type>().map(|codes| codes.values().clone())
        });
        let (by, of) = match kind {
            MarginalKind::Names => (&keys[1], &self.of_typed),
            _ => (&keys[0], &self.of_seller),
        };
        for (row, count) in sorted["count"].as_primitive::<Int64Type>().values().iter().enumerate() {
            let cells = &mut self.buckets[of[by[row] as usize]][kind as usize];
            cells.keys.resize_with(keys.len(), Vec::new);
            cells.keys.iter_mut().zip(&keys).for_each(|(own, codes)| own.push(codes[row]));
            cells.days.push(day);
            cells.beside.push(beside.as_ref().map_or(0, |codes| codes[row]));
            cells.counts.push(*count);
        }
    }

    /// Returns the batches of each bucket, in the columns of [`counts_schema`]: by kind, day and keys, each cell
    /// once. No batch has rows of two kinds.
    pub fn batches(self) -> Vec<Vec<RecordBatch>> {
        let Dealt { keys, buckets, reasons, .. } = self;
        let of_bucket = |kinds: [Cells; MarginalKind::ALL.len()]| {
            let batches =
                MarginalKind::ALL.into_iter().zip(kinds).map(|(kind, cells)| batch(keys, &reasons, kind, &cells));
            let cut = batches.flat_map(|batch| {
                let rows = batch.num_rows();
                (0..rows).step_by(BATCH_ROWS).map(move |at| batch.slice(at, BATCH_ROWS.min(rows - at)))
            });
            narrowed(&cut.collect::<Vec<_>>())
        };
        buckets.into_iter().map(of_bucket).collect()
    }
}

fn batch(keys: &Keys, reasons: &[u32], kind: MarginalKind, cells: &Cells) -> RecordBatch {
    let rows = cells.counts.len();
    let outcome = |code: &u8| Outcome::from_code(*code).expect("the fold packs codes of outcomes");
    let has_outcomes = matches!(kind, MarginalKind::Weekly | MarginalKind::Category | MarginalKind::Breakdown);
    let dictionary =
        |codes: UInt32Array, values: ArrayRef| -> ArrayRef { Arc::new(DictionaryArray::new(codes, values)) };
    let text = |name: &str| -> ArrayRef {
        let values: ArrayRef = match name {
            "fixable_by" => Arc::new(menders_texts()),
            _ => Arc::new(keys.texts(name).expect("every key column has texts").clone()),
        };
        let place = kind.keys().iter().position(|key| *key == name);
        match (place.and_then(|place| cells.keys.get(place)), name) {
            (Some(codes), _) => dictionary(UInt32Array::from_iter_values(codes.iter().copied()), values),
            (None, "reason") if has_outcomes => {
                let codes = cells.beside.iter().map(|code| reasons[outcome(code).reason as usize]);
                dictionary(UInt32Array::from_iter_values(codes), values)
            }
            (None, "fixable_by") if kind == MarginalKind::Breakdown => {
                dictionary(cells.days.iter().map(|day| (*day as u32).checked_sub(1)).collect(), values)
            }
            _ => dictionary(UInt32Array::new_null(rows), values),
        }
    };
    let flag = |is: &dyn Fn(&u8) -> bool| -> ArrayRef {
        Arc::new(BooleanArray::from(BooleanBuffer::collect_bool(rows, |row| is(&cells.beside[row]))))
    };
    let names = StringArray::from_iter_values(MarginalKind::ALL.map(MarginalKind::name));
    let days = cells.days.iter().map(|day| if kind == MarginalKind::Breakdown { 0 } else { *day });
    let mut columns = vec![
        dictionary(UInt32Array::from_value(kind as u32, rows), Arc::new(names)),
        Arc::new(Date32Array::from_iter_values(days)),
    ];
    columns.extend(CIRCUMSTANCES.into_iter().chain(BESIDE).map(text));
    columns.push(flag(&|code| match kind {
        MarginalKind::Names => false,
        MarginalKind::Reasons => code & 1 == 1,
        MarginalKind::Weekly | MarginalKind::Category | MarginalKind::Breakdown => outcome(code).is_pending,
    }));
    columns.push(flag(&|code| kind == MarginalKind::Reasons && code >> 1 & 1 == 1));
    columns.push(Arc::new(Int64Array::from_iter_values(cells.counts.iter().copied())));
    RecordBatch::try_new(counts_schema(), columns).expect("columns are built in the order and types of their schema")
}

/// Returns the same rows with dictionaries that hold only the used texts, in the narrowest codes that fit them. All
/// batches share the texts of a column, before and after.
pub fn narrowed(batches: &[RecordBatch]) -> Vec<RecordBatch> {
    let Some(first) = batches.first() else { return Vec::new() };
    let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::with_capacity(first.num_columns()); batches.len()];
    let mut fields = Vec::with_capacity(first.num_columns());
    for (place, field) in first.schema().fields().iter().enumerate() {
        let of: Vec<&ArrayRef> = batches.iter().map(|batch| batch.column(place)).collect();
        let narrow = if *field.data_type() == text_type() { narrow(&of) } else { of.into_iter().cloned().collect() };
        fields.push(field.as_ref().clone().with_data_type(narrow[0].data_type().clone()));
        columns.iter_mut().zip(narrow).for_each(|(columns, array)| columns.push(array));
    }
    let schema = Arc::new(Schema::new(fields));
    let whole = |columns| RecordBatch::try_new(schema.clone(), columns).expect("only codes of texts have changed");
    columns.into_iter().map(whole).collect()
}

fn narrow(arrays: &[&ArrayRef]) -> Vec<ArrayRef> {
    let arrays: Vec<_> = arrays.iter().map(|array| array.as_dictionary::<UInt32Type>()).collect();
    let values = arrays[0].values();
    let mut used = vec![false; values.len()];
    for array in &arrays {
        let keys = array.keys();
        match keys.null_count() {
            0 => keys.values().iter().for_each(|key| used[*key as usize] = true),
            nulls if nulls == keys.len() => {}
            _ => keys.iter().flatten().for_each(|key| used[key as usize] = true),
        }
    }
    let kept: Vec<u32> = (0..).zip(&used).filter(|(_, used)| **used).map(|(key, _)| key).collect();
    let mut places = vec![0; used.len()];
    (0..).zip(&kept).for_each(|(place, key)| places[*key as usize] = place);
    let count = kept.len();
    let kept = take(values, &UInt32Array::from(kept), None).expect("used texts are among the texts");
    let with = |array: &DictionaryArray<UInt32Type>| -> ArrayRef {
        if count <= 1 << 8 {
            coded::<UInt8Type>(array, &places, &kept, |place| place as u8)
        } else if count <= 1 << 16 {
            coded::<UInt16Type>(array, &places, &kept, |place| place as u16)
        } else {
            coded::<UInt32Type>(array, &places, &kept, |place| place)
        }
    };
    arrays.into_iter().map(with).collect()
}

fn coded<K: ArrowDictionaryKeyType>(
    array: &DictionaryArray<UInt32Type>,
    places: &[u32],
    texts: &ArrayRef,
    code: impl Fn(u32) -> <K as ArrowPrimitiveType>::Native,
) -> ArrayRef {
    // The code behind a null may be out of range.
    let keys = array.keys().unary::<_, K>(|key| code(places.get(key as usize).copied().unwrap_or(0)));
    Arc::new(DictionaryArray::new(keys, texts.clone()))
}

/// Returns the counts of another worker's batch, packed.
pub(crate) fn pieces(judge: &Judge, batch: &RecordBatch) -> Result<Vec<Piece>, InputError> {
    let wanted = counts_schema();
    let remedy = "give a batch of `Dealt::batches`";
    if let Some(field) = wanted.fields().iter().find(|field| batch.column_by_name(field.name()).is_none()) {
        return Err(InputError::of(InputFault::Schema, field.name(), "absent", "there", remedy));
    }
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let other = |found: &str| InputError::of(InputFault::Values, "marginal", found, "one kind of counts", remedy);
    let marginal = cast(&batch["marginal"], &DataType::Utf8).map_err(|error| other(&error.to_string()))?;
    let marginal = marginal.as_string::<i32>();
    let kind = MarginalKind::from_name(if marginal.is_null(0) { "" } else { marginal.value(0) });
    let kind = kind.ok_or_else(|| other("another word"))?;
    if marginal.iter().any(|name| name != Some(kind.name())) {
        return Err(other("several"));
    }
    let column = |field: &Arc<Field>| -> (Field, ArrayRef) {
        let name = field.name().as_str();
        let array = batch[if matches!(name, "week" | "segment") { "day" } else { name }].clone();
        (Field::new(name, array.data_type().clone(), true), array)
    };
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = kind.schema().fields().iter().map(column).unzip();
    let counts = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    let (kind, cells) = foreign::cells(judge, &counts.expect("columns are as long as their batch"), Allowed::Signed)?;
    Ok(packed(kind, cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_used_texts_travel_in_narrow_codes() {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..90_000).map(|text| format!("{text:05}"))));
        let batch = |keys: UInt32Array| {
            let array: ArrayRef = Arc::new(DictionaryArray::new(keys, texts.clone()));
            RecordBatch::try_from_iter_with_nullable([("text", array, true)]).unwrap()
        };
        for (count, width) in [(3, DataType::UInt8), (300, DataType::UInt16), (90_000, DataType::UInt32)] {
            let keys = (0..count).rev().map(|key| (key % 7 != 1).then_some(key));
            let batches = [batch(keys.collect()), batch(UInt32Array::new_null(2))];
            let narrow = narrowed(&batches);
            let DataType::Dictionary(key, _) = narrow[0].column(0).data_type() else { panic!("a dictionary") };
            assert_eq!(**key, width, "{count}");
            assert_eq!(narrow[0].schema(), narrow[1].schema());
            for (narrow, wide) in narrow.iter().zip(&batches) {
                let flat = |batch: &RecordBatch| cast(batch.column(0), &DataType::Utf8).unwrap();
                assert_eq!(&flat(narrow), &flat(wide));
            }
            assert!(narrow[0].column(0).as_any_dictionary().values().len() <= count as usize);
        }
        assert!(narrowed(&[]).is_empty());
    }
}
