//! Records as bytes: distributed over partitions, spilled, and found again without copying.
//!
//! A row is a head, cells by field and, for a package, counters; it is read in place. It types nothing itself. Rows
//! are written and read by this program within one run only, so a truncated row is a fault of the program.

use super::facts::Notes;
use vtr_kernel::calendar::Micros;
use vtr_kernel::instant::Moment;
use vtr_kernel::sources::Field;

/// The fields of a row beside its cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowHead {
    /// The input.
    pub input: u16,
    /// The part of the document that it is; for a package its flags.
    pub flags: u16,
    /// Its file.
    pub file: u32,
    /// Its number in the file.
    pub record: u64,
    /// The number of its document in the file; for a package the file that lent the order, from 1.
    pub document: u64,
    /// The time when it was written or updated.
    pub at: Option<Micros>,
}

const HEAD: usize = 32;
const NOTES: usize = 9 * 4;

/// Appends one row to a buffer.
pub struct RowWriter<'b> {
    bytes: &'b mut Vec<u8>,
    start: usize,
}

impl<'b> RowWriter<'b> {
    /// Begins a row.
    pub fn begin(bytes: &'b mut Vec<u8>, head: &RowHead) -> RowWriter<'b> {
        let start = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&head.input.to_le_bytes());
        bytes.extend_from_slice(&head.flags.to_le_bytes());
        bytes.extend_from_slice(&head.file.to_le_bytes());
        bytes.extend_from_slice(&head.record.to_le_bytes());
        bytes.extend_from_slice(&head.document.to_le_bytes());
        bytes.extend_from_slice(&head.at.unwrap_or(i64::MIN).to_le_bytes());
        debug_assert_eq!(bytes.len() - start, 4 + HEAD);
        RowWriter { bytes, start }
    }

    fn put(&mut self, field: Field, value: &[u8]) {
        self.bytes.push(field as u8);
        self.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(value);
    }

    /// Writes a text.
    pub fn text(&mut self, field: Field, text: &str) {
        self.put(field, text.as_bytes());
    }

    /// Writes a moment.
    pub fn time(&mut self, field: Field, moment: Moment) {
        let (kind, at) = match moment {
            Moment::Instant(at) => (0, at),
            Moment::Date(day) => (1, i64::from(day)),
        };
        let mut bytes = [0; 9];
        bytes[0] = kind;
        bytes[1..].copy_from_slice(&at.to_le_bytes());
        self.put(field, &bytes);
    }

    /// Writes an amount with nine digits after the decimal point.
    pub fn money(&mut self, field: Field, amount: i128) {
        self.put(field, &amount.to_le_bytes());
    }

    /// Writes an amount that can be thousands or thousandths.
    pub fn open(&mut self, field: Field) {
        self.put(field, &[]);
    }

    /// Ends a row.
    pub fn end(self) {
        let length = (self.bytes.len() - self.start - 4) as u32;
        self.bytes[self.start..self.start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Ends the row of a package.
    pub fn end_package(self, notes: &Notes) {
        notes.0.iter().for_each(|count| self.bytes.extend_from_slice(&count.to_le_bytes()));
        self.end();
    }
}

/// The content of an amount cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sum {
    /// The cell is empty.
    #[default]
    Blank,
    /// The amount can be thousands or thousandths.
    Open,
    /// This amount, with nine digits after the decimal point.
    Is(i128),
}

impl Sum {
    /// Returns the amount if it is known.
    pub fn known(self) -> Option<i128> {
        match self {
            Sum::Is(amount) => Some(amount),
            Sum::Blank | Sum::Open => None,
        }
    }
}

/// A row, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its head.
    pub head: RowHead,
    /// Its cells, and what follows them.
    rest: &'a [u8],
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut number = [0; N];
    number.copy_from_slice(&bytes[at..at + N]);
    number
}

/// Returns all rows of a buffer, in order.
pub fn rows(bytes: &[u8]) -> impl Iterator<Item = Row<'_>> {
    let mut left = bytes;
    std::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let length = u32::from_le_bytes(number(left, 0)) as usize;
        let (row, rest) = left[4..].split_at(length);
        left = rest;
        Some(Row::of(row))
    })
}

impl<'a> Row<'a> {
    /// Reads a row from its bytes without their length.
    pub fn of(bytes: &'a [u8]) -> Row<'a> {
        let at = i64::from_le_bytes(number(bytes, 24));
        let head = RowHead {
            input: u16::from_le_bytes(number(bytes, 0)),
            flags: u16::from_le_bytes(number(bytes, 2)),
            file: u32::from_le_bytes(number(bytes, 4)),
            record: u64::from_le_bytes(number(bytes, 8)),
            document: u64::from_le_bytes(number(bytes, 16)),
            at: (at != i64::MIN).then_some(at),
        };
        Row { head, rest: &bytes[HEAD..] }
    }

    /// Returns its cells as bytes: equal bytes are equal cells.
    pub fn cells(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the counters of a package, and the row without them.
    pub fn package(self) -> (Row<'a>, Notes) {
        let (cells, tail) = self.rest.split_at(self.rest.len() - NOTES);
        let mut notes = Notes::default();
        for (index, count) in notes.0.iter_mut().enumerate() {
            *count = u32::from_le_bytes(number(tail, index * 4));
        }
        (Row { rest: cells, ..self }, notes)
    }

    /// Hands on every cell, by the number of its field.
    pub fn each(&self, mut take: impl FnMut(u8, CellValue<'a>)) {
        let mut left = self.rest;
        while let Some((name, rest)) = left.split_first() {
            let length = u32::from_le_bytes(number(rest, 0)) as usize;
            let (value, rest) = rest[4..].split_at(length);
            take(*name, CellValue(value));
            left = rest;
        }
    }

    fn get(&self, field: Field) -> Option<&'a [u8]> {
        let mut left = self.rest;
        while let Some((name, rest)) = left.split_first() {
            let length = u32::from_le_bytes(number(rest, 0)) as usize;
            let (value, rest) = rest[4..].split_at(length);
            if *name == field as u8 {
                return Some(value);
            }
            left = rest;
        }
        None
    }

    /// Returns a text.
    pub fn text(&self, field: Field) -> Option<&'a str> {
        self.get(field).and_then(|value| CellValue(value).text())
    }

    /// Returns a moment.
    pub fn time(&self, field: Field) -> Option<Moment> {
        self.get(field).map(|value| CellValue(value).time())
    }

    /// Returns an amount with nine digits after the decimal point.
    pub fn money(&self, field: Field) -> Sum {
        match self.get(field) {
            None => Sum::Blank,
            Some([]) => Sum::Open,
            Some(value) => Sum::Is(CellValue(value).money()),
        }
    }
}

/// The bytes of a cell, in the type of its field.
#[derive(Clone, Copy, Debug)]
pub struct CellValue<'a>(&'a [u8]);

impl<'a> CellValue<'a> {
    /// Returns the text.
    pub fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// Returns the moment.
    pub fn time(self) -> Moment {
        let at = i64::from_le_bytes(number(self.0, 1));
        if self.0[0] == 0 { Moment::Instant(at) } else { Moment::Date(at as i32) }
    }

    /// Returns the amount, with nine digits after the decimal point.
    pub fn money(self) -> i128 {
        i128::from_le_bytes(number(self.0, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let mut bytes = Vec::new();
        let head = RowHead { input: 3, flags: 1, file: 7, record: 9, document: 8, at: Some(-5) };
        let mut row = RowWriter::begin(&mut bytes, &head);
        row.text(Field::OrderId, "é");
        row.time(Field::ShippedAt, Moment::Date(-3));
        row.money(Field::ItemPrice, -12);
        row.open(Field::ItemTax);
        row.end();
        let notes = Notes([1, 2, 3, 4, 5, 6, 7, 8, 9]);
        RowWriter::begin(&mut bytes, &RowHead::default()).end_package(&notes);
        let all: Vec<Row> = rows(&bytes).collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].head, all[0].text(Field::OrderId)), (head, Some("é")));
        assert_eq!(all[0].time(Field::ShippedAt), Some(Moment::Date(-3)));
        let money = [Field::ItemPrice, Field::ItemTax, Field::ShippingTax].map(|field| all[0].money(field));
        assert_eq!(money, [Sum::Is(-12), Sum::Open, Sum::Blank]);
        assert_eq!((all[0].text(Field::Sku), all[1].head.at), (None, None));
        assert_eq!(all[1].package().1, notes);
    }
}
