//! Column types, row groups left out, and files whose content differs from their footer.

use super::*;
use crate::job::plan::WeekRange;
use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::WriterProperties;
use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::*;
use std::sync::Arc;

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn dates(values: &[i32]) -> ArrayRef {
    Arc::new(Date32Array::from(values.to_vec()))
}

/// Returns a file of these columns, in row groups of `group_rows` rows.
fn file(columns: Vec<(&str, ArrayRef)>, group_rows: usize) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Returns a file of the required columns and one more.
fn with(name: &'static str, array: ArrayRef) -> Vec<u8> {
    let rows = array.len();
    let text = |value: &str| texts(&vec![value; rows]);
    let mut columns = vec![("seller_id", text("007")), ("marketplace", text("DE")), ("order_id", text("1"))];
    columns.push(("shipped_at", dates(&vec![20_000; rows])));
    columns.retain(|(known, _)| *known != name);
    columns.push((name, array));
    columns.push(("buyer_name", text("not read")));
    file(columns, 1000)
}

fn read_with(name: &'static str, array: ArrayRef) -> std::result::Result<(DataType, Vec<Option<String>>), String> {
    let (_folder, plan) = one_file("a.parquet", &with(name, array), |_| {});
    let survey = survey(&plan).map_err(|error| error.to_string())?;
    let mut got = None;
    read(&plan, &survey, &survey.units[0], &mut |chunk| {
        assert!(chunk.batch.column_by_name("buyer_name").is_none());
        let (index, field) =
            chunk.batch.schema().column_with_name(name).map(|(index, field)| (index, field.clone())).unwrap();
        got =
            Some((field.data_type().clone(), cells(&chunk.batch).into_iter().map(|row| row[index].clone()).collect()));
        Ok(())
    })
    .map_err(|error| error.to_string())?;
    Ok(got.unwrap())
}

#[test]
fn text_of_every_kind_is_read_as_labels_and_views() {
    let dictionary = |key| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
    let kinds = [
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
        dictionary(DataType::Int8),
        dictionary(DataType::UInt16),
        dictionary(DataType::Int64),
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::LargeUtf8)),
    ];
    let array: ArrayRef = Arc::new(StringArray::from(vec![Some("0042"), None, Some("0042"), Some("ヤマト")]));
    let want = vec![Some("0042".to_owned()), None, Some("0042".to_owned()), Some("ヤマト".to_owned())];
    for kind in kinds {
        let array = cast(&array, &kind).unwrap();
        assert_eq!(
            read_with("carrier", array.clone()).unwrap(),
            (vtr_columnar::input::label_type(), want.clone()),
            "{kind}"
        );
        assert_eq!(read_with("tracking_number", array.clone()).unwrap(), (DataType::Utf8View, want.clone()), "{kind}");
        assert_eq!(read_with("updated_at", array).unwrap().0, DataType::Utf8View, "{kind}");
    }
}

#[test]
fn dictionaries_of_the_file_reach_the_batch() {
    let values: Vec<String> = (0..20_000).map(|row| format!("carrier {}", row % 5)).collect();
    let array: ArrayRef = Arc::new(StringArray::from(values));
    let rows = array.len();
    let text = |value: &str| texts(&vec![value; rows]);
    let content = file(
        vec![
            ("seller_id", text("S")),
            ("marketplace", text("DE")),
            ("order_id", text("1")),
            ("carrier", array),
            ("shipped_at", dates(&vec![1; rows])),
        ],
        rows,
    );
    let (_folder, plan) = one_file("a.parquet", &content, |_| {});
    let survey = survey(&plan).unwrap();
    let mut batches = 0;
    read(&plan, &survey, &survey.units[0], &mut |chunk| {
        let carrier = chunk.batch.column_by_name("carrier").unwrap().as_dictionary::<Int32Type>();
        assert_eq!(carrier.values().len(), 5);
        batches += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(batches, rows.div_ceil(super::super::parquet::BATCH_ROWS));
}

#[test]
fn numbers_times_and_flags_keep_their_types() {
    let decimal: ArrayRef = Arc::new(Decimal128Array::from(vec![1999]).with_precision_and_scale(10, 2).unwrap());
    let wide: ArrayRef = Arc::new(Decimal256Array::from(vec![i256::from(5)]).with_precision_and_scale(50, 1).unwrap());
    let micros = TimestampMicrosecondArray::from(vec![1_736_899_200_000_000]);
    let zoned: ArrayRef = Arc::new(micros.clone().with_timezone("+01:00"));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    let keyed = DictionaryArray::<Int32Type>::new(Int32Array::from(vec![0]), Arc::new(micros.clone()));
    let cases: Vec<(&'static str, ArrayRef, &str)> = vec![
        ("package_value", decimal, "19.99"),
        ("package_value", wide, "0.5"),
        ("package_value", Arc::new(Float64Array::from(vec![0.1])), "0.1"),
        ("package_value", numbers.clone(), "7"),
        ("order_id", numbers.clone(), "7"),
        ("shipped_at", Arc::new(TimestampSecondArray::from(vec![1_736_899_200])), "2025-01-15T00:00:00"),
        (
            "shipped_at",
            Arc::new(TimestampNanosecondArray::from(vec![1_736_899_200_000_000_001])),
            "2025-01-15T00:00:00.000000001",
        ),
        ("shipped_at", zoned, "2025-01-15T01:00:00+01:00"),
        ("shipped_at", Arc::new(keyed), "2025-01-15T00:00:00"),
        ("shipped_at", Arc::new(Date64Array::from(vec![1_736_899_200_000])), "2025-01-15T00:00:00"),
        ("buy_shipping", Arc::new(BooleanArray::from(vec![true])), "true"),
    ];
    for (name, array, want) in cases {
        let kind = array.data_type().clone();
        let (_, cells) = read_with(name, array).unwrap();
        assert_eq!(cells, [Some(want.to_owned())], "{name} {kind}");
    }
}

#[test]
fn wrong_and_nested_types_are_refused_by_name() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]));
    let pair: ArrayRef =
        Arc::new(StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int64, true)), numbers.clone())]));
    for (name, array, says) in [
        (
            "seller_id",
            numbers.clone(),
            "column `seller_id` is Int64; it must be text: as a number it has lost its leading zeros",
        ),
        ("carrier", list, "column `carrier` is List"),
        ("shipped_at", pair, "column `shipped_at` is Struct"),
        ("carrier", Arc::new(Float64Array::from(vec![0.1])), "column `carrier` is Float64"),
        ("first_scan_at", numbers, "column `first_scan_at` is Int64"),
    ] {
        let error = read_with(name, array).unwrap_err();
        assert!(error.contains("a.parquet: ") && error.contains(says), "{error}");
    }
    let twice = file(vec![("seller_id", texts(&["1"])), ("Seller_ID", texts(&["2"]))], 10);
    let (_folder, plan) = one_file("a.parquet", &twice, |_| {});
    assert!(survey(&plan).err().unwrap().to_string().contains("appears twice"));
}

#[test]
fn row_groups_beyond_the_days_asked_for_are_left_out() {
    let day = |offset: i32| 20_000 + offset; // 2024-10-04
    let days: Vec<i32> = (0..200).map(day).collect();
    let rows = days.len();
    let text = |value: &str| texts(&vec![value; rows]);
    let build = |promised: ArrayRef| {
        file(
            vec![
                ("seller_id", text("S")),
                ("marketplace", text("DE")),
                ("order_id", text("1")),
                ("shipped_at", dates(&days)),
                ("promised_delivery_at", promised),
            ],
            10,
        )
    };
    let run = |content: &[u8], prune: bool| {
        let (_folder, mut plan) = one_file("a.parquet", content, |_| {});
        let monday = vtr_kernel::calendar::monday(day(100));
        plan.range = Some(WeekRange { first: monday, last: monday });
        plan.prune = prune;
        let got = get(&plan).unwrap();
        let (low, high) = plan.days_read().unwrap();
        let first = got.rows.first().unwrap().0 as i32 - 1;
        let last = got.rows.last().unwrap().0 as i32 - 1;
        assert!(day(first) <= low && high <= day(last).max(day(199)), "needed days are read");
        assert_eq!(got.survey.files[0].rows_pruned + got.rows.len() as u64, 200);
        assert_eq!(got.survey.files[0].rows, Some(200));
        got
    };
    let same = build(dates(&days));
    let got = run(&same, true);
    assert!(got.survey.files[0].rows_pruned >= 80, "{}", got.survey.files[0].rows_pruned);
    assert!(got.rows.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0), "records keep their numbers");
    assert_eq!(run(&same, false).survey.files[0].rows_pruned, 0);
    // If one date is null, the other one dates the row: nulls, be they few or all, change nothing.
    for every in [10, 3, 1] {
        let nulls = (0..200).map(|row| (row % every > 0).then(|| day(row))).collect::<Vec<_>>();
        let some = run(&build(Arc::new(Date32Array::from(nulls))), true);
        assert_eq!(some.survey.files[0].rows_pruned, got.survey.files[0].rows_pruned, "every {every}th");
    }
    // One promise far from the others in a row group is a day of that group.
    let mut promises: Vec<i32> = days.clone();
    promises[195] = day(100);
    let far = run(&build(dates(&promises)), true);
    assert_eq!(far.survey.files[0].rows_pruned, got.survey.files[0].rows_pruned - 10);
    // If one of the dates has no statistics, everything is read.
    let written: Vec<String> = days.iter().map(|day| vtr_kernel::calendar::date_from_day(*day).to_string()).collect();
    assert_eq!(run(&build(Arc::new(StringArray::from(written))), true).survey.files[0].rows_pruned, 0);
}

#[test]
fn where_rows_can_only_be_copies_little_is_decoded() {
    let days: Vec<i32> = (0..200).map(|row| 20_000 + row).collect();
    let text = |value: &str| texts(&vec![value; 200]);
    let columns = vec![
        ("seller_id", text("S")),
        ("marketplace", text("DE")),
        ("order_id", text("1")),
        ("carrier", text("UPS")),
        ("shipped_at", dates(&days)),
        ("first_scan_at", text("2024-10-05")),
        ("delivery_scan_at", dates(&days)),
        ("updated_at", dates(&days)),
    ];
    let (_folder, mut plan) = one_file("a.parquet", &file(columns, 10), |_| {});
    let monday = vtr_kernel::calendar::monday(days[100]);
    plan.range = Some(WeekRange { first: monday, last: monday });
    (plan.identity, plan.copies_within_days) = (Some(crate::job::plan::Identity::Package), 30);
    let survey = survey(&plan).unwrap();
    let mut seen = std::collections::BTreeMap::new();
    for unit in &survey.units {
        let end = read(&plan, &survey, unit, &mut |chunk| {
            let schema = chunk.batch.schema();
            let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            seen.insert(unit.first_record, names.join(" "));
            Ok(())
        });
        assert_eq!(end.unwrap().rows_read, 10);
    }
    // The week is in the groups of the rows 91 to 110, with a day for clocks on either side.
    let all = "seller_id marketplace order_id carrier shipped_at first_scan_at delivery_scan_at updated_at";
    let few = "seller_id marketplace order_id shipped_at first_scan_at updated_at";
    for (first, names) in &seen {
        assert_eq!(names, if (91..=101).contains(first) { all } else { few }, "from row {first}");
    }
    assert!(seen.len() > 7, "{seen:?}");
    let bytes = |first: u64| survey.units.iter().find(|unit| unit.first_record == first).unwrap().bytes;
    assert!(bytes(81) < bytes(101));
}

#[test]
fn a_date_that_is_no_column_of_the_file_prunes_nothing() {
    let days: Vec<i32> = (0..200).map(|row| 20_000 + row * 3).collect();
    let text = |value: &str| texts(&vec![value; 200]);
    let columns = vec![
        ("seller_id", text("007")),
        ("marketplace", text("DE")),
        ("order_id", text("1")),
        ("shipped_at", dates(&days)),
    ];
    let (_folder, mut plan) = one_file("a.parquet", &file(columns, 10), |input| {
        input.constants = vec![(Column::PromisedDeliveryAt, "2025-06-05".to_owned())];
    });
    let monday = vtr_kernel::calendar::monday(days[100]);
    plan.range = Some(WeekRange { first: monday, last: monday });
    let survey = survey(&plan).unwrap();
    assert_eq!((survey.files[0].rows_pruned, &survey.files[0].days), (0, &None));
}

#[test]
fn files_that_lie_or_are_cut_off_are_refused() {
    let good = with("carrier", texts(&["UPS"; 100]));
    let refused = |content: &[u8]| {
        let (_folder, plan) = one_file("a.parquet", content, |_| {});
        let error = get(&plan).err().expect("the file is refused");
        assert_eq!(error.exit_code(), 3);
        error.to_string()
    };
    assert!(refused(&good[..good.len() / 2]).contains("has no Parquet mark at its end"));
    assert!(refused(b"PAR1").contains("too short"));
    let mut endless = good.clone();
    let at = good.len() - 8;
    endless[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(refused(&endless).contains("names a footer longer than the file"));
    let mut encrypted = good.clone();
    encrypted[good.len() - 1] = b'E';
    assert!(refused(&encrypted).contains("is encrypted"));
    // Whichever byte of the data is damaged, reading returns all rows or a refusal.
    let (folder, plan) = one_file("a.parquet", &good, |_| {});
    for at in (4..good.len() - 8).step_by(29) {
        let mut damaged = good.clone();
        damaged[at] ^= 0x55;
        fs::write(folder.path().join("a.parquet"), &damaged).unwrap();
        match get(&plan) {
            Ok(got) => assert_eq!(got.rows.len() as u64, got.survey.files[0].rows.unwrap()),
            Err(error) => assert_eq!(error.exit_code(), 3, "{error}"),
        }
    }
    let huge = with("carrier", Arc::new(StringArray::from(vec!["x".repeat(3 << 20)])));
    assert!(refused(&huge).contains("max_field_bytes"));
}

#[test]
fn the_digest_is_of_the_content() {
    let (folder, plan) = one_file("a.parquet", &with("carrier", texts(&["UPS"])), |_| {});
    let digest = |plan: &Plan| {
        let mut survey = survey(plan).unwrap();
        survey.identify(plan).unwrap();
        survey.files[0].digest.clone().unwrap()
    };
    let content = fs::read(folder.path().join("a.parquet")).unwrap();
    assert_eq!(digest(&plan), format!("blake3:{}", blake3::hash(&content).to_hex()));
    let units = survey(&plan).unwrap().units;
    assert_eq!((units[0].first_record, units[0].rows), (1, 1));
    let (_folder, other) = one_file("a.parquet", &with("carrier", texts(&["DHL"])), |_| {});
    assert_ne!(digest(&other), digest(&plan));
}
