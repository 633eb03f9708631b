//! Reasons: every way a judged shipment can end, with its class, meaning and remedy.
//!
//! One row of [`TABLE`] is all there is to know about a reason; help texts, docs and the `defects` table are made
//! from it. It must not hold logic: the ladder decides which reason applies.

/// The effect of a verdict on the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The package is not part of the measure.
    OutOfScope,
    /// The package is measured, but a rule leaves it out of both sides of the rate.
    Exempt,
    /// The package counts in numerator and denominator.
    Valid,
    /// The package counts in the denominator only.
    Defect,
}

impl Class {
    /// All classes, in the order of the tables.
    pub const ALL: [Class; 4] = [Class::OutOfScope, Class::Exempt, Class::Valid, Class::Defect];

    /// Returns the name used in tables, files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Class::OutOfScope => "out_of_scope",
            Class::Exempt => "exempt",
            Class::Valid => "valid",
            Class::Defect => "defect",
        }
    }
}

/// The reason why a shipment has its class. The discriminant is stable: it indexes [`TABLE`] and is the low
/// byte of every cell key.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // each variant is documented by its row of TABLE
pub enum Reason {
    NotOnMarketplace = 0,
    FulfilledByMarketplace,
    Canceled,
    NoPolicy,
    LaneNotMeasured,
    Exempt,
    TrackingMissing,
    TrackingPlaceholder,
    CarrierMissing,
    CarrierNotMeasured,
    CarrierNotAccepted,
    NumberRefused,
    CarrierMismatch,
    AddedAfterDelivery,
    Scanned,
    NumberMalformed,
    CheckDigitFailed,
    DeliveryScanMissing,
    ScanMissing,
    WellFormed,
    Unverified,
}

/// One row of [`TABLE`].
pub struct ReasonRow {
    /// The reason itself; `TABLE[i].reason as usize == i`.
    pub reason: Reason,
    /// The name used in tables, files and messages.
    pub name: &'static str,
    /// The rung of the ladder that gives it, from 1.
    pub rung: u8,
    /// The effect on the rate.
    pub class: Class,
    /// The meaning, for a person.
    pub meaning: &'static str,
    /// What to do about the package; empty if nothing needs doing.
    pub fix: &'static str,
    /// What to do with later packages, to be printed behind a colon; empty if nothing needs doing.
    pub lesson: &'static str,
}

macro_rules! table {
    ($($reason:ident $name:literal $rung:literal $class:ident $meaning:literal $fix:literal $lesson:literal;)*) => {
        [$(ReasonRow {
            reason: Reason::$reason,
            name: $name,
            rung: $rung,
            class: Class::$class,
            meaning: $meaning,
            fix: $fix,
            lesson: $lesson,
        }),*]
    };
}

/// Every reason, by discriminant.
pub static TABLE: [ReasonRow; 21] = table! {
    NotOnMarketplace "not_on_marketplace" 1 OutOfScope
        "the sale was not made on a marketplace" "" "";
    FulfilledByMarketplace "fulfilled_by_marketplace" 2 OutOfScope
        "the marketplace shipped it, not the seller" "" "";
    Canceled "canceled" 3 OutOfScope
        "the package was canceled" "" "";
    NoPolicy "no_policy" 4 OutOfScope
        "no rule of this marketplace was in force on that day" "" "";
    LaneNotMeasured "lane_not_measured" 5 OutOfScope
        "the marketplace does not measure shipments from this origin to this destination" "" "";
    Exempt "exempt" 6 Exempt
        "an exemption of the rule matches; the package counts on neither side" "" "";
    TrackingMissing "tracking_missing" 7 Defect
        "no tracking number was given"
        "Give the tracking number and its carrier before the package is delivered."
        "use a tracked service and confirm shipments with their numbers when they leave.";
    TrackingPlaceholder "tracking_placeholder" 8 Defect
        "what stands in the tracking field is a filler, not a tracking number"
        "Replace the filler with the number printed on the label before the package is delivered."
        "give the number printed on the label.";
    CarrierMissing "carrier_missing" 9 Defect
        "a tracking number was given without a carrier"
        "Name the carrier of the number before the package is delivered."
        "name the carrier together with the number.";
    CarrierNotMeasured "carrier_not_measured" 10 OutOfScope
        "the rule leaves packages of carriers that are not integrated out of the rate" "" "";
    CarrierNotAccepted "carrier_not_accepted" 11 Defect
        "the rule counts packages of carriers that are not integrated as untracked"
        "Nothing mends it: the rule does not count this carrier."
        "ship with an integrated carrier, under its listed name.";
    NumberRefused "number_refused" 12 Defect
        "the rule refuses this kind of number or carrier name"
        "Give a number and a carrier name in the form that the rule accepts before the package is delivered."
        "give numbers and carrier names in the form that the rule accepts.";
    CarrierMismatch "carrier_mismatch" 13 Defect
        "the number certainly belongs to another carrier than the one given"
        "Correct the carrier."
        "name the carrier that the number belongs to.";
    AddedAfterDelivery "added_after_delivery" 14 Defect
        "the tracking number was given only after the delivery"
        "Nothing mends it: the number had to be there before the delivery."
        "confirm shipments with their numbers on the day they leave.";
    Scanned "scanned" 15 Valid
        "the carrier scanned the package as often as the rule asks" "" "";
    NumberMalformed "number_malformed" 16 Defect
        "the number has none of the carrier's forms"
        "Compare the number with the label and correct it: a character is missing, extra or mistyped."
        "take numbers from the label's data instead of typing them.";
    CheckDigitFailed "check_digit_failed" 17 Defect
        "the number has the carrier's form but its check digit is wrong"
        "Compare the number with the label and correct it: a digit is mistyped or two are swapped."
        "take numbers from the label's data instead of typing them.";
    DeliveryScanMissing "delivery_scan_missing" 18 Defect
        "one scan was seen, but the rule asks for two: a first one and one at delivery"
        "Ask the carrier for the scan that is missing: this lane needs a first one and one at delivery."
        "use a service on this lane that scans packages on their way and at delivery.";
    ScanMissing "scan_missing" 19 Defect
        "nothing is known to be wrong with the number, but the carrier never scanned the package"
        "Ask the carrier why the package was not scanned, with the manifest as proof of its handover."
        "check that packages are scanned at handover and that the service is tracked.";
    WellFormed "well_formed" 17 Valid
        "judged on the number alone: it has a known form of the carrier" "" "";
    Unverified "unverified" 17 Valid
        "judged on the number alone: nothing is known against it" "" "";
};

/// The number of reasons.
pub const COUNT: usize = TABLE.len();

impl Reason {
    /// Returns the row of [`TABLE`].
    pub fn entry(self) -> &'static ReasonRow {
        &TABLE[self as usize]
    }

    /// Returns the name used in tables, files and messages.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Returns the effect on the rate.
    pub fn class(self) -> Class {
        self.entry().class
    }

    /// Returns the reason with this discriminant, if there is one.
    pub fn from_code(code: u8) -> Option<Reason> {
        TABLE.get(code as usize).map(|entry| entry.reason)
    }

    /// Returns the reason with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Reason> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.reason)
    }

    /// Returns the defect reasons in ladder order, which is the order of the count columns in the tables.
    pub fn defects() -> impl Iterator<Item = Reason> {
        TABLE.iter().filter(|entry| entry.class == Class::Defect).map(|entry| entry.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_indexed_by_discriminant_and_ordered_by_rung() {
        for (index, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.reason as usize, index);
            assert_eq!(Reason::from_name(entry.name), Some(entry.reason));
        }
        let rungs: Vec<u8> = Reason::defects().map(|reason| reason.entry().rung).collect();
        assert!(rungs.is_sorted());
        assert_eq!(rungs.len(), 11);
    }

    #[test]
    fn every_defect_says_what_to_do_and_nothing_else_does() {
        for entry in &TABLE {
            assert_eq!(entry.fix.is_empty(), entry.class != Class::Defect, "{}", entry.name);
            assert_eq!(entry.lesson.is_empty(), entry.class != Class::Defect, "{}", entry.name);
        }
    }
}
