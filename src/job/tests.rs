//! Jobs as people write them, correct and wrong.

use super::*;
use plan::{AsOfMode, EvidenceWanted, Format, Identity, Rolling};
use std::time::Duration;
use vtr_columnar::input::Column;
use vtr_kernel::calendar::day_from_date;

const JOB: &str = r#"
name = "weekly"

[[input]]
path = "shipments/*.parquet"
columns = { carrier = "carrier-name" }
constants = { seller_id = "0012", buy_shipping = true }

[output]
path = "out"
"#;

/// Returns 2025-02-05.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(20_124 * 86_400 + 3_600)
}

struct JobCase {
    folder: tempfile::TempDir,
    flags: Overrides,
    environment: Vec<(&'static str, &'static str)>,
}

impl JobCase {
    fn new(job: &str) -> JobCase {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("job.toml"), job).unwrap();
        JobCase { folder, flags: Overrides::default(), environment: Vec::new() }
    }

    fn set(mut self, set: &str) -> JobCase {
        self.flags.set.push(set.into());
        self
    }

    fn load(&self) -> Result<Plan> {
        let environment = |name: &str| {
            self.environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        load_with(&self.folder.path().join("job.toml"), &self.flags, &environment, now())
    }

    /// Returns the problems, without the folder.
    fn problems(&self) -> String {
        let folder = format!("{}/", self.folder.path().display());
        match self.load() {
            Ok(_) => String::new(),
            Err(error) => error.to_string().replace(&folder, ""),
        }
    }
}

fn digest_of(job: &str) -> String {
    JobCase::new(job).load().unwrap().job_digest
}

#[test]
fn a_small_job_has_the_documented_defaults() {
    let case = JobCase::new(JOB);
    let plan = case.load().unwrap();
    assert_eq!(plan.name, "weekly");
    assert_eq!(plan.as_of, day_from_date("2025-02-05".parse().unwrap()));
    assert_eq!(
        (plan.as_of_mode, plan.evidence, plan.identity),
        (AsOfMode::Rows, EvidenceWanted::Auto, Some(Identity::Package))
    );
    assert_eq!((plan.range, plan.copies_within_days, plan.prune), (None, 60, true));
    assert_eq!(plan.output.path, case.folder.path().join("out").to_string_lossy());
    let mut made = crate::schema::Table::ALL.to_vec();
    made.retain(|table| *table != crate::schema::Table::Judged);
    assert_eq!((&plan.output.tables, plan.output.rolling), (&made, Rolling::Weekly));
    assert_eq!((plan.output.min_eligible, plan.output.judged_weeks, plan.judged_from()), (10, 8, None));
    let limits = &plan.limits;
    assert_eq!((limits.max_rejected, limits.max_rejected_rows_kept, limits.max_columns), ((1, 1_000), 100_000, 1_000));
    assert_eq!((limits.max_field_bytes, limits.max_record_bytes), (64 << 10, 1 << 20));
    assert_eq!((limits.max_inflated_bytes, limits.max_inflated_ratio), (64 << 30, 5_000));
    let input = &plan.inputs[0];
    assert_eq!(input.paths, ["shipments/*.parquet"]);
    assert_eq!(input.columns, [(Column::Carrier, vec![plan::Heading::plain("carrier-name")])]);
    assert_eq!(input.constants, [(Column::SellerId, "0012".to_owned()), (Column::BuyShipping, "true".to_owned())]);
    assert_eq!((input.format, input.dialect.quote, input.dialect.header_line), (None, plan::Quote::ByDelimiter, 1));
    assert!(plan.threads >= 1 && plan.memory >= MEMORY_FLOOR_BYTES && plan.memory <= 2 << 30);
}

#[test]
fn every_key_of_a_full_job_is_read() {
    let job = r#"
name = "full"
as_of = 2025-01-31
as_of_mode = "scans"
evidence = "format"
deduplicate = false
identity = "order"
copies_within = 10
prune = false
threads = 3
memory = "256 MiB"
rates = "rates.csv"

[[input]]
role = "shipments"
path = ["a", "b.tsv"]
format = "csv"
[input.columns]
order_id = " order-id "
[input.from_path]
pattern = "exports/(?<seller_id>[^/]+)/"
[input.csv]
delimiter = "\t"
quote = ""
encoding = "Shift_JIS"
header_line = 3
nulls = ["", "--"]
decimal = ","
timestamps = ["%d.%m.%Y %H:%M"]
time_zone = "Asia/Tokyo"

[output]
path = "/abs/out"
tables = ["rejects", "vtr_weekly"]
rolling = "daily"

[limits]
max_rejected = "2%"
max_rejected_rows_kept = 7
max_field_bytes = 1_000
max_record_bytes = "2 KiB"
"#;
    let case = JobCase::new(job);
    std::fs::write(case.folder.path().join("rates.csv"), "Date,USD\n2025-01-15,1.03\n").unwrap();
    let plan = case.load().unwrap();
    assert_eq!(plan.as_of, day_from_date("2025-01-31".parse().unwrap()));
    assert_eq!((plan.as_of_mode, plan.evidence, plan.identity), (AsOfMode::Scans, EvidenceWanted::Format, None));
    assert_eq!((plan.copies_within_days, plan.prune, plan.threads, plan.memory), (10, false, 3, 256 << 20));
    let input = &plan.inputs[0];
    assert_eq!((input.paths.len(), input.format), (2, Some(Format::Csv)));
    assert_eq!(input.columns, [(Column::OrderId, vec![plan::Heading::plain("order-id")])]);
    assert_eq!(input.dialect.encoding, encoding_rs::SHIFT_JIS);
    assert_eq!(
        (input.dialect.delimiter, input.dialect.quote, input.dialect.header_line),
        (Some(b'\t'), plan::Quote::None, 3)
    );
    assert_eq!((input.cells.decimal_mark, input.cells.nulls.len()), (b',', 2));
    assert_eq!(plan.output.path, "/abs/out");
    assert_eq!(plan.output.tables.iter().map(|table| table.name()).collect::<Vec<_>>(), ["vtr_weekly", "rejects"]);
    assert_eq!((plan.limits.max_rejected, plan.limits.max_field_bytes), ((1, 50), 1_000));
}

#[test]
fn all_problems_are_named_at_once_with_their_lines() {
    let job = r#"nmae = "x"
name = "weekly"
as_of = "yesterday"
evidence = "scan"
deduplicate = "yes"
rates = "none.csv"

[[input]]
path = "a"
rolle = "shipments"
columns = { carier = "c", order_id = "o" }
constants = { order_id = "1", package_value = "ten", tracking_number = " " }
[input.from_path]
pattern = "(?<seler_id>.)"
[input.csv]
encoding = "utf8x"
delimiter = ";;"
timestamps = ["%Q"]
time_zone = "Berlin"
header_line = 0

[output]
path = "ftp://bucket/out"
tables = ["vtr_week"]

[limits]
max_rejected = "1000%"
max_columns = 1.5

[[check]]
name = "no seller vanished"
kind = "sellers_vanished"
at_most = "few"
"#;
    let problems = JobCase::new(job).problems();
    let expected = [
        "job.toml:1: a job has no key `nmae`; did you mean `name`?",
        "job.toml:3: `as_of` cannot be \"yesterday\"",
        "job.toml:4: `evidence` cannot be \"scan\"; did you mean `scans`?",
        "job.toml:5: `deduplicate` must be true or false, not a text",
        "job.toml:6: cannot read the rates file ",
        "job.toml:10: `input.0` has no key `rolle`; did you mean `role`?",
        "job.toml:11: `input.0.columns` has no key `carier`; did you mean `carrier`?",
        "job.toml:12: `order_id` is both mapped to a heading and a constant",
        "job.toml:12: the constant `package_value` cannot be \"ten\"",
        "job.toml:12: the constant `tracking_number` is empty",
        "job.toml:14: the group `seler_id` of `pattern` is no column; did you mean `seller_id`?",
        "job.toml:16: `encoding` cannot be \"utf8x\"; did you mean `utf-8`?",
        "job.toml:17: `delimiter` must be one ASCII character",
        "job.toml:18: the format \"%Q\" is not understood",
        "job.toml:19: `time_zone` cannot be \"Berlin\"",
        "job.toml:20: `input.0.csv.header_line` must be at least 1",
        "job.toml:23: `output.path`: `ftp://` is not a store that can be reached",
        "job.toml:24: `output.tables.0` cannot be \"vtr_week\"; did you mean `vtr_weekly`?",
        "job.toml:27: \"1000%\" is not a share",
        "job.toml:28: `limits.max_columns` must be a whole number",
        "job.toml:33: \"few\" is neither a number of sellers nor a share of them",
    ];
    for (line, start) in problems.lines().zip(expected) {
        assert!(line.starts_with(start), "{line}\n  instead of {start}\nin\n{problems}");
    }
    assert_eq!(problems.lines().count(), expected.len(), "{problems}");
}

#[test]
fn what_must_stand_is_asked_for() {
    let problems = JobCase::new("[[input]]\nformat = \"csv\"\n").problems();
    assert_eq!(
        problems,
        "job.toml:1: `input.0` lacks the key `path`\njob.toml:1: a job lacks the key `name`\njob.toml:1: a job lacks the key `output`"
    );
    assert!(JobCase::new("name = \n").problems().starts_with("job.toml:1: this is not TOML"));
    let missing = load(Path::new("/nonexistent/job.toml"), &Overrides::default(), now());
    assert!(missing.err().unwrap().to_string().contains("/nonexistent/job.toml"));
}

#[test]
fn credentials_stay_out_of_uris() {
    let problems = JobCase::new(JOB).set("input.0.path=gs://k:s@b/x").problems();
    assert!(problems.contains("`input.0.path`: gs://: a URI must not hold credentials"), "{problems}");
}

#[test]
fn what_joins_inputs_is_checked_before_any_file_is() {
    let confirm = |more: &str| {
        let job =
            "name = \"j\"\n[output]\npath = \"out\"\n[[input]]\nkind = \"amazon.ship_confirm\"\npath = \"c.txt\"\n";
        JobCase::new(&format!("{job}{more}"))
    };
    const EVENTS: &str =
        "name = \"j\"\n[output]\npath = \"out\"\n[[input]]\nkind = \"aftership\"\npath = \"t.jsonl\"\n";
    let seller = "[input.constants]\nseller_id = \"S\"\nmarketplace = \"DE\"\n";
    let plan = confirm(seller).load().unwrap_or_else(|error| panic!("{error}"));
    let assemble = plan.assemble.as_ref().unwrap();
    assert!(assemble.path.ends_with("packages") && plan.identity.is_none(), "{}", assemble.path);
    assert_eq!((assemble.window.from, assemble.window.to), (-3, 90));
    let orders = "[[input]]\nrole = \"orders\"\npath = \"o.txt\"\n[input.columns]\norder_id = \"order-id\"\n";
    for (job, words) in [
        (confirm("").set("input.0.kind=amazon.ship_conform"), "did you mean `amazon.ship_confirm`"),
        (confirm(""), "nothing of this input says `seller_id`"),
        (
            confirm("[input.constants]\nseller_id = \"S\"\n"),
            "neither this input nor orders beside it say `marketplace`",
        ),
        (confirm(&format!("{seller}{orders}")), "match = \"order_id\""),
        (confirm(seller).set("identity=order"), "`identity` cannot be"),
        (confirm(seller).set("assemble.unseen=[\"upps\"]"), "the book knows no carrier"),
        (confirm(seller).set("assemble.event_window=[5, -5]"), "event_window"),
        (confirm(seller).set("assemble.path=out"), "the output's own"),
        (confirm(seller).set("limits.events_cover=much"), "limits.events_cover"),
        (confirm(seller).set("input.0.role=orders").set("input.0.fold=confirmations"), "`fold`"),
        (confirm(seller).set("input.0.role=events"), "nothing of this input says `occurred_at`"),
        (JobCase::new(EVENTS), "no input makes packages"),
        (JobCase::new(JOB).set("input.0.match=order_id"), "`match` has no effect"),
        (JobCase::new(JOB).set("assemble.path=p"), "[assemble] has no effect"),
        (JobCase::new(JOB).set("input.0.columns.status=state"), "`status` is of inputs that are joined"),
    ] {
        let problems = job.problems();
        assert!(problems.contains(words), "{words}: {problems}");
    }
}

#[test]
fn options_go_over_environment_over_job_over_defaults() {
    let job = JOB.replacen("\n", "as_of = \"2025-01-01\"\nthreads = 2\n", 1);
    let mut case = JobCase::new(&job);
    let as_of = |case: &JobCase| vtr_kernel::calendar::date_from_day(case.load().unwrap().as_of).to_string();
    assert_eq!(as_of(&case), "2025-01-01");
    case.environment =
        vec![("VTR_AS_OF", "2025-01-02"), ("VTR_THREADS", "5"), ("VTR_OUT", "/tmp/o"), ("VTR_LAST", "2")];
    assert_eq!(as_of(&case), "2025-01-02");
    let plan = case.load().unwrap();
    assert_eq!((plan.threads, plan.output.path.as_str()), (5, "/tmp/o"));
    assert_eq!(plan.range.unwrap().days().0, day_from_date("2024-12-23".parse().unwrap()));
    case.flags.set = vec!["as_of=2025-01-03".into(), "threads=7".into()];
    assert_eq!(as_of(&case), "2025-01-03");
    case.flags.as_of = Some("2025-01-04".into());
    case.flags.from = Some("2025-W01".into());
    case.flags.to = Some("2025-W01".into());
    assert_eq!(as_of(&case), "2025-01-04");
    let plan = case.load().unwrap();
    assert_eq!((plan.threads, plan.range.unwrap().last - plan.range.unwrap().first), (7, 0));
    case.flags.last = Some(2);
    assert!(case.problems().contains("--last counts back"), "{}", case.problems());
    case.environment = vec![("VTR_THREADS", "many")];
    case.flags = Overrides::default();
    assert_eq!(case.problems(), "VTR_THREADS: `threads` must be a whole number, not a text");
}

#[test]
fn set_reaches_every_key() {
    let case = JobCase::new(JOB)
        .set("output.path=elsewhere")
        .set("input.0.path=[\"x\", \"y\"]")
        .set("input.1.path=z")
        .set("input.1.constants.seller_id=12345")
        .set("limits.max_rejected=5%")
        .set("name=2025")
        .set("memory=1 GiB")
        .set("prune=false");
    let plan = case.load().unwrap();
    assert_eq!(plan.output.path, case.folder.path().join("elsewhere").to_string_lossy());
    assert_eq!((plan.inputs.len(), plan.inputs[0].paths.len()), (2, 2));
    assert_eq!(plan.inputs[1].constants, [(Column::SellerId, "12345".to_owned())]);
    assert_eq!(
        (plan.limits.max_rejected, plan.name.as_str(), plan.memory, plan.prune),
        ((1, 20), "2025", 1 << 30, false)
    );
}

#[test]
fn set_says_what_it_does_not_understand() {
    let cases = [
        ("output", "--set output: write a key and its value"),
        ("outptu.path=x", "--set outptu.path: a job has no key `outptu`; did you mean `output`?"),
        ("input.path=x", "--set input.path: `input` is a list of 1; write `input.0` for its first"),
        ("input.7.path=x", "--set input.7.path: `input` is a list of 1"),
        ("name.x=1", "--set name.x: `name` is a value and has no keys"),
        (".=1", "--set .: `.` is not a key"),
        ("threads=0", "--set threads: `threads` must be at least 1"),
        ("memory=1 MiB", "--set memory: `memory` must be at least"),
    ];
    for (set, start) in cases {
        let problems = JobCase::new(JOB).set(set).problems();
        assert!(problems.starts_with(start), "{problems}");
    }
}

#[test]
fn the_digest_covers_what_moves_a_figure_and_nothing_else() {
    let base = digest_of(JOB);
    assert_eq!(base.len(), 64);
    let with =
        |sets: &[&str]| sets.iter().fold(JobCase::new(JOB), |case, set| case.set(set)).load().unwrap().job_digest;
    let neutral = [
        "name=other",
        "threads=1",
        "memory=1 GiB",
        "output.path=elsewhere",
        "prune=false",
        "as_of=2025-01-01",
        "limits.max_rejected=5%",
        "limits.max_columns=5",
        "output.rolling=weekly",
        "output.tables=[\"vtr_weekly\"]",
        "output.closed_after_days=400",
        "output.keep=3",
        "input.0.csv.encoding=utf8",
        "limits.max_field_bytes=65536",
    ];
    for set in neutral {
        assert_eq!(with(&[set]), base, "{set}");
    }
    let moving = [
        "evidence=format",
        "as_of_mode=scans",
        "deduplicate=false",
        "identity=order",
        "copies_within=1",
        "input.0.path=b",
        "input.0.format=csv",
        "input.0.columns.carrier=x",
        "input.0.constants.seller_id=13",
        "input.0.csv.delimiter=;",
        "input.0.csv.quote='",
        "input.0.csv.encoding=windows-1252",
        "input.0.csv.header_line=2",
        "input.0.csv.nulls=[\"x\"]",
        "input.0.csv.decimal=,",
        "input.0.csv.timestamps=[\"%d.%m.%Y\"]",
        "input.0.csv.time_zone=Europe/Berlin",
        "output.rolling=daily",
        "limits.max_rejected_rows_kept=1",
        "limits.max_field_bytes=1",
        "limits.max_record_bytes=2 MiB",
    ];
    let digests: std::collections::BTreeSet<String> = moving.iter().map(|set| with(&[set])).collect();
    assert!(!digests.contains(&base));
    assert_eq!(digests.len(), moving.len());
    let rated = JobCase::new(JOB).set("rates=rates.csv");
    std::fs::write(rated.folder.path().join("rates.csv"), "Date,USD\n2025-01-15,1.03\n").unwrap();
    let first = rated.load().unwrap().job_digest;
    std::fs::write(rated.folder.path().join("rates.csv"), "Date,USD\n2025-01-15,1.04\n").unwrap();
    assert!(first != base && rated.load().unwrap().job_digest != first);
}

#[test]
fn a_rates_file_or_book_that_cannot_be_used_says_where() {
    let case = JobCase::new(JOB).set("rates=rates.csv").set("book=rules");
    std::fs::write(case.folder.path().join("rates.csv"), "Date,USD\nx,1\n2025-01-15,-1\n").unwrap();
    std::fs::create_dir(case.folder.path().join("rules")).unwrap();
    std::fs::write(case.folder.path().join("rules/families.toml"), "nonsense = 1\n").unwrap();
    let problems = case.problems();
    assert!(problems.contains("***: line 2:") && problems.contains("***: line 3:"), "{problems}");
    assert!(problems.contains("/families.toml:1:"), "{problems}");
}

#[test]
fn the_schema_names_every_column_and_table() {
    let schema = spec::schema().to_string();
    for column in Column::ALL {
        assert!(schema.contains(&format!("\"{}\"", column.name())));
    }
    assert!(schema.contains("account_health") && !schema.contains("$ref"));
}

/// Collects all keys that a schema knows, as `--set` addresses them.
fn keys_of(schema: &Value, path: &str, into: &mut Vec<String>) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for (key, below) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        into.push(join(key));
        keys_of(below, &join(key), into);
    }
    if let Some(items) = schema.get("items") {
        into.push(join("0"));
        keys_of(items, &join("0"), into);
    }
    for choice in ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)).filter_map(Value::as_array).flatten() {
        keys_of(choice, path, into);
    }
}

#[test]
fn no_problem_repeats_a_value_that_was_set() {
    let mut keys = Vec::new();
    keys_of(&spec::schema(), "", &mut keys);
    keys.sort();
    keys.dedup();
    assert!(keys.len() > 90 && keys.contains(&"input.0.columns.carrier.0.at".to_owned()), "{keys:?}");
    let values = [
        "SECRETZZ",
        "(SECRETZZ",
        "[\"SECRETZZ\"]",
        "{ SECRETZZ = \"SECRETZZ\" }",
        "\"a\\tSECRETZZ\"",
        "s3://SECRETZZ:x@y/z",
    ];
    let mut refused = 0;
    for key in &keys {
        for value in values {
            if let Err(problems) = JobCase::new(JOB).set(&format!("{key}={value}")).load() {
                refused += 1;
                assert!(!problems.to_string().contains("SECRETZZ"), "{key}={value}: {problems}");
            }
        }
    }
    assert!(refused > 300, "{refused}");
    let short = JobCase::new(JOB).set("input.0.csv.encoding=ab").problems();
    assert!(short.contains("`encoding` cannot be \"***\""), "{short}");
}

#[test]
fn lines_of_a_large_job_are_found_at_once() {
    let rows: String = (0..200_000).map(|row| format!("k{row} = {row}\n")).collect();
    let began = std::time::Instant::now();
    let report = Report::new("job.toml".into());
    let document = Document::parse(&rows, &report);
    assert_eq!(document.origin("k199999"), Origin::Line(200_000));
    // Counting again for each key took minutes.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn a_column_can_come_from_several_headings_and_values_be_replaced() {
    let job = JOB.replace("columns = { carrier = \"carrier-name\" }\n", "");
    let text = job.replace(
        "[output]",
        "[input.columns]\ncarrier = [{ at = \"carrier-name\", values = { Other = \"\", PBS = \"Post\" } }, \"carrier-code\"]\n\
         order_id = { at = \"order-id\", values = { none = \"\" } }\n[output]",
    );
    let plan = JobCase::new(&text).load().unwrap();
    let columns = &plan.inputs[0].columns;
    assert_eq!(columns[0].1[0].values, [("none".to_owned(), String::new())]);
    assert_eq!(columns[1].1[1], plan::Heading::plain("carrier-code"));
    assert_eq!(columns[1].1[0].values.len(), 2);
    for (written, says) in [
        ("carrier = []", "`carrier` is mapped to an empty list"),
        ("carrier = [\"a\", \" \"]", "`carrier` is mapped to an empty heading"),
        ("carrier = [\"a\", \"A\"]", "`carrier` is mapped to the heading \"A\" twice"),
        ("carrier = { at = \"a\" }", "`input.0.columns.carrier` lacks the key `values`"),
        ("carrier = { at = \"a\", values = { \"\" = \"x\" } }", "`values` of `carrier` replaces an empty cell"),
        ("carrier = 7", "`input.0.columns.carrier` must be a text in quotes or a list or a table"),
        ("carrier = [7]", "`input.0.columns.carrier.0` must be a text in quotes or a table"),
    ] {
        let problems =
            JobCase::new(&job.replace("[output]", &format!("[input.columns]\n{written}\n[output]"))).problems();
        assert!(problems.contains(says), "{written}: {problems}");
    }
}

#[test]
fn what_every_format_can_have_is_said_in_the_input() {
    let with = |keys: &str| JobCase::new(&JOB.replace("[output]", &format!("{keys}\n[output]")));
    let input = "time_zone = \"Asia/Tokyo\"\ndays = [\"promised_delivery_at\"]\nnulls = [\"--\"]\ndecimal = \",\"\ntimestamps = [\"%d.%m.%Y\"]";
    let plan = with(input).load().unwrap();
    let input = &plan.inputs[0];
    for cells in [&input.cells, &input.columnar_cells] {
        assert_eq!((cells.nulls.len(), cells.decimal_mark, cells.times.zone().name()), (1, b',', "Asia/Tokyo"));
        assert!(cells.times.read("31.12.2025").is_ok());
    }
    assert!(input.days.contains(Column::PromisedDeliveryAt) && input.zone.is_some());
    let plan = with("nulls = [\"x\"]\n[input.csv]\ndecimal = \",\"\ntime_zone = \"Asia/Tokyo\"").load().unwrap();
    let input = &plan.inputs[0];
    assert_eq!((input.cells.decimal_mark, input.cells.nulls.len(), input.columnar_cells.decimal_mark), (b',', 1, b'.'));
    assert!(input.zone.is_none() && input.csv_keys == ["decimal", "time_zone"]);
    for (keys, says) in [
        ("days = [\"carrier\"]", "`input.0.days.0` cannot be \"carrier\""),
        ("decimal = \",\"\n[input.csv]\ndecimal = \",\"", "`decimal` is both in the [[input]] and in its [input.csv]"),
        ("format = \"parquet\"\n[input.csv]\nnulls = [\"x\"]", "write `nulls` in the [[input]] itself"),
        ("format = \"parquet\"\n[input.csv]\nheader_line = 2", "take `header_line` out"),
        ("timestamps = [\"%H:%M %Z\"]", "the name of a zone (%Z)"),
        ("[input.csv]\ntimestamps = [\"%s%3f\"]", "milliseconds"),
        ("time_zone = \"CET5\"", "`time_zone` cannot be \"CET5\""),
    ] {
        let problems = with(keys).problems();
        assert!(problems.contains(says), "{keys}: {problems}");
    }
}
