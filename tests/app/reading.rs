//! Tests of files that people really have: reports without numbers, shop exports, quotes in tab-separated files, dates
//! kept as timestamps. Each gives the right figure, or a refusal that says what to do.

use crate::support::{cell, table, text, vtr_in};
use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A number of the carrier, for rows that are valid.
const NUMBER: &str = "00340434161094022115";

struct Place(tempfile::TempDir);

/// A command's exit code and output.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn vtr(&self, args: &[&str]) -> Said {
        let output = vtr_in(self.path(), args);
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Runs a job with this input.
    fn run(&self, input: &str, limits: &str) -> Said {
        let job =
            format!("name = \"test\"\nas_of = \"2025-07-31\"\n{input}\n[output]\npath = \"out\"\n[limits]\n{limits}\n");
        self.put("job.toml", job);
        // One output serves for all jobs of a test, whatever files they read.
        self.vtr(&["run", "job.toml", "--json", "--quiet", "--full"])
    }

    /// The job that `inspect` proposes for a file, completed with what only the file's owner knows.
    fn proposed(&self, args: &[&str]) -> (String, Said) {
        let said = self.vtr(args);
        let job = said.out.split_once("A job:").unwrap_or_else(|| panic!("{}{}", said.out, said.err)).1;
        // The rest is the file's input in a job that joins it with others.
        let job = job.split("Joined with others").next().unwrap_or(job);
        let known = job
            .replace("# seller_id = \"...\"", "seller_id = \"A1\"")
            .replace("# marketplace = \"DE\"", "marketplace = \"DE\"")
            .replace("name = \"mine\"", "name = \"mine\"\nas_of = \"2025-07-31\"");
        (known.lines().map(|line| format!("{}\n", line.trim())).collect(), said)
    }

    fn run_job(&self, job: &str) -> Said {
        self.put("proposed.toml", job);
        self.vtr(&["run", "proposed.toml", "--json", "--quiet", "--full"])
    }
}

impl Said {
    fn report(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// Rows read, rejected, valid and defects.
    fn counts(&self) -> [u64; 4] {
        let report: Value = serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err));
        ["read", "rejected", "valid", "defect"].map(|name| report["counts"][name].as_u64().unwrap())
    }

    fn warns(&self, of: &str) -> bool {
        self.report()["warnings"].to_string().contains(of)
    }
}

fn joined(rows: &[Vec<String>], delimiter: &str) -> String {
    rows.iter().map(|row| row.join(delimiter) + "\n").collect()
}

/// A report of a marketplace: its real headings, and in each row cells given by heading.
fn report(headings: &str, rows: usize, cell: impl Fn(usize, &str) -> String) -> String {
    let names: Vec<&str> = headings.split('\t').collect();
    let row = |row: usize| names.iter().map(|name| cell(row, name)).collect::<Vec<_>>();
    format!("{headings}\n{}", joined(&(0..rows).map(row).collect::<Vec<_>>(), "\t"))
}

const ORDER_REPORT: &str = "order-id\torder-item-id\tpurchase-date\tpayments-date\tbuyer-email\tbuyer-name\tbuyer-phone-number\tsku\tproduct-name\tquantity-purchased\tcurrency\titem-price\titem-tax\tshipping-price\tshipping-tax\tship-service-level\tship-service-name\trecipient-name\tship-address-1\tship-address-2\tship-address-3\taddress-type\tship-city\tship-state\tship-postal-code\tship-country\titem-promotion-discount\titem-promotion-id\tship-promotion-discount\tship-promotion-id\tdelivery-start-date\tdelivery-end-date\tdelivery-time-zone\tdelivery-Instructions\tsales-channel\tearliest-ship-date\tlatest-ship-date\tearliest-delivery-date\tlatest-delivery-date\tis-business-order\tpurchase-order-number\tprice-designation\tis-prime\tbuyer-company-name\tsignature-confirmation-recommended";

#[test]
fn an_order_report_without_numbers_is_refused_and_called_what_it_is() {
    let place = Place::new();
    let text = report(ORDER_REPORT, 20, |row, heading| match heading {
        "order-id" => format!("302-1234567-{row:07}"),
        "sales-channel" => "Amazon.de".into(),
        "ship-country" => "DE".into(),
        "purchase-date" | "payments-date" => "2025-06-01T10:00:00+00:00".into(),
        "latest-delivery-date" => format!("2025-06-{:02}T21:59:59+00:00", row % 20 + 5),
        "buyer-name" => "Jane Doe".into(),
        _ => String::new(),
    });
    place.put("orders.txt", text);
    let (job, said) = place.proposed(&["inspect", "orders.txt"]);
    assert!(
        said.out.contains("this reads like an order report") && !said.out.contains("nothing wrong"),
        "{}",
        said.out
    );
    assert!(!said.out.contains("Jane"), "{}", said.out);
    let ran = place.run_job(&job);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    assert!(
        ran.err.contains("neither `tracking_number` nor a scan column") && ran.err.contains("orders.txt"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("allow_absent = [\"tracking_number\"]"), "{}", ran.err);
    let allowed = job.replace("path = \"orders.txt\"", "path = \"orders.txt\"\nallow_absent = [\"tracking_number\"]");
    let ran = place.run_job(&allowed);
    assert_eq!(ran.report()["counts"]["read"].as_u64(), Some(20));
}

#[test]
fn shipment_confirmations_are_judged_by_number_and_said_to_be_no_more() {
    let headings =
        "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method";
    let place = Place::new();
    // The carrier's name is given if the code is Other, as the instructions of the feed require.
    let text = report(headings, 40, |row, heading| match heading {
        "order-id" => format!("302-1234567-{row:07}"),
        "ship-date" => format!("2025-06-{:02}", row % 28 + 1),
        "carrier-code" if row % 2 == 0 => "DHL".into(),
        "carrier-name" if row % 2 == 1 => "DHL".into(),
        "tracking-number" if row != 7 => NUMBER.into(),
        _ => String::new(),
    });
    place.put("confirm.txt", text);
    let (job, said) = place.proposed(&["inspect", "confirm.txt"]);
    assert!(said.out.contains("this reads like shipment confirmations"), "{}", said.out);
    assert!(job.contains("carrier = [\"carrier-name\", \"carrier-code\"]"), "{job}");
    let ran = place.run_job(&job);
    assert_eq!((ran.report()["evidence"].as_str(), ran.counts()), (Some("format"), [40, 0, 39, 1]));
    let defects = table(&place.path().join("out/mine"), "defects");
    assert_eq!(cell(&defects[0], "reason"), "tracking_missing");
    // With one heading alone, half the carriers count as missing.
    let half = job.replace("[\"carrier-name\", \"carrier-code\"]", "\"carrier-name\"").replace("out/mine", "out/half");
    assert_eq!(place.run_job(&half).counts(), [40, 0, 19, 21]);
}

#[test]
fn the_japanese_confirmation_feed_is_read_from_its_third_line() {
    let place = Place::new();
    let text = "TemplateType=OrderFulfillment\tVersion=2011.1102\tこの行はAmazonが使用しますので変更や削除しないでください。\t\t\t\t\t\t\n\
        注文番号\t注文商品番号\t出荷数\t出荷日\t配送業者コード\t配送業者名\tお問い合わせ伝票番号\t配送方法\t代金引換\n\
        order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method\tcod-collection-method\n\
        250-1\t1\t1\t2025/06/03\tYamato\tヤマト運輸\t123456789013\t\t\n250-2\t1\t1\t2025/06/04\tYamato\tヤマト運輸\t\t\t\n";
    place.put("jp.txt", encoding_rs::SHIFT_JIS.encode(text).0);
    let (job, said) = place.proposed(&["inspect", "jp.txt"]);
    assert!(said.out.contains("header_line = 3") && job.contains("encoding = \"shift_jis\""), "{}", said.out);
    assert!(job.contains("timestamps = [\"%Y/%m/%d\"]"), "{job}");
    let ran = place.run_job(&job.replace("marketplace = \"DE\"", "marketplace = \"JP\""));
    let counts = ran.counts();
    assert_eq!((counts[0], counts[1], counts[3]), (2, 0, 1), "{}", ran.out);
}

#[test]
fn a_german_shop_export_is_read_as_inspect_proposes() {
    let place = Place::new();
    let headings = "Bestellnummer;Bestelldatum;Marktplatz;Käufer;Versanddatum;Zustellung bis;Versanddienstleister;Sendungsnummer;Lieferland;Warenwert;Währung;Erster Scan;Zugestellt am";
    let row = |row: u32| {
        let day = row % 28 + 1;
        let number = if row == 3 { "" } else { NUMBER };
        let scan = if row == 4 { String::new() } else { format!("{day:02}.06.2025 08:15") };
        format!(
            "4711-{row};{day:02}.06.2025;DE;Jürgen Müller;{day:02}.06.2025;{day:02}.06.2025;DHL;{number};DE;{},50;EUR;{scan};{scan}\n",
            20 + row
        )
    };
    let rows: String = (1..=30).map(row).collect();
    place.put("export.csv", encoding_rs::WINDOWS_1252.encode(&format!("{headings}\n{rows}")).0);
    let (job, said) = place.proposed(&["inspect", "export.csv"]);
    for part in [
        "delimiter = \";\"",
        "encoding = \"windows-1252\"",
        "decimal = \",\"",
        "timestamps = [\"%d.%m.%Y\", \"%d.%m.%Y %H:%M\"]",
    ] {
        assert!(job.contains(part), "{part}: {job}");
    }
    assert!(!said.out.contains("nothing wrong") && !said.out.contains("Müller"), "{}", said.out);
    assert!(
        said.out.contains("are no times as they stand") && said.out.contains("have a decimal comma"),
        "{}",
        said.out
    );
    let ran = place.run_job(&job);
    assert_eq!((ran.report()["evidence"].as_str(), ran.counts()), (Some("scans"), [30, 0, 28, 2]));
    // If a handwritten job lacks what `inspect` proposes, the error says what to do.
    let bare = job.replace("delimiter = \";\"\n", "").replace("out/mine", "out/bare");
    let ran = place.run_job(&bare);
    assert!(ran.code == Some(3) && ran.err.contains("set `delimiter = \";\"` in [input.csv]"), "{}", ran.err);
    let times = job.lines().filter(|line| !line.starts_with("timestamps")).map(|line| format!("{line}\n"));
    let ran = place.run_job(&times.collect::<String>().replace("out/mine", "out/times"));
    assert!(ran.code == Some(4) && ran.err.contains("rejected"), "{}", ran.err);
}

#[test]
fn a_stray_quote_in_a_tab_report_costs_no_row() {
    let headings =
        "amazon-order-id\tproduct-name\tsales-channel\tship-country\tcarrier\ttracking-number\tlatest-delivery-date";
    let place = Place::new();
    // Every 1,000th name begins with a quote, which another quote hundreds of rows below would close.
    let text = report(headings, 50_000, |row, heading| match heading {
        "amazon-order-id" => format!("302-1234567-{row:07}"),
        "product-name" if row % 1_000 == 17 => "\"Best\" of everything".into(),
        "product-name" if row % 1_000 == 510 => "\"unended".into(),
        "product-name" if row % 1_000 == 520 => "\"".into(),
        "sales-channel" => "Amazon.de".into(),
        "ship-country" => "DE".into(),
        "carrier" => "DHL".into(),
        "tracking-number" if row % 100 != 0 => NUMBER.into(),
        "latest-delivery-date" => format!("2025-06-{:02}", row % 28 + 1),
        _ => String::new(),
    });
    place.put("orders.txt", text);
    let input = "[[input]]\npath = \"orders.txt\"\n[input.columns]\norder_id = \"amazon-order-id\"\nmarketplace = \"sales-channel\"\n\
        tracking_number = \"tracking-number\"\npromised_delivery_at = \"latest-delivery-date\"\n[input.constants]\nseller_id = \"A1\"\n";
    assert_eq!(place.run(input, "").counts(), [50_000, 0, 49_500, 500]);
    // Read with quotes, as other readers do, the swallowed rows are counted, named and gated.
    let quoted = format!("{input}[input.csv]\nquote = \"\\\"\"\n");
    let ran = place.run(&quoted, "max_rejected = \"100%\"");
    let [read, rejected, ..] = ran.counts();
    assert!(read == 50_000 && rejected >= 500, "{read} {rejected}");
    let reasons: Vec<_> = table(&place.path().join("out"), "rejects");
    let swallowed = reasons.iter().filter(|row| cell(row, "reason").starts_with("quote swallowed lines")).count();
    assert!(swallowed >= 500, "{swallowed}");
    let says = |row: &&crate::support::Row| cell(row, "reason").contains("set quote = \"\"");
    assert!(reasons.iter().filter(says).count() == swallowed, "{:?}", reasons[0]);
    std::fs::remove_dir_all(place.path().join("out")).unwrap();
    let ran = place.run(&quoted, "");
    assert!(ran.code == Some(4), "{}", ran.err);
}

#[test]
fn a_cell_with_line_ends_is_text_and_one_with_the_cells_of_others_is_not() {
    let place = Place::new();
    let head = "seller_id,marketplace,order_id,note,carrier,tracking_number,promised_delivery_at";
    let good = |order: &str, note: &str| format!("A1,DE,{order},{note},DHL,{NUMBER},2025-06-05\n");
    let address = good("1", "\"Main Street 1\nBack door, left\"");
    let swallows =
        format!("A1,DE,2,\"stray,DHL,{NUMBER},2025-06-05\n{}A1,DE,4,end\",DHL,{NUMBER},2025-06-05\n", good("3", "x"));
    place.put("in.csv", format!("{head}\n{address}{swallows}{}", good("5", "y")));
    let ran = place.run("[[input]]\npath = \"in.csv\"", "max_rejected = \"100%\"");
    assert_eq!(ran.counts(), [5, 3, 2, 0], "{}", ran.out);
    let rejects = table(&place.path().join("out"), "rejects");
    let lines: Vec<&str> = rejects.iter().map(|row| cell(row, "line")).collect();
    assert_eq!(lines, ["4", "5", "6"]);
}

fn parquet(place: &Place, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    place.put(name, writer.into_inner().unwrap());
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn lists_of_headings_and_replaced_values_hold_for_every_format() {
    let place = Place::new();
    let codes = [Some("DHL"), Some("Other"), None, Some("Other"), Some(" Other ")];
    let names = [Some("Hermes"), Some("DHL"), Some("DHL"), None, Some("DHL")];
    let numbers = [NUMBER; 5].map(Some);
    let orders = ["1", "2", "3", "4", "5"].map(Some);
    parquet(
        &place,
        "in.parquet",
        vec![
            ("order_id", texts(&orders)),
            ("code", texts(&codes)),
            ("name", texts(&names)),
            ("no", texts(&[None, None, None, None, None])),
            ("number", texts(&numbers)),
            ("promised_delivery_at", texts(&["2025-06-05"; 5].map(Some))),
        ],
    );
    let row = |at: usize| {
        let [code, name] = [codes[at], names[at]].map(Option::unwrap_or_default);
        format!("{},{code},{name},,{NUMBER},2025-06-05\n", orders[at].unwrap())
    };
    let rows: String = (0..5).map(row).collect();
    place.put("in.csv", format!("order_id,code,name,no,number,promised_delivery_at\n{rows}"));
    for file in ["in.csv", "in.parquet"] {
        let input = |carrier: &str| {
            format!(
                "[[input]]\npath = \"{file}\"\n[input.columns]\ncarrier = {carrier}\ntracking_number = [\"no\", \"number\"]\n\
                 [input.constants]\nseller_id = \"A1\"\nmarketplace = \"DE\"\n"
            )
        };
        let ran = place.run(&input("[{ at = \"code\", values = { Other = \"\" } }, \"name\"]"), "");
        // The fourth has no carrier at all.
        assert_eq!(ran.counts(), [5, 0, 4, 1], "{file}: {}", ran.out);
        let defects = table(&place.path().join("out"), "defects");
        assert_eq!((cell(&defects[0], "order_id"), cell(&defects[0], "reason")), ("4", "carrier_missing"), "{file}");
        let ran = place.run(&input("{ at = \"code\", values = { Other = \"DHL\" } }"), "");
        assert_eq!(ran.counts(), [5, 0, 4, 1], "{file}: the third has no code");
        let ran = place.run(&input("[\"code\", \"nmae\"]"), "");
        assert!(ran.code == Some(3) && ran.err.contains("no file has the heading `nmae`"), "{file}: {}", ran.err);
    }
}

#[test]
fn days_and_zones_of_an_input_hold_for_every_format() {
    let place = Place::new();
    // Midnights of 6 January, a Monday; in Los Angeles it is still the Sunday of the week before.
    let midnight = 20_094 * 86_400_000_000i64;
    let weeks = |place: &Place| -> Vec<String> {
        table(&place.path().join("out"), "vtr_weekly").iter().map(|row| cell(row, "iso_week").to_owned()).collect()
    };
    let columns = |promised: ArrayRef| {
        vec![
            ("order_id", texts(&[Some("1"), Some("2")])),
            ("tracking_number", texts(&[Some("1Z999AA10123456784"), None])),
            ("promised_delivery_at", promised),
        ]
    };
    let naive = TimestampMicrosecondArray::from(vec![midnight; 2]);
    parquet(&place, "naive.parquet", columns(Arc::new(naive.clone())));
    parquet(&place, "utc.parquet", columns(Arc::new(naive.with_timezone("UTC"))));
    // In Berlin the same day begins at 23:00 UTC of the day before.
    let berlin = TimestampMicrosecondArray::from(vec![midnight - 3_600_000_000; 2]).with_timezone("Europe/Berlin");
    parquet(&place, "berlin.parquet", columns(Arc::new(berlin)));
    place.put(
        "text.csv",
        "order_id,tracking_number,promised_delivery_at\n1,1Z999AA10123456784,2025-01-06T00:00:00Z\n2,,2025-01-06 00:00:00+00\n",
    );
    let input = |file: &str, keys: &str| {
        format!(
            "[[input]]\npath = \"{file}\"\n{keys}\n[input.constants]\nseller_id = \"A1\"\nmarketplace = \"US\"\ncarrier = \"UPS\"\n"
        )
    };
    for file in ["naive.parquet", "utc.parquet", "text.csv"] {
        let ran = place.run(&input(file, ""), "max_vanished_weeks = 9");
        assert!(
            ran.warns("is midnight or the end of a day") && ran.warns("days = [\\\"promised_delivery_at\\\"]"),
            "{file}: {}",
            ran.out
        );
        assert_eq!(weeks(&place), ["2025-W01"], "{file}");
        let (_, said) = place.proposed(&["inspect", file]);
        assert!(
            said.out.contains("is midnight or the end of a day")
                && said.out.contains("days = [\"promised_delivery_at\"]"),
            "{}",
            said.out
        );
    }
    for file in ["naive.parquet", "utc.parquet", "berlin.parquet", "text.csv"] {
        let ran = place.run(&input(file, "days = [\"promised_delivery_at\"]"), "max_vanished_weeks = 9");
        assert!(!ran.warns("midnight"), "{file}: {}", ran.out);
        assert_eq!(weeks(&place), ["2025-W02"], "{file}");
    }
    // A midnight in Los Angeles is on that Monday there; a range of weeks reads it although its statistics differ.
    let ran = place.run(&input("naive.parquet", "time_zone = \"America/Los_Angeles\""), "max_vanished_weeks = 9");
    assert_eq!((ran.counts()[0], weeks(&place)), (2, vec!["2025-W02".to_owned()]));
    let ran = place.vtr(&["run", "job.toml", "--json", "--quiet", "--from", "2025-W02", "--to", "2025-W02"]);
    assert_eq!(ran.counts()[0], 2, "{}{}", ran.out, ran.err);
}

#[test]
fn texts_in_parquet_are_read_as_their_input_says_or_its_keys_are_refused() {
    let place = Place::new();
    parquet(
        &place,
        "in.parquet",
        vec![
            ("order_id", texts(&[Some("1"), Some("2"), Some("--")])),
            ("tracking_number", texts(&[Some(NUMBER), Some("N/A"), Some(NUMBER)])),
            ("package_value", texts(&[Some("99,99"), Some("1.234,5x"), Some("1")])),
            ("promised_delivery_at", texts(&["05.06.2025 10:00"; 3].map(Some))),
        ],
    );
    let keys = "nulls = [\"N/A\", \"--\"]\ndecimal = \",\"\ntimestamps = [\"%d.%m.%Y %H:%M\"]\ntime_zone = \"Europe/Berlin\"\n";
    let constants = "[input.constants]\nseller_id = \"A1\"\nmarketplace = \"DE\"\ncarrier = \"DHL\"\n";
    let ran = place.run(&format!("[[input]]\npath = \"in.parquet\"\n{keys}{constants}"), "max_rejected = \"100%\"");
    assert_eq!(ran.counts(), [3, 2, 1, 0], "{}", ran.out);
    let ran =
        place.run(&format!("[[input]]\npath = \"in.parquet\"\n{constants}[input.csv]\n{keys}quote = \"'\"\n"), "");
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.err.contains("[input.csv] has no effect")
            && ran.err.contains("take `quote` out")
            && ran.err.contains("`nulls`, `decimal`"),
        "{}",
        ran.err
    );
}

/// A Parquet file of one row group whose columns hold bytes, by the notation of its schema.
fn parquet_of(schema: &str, columns: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for values in columns {
        let mut column = group.next_column().unwrap().unwrap();
        let bytes = values.iter().cloned().map(ByteArray::from);
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(column) => {
                column.write_batch(&bytes.collect::<Vec<_>>(), None, None).unwrap();
            }
            ColumnWriter::FixedLenByteArrayColumnWriter(column) => {
                column.write_batch(&bytes.map(FixedLenByteArray::from).collect::<Vec<_>>(), None, None).unwrap();
            }
            _ => unreachable!("the columns are bytes"),
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn uuids_are_read_as_text_and_other_bytes_must_be_text() {
    let place = Place::new();
    let uuid = |row: u8| [vec![row; 4], vec![0xab; 11], vec![row]].concat();
    let schema = |of_package: &str| {
        format!(
            "message m {{ required binary order_id (STRING); required fixed_len_byte_array(16) package_id {of_package}; required \
             fixed_len_byte_array(16) seller_id (UUID); required binary promised_delivery_at (STRING); required binary \
             tracking_number (STRING); }}"
        )
    };
    let columns = [
        (0..6).map(|row| format!("o{row}").into_bytes()).collect(),
        (0..6).map(|row| uuid(row + 0x10)).collect(),
        vec![uuid(0xf0); 6],
        vec![b"2025-06-05".to_vec(); 6],
        vec![Vec::new(); 6],
    ];
    let input = "[[input]]\npath = \"in.parquet\"\n[input.constants]\nmarketplace = \"DE\"\n";
    place.put("in.parquet", parquet_of(&schema("(UUID)"), &columns));
    let ran = place.run(input, "");
    assert_eq!(ran.counts(), [6, 0, 0, 6], "{}{}", ran.out, ran.err);
    let defects = table(&place.path().join("out"), "defects");
    let mut ids: Vec<&str> = defects.iter().map(|row| cell(row, "package_id")).collect();
    ids.sort_unstable();
    assert_eq!(ids[1], "11111111-abab-abab-abab-ababababab11");
    assert!(defects.iter().all(|row| cell(row, "seller_id") == "f0f0f0f0-abab-abab-abab-abababababf0"), "{defects:?}");
    let inspected = place.vtr(&["inspect", "in.parquet"]);
    assert!(inspected.out.contains("UUID"), "{}", inspected.out);
    place.put("in.parquet", parquet_of(&schema(""), &columns));
    let ran = place.run(input, "");
    assert!(ran.code == Some(3) && ran.err.contains("cast the column to text"), "{}", ran.err);
}

#[test]
fn content_that_is_no_table_is_called_by_its_name() {
    let place = Place::new();
    for (name, content, is) in [
        ("a.json", "[{\"order-id\": 1}]", "JSON"),
        ("a.csv", "{\"errors\": []}", "JSON"),
        ("b.csv", "<!DOCTYPE html><html><title>Sign in</title></html>", "a web page"),
        ("c.csv", "<?xml version=\"1.0\"?><a/>", "XML"),
        ("d.csv", "PK\u{3}\u{4}rest", "Excel"),
        ("d.csv.gz", "order-id,carrier\n1,2\n", "is not gzip data"),
    ] {
        place.put(name, content);
        let said = place.vtr(&["inspect", name]);
        assert!(said.code == Some(3) && said.err.contains(is), "{name}: {}", said.err);
        let ran = place.run(&format!("[[input]]\npath = \"{name}\""), "");
        assert!(ran.code == Some(3) && ran.err.contains(is), "{name}: {}", ran.err);
    }
}
