//! The log: one numbered manifest per publication; the highest number is the truth.
//!
//! It defines what a manifest contains and how one is named, read and compared; it must not touch data files, and no
//! manifest is ever changed or deleted. A manifest that cannot be read stops the verb: a guess at the published state
//! would be worse than none.

use crate::error::{Error, Result};
use crate::job::plan::ByWeek;
use crate::scan::LEFT_OUT;
use crate::scan::identity::BadFile;
use crate::schema::Table;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use vtr_kernel::calendar::{Day, day_from_date};

use super::asides::SetAside;
use super::encode::Encoded;
use super::gates::Sums;
use super::rates::WeekRates;
use super::state::State;
use super::store::{self, Store};

/// The folder of the manifests, below the output.
pub const FOLDER: &str = crate::place::marks::LOG;

/// The format of the manifests written here; readers refuse a higher one.
pub const FORMAT: u32 = 1;

/// The beginning of warnings about all joined packages, whatever weeks a run judges.
pub const JOINED: &str = "joined packages: ";

/// The beginning of the warning that the inputs end before `as_of`.
pub const ENDED: &str = "the inputs end early: ";

impl From<vtr_columnar::fold::Later> for Later {
    fn from(later: vtr_columnar::fold::Later) -> Later {
        Later { first: later.first, last: later.last, from: later.from, until: later.until }
    }
}

/// The content of one publication. Everything but `run_id` follows from inputs, job, book and `as_of`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of this manifest.
    pub format: u32,
    /// The version's number, from 1; also the file name.
    pub version: u64,
    /// The run that published it.
    pub run_id: String,
    /// The program's name and version.
    pub program: String,
    /// The job.
    pub job: Job,
    /// SHA-256 of the book.
    pub book: String,
    /// The evidence: `scans` or `format`.
    pub evidence: String,
    /// The last day (UTC) that the run took into account.
    #[serde(with = "day")]
    pub as_of: Day,
    /// The `as_of` of the run that made `account_health` and `health_breakdown`; `None` if there is neither yet.
    #[serde(with = "day::optional")]
    pub health_as_of: Option<Day>,
    /// The input files read, sorted by shown path.
    pub inputs: Vec<InputFile>,
    /// Files that were left out because they could not be read to their end, sorted by shown path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad: Vec<BadFile>,
    /// Where every row of the inputs ended.
    pub sums: Sums,
    /// Judged packages with a value rule whose value could not be compared.
    pub unpriced: u64,
    /// The largest distance in days between copies of one package; `None` if copies were not looked for.
    pub copies_apart_days: Option<i64>,
    /// The counts of the rates of every week, by Monday.
    #[serde(default)]
    pub rates: Vec<WeekRates>,
    /// The output revision of the program; 0 in manifests of programs that did not write one.
    #[serde(default)]
    pub revision: u32,
    /// The states: what each week was judged by; the newest first.
    #[serde(default)]
    pub states: Vec<State>,
    /// The version of the state from which these two were made; `None` if there is neither yet.
    #[serde(default)]
    pub health_state: Option<u64>,
    /// The versions whose runs computed weeks that are still in force.
    #[serde(default)]
    pub judged: BTreeMap<u64, Judged>,
    /// The judged packages of every week in force, by Monday and class (out of scope, exempt, valid, defect).
    #[serde(default, with = "weeks")]
    pub weeks: BTreeMap<Day, [u64; 4]>,
    /// Sentences that say what could not be judged, and why.
    pub not_judged: Vec<String>,
    /// The values set aside; empty in manifests of older programs.
    #[serde(default)]
    pub set_aside: Vec<SetAside>,
    /// Warnings about the files that this run read, in sentences; [`Manifest::all_warnings`] has those of all weeks.
    pub warnings: Vec<String>,
    /// What this publication replaced.
    pub replaced: Replaced,
    /// The files of every table by the table's name, sorted by week and path.
    pub tables: BTreeMap<String, Vec<DataFile>>,
}

/// The job of a publication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// SHA-256 of everything in the job, the book and the program that can change a figure.
    pub digest: String,
}

/// A run that computed weeks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The last day that the run took into account.
    #[serde(with = "day")]
    pub as_of: Day,
    /// Warnings about its weeks, in sentences.
    pub warnings: Vec<String>,
}

/// One input file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Its path as shown in `input_files`.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// The identity of its content: `blake3:` of the bytes, or `etag:` with the size for an object.
    pub digest: String,
    /// Spans that contain the days of its rows; `None` if they are unknown.
    #[serde(default, with = "days::optional", skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<(Day, Day)>>,
    /// Digests of its rows by the week that judges them, by Monday; known of packages only.
    #[serde(default, with = "by_week", skip_serializing_if = "BTreeMap::is_empty")]
    pub by_week: ByWeek,
    /// Rows that another `as_of` would judge differently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<Later>,
    /// Rows read when most of the file was read.
    #[serde(default)]
    pub rows: u64,
    /// Rows rejected then.
    #[serde(default)]
    pub rejected: u64,
    /// Values set aside then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<SetAside>,
}

/// Rows that another `as_of` would judge differently: one of their times is after it, or more than two years ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Later {
    /// The first of their days.
    #[serde(with = "day")]
    pub first: Day,
    /// The last of their days.
    #[serde(with = "day")]
    pub last: Day,
    /// The first `as_of` that changes anything about them.
    #[serde(with = "day")]
    pub from: Day,
    /// The last `as_of` that changes anything about them.
    #[serde(with = "day")]
    pub until: Day,
}

/// What a publication replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The version on which it is based; what it did not replace was carried over from there.
    pub base: Option<u64>,
    /// The recomputed span of each table.
    pub tables: BTreeMap<String, Span>,
    /// Files of the base that are no longer named.
    pub files: Vec<String>,
}

/// The part of a table that a publication replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// All of it.
    All,
    /// These weeks, whether or not they hold rows.
    Weeks {
        /// Monday of the first week.
        #[serde(with = "day")]
        first: Day,
        /// Monday of the last week.
        #[serde(with = "day")]
        last: Day,
    },
}

impl Span {
    /// Whether a file of this week (`None`: of an unpartitioned table) is in the span.
    pub fn covers(&self, week: Option<Day>) -> bool {
        match (self, week) {
            (Span::All, _) => true,
            (Span::Weeks { first, last }, Some(week)) => (*first..=*last).contains(&week),
            (Span::Weeks { .. }, None) => false,
        }
    }

    /// Whether two spans of one table share a week.
    pub fn overlaps(&self, other: &Span) -> bool {
        match (self, other) {
            (Span::Weeks { first, last }, Span::Weeks { first: from, last: to }) => first <= to && from <= last,
            _ => true,
        }
    }
}

/// One immutable data file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its path below the output, with `/`.
    pub path: String,
    /// SHA-256 of its bytes, in hex; also the file name.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// The Monday of its week; `None` in an unpartitioned table.
    #[serde(with = "day::optional")]
    pub week: Option<Day>,
    /// The version whose run last computed this week; its manifest has the job, book and inputs.
    pub judged_by: u64,
    /// For a file of packages, the digests of its rows by the week that judges them.
    #[serde(default, with = "by_week", skip_serializing_if = "BTreeMap::is_empty")]
    pub by_week: ByWeek,
    /// For a file that took the place of another, the digest of its rows and of who encoded them: equal rows need not be
    /// encoded again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_from: Option<String>,
}

impl DataFile {
    /// Returns the entry of a file that was just encoded; the version that judged it is not known yet.
    pub fn of(path: String, encoded: &Encoded, week: Option<Day>) -> DataFile {
        let (sha256, by_week) = (encoded.sha256.clone(), ByWeek::new());
        DataFile {
            path,
            sha256,
            bytes: encoded.bytes,
            rows: encoded.rows,
            week,
            judged_by: 0,
            by_week,
            made_from: None,
        }
    }
}

impl Manifest {
    /// The day on which its run began, with which the id of a run begins.
    pub fn made_on(&self) -> Option<Day> {
        let date = NaiveDate::parse_from_str(self.run_id.get(..8)?, "%Y%m%d").ok()?;
        Some(day_from_date(date))
    }

    /// The files of a table by week and path; empty if the table was not published.
    pub fn files(&self, table: Table) -> &[DataFile] {
        self.tables.get(table.name()).map_or(&[], Vec::as_slice)
    }

    /// Whether a table was published, even without rows.
    pub fn has(&self, table: Table) -> bool {
        self.tables.contains_key(table.name())
    }

    /// All files of all tables.
    pub fn all_files(&self) -> impl Iterator<Item = &DataFile> {
        self.tables.values().flatten()
    }

    /// Warnings about any week in force: sentences of this run, then those of earlier runs with the weeks that they
    /// judged.
    pub fn all_warnings(&self) -> Vec<String> {
        let mut all = self.warnings.clone();
        for (version, judged) in self.judged.iter().filter(|(version, _)| **version != self.version).rev() {
            let weeks = self.all_files().filter(|file| file.judged_by == *version).filter_map(|file| file.week);
            let weeks: BTreeSet<Day> = weeks.collect();
            let (Some(first), Some(last)) = (weeks.first(), weeks.last()) else { continue };
            let iso = vtr_kernel::calendar::iso_week;
            let of = if first == last {
                iso(*first)
            } else {
                format!("{} weeks from {} to {}", weeks.len(), iso(*first), iso(*last))
            };
            let new = judged.warnings.iter().filter(|warning| !self.warnings.contains(warning));
            // A file that was left out and has been read since is no longer left out.
            let is_bad = |warning: &String| self.bad.iter().any(|bad| warning.contains(&bad.file));
            let new = new.filter(|warning| !warning.starts_with(LEFT_OUT) || is_bad(warning));
            // Every run says anew what is to be said of all packages.
            let new = new.filter(|warning| ![JOINED, ENDED].iter().any(|anew| warning.starts_with(anew)));
            all.extend(new.map(|warning| format!("{of}, as of {}: {warning}", day_text(judged.as_of))));
        }
        all
    }

    /// The sums of the weeks in force by class: those of final weeks, and those of weeks that were open when they were
    /// judged, by the longest latency.
    pub fn final_and_open(&self, latency_days: i32) -> [[u64; 4]; 2] {
        let as_of: BTreeMap<Day, Day> =
            self.all_files().filter_map(|file| Some((file.week?, self.judged.get(&file.judged_by)?.as_of))).collect();
        let mut sums = [[0; 4]; 2];
        for (week, classes) in &self.weeks {
            let as_of = as_of.get(week).copied().unwrap_or(self.as_of);
            let is_open = vtr_kernel::calendar::provisional(week + 6, latency_days, as_of);
            sums[usize::from(is_open)].iter_mut().zip(classes).for_each(|(sum, count)| *sum += count);
        }
        sums
    }

    /// Whether another manifest has the same content: same job, book, inputs and `as_of`, same figures, the same span
    /// computed. The run, the version and the base are not compared.
    pub fn says_the_same(&self, other: &Manifest) -> bool {
        let bare = |manifest: &Manifest| {
            let mut bare = manifest.clone();
            (bare.version, bare.replaced.base) = (0, None);
            bare.run_id.clear();
            bare.program.clear();
            bare.replaced.files.clear();
            bare.tables.values_mut().flatten().for_each(|file| (file.judged_by, file.made_from) = (0, None));
            bare.judged = bare.judged.into_values().enumerate().map(|(at, judged)| (at as u64, judged)).collect();
            bare.judged.values_mut().for_each(|judged| judged.as_of = 0);
            bare.health_state = None;
            bare.states.iter_mut().for_each(|state| (state.version, state.ran_on) = (0, 0));
            bare
        };
        bare(self) == bare(other)
    }

    fn parse(bytes: &[u8], shown: &str) -> Result<Manifest> {
        #[derive(Deserialize)]
        struct ManifestHead {
            format: u32,
        }
        let damaged = |error: serde_json::Error| {
            Error::failed(format!("{shown}: the manifest is damaged; restore it from a backup"), error)
        };
        let head: ManifestHead = serde_json::from_slice(bytes).map_err(damaged)?;
        if head.format > FORMAT {
            let format = head.format;
            return Err(Error::Usage(format!(
                "{shown}: written by a newer program (manifest format {format}, this program reads up to {FORMAT}); \
                 use the newer program"
            )));
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }
}

/// The program's name and version, as manifests say them.
pub fn program() -> String {
    format!("vtr {}", env!("CARGO_PKG_VERSION"))
}

/// The file name of a version, below the log's folder.
pub fn file_name(version: u64) -> String {
    format!("{version:020}.json")
}

/// The version in a file name of the log's folder; `None` for any other name.
pub fn version_of(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(".json")?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// The path of a version's manifest below the output.
pub fn path(version: u64) -> String {
    format!("{FOLDER}/{}", file_name(version))
}

/// All versions of an output, ascending; empty if nothing was published.
pub fn versions(store: &dyn Store) -> Result<Vec<u64>> {
    let entries = store.list(FOLDER)?;
    let names = entries.iter().filter_map(|entry| entry.path.strip_prefix(FOLDER)?.strip_prefix('/'));
    let mut versions: Vec<u64> = names.filter_map(version_of).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Reads one version; `None` if there is none of that number.
pub fn find(store: &dyn Store, version: u64) -> Result<Option<Manifest>> {
    let path = path(version);
    store::read(store, &path)?.map(|bytes| Manifest::parse(&bytes, &store.shown(&path))).transpose()
}

/// Reads one version that exists.
pub fn read(store: &dyn Store, version: u64) -> Result<Manifest> {
    find(store, version)?.ok_or_else(|| {
        let what = format!("{}: the manifest is gone; restore it from a backup", store.shown(&path(version)));
        Error::Failed { what, source: None }
    })
}

/// Paths of the base's files that a version with these tables no longer names.
pub fn dropped(base: Option<&Manifest>, tables: &BTreeMap<String, Vec<DataFile>>) -> Vec<String> {
    let named: BTreeSet<&str> = tables.values().flatten().map(|file| file.path.as_str()).collect();
    let files = base.into_iter().flat_map(Manifest::all_files).map(|file| &file.path);
    files.filter(|path| !named.contains(path.as_str())).cloned().collect()
}

/// The highest version, if anything was published.
pub fn latest(store: &dyn Store) -> Result<Option<Manifest>> {
    versions(store)?.last().map(|version| read(store, *version)).transpose()
}

/// Reads the published state of an output: the highest manifest, or the one asked for.
pub fn open(store: &dyn Store, version: Option<u64>) -> Result<Manifest> {
    let out = store.shown("");
    if Path::new(&out).is_file() {
        return Err(Error::Usage(format!(
            "{out}: is a file; name the folder that a `vtr run` published, the `path` in [output] of its job"
        )));
    }
    let versions = versions(store)?;
    let Some(highest) = versions.last() else {
        return Err(Error::Input(format!("{out}: nothing is published there; name the output of a `vtr run`")));
    };
    match version {
        Some(version) if !versions.contains(&version) => {
            let lowest = versions[0];
            Err(Error::Usage(format!("{out}: there is no version {version}; the log holds {lowest} to {highest}")))
        }
        asked => read(store, asked.unwrap_or(*highest)),
    }
}

/// A day as text, such as `2025-01-13`.
pub fn day_text(day: Day) -> String {
    vtr_kernel::calendar::date_from_day(day).to_string()
}

/// Serialises sums by Monday.
mod weeks {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use std::collections::BTreeMap;
    use vtr_kernel::calendar::{Day, day_from_date};

    pub fn serialize<S: Serializer>(weeks: &BTreeMap<Day, [u64; 4]>, serializer: S) -> Result<S::Ok, S::Error> {
        let by_date: BTreeMap<String, String> = weeks
            .iter()
            .map(|(week, sums)| (super::day_text(*week), sums.map(|sum| sum.to_string()).join(" ")))
            .collect();
        by_date.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Day, [u64; 4]>, D::Error> {
        let week = |(date, sums): (String, String)| {
            let sums: Option<Vec<u64>> = sums.split(' ').map(|sum| sum.parse().ok()).collect();
            Some((day_from_date(date.parse().ok()?), sums?.try_into().ok()?))
        };
        let weeks: Option<_> = BTreeMap::deserialize(deserializer)?.into_iter().map(week).collect();
        weeks.ok_or_else(|| D::Error::custom("weeks are dates with four counts"))
    }
}

/// Serialises digests by Monday.
mod by_week {
    use super::ByWeek;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::collections::BTreeMap;
    use vtr_kernel::calendar::day_from_date;

    pub fn serialize<S: Serializer>(weeks: &ByWeek, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(weeks.iter().map(|(week, digest)| (super::day_text(*week), digest)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByWeek, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(deserializer)?.into_iter();
        let weeks: Option<_> = texts.map(|(date, digest)| Some((day_from_date(date.parse().ok()?), digest))).collect();
        weeks.ok_or_else(|| D::Error::custom("weeks are dates"))
    }
}

/// Serialises spans of days as texts: `2025-01-13/2025-01-26`.
pub(super) mod days {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use vtr_kernel::calendar::day_from_date;

    use crate::scan::identity::Days;

    pub fn serialize<S: Serializer>(days: &[Days], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(days.iter().map(|(first, last)| super::day_text(*first) + "/" + &super::day_text(*last)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Days>, D::Error> {
        let day = |text: &str| text.parse().ok().map(day_from_date);
        let read = |text: &String| text.split_once('/').and_then(|(first, last)| Some((day(first)?, day(last)?)));
        let texts = Vec::<String>::deserialize(deserializer)?;
        let days: Option<Vec<Days>> = texts.iter().map(read).collect();
        days.ok_or_else(|| D::Error::custom("days are texts such as 2025-01-13/2025-01-26"))
    }

    pub mod optional {
        use super::*;

        pub fn serialize<S: Serializer>(days: &Option<Vec<Days>>, serializer: S) -> Result<S::Ok, S::Error> {
            match days {
                Some(days) => super::serialize(days, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Days>>, D::Error> {
            #[derive(Deserialize)]
            struct Wrapped(#[serde(with = "super")] Vec<Days>);
            Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
        }
    }
}

/// Serialises days as ISO dates.
pub(super) mod day {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use vtr_kernel::calendar::{Day, day_from_date};

    pub fn serialize<S: Serializer>(day: &Day, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::day_text(*day))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(day_from_date).map_err(|_| D::Error::custom(format!("`{text}` is no date like 2025-01-13")))
    }

    pub mod optional {
        use super::*;

        pub fn serialize<S: Serializer>(day: &Option<Day>, serializer: S) -> Result<S::Ok, S::Error> {
            match day {
                Some(day) => super::serialize(day, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Day>, D::Error> {
            #[derive(Deserialize)]
            struct Wrapped(#[serde(with = "super")] Day);
            Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_twenty_digits_and_nothing_else_is_a_version() {
        assert_eq!(file_name(42), "00000000000000000042.json");
        assert_eq!(version_of(&file_name(u64::MAX)), Some(u64::MAX));
        for other in
            ["42.json", ".tmp-r-00000000000000000042", "00000000000000000042.json.bak", "+0000000000000000042.json"]
        {
            assert_eq!(version_of(other), None, "{other}");
        }
    }

    #[test]
    fn spans_overlap_on_shared_weeks_only() {
        let weeks = |first, last| Span::Weeks { first, last };
        assert!(weeks(4, 18).overlaps(&weeks(18, 25)));
        assert!(!weeks(4, 18).overlaps(&weeks(25, 32)));
        assert!(weeks(4, 4).overlaps(&Span::All) && Span::All.overlaps(&weeks(4, 4)));
        assert!(weeks(4, 18).covers(Some(11)) && !weeks(4, 18).covers(None) && !weeks(4, 18).covers(Some(25)));
    }

    #[test]
    fn a_newer_shape_is_refused_and_a_torn_one_is_damage() {
        let at = "out/_log/1";
        assert!(matches!(Manifest::parse(br#"{"format": 2}"#, at), Err(Error::Usage(_))));
        assert!(matches!(Manifest::parse(br#"{"format": 1, "ver"#, at), Err(Error::Failed { .. })));
    }

    #[test]
    fn days_are_written_as_dates() {
        let file = DataFile {
            path: "p".into(),
            sha256: "s".into(),
            bytes: 1,
            rows: 2,
            week: Some(vtr_kernel::calendar::monday(20_000)),
            judged_by: 3,
            by_week: ByWeek::new(),
            made_from: None,
        };
        let text = serde_json::to_string(&file).unwrap();
        assert!(text.contains(r#""week":"2024-09-30""#), "{text}");
        assert_eq!(serde_json::from_str::<DataFile>(&text).unwrap(), file);
        let unpartitioned = DataFile { week: None, ..file };
        let text = serde_json::to_string(&unpartitioned).unwrap();
        assert_eq!(serde_json::from_str::<DataFile>(&text).unwrap(), unpartitioned);
    }
}
