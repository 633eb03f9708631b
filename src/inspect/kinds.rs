//! The kinds of files that profiles describe, recognised by headings or by the keys of documents.
//!
//! It names every kind that fits and chooses none: a job declares the kind of a file. It says nothing about a file
//! that it cannot read.

use crate::assemble::read::cut::{CutPiece, Cutter};
use crate::assemble::read::{self, RawFile, ReadItem, ReadSettings};
use crate::job::plan::{CellRules, Dialect, Limits, Quote};
use crate::scan::Origin;
use crate::scan::content::FileContent;
use crate::scan::files::{Packing, delimiter_by_suffix};
use crate::scan::headings::key;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use serde::Serialize;
use serde_json::Value;
use vtr_kernel::sources::{Field, Format, Path, Profile, Sources, Step};

/// Inflated bytes that are read.
const HEAD: usize = 4 << 20;

/// Share of empty values, in percent, from which a field that is read is worth a warning.
const MOSTLY: u64 = 90;

/// A kind that a file fits.
#[derive(Clone, Debug, Serialize)]
pub struct FileKind {
    /// Its name in a job.
    pub kind: String,
    /// Its name for people.
    pub name: String,
    /// The role of its records.
    pub role: &'static str,
    /// The known form of it that has exactly these headings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// The encoding, if the job must declare it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
    /// How it is written.
    #[serde(skip)]
    pub format: Format,
}

/// The content of a file read as a kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fills {
    /// Records read.
    pub records: u64,
    /// Records that cannot be read.
    pub rejected: u64,
    /// Fields, and the number of records in which each is filled.
    pub fields: Vec<(&'static str, u64)>,
    /// Fields that are empty in more than nine of ten records.
    pub mostly_empty: Vec<&'static str>,
}

/// Returns the kinds that a file fits, the likeliest first.
///
/// # Errors
/// The fault of the file.
pub fn kinds(sources: &Sources, origin: &Origin, shown: &str, limits: &Limits) -> Result<Vec<FileKind>, String> {
    if let Some((Format::Parquet, _)) = read::format_of(shown, Format::Parquet) {
        let names = read::column_names(origin)?;
        let fits =
            sources.profiles.iter().filter(|profile| profile.format != Format::Json && has_marks(profile, &names));
        return Ok(fits.map(|profile| kind(profile, None, None)).collect());
    }
    let packing = read::format_of(shown, Format::Json)
        .or(read::format_of(shown, Format::Csv))
        .map_or(Packing::Plain, |(_, packing)| packing);
    let head = FileContent::open_json(origin, packing, limits)?.head(HEAD)?;
    let begins = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start().first();
    if matches!(begins, Some(b'{' | b'[')) {
        return Ok(of_documents(sources, &head));
    }
    Ok(of_text(sources, &head, shown))
}

/// Reads the whole file as a kind.
///
/// # Errors
/// The fault of the file.
pub fn fills(
    sources: &Sources,
    found: &FileKind,
    origin: &Origin,
    shown: &str,
    limits: &Limits,
) -> Result<Fills, String> {
    let profile = sources.profile(&found.kind)?;
    let Some((format, packing)) = read::format_of(shown, found.format) else {
        return Err(format!("is {} by its content, but its name does not end as such files do", found.format.name()));
    };
    let encoding = found.encoding.or(profile.text.encoding.as_deref()).unwrap_or("utf-8");
    let dialect = Dialect {
        delimiter: profile.text.delimiter,
        quote: Quote::ByDelimiter,
        encoding: Encoding::for_label(encoding.as_bytes()).unwrap_or(UTF_8),
        header_line: profile.text.header_line,
    };
    let cells = CellRules::default();
    let max_document_bytes = 16 << 20;
    let reading = ReadSettings { profile, from_job: &[], dialect: &dialect, cells: &cells, limits, max_document_bytes };
    let file = RawFile { origin, shown, format, packing, constants: &[] };
    let mut filled = [0u64; Field::COUNT];
    let counts = read::read(&file, &reading, &mut |item| {
        if let ReadItem::Record(record) = item {
            for (count, cell) in filled.iter_mut().zip(record.cells) {
                *count += u64::from(cell.is_some());
            }
        }
        Ok(())
    })
    .map_err(|error| error.to_string())??;
    let read_fields = || Field::ALL.into_iter().filter(|field| profile.column(*field).is_some());
    // A field for which only some words count is empty if the record has none of them.
    let is_whole =
        |field: Field| profile.column(field).is_some_and(|spots| spots.iter().any(|spot| spot.others.is_none()));
    let mostly = |field: &Field| {
        counts.records > 0 && is_whole(*field) && filled[field.index()] * 100 < counts.records * (100 - MOSTLY)
    };
    Ok(Fills {
        records: counts.records,
        rejected: counts.rejected,
        fields: read_fields().map(|field| (field.name(), filled[field.index()])).collect(),
        mostly_empty: read_fields().filter(mostly).map(Field::name).collect(),
    })
}

fn kind(profile: &Profile, form: Option<String>, encoding: Option<&'static str>) -> FileKind {
    let role = profile.role.name();
    FileKind { kind: profile.kind.clone(), name: profile.name.clone(), role, form, encoding, format: profile.format }
}

fn has_marks(profile: &Profile, headings: &[String]) -> bool {
    let keys: Vec<String> = headings.iter().map(|heading| key(heading)).collect();
    profile.marks.iter().all(|mark| keys.iter().any(|known| *known == key(mark)))
}

fn of_text(sources: &Sources, head: &[u8], shown: &str) -> Vec<FileKind> {
    // A character may be cut in two at the end.
    let is_utf8 = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    let mut found = Vec::new();
    for profile in sources.profiles.iter().filter(|profile| profile.format != Format::Json) {
        let own = profile.text.encoding.as_deref().and_then(|label| Encoding::for_label(label.as_bytes()));
        let encoding = match own {
            _ if is_utf8 => UTF_8,
            Some(own) if !own.decode_without_bom_handling(head).1 => own,
            _ => WINDOWS_1252,
        };
        let text = encoding.decode_with_bom_removal(head).0;
        let Some(line) = text.lines().nth(profile.text.header_line - 1) else { continue };
        let delimiter = char::from(profile.text.delimiter.unwrap_or_else(|| delimiter_by_suffix(shown)));
        let headings: Vec<String> =
            line.split(delimiter).map(|heading| heading.trim().trim_matches('"').to_owned()).collect();
        if !has_marks(profile, &headings) {
            continue;
        }
        let keys = |headings: &[String]| headings.iter().map(|heading| key(heading)).collect::<Vec<_>>();
        let form = profile.generations.iter().find(|form| keys(&form.headings) == keys(&headings));
        let label = match encoding {
            _ if own.unwrap_or(UTF_8) == encoding => None,
            _ if encoding == UTF_8 => Some("utf-8"),
            _ => Some("windows-1252"),
        };
        found.push((profile.marks.len(), kind(profile, form.map(|form| form.id.clone()), label)));
    }
    found.sort_by_key(|(marks, kind)| std::cmp::Reverse((kind.form.is_some(), *marks)));
    found.into_iter().map(|(_, kind)| kind).collect()
}

fn of_documents(sources: &Sources, head: &[u8]) -> Vec<FileKind> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let mut found = Vec::new();
    for profile in sources.profiles.iter().filter(|profile| profile.format == Format::Json) {
        let keys = |path: &Path| {
            let key = |step: &Step| match step {
                Step::Key(key) => Some(key.clone()),
                _ => None,
            };
            path.steps.iter().filter_map(key).collect::<Vec<_>>()
        };
        let lists = profile.records.iter().map(keys).filter(|keys| !keys.is_empty()).collect();
        let mut cutter = Cutter::new(lists, HEAD);
        let (mut seen, mut fitting) = (0u64, 0u64);
        let mut each = |piece: CutPiece| {
            let (bytes, whole) = match piece {
                CutPiece::Whole(cut) => (cut.bytes, true),
                CutPiece::Inside(cut) => (cut.bytes, false),
                CutPiece::Fault { .. } => return Ok(()),
            };
            let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
            let down =
                |path: &Path| keys(path).iter().try_fold(&value, |at, key| at.get(key)).filter(|at| at.is_object());
            let document = if whole { profile.records.iter().rev().find_map(down) } else { Some(&value) };
            let fits = document.is_some_and(|document| profile.marks.iter().all(|mark| document.get(mark).is_some()));
            (seen, fitting) = (seen + 1, fitting + u64::from(fits));
            if seen < 100 { Ok(()) } else { Err(()) }
        };
        // The end of the head may cut a document; the whole documents before it suffice.
        let _ = cutter.feed(head, &mut each);
        if fitting > 0 {
            found.push((fitting * 1000 / seen.max(1), profile.marks.len(), kind(profile, None, None)));
        }
    }
    found.sort_by_key(|(share, marks, _)| std::cmp::Reverse((*share, *marks)));
    found.into_iter().map(|(_, _, kind)| kind).collect()
}
