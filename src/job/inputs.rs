//! The `[[input]]`s of a job: columns, constants, dialects.
//!
//! It checks everything that needs no open file: names of columns, encodings, formats of times, patterns, the values
//! of constants. Faults are reported with their place.

use super::plan::{CellRules, Dialect, Format, Heading, Input, Quote, Trial};
use super::resolve::SpecReport;
use super::spec::{CsvSpec, HeadingSpec, InputSpec, JobSpec, MayLack, OneOrMany};
use regex::Regex;
use std::fmt::Write;
use vtr_columnar::input::{Column, Kind};
use vtr_kernel::amount::{Amount, NotAnAmount};
use vtr_kernel::calendar::Zone;
use vtr_kernel::instant::{SPREADSHEET_DAYS, TimeFormat, UNIX_MILLISECONDS, WrongFormat};
use vtr_kernel::sources;
use vtr_kernel::strays::Mark;
use vtr_kernel::suggest::did_you_mean;
use vtr_kernel::text;

/// Labels worth suggesting; all other WHATWG labels are accepted too.
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

/// Returns all inputs of a job that joins nothing; `None` only if a problem was reported.
pub(super) fn inputs(spec: &JobSpec, written: SpecReport) -> Option<Vec<Input>> {
    if spec.input.is_empty() {
        written.refuse("input", "the job reads nothing; write an [[input]] with its `path`");
        return None;
    }
    let inputs: Vec<Option<Input>> = spec
        .input
        .iter()
        .enumerate()
        .map(|(index, spec)| InputKeys { spec, at: format!("input.{index}"), written }.input())
        .collect();
    inputs.into_iter().collect()
}

/// One input while its keys are read.
pub(super) struct InputKeys<'a> {
    pub spec: &'a InputSpec,
    pub at: String,
    pub written: SpecReport<'a>,
}

impl InputKeys<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }

    pub(super) fn refuse<T>(&self, key: &str, message: impl Into<String>) -> Option<T> {
        self.written.refuse(&self.key(key), message);
        None
    }

    fn input(&self) -> Option<Input> {
        self.refuse_fields();
        let paths = self.paths();
        let columns = self.columns();
        let from_path = self.pattern(&|name| Column::from_name(name).is_some(), &Column::ALL.map(Column::name));
        let (dialect, both) = (self.dialect(), self.cells());
        let (cells, columnar_cells) = both.unzip();
        self.refuse_useless();
        let constants = self.constants(cells.as_ref().unwrap_or(&CellRules::default()));
        self.refuse_doubles(from_path.as_ref().and_then(Option::as_ref));
        let format = self.spec.format.map(|format| match format {
            sources::Format::Parquet => Format::Parquet,
            // Documents are joined, and do not reach this point.
            sources::Format::Csv | sources::Format::Json => Format::Csv,
        });
        Some(Input {
            paths: paths?,
            given: None,
            format,
            columns: columns?,
            constants: constants?,
            from_path: from_path?,
            dialect: dialect?,
            cells: cells?,
            zone: columnar_cells.as_ref().map(|cells| cells.times.zone()).filter(|zone| zone.name() != "UTC").cloned(),
            columnar_cells: columnar_cells?,
            days: self.spec.days.iter().filter_map(|name| Column::from_name(name)).collect(),
            csv_keys: self.spec.csv.keys(),
            allow_absent: self
                .spec
                .allow_absent
                .iter()
                .map(|may_lack| match may_lack {
                    MayLack::TrackingNumber => Column::TrackingNumber,
                })
                .collect(),
            settings: format!("{:?}", InputSpec { path: OneOrMany::Many(Vec::new()), ..self.spec.clone() }),
            on_bad_file: self.spec.on_bad_file,
            trial: if self.spec.isolate { Trial::Isolated } else { Trial::None },
        })
    }

    /// Refuses fields that only joined inputs have.
    fn refuse_fields(&self) {
        let keys = |table: &str, names: &mut dyn Iterator<Item = &String>| {
            for name in names.filter(|name| Column::from_name(name).is_none()) {
                let message = format!(
                    "`{name}` is of inputs that are joined into packages, those with a `kind`, a `fold` or the role of a side"
                );
                self.refuse::<()>(&format!("{table}.{name}"), message);
            }
        };
        keys("columns", &mut self.spec.columns.keys());
        keys("constants", &mut self.spec.constants.keys());
    }

    pub(super) fn paths(&self) -> Option<Vec<String>> {
        let paths = self.spec.path.to_vec();
        if paths.is_empty() {
            return self.refuse("path", "`path` is an empty list; name a file, a folder or a glob");
        }
        let sound = paths.iter().filter(|path| self.written.is_path(&self.key("path"), path)).count();
        (sound == paths.len()).then_some(paths)
    }

    fn columns(&self) -> Option<Vec<(Column, Vec<Heading>)>> {
        let mut columns = Vec::new();
        let mut sound = true;
        for (name, written) in &self.spec.columns {
            let Some(column) = Column::from_name(name) else { continue };
            match headings(name, written.headings()) {
                Ok(headings) => columns.push((column, headings)),
                Err(fault) => {
                    self.refuse::<()>(&format!("columns.{name}"), fault);
                    sound = false;
                }
            }
        }
        columns.sort_by_key(|(column, _)| *column);
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

    /// Returns the pattern over paths, whose groups must be among the known names; `Some(None)` if there is none.
    pub(super) fn pattern(&self, is_known: &dyn Fn(&str) -> bool, known: &[&str]) -> Option<Option<Regex>> {
        let Some(spec) = &self.spec.from_path else { return Some(None) };
        const KEY: &str = "from_path.pattern";
        let pattern = match Regex::new(&spec.pattern) {
            Ok(pattern) => pattern,
            Err(error) => return self.refuse(KEY, format!("`pattern` is not a regular expression: {error}")),
        };
        let names: Vec<&str> = pattern.capture_names().flatten().collect();
        let mut sound = !names.is_empty();
        if names.is_empty() {
            self.refuse::<()>(KEY, "`pattern` names no column; write a group such as (?<seller_id>[^/]+)");
        }
        for name in names.iter().filter(|name| !is_known(name)) {
            let hint = did_you_mean(name, known.iter().copied());
            self.refuse::<()>(KEY, format!("the group `{name}` of `pattern` is no column{hint}"));
            sound = false;
        }
        sound.then_some(Some(pattern))
    }

    /// Refuses a column with more than one source.
    pub(super) fn refuse_doubles(&self, from_path: Option<&Regex>) {
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

    pub(super) fn dialect(&self) -> Option<Dialect> {
        let csv = &self.spec.csv;
        let delimiter = match &csv.delimiter {
            None => Some(None),
            Some(text) => self.one_byte("delimiter", text).map(Some),
        };
        let quote = match csv.quote.as_deref() {
            None => Some(Quote::ByDelimiter),
            Some("") => Some(Quote::None),
            Some(text) => self.one_byte("quote", text).map(Quote::Byte),
        };
        let encoding = self.encoding(csv);
        let (delimiter, quote) = (delimiter?, quote?);
        if delimiter.is_some_and(|delimiter| quote.between(delimiter) == Some(delimiter)) {
            return self.refuse("csv.quote", "`quote` and `delimiter` are the same character");
        }
        Some(Dialect { delimiter, quote, encoding: encoding?, header_line: csv.header_line.unwrap_or(1) })
    }

    fn one_byte(&self, key: &str, text: &str) -> Option<u8> {
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Some(*byte),
            _ => self.refuse(&format!("csv.{key}"), format!("`{key}` must be one ASCII character, not {text:?}")),
        }
    }

    fn encoding(&self, csv: &CsvSpec) -> Option<&'static encoding_rs::Encoding> {
        let Some(label) = &csv.encoding else { return Some(encoding_rs::UTF_8) };
        let encoding = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes());
        encoding.or_else(|| {
            let hint = did_you_mean(label, ENCODINGS);
            self.refuse("csv.encoding", format!("`encoding` cannot be {label:?}{hint}"))
        })
    }

    /// Returns how cells are read, of delimited text with the keys of `[input.csv]` and of Parquet.
    pub(super) fn cells(&self) -> Option<(CellRules, CellRules)> {
        let (own, csv) = (self.spec, &self.spec.csv);
        let doubled = [
            ("nulls", own.nulls.is_some() && csv.nulls.is_some()),
            ("decimal", own.decimal.is_some() && csv.decimal.is_some()),
            ("timestamps", own.timestamps.is_some() && csv.timestamps.is_some()),
            ("time_zone", own.time_zone.is_some() && csv.time_zone.is_some()),
        ];
        for (key, _) in doubled.into_iter().filter(|(_, stands_twice)| *stands_twice) {
            let message = format!("`{key}` is both in the [[input]] and in its [input.csv]; keep the first");
            self.refuse::<()>(&format!("csv.{key}"), message);
        }
        let of_input = Wording {
            prefix: "",
            nulls: own.nulls.as_ref(),
            decimal: own.decimal.as_ref(),
            timestamps: own.timestamps.as_ref(),
            time_zone: own.time_zone.as_ref(),
        };
        let of_text = Wording {
            prefix: "csv.",
            nulls: csv.nulls.as_ref(),
            decimal: csv.decimal.as_ref(),
            timestamps: csv.timestamps.as_ref(),
            time_zone: csv.time_zone.as_ref(),
        };
        let columnar = self.rules(&of_input, None)?;
        let text = self.rules(&of_text, Some(&columnar))?;
        Some((text, columnar))
    }

    /// Returns the rules that keys give for cells; `base` gives the others.
    fn rules(&self, keys: &Wording, base: Option<&CellRules>) -> Option<CellRules> {
        let base = base.cloned().unwrap_or_default();
        let key = |name: &str| format!("{}{name}", keys.prefix);
        let decimal = match keys.decimal.map(String::as_str) {
            None => Some((base.decimal_mark, base.mark)),
            Some(".") => Some((b'.', Mark::Known)),
            Some(",") => Some((b',', Mark::Known)),
            Some(other) => self.refuse(&key("decimal"), format!("`decimal` must be \".\" or \",\", not {other:?}")),
        };
        let zone = match keys.time_zone {
            None => Some(base.times.zone().clone()),
            Some(name) => Zone::of_place(name).or_else(|| {
                let message =
                    format!("`time_zone` cannot be {name:?}; write the IANA name of a place, such as \"Europe/Berlin\", or \"UTC\"");
                self.refuse(&key("time_zone"), message)
            }),
        };
        let zone = zone.unwrap_or_else(Zone::utc);
        if let Some((one, other)) = keys.timestamps.and_then(|formats| disagreeing(formats)) {
            self.refuse::<()>(
                &key("timestamps"),
                format!(
                    "the formats {one:?} and {other:?} read the same text as two different days, and the first that fits would win: \
                     keep the one that is meant; columns that are written in both ways belong into files of their own"
                ),
            );
        }
        let times = match keys.timestamps {
            None => Ok(base.times.clone().in_zone(zone)),
            Some(formats) => TimeFormat::new(formats, zone),
        };
        let times = times.map_err(|wrong| self.refuse::<()>(&key("timestamps"), says_of_format(&wrong)));
        let nulls = keys.nulls.cloned().unwrap_or(base.nulls);
        let (decimal_mark, mark) = decimal?;
        Some(CellRules { nulls, decimal_mark, mark, times: times.ok()? })
    }

    /// Refuses keys of `[input.csv]` if the job declares that there is no delimited text.
    fn refuse_useless(&self) {
        if self.spec.format == Some(sources::Format::Parquet) {
            for key in self.spec.csv.keys() {
                self.refuse::<()>(&format!("csv.{key}"), says_of_useless(&[key]));
            }
        }
    }
}

/// The first two formats that read one text as two days.
fn disagreeing(formats: &[String]) -> Option<(&String, &String)> {
    // Each number of it can be a day, a month and a year.
    let probe = chrono::NaiveDate::from_ymd_opt(2009, 8, 7)?.and_hms_opt(10, 11, 12)?.and_utc();
    let day = |format: &String, text: &str| {
        TimeFormat::new(&[format], Zone::utc()).ok()?.as_written(text).map(|(day, _)| day)
    };
    let written = |format: &String| {
        let mut text = String::new();
        write!(text, "{}", probe.format(format)).ok().map(|()| text)
    };
    let differ = |one: &String, other: &String| {
        let text = written(one)?;
        Some(day(one, &text)? != day(other, &text)?)
    };
    formats.iter().enumerate().find_map(|(at, one)| {
        let other = formats[at + 1..].iter().find(|other| differ(one, other) == Some(true))?;
        Some((one, other))
    })
}

/// Keys that define how cells are read, and their place in the job.
struct Wording<'a> {
    prefix: &'static str,
    nulls: Option<&'a Vec<String>>,
    decimal: Option<&'a String>,
    timestamps: Option<&'a Vec<String>>,
    time_zone: Option<&'a String>,
}

/// Returns the remedy for keys of `[input.csv]` in an input that has no delimited text.
pub(crate) fn says_of_useless(keys: &[&str]) -> String {
    let named = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let (moved, useless): (Vec<&str>, Vec<&str>) =
        keys.iter().partition(|key| matches!(**key, "nulls" | "decimal" | "timestamps" | "time_zone"));
    let mut remedies = Vec::new();
    if !moved.is_empty() {
        remedies.push(format!("write {} in the [[input]] itself, where every format has it", named(&moved)));
    }
    if !useless.is_empty() {
        remedies.push(format!("take {} out", named(&useless)));
    }
    format!("[input.csv] has no effect, because the input has no delimited text; {}", remedies.join(", and "))
}

fn says_of_format(wrong: &WrongFormat) -> String {
    match wrong {
        WrongFormat::Unknown(format) => {
            format!(
                "the format {format:?} is not understood; write it with strftime's signs, such as \"%d.%m.%Y %H:%M\", or as \
                 \"{UNIX_MILLISECONDS}\" or \"{SPREADSHEET_DAYS}\""
            )
        }
        WrongFormat::ZoneName(format) => format!(
            "the format {format:?} asks for the name of a zone (%Z), which does not tell the time: names such as IST or CST mean \
             several zones. Where all cells have one zone, write its name as it stands instead of %Z and give `time_zone`; \
             write %z for offsets such as +0200"
        ),
        WrongFormat::SplitSeconds(format) => format!(
            "the format {format:?} asks for seconds since 1970 (%s) with a fraction directly behind, which %s cannot read; for \
             milliseconds since 1970 write \"{UNIX_MILLISECONDS}\""
        ),
    }
}

/// Returns the headings of a column.
///
/// # Errors
/// Their fault.
pub(super) fn headings(name: &str, written: &[HeadingSpec]) -> Result<Vec<Heading>, String> {
    let mut headings: Vec<Heading> = Vec::new();
    if written.is_empty() {
        return Err(format!("`{name}` is mapped to an empty list; name a heading of the source"));
    }
    for heading in written {
        let Some(at) = text::trim(heading.at()) else {
            return Err(format!("`{name}` is mapped to an empty heading; write the source's"));
        };
        if headings.iter().any(|known| known.name.to_lowercase() == at.to_lowercase()) {
            return Err(format!("`{name}` is mapped to the heading {at:?} twice; keep one"));
        }
        let pair = |(from, to): (String, String)| (from.trim().to_owned(), to.trim().to_owned());
        let values: Vec<_> = heading.values().into_iter().map(pair).collect();
        if values.iter().any(|(from, _)| from.is_empty()) {
            return Err(format!("`values` of `{name}` replaces an empty cell; give a list of headings instead"));
        }
        headings.push(Heading { name: at.to_owned(), values });
    }
    Ok(headings)
}

/// Returns the fault of a constant, which is the cell of every row.
fn fault_of_constant(column: Column, value: &str, cells: &CellRules) -> Option<String> {
    let Some(value) = text::trim(value) else {
        return Some("is empty; give it a value, or take it out".into());
    };
    match column.kind() {
        Kind::Flag if text::flag(value).is_none() => Some(format!("cannot be {value:?}; write true or false")),
        Kind::Amount => match Amount::read(value, cells.decimal_mark) {
            Ok(_) => None,
            Err(NotAnAmount::TooManyDigits) => Some(format!("cannot be {value:?}; an amount has at most 38 digits")),
            Err(NotAnAmount::Notation) => Some(format!("cannot be {value:?}; write a number such as \"12.50\"")),
        },
        Kind::Time if cells.times.read(value).is_err() => {
            Some(format!("cannot be {value:?}; write a time such as 2025-01-15T10:20:00Z, or a date"))
        }
        _ => None,
    }
}
