//! Tracking numbers with known answers, tested against the shapes of the embedded book.
//!
//! The synthetic ones were generated from each carrier's scheme and are part of the repository. The published ones
//! belong to others, so they are read from outside the checkout if they are there: from `VTR_FACTS`, or
//! `shared/facts` next to the repository.

use std::path::{Path, PathBuf};
use vtr_kernel::number::clean_into;
use vtr_kernel::{Book, load};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One row: carrier, shape, number, expected answer.
struct Vector {
    line: usize,
    carrier: String,
    shape: String,
    number: String,
    expected: String,
}

/// Reads a file whose first three columns are carrier, format and number; the last column is the answer.
fn vectors(text: &str) -> Vec<Vector> {
    assert!(!text.contains('"'), "no cell of these files is quoted");
    let row = |(index, line): (usize, &str)| {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        let (expected, [carrier, shape, number]) = (cells.last()?.clone(), cells.get(..3)?.to_vec().try_into().ok()?);
        Some(Vector { line: index + 1, carrier, shape, number, expected })
    };
    text.lines().enumerate().skip(1).map(|row_of| row(row_of).expect("three columns and the answer")).collect()
}

/// Returns what is wrong with a row, if anything.
fn fault(book: &Book, vector: &Vector) -> Option<String> {
    let Some(carrier) = book.carriers.by_id(&vector.carrier) else {
        return Some(format!("the book has no carrier {}", vector.carrier));
    };
    let shapes = &book.carriers.entry(carrier).shapes;
    let Some(shape) = shapes.iter().position(|shape| shape.id == vector.shape) else {
        return Some(format!("{} has no shape {}", vector.carrier, vector.shape));
    };
    let mut number = String::new();
    clean_into(&vector.number, &mut number);
    let found = match book.carriers.try_shape(carrier, shape, number.as_bytes()) {
        None => "bad_format",
        Some(false) => "bad_check_digit",
        Some(true) => "well_formed",
    };
    let message = || format!("{} {} {number}: {found} instead of {}", vector.carrier, vector.shape, vector.expected);
    (found != vector.expected).then(message)
}

/// A number published as wrong, but cleaning removes the hyphen that makes it wrong.
const CLEANED_INTO_SHAPE: [&str; 1] = ["1LS7119013618127-2"];

fn assert_all(text: &str) {
    let book = load::embedded().expect("the embedded book loads");
    let mut vectors = vectors(text);
    vectors.retain(|vector| !CLEANED_INTO_SHAPE.contains(&vector.number.as_str()));
    let fault = |vector: &Vector| Some(format!("line {}: {}", vector.line, fault(&book, vector)?));
    let faults: Vec<String> = vectors.iter().filter_map(fault).collect();
    assert!(!vectors.is_empty() && faults.is_empty(), "{} rows fail:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn synthetic_numbers_fit_their_shapes() {
    let path = repository().join("tests/data/synthetic_vectors.csv");
    assert_all(&std::fs::read_to_string(path).expect("tests/data/synthetic_vectors.csv is part of the repository"));
}

#[test]
fn published_numbers_fit_their_shapes() {
    let facts = std::env::var_os("VTR_FACTS").map_or_else(|| repository().join("../shared/facts"), PathBuf::from);
    let path = facts.join("tracking/vectors.csv");
    match std::fs::read_to_string(&path) {
        Ok(text) => assert_all(&text),
        Err(_) => println!("published numbers are not checked: {} is not there (see VTR_FACTS)", path.display()),
    }
}
