//! Cuts text into records and cells: a reader that holds one record at a time and loses none.
//!
//! It neither trims nor types nor knows the meaning of a column. A record that cannot be cut is a [`Fault`], and
//! reading goes on at the next physical line, so that one stray quote costs one line and never swallows the lines
//! after it; only content that cannot be read at all is an error.

use super::content::FileContent;
use super::decode::Decoding;
use super::marks::Marks;

/// How the text is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutting {
    /// The byte between cells.
    pub delimiter: u8,
    /// The byte around cells; `None` if quotes are text.
    pub quote: Option<u8>,
    /// Most bytes of a record.
    pub max_record: usize,
    /// Cells that are kept of a record; more are counted only.
    pub max_cells: usize,
}

/// A cell: its range in [`RecordReader::bytes`], without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellRange {
    /// First byte.
    pub start: usize,
    /// Past the last byte.
    pub end: usize,
    /// Whether quotes within the cell are doubled.
    pub doubled: bool,
}

/// Why a physical line is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A quote opens and is never closed.
    Unterminated,
    /// Something other than a delimiter follows a closing quote.
    AfterQuote,
    /// The record exceeds the limit of bytes.
    Oversize,
}

/// The result of reading on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A record; `fields` counts those beyond `max_cells` too.
    Record { fields: usize },
    /// A record with a cell that holds line ends and the cells of other records: a quote opened in the wrong place,
    /// and `lines` physical lines became one record.
    Swallowed { lines: u64 },
    /// A physical line that is not a record.
    Fault(Fault),
    /// The end of the file.
    End,
}

const STEP: usize = 256 << 10;

/// Records of one file, one after the other.
pub(crate) struct RecordReader {
    decoding: Decoding,
    cutting: Cutting,
    /// Delimiters, quotes and line ends of the unread text.
    marks: Marks,
    /// Decoded text: `start..end` is unread.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    /// Decoded bytes before `buffer[0]`.
    before: u64,
    /// Physical line of `buffer[start]`, from 1.
    line: u64,
    record: RecordSpan,
    cells: Vec<CellRange>,
    /// The number of delimiters from which a cell counts as holding other records; unknown before the headings are
    /// read.
    swallows: usize,
    /// Whether each record ends with a delimiter that the headings lack; unknown before the first record below them.
    ends_rows: Option<bool>,
}

/// The position of the current record.
#[derive(Clone, Copy, Debug, Default)]
struct RecordSpan {
    start: usize,
    end: usize,
    line: u64,
    offset: u64,
}

/// The result of looking for a record in the unread text.
enum RecordCut {
    /// A record: its bytes without and with the line end, its lines, its fields.
    Record {
        text: usize,
        whole: usize,
        lines: u64,
        fields: usize,
    },
    /// A line end where a record could begin.
    Empty {
        whole: usize,
    },
    /// More text is needed.
    Short,
    Fault(Fault),
}

impl RecordReader {
    /// Reads content in a declared encoding.
    ///
    /// # Errors
    /// The content cannot be read, or begins with the byte order mark of another encoding.
    pub fn new(
        content: FileContent,
        encoding: &'static encoding_rs::Encoding,
        cutting: Cutting,
    ) -> Result<RecordReader, String> {
        Ok(RecordReader {
            decoding: Decoding::new(content, encoding)?,
            cutting,
            marks: Marks::of([cutting.delimiter, cutting.quote.unwrap_or(b'\n'), b'\n', b'\r']),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            at_end: false,
            before: 0,
            line: 1,
            record: RecordSpan::default(),
            cells: Vec::new(),
            swallows: usize::MAX,
            ends_rows: None,
        })
    }

    /// Sets the number of fields of a record, by which a cell that swallowed others is recognised.
    pub fn expect(&mut self, fields: usize) {
        self.swallows = fields.saturating_sub(1).max(1);
    }

    /// Passes over one physical line; returns false at the end of the file.
    pub fn skip_line(&mut self) -> Result<bool, String> {
        if self.start == self.end && !self.fill()? {
            return Ok(false);
        }
        self.skip_to_next_line()?;
        Ok(true)
    }

    /// Returns the next record or fault. Empty lines are skipped.
    ///
    /// # Errors
    /// The content cannot be read on.
    pub fn next(&mut self) -> Result<Next, String> {
        loop {
            match self.cut() {
                RecordCut::Short => {
                    // The last byte may be a CR whose LF has not been read yet.
                    if self.end - self.start > self.cutting.max_record + 1 {
                        return self.fault(Fault::Oversize);
                    }
                    if !self.fill()? && self.start == self.end {
                        return Ok(Next::End);
                    }
                }
                RecordCut::Empty { whole } => {
                    self.start += whole;
                    self.line += 1;
                }
                RecordCut::Record { text, .. } if text > self.cutting.max_record => return self.fault(Fault::Oversize),
                RecordCut::Record { text, whole, lines, fields } => {
                    self.place(text);
                    self.start += whole;
                    self.line += lines;
                    return Ok(match self.has_swallowed(lines) {
                        true => Next::Swallowed { lines },
                        false => Next::Record { fields },
                    });
                }
                RecordCut::Fault(fault) => return self.fault(fault),
            }
        }
    }

    /// Returns whether a cell of the current record, which spans `lines` lines, holds a line end and as many
    /// delimiters as a record has.
    fn has_swallowed(&self, lines: u64) -> bool {
        let (bytes, delimiter) = (self.bytes(), self.cutting.delimiter);
        let swallows = |cell: &CellRange| {
            let text = &bytes[cell.start..cell.end];
            text.iter().any(|byte| is_line_end(*byte))
                && text.iter().filter(|byte| **byte == delimiter).count() >= self.swallows
        };
        lines > 1 && self.cells.iter().any(swallows)
    }

    /// Returns the physical lines of the current record.
    pub fn lines(&self) -> u64 {
        (self.line - self.record.line).max(1)
    }

    /// Returns the bytes of the current record, without its line end.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.record.start..self.record.end]
    }

    /// Returns the bytes from the current record on, as far as they have been read.
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.record.start..self.end]
    }

    /// Returns whether the current record of a file with some number of headings has delimiters and blanks only:
    /// spreadsheets write such lines below the last row, and like empty ones they are no records. Below a single heading
    /// blanks are a value.
    #[inline]
    pub fn is_blank(&self, headings: usize) -> bool {
        let (bytes, has_all) = (self.bytes(), self.cells.len() < self.cutting.max_cells);
        headings > 1
            && has_all
            && self.cells.iter().all(|cell| bytes[cell.start..cell.end].trim_ascii_start().is_empty())
    }

    /// Returns how many fields of the current record are below headings, of so many fields that it was cut into. If the
    /// first record below the headings ends with a delimiter that these lack, it ends a row in this file and begins no
    /// field.
    pub fn fields_below(&mut self, headings: usize, fields: usize) -> usize {
        if self.is_blank(headings) {
            return fields;
        }
        let last = self.cells.last().filter(|_| self.cells.len() == fields);
        let is_ended = last.is_some_and(|cell| cell.start == cell.end);
        let ends_rows = *self.ends_rows.get_or_insert(is_ended && fields == headings + 1);
        fields - usize::from(ends_rows && is_ended)
    }

    /// Returns whether the current record has a NUL character.
    pub fn has_nul(&self) -> bool {
        self.marks.has_nul() && self.bytes().contains(&0)
    }

    /// Returns the cells of the current record.
    pub fn cells(&self) -> &[CellRange] {
        &self.cells
    }

    /// Returns the physical line on which the current record begins, from 1.
    pub fn line(&self) -> u64 {
        self.record.line
    }

    /// Returns the byte offset in the inflated file at which the current record begins.
    pub fn offset(&self) -> u64 {
        self.record.offset
    }

    /// Returns the bytes of the file as stored and their SHA-256.
    ///
    /// # Errors
    /// The rest of the file cannot be read.
    pub fn finish(self) -> Result<(u64, String), String> {
        self.decoding.finish()
    }

    fn place(&mut self, text: usize) {
        let offset = self.decoding.source_offset(self.before + self.start as u64);
        self.record = RecordSpan { start: self.start, end: self.start + text, line: self.line, offset };
    }

    /// Gives up the physical line as a record and goes on after it.
    fn fault(&mut self, fault: Fault) -> Result<Next, String> {
        self.place(0);
        self.cells.clear();
        let RecordSpan { line, offset, .. } = self.record;
        self.skip_to_next_line()?;
        self.marks.go_to(self.start);
        self.record = RecordSpan { line, offset, ..RecordSpan::default() };
        Ok(Next::Fault(fault))
    }

    fn skip_to_next_line(&mut self) -> Result<(), String> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            let found = unread.iter().position(|byte| is_line_end(*byte));
            let Some(at) = found else {
                self.start = self.end;
                if !self.fill()? {
                    return Ok(());
                }
                continue;
            };
            self.start += at;
            if self.buffer[self.start] == b'\r' && self.start + 1 == self.end {
                self.fill()?;
            }
            let unread = &self.buffer[self.start..self.end];
            self.start += if unread.starts_with(b"\r\n") { 2 } else { 1 };
            self.line += 1;
            return Ok(());
        }
    }

    /// Reads more text after the unread; returns false if there is none.
    fn fill(&mut self) -> Result<bool, String> {
        if self.at_end {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.before += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        self.buffer.truncate(self.end);
        // Offsets of earlier lines are not needed any more.
        self.decoding.source_offset(self.before);
        // Doubling keeps the cost of scanning a long record again linear.
        let more = self.decoding.read(&mut self.buffer, STEP.max(self.end))?;
        self.end = self.buffer.len();
        self.at_end = !more;
        self.marks.look(&self.buffer);
        Ok(more)
    }

    /// Looks for one record at the start of the unread text.
    fn cut(&mut self) -> RecordCut {
        let text = &self.buffer[self.start..self.end];
        self.cells.clear();
        let (mut at, mut fields, mut lines) = (0, 0, 0);
        let Some(first) = text.first() else { return RecordCut::Short };
        if is_line_end(*first) {
            return match line_end(text, 0, self.at_end) {
                Some(whole) => RecordCut::Empty { whole },
                None => RecordCut::Short,
            };
        }
        loop {
            let cell = if self.cutting.quote.is_some_and(|quote| text.get(at) == Some(&quote)) {
                match quoted(text, at, self.at_end) {
                    Quoted::Cell { cell, lines: within } => {
                        lines += within;
                        cell
                    }
                    Quoted::Short => return RecordCut::Short,
                    Quoted::Unterminated => return RecordCut::Fault(Fault::Unterminated),
                }
            } else {
                let mut end = self.marks.after(self.start + at) - self.start;
                // A quote within a cell is text.
                while text.get(end).is_some_and(|byte| !self.ends_cell(*byte)) {
                    end = self.marks.after(self.start + end + 1) - self.start;
                }
                CellRange { start: at, end, doubled: false }
            };
            let closing = usize::from(cell.start > at);
            at = cell.end + closing;
            fields += 1;
            if fields <= self.cutting.max_cells {
                self.cells.push(cell);
            }
            match text.get(at) {
                None if !self.at_end => return RecordCut::Short,
                None => return RecordCut::Record { text: at, whole: at, lines: lines + 1, fields },
                Some(byte) if *byte == self.cutting.delimiter => at += 1,
                Some(byte) if is_line_end(*byte) => {
                    return match line_end(text, at, self.at_end) {
                        Some(length) => RecordCut::Record { text: at, whole: at + length, lines: lines + 1, fields },
                        None => RecordCut::Short,
                    };
                }
                Some(_) => return RecordCut::Fault(Fault::AfterQuote),
            }
        }
    }

    fn ends_cell(&self, byte: u8) -> bool {
        byte == self.cutting.delimiter || is_line_end(byte)
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Returns the bytes of the line end at a position: CR, LF or both; `None` if the byte after a CR has not been read
/// yet.
fn line_end(text: &[u8], at: usize, at_end: bool) -> Option<usize> {
    match (text[at], text.get(at + 1)) {
        (b'\r', Some(b'\n')) => Some(2),
        (b'\r', None) if !at_end => None,
        _ => Some(1),
    }
}

enum Quoted {
    Cell { cell: CellRange, lines: u64 },
    Short,
    Unterminated,
}

/// Cuts the quoted cell that opens at a position.
fn quoted(text: &[u8], open: usize, at_end: bool) -> Quoted {
    let quote = text[open];
    let (mut at, mut doubled, mut lines) = (open + 1, false, 0);
    loop {
        match text.get(at) {
            None if at_end => return Quoted::Unterminated,
            None => return Quoted::Short,
            Some(byte) if *byte == quote => match text.get(at + 1) {
                Some(next) if *next == quote => {
                    doubled = true;
                    at += 2;
                }
                None if !at_end => return Quoted::Short,
                _ => return Quoted::Cell { cell: CellRange { start: open + 1, end: at, doubled }, lines },
            },
            Some(b'\n') => {
                lines += 1;
                at += 1;
            }
            Some(b'\r') => {
                lines += u64::from(text.get(at + 1) != Some(&b'\n'));
                at += 1;
            }
            Some(_) => at += 1,
        }
    }
}
