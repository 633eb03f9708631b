//! The ladder: rungs in a fixed order; the first rung that gives a reason decides.
//!
//! [`judge`] is total and allocates nothing. It reads codes, bits and borrowed bytes. It must not read a clock, and
//! it tests whether a number fits the declared carrier before it looks for another owner of the number.

use crate::calendar::{Day, FIRST_DAY, Zone, last_plausible_day};
use crate::carrier::{Carrier, CarrierId, CarrierName};
use crate::facts::{CarrierField, CurrencyField, Facts, FulfilledBy, OrderState, ScanColumns, Tracking};
use crate::instant::Moment;
use crate::lane::{Asked, CarrierRule, Country, Known, Lane, Otherwise, Value};
use crate::money::{Pricing, Rates};
use crate::placeholder::Placeholder;
use crate::policy::{Book, Market, Marketplace, MarketplaceId, ProgrammeId, RuleId, SelectedBy, Version};
use crate::reason::Reason;

/// The evidence by which a run judges.
#[derive(Clone, Copy, Debug)]
pub enum Evidence {
    /// Scans decide.
    Scans,
    /// The number alone decides; scans are ignored.
    Format,
}

impl Evidence {
    /// Returns the name in tables, jobs and manifests.
    pub fn name(self) -> &'static str {
        match self {
            Evidence::Scans => "scans",
            Evidence::Format => "format",
        }
    }
}

/// The terms of a run: everything except the facts on which a verdict depends.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The rules.
    pub book: &'a Book,
    /// Exchange rates.
    pub rates: &'a Rates,
    /// The last day (UTC) for which the data are known.
    pub as_of: Day,
    /// The evidence by which the run judges.
    pub evidence: Evidence,
}

/// The outcome of a shipment and its grounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The reason; its class follows from it.
    pub reason: Reason,
    /// The rule that decided.
    pub rule: RuleId,
    /// The marketplace day that places it in time.
    pub day: Day,
    /// The meaning of the carrier field.
    pub carrier: Carrier,
    /// The programme in which it is judged.
    pub programme: ProgrammeId,
    /// For a mismatch, the carrier to which the number certainly belongs.
    pub likely_carrier: Option<CarrierId>,
    /// Whether a rule asked for a value that could not be compared.
    pub unpriced: bool,
    /// Whether a rule compared the value at an old exchange rate.
    pub old_rate: bool,
    /// Whether the carrier is missing from the rule's list and that list is only partly known.
    pub list_doubt: bool,
    /// Whether the cell was read as several numbers.
    pub several_numbers: bool,
}

/// Returns the clock of a marketplace: the date that selects, and its zone.
#[inline]
fn clock<'a>(book: &'a Book, marketplace: Marketplace, utc: &'a Zone) -> (SelectedBy, &'a Zone) {
    match marketplace {
        Marketplace::None => (SelectedBy::PromisedDelivery, utc),
        Marketplace::Known(id) => (book.market(id).selected_by, &book.market(id).zone),
    }
}

/// Returns the zone that decides a marketplace's days; UTC for a sales channel that is no marketplace.
#[inline]
pub fn zone<'a>(book: &'a Book, marketplace: Marketplace, utc: &'a Zone) -> &'a Zone {
    clock(book, marketplace, utc).1
}

/// Returns the day that selects the version and places the shipment in time; `None` without any date.
#[inline]
pub fn selecting_day(
    book: &Book,
    marketplace: Marketplace,
    promised: Option<Moment>,
    shipped: Option<Moment>,
    utc: &Zone,
) -> Option<Day> {
    let (selected_by, zone) = clock(book, marketplace, utc);
    let moment = match selected_by {
        SelectedBy::PromisedDelivery => promised.or(shipped),
        SelectedBy::Shipped => shipped.or(promised),
    };
    moment.map(|moment| moment.day(zone))
}

/// Returns whether a date is implausible: before 2005 or more than two years after `as_of`.
pub fn is_implausible(day: Day, as_of: Day) -> bool {
    day < FIRST_DAY || day > last_plausible_day(as_of)
}

/// The rules that apply to a shipment, for judging and for explaining.
#[derive(Clone, Copy)]
pub struct Selected<'a> {
    /// The marketplace.
    pub market: &'a Market,
    /// The version in force on the selecting day.
    pub version: Option<&'a Version>,
    /// The first lane of the version that fits.
    pub lane: Option<&'a Lane>,
    /// The carrier list in force for the lane.
    pub carriers: Option<&'a CarrierRule>,
}

/// Returns the version and lane of a shipment on a day.
#[inline(always)] // the result would be written as words and read as pairs, for which the processor waits: see `Said`
pub fn select<'a>(facts: &Facts, book: &'a Book, id: MarketplaceId, day: Day) -> Selected<'a> {
    let market = book.market(id);
    let version = market.version(day);
    let origin = facts.origin.unwrap_or(market.country);
    let destination = facts.destination.unwrap_or(market.country);
    let lane = version.and_then(|version| version.lanes.find(origin, destination));
    let carriers = version.map(|version| lane.and_then(|lane| lane.carriers.as_ref()).unwrap_or(&version.carriers));
    Selected { market, version, lane, carriers }
}

#[inline]
fn programme(facts: &Facts, selected: &Selected, day: Day) -> ProgrammeId {
    let of_lane = selected.lane.and_then(|lane| lane.programme);
    let of_column = facts
        .programme
        .filter(|programme| selected.version.is_some_and(|version| version.programme(*programme, day).is_some()));
    of_lane.or(of_column).unwrap_or(ProgrammeId::STANDARD)
}

/// Returns the version and lane of a shipment on a day, if it was sold on a marketplace.
#[inline(always)] // as `select`
pub fn select_any<'a>(facts: &Facts, book: &'a Book, day: Day) -> Option<Selected<'a>> {
    match facts.marketplace {
        Marketplace::None => None,
        Marketplace::Known(id) => Some(select(facts, book, id, day)),
    }
}

/// Judges one shipment on the day that [`selecting_day`] returned for it.
pub fn judge(facts: &Facts, day: Day, terms: &Terms) -> Verdict {
    judge_by(facts, day, terms, &select_any(facts, terms.book, day))
}

/// Judges one shipment by its day and the rules that [`select_any`] returned for it. The rules are a separate
/// argument so that the caller can look them up for many shipments at once.
#[inline]
pub fn judge_by(facts: &Facts, day: Day, terms: &Terms, selected: &Option<Selected>) -> Verdict {
    let book = terms.book;
    let known = match facts.marketplace {
        Marketplace::None => None,
        Marketplace::Known(id) => Some(id),
    };
    let (carrier, name) = match facts.carrier {
        CarrierField::NoColumn => (Carrier::Missing, None),
        CarrierField::Name(name) => (carrier_from(book, name, facts), Some(name)),
    };
    let mut verdict = Verdict {
        reason: Reason::NotOnMarketplace,
        rule: book.rule_of_reason(Reason::NotOnMarketplace),
        day,
        carrier,
        programme: ProgrammeId::STANDARD,
        likely_carrier: None,
        unpriced: false,
        old_rate: false,
        list_doubt: false,
        several_numbers: false,
    };
    let (Some(id), Some(selected)) = (known, selected) else { return verdict };
    verdict.programme = programme(facts, selected, day);
    let mut say = |reason: Reason, rule: RuleId| {
        verdict.reason = reason;
        verdict.rule = rule;
    };

    if facts.fulfilled_by == FulfilledBy::Marketplace {
        say(Reason::FulfilledByMarketplace, book.rule_of_reason(Reason::FulfilledByMarketplace));
        return verdict;
    }
    if facts.state == OrderState::Canceled {
        say(Reason::Canceled, book.rule_of_reason(Reason::Canceled));
        return verdict;
    }
    let (Some(version), Some(carriers)) = (selected.version, selected.carriers) else {
        say(Reason::NoPolicy, book.rule_of_market(id));
        return verdict;
    };
    if !version.judges(verdict.programme) {
        say(Reason::NoPolicy, book.rule_of_market(id));
        return verdict;
    }
    let Some(lane) = selected.lane else {
        say(Reason::LaneNotMeasured, version.id);
        return verdict;
    };
    let currency = match facts.currency {
        CurrencyField::Marketplaces => Some(selected.market.currency),
        CurrencyField::Code(code) => Some(code),
        CurrencyField::Unknown => None,
    };
    let (number, several_numbers) = judged_number(facts.tracking, facts.order_id, carrier, book);
    let asked = Asked {
        carrier,
        name,
        integrated: carriers.is_integrated(carrier),
        service: book.services.class_of(facts.service, carrier),
        buy_shipping: facts.buy_shipping,
        value: Value { amount: facts.value, currency, rates: terms.rates, day },
        shipped: facts.shipped,
        zone: &selected.market.zone,
        number,
    };
    let (met, list_doubt, likely_carrier) = (Pricing::default(), false, None);
    let mut case = Case { facts, terms, version, lane, carriers, asked, met, list_doubt, likely_carrier };
    let Said { reason, rule } = case.decide();
    let Case { met: Pricing { unpriced, old_rate }, list_doubt, likely_carrier, .. } = case;
    Verdict { reason, rule, likely_carrier, unpriced, old_rate, list_doubt, several_numbers, ..verdict }
}

/// Returns the number to judge, and whether its cell holds several. If it does, the number is the first one that
/// fits the declared carrier and is no placeholder, or else the first one. `None` if no number is judged.
#[inline]
pub fn judged_number<'a>(
    tracking: Tracking<'a>,
    order_id: &str,
    carrier: Carrier,
    book: &Book,
) -> (Option<&'a str>, bool) {
    match tracking {
        Tracking::Plain(number) | Tracking::Number(number) => (Some(number), false),
        Tracking::NoColumn | Tracking::Missing | Tracking::Damaged(_) => (None, false),
        Tracking::Several(all) | Tracking::Spaced(all) => one_of(tracking, all, order_id, carrier, book),
    }
}

#[cold]
fn one_of<'a>(
    tracking: Tracking<'a>,
    all: &'a str,
    order_id: &str,
    carrier: Carrier,
    book: &Book,
) -> (Option<&'a str>, bool) {
    let fits = |number: &&str| match carrier {
        Carrier::Known(id) => book.carriers.fits(id, number.as_bytes()),
        _ => false,
    };
    let (whole, mut numbers) = (tracking.whole(), all.split('\n').skip(1));
    let is_one =
        matches!(tracking, Tracking::Spaced(_)) && (fits(&whole) || !numbers.clone().all(|number| fits(&number)));
    if is_one {
        return (Some(whole), false);
    }
    let first = numbers.clone().next();
    let is_real = |number: &&str| book.placeholders.find(number, order_id).is_none();
    (numbers.find(|number| fits(number) && is_real(number)).or(first), true)
}

/// Returns the carrier that a name means where the package left from: the origin, or else the marketplace's
/// country.
#[inline]
fn carrier_from(book: &Book, name: CarrierName, facts: &Facts) -> Carrier {
    let home = match facts.marketplace {
        Marketplace::None => Country::UNKNOWN,
        Marketplace::Known(id) => book.market(id).country,
    };
    book.carriers.in_country(name, facts.origin.unwrap_or(home))
}

/// The answer of a rung: the reason and the rule that decided. It fits a register; with the owner of a number in it, it
/// passed through memory at each rung. A processor waits if what was written in one width is read at once in another:
/// one such place had a seventh of the samples of [`judge_by`], another a tenth of those of the fold's loop.
struct Said {
    reason: Reason,
    rule: RuleId,
}

#[inline]
fn said(reason: Reason, rule: RuleId) -> Option<Said> {
    Some(Said { reason, rule })
}

/// Returns what a rung says, if it gives a reason. With `Option::or_else` each rung was a call, also behind the
/// one that decided.
macro_rules! try_rung {
    ($rung:expr) => {
        if let Some(said) = $rung {
            return said;
        }
    };
}

/// A shipment on a lane of a version, on its way down the rungs from the sixth on.
struct Case<'c> {
    facts: &'c Facts<'c>,
    terms: &'c Terms<'c>,
    version: &'c Version,
    lane: &'c Lane,
    carriers: &'c CarrierRule,
    asked: Asked<'c>,
    /// What was missing or old when a rule compared the value.
    met: Pricing,
    /// Whether the carrier is missing from a list that is only partly known.
    list_doubt: bool,
    /// For a mismatch, the carrier to which the number certainly belongs.
    likely_carrier: Option<CarrierId>,
}

impl Case<'_> {
    /// Tries the rungs in their order; the first that gives a reason decides.
    #[inline(always)] // as `select`
    fn decide(&mut self) -> Said {
        try_rung!(self.exempt()); // rung 6
        try_rung!(self.number_not_given()); // rungs 7 and 8
        try_rung!(self.carrier_not_listed()); // rungs 9, 10 and 11
        try_rung!(self.number_refused()); // rung 12
        let (number, seen) = (NumberTest::of(&self.asked, self.terms.book), self.seen());
        try_rung!(self.carrier_mismatch(&number)); // rung 13
        try_rung!(self.added_after_delivery(&seen)); // rung 14
        try_rung!(self.scanned(&seen)); // rung 15
        try_rung!(self.number_at_fault(&number)); // rungs 16 and 17
        try_rung!(self.scan_missing(&seen)); // rungs 18 and 19
        self.by_number(&number) // rungs 20 and 21
    }

    #[inline]
    fn exempt(&mut self) -> Option<Said> {
        let exemption = self.lane.exempt.iter().find(|exemption| exemption.matches(&self.asked, &mut self.met));
        exemption.and_then(|exemption| said(Reason::Exempt, exemption.id))
    }

    #[inline]
    fn number_not_given(&self) -> Option<Said> {
        match self.facts.tracking {
            Tracking::NoColumn | Tracking::Damaged(_) => None,
            Tracking::Missing => said(Reason::TrackingMissing, self.lane.id),
            Tracking::Plain(number) => {
                self.placeholder(self.terms.book.placeholders.find_plain(number, self.facts.order_id))
            }
            Tracking::Number(_) | Tracking::Several(_) | Tracking::Spaced(_) => {
                self.placeholder(self.terms.book.placeholders.find(self.asked.number?, self.facts.order_id))
            }
        }
    }

    fn placeholder(&self, found: Option<Placeholder>) -> Option<Said> {
        said(Reason::TrackingPlaceholder, self.terms.book.rule_of_placeholder(found?))
    }

    #[inline]
    fn carrier_not_listed(&mut self) -> Option<Said> {
        if self.facts.carrier == CarrierField::NoColumn {
            return None;
        }
        if self.asked.carrier == Carrier::Missing {
            return said(Reason::CarrierMissing, self.lane.id);
        }
        match self.carriers {
            CarrierRule::Integrated(_, otherwise, known) if !self.asked.integrated => match (known, otherwise) {
                (Known::Partial, _) => {
                    self.list_doubt = true;
                    None
                }
                (Known::Complete, Otherwise::NotMeasured) => said(Reason::CarrierNotMeasured, self.version.id),
                (Known::Complete, Otherwise::NotAccepted) => said(Reason::CarrierNotAccepted, self.version.id),
            },
            CarrierRule::Any | CarrierRule::Integrated(..) => None,
        }
    }

    #[inline]
    fn number_refused(&mut self) -> Option<Said> {
        if self.facts.carrier == CarrierField::NoColumn {
            return None;
        }
        let refusal = self.lane.refuse.iter().find(|refusal| refusal.matches(&self.asked, &mut self.met));
        refusal.and_then(|refusal| said(Reason::NumberRefused, refusal.id))
    }

    #[inline]
    fn carrier_mismatch(&mut self, number: &NumberTest) -> Option<Said> {
        let (owner, shape) = number.owner()?;
        self.likely_carrier = Some(owner);
        said(Reason::CarrierMismatch, self.terms.book.rule_of_shape(owner, shape))
    }

    /// Returns the scans, if the run judges by scans.
    #[inline]
    fn seen(&self) -> Option<Scanned> {
        match self.terms.evidence {
            Evidence::Scans => Some(Scanned::of(self.facts, self.terms.as_of)),
            Evidence::Format => None,
        }
    }

    #[inline]
    fn added_after_delivery(&self, seen: &Option<Scanned>) -> Option<Said> {
        let is_late = seen.as_ref()?.added_after_delivery(self.facts, self.terms.as_of, self.asked.zone);
        if is_late { said(Reason::AddedAfterDelivery, self.lane.id) } else { None }
    }

    #[inline]
    fn scanned(&mut self, seen: &Option<Scanned>) -> Option<Said> {
        let needed = |met| self.lane.scans.needed(&self.asked.value, met);
        if seen.as_ref()?.count >= needed(&mut self.met) { said(Reason::Scanned, self.lane.id) } else { None }
    }

    #[inline]
    fn number_at_fault(&self, number: &NumberTest) -> Option<Said> {
        let book = self.terms.book;
        match number.fault()? {
            Fault::Form(carrier) => said(Reason::NumberMalformed, book.rule_of_carrier(carrier)),
            Fault::CheckDigit(carrier, shape) => said(Reason::CheckDigitFailed, book.rule_of_shape(carrier, shape)),
        }
    }

    #[inline]
    fn scan_missing(&self, seen: &Option<Scanned>) -> Option<Said> {
        let is_first_there = seen.as_ref()?.count > 0;
        said(if is_first_there { Reason::DeliveryScanMissing } else { Reason::ScanMissing }, self.lane.id)
    }

    #[inline]
    fn by_number(&self, number: &NumberTest) -> Said {
        let reason = if number.is_well_formed() { Reason::WellFormed } else { Reason::Unverified };
        Said { reason, rule: self.lane.id }
    }
}

/// The reason why a number does not fit its carrier.
enum Fault {
    /// The carrier's own pattern fits, but its hard check fails: carrier and the shape's index.
    CheckDigit(CarrierId, usize),
    /// The number has no form of the carrier.
    Form(CarrierId),
}

/// The test of a number against its declared carrier. It finds no fault with a missing number, nor with a carrier
/// that the book does not know, because such a carrier may hand over to any other.
struct NumberTest<'a> {
    book: &'a Book,
    number: &'a [u8],
    carrier: Option<CarrierId>,
    fits: bool,
}

impl<'a> NumberTest<'a> {
    #[inline(always)] // as `select`
    fn of(asked: &Asked<'a>, book: &'a Book) -> NumberTest<'a> {
        let number = asked.number.map(str::as_bytes);
        let carrier = match asked.carrier {
            Carrier::Known(id) if number.is_some() => Some(id),
            _ => None,
        };
        let number = number.unwrap_or_default();
        let fits = carrier.is_none_or(|id| book.carriers.fits(id, number));
        NumberTest { book, number, carrier, fits }
    }

    fn owner(&self) -> Option<(CarrierId, usize)> {
        self.carrier.filter(|_| !self.fits).and_then(|id| self.book.carriers.strict_owner(id, self.number))
    }

    fn fault(&self) -> Option<Fault> {
        let id = self.carrier.filter(|_| !self.fits)?;
        let carriers = &self.book.carriers;
        if let Some(shape) = carriers.own_pattern(id, self.number) {
            return Some(Fault::CheckDigit(id, shape));
        }
        let malformed = carriers.entry(id).closed || carriers.opens_like_own_signature(id, self.number);
        malformed.then_some(Fault::Form(id))
    }

    fn is_well_formed(&self) -> bool {
        self.carrier.is_some_and(|id| self.book.carriers.well_formed(id, self.number).is_some())
    }
}

/// The scans known on the `as_of` day.
pub struct Scanned {
    /// How many they count as, 0 to 2.
    pub count: u8,
    /// The delivery scan, if it had happened.
    pub delivery: Option<Moment>,
}

impl Scanned {
    /// Counts the scans of a shipment; a scan in the future has not happened yet.
    #[inline(always)] // as `select`
    pub fn of(facts: &Facts, as_of: Day) -> Scanned {
        let known = |moment: Option<Moment>| moment.filter(|moment| !moment.is_after(as_of));
        let (first, delivery) = (known(facts.first_scan), known(facts.delivery_scan));
        let count = match facts.scan_columns {
            ScanColumns::Both => u8::from(first.is_some()) + u8::from(delivery.is_some()),
            // A source that has only one scan column cannot show two scans.
            ScanColumns::FirstOnly => 2 * u8::from(first.is_some()),
            ScanColumns::DeliveryOnly => 2 * u8::from(delivery.is_some()),
            ScanColumns::Neither => 0,
        };
        Scanned { count, delivery }
    }

    #[inline]
    fn added_after_delivery(&self, facts: &Facts, as_of: Day, zone: &Zone) -> bool {
        let added = facts.tracking_added.filter(|moment| !moment.is_after(as_of));
        added.zip(self.delivery).is_some_and(|(added, delivered)| added.earliest(zone) > delivered.latest(zone))
    }
}

#[cfg(test)]
mod tests;
