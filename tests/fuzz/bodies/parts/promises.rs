//! What every verdict keeps, whatever the facts are; random shipments and those of the fuzzer are held to it.

use vtr_kernel::calendar::Day;
use vtr_kernel::facts::{CarrierField, Facts, Tracking};
use vtr_kernel::ladder::{Evidence, Verdict, select};
use vtr_kernel::policy::Marketplace;
use vtr_kernel::{Book, Class, Reason};

const BY_SCANS: [Reason; 4] =
    [Reason::AddedAfterDelivery, Reason::Scanned, Reason::DeliveryScanMissing, Reason::ScanMissing];
const BY_FORMAT: [Reason; 2] = [Reason::WellFormed, Reason::Unverified];
const OF_NUMBER: [Reason; 5] = [
    Reason::TrackingMissing,
    Reason::TrackingPlaceholder,
    Reason::CarrierMismatch,
    Reason::NumberMalformed,
    Reason::CheckDigitFailed,
];
const OF_CARRIER: [Reason; 7] = [
    Reason::CarrierMissing,
    Reason::CarrierNotMeasured,
    Reason::CarrierNotAccepted,
    Reason::NumberRefused,
    Reason::CarrierMismatch,
    Reason::NumberMalformed,
    Reason::CheckDigitFailed,
];

/// Panics if a verdict breaks a promise.
pub fn hold(book: &Book, facts: &Facts, day: Day, evidence: Evidence, verdict: &Verdict) {
    let reason = verdict.reason;
    assert_eq!(verdict.day, day, "{facts:?}");
    assert!(!book.rule(verdict.rule).is_empty(), "{facts:?}");
    assert_eq!(verdict.likely_carrier.is_some(), reason == Reason::CarrierMismatch, "{facts:?}");
    assert_eq!(facts.marketplace == Marketplace::None, reason == Reason::NotOnMarketplace, "{facts:?}");
    if reason as u8 >= Reason::Exempt as u8 {
        let has_lane = match facts.marketplace {
            Marketplace::None => false,
            Marketplace::Known(id) => select(facts, book, id, day).lane.is_some(),
        };
        assert!(has_lane, "{facts:?}");
    }
    let silent: &[Reason] = match evidence {
        Evidence::Format => &BY_SCANS,
        Evidence::Scans => &BY_FORMAT,
    };
    assert!(!silent.contains(&reason), "{facts:?}: {reason:?}");
    let has_carrier = !matches!(facts.carrier, CarrierField::NoColumn);
    let has_number = !matches!(facts.tracking, Tracking::NoColumn);
    assert!(has_carrier || !OF_CARRIER.contains(&reason), "no carrier column: {facts:?}: {reason:?}");
    assert!(has_number || !OF_NUMBER.contains(&reason), "no tracking column: {facts:?}: {reason:?}");
    let is_missing = matches!(facts.tracking, Tracking::Missing);
    assert!(!is_missing || reason.class() != Class::Valid, "valid without a number: {facts:?}");
}
