//! The meaning of the words of tracking services: the state of a parcel, and whether the carrier had scanned it.
//!
//! It looks words up and decides nothing about packages. A word that is in no list has no meaning, and the caller
//! counts it.

use std::collections::HashMap;

/// The state of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrackingState {
    /// A label exists, and nothing else has happened.
    LabelCreated,
    /// The carrier accepted the parcel.
    Accepted,
    /// The parcel is in a building of the carrier.
    AtFacility,
    /// The parcel is under way.
    InTransit,
    /// The parcel is on its way to the buyer's address.
    OutForDelivery,
    /// A delivery was attempted.
    DeliveryAttempt,
    /// The parcel was delivered.
    Delivered,
    /// The parcel waits for the buyer to collect it.
    AwaitingPickup,
    /// Something is wrong with the parcel.
    Exception,
    /// The parcel is on its way back, or is back.
    Returned,
    /// The parcel will not be shipped.
    Cancelled,
    /// The state is not known.
    Unknown,
}

impl TrackingState {
    /// All states.
    pub const ALL: [TrackingState; 12] = [
        TrackingState::LabelCreated,
        TrackingState::Accepted,
        TrackingState::AtFacility,
        TrackingState::InTransit,
        TrackingState::OutForDelivery,
        TrackingState::DeliveryAttempt,
        TrackingState::Delivered,
        TrackingState::AwaitingPickup,
        TrackingState::Exception,
        TrackingState::Returned,
        TrackingState::Cancelled,
        TrackingState::Unknown,
    ];

    /// Returns its name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            TrackingState::LabelCreated => "label_created",
            TrackingState::Accepted => "accepted",
            TrackingState::AtFacility => "at_facility",
            TrackingState::InTransit => "in_transit",
            TrackingState::OutForDelivery => "out_for_delivery",
            TrackingState::DeliveryAttempt => "delivery_attempt",
            TrackingState::Delivered => "delivered",
            TrackingState::AwaitingPickup => "awaiting_pickup",
            TrackingState::Exception => "exception",
            TrackingState::Returned => "returned",
            TrackingState::Cancelled => "cancelled",
            TrackingState::Unknown => "unknown",
        }
    }

    /// Returns whether this state means a scan by the carrier, unless a list says otherwise for one of its words.
    pub fn is_scan(self) -> bool {
        !matches!(self, TrackingState::LabelCreated | TrackingState::Cancelled | TrackingState::Unknown)
    }

    /// Returns whether it is a delivery or an attempted delivery.
    pub fn is_delivery(self) -> bool {
        matches!(self, TrackingState::Delivered | TrackingState::DeliveryAttempt)
    }
}

/// The meaning of an event's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The state.
    pub state: TrackingState,
    /// Whether the carrier scanned the parcel.
    pub scan: bool,
    /// Whether that scan is of a delivery or an attempted delivery.
    pub delivery: bool,
}

impl Meaning {
    /// Returns the meaning of a state; a word's own flag, if it has one, decides whether it is a scan.
    pub fn of(state: TrackingState, scan: Option<bool>) -> Meaning {
        let scan = scan.unwrap_or(state.is_scan());
        Meaning { state, scan, delivery: scan && state.is_delivery() }
    }
}

/// The words of one or more lists, in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusMap {
    /// The meanings by status and substatus in lower case; `None`: any.
    pub(super) entries: HashMap<StatusWords, Meaning>,
}

/// Status and substatus in lower case.
pub(super) type StatusWords = (Option<String>, Option<String>);

impl StatusMap {
    /// Returns the meaning of an event's words; `None`: they are in no list. An entry with both words takes
    /// precedence over one with the substatus alone, and that over one with the status alone. A substatus that is
    /// in no list is looked up by its part before `_`.
    pub fn meaning(&self, status: Option<&str>, substatus: Option<&str>) -> Option<Meaning> {
        let lower = |text: Option<&str>| text.and_then(crate::text::trim).map(str::to_lowercase);
        let (status, substatus) = (lower(status), lower(substatus));
        let part = substatus.as_deref().map(|text| text.split('_').next().unwrap_or(text).to_owned());
        let get = |status: &Option<String>, substatus: &Option<String>| {
            self.entries.get(&(status.clone(), substatus.clone())).copied()
        };
        let both = status.as_ref().and(substatus.as_ref()).and_then(|_| get(&status, &substatus));
        both.or_else(|| substatus.as_ref().and_then(|_| get(&None, &substatus)))
            .or_else(|| part.as_ref().and_then(|_| get(&None, &part).or_else(|| get(&part, &None))))
            .or_else(|| status.as_ref().and_then(|_| get(&status, &None)))
    }
}
