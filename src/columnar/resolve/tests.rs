//! Label columns from batch to batch, and the key of null.

use super::*;
use std::sync::Arc;

#[test]
fn values_outlive_a_batch_without_rows_and_one_without_the_column() {
    let whole: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("a"), None, Some("b")]));
    let (mut resolver, cells) = (Resolver::default(), CellRules::default());
    let mut resolved = 0;
    let mut labels = |origin: Origin| -> Vec<Option<u8>> {
        let labels = resolver.labels(&origin, &cells, |text, _| {
            resolved += 1;
            text.map(|text| text.as_bytes()[0])
        });
        let labels = labels.unwrap();
        let rows = if let Origin::Array(array) = origin { array.len() } else { 1 };
        let got = (0..rows).map(|row| labels.get(row)).collect();
        resolver.keep(labels);
        got
    };
    for _ in 0..2 {
        assert_eq!(labels(Origin::Array(&whole)), [Some(b'a'), None, Some(b'b')]);
        assert_eq!(labels(Origin::Array(&whole.slice(0, 0))), []);
        assert_eq!(labels(Origin::Array(&whole.slice(1, 2))), [None, Some(b'b')]);
        assert_eq!(labels(Origin::Constant("z")), [Some(b'z')]);
        assert_eq!(labels(Origin::Absent), [None]);
    }
    assert_eq!(resolved, 3 + 2 * 2, "a dictionary is resolved once, and null with it");
}

#[test]
fn null_has_a_key_of_its_own() {
    for length in [0, 1, 63, 64, 65, 200] {
        for offset in [0, 3, 64] {
            let valid: Vec<bool> = (0..offset + length).map(|row| row % 3 != 0 && row % 7 != 2).collect();
            let nulls = NullBuffer::from(valid.clone()).slice(offset, length);
            let keys: Vec<i32> = (0..length as i32).collect();
            let want: Vec<i32> =
                keys.iter().map(|key| if valid[offset + *key as usize] { *key } else { 999 }).collect();
            assert_eq!(with_null(&keys, &nulls, 999).to_vec(), want, "{length} from {offset}");
        }
    }
}

#[test]
fn the_reason_of_an_amount_that_cannot_be_read_is_its_notation_or_its_length() {
    let cells = CellRules::default();
    let texts: ArrayRef =
        Arc::new(StringArray::from(vec!["1,000.00", &"9".repeat(39), &format!("1.{}", "0".repeat(300))]));
    let doubles: ArrayRef = Arc::new(PrimitiveArray::<Float64Type>::from(vec![f64::NAN, 1e300, 5e-324]));
    for array in [&texts, &doubles] {
        let amounts = Amounts::new(&Origin::Array(array), &cells).unwrap();
        assert!((0..3).all(|row| amounts.get(row, &cells) == Cell::Fault));
        let why: Vec<&str> = (0..3).map(|row| amounts.fault_text(row, &cells)).collect();
        assert!(why[0].contains("not a number in the declared notation"), "{}", why[0]);
        assert!(why[1].contains("more than 38 digits") && why[2] == why[1], "{} {}", why[1], why[2]);
    }
}
