//! The digest by which two runs are of the same job.
//!
//! It covers every key that can change a figure of a week, and the rates; it must not cover keys that change only cost
//! or place: threads, memory, pruning, gates, the output's path. The rules, the tables made, the output revision of
//! the program, `as_of` and the weeks are separate entries of the manifest, because only some weeks or tables may
//! depend on them. It cannot fail.

use super::plan::{AsOfMode, CellRules, EvidenceWanted, Identity, OnBadFile, Plan, Rolling};
use super::spec::{InputSpec, JobSpec};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use vtr_kernel::sources::Format;
use vtr_kernel::strays::Mark;
use vtr_kernel::text::hex;

/// The output revision, raised whenever the same job on the same inputs would publish different bytes.
pub const OUTPUT_REVISION: u32 = 6;

/// Everything that can change a figure; its JSON is hashed, so a renamed field changes the digest.
#[derive(Serialize)]
struct Figures<'a> {
    rates: Option<String>,
    /// Absent without a list, so that older digests remain valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    sellers: Option<String>,
    as_of_mode: AsOfMode,
    evidence: EvidenceWanted,
    identity: Option<&'static str>,
    copies_within_days: i32,
    inputs: Vec<InputFigures<'a>>,
    /// Absent if nothing is joined. The packages' own digests cover their content.
    #[serde(skip_serializing_if = "Option::is_none")]
    assembled: Option<bool>,
    rolling: Rolling,
    min_eligible: u64,
    /// `None` if the table is not made.
    judged_weeks: Option<u32>,
    max_rejected_rows_kept: usize,
    max_field_bytes: usize,
    max_record_bytes: usize,
    scan_lead_days: i32,
}

#[derive(Serialize)]
struct InputFigures<'a> {
    paths: Vec<String>,
    format: Option<Format>,
    columns: BTreeMap<&'static str, Vec<&'a super::plan::Heading>>,
    constants: BTreeMap<&'static str, &'a str>,
    from_path: Option<&'a str>,
    delimiter: Option<u8>,
    quote: super::plan::Quote,
    encoding: &'static str,
    header_line: usize,
    /// How cells are read, of delimited text and of Parquet.
    cells: [CellFigures<'a>; 2],
    days: Vec<&'static str>,
    /// Absent unless files may be left out, so that older digests remain valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_bad_file: Option<OnBadFile>,
}

#[derive(Serialize)]
struct CellFigures<'a> {
    nulls: &'a [String],
    decimal_mark: u8,
    /// Absent unless a decimal point was declared, so that older digests remain valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    declared_point: Option<bool>,
    timestamps: &'a [String],
    time_zone: &'a str,
}

/// Returns the digest of a plan and its spec, in hex; `rates` and `sellers` are the texts of their files.
pub fn of(plan: &Plan, spec: &JobSpec, rates: Option<&str>, sellers: Option<&str>) -> String {
    let figures = Figures {
        rates: rates.map(|text| sha256_hex(text.as_bytes())),
        sellers: sellers.map(|text| sha256_hex(text.as_bytes())),
        as_of_mode: spec.as_of_mode,
        evidence: spec.evidence,
        identity: plan.identity.map(|identity| match identity {
            Identity::Package => "package",
            Identity::Order => "order",
        }),
        copies_within_days: plan.copies_within_days,
        inputs: match plan.assemble {
            Some(_) => Vec::new(),
            None => plan.inputs.iter().zip(&spec.input).map(|(input, spec)| input_figures(input, spec)).collect(),
        },
        assembled: plan.assemble.as_ref().map(|_| true),
        rolling: spec.output.rolling,
        min_eligible: spec.output.min_eligible,
        judged_weeks: plan.judged_from().map(|_| plan.output.judged_weeks),
        max_rejected_rows_kept: plan.limits.max_rejected_rows_kept,
        max_field_bytes: plan.limits.max_field_bytes,
        max_record_bytes: plan.limits.max_record_bytes,
        scan_lead_days: plan.limits.scan_lead_days,
    };
    let json = serde_json::to_vec(&figures).expect("texts and numbers have a JSON form");
    sha256_hex(&json)
}

fn cell_figures<'a>(cells: &'a CellRules, timestamps: Option<&'a Vec<String>>) -> CellFigures<'a> {
    CellFigures {
        nulls: &cells.nulls,
        decimal_mark: cells.decimal_mark,
        declared_point: (cells.mark == Mark::Known && cells.decimal_mark == b'.').then_some(true),
        timestamps: timestamps.map_or(&[], Vec::as_slice),
        time_zone: cells.times.zone().name(),
    }
}

fn input_figures<'a>(input: &'a super::plan::Input, spec: &'a InputSpec) -> InputFigures<'a> {
    InputFigures {
        paths: input.paths.clone(),
        format: spec.format,
        columns: input.columns.iter().map(|(column, heading)| (column.name(), heading.iter().collect())).collect(),
        constants: input.constants.iter().map(|(column, value)| (column.name(), value.as_str())).collect(),
        from_path: input.from_path.as_ref().map(regex::Regex::as_str),
        delimiter: input.dialect.delimiter,
        quote: input.dialect.quote,
        encoding: input.dialect.encoding.name(),
        header_line: input.dialect.header_line,
        cells: [
            cell_figures(&input.cells, spec.csv.timestamps.as_ref().or(spec.timestamps.as_ref())),
            cell_figures(&input.columnar_cells, spec.timestamps.as_ref()),
        ],
        days: input.days.iter().map(vtr_columnar::input::Column::name).collect(),
        on_bad_file: (spec.on_bad_file != OnBadFile::Fail).then_some(spec.on_bad_file),
    }
}

/// Returns the SHA-256 in hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
