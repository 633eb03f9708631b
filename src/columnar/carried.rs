//! Records of copies on their way to another worker: codes become texts, and texts become the other worker's codes.
//!
//! A hash of texts identifies a copy, and so is the same on every worker; everything needed to subtract its counts
//! is written as texts. This module chooses nothing. It refuses a batch as a whole, naming column and value.

use crate::copies::CopyRecord;
use crate::foreign::Reader;
use crate::judge::Judge;
use crate::keys::{Keys, Ranked};
use crate::marginals::{CIRCUMSTANCES, MarginalKind};
use crate::partial::week_index;
use crate::refusal::{InputError, InputFault};
use crate::settings::Beside;
use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, DictionaryArray, FixedSizeBinaryArray, Int64Array, RecordBatch,
    StringArray, UInt32Array, UInt64Array,
};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt32Type, UInt64Type};
use std::sync::Arc;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::mend::FixableBy;

/// The length of an identity in bytes.
const IDENTITY: i32 = 16;

/// Returns the type of texts that repeat.
pub(crate) fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}

/// Returns the columns of records of copies: `identity` (FixedSizeBinary of 16), `version` (Int64: `updated_at` in
/// microseconds, or a hash of the package if orders are the unit), `file` (UInt32), `record` (UInt64), `day`
/// (Date32), the texts of [`CIRCUMSTANCES`], `carrier`, `product_category` and `carrier_typed` (dictionaries of
/// Utf8), `fixable_by` (likewise, null for no defect), `pending`, `list_doubt` and `unpriced` (Boolean).
pub fn copies_schema() -> SchemaRef {
    let field = |name: &str, kind: DataType| Field::new(name, kind, false);
    let mut fields = vec![
        field("identity", DataType::FixedSizeBinary(IDENTITY)),
        field("version", DataType::Int64),
        field("file", DataType::UInt32),
        field("record", DataType::UInt64),
        field("day", DataType::Date32),
    ];
    let texts = CIRCUMSTANCES.into_iter().chain(["carrier", "product_category", "carrier_typed"]);
    fields.extend(texts.map(|name| field(name, text_type())));
    fields.push(Field::new("fixable_by", text_type(), true));
    fields.extend(["pending", "list_doubt", "unpriced"].map(|name| field(name, DataType::Boolean)));
    Arc::new(Schema::new(fields))
}

impl Keys {
    /// Returns records of copies with texts instead of codes; see [`copies_schema`]. The texts of a column share
    /// one buffer in all batches, so that [`narrowed`](crate::dealt::narrowed) can leave out unused ones.
    pub fn copies(&self, copies: &[CopyRecord]) -> RecordBatch {
        let codes: Vec<_> = copies.iter().map(|copy| self.layout.of_weekly(copy.cell)).collect();
        let of: Vec<_> = copies.iter().map(|copy| self.layout.of_circumstances(copy.beside.circumstances)).collect();
        let outcomes: Vec<_> = copies.iter().map(CopyRecord::outcome).collect();
        let mut identities = Vec::with_capacity(copies.len() * IDENTITY as usize);
        copies.iter().for_each(|copy| {
            identities.extend_from_slice(&copy.hash.0.to_be_bytes());
            identities.extend_from_slice(&copy.hash.1.to_be_bytes());
        });
        let identities = FixedSizeBinaryArray::try_new(IDENTITY, identities.into(), None);
        let texts = |of: &Ranked, code: &dyn Fn(usize) -> u32| -> ArrayRef {
            let keys = UInt32Array::from_iter_values((0..copies.len()).map(|row| of.rank(code(row))));
            Arc::new(DictionaryArray::new(keys, of.values.clone()))
        };
        let flag = |of: &dyn Fn(usize) -> bool| -> ArrayRef {
            Arc::new(BooleanArray::from(BooleanBuffer::collect_bool(copies.len(), of)))
        };
        let menders = copies.iter().map(|copy| u32::from(copy.beside.mender).checked_sub(1));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(identities.expect("an identity is sixteen bytes")),
            Arc::new(Int64Array::from_iter_values(copies.iter().map(|copy| copy.version))),
            Arc::new(UInt32Array::from_iter_values(copies.iter().map(|copy| copy.file))),
            Arc::new(UInt64Array::from_iter_values(copies.iter().map(|copy| copy.record))),
            Arc::new(Date32Array::from_iter_values(copies.iter().map(|copy| copy.day))),
            texts(&self.sellers, &|row| codes[row].seller),
            texts(&self.markets, &|row| codes[row].market.into()),
            texts(&self.programmes, &|row| codes[row].programme.into()),
            texts(&self.classes, &|row| outcomes[row].class() as u32),
            texts(&self.reasons, &|row| outcomes[row].reason as u32),
            texts(&self.rules, &|row| of[row].rule.0),
            texts(&self.lanes, &|row| of[row].lane.map_or(0, |lane| lane.0 + 1)),
            texts(&self.flags, &|row| of[row].is_cross_border.into()),
            texts(&self.services, &|row| of[row].service.map_or(0, |class| u32::from(class.0) + 1)),
            texts(&self.flags, &|row| of[row].is_bought.into()),
            texts(&self.carriers, &|row| codes[row].carrier.into()),
            texts(&self.categories, &|row| copies[row].beside.category),
            texts(&self.typed, &|row| copies[row].beside.typed),
            Arc::new(DictionaryArray::new(UInt32Array::from_iter(menders), Arc::new(menders_texts()))),
            flag(&|row| outcomes[row].is_pending),
            flag(&|row| of[row].is_doubtful),
            flag(&|row| copies[row].unpriced),
        ];
        RecordBatch::try_new(copies_schema(), columns)
            .expect("columns are built in the order and types of their schema")
    }
}

/// Returns the names of those who can mend a defect, by code.
pub(crate) fn menders_texts() -> StringArray {
    StringArray::from_iter_values(FixableBy::ALL.iter().map(|mender| mender.name()))
}

/// Returns the records of another worker with this judge's codes.
pub(crate) fn copies(judge: &Judge, batch: &RecordBatch) -> Result<Vec<CopyRecord>, InputError> {
    let wanted = copies_schema();
    if let Some(field) = wanted.fields().iter().find(|field| batch.column_by_name(field.name()).is_none()) {
        let remedy = "give a batch of `Judge::copies_batch`";
        return Err(InputError::of(InputFault::Schema, field.name(), "absent", "there", remedy));
    }
    // Records have a week, and the columns of counts by week are read the same way.
    let reader = Reader::of(judge, MarginalKind::Reasons, batch);
    let identity = DataType::FixedSizeBinary(IDENTITY);
    let fixed = [("identity", &identity), ("version", &DataType::Int64), ("file", &DataType::UInt32)];
    let times = [("record", &DataType::UInt64), ("day", &DataType::Date32)];
    fixed.into_iter().chain(times).try_for_each(|(column, kind)| reader.typed(column, kind))?;
    let days = reader
        .days("day", "a day from 2005 to two years after as_of", &|day| judge.is_plausible(day).then_some(day))?;
    let (accounts, carriers, outcomes) = (reader.accounts()?, reader.carriers()?, reader.outcomes()?);
    let (categories, typed, circumstances) =
        (reader.categories()?, reader.typed_names()?, reader.circumstances(&outcomes)?);
    let (menders, unpriced) = (reader.menders()?, reader.flags("unpriced")?);
    reader.check()?;
    let hashes = batch["identity"].as_fixed_size_binary();
    let (versions, files) = (batch["version"].as_primitive::<Int64Type>(), batch["file"].as_primitive::<UInt32Type>());
    let records = batch["record"].as_primitive::<UInt64Type>();
    let layout = reader.layout();
    let copy = |row: usize| {
        let hash = u128::from_be_bytes(hashes.value(row).try_into().expect("an identity is sixteen bytes"));
        CopyRecord {
            hash: ((hash >> 64) as u64, hash as u64),
            version: versions.value(row),
            file: files.value(row),
            record: records.value(row),
            day: days[row],
            cell: layout.weekly(
                week_index(days[row]),
                accounts[row],
                Carrier::from_code(carriers[row] as u16),
                outcomes[row],
            ),
            beside: Beside {
                category: categories[row],
                typed: typed[row],
                circumstances: circumstances[row],
                mender: menders[row] as u8,
            },
            unpriced: unpriced.value(row),
        }
    };
    Ok((0..batch.num_rows()).map(copy).collect())
}
