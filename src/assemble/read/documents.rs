//! JSON files to records.
//!
//! Documents are cut out of the stream and decoded one by one; a list in them may hold the records. A document that
//! cannot be decoded is one reject with its place, and reading goes on after it.

use super::cut::{Cut, CutPiece, Cutter};
use super::decode::{self, WantedPaths};
use super::{
    Each, FieldSet, RawFile, ReadItem, ReadSettings, Record, RecordCounts, RecordPart, constant_cells, first_filled,
};
use crate::error::Error;
use crate::scan::content::FileContent;
use serde_json::value::RawValue;
use std::borrow::Cow;
use vtr_columnar::fold::{Reject, shown_value};
use vtr_kernel::sources::{Field, From, Path, Spot, Step};

const STEP: usize = 128 << 10;

pub(super) fn read(
    file: &RawFile,
    reading: &ReadSettings,
    each: &mut Each,
) -> crate::error::Result<Result<RecordCounts, String>> {
    let mut content = match FileContent::open_json(file.origin, file.packing, reading.limits) {
        Ok(content) => content,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut documents = Documents::new(file, reading);
    let mut cutter = Cutter::new(documents.lists(), reading.max_document_bytes);
    let mut buffer = vec![0; STEP];
    let mut filled = 0;
    let mut begun = false;
    loop {
        let read = match content.read(&mut buffer[filled..]) {
            Ok(read) => read,
            Err(refused) => return Ok(Err(refused)),
        };
        filled += read;
        if !begun && read > 0 && filled < 4 {
            continue;
        }
        let mut bytes = &buffer[..filled];
        if !begun {
            begun = true;
            match mark(bytes) {
                Ok(length) => {
                    cutter.pass(length as u64);
                    bytes = &bytes[length..];
                }
                Err(refused) => return Ok(Err(refused)),
            }
        }
        cutter.feed(bytes, &mut |piece| documents.piece(piece, each))?;
        filled = 0;
        if read == 0 {
            break;
        }
    }
    cutter.finish(&mut |piece| documents.piece(piece, each))?;
    let mut counts = documents.counts;
    Ok(content.finish().map(|(bytes, digest)| {
        (counts.bytes, counts.digest) = (bytes, Some(digest));
        counts
    }))
}

/// Returns the length of the byte order mark of UTF-8.
fn mark(bytes: &[u8]) -> Result<usize, String> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Ok(3),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..] => {
            Err("is written in UTF-16 or UTF-32; JSON is read in UTF-8 only: write it again".to_owned())
        }
        _ => Ok(0),
    }
}

/// The number of a path, and its value in a document.
type PathValue<'a> = (usize, &'a RawValue);

/// Makes records from documents.
struct Documents<'a> {
    reading: &'a ReadSettings<'a>,
    base: [Option<&'a str>; Field::COUNT],
    /// For each field that is read: its places and the numbers of their values.
    columns: Vec<(Field, Vec<(usize, &'a Spot)>)>,
    of_document: WantedPaths,
    of_record: WantedPaths,
    /// The number of the elements of the list that holds the records.
    elements: Option<usize>,
    /// For each number, whether its value is of the document.
    from_document: Vec<bool>,
    counts: RecordCounts,
}

impl<'a> Documents<'a> {
    fn new(file: &RawFile<'a>, reading: &'a ReadSettings<'a>) -> Documents<'a> {
        let profile = reading.profile;
        let is_constant = |field: Field| file.constants.iter().any(|(known, _)| *known == field);
        let (mut of_document, mut of_record) = (WantedPaths::default(), WantedPaths::default());
        let (mut columns, mut from_document) = (Vec::new(), Vec::new());
        for (field, spots) in profile.columns.iter().filter(|(field, _)| !is_constant(*field)) {
            let mut places = Vec::new();
            for spot in spots {
                // Profile and job were checked when they were loaded.
                let Ok(path) = Path::read(&spot.at) else { continue };
                let number = from_document.len();
                let outer = profile.explode.is_none() || path.from == From::Document;
                if outer { &mut of_document } else { &mut of_record }.add(&path.steps, number);
                from_document.push(outer);
                places.push((number, spot));
            }
            columns.push((*field, places));
        }
        let elements = profile.explode.as_ref().map(|path| {
            of_document.add(&path.steps, from_document.len());
            from_document.push(true);
            from_document.len() - 1
        });
        let base = constant_cells(file.constants, reading.cells);
        Documents {
            reading,
            base,
            columns,
            of_document,
            of_record,
            elements,
            from_document,
            counts: RecordCounts::default(),
        }
    }

    /// Returns the keys down to lists of documents within a page.
    fn lists(&self) -> Vec<Vec<String>> {
        let keys = |path: &Path| {
            let key = |step: &Step| match step {
                Step::Key(key) => Some(key.clone()),
                _ => None,
            };
            path.steps.iter().map(key).collect::<Option<Vec<String>>>().filter(|keys| !keys.is_empty())
        };
        self.reading.profile.records.iter().filter_map(keys).collect()
    }

    fn piece(&mut self, piece: CutPiece, each: &mut Each) -> Result<(), Error> {
        let (cut, whole) = match piece {
            CutPiece::Fault { reason, offset, line } => return self.reject(None, reason, None, (offset, line), each),
            CutPiece::Inside(cut) => (cut, false),
            CutPiece::Whole(cut) => (cut, true),
        };
        let at = (cut.offset, cut.line);
        match self.document(&cut, whole) {
            Err(reason) => self.reject(None, reason, None, at, each),
            Ok(document) => self.records(document, at, each),
        }
    }

    /// Returns the document that was cut out, or the one within it.
    fn document<'d>(&self, cut: &Cut<'d>, whole: bool) -> Result<&'d RawValue, String> {
        let raw = decode::value(cut.bytes)?;
        let is_object = |raw: &RawValue| raw.get().starts_with('{');
        if !whole {
            return if is_object(raw) {
                Ok(raw)
            } else {
                Err("is not a document: an object is expected here".to_owned())
            };
        }
        for path in self.reading.profile.records.iter().rev() {
            if let Some(found) = decode::down(raw, path)?.filter(|found| is_object(found)) {
                return Ok(found);
            }
        }
        let places: Vec<String> = self.reading.profile.records.iter().map(|path| format!("`{path}`")).collect();
        let kind = &self.reading.profile.kind;
        Err(format!(
            "is not a document of `{kind}`, which is expected at {}",
            places.join(" or ").replace("``", "the top")
        ))
    }

    fn records(&mut self, document: &RawValue, at: (u64, u64), each: &mut Each) -> Result<(), Error> {
        let mut outer = Vec::new();
        if let Err(reason) = self.of_document.find(document, &mut outer) {
            return self.reject(None, reason, None, at, each);
        }
        let Some(elements) = self.elements else {
            self.counts.documents += 1;
            return self.record((&outer, &[]), RecordPart::Whole, at, each);
        };
        let list: Vec<&RawValue> =
            outer.iter().filter(|(number, _)| *number == elements).map(|(_, raw)| *raw).collect();
        self.counts.documents += 1;
        if list.is_empty() {
            return self.record((&outer, &[]), RecordPart::Bare, at, each);
        }
        for element in list {
            let mut inner = Vec::new();
            match self.of_record.find(element, &mut inner) {
                Err(reason) => self.reject_part(None, reason, None, at, each)?,
                Ok(()) => self.record((&outer, &inner), RecordPart::Element, at, each)?,
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        (outer, inner): (&[PathValue], &[PathValue]),
        part: RecordPart,
        (offset, line): (u64, u64),
        each: &mut Each,
    ) -> Result<(), Error> {
        let mut texts: Vec<(Field, &Spot, Cow<str>)> = Vec::new();
        let mut numbers = FieldSet::default();
        let mut fault = None;
        'fields: for (field, places) in &self.columns {
            for (number, spot) in places {
                let values = if self.from_document[*number] { outer } else { inner };
                for (_, raw) in values.iter().filter(|(other, _)| other == number) {
                    match decode::text_of(raw).and_then(|text| self.fits(text)) {
                        Ok(None) => {}
                        Ok(Some(text)) if first_filled(spot, &text, self.reading.cells).is_none() => {}
                        Ok(Some(text)) => {
                            if !raw.get().starts_with('"') {
                                numbers.insert(*field);
                            }
                            texts.push((*field, spot, text));
                            continue 'fields;
                        }
                        Err(reason) => {
                            fault = Some((*field, format!("`{}` {reason}", spot.at), shown_value(raw.get())))
                        }
                    }
                }
            }
        }
        if let Some((field, reason, value)) = fault {
            return self.reject_part(Some(field), reason, Some(value), (offset, line), each);
        }
        let mut cells = self.base;
        for (field, spot, text) in &texts {
            cells[field.index()] = first_filled(spot, text, self.reading.cells);
        }
        self.counts.records += 1;
        each(ReadItem::Record(Record {
            record: self.counts.records + self.counts.rejected,
            document: self.counts.documents,
            line: Some(line),
            byte_offset: Some(offset),
            part,
            filled: texts.len(),
            cells: &cells,
            numbers,
        }))
    }

    /// Checks a value for its length and for NUL.
    fn fits<'t>(&self, text: Option<Cow<'t, str>>) -> Result<Option<Cow<'t, str>>, String> {
        let max = self.reading.limits.max_field_bytes;
        match &text {
            Some(text) if text.len() > max => Err(format!("is longer than {max} bytes")),
            Some(text) if text.contains('\0') => Err("holds a NUL character".to_owned()),
            _ => Ok(text),
        }
    }

    /// Rejects a whole document.
    fn reject(
        &mut self,
        field: Option<Field>,
        reason: String,
        value: Option<String>,
        at: (u64, u64),
        each: &mut Each,
    ) -> Result<(), Error> {
        self.counts.documents += 1;
        self.reject_part(field, reason, value, at, each)
    }

    fn reject_part(
        &mut self,
        field: Option<Field>,
        reason: String,
        value: Option<String>,
        (offset, line): (u64, u64),
        each: &mut Each,
    ) -> Result<(), Error> {
        self.counts.rejected += 1;
        each(ReadItem::Reject(Reject {
            record: self.counts.records + self.counts.rejected,
            line: Some(line),
            byte_offset: Some(offset),
            column: field.map(|field| field.name().to_owned()),
            reason,
            value,
            seller: None,
        }))
    }
}
