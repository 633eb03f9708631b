//! Tests of the readers of raw files: the records of each form, the rejects and their places, and that no form loses
//! records.
//!
//! They read files that they write themselves and know nothing of joins. They fail with the file or text that was read
//! differently.

use super::cut::{CutPiece, Cutter};
use super::*;
use crate::job::plan::Quote;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::LazyLock;
use vtr_kernel::sources::Sources;

static SOURCES: LazyLock<Sources> = LazyLock::new(|| Sources::embedded().unwrap());

/// A record by the names of its filled fields, what part it is, and how many cells are filled.
type SeenRecord = (Vec<(&'static str, String)>, RecordPart, usize);

struct Read {
    records: Vec<SeenRecord>,
    rejects: Vec<Reject>,
    counts: RecordCounts,
}

fn dialect(profile: &Profile) -> Dialect {
    let encoding = profile.text.encoding.as_deref().unwrap_or("utf-8");
    Dialect {
        delimiter: profile.text.delimiter,
        quote: Quote::ByDelimiter,
        encoding: encoding_rs::Encoding::for_label(encoding.as_bytes()).unwrap(),
        header_line: profile.text.header_line,
    }
}

fn try_read(kind: &str, name: &str, bytes: &[u8], constants: &[(Field, String)]) -> Result<Read, String> {
    let profile = SOURCES.profile(kind).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let origin = Origin::disk(path.clone(), &path.metadata().unwrap());
    let (format, packing) = format_of(name, profile.format).unwrap();
    let limits = crate::job::input_of(&path, &[]).unwrap().1;
    let (dialect, cells) = (dialect(profile), CellRules::default());
    let reading = ReadSettings {
        profile,
        from_job: &[],
        dialect: &dialect,
        cells: &cells,
        limits: &limits,
        max_document_bytes: 16 << 20,
    };
    let file = RawFile { origin: &origin, shown: name, format, packing, constants };
    let (mut records, mut rejects) = (Vec::new(), Vec::new());
    let counts = read(&file, &reading, &mut |item| {
        match item {
            ReadItem::Record(record) => {
                let filled =
                    Field::ALL.into_iter().filter_map(|field| Some((field.name(), record.get(field)?.to_owned())));
                assert_eq!(record.record as usize, records.len() + rejects.len() + 1);
                records.push((filled.collect(), record.part, record.filled));
            }
            ReadItem::Reject(reject) => rejects.push(reject),
        }
        Ok(())
    })
    .unwrap()?;
    assert_eq!((counts.records, counts.rejected), (records.len() as u64, rejects.len() as u64));
    Ok(Read { records, rejects, counts })
}

fn raw(kind: &str, name: &str, bytes: &[u8]) -> Read {
    try_read(kind, name, bytes, &[]).unwrap()
}

fn get<'a>(seen: &'a SeenRecord, field: &str) -> Option<&'a str> {
    seen.0.iter().find(|(name, _)| *name == field).map(|(_, value)| value.as_str())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn a_confirmation_names_its_carrier_where_the_code_says_nothing() {
    let headings =
        "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method\n";
    let rows = "A-1\t\t\t2025-03-01\tUPS\tHermes\t1Z\tGround\nA-2\t\t\t\tOther\tHermes\tNULL\t\nA-3\t\t\t\tOther\t\t\t\n\t\t\t\t\t\t\t\nA-4\t\"\n";
    let read = raw("amazon.ship_confirm", "x.txt", (headings.to_owned() + rows).as_bytes());
    let carriers: Vec<_> =
        read.records.iter().map(|seen| (get(seen, "carrier"), get(seen, "tracking_number"))).collect();
    assert_eq!(carriers, [(Some("UPS"), Some("1Z")), (Some("Hermes"), Some("NULL")), (Some("Other"), None)]);
    assert_eq!(read.records[0].2, 6);
    assert_eq!((read.rejects.len(), read.rejects[0].line), (1, Some(6)));
    assert!(read.rejects[0].reason.contains("too few fields: 2"), "{}", read.rejects[0].reason);
}

#[test]
fn the_japanese_form_is_read_below_its_two_lines() {
    let own = include_bytes!("../../../tests/data/report_headers/ship_confirm_feed__jp_shift_jis.txt");
    let mut bytes = own.to_vec();
    if !bytes.ends_with(b"\n") {
        bytes.extend(b"\r\n");
    }
    let (row, _, _) = encoding_rs::SHIFT_JIS.encode("503-1\t\t1\t2025/03/01\tその他\tヤマト運輸\t4001\t宅急便\t\r\n");
    bytes.extend(row.iter());
    let read = raw("amazon.ship_confirm_jp", "jp.txt", &bytes);
    assert_eq!(get(&read.records[0], "carrier"), Some("ヤマト運輸"));
    assert_eq!(get(&read.records[0], "shipped_at"), Some("2025/03/01"));
}

#[test]
fn columns_are_found_by_name_in_every_form_and_a_missing_need_is_refused() {
    for (name, line) in [
        ("all_orders__mws_2017_with_url.tsv", "amazon.all_orders"),
        ("all_orders__us_2026-05-28_34cols.tsv", "amazon.all_orders"),
        ("order_report_shipping__2017_us.tsv", "amazon.order_report"),
        ("easyship_waiting_for_pickup.tsv", "amazon.easyship"),
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/report_headers").join(name);
        let headings = std::fs::read_to_string(path).unwrap();
        let headings = headings.trim_end();
        let row: Vec<String> = headings.split('\t').map(|heading| format!("<{heading}>")).collect();
        let read = raw(line, name, format!("{headings}\n{}\n", row.join("\t")).as_bytes());
        let id = get(&read.records[0], "order_id").unwrap();
        assert!(id == "<order-id>" || id == "<amazon-order-id>", "{id}");
    }
    let refused = try_read("amazon.order_report", "x.txt", b"order-ids\tsku\n", &[]).err().unwrap();
    assert!(refused.contains("no heading `order-id`") && refused.contains("`order-ids`"), "{refused}");
    let twice = try_read("vtr.category_map", "x.csv", b"sku,SKU,product_category\n", &[]).err().unwrap();
    assert!(twice.contains("appears twice"), "{twice}");
}

#[test]
fn a_constant_wins_over_the_column_and_quotes_are_taken_off() {
    let constants = [(Field::SellerId, "S1".to_owned()), (Field::ProductCategory, String::new())];
    let bytes = b"seller_id,sku,product_category\nother,\"a \"\"b\"\"\",Toys\n";
    let read = try_read("vtr.category_map", "x.csv", bytes, &constants).unwrap();
    assert_eq!(read.records[0].0, [("seller_id", "S1".to_owned()), ("sku", "a \"b\"".to_owned())]);
}

fn order(packages: Value) -> Value {
    json!({"orderId": "1-2", "lastUpdatedTime": "2025-01-02T00:00:00Z", "programs": ["AMAZON_BUSINESS", "PRIME"],
        "salesChannel": {"marketplaceId": "A1F83G8C2ARO7P"}, "fulfillment": {"fulfilledBy": "MERCHANT"},
        "buyer": {"buyerName": "nobody reads this"},
        "proceeds": {"grandTotal": {"currencyCode": "GBP"}, "breakdowns": [{"type": "TAX", "subtotal": {"amount": 1}},
            {"type": "ITEM", "subtotal": {"amount": "19.90"}}]}, "packages": packages})
}

#[test]
fn an_order_gives_a_record_for_each_of_its_packages_and_one_without() {
    let two = order(json!([{"packageReferenceId": "p1", "trackingNumber": "T1",
        "packageStatus": {"status": "DELIVERED", "detailedStatus": null}}, {"packageReferenceId": "p2"}]));
    let page = json!({"payload": {"orders": [two, order(json!([]))], "nextToken": null}}).to_string();
    let read = raw("amazon.orders_api", "orders.json", page.as_bytes());
    let parts: Vec<RecordPart> = read.records.iter().map(|seen| seen.1).collect();
    assert_eq!(parts, [RecordPart::Element, RecordPart::Element, RecordPart::Bare]);
    let first = &read.records[0];
    assert_eq!(get(first, "marketplace"), Some("A1F83G8C2ARO7P"));
    assert_eq!(get(first, "package_status"), Some("DELIVERED"));
    assert_eq!(get(first, "programme"), Some("sfp"));
    assert_eq!(get(first, "fulfillment_channel"), Some("MFN"));
    assert_eq!(get(first, "item_price"), Some("19.90"));
    assert_eq!(get(&read.records[1], "package_id"), Some("p2"));
    assert_eq!(get(&read.records[2], "order_id"), Some("1-2"));
    assert_eq!(read.counts.documents, 2);
}

#[test]
fn documents_lie_alone_in_lists_in_lines_in_pages_and_packed() {
    let order = order(json!([{"trackingNumber": "T1"}]));
    let files = [
        ("a.json", order.to_string()),
        ("a.json", format!("\u{feff}{order:#}")),
        ("a.json", json!([order]).to_string()),
        ("a.json", json!({"orders": [order]}).to_string()),
        ("a.json", json!([{"payload": {"orders": [order]}}]).to_string()),
        ("a.jsonl", format!("{}\n{order}\n", json!({"order": order}))),
    ];
    for (name, text) in files {
        let count = if name == "a.jsonl" { 2 } else { 1 };
        for (name, bytes) in
            [(name.to_owned(), text.clone().into_bytes()), (format!("{name}.gz"), gzip(text.as_bytes()))]
        {
            let read = raw("amazon.orders_api", &name, &bytes);
            assert_eq!(read.records.len(), count, "{name} {text}");
            assert!(read.records.iter().all(|seen| get(seen, "tracking_number") == Some("T1")), "{text}");
        }
    }
}

#[test]
fn every_feed_of_events_gives_number_time_and_words() {
    let cases = [
        (
            "aftership",
            json!({"data": {"trackings": [{"tracking_number": "N", "slug": "ups", "checkpoints":
            [{"checkpoint_time": "2025-01-02T03:04:05", "tag": "InTransit", "subtag": "InTransit_001"}]}]}}),
        ),
        (
            "easypost",
            json!({"result": {"tracking_code": "N", "carrier": "ups", "tracking_details":
            [{"datetime": "2025-01-02T03:04:05Z", "status": "in_transit", "status_detail": null}]}}),
        ),
        (
            "shippo",
            json!({"data": {"tracking_number": "N", "carrier": "ups", "tracking_history":
            [{"status_date": "2025-01-02T03:04:05Z", "status": "TRANSIT", "substatus": null}]}}),
        ),
        (
            "17track",
            json!({"data": {"accepted": [{"number": "N", "track_info": {"tracking": {"providers": [{"events":
            [{"time_iso": "2025-01-02T03:04:05+01:00", "stage": null, "sub_status": "InTransit_Other"}]}]}}}]}}),
        ),
        (
            "shipstation",
            json!({"data": {"tracking_number": "N", "carrier_code": "ups", "events":
            [{"occurred_at": "2025-01-02T03:04:05Z", "status_code": "IT"}]}}),
        ),
    ];
    for (kind, document) in cases {
        let read = raw(kind, "x.json", document.to_string().as_bytes());
        assert_eq!((read.records.len(), read.rejects.len()), (1, 0), "{kind}");
        let seen = &read.records[0];
        assert_eq!(get(seen, "tracking_number"), Some("N"), "{kind}");
        assert!(get(seen, "occurred_at").unwrap().starts_with("2025-01-02T03:04:05"), "{kind}");
        let statuses = &SOURCES.profile(kind).unwrap().statuses;
        let meaning = statuses.meaning(get(seen, "status"), get(seen, "substatus")).unwrap();
        assert_eq!(meaning.state.name(), "in_transit", "{kind}");
    }
}

#[test]
fn a_bad_document_is_one_reject_with_its_place_and_the_next_is_read() {
    let good = json!({"tracking_code": "N", "tracking_details": [{"datetime": "2025-01-01"}]}).to_string();
    let cases: [(&str, &str); 9] = [
        ("{\"tracking_code\": {\"x\": 1", "is out of place"),
        ("{\"tracking_code\": \"A\", \"tracking_details\": [", "ends before"),
        ("{\"tracking_code\": \"A\", \"tracking_code\": \"B\"}", "appears twice"),
        ("{\"tracking_code\": tru}", "not usable JSON"),
        ("{\"tracking_code\": \"a\nb\"}", "line end"),
        ("\"text\"", "is not a document"),
        ("{\"tracking_code\": {\"x\": 1}}", "holds an object"),
        ("{\"tracking_code\": \"\\u0000\"}", "NUL"),
        ("{\"tracking_code\": \"\\ud800\"}", "not usable JSON"),
    ];
    for (bad, said) in cases {
        let read = raw("easypost", "x.jsonl", format!("{good}\n{bad}\n{good}\n").as_bytes());
        assert_eq!((read.records.len(), read.rejects.len()), (2, 1), "{bad}: {:?}", read.rejects);
        let reject = &read.rejects[0];
        assert!(reject.reason.contains(said), "{bad}: {}", reject.reason);
        assert_eq!((reject.line, reject.byte_offset), (Some(2), Some(good.len() as u64 + 1)), "{bad}");
    }
    let cut_off = &good[..good.len() - 3];
    let read = raw("easypost", "x.jsonl", format!("{good}\n{cut_off}").as_bytes());
    assert_eq!((read.records.len(), read.rejects.len()), (1, 1));
    assert!(read.rejects[0].reason.contains("ends before"), "{}", read.rejects[0].reason);
    let within =
        raw("easypost", "x.json", format!("{{\"trackers\": [{good}, {{\"tracking_code\": nul}}, {good}]}}").as_bytes());
    assert_eq!((within.records.len(), within.rejects.len()), (2, 1));
    let wide: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(try_read("easypost", "x.json", &wide, &[]).err().unwrap().contains("UTF-8 only"));
}

#[test]
fn money_stays_as_it_is_written() {
    let mut text = order(json!([{"trackingNumber": "T"}])).to_string();
    text = text.replace("\"19.90\"", "19.900000000000000000001");
    assert_eq!(
        get(&raw("amazon.orders_api", "x.json", text.as_bytes()).records[0], "item_price"),
        Some("19.900000000000000000001")
    );
}

#[test]
fn parquet_gives_texts_and_refuses_fractions() {
    use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
    use std::sync::Arc;
    let write = |number: ArrayRef| {
        let times: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1_735_786_800_000_000), None]).with_timezone("UTC"));
        let words: ArrayRef = Arc::new(StringArray::from(vec![Some(" delivered "), None]));
        let batch =
            RecordBatch::try_from_iter([("tracking_number", number), ("occurred_at", times), ("status", words)])
                .unwrap();
        let mut bytes = Vec::new();
        let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    };
    let read = raw("vtr.events", "x.parquet", &write(Arc::new(StringArray::from(vec!["N1", "N2"]))));
    let first: Vec<_> = read.records[0].0.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(first, [("tracking_number", "N1"), ("occurred_at", "2025-01-02T03:00:00Z"), ("status", "delivered")]);
    assert_eq!(read.records[1].0.len(), 1);
    let refused =
        try_read("vtr.events", "x.parquet", &write(Arc::new(Float64Array::from(vec![1.0, 2.0]))), &[]).err().unwrap();
    assert!(refused.contains("`tracking_number` is Float64"), "{refused}");
    let csv = raw("vtr.events", "x.csv", b"tracking_number,occurred_at,status\nN1,2025-01-02,delivered\n");
    assert_eq!(csv.records.len(), 1);
}

fn pieces(bytes: &[u8], step: usize, max: usize) -> (Vec<Vec<u8>>, Vec<(u64, u64)>) {
    let mut cutter = Cutter::new(vec![vec!["orders".into()], vec!["payload".into(), "orders".into()]], max);
    let (mut documents, mut faults) = (Vec::new(), Vec::new());
    let mut each = |piece: CutPiece| {
        match piece {
            CutPiece::Whole(cut) | CutPiece::Inside(cut) => documents.push(cut.bytes.to_vec()),
            CutPiece::Fault { offset, line, .. } => faults.push((offset, line)),
        }
        Ok::<(), std::convert::Infallible>(())
    };
    for part in bytes.chunks(step) {
        let Ok(()) = cutter.feed(part, &mut each);
    }
    let Ok(()) = cutter.finish(&mut each);
    (documents, faults)
}

#[test]
fn what_is_too_deep_or_too_long_is_a_fault_and_the_next_is_cut() {
    let deep = format!("{{\"a\":{}{}}}\n{{\"b\":1}}\n", "[".repeat(64), "]".repeat(64));
    assert_eq!(pieces(deep.as_bytes(), 7, 1 << 20), (vec![b"{\"b\":1}".to_vec()], vec![(0, 1)]));
    let long = format!("{{\"a\":\"{}\"}}\n{{\"b\":1}}\n", "x".repeat(100));
    assert_eq!(pieces(long.as_bytes(), 7, 50), (vec![b"{\"b\":1}".to_vec()], vec![(0, 1)]));
    let page = format!("{{\"orders\":[{}{{}}]}}", "{\"o\":1},".repeat(100));
    let (documents, faults) = pieces(page.as_bytes(), 7, 40);
    assert_eq!((documents.len(), faults.len()), (101, 0), "a page may be longer than a document");
}

fn any_document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z\"\\\\{}\\[\\],:é\n\t]{0,8}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"\\\\]{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-f]{1,3}", value, 0..5).prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn documents_are_cut_as_a_parser_of_whole_files_reads_them(
        documents in prop::collection::vec(any_document(), 0..6),
        layout in 0..5,
        pretty in any::<bool>(),
        step in 1..40usize,
    ) {
        let text = |value: &Value| if pretty { format!("{value:#}") } else { value.to_string() };
        let file = match layout {
            0 => documents.iter().map(|document| text(document) + "\n").collect(),
            1 => text(&Value::from(documents.clone())),
            2 => text(&json!({"next": null, "orders": documents, "last": {"orders": [1]}})),
            3 => text(&json!({"payload": {"first": [{}], "orders": documents}})),
            _ => text(&json!([{"orders": documents}, {"payload": {"orders": []}}])),
        };
        let (found, faults) = pieces(file.as_bytes(), step, 1 << 20);
        let found: Vec<Value> = found.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect();
        prop_assert_eq!(found, documents);
        prop_assert!(faults.is_empty());
    }

    #[test]
    fn a_line_that_is_cut_off_costs_no_other_line(
        documents in prop::collection::vec(any_document(), 3..6),
        at in any::<prop::sample::Index>(),
        step in 1..40usize,
    ) {
        let lines: Vec<String> = documents.iter().map(Value::to_string).collect();
        // The last line is whole, so that a loss is visible.
        let bad = at.index(lines.len() - 1);
        let end = at.index(lines[bad].len() - 1).max(1);
        prop_assume!(lines[bad].is_char_boundary(end));
        let text: String = lines.iter().enumerate().map(|(index, line)| if index == bad { &line[..end] } else { line.as_str() }.to_owned() + "\n").collect();
        let (found, faults) = pieces(text.as_bytes(), step, 1 << 20);
        let found: Vec<String> = found.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect();
        for (index, line) in lines.iter().enumerate().filter(|(index, _)| *index != bad) {
            prop_assert!(found.contains(line), "line {} of {}", index, text);
        }
        prop_assert!(!faults.is_empty());
    }

    #[test]
    fn the_same_comes_out_in_any_steps(text in "[\\[\\]{}\",:a b1\n\\\\]{0,60}", step in 1..9usize) {
        let at_once = pieces(text.as_bytes(), text.len().max(1), 24);
        prop_assert_eq!(pieces(text.as_bytes(), step, 24), at_once);
    }
}
