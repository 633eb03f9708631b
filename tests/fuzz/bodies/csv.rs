//! Delimited text through survey and reader, as in a run: every record is read or rejected, in order and in its
//! place, and the cells equal those of a plain reading of the whole text.
//!
//! The first byte chooses a dialect, the second where the reader's buffer ends. The rest follows the headings, or
//! is the whole file if that is compressed or has its own headings.

use arrow::util::display::array_value_to_string;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use vtr::job::plan::Plan;
use vtr::job::{Overrides, load};
use vtr::scan::{Chunk, read, survey};
use vtr_columnar::fold::Records;

const COLUMNS: [&str; 4] = ["seller_id", "marketplace", "order_id", "shipped_at"];
/// The size of the reader's first buffer, and the greatest distance by which an input can be moved before its end.
const BUFFER: usize = 128 << 10;

/// The rules of a dialect for the plain reading.
#[derive(Clone, Copy)]
struct Cut {
    delimiter: u8,
    quote: Option<u8>,
    max_record: usize,
    max_field: usize,
}

/// A dialect: the name of the file, the keys of `[input.csv]` and `[limits]`, and the rules for splitting it if the
/// whole can be read plainly.
struct Dialect {
    file: &'static str,
    csv: &'static str,
    limits: &'static str,
    cut: Option<Cut>,
    headings: Headings,
}

#[derive(Clone, Copy, PartialEq)]
enum Headings {
    Given,
    Wide,
    InTheInput,
}

const fn cut(delimiter: u8, quote: Option<u8>, max_record: usize, max_field: usize) -> Option<Cut> {
    Some(Cut { delimiter, quote, max_record, max_field })
}

const fn dialect(file: &'static str, csv: &'static str, limits: &'static str, cut: Option<Cut>) -> Dialect {
    Dialect { file, csv, limits, cut, headings: Headings::Given }
}

const SMALL: &str = "max_record_bytes = 64\nmax_field_bytes = 24\n";

const DIALECTS: [Dialect; 12] = [
    dialect("a.csv", "", SMALL, cut(b',', Some(b'"'), 64, 24)),
    dialect("b.csv", "", "", cut(b',', Some(b'"'), 1 << 20, 64 << 10)),
    dialect("c.csv", "delimiter = \";\"\nquote = \"'\"\n", SMALL, cut(b';', Some(b'\''), 64, 24)),
    dialect("d.tsv", "quote = \"\"\n", "", cut(b'\t', None, 1 << 20, 64 << 10)),
    dialect("e.txt", "quote = \"\\\"\"\n", SMALL, cut(b'\t', Some(b'"'), 64, 24)),
    Dialect {
        headings: Headings::Wide,
        ..dialect("f.csv", "encoding = \"utf-16le\"\n", "max_record_bytes = 64\nmax_field_bytes = 24\n", None)
    },
    dialect("g.csv", "encoding = \"windows-1252\"\n", SMALL, None),
    dialect("h.csv", "encoding = \"shift_jis\"\n", SMALL, None),
    dialect("i.csv", "encoding = \"gb18030\"\n", "", None),
    Dialect { headings: Headings::InTheInput, ..dialect("j.csv.gz", "", "max_inflated_bytes = 1048576\n", None) },
    Dialect { headings: Headings::InTheInput, ..dialect("k.csv.zst", "", "max_inflated_bytes = 1048576\n", None) },
    Dialect { headings: Headings::InTheInput, ..dialect("l.csv", "header_line = 2\n", "max_columns = 8\n", None) },
];

/// Plans of all dialects over files of one folder.
pub struct Csv {
    folder: PathBuf,
    plans: Vec<Plan>,
}

impl Csv {
    /// Writes the jobs into a folder, which the caller removes.
    pub fn new(folder: PathBuf) -> Csv {
        let plan = |(index, dialect): (usize, &Dialect)| {
            let Dialect { file, csv, limits, .. } = dialect;
            let job = format!(
                "name = \"fuzz\"\n[[input]]\npath = \"{file}\"\nformat = \"csv\"\nallow_absent = [\"tracking_number\"]\n[input.csv]\n{csv}\
                 [output]\npath = \"out\"\n[limits]\n{limits}"
            );
            let path = folder.join(format!("{index}.toml"));
            fs::write(&path, job).expect("the folder can be written");
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000);
            load(&path, &Overrides::default(), now).unwrap_or_else(|error| panic!("{error}"))
        };
        let plans = DIALECTS.iter().enumerate().map(plan).collect();
        Csv { folder, plans }
    }

    /// Runs one input.
    pub fn run(&self, data: &[u8]) {
        let [choice, moved, rest @ ..] = data else { return };
        let which = usize::from(*choice) % DIALECTS.len();
        let (dialect, plan) = (&DIALECTS[which], &self.plans[which]);
        let content = content(dialect, *moved, rest);
        fs::write(self.folder.join(dialect.file), &content).expect("the folder can be written");
        let surveyed = match survey(plan) {
            Ok(surveyed) => surveyed,
            Err(error) => {
                assert!(dialect.headings == Headings::InTheInput, "refused: {error}");
                assert_eq!(error.exit_code(), 3, "{error}");
                return;
            }
        };
        let mut rows = Rows::default();
        let end = read(plan, &surveyed, &surveyed.units[0], &mut |chunk| {
            rows.add(&chunk);
            Ok(())
        });
        match end {
            Ok(end) => {
                assert_eq!(end.bytes_read, content.len() as u64);
                rows.account_for(end.rows_read, content.len() as u64, dialect);
                if let Some(cut) = dialect.cut {
                    let plain = plainly(&content, cut);
                    assert_eq!(rows.places.len(), plain.len(), "records");
                    for (index, (read, plain)) in rows.places.iter().zip(&plain).enumerate() {
                        assert_eq!(read, plain, "record {}", index + 1);
                    }
                }
            }
            Err(error) => {
                assert!(dialect.headings == Headings::InTheInput, "given up: {error}");
                assert_eq!(error.exit_code(), 3, "{error}");
            }
        }
    }
}

/// Returns the file: headings, in some cases empty lines up to near the end of the reader's buffer, the input.
fn content(dialect: &Dialect, moved: u8, rest: &[u8]) -> Vec<u8> {
    let delimiter = match dialect.cut {
        Some(cut) => char::from(cut.delimiter),
        None => ',',
    };
    let headings = COLUMNS.join(&delimiter.to_string()) + &format!("{delimiter}note\n");
    let mut content = match dialect.headings {
        Headings::Given => headings.into_bytes(),
        Headings::Wide => headings.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Headings::InTheInput => return rest.to_vec(),
    };
    // This happens rarely, because it is slow.
    if moved >= 0xf0 && dialect.headings == Headings::Given {
        content.resize(BUFFER - 3 * usize::from(moved - 0xf0), b'\n');
    }
    content.extend_from_slice(rest);
    content
}

/// The place of a record, and its mapped cells if it is read.
#[derive(Debug, PartialEq)]
struct Place {
    line: u64,
    offset: u64,
    cells: Option<Vec<String>>,
}

#[derive(Default)]
struct Rows {
    /// Record numbers with their places, in order of arrival.
    numbered: Vec<(u64, Place)>,
    /// The places by record number.
    places: Vec<Place>,
}

impl Rows {
    fn add(&mut self, chunk: &Chunk) {
        let Records::Listed { record, line, byte_offset } = &chunk.records else {
            panic!("records of text have places");
        };
        assert_eq!(chunk.batch.num_rows(), record.len());
        assert!(record.len() == line.len() && line.len() == byte_offset.len());
        for row in 0..record.len() {
            let cell = |name: &&str| {
                let column = chunk.batch.column_by_name(name).expect("the columns are mapped");
                array_value_to_string(column, row).expect("text shows")
            };
            let mapped = COLUMNS.iter().filter(|name| chunk.batch.column_by_name(name).is_some());
            let cells = Some(mapped.map(cell).collect());
            self.numbered.push((record[row], Place { line: line[row], offset: byte_offset[row], cells }));
        }
        for reject in &chunk.rejects {
            assert!(!reject.reason.is_empty());
            assert!(reject.value.as_ref().is_none_or(|value| value.chars().count() <= 200));
            let (line, offset) = (reject.line.expect("text has lines"), reject.byte_offset.expect("and offsets"));
            self.numbered.push((reject.record, Place { line, offset, cells: None }));
        }
    }

    /// Checks that each record occurs once, with lines and offsets ascending.
    fn account_for(&mut self, rows_read: u64, bytes: u64, dialect: &Dialect) {
        self.numbered.sort_by_key(|(number, _)| *number);
        assert_eq!(self.numbered.len() as u64, rows_read);
        let is_packed = dialect.file.ends_with(".gz") || dialect.file.ends_with(".zst");
        for (index, (number, place)) in self.numbered.iter().enumerate() {
            assert_eq!(*number, index as u64 + 1);
            assert!(is_packed || place.offset < bytes, "offset {} of {bytes}", place.offset);
        }
        for pair in self.numbered.windows(2) {
            let (one, next) = (&pair[0].1, &pair[1].1);
            // Lines inside an unclosed quote count one by one, at the place of their record.
            let is_swallowed = one.offset == next.offset && one.cells.is_none() && next.cells.is_none();
            assert!(one.line < next.line && (one.offset < next.offset || is_swallowed), "{one:?} then {next:?}");
        }
        self.places = std::mem::take(&mut self.numbered).into_iter().map(|(_, place)| place).collect();
        self.places.dedup_by(|next, one| next.offset == one.offset);
    }
}

/// Returns the records behind the headings, by reading the whole text byte by byte.
fn plainly(text: &[u8], cut: Cut) -> Vec<Place> {
    let ends = |at: usize| matches!(text.get(at), None | Some(b'\r' | b'\n'));
    let behind = |at: usize| if text[at..].starts_with(b"\r\n") { at + 2 } else { (at + 1).min(text.len()) };
    let (mut at, mut line, mut places, mut headings) = (0, 1, Vec::new(), None);
    while at < text.len() {
        if ends(at) {
            at = behind(at);
            line += 1;
            continue;
        }
        let record = record(text, at, cut).filter(|(_, end)| end - at <= cut.max_record);
        let fields = record.as_ref().map_or(&[][..], |(fields, _)| fields);
        let headings = *headings.get_or_insert(fields.len());
        let is_blank = headings > 1 && !fields.is_empty() && fields.iter().all(|(_, field)| is_white(field));
        let (cells, end) = match record {
            Some((fields, end)) => (accepted(&fields, &text[at..end], cut), end),
            None => (None, (at..).find(|place| ends(*place)).expect("the text ends")),
        };
        if !is_blank {
            places.push(Place { line, offset: at as u64, cells });
        }
        let next = if end < text.len() { behind(end) } else { end };
        line += lines_in(&text[at..next]);
        at = next;
    }
    places.remove(0);
    places
}

fn is_white(field: &[u8]) -> bool {
    field.iter().all(u8::is_ascii_whitespace)
}

fn lines_in(text: &[u8]) -> u64 {
    let ends = text.iter().enumerate();
    ends.filter(|(at, byte)| **byte == b'\n' || **byte == b'\r' && text.get(at + 1) != Some(&b'\n')).count() as u64
}

/// The number of bytes of a field without its quotes, and the field unquoted.
type Field = (usize, Vec<u8>);

/// Returns the fields of a record and its end; `None` if it cannot be split.
fn record(text: &[u8], from: usize, cut: Cut) -> Option<(Vec<Field>, usize)> {
    let (mut at, mut fields) = (from, Vec::new());
    loop {
        let (mut field, begun) = (Vec::new(), at);
        let raw = if cut.quote.is_some() && text.get(at) == cut.quote.as_ref() {
            at += 1;
            loop {
                let byte = *text.get(at)?;
                if Some(byte) != cut.quote {
                    field.push(byte);
                } else if text.get(at + 1) == cut.quote.as_ref() {
                    field.push(byte);
                    at += 1;
                } else {
                    break;
                }
                at += 1;
            }
            at += 1;
            at - begun - 2
        } else {
            while text.get(at).is_some_and(|byte| ![cut.delimiter, b'\r', b'\n'].contains(byte)) {
                field.push(text[at]);
                at += 1;
            }
            at - begun
        };
        fields.push((raw, field));
        match text.get(at) {
            None | Some(b'\r' | b'\n') => return Some((fields, at)),
            Some(byte) if *byte == cut.delimiter => at += 1,
            Some(_) => return None,
        }
    }
}

/// Returns the mapped cells of a record that is not rejected.
fn accepted(fields: &[Field], text: &[u8], cut: Cut) -> Option<Vec<String>> {
    let sound = std::str::from_utf8(text).is_ok()
        && !text.contains(&0)
        && fields.len() == COLUMNS.len() + 1
        && fields.iter().all(|(raw, _)| *raw <= cut.max_field);
    let text = |(_, field): &Field| String::from_utf8_lossy(field).into_owned();
    sound.then(|| fields.iter().take(COLUMNS.len()).map(text).collect())
}
