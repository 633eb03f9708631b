//! `vtr inspect`: a first look at a file, for people and programs.
//!
//! It prints what a file contains and proposes a job's `[[input]]`; cell contents are printed only on request. It
//! fails on a file that cannot be read to its end, and, after printing, on one that cannot be split into records.

use crate::cli::{GlobalOptions, InspectArgs, InspectFormat};
use crate::error::{Error, Result};
use crate::inspect::kinds::{self, FileKind, Fills};
use crate::inspect::{self, ColumnLook, Declared, Finding, Look, Request, Values};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::fmt::Write;
use std::path::Path;
use vtr_kernel::sources::Format;
use vtr_kernel::text::{grouped, shown, shown_json};

/// The most columns and headings of a kind that are listed for people.
const LISTED: usize = 12;

/// Inspects the files one after the other and prints the findings.
///
/// # Errors
/// Wrong options; a file that cannot be read to its end, or not be split into records.
pub fn run(args: &InspectArgs, global: &GlobalOptions) -> Result<()> {
    for (index, file) in args.files.iter().enumerate() {
        if index > 0 && !args.json {
            super::print("\n")?;
        }
        look_at(file, args, global)?;
    }
    Ok(())
}

fn look_at(file: &Path, args: &InspectArgs, global: &GlobalOptions) -> Result<()> {
    let (input, limits) = crate::job::input_of(file, &options(args)?)?;
    let sources = crate::job::sources()?;
    let origin = inspect::origin(file)?;
    let name = file.display().to_string();
    let kinds = kinds::kinds(&sources, &origin, &name, &limits).unwrap_or_default();
    let fills = kinds.first().map(|kind| kinds::fills(&sources, kind, &origin, &name, &limits));
    if kinds.first().is_some_and(|kind| kind.format == Format::Json) {
        let fills = fills.transpose().map_err(|what| Error::Input(format!("{name}: {what}")))?.unwrap_or_default();
        return documents(&name, origin.bytes(), &kinds, &fills, args);
    }
    let declared = Declared {
        encoding: args.encoding.is_some(),
        header_line: args.header_line.is_some(),
        delimiter: args.delimiter.is_some(),
    };
    let values = if global.show_values { Values::Shown } else { Values::Hidden };
    let mut look =
        inspect::look(&Request { path: file, input, declared, timestamps: args.timestamps.clone(), limits, values })?;
    (look.kinds, look.fills) = (kinds, fills.and_then(std::result::Result::ok));
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

/// Prints the findings about JSON.
fn documents(name: &str, bytes: u64, kinds: &[FileKind], fills: &Fills, args: &InspectArgs) -> Result<()> {
    if args.json {
        let look =
            serde_json::json!({ "file": name, "bytes": bytes, "format": "json", "kinds": kinds, "fills": fills });
        return super::print(format!("{look:#}\n"));
    }
    let mut text = String::new();
    line(&mut text, "file", &format!("{}: JSON, {} bytes", shown(name), grouped(bytes)));
    kind_lines(kinds, Some(fills), &mut text);
    kind_job(name, kinds, &mut text);
    super::print_lines(&text)
}

/// The possible kinds, and how the file fills the likeliest.
fn kind_lines(kinds: &[FileKind], fills: Option<&Fills>, text: &mut String) {
    for kind in kinds {
        let form = kind.form.as_ref().map_or(String::new(), |form| format!(", form {form}"));
        line(text, "kind", &format!("{} ({}{form}): {}", kind.kind, kind.role, kind.name));
    }
    let Some(fills) = fills.filter(|_| !kinds.is_empty()) else { return };
    line(
        text,
        "records",
        &format!("{} as {}, {} that cannot be read", grouped(fills.records), kinds[0].kind, grouped(fills.rejected)),
    );
    let filled: Vec<String> = fills
        .fields
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} {}", grouped(*count)))
        .collect();
    line(text, "fills", &filled.join(", "));
    if !fills.mostly_empty.is_empty() {
        line(text, "empty", &format!("{}: in more than 90 % of the records", fills.mostly_empty.join(", ")));
    }
}

/// The `[[input]]` of a job that joins the file with others.
fn kind_job(name: &str, kinds: &[FileKind], text: &mut String) {
    let Some(kind) = kinds.first() else { return };
    let path = toml::Value::from(name).to_string();
    let encoding = kind.encoding.map_or(String::new(), |label| format!("csv = {{ encoding = \"{label}\" }}\n"));
    let input = format!("[[input]]\nkind = \"{}\"\npath = {path}\n{encoding}", kind.kind);
    let _ = write!(text, "\nJoined with others (`vtr job init` writes the whole job):\n\n{}", indented(&input));
}

/// The options as keys of a job, so that they are checked as such.
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

/// The options that limit an inspection.
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
    kind_lines(&look.kinds, look.fills.as_ref(), &mut text);
    let job = format!("name = \"mine\"\n\n{}\n[output]\npath = \"out/mine\"\n", look.snippet);
    let _ = write!(text, "\nA job:\n\n{}", indented(&job));
    kind_job(&look.file, &look.kinds, &mut text);
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

/// Rounds an estimate to its significant digits.
fn rounded(column: &ColumnLook, count: u64) -> u64 {
    if column.distinct_is_exact || count < 100 {
        return count;
    }
    let unit = 10u64.pow(count.ilog10() - 1);
    count / unit * unit
}

fn finding_line(finding: &Finding, text: &mut String) {
    const WHOLE: [&str; 21] = [
        "other_channels",
        "unknown_marketplace",
        "copied_time",
        "negative_value",
        "zero_value",
        "open_mark",
        "filler_text",
        "us_states",
        "defect_report",
        "doubled_heading",
        "wrong_type",
        "spreadsheet_damage",
        "almost_empty",
        "unreadable_time",
        "unreadable_amount",
        "unreadable_flag",
        "midnight",
        "one_value",
        "order_report",
        "no_evidence",
        "ship_confirm",
    ];
    let said = if WHOLE.contains(&finding.kind) {
        finding.says.clone()
    } else {
        let one = |says: &str| says.replacen("records ", "record ", 1).replacen("lines ", "line ", 1);
        let says = if finding.count == 1 { one(&finding.says) } else { finding.says.clone() };
        format!("{} {says}", grouped(finding.count))
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
