//! What the words of tracking services mean: which state of a parcel, and whether the carrier had it in hand.
//!
//! It looks words up and decides nothing about packages. A word that is in no list has no meaning, which the caller counts.

use std::collections::HashMap;

/// The state of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrackingState {
    /// There is a label, no more.
    LabelCreated,
    /// The carrier took it.
    Accepted,
    /// It is in a building of the carrier's.
    AtFacility,
    /// It is under way.
    InTransit,
    /// It is on the last round.
    OutForDelivery,
    /// A delivery was tried.
    DeliveryAttempt,
    /// It was delivered.
    Delivered,
    /// It waits for the buyer.
    AwaitingPickup,
    /// Something is wrong with it.
    Exception,
    /// It goes back or is back.
    Returned,
    /// It will not be shipped.
    Cancelled,
    /// Nothing is known.
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

    /// Its name in files and tables.
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

    /// Whether the carrier had the parcel in hand, unless a list says otherwise of one of its words.
    pub fn is_scan(self) -> bool {
        !matches!(self, TrackingState::LabelCreated | TrackingState::Cancelled | TrackingState::Unknown)
    }

    /// Whether it is a delivery or the try of one.
    pub fn is_delivery(self) -> bool {
        matches!(self, TrackingState::Delivered | TrackingState::DeliveryAttempt)
    }
}

/// What an event's words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The state.
    pub state: TrackingState,
    /// Whether the carrier scanned the parcel.
    pub scan: bool,
    /// Whether that scan is of a delivery or the try of one.
    pub delivery: bool,
}

impl Meaning {
    /// What a state means, by the word's own flag if it has one.
    pub fn of(state: TrackingState, scan: Option<bool>) -> Meaning {
        let scan = scan.unwrap_or(state.is_scan());
        Meaning { state, scan, delivery: scan && state.is_delivery() }
    }
}

/// The words of one or several lists; their case does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusMap {
    /// By status and substatus in lower case; `None`: any.
    pub(super) entries: HashMap<Words, Meaning>,
}

/// Status and substatus in lower case.
pub(super) type Words = (Option<String>, Option<String>);

impl StatusMap {
    /// What an event's words mean; `None`: they are in no list. The entry that names both counts before one of the
    /// substatus, and that before one of the status. A substatus that is in no list stands for its part before `_`.
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
