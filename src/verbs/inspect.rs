//! `vtr inspect`: a first look at a file, for people and programs.
//!
//! It prints what was seen and proposes a job's `[[input]]`; contents of cells only if it is asked
//! to. It fails on a file that cannot be read to its end, and, after printing, on one whose records
//! cannot be told apart.

use crate::cli::{GlobalOptions, InspectArgs, InspectFormat};
use crate::error::{Error, Result};
use crate::inspect::{self, ColumnLook, Declared, Finding, Look, Request, Values};
use crate::tell::report::grouped;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::fmt::Write;
use vtr_kernel::text::{shown, shown_json};

/// Columns and headings of a kind that are listed for a person.
const LISTED: usize = 12;

/// Looks at the file and prints what was seen.
///
/// # Errors
/// Wrong options; a file that cannot be read to its end, or be cut into records.
pub fn run(args: &InspectArgs, global: &GlobalOptions) -> Result<()> {
    let (input, limits) = crate::job::input_of(&args.file, &options(args)?)?;
    let declared = Declared {
        encoding: args.encoding.is_some(),
        header_line: args.header_line.is_some(),
        delimiter: args.delimiter.is_some(),
    };
    let values = if global.show_values { Values::Shown } else { Values::Hidden };
    let look = inspect::look(&Request {
        path: &args.file,
        input,
        declared,
        timestamps: args.timestamps.clone(),
        limits,
        values,
    })?;
    if args.json {
        let json = serde_json::to_string_pretty(&look).expect("texts and numbers have a JSON form");
        super::print(shown_json(&json).into_owned() + "\n")?;
    } else {
        super::print_lines(&text(&look, values))?;
    }
    match look.refused {
        Some(why) => Err(Error::Input(format!("{}: {why}", shown(&look.file)))),
        None => Ok(()),
    }
}

/// The options as keys of a job, so that they are checked as those are.
fn options(args: &InspectArgs) -> Result<Vec<(&'static str, String, String)>> {
    let mut options = Vec::new();
    let mut add = |key: &'static str, value: String, option: &str| options.push((key, value, option.to_owned()));
    if let Some(format) = args.format {
        let format = if format == InspectFormat::Csv { "csv" } else { "parquet" };
        add("format", format.into(), "--format");
    }
    if let Some(delimiter) = &args.delimiter {
        let delimiter = if delimiter == "\\t" { "\t" } else { delimiter };
        add("csv.delimiter", delimiter.into(), "--delimiter");
    }
    let texts = [
        ("csv.quote", &args.quote, "--quote"),
        ("csv.encoding", &args.encoding, "--encoding"),
        ("decimal", &args.decimal, "--decimal"),
    ];
    for (key, value, option) in texts {
        if let Some(value) = value {
            add(key, value.clone(), option);
        }
    }
    if let Some(line) = args.header_line {
        add("csv.header_line", line.to_string(), "--header-line");
    }
    let lists = [("nulls", &args.nulls, "--null"), ("timestamps", &args.timestamps, "--timestamp")];
    for (key, values, option) in lists {
        if !values.is_empty() {
            let items: Vec<toml::Value> = values.iter().map(|value| toml::Value::String(value.clone())).collect();
            add(key, toml::Value::Array(items).to_string(), option);
        }
    }
    for set in &args.set {
        let known = LIMITS.iter().find(|key| set.split_once('=').is_some_and(|(name, _)| name.trim() == **key));
        let (Some(key), Some((_, value))) = (known, set.split_once('=')) else {
            let key = set.split_once('=').map_or(set.as_str(), |(key, _)| key.trim());
            return Err(Error::Usage(format!("--set {key}: only limits can be set here: {}", LIMITS.join(", "))));
        };
        add(key, value.trim().to_owned(), &format!("--set {key}"));
    }
    Ok(options)
}

/// The limits that a look keeps to.
const LIMITS: [&str; 7] = [
    "limits.max_field_bytes",
    "limits.max_record_bytes",
    "limits.max_columns",
    "limits.max_inflated_bytes",
    "limits.max_inflated_ratio",
    "limits.max_page_bytes",
    "limits.max_row_group_rows",
];

fn text(look: &Look, values: Values) -> String {
    let mut text = String::new();
    head(look, &mut text);
    text += &columns(look, values);
    for finding in &look.findings {
        finding_line(finding, &mut text);
    }
    if look.findings.is_empty() {
        line(&mut text, "found", "nothing wrong");
    }
    for hint in &look.hints {
        line(&mut text, "hint", hint);
    }
    mapping(look, &mut text);
    let job = format!("name = \"mine\"\n\n{}\n[output]\npath = \"out/mine\"\n", look.snippet);
    let _ = write!(text, "\nA job:\n\n{}", indented(&job));
    text
}

fn line(text: &mut String, head: &str, said: &str) {
    let _ = writeln!(text, "{head:<10} {said}");
}

fn head(look: &Look, text: &mut String) {
    let packing = if look.packing == "none" { String::new() } else { format!(", {}", look.packing) };
    let is = if look.format == "csv" { "delimited text" } else { "Parquet" };
    line(text, "file", &format!("{}: {is}{packing}, {} bytes", shown(&look.file), grouped(look.bytes)));
    let columns = look.columns.len();
    line(text, "rows", &format!("{} in {columns} column{}", grouped(look.rows), if columns == 1 { "" } else { "s" }));
    if let Some(csv) = &look.text {
        let quote = csv.quote.map_or_else(|| "none".to_owned(), |quote| quote.to_string());
        let mark = if csv.byte_order_mark { " with a byte order mark" } else { "" };
        line(
            text,
            "text",
            &format!(
                "{}{mark}, delimiter {:?}, quote {quote}, line ends {}, headings on line {}",
                csv.encoding, csv.delimiter, csv.line_ends, csv.header_line
            ),
        );
    }
    if let Some(parquet) = &look.parquet {
        let by = parquet.created_by.as_deref().unwrap_or("an unknown writer");
        line(
            text,
            "layout",
            &format!("{} row groups, {}, written by {by}", parquet.row_groups, parquet.compression.join(" and ")),
        );
    }
}

/// The columns as a table as wide as the terminal.
fn columns(look: &Look, values: Values) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    let mut heads = vec!["#", "column", "type", "values", "null", "distinct", "longest", "is"];
    if values == Values::Shown {
        heads.push("such as");
    }
    table.set_header(heads);
    for (index, column) in look.columns.iter().enumerate() {
        let right = |text: String| comfy_table::Cell::new(text).set_alignment(CellAlignment::Right);
        let distinct = column.distinct.map_or_else(String::new, |count| {
            format!("{}{}", if column.distinct_is_exact { "" } else { "~" }, grouped(rounded(column, count)))
        });
        let kind = match &column.note {
            Some(note) => format!("{} ({note})", column.kind),
            None => column.kind.clone(),
        };
        let is_personal = look.mapping.personal.contains(&column.name);
        let mut row = vec![
            right((index + 1).to_string()),
            comfy_table::Cell::new(&column.name),
            comfy_table::Cell::new(kind),
            right(grouped(column.values)),
            right(grouped(column.nulls)),
            right(distinct),
            right(column.longest_bytes.map_or_else(String::new, grouped)),
            comfy_table::Cell::new(column.maps_to.unwrap_or(if is_personal { "(personal)" } else { "" })),
        ];
        if values == Values::Shown {
            row.push(comfy_table::Cell::new(column.examples.join(" | ")));
        }
        table.add_row(row);
    }
    table.trim_fmt() + "\n"
}

/// An estimate shows no more digits than it has.
fn rounded(column: &ColumnLook, count: u64) -> u64 {
    if column.distinct_is_exact || count < 100 {
        return count;
    }
    let unit = 10u64.pow(count.ilog10() - 1);
    count / unit * unit
}

fn finding_line(finding: &Finding, text: &mut String) {
    const WHOLE: [&str; 11] = [
        "doubled_heading",
        "wrong_type",
        "spreadsheet_damage",
        "almost_empty",
        "unreadable_time",
        "unreadable_amount",
        "unreadable_flag",
        "midnight",
        "order_report",
        "no_evidence",
        "ship_confirm",
    ];
    let said = if WHOLE.contains(&finding.kind) {
        finding.says.clone()
    } else {
        format!("{} {}", grouped(finding.count), finding.says)
    };
    line(text, "found", &said);
    for spot in &finding.first {
        let fields = spot.fields.map_or_else(String::new, |fields| format!(", {fields} fields"));
        let record = if spot.record == 0 { "headings".to_owned() } else { format!("record {}", spot.record) };
        line(text, "", &format!("{record}, line {}, byte {}{fields}", spot.line, spot.byte_offset));
    }
    if finding.count > finding.first.len() as u64 && !finding.first.is_empty() {
        line(text, "", &format!("... and {} more", grouped(finding.count - finding.first.len() as u64)));
    }
}

fn mapping(look: &Look, text: &mut String) {
    let mapping = &look.mapping;
    if !mapping.missing.is_empty() {
        line(text, "lacks", &format!("{}: every shipment needs that", mapping.missing.join(", ")));
    }
    for unused in mapping.unused.iter().filter(|unused| unused.why.starts_with('`')) {
        line(text, "unused", &format!("`{}`: {}", unused.heading, unused.why));
    }
    if !mapping.personal.is_empty() {
        let shown: Vec<&str> = mapping.personal.iter().take(LISTED).map(String::as_str).collect();
        let more = if mapping.personal.len() > LISTED { ", ..." } else { "" };
        line(text, "personal", &format!("{}{more}: leave them unmapped, and no run reads them", shown.join(", ")));
    }
    let has = |name: &str| mapping.has(name);
    if has("tracking_number") && !has("first_scan_at") && !has("delivery_scan_at") {
        line(text, "evidence", "no scans: a run judges the numbers alone (`format`)");
    }
}

fn indented(text: &str) -> String {
    let indent = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
    text.lines().map(indent).collect()
}
