//! The `[[input]]`s of a job: columns, constants, dialects.
//!
//! It checks what can be checked without opening a file: names of columns, encodings, formats of
//! times, patterns, the constants' own values. What is wrong is reported with its place.

use super::plan::{CellRules, Dialect, Format, Input, OnBadFile, Trial};
use super::resolve::Written;
use super::spec::{CsvSpec, FormatSpec, InputSpec, JobSpec, OnBadFileSpec};
use crate::suggest::did_you_mean;
use regex::Regex;
use vtr_columnar::input::{Column, Kind};
use vtr_kernel::amount::Amount;
use vtr_kernel::calendar::Zone;
use vtr_kernel::instant::TimeFormat;
use vtr_kernel::text;

/// Labels worth suggesting; all others of WHATWG's are taken too.
const ENCODINGS: [&str; 12] = [
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1250",
    "shift_jis",
    "euc-jp",
    "gb18030",
    "big5",
];

/// All inputs; `None` only beside a report.
pub(super) fn inputs(spec: &JobSpec, written: Written) -> Option<Vec<Input>> {
    if spec.input.is_empty() {
        written.refuse("input", "the job reads nothing; write an [[input]] with its `path`");
        return None;
    }
    let inputs: Vec<Option<Input>> = spec
        .input
        .iter()
        .enumerate()
        .map(|(index, spec)| Source { spec, at: format!("input.{index}"), written }.input())
        .collect();
    inputs.into_iter().collect()
}

/// One input while it is read.
struct Source<'a> {
    spec: &'a InputSpec,
    at: String,
    written: Written<'a>,
}

impl Source<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }

    fn refuse<T>(&self, key: &str, message: impl Into<String>) -> Option<T> {
        self.written.refuse(&self.key(key), message);
        None
    }

    fn input(&self) -> Option<Input> {
        let role = self.role();
        let paths = self.paths();
        let columns = self.columns();
        let from_path = self.path_pattern();
        let (dialect, cells) = (self.dialect(), self.cells());
        let constants = self.constants(cells.as_ref().unwrap_or(&CellRules::default()));
        self.refuse_doubles(from_path.as_ref().and_then(Option::as_ref));
        let format = self.spec.format.map(|format| match format {
            FormatSpec::Parquet => Format::Parquet,
            FormatSpec::Csv => Format::Csv,
        });
        role?;
        Some(Input {
            paths: paths?,
            format,
            columns: columns?,
            constants: constants?,
            from_path: from_path?,
            dialect: dialect?,
            cells: cells?,
            on_bad_file: match self.spec.on_bad_file {
                OnBadFileSpec::Fail => OnBadFile::Fail,
                OnBadFileSpec::Skip => OnBadFile::Skip,
            },
            trial: if self.spec.isolate { Trial::Isolated } else { Trial::None },
        })
    }

    fn role(&self) -> Option<()> {
        if self.spec.role == "shipments" {
            return Some(());
        }
        let message = format!(
            "`role` cannot be {:?}: an input is \"shipments\", one row a package; joining partial files comes with a later version",
            self.spec.role
        );
        self.refuse("role", message)
    }

    fn paths(&self) -> Option<Vec<String>> {
        let paths = self.spec.path.to_vec();
        if paths.is_empty() {
            return self.refuse("path", "`path` is an empty list; name a file, a folder or a glob");
        }
        let sound = paths.iter().filter(|path| self.written.is_path(&self.key("path"), path)).count();
        (sound == paths.len()).then_some(paths)
    }

    fn columns(&self) -> Option<Vec<(Column, String)>> {
        let mut columns = Vec::new();
        let mut sound = true;
        for (name, heading) in &self.spec.columns {
            let Some(column) = Column::from_name(name) else { continue };
            match text::trim(heading) {
                Some(heading) => columns.push((column, heading.to_owned())),
                None => {
                    self.refuse::<()>(
                        &format!("columns.{name}"),
                        format!("`{name}` is mapped to an empty heading; write the source's"),
                    );
                    sound = false;
                }
            }
        }
        columns.sort();
        sound.then_some(columns)
    }

    fn constants(&self, cells: &CellRules) -> Option<Vec<(Column, String)>> {
        let mut constants = Vec::new();
        let mut sound = true;
        for (name, value) in &self.spec.constants {
            let Some(column) = Column::from_name(name) else { continue };
            let value = value.to_text();
            match fault_of_constant(column, &value, cells) {
                None => constants.push((column, value.trim().to_owned())),
                Some(fault) => {
                    self.refuse::<()>(&format!("constants.{name}"), format!("the constant `{name}` {fault}"));
                    sound = false;
                }
            }
        }
        constants.sort();
        sound.then_some(constants)
    }

    /// `Some(None)` without a pattern.
    fn path_pattern(&self) -> Option<Option<Regex>> {
        let Some(spec) = &self.spec.from_path else { return Some(None) };
        const KEY: &str = "from_path.pattern";
        let pattern = match Regex::new(&spec.pattern) {
            Ok(pattern) => pattern,
            Err(error) => return self.refuse(KEY, format!("`pattern` is no regular expression: {error}")),
        };
        let names: Vec<&str> = pattern.capture_names().flatten().collect();
        let mut sound = !names.is_empty();
        if names.is_empty() {
            self.refuse::<()>(KEY, "`pattern` names no column; write a group such as (?<seller_id>[^/]+)");
        }
        for name in names.iter().filter(|name| Column::from_name(name).is_none()) {
            let hint = did_you_mean(name, Column::ALL.iter().map(|column| column.name()));
            self.refuse::<()>(KEY, format!("the group `{name}` of `pattern` is no column{hint}"));
            sound = false;
        }
        sound.then_some(Some(pattern))
    }

    /// A column comes from one place.
    fn refuse_doubles(&self, from_path: Option<&Regex>) {
        let in_path =
            |name: &str| from_path.is_some_and(|pattern| pattern.capture_names().flatten().any(|group| group == name));
        for name in self.spec.constants.keys() {
            if self.spec.columns.contains_key(name) {
                self.refuse::<()>(
                    &format!("constants.{name}"),
                    format!("`{name}` is both mapped to a heading and a constant; keep one of the two"),
                );
            }
            if in_path(name) {
                self.refuse::<()>(
                    &format!("constants.{name}"),
                    format!("`{name}` is both a constant and a group of from_path; keep one of the two"),
                );
            }
        }
        for name in self.spec.columns.keys().filter(|name| in_path(name)) {
            self.refuse::<()>(
                &format!("columns.{name}"),
                format!("`{name}` is both mapped to a heading and a group of from_path; keep one of the two"),
            );
        }
    }

    fn dialect(&self) -> Option<Dialect> {
        let csv = &self.spec.csv;
        let delimiter = match &csv.delimiter {
            None => Some(None),
            Some(text) => self.one_byte("delimiter", text).map(Some),
        };
        let quote = match csv.quote.as_str() {
            "" => Some(None),
            text => self.one_byte("quote", text).map(Some),
        };
        let encoding = self.encoding(csv);
        let (delimiter, quote) = (delimiter?, quote?);
        if quote.is_some() && quote == delimiter {
            return self.refuse("csv.quote", "`quote` and `delimiter` are the same character");
        }
        Some(Dialect { delimiter, quote, encoding: encoding?, header_line: csv.header_line })
    }

    fn one_byte(&self, key: &str, text: &str) -> Option<u8> {
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Some(*byte),
            _ => self.refuse(&format!("csv.{key}"), format!("`{key}` must be one ASCII character, not {text:?}")),
        }
    }

    fn encoding(&self, csv: &CsvSpec) -> Option<&'static encoding_rs::Encoding> {
        let encoding = encoding_rs::Encoding::for_label_no_replacement(csv.encoding.as_bytes());
        encoding.or_else(|| {
            let hint = did_you_mean(&csv.encoding, ENCODINGS);
            self.refuse("csv.encoding", format!("`encoding` cannot be {:?}{hint}", csv.encoding))
        })
    }

    fn cells(&self) -> Option<CellRules> {
        let csv = &self.spec.csv;
        let decimal_mark = match csv.decimal.as_str() {
            "." => Some(b'.'),
            "," => Some(b','),
            other => self.refuse("csv.decimal", format!("`decimal` must be \".\" or \",\", not {other:?}")),
        };
        let zone = Zone::named(&csv.time_zone).or_else(|| {
            let message = format!(
                "`time_zone` cannot be {:?}; write an IANA name such as \"Europe/Berlin\" or \"UTC\"",
                csv.time_zone
            );
            self.refuse("csv.time_zone", message)
        });
        let times = TimeFormat::new(&csv.timestamps, zone.unwrap_or_else(Zone::utc)).map_err(|format| {
            self.refuse::<()>(
                "csv.timestamps",
                format!("the format {format:?} is not understood; write it with strftime's signs, such as \"%d.%m.%Y %H:%M\""),
            )
        });
        Some(CellRules { nulls: csv.nulls.clone(), decimal_mark: decimal_mark?, times: times.ok()? })
    }
}

/// What is wrong with a constant, which stands for a cell of every row.
fn fault_of_constant(column: Column, value: &str, cells: &CellRules) -> Option<String> {
    let Some(value) = text::trim(value) else {
        return Some("is empty; give it a value, or take it out".into());
    };
    match column.kind() {
        Kind::Flag if text::flag(value).is_none() => Some(format!("cannot be {value:?}; write true or false")),
        Kind::Amount if Amount::read(value, cells.decimal_mark).is_err() => {
            Some(format!("cannot be {value:?}; write a number such as \"12.50\""))
        }
        Kind::Time if cells.times.read(value).is_err() => {
            Some(format!("cannot be {value:?}; write a time such as 2025-01-15T10:20:00Z, or a date"))
        }
        _ => None,
    }
}
