//! Records of copies on their way to another worker: codes become texts, and texts that worker's codes.
//!
//! What finds a copy is a hash of texts, and so the same everywhere; what takes its counts out again is written as
//! texts. It chooses nothing. It refuses a batch whole, by column and value.

use crate::copies::Copy;
use crate::foreign::Reader;
use crate::judge::Judge;
use crate::keys::{Layout, NONE, market_from_code};
use crate::marginals::{CIRCUMSTANCES, Kind};
use crate::partial::week_index;
use crate::refusal::{InputError, InputFault};
use crate::settings::Beside;
use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, FixedSizeBinaryBuilder, Int64Array, RecordBatch, StringArray,
    UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt32Type, UInt64Type};
use std::sync::Arc;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::mend::FixableBy;
use vtr_kernel::policy::ProgrammeId;

/// Bytes of an identity.
const IDENTITY: i32 = 16;

/// The columns of records of copies: `identity` (FixedSizeBinary of 16), `version` (Int64: `updated_at` in
/// microseconds, or a hash of the package where orders are the unit), `file` (UInt32), `record` (UInt64), `day`
/// (Date32), the texts of [`CIRCUMSTANCES`], `carrier`, `product_category` and `carrier_typed` (Utf8), `fixable_by`
/// (Utf8, null for no defect), `pending`, `list_doubt` and `unpriced` (Boolean).
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
    fields.extend(texts.map(|name| field(name, DataType::Utf8)));
    fields.push(Field::new("fixable_by", DataType::Utf8, true));
    fields.extend(["pending", "list_doubt", "unpriced"].map(|name| field(name, DataType::Boolean)));
    Arc::new(Schema::new(fields))
}

/// Records of copies with texts for codes.
pub(crate) fn batch(judge: &Judge, copies: &[Copy]) -> RecordBatch {
    let (book, layout) = (&*judge.settings().book, Layout::of(&judge.settings().book));
    let codes: Vec<_> = copies.iter().map(|copy| layout.of_weekly(copy.cell)).collect();
    let circumstances: Vec<_> = copies.iter().map(|copy| layout.of_circumstances(copy.beside.circumstances)).collect();
    let mut identities = FixedSizeBinaryBuilder::with_capacity(copies.len(), IDENTITY);
    for copy in copies {
        let hash = u128::from(copy.hash.0) << 64 | u128::from(copy.hash.1);
        identities.append_value(hash.to_be_bytes()).expect("an identity is sixteen bytes");
    }
    let of = |code: &dyn Fn(usize) -> u32| UInt32Array::from_iter_values((0..copies.len()).map(code));
    let sellers = of(&|row| codes[row].seller);
    let categories = of(&|row| copies[row].beside.category);
    let typed = of(&|row| copies[row].beside.typed);
    let [sellers, categories, typed] = judge.shared_keys().texts([&sellers, &categories, &typed]);
    let text = |of: &dyn Fn(usize) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..copies.len()).map(of)))
    };
    let label = |of: &mut dyn FnMut(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..copies.len()).map(of)))
    };
    let flag = |of: &dyn Fn(usize) -> bool| -> ArrayRef {
        Arc::new(BooleanArray::from_iter((0..copies.len()).map(|row| Some(of(row)))))
    };
    let yes = |is: bool| if is { "true" } else { "false" };
    let service = |row: usize| match circumstances[row].service {
        Some(class) => book.services.names().nth(usize::from(class.0)).unwrap_or(NONE).to_owned(),
        None => NONE.to_owned(),
    };
    let mender = |copy: &Copy| usize::from(copy.beside.mender).checked_sub(1).map(|place| FixableBy::ALL[place].name());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(identities.finish()),
        Arc::new(Int64Array::from_iter_values(copies.iter().map(|copy| copy.version))),
        Arc::new(UInt32Array::from_iter_values(copies.iter().map(|copy| copy.file))),
        Arc::new(UInt64Array::from_iter_values(copies.iter().map(|copy| copy.record))),
        Arc::new(Date32Array::from_iter_values(copies.iter().map(|copy| copy.day))),
        Arc::new(sellers),
        label(&mut |row| book.marketplace_label(market_from_code(codes[row].market)).to_owned()),
        label(&mut |row| book.programme(ProgrammeId(codes[row].programme)).to_owned()),
        text(&|row| copies[row].outcome().class().name()),
        text(&|row| copies[row].outcome().reason.name()),
        label(&mut |row| book.rule(circumstances[row].rule).to_owned()),
        label(&mut |row| circumstances[row].lane.map_or(NONE, |lane| book.rule(lane)).to_owned()),
        text(&|row| yes(circumstances[row].is_cross_border)),
        label(&mut |row| service(row)),
        text(&|row| yes(circumstances[row].is_bought)),
        label(&mut |row| book.carriers.label(Carrier::from_code(codes[row].carrier)).to_owned()),
        Arc::new(categories),
        Arc::new(typed),
        Arc::new(StringArray::from_iter(copies.iter().map(mender))),
        flag(&|row| copies[row].outcome().is_pending),
        flag(&|row| circumstances[row].is_doubtful),
        flag(&|row| copies[row].unpriced),
    ];
    RecordBatch::try_new(copies_schema(), columns).expect("columns are built in the order and types of their schema")
}

/// The records of another worker, with this judge's codes.
pub(crate) fn copies(judge: &Judge, batch: &RecordBatch) -> Result<Vec<Copy>, InputError> {
    let wanted = copies_schema();
    if let Some(field) = wanted.fields().iter().find(|field| batch.column_by_name(field.name()).is_none()) {
        let remedy = "give what `Judge::copies_batch` gave";
        return Err(InputError::of(InputFault::Schema, field.name(), "absent", "there", remedy));
    }
    // Records lie in weeks; what counts by week reads the same columns.
    let reader = Reader::of(judge, Kind::Reasons, batch);
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
        Copy {
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
