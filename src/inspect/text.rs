//! A look at delimited text: its records, those that cannot be cut or decoded, and its columns.
//!
//! It reads by the same reader as a run, record by record. Lines that are not records are counted with the first
//! places; it fails if the content cannot be read to its end, and if there are no headings.

use super::profile::Profile;
use super::suggest::{Fill, Keys};
use super::{ColumnLook, Finding, Look, Request, Spot, Spots, TextLook, Values, shown_heading, suggest};
use crate::job::plan::{Dialect, Quote};
use crate::scan::content::FileContent;
use crate::scan::csv::undouble;
use crate::scan::files::{Packing, delimiter_by_suffix};
use crate::scan::headings::{are_values, is_value};
use crate::scan::records::{CellRange, Cutting, Fault, Next, RecordReader};
use crate::scan::store::Origin;
use encoding_rs::UTF_8;
use vtr_columnar::input::{Column, Kind};

/// Bytes that are examined for line ends, delimiter and encoding.
const HEAD: usize = 64 << 10;
/// First records that are checked for looking like headings.
const FIRST_RECORDS: usize = 10;

pub(super) fn look(request: &Request, origin: &Origin, packing: Packing, look: &mut Look) -> Result<(), String> {
    let head = FileContent::open(origin, packing, &request.limits)?.head(HEAD)?;
    let mut dialect = choose_dialect(request, &head, look);
    // If the file is read again in an encoding that only its bytes suggest, the fault in the declared one is still
    // reported.
    let mut undecodable = None;
    loop {
        let mut seen = read(request, origin, packing, &dialect)?;
        if let Some((encoding, spots)) = undecodable.take() {
            (seen.undecoded_in, seen.undecodable) = (encoding, spots);
        }
        match seen.better(encoding_rs::Encoding::for_bom(&head).is_some(), look) {
            Some(better) => {
                if seen.undecodable.count > 0 {
                    undecodable = Some((seen.undecoded_in, seen.undecodable));
                }
                dialect = better;
            }
            None => return seen.into_look(request, &dialect, &head, look),
        }
    }
}

/// Reads the file as a dialect cuts it.
fn read<'a>(
    request: &'a Request<'a>,
    origin: &Origin,
    packing: Packing,
    dialect: &'a Dialect,
) -> Result<TextFindings<'a>, String> {
    let delimiter = dialect.delimiter.expect("a delimiter was settled");
    let cutting = Cutting {
        delimiter,
        quote: dialect.quote.between(delimiter),
        max_record: request.limits.max_record_bytes,
        max_cells: request.limits.max_columns,
    };
    let content = FileContent::open(origin, packing, &request.limits)?;
    let mut records = RecordReader::new(content, dialect.encoding, cutting)?;
    for line in 1..dialect.header_line {
        if !records.skip_line()? {
            let at = dialect.header_line;
            return Err(format!("has {} lines, but its headings should be on line {at}", line - 1));
        }
    }
    let mut seen = TextFindings::new(request, dialect, cutting.quote);
    loop {
        match records.next()? {
            Next::End => return Ok(seen),
            Next::Fault(fault) => seen.fault(&records, fault),
            Next::Swallowed { lines } => seen.swallow(&records, lines),
            Next::Record { fields } => {
                let width = seen.headings.as_ref().map(Vec::len);
                let below = width.map_or(fields, |width| records.fields_below(width, fields));
                seen.record(&records, below)?;
                if width.is_none() {
                    records.expect(fields);
                }
            }
        }
    }
}

/// Decides how the file is cut: as declared; if a byte order mark or a `sep=` line contradicts, that is followed and
/// reported.
fn choose_dialect(request: &Request, head: &[u8], look: &mut Look) -> Dialect {
    let mut dialect = request.input.dialect.clone();
    if let Some(encoding) = suggest::by_mark(head).filter(|_| !request.declared.encoding) {
        dialect.encoding = encoding;
        look.hints.push(format!(
            "begins with the mark of {}, so it is read in that: a job needs `encoding = \"utf-16\"`",
            encoding.name().to_ascii_lowercase()
        ));
    } else if let Some(wide) = suggest::likely_wide(head).filter(|_| !request.declared.encoding) {
        dialect.encoding = encoding_rs::Encoding::for_label(wide.as_bytes()).unwrap_or(UTF_8);
        look.hints
            .push(format!("every other byte is zero, so it is read as {wide}: a job needs `encoding = \"{wide}\"`"));
    }
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if let Some([delimiter, b'\r' | b'\n', ..]) = start.strip_prefix(b"sep=").or(start.strip_prefix(b"SEP="))
        && delimiter.is_ascii()
        && !request.declared.header_line
    {
        dialect.header_line = 2;
        let delimiter = *dialect.delimiter.get_or_insert(*delimiter);
        look.hints.push(format!(
            "line 1 tells a spreadsheet the delimiter; the headings follow it: a job needs `header_line = 2` and \
             `delimiter = {}`",
            suggest::quoted_delimiter(delimiter)
        ));
    }
    let delimiter = *dialect.delimiter.get_or_insert_with(|| delimiter_by_suffix(&look.file));
    let decoded = dialect.encoding.decode_without_bom_handling(head).0;
    if let Some(likely) = suggest::likely_delimiter(decoded.as_bytes(), delimiter) {
        let (given, likely_shown) = (suggest::quoted_delimiter(delimiter), suggest::quoted_delimiter(likely));
        if request.declared.delimiter {
            look.hints.push(format!("the delimiter {given} cuts nothing; look again with --delimiter {likely_shown}"));
        } else {
            dialect.delimiter = Some(likely);
            look.hints.push(format!(
                "the delimiter {given} cuts nothing, so it is read with {likely_shown}: a job needs `delimiter = {likely_shown}`"
            ));
        }
    }
    dialect
}

/// The results of reading.
struct TextFindings<'a> {
    request: &'a Request<'a>,
    dialect: &'a Dialect,
    quote: Option<u8>,
    headings: Option<Vec<String>>,
    heading_line: u64,
    profiles: Vec<Profile>,
    /// All records, and those after the headings.
    records: u64,
    rows: u64,
    ragged: Spots,
    /// Those among them with a quote behind a backslash.
    escaped: u64,
    unterminated: Spots,
    after_quote: Spots,
    swallowed: Spots,
    oversize: Spots,
    long_cells: Spots,
    nul: Spots,
    undecodable: Spots,
    /// The encoding in which these are invalid.
    undecoded_in: &'static encoding_rs::Encoding,
    /// Bytes of records that are invalid in the encoding.
    undecoded: Vec<u8>,
    /// Lines and cells of the first records.
    first: Vec<(u64, Vec<String>)>,
    unquoted: String,
}

impl<'a> TextFindings<'a> {
    fn new(request: &'a Request<'a>, dialect: &'a Dialect, quote: Option<u8>) -> TextFindings<'a> {
        TextFindings {
            request,
            dialect,
            quote,
            headings: None,
            heading_line: 0,
            profiles: Vec::new(),
            records: 0,
            rows: 0,
            ragged: Spots::default(),
            escaped: 0,
            unterminated: Spots::default(),
            after_quote: Spots::default(),
            swallowed: Spots::default(),
            oversize: Spots::default(),
            long_cells: Spots::default(),
            nul: Spots::default(),
            undecodable: Spots::default(),
            undecoded_in: dialect.encoding,
            undecoded: Vec::new(),
            first: Vec::new(),
            unquoted: String::new(),
        }
    }

    /// Counts a record and returns its place.
    fn spot(&mut self, records: &RecordReader) -> Spot {
        self.records += 1;
        self.rows += u64::from(self.headings.is_some());
        Spot { record: self.rows, line: records.line(), byte_offset: records.offset(), fields: None }
    }

    fn fault(&mut self, records: &RecordReader, fault: Fault) {
        let spot = self.spot(records);
        match fault {
            Fault::Unterminated => self.unterminated.add(spot),
            Fault::AfterQuote => self.after_quote.add(spot),
            Fault::Oversize => self.oversize.add(spot),
        }
    }

    /// Counts a record that a run rejects, and its lines.
    fn swallow(&mut self, records: &RecordReader, lines: u64) {
        let spot = self.spot(records);
        self.swallowed.add(spot);
        self.swallowed.count += lines - 1;
    }

    fn record(&mut self, records: &RecordReader, fields: usize) -> Result<(), String> {
        if self.headings.as_ref().is_some_and(|headings| records.is_blank(headings.len())) {
            return Ok(());
        }
        let spot = self.spot(records);
        let bytes = records.bytes();
        let decoded = std::str::from_utf8(bytes);
        if let Err(error) = &decoded {
            let within = if self.dialect.encoding == UTF_8 { error.valid_up_to() as u64 } else { 0 };
            self.undecodable.add(Spot { byte_offset: spot.byte_offset + within, ..spot });
            let room = HEAD.saturating_sub(self.undecoded.len());
            self.undecoded.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        if bytes.contains(&0) {
            self.nul.add(spot);
        }
        if self.first.len() < FIRST_RECORDS {
            self.first.push((spot.line, self.texts(records)));
        }
        let Some(headings) = &self.headings else { return self.head(records, fields) };
        if fields != headings.len() {
            self.escaped += u64::from(bytes.windows(2).any(|pair| pair == b"\\\""));
            self.ragged.add(Spot { fields: Some(fields as u64), ..spot });
            return Ok(());
        }
        if records.cells().iter().any(|cell| cell.end - cell.start > self.request.limits.max_field_bytes) {
            self.long_cells.add(spot);
            return Ok(());
        }
        let Ok(text) = decoded else { return Ok(()) };
        for (cell, profile) in records.cells().iter().zip(&mut self.profiles) {
            let mut value = &text[cell.start..cell.end];
            if cell.doubled {
                undouble(value, bytes[cell.start - 1], &mut self.unquoted);
                value = &self.unquoted;
            }
            profile.cell(value, &self.request.input.cells);
        }
        Ok(())
    }

    /// Takes the first record for the headings.
    fn head(&mut self, records: &RecordReader, fields: usize) -> Result<(), String> {
        let max = self.request.limits.max_columns;
        if fields > max {
            return Err(format!(
                "has {fields} columns, more than {max}; if that is right, look again with --set limits.max_columns={fields}"
            ));
        }
        self.heading_line = records.line();
        let shows = self.request.values == Values::Shown;
        self.profiles = (0..fields).map(|_| Profile::new(shows)).collect();
        self.headings = Some(self.texts(records));
        Ok(())
    }

    fn texts(&self, records: &RecordReader) -> Vec<String> {
        let bytes = records.bytes();
        let text = |cell: &CellRange| {
            let text = String::from_utf8_lossy(&bytes[cell.start..cell.end]);
            let quote = self.quote.map_or('"', char::from);
            if cell.doubled { text.replace(&format!("{quote}{quote}"), &quote.to_string()) } else { text.into_owned() }
        };
        records.cells().iter().map(text).collect()
    }

    /// Returns the dialect that fits the file better, if none was declared; the change is reported.
    fn better(&self, has_mark: bool, look: &mut Look) -> Option<Dialect> {
        let declared = self.request.declared;
        if self.undecodable.count > 0 && !declared.encoding && self.dialect.encoding == UTF_8 && has_mark {
            look.hints.push("it begins with the mark of UTF-8, but not all of it is UTF-8: export it again".to_owned());
            return None;
        }
        if self.undecodable.count > 0 && !declared.encoding && self.dialect.encoding == UTF_8 {
            let likely = suggest::likely_encoding(&self.undecoded);
            let encoding = encoding_rs::Encoding::for_label(likely.as_bytes())?;
            look.hints.push(format!(
                "it is not UTF-8, so it is read as {likely}, which its bytes may be: a job needs `encoding = \"{likely}\"`; look \
                 with --show-values whether names read well"
            ));
            return Some(Dialect { encoding, ..self.dialect.clone() });
        }
        let line = self.better_line().filter(|_| !declared.header_line && self.dialect.header_line == 1)?;
        look.hints.push(format!(
            "line {line} reads more like headings than line {}, so it is read from there: a job needs `header_line = {line}`",
            self.heading_line
        ));
        Some(Dialect { header_line: usize::try_from(line).ok()?, ..self.dialect.clone() })
    }

    /// Returns the line that looks more like headings than the one that is taken for them.
    fn better_line(&self) -> Option<u64> {
        let known = suggest::known_headings(self.headings.as_ref()?);
        let others = self.first.iter().filter(|(line, _)| *line != self.heading_line);
        let (others, line) = others
            .map(|(line, cells)| (suggest::known_headings(cells), *line))
            .max_by_key(|(known, line)| (*known, std::cmp::Reverse(*line)))?;
        (others > known + 1).then_some(line)
    }

    fn into_look(mut self, request: &Request, dialect: &Dialect, head: &[u8], look: &mut Look) -> Result<(), String> {
        let Some(headings) = self.headings.take() else {
            let at = dialect.header_line;
            return Err(if self.records == 0 {
                format!("has no headings: line {at} and all that follow are empty")
            } else {
                "has no headings: no line of it is a record".to_owned()
            });
        };
        self.say_of_headings(&headings, look);
        look.rows = self.rows;
        let fills: Vec<Fill> = self.profiles.iter().map(Fill::of).collect();
        look.mapping = suggest::mapping(&headings, &fills);
        let uncut = self.unterminated.count + self.after_quote.count + self.oversize.count;
        if uncut > 0 {
            look.refused = Some(format!(
                "{uncut} of {} records cannot be cut, and where they end is uncertain; a run rejects each such line. \
                 Export the file again, with quotes in cells doubled and not behind a backslash, or declare its dialect: another \
                 --quote, or --quote \"\" for none",
                self.records
            ));
        }
        if self.escaped > 0 && self.quote.is_some() {
            look.hints.push(format!(
                "{} of these records with other numbers of fields have a quote behind a backslash (\\\"), as Spark, MySQL and Redshift \
                 write one: export with quotes doubled (Spark: option(\"escape\", \"\\\"\")), or as Parquet",
                vtr_kernel::text::grouped(self.escaped)
            ));
        }
        look.text = Some(TextLook {
            encoding: dialect.encoding.name().to_ascii_lowercase(),
            byte_order_mark: encoding_rs::Encoding::for_bom(head).is_some(),
            delimiter: char::from(dialect.delimiter.unwrap_or(b',')),
            quote: self.quote.map(char::from),
            line_ends: line_ends(head),
            header_line: self.heading_line,
            records: self.records,
            ragged: self.ragged.count,
            undecodable_at: self.undecodable.first.first().map(|spot| spot.byte_offset),
        });
        let profiles = std::mem::take(&mut self.profiles);
        look.columns = columns(&headings, &profiles, look);
        let looked: Vec<(Column, &Profile)> = headings
            .iter()
            .zip(&profiles)
            .filter_map(|(heading, profile)| {
                Some((Column::from_name(look.mapping.column_of(trimmed(heading))?)?, profile))
            })
            .collect();
        let mut keys = Keys::of_columns(&looked, &request.input.cells.nulls);
        add_declared(request, &mut keys);
        keys.csv = csv_keys(dialect, self.heading_line, look);
        look.findings = self.findings(&headings, &profiles, look);
        look.findings.extend(super::findings::of_scans(&looked));
        look.findings.extend(super::findings::of_stores(&looked));
        look.snippet = suggest::snippet(look, &keys);
        Ok(())
    }

    fn say_of_headings(&self, headings: &[String], look: &mut Look) {
        if let Some(line) = self.better_line() {
            look.hints.push(format!("line {line} reads more like headings; look again with --header-line {line}"));
        } else if headings.iter().any(|heading| is_value(heading)) {
            look.hints.push(format!(
                "line {} may be no headings: some of its cells look like values, and are not shown; a job needs a line of \
                 headings",
                self.heading_line
            ));
        }
        if self.heading_line > self.dialect.header_line as u64 {
            let (line, declared) = (self.heading_line, self.dialect.header_line);
            look.hints.push(format!(
                "there are no headings on line {declared}, the first record stands on line {line}: a job needs \
                 `header_line = {line}`"
            ));
        }
    }

    fn findings(self, headings: &[String], profiles: &[Profile], look: &Look) -> Vec<Finding> {
        let (width, limits) = (headings.len(), &self.request.limits);
        let encoding = self.undecoded_in.name().to_ascii_lowercase();
        let unless =
            if self.undecoded_in == self.dialect.encoding { "" } else { " unless the job declares `encoding`" };
        let mut findings = vec![
            self.undecodable.finding(
                "undecodable",
                format!("records with bytes that are not {encoding}; a run rejects each{unless}"),
            ),
            self.unterminated
                .finding("unterminated_quote", "lines with a quote that opens a field and is never closed"),
            self.after_quote.finding("text_after_quote", "lines with text after the closing quote of a field"),
            self.swallowed.finding(
                "quote_swallowed_lines",
                "lines that became one record, because a quote opened a field and was closed lines below; a run rejects each",
            ),
            self.oversize.finding("oversize_record", format!("lines longer than {} bytes", limits.max_record_bytes)),
            self.ragged.finding(
                "ragged",
                format!("records with more or fewer fields than the {width} headings; a run rejects each"),
            ),
            self.long_cells.finding(
                "oversize_field",
                format!("records with a field longer than {} bytes; a run rejects each", limits.max_field_bytes),
            ),
            self.nul.finding("nul", "records with a NUL character; a run rejects each"),
        ];
        findings.extend(doubled(headings));
        for (column, profile) in look.columns.iter().zip(profiles) {
            if let Some(mapped) = column.maps_to.and_then(Column::from_name) {
                findings.extend(super::findings::of_column(mapped, &column.name, profile));
            }
        }
        findings.extend(super::findings::of_file(headings, &look.mapping));
        findings
    }
}

/// Returns the headings that appear twice, which a job cannot distinguish.
pub(super) fn doubled(headings: &[String]) -> Vec<Finding> {
    let keys: Vec<String> = headings.iter().map(|heading| crate::scan::headings::key(heading)).collect();
    let mut findings = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let same: Vec<usize> = (0..keys.len()).filter(|other| keys[*other] == *key).collect();
        if same.len() > 1 && same[0] == index && !key.is_empty() {
            let places: Vec<String> = same.iter().map(|place| (place + 1).to_string()).collect();
            let says = format!(
                "the heading `{}` stands in columns {}; case and outer blanks make no difference, and a job that maps it \
                 is refused",
                shown_name(headings, index),
                places.join(" and ")
            );
            findings.push(Finding { kind: "doubled_heading", count: same.len() as u64, says, first: Vec::new() });
        }
    }
    findings
}

fn shown_name(headings: &[String], index: usize) -> String {
    let shown = shown_heading(&headings[index]);
    let is_hidden = shown.is_empty() || is_value(&headings[index]) || are_values(headings);
    if is_hidden { format!("(column {})", index + 1) } else { shown }
}

fn columns(headings: &[String], profiles: &[Profile], look: &Look) -> Vec<ColumnLook> {
    let column = |(index, (heading, profile)): (usize, (&String, &Profile))| {
        let maps_to = look.mapping.column_of(trimmed(heading));
        let (distinct, distinct_is_exact) = profile.distinct.count();
        let is_time = maps_to.and_then(Column::from_name).is_some_and(|column| column.kind() == Kind::Time);
        let mut formats = profile.time_formats();
        // Plain numbers are hardly ever times.
        formats.retain(|format| is_time || format.contains('%'));
        let note = match formats.as_slice() {
            [] => None,
            [one] => Some(format!("times as {one}")),
            several => Some(format!("times as {}: say which", several.join(" or "))),
        };
        ColumnLook {
            name: shown_name(headings, index),
            kind: profile.kind().to_owned(),
            values: profile.values,
            nulls: profile.nulls,
            distinct: Some(distinct),
            distinct_is_exact,
            longest_bytes: Some(profile.longest),
            maps_to,
            note,
            examples: profile.examples.clone(),
        }
    };
    headings.iter().zip(profiles).enumerate().map(column).collect()
}

/// Returns a heading without surrounding blanks and quotes.
fn trimmed(heading: &str) -> &str {
    heading.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Adds the declarations for cells, which a job needs too.
fn add_declared(request: &Request, keys: &mut Keys) {
    let cells = &request.input.cells;
    if cells.decimal_mark != b'.' {
        keys.input.push(("decimal", "\",\"".to_owned()));
    }
    if !request.timestamps.is_empty() {
        keys.input.retain(|(key, _)| !key.ends_with("timestamps"));
        keys.input.push(("timestamps", format!("{:?}", request.timestamps)));
    }
}

/// Returns the keys of `[input.csv]` that the file needs beside the defaults.
fn csv_keys(dialect: &Dialect, header_line: u64, look: &Look) -> Vec<(&'static str, String)> {
    let mut keys = Vec::new();
    let delimiter = dialect.delimiter.unwrap_or(b',');
    if delimiter != delimiter_by_suffix(&look.file) {
        keys.push(("delimiter", suggest::quoted_delimiter(delimiter)));
    }
    match dialect.quote {
        quote if quote.between(delimiter) == Quote::ByDelimiter.between(delimiter) => {}
        Quote::Byte(quote) => keys.push(("quote", suggest::quoted_delimiter(quote))),
        _ => keys.push(("quote", "\"\"".to_owned())),
    }
    if dialect.encoding != UTF_8 {
        let name = dialect.encoding.name().to_ascii_lowercase();
        let is_wide_by_mark = name.starts_with("utf-16") && look.text.as_ref().is_some_and(|text| text.byte_order_mark);
        keys.push(("encoding", format!("\"{}\"", if is_wide_by_mark { "utf-16" } else { &name })));
    }
    if header_line != 1 {
        keys.push(("header_line", header_line.to_string()));
    }
    keys
}

fn line_ends(head: &[u8]) -> &'static str {
    let head = if head.len() == HEAD { head.strip_suffix(b"\r").unwrap_or(head) } else { head };
    // The zero bytes of UTF-16 are ignored.
    let bytes: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    let both = bytes.windows(2).filter(|pair| *pair == b"\r\n").count();
    let count = |wanted: u8| bytes.iter().filter(|byte| **byte == wanted).count();
    match (count(b'\n') - both, count(b'\r') - both, both) {
        (0, 0, 0) => "none",
        (_, 0, 0) => "LF",
        (0, _, 0) => "CR",
        (0, 0, _) => "CRLF",
        _ => "mixed",
    }
}
