//! What the columns of an input say: which are there, which is at fault, and which are moot for some rows.

use crate::the_judge;
use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, TimeUnit};
use std::sync::Arc;
use vtr_columnar::input::{Column, Kind as CellKind};
use vtr_columnar::judge::{InputFault, Records, verdict_schema};
#[test]
fn which_columns_are_there_is_read_from_the_schema() {
    let text = |cells: [&str; 3]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    let batch = RecordBatch::try_from_iter(vec![
        ("seller_id", text(["A"; 3])),
        ("marketplace", text(["DE"; 3])),
        ("order_id", text(["1", "2", "3"])),
        ("carrier", text(["DHL"; 3])),
        ("tracking_number", text(["00340434161094022115", "N/A", "000000"])),
        ("promised_delivery_at", text(["2025-01-15"; 3])),
        ("first_scan_at", text(["2025-01-14T10:00:00Z"; 3])),
    ])
    .unwrap();
    let judge = the_judge();
    let of = |batch: &RecordBatch| -> Vec<Option<String>> {
        let verdicts = judge.verdicts(&judge.input(&batch.schema()).unwrap(), batch).unwrap();
        assert_eq!(verdicts.schema(), verdict_schema());
        verdicts["reason"].as_string::<i32>().iter().map(|reason| reason.map(str::to_owned)).collect()
    };
    let said = |reasons: [&str; 3]| reasons.map(|reason| Some(reason.to_owned())).to_vec();
    assert_eq!(of(&batch), said(["scanned", "tracking_placeholder", "tracking_placeholder"]));
    assert_eq!(
        of(&batch.project(&[0, 1, 2, 3, 4, 5]).unwrap()),
        said(["scan_missing", "tracking_placeholder", "tracking_placeholder"])
    );
    assert_eq!(of(&batch.project(&[0, 1, 2, 3, 5, 6]).unwrap()), said(["scanned"; 3]));
    // A batch that lacks a declared column is refused, not judged as if it had none.
    let input = judge.input(&batch.schema()).unwrap();
    let error = judge.verdicts(&input, &batch.project(&[0, 1, 2, 3, 5, 6]).unwrap()).unwrap_err();
    assert_eq!((error.fault, error.column.as_deref()), (InputFault::Schema, Some("tracking_number")));
    let error = judge.counter().add(&input, &batch.project(&[0, 1, 2, 5]).unwrap(), &Records::From(1)).unwrap_err();
    assert_eq!((error.fault, error.column.as_deref(), &*error.found), (InputFault::Schema, Some("carrier"), "absent"));
    // Integers are not valid seller ids.
    let mut numbers = batch.columns().to_vec();
    numbers[0] = Arc::new(Int64Array::from(vec![42; 3]));
    let fields = batch.schema().fields().iter().map(|field| field.name().clone()).zip(numbers).collect::<Vec<_>>();
    let error = judge.input(&RecordBatch::try_from_iter(fields).unwrap().schema()).unwrap_err();
    assert_eq!((error.fault, error.column.as_deref(), &*error.found), (InputFault::Type, Some("seller_id"), "Int64"));
    let twice = Schema::new([batch.schema().fields().to_vec(), vec![batch.schema().fields()[5].clone()]].concat());
    let error = judge.input(&Arc::new(twice)).unwrap_err();
    assert_eq!((error.fault, error.column.as_deref()), (InputFault::Columns, Some("promised_delivery_at")));
    let none = judge.input(&Arc::new(batch.schema().project(&[0, 1, 2]).unwrap())).unwrap_err();
    assert_eq!((none.fault, none.column.as_deref()), (InputFault::Columns, Some("promised_delivery_at")));
}

#[test]
fn faults_are_named_in_column_order_with_their_value() {
    let judge = the_judge();
    let text = |cells: [&str; 6]| -> ArrayRef { Arc::new(StringArray::from_iter_values(cells)) };
    let batch = RecordBatch::try_from_iter(vec![
        ("seller_id", text(["", "A", "A", "A", "A", "A"])),
        ("marketplace", text(["DE", "Narnia", "DE", "DE", "DE", "DE"])),
        ("order_id", text(["1", "1", "1", "1", "1", "1"])),
        ("package_value", text(["x", "x", "9.2E+21", "1", "1", "1"])),
        ("promised_delivery_at", text(["x", "x", "x", "2004-12-31", "", "2025-01-15"])),
    ])
    .unwrap();
    let mut counter = judge.counter();
    let rejects = counter.add(&judge.input(&batch.schema()).unwrap(), &batch, &Records::From(11)).unwrap();
    let out = counter.take();
    let found: Vec<_> = rejects
        .iter()
        .map(|reject| (reject.record, reject.column.as_deref().unwrap(), reject.value.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            (11, "seller_id", Some("")),
            (12, "marketplace", Some("Narnia")),
            (13, "package_value", Some("9.2E+21")),
            (14, "promised_delivery_at", Some("2004-12-31")),
            (15, "promised_delivery_at", Some("")),
        ]
    );
    assert_eq!(out.tally.classes.iter().sum::<u64>(), 1);
}

#[test]
fn what_is_moot_outside_the_days_asked_for_rejects_no_row() {
    let judge = the_judge();
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(-1), Some(0), Some(i64::MAX)]));
    let texts: ArrayRef =
        Arc::new(StringArray::from(vec![Some("\u{fffd}"), None, Some(""), Some("9.2E+21"), Some("x")]));
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let types = units.map(|unit| DataType::Timestamp(unit, None)).into_iter().chain([
        DataType::Boolean,
        DataType::Int64,
        DataType::Float64,
        DataType::Decimal128(38, 19),
        DataType::Decimal128(38, -19),
        DataType::Date32,
        DataType::Date64,
        DataType::Utf8View,
    ]);
    let (mut moot, mut matter) = (0, 0);
    for (column, kind) in types.flat_map(|kind| Column::ALL.map(|column| (column, kind.clone()))) {
        let Ok(read_as) = column.read_as(&kind) else { continue };
        let is_text = matches!(read_as, DataType::Utf8View | DataType::Dictionary(..));
        let cells = cast(if is_text { &texts } else { &numbers }, &read_as).unwrap();
        let all = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; 5])) };
        let mut arrays = vec![
            ("seller_id", all("A")),
            ("marketplace", all("DE")),
            ("order_id", all("1")),
            ("shipped_at", all("2025-01-15")),
        ];
        arrays.retain(|(name, _)| *name != column.name());
        arrays.push((column.name(), cells));
        let batch = RecordBatch::try_from_iter_with_nullable(arrays.into_iter().map(|(n, a)| (n, a, true))).unwrap();
        let mut counter = judge.counter();
        let counted = counter.add(&judge.input(&batch.schema()).unwrap(), &batch, &Records::From(1));
        if kind.is_floating()
            && matches!(column.kind(), CellKind::Label | CellKind::Text)
            && column != Column::TrackingNumber
        {
            // Numbers in a text column refuse the whole file.
            assert!(
                counted.unwrap_err().to_string().contains("text") && !column.is_moot_outside(&read_as),
                "{column:?}"
            );
            continue;
        }
        counted.unwrap();
        let rejected = counter.take().tally.rejected;
        if column.is_moot_outside(&read_as) {
            assert_eq!(rejected, 0, "{column:?} as {read_as}");
            moot += 1;
        }
        matter += u64::from(rejected > 0);
    }
    assert!(moot > 20 && matter > 20, "{moot} {matter}");
}
