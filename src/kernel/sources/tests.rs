//! Tests of the embedded profiles, and of the messages about broken ones.
//!
//! Headings are compared with those of real files in `tests/data`; no test knows how a run uses them. The tests
//! fail with the profile or file at fault.

use super::*;
use std::path::Path as FilePath;

fn sources() -> Sources {
    Sources::embedded().unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// Returns the problems of the embedded files with one text replaced by another.
fn problems(file: &str, from: &str, to: &str) -> Vec<String> {
    let mut files = Sources::embedded_files();
    let file = files.iter_mut().find(|known| known.name == file).unwrap();
    assert!(file.text.contains(from), "{from}");
    file.text = file.text.replacen(from, to, 1);
    Sources::load(&files).map_or_else(|problems| problems.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn the_program_carries_the_kinds_of_the_first_release() {
    let sources = sources();
    let kinds: Vec<&str> = sources.profiles.iter().map(|profile| profile.kind.as_str()).collect();
    let expected = [
        "17track",
        "aftership",
        "amazon.all_orders",
        "amazon.easyship",
        "amazon.fulfilled_shipments",
        "amazon.order_report",
        "amazon.orders_api",
        "amazon.ship_confirm",
        "amazon.ship_confirm_jp",
        "amazon.unshipped_orders",
        "easypost",
        "shippo",
        "shipstation",
        "vtr.category_map",
        "vtr.events",
    ];
    assert_eq!(kinds, expected);
    for profile in &sources.profiles {
        let is_event = profile.role == Role::Events;
        assert!(!is_event || profile.column(Field::OccurredAt).is_some(), "{}", profile.kind);
        assert_eq!(
            profile.statuses.entries.is_empty(),
            !is_event && profile.column(Field::PackageStatus).is_none(),
            "{}",
            profile.kind
        );
    }
}

/// The profile in the docs must load with the lists of words of the program, as the page says.
#[test]
fn the_profile_in_the_docs_is_one() {
    let page = include_str!("../../../docs/assemble.md");
    let shown = page.split("```toml\n").find(|block| block.starts_with("kind = \"acme.events\"")).expect("it is shown");
    let profile = shown.split("```").next().unwrap_or_default();
    let file = |name: &str, text: &str| BookFile { name: name.to_owned(), text: text.to_owned() };
    let files = [file("acme.toml", profile), file("statuses.toml", include_str!("statuses.toml"))];
    let sources = Sources::load(&files).unwrap_or_else(|problems| panic!("{problems:?}"));
    let profile = &sources.profiles[0];
    assert_eq!((profile.kind.as_str(), profile.role, profile.columns.len()), ("acme.events", Role::Events, 3));
}

#[test]
fn every_file_of_headings_is_a_form_of_one_profile_only() {
    let sources = sources();
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/report_headers");
    let mut met = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Amazon's own report of defects is not a source of packages, and the copy in UTF-8 has the same headings
        // as its original.
        if name.starts_with("vtr_defect_report") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().nth(if name.contains("__jp_") { 2 } else { 0 }).unwrap();
        let headings: Vec<&str> = line.split('\t').collect();
        let has = |profile: &&Profile| profile.generations.iter().any(|form| form.headings == headings);
        let kinds: Vec<&str> = sources.profiles.iter().filter(has).map(|profile| profile.kind.as_str()).collect();
        assert_eq!(kinds.len(), 1, "{name}: {kinds:?}");
        met += 1;
    }
    assert_eq!(met, 16);
}

#[test]
fn every_form_bears_the_marks_and_needs_of_its_profile_and_every_heading_read_is_of_some_form() {
    for profile in sources().profiles.iter().filter(|profile| !profile.generations.is_empty()) {
        for form in &profile.generations {
            let has = |heading: &str| form.headings.iter().any(|known| known == heading);
            assert!(profile.marks.iter().all(|mark| has(mark)), "{} {}", profile.kind, form.id);
            for need in &profile.needs {
                assert!(
                    profile.column(*need).unwrap().iter().any(|spot| has(&spot.at)),
                    "{} {}",
                    profile.kind,
                    form.id
                );
            }
        }
        let known = |at: &str| profile.generations.iter().any(|form| form.headings.iter().any(|heading| heading == at));
        for spot in profile.columns.iter().flat_map(|(_, spots)| spots) {
            let later = ["is-premium-order"];
            assert!(known(&spot.at) || later.contains(&spot.at.as_str()), "{}: {}", profile.kind, spot.at);
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    let file = "amazon/order_report.toml";
    let cases = [
        ("role = \"orders\"", "role = \"order\"", "did you mean `orders`?"),
        ("kind = \"amazon.order_report\"", "kind = \"easypost\"", "is described at amazon/order_report.toml"),
        ("sku = \"sku\"", "skuu = \"sku\"", "did you mean `sku`?"),
        ("confidence = \"confirmed\"", "sure = \"confirmed\"", "`confidence` is missing"),
        ("needs = [\"order_id\"]", "needs = [\"tracking_number\"]", "reads it from nowhere"),
        ("format = \"csv\"", "format = \"csv\"\nrecords = [\"orders\"]", "is of documents only"),
    ];
    for (from, to, said) in cases {
        let found = problems(file, from, to);
        assert!(found.iter().any(|problem| problem.contains(said)), "{said}: {found:?}");
    }
    let both = problems(file, "role = \"orders\"", "role = 1\ncolour = 2");
    assert!(both.len() == 2 && both.iter().all(|problem| problem.starts_with("amazon/order_report.toml:")), "{both:?}");
    let path = problems("amazon/orders_api.toml", "\"trackingNumber\"", "\"tracking[\"");
    assert!(path[0].contains("never closed"), "{path:?}");
    let words = problems("vtr/events.toml", "\"shopify\"", "\"shopify\", \"shippo\"");
    assert!(words[0].contains("`failure` means something else"), "{words:?}");
    let unknown = problems("tracking/easypost.toml", "statuses = [\"easypost\"]", "statuses = [\"easypots\"]");
    assert!(unknown[0].contains("did you mean `easypost`?"), "{unknown:?}");
    assert!(Sources::load(&[]).is_err());
}

#[test]
fn an_unknown_kind_is_answered_with_the_nearest() {
    let said = sources().profile("amazon.ship_confirms").unwrap_err();
    assert_eq!(said, "; did you mean `amazon.ship_confirm`?");
}

#[test]
fn words_mean_states_by_the_entry_that_says_most() {
    let sources = sources();
    let state = |kind: &str, status: Option<&str>, substatus: Option<&str>| {
        sources.profile(kind).unwrap().statuses.meaning(status, substatus).map(|meaning| (meaning.state, meaning.scan))
    };
    use TrackingState::*;
    assert_eq!(state("easypost", Some("pre_transit"), None), Some((LabelCreated, false)));
    assert_eq!(state("easypost", Some("DELIVERED "), Some("arrived_at_facility")), Some((Delivered, true)));
    assert_eq!(state("17track", None, Some("InTransit_PickedUp")), Some((InTransit, true)));
    assert_eq!(state("17track", Some("NotFound"), Some("Delivered_Other")), Some((Delivered, true)));
    assert_eq!(state("17track", Some("Expired"), Some("Nonsense_Word")), Some((Unknown, false)));
    assert_eq!(state("amazon.orders_api", Some("SHIPPED"), None), Some((LabelCreated, false)));
    assert_eq!(state("amazon.orders_api", Some("REJECTED_BY_BUYER"), None), Some((DeliveryAttempt, true)));
    assert_eq!(state("vtr.events", Some("FAILURE"), None), Some((Exception, false)));
    assert_eq!(state("vtr.events", Some("ReturnInitiated"), None), Some((Returned, false)));
    assert_eq!(state("aftership", Some("handed over"), None), None);
    assert_eq!(state("aftership", None, None), None);
    let pickup = sources.profile("aftership").unwrap().statuses.meaning(Some("AvailableForPickup"), None).unwrap();
    assert!(pickup.scan && !pickup.delivery);
    let attempt = sources.profile("aftership").unwrap().statuses.meaning(Some("AttemptFail"), None).unwrap();
    assert!(attempt.scan && attempt.delivery);
}

#[test]
fn an_entry_of_both_words_counts_before_one_of_either() {
    let mut files = Sources::embedded_files();
    let statuses = files.iter_mut().find(|file| file.name == "statuses.toml").unwrap();
    let with = "[list.substatus]\nsigned = \"accepted\"\n\n[[list.both]]\nstatus = \"transit\"\nsubstatus = \"signed\"\nstate = \"returned\"\n\n[list.status]\nPRE_TRANSIT";
    statuses.text = statuses.text.replacen("[list.status]\nPRE_TRANSIT", with, 1);
    let sources = Sources::load(&files).unwrap();
    let shippo = &sources.profile("shippo").unwrap().statuses;
    assert_eq!(shippo.meaning(Some("TRANSIT"), Some("signed")).unwrap().state, TrackingState::Returned);
    assert_eq!(shippo.meaning(Some("FAILURE"), Some("Signed")).unwrap().state, TrackingState::Accepted);
    assert_eq!(shippo.meaning(Some("FAILURE"), Some("other")).unwrap().state, TrackingState::Exception);
}

#[test]
fn paths_are_read_and_written_alike() {
    for text in ["", "a", "..a.b", "a.b[].c[]", "..x[type=ITEM].y", "..list[]"] {
        assert_eq!(Path::read(text).unwrap().to_string(), text);
    }
    for text in ["a..b", "a[", "a[b]", "a[=c]", ".a", "a[]b", "a."] {
        assert!(Path::read(text).is_err(), "{text}");
    }
}
