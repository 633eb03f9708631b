//! Lanes: origin and destination, the number of scans asked for, and the exemptions and refusals.
//!
//! Lanes are compiled from a policy file; matching compares only codes and bits. A condition whose value or rate is
//! unknown does not match, and reports that it could not be answered.

use crate::amount::Amount;
use crate::calendar::{Day, Zone};
use crate::carrier::{Carrier, CarrierName, CarrierSet};
use crate::instant::Moment;
use crate::money::{Currency, Money, Pricing, Rates};
use crate::policy::{Confidence, ProgrammeId, RuleId};
use crate::service::ServiceClass;

/// A country code of two letters as a number, or the mark for text that is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(u16);

const LETTERS: u16 = 26;

impl Country {
    /// Text that is no country code; it fits only `*`.
    pub const UNKNOWN: Country = Country(LETTERS * LETTERS);

    /// Reads trimmed text of two ASCII letters in any case; `UK` is `GB`.
    pub fn read(text: &str) -> Country {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                let (a, b) = (a.to_ascii_uppercase(), b.to_ascii_uppercase());
                let (a, b) = if (a, b) == (b'U', b'K') { (b'G', b'B') } else { (a, b) };
                Country(u16::from(a - b'A') * LETTERS + u16::from(b - b'A'))
            }
            _ => Country::UNKNOWN,
        }
    }

    /// The number of countries, [`Country::UNKNOWN`] included.
    pub(crate) const COUNT: usize = Country::UNKNOWN.0 as usize + 1;

    /// Returns its index among all countries.
    #[inline]
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Returns every code of two letters, in order, except `UK`, which is read as `GB`.
    pub fn all() -> impl Iterator<Item = Country> {
        let uk = u16::from(b'U' - b'A') * LETTERS + u16::from(b'K' - b'A');
        (0..LETTERS * LETTERS).filter(move |code| *code != uk).map(Country)
    }

    /// Returns the code, or `??`.
    pub fn code(self) -> String {
        if self == Country::UNKNOWN {
            return "??".into();
        }
        [self.0 / LETTERS, self.0 % LETTERS].map(|letter| char::from(b'A' + letter as u8)).iter().collect()
    }
}

/// A set of countries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountrySet([u64; 11]);

impl CountrySet {
    /// The empty set.
    pub const NONE: CountrySet = CountrySet([0; 11]);
    /// The set of every text, country or not.
    pub const ALL: CountrySet = CountrySet([u64::MAX; 11]);

    /// Returns the set of every country code, without unknown text.
    pub fn every_code() -> CountrySet {
        let mut set = CountrySet::ALL;
        set.0[usize::from(Country::UNKNOWN.0 / 64)] &= !(1 << (Country::UNKNOWN.0 % 64));
        set
    }

    /// Adds a country.
    pub fn insert(&mut self, country: Country) {
        self.0[usize::from(country.0 / 64)] |= 1 << (country.0 % 64);
    }

    /// Removes a country.
    pub fn remove(&mut self, country: Country) {
        self.0[usize::from(country.0 / 64)] &= !(1 << (country.0 % 64));
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: &CountrySet) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, more)| *word |= more);
    }

    /// Returns whether a country is in the set.
    pub fn contains(&self, country: Country) -> bool {
        self.0[usize::from(country.0 / 64)] >> (country.0 % 64) & 1 == 1
    }
}

/// The treatment of packages whose carrier is not integrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// They are left out of the rate.
    NotMeasured,
    /// They count as untracked.
    NotAccepted,
}

/// How completely a list of carriers is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The list is complete.
    Complete,
    /// The list is known only in part: a carrier that is not on it is judged further, and the verdict says so.
    Partial,
}

/// The carriers that a rule accepts.
#[derive(Clone, Debug)]
pub enum CarrierRule {
    /// Every carrier.
    Any,
    /// Those integrated with the marketplace, the treatment of the others, and how completely the list is known.
    Integrated(CarrierSet, Otherwise, Known),
}

impl CarrierRule {
    /// Returns whether a carrier is integrated; without a list every carrier is.
    pub fn is_integrated(&self, carrier: Carrier) -> bool {
        match self {
            CarrierRule::Any => true,
            CarrierRule::Integrated(set, ..) => set.contains(carrier),
        }
    }
}

/// The number of scans that a lane asks for.
#[derive(Clone, Copy, Debug)]
pub enum Scans {
    /// The same for every package.
    Always(u8),
    /// One number below a value, another from it on; an unknown value asks for the higher number.
    Split {
        /// The value from which `otherwise` holds.
        below: Money,
        /// The number below it.
        then: u8,
        /// The number at or above it.
        otherwise: u8,
    },
}

/// An upper limit of a package's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The limit itself is excluded.
    Below(Money),
    /// The limit itself is included.
    AtMost(Money),
}

impl Limit {
    /// Returns the amount of the limit.
    pub fn money(&self) -> &Money {
        match self {
            Limit::Below(money) | Limit::AtMost(money) => money,
        }
    }
}

/// Days of shipment in the marketplace's time zone, from the first one up to and without the last; at least one is
/// given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShippedOn {
    /// The first day that fits.
    pub from: Option<Day>,
    /// The first day that no longer fits.
    pub before: Option<Day>,
}

impl ShippedOn {
    /// Returns whether a shipment's day fits; a shipment without a date does not.
    fn contains(&self, shipped: Option<Moment>, zone: &Zone) -> bool {
        let day = shipped.map(|moment| moment.day(zone));
        day.is_some_and(|day| self.from.is_none_or(|from| from <= day) && self.before.is_none_or(|before| day < before))
    }
}

/// The conditions of an exemption or refusal; every given key must match.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The rule of the verdicts that it decides.
    pub id: RuleId,
    /// The known carriers for which it holds.
    pub carriers: Option<CarrierSet>,
    /// The service classes for which it holds, one bit each.
    pub services: Option<u32>,
    /// Whether the label was bought through the marketplace.
    pub buy_shipping: Option<bool>,
    /// Upper limit of the package's value.
    pub value: Option<Limit>,
    /// The days on which the package was shipped.
    pub shipped: Option<ShippedOn>,
    /// Whether the carrier is on the list in force for the lane.
    pub integrated: Option<bool>,
    /// Refusals only: the cleaned number must not end with this text.
    pub number_not_ending: Option<String>,
    /// Refusals only: the carrier's name as typed must hold a Chinese character.
    pub carrier_script_han: bool,
    /// How certain its source is.
    pub confidence: Confidence,
    /// The comment of its file about it, line by line.
    pub note: Vec<String>,
}

/// A lane of a version.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its id.
    pub id: RuleId,
    /// The origins that it fits.
    pub from: CountrySet,
    /// The destinations that it fits.
    pub to: CountrySet,
    /// The scans that it asks for.
    pub scans: Scans,
    /// The accepted carriers, if they differ from the version's.
    pub carriers: Option<CarrierRule>,
    /// The programme in which its packages are judged, whatever their column says.
    pub programme: Option<ProgrammeId>,
    /// The exemptions, in order.
    pub exempt: Vec<Condition>,
    /// The refusals, in order.
    pub refuse: Vec<Condition>,
    /// How certain its source is.
    pub confidence: Confidence,
    /// The comment of its file about it, line by line.
    pub note: Vec<String>,
}

/// The lanes of a version, in order; the first that fits a shipment is its lane.
#[derive(Clone, Debug)]
pub struct Lanes {
    all: Vec<Lane>,
    /// For each country, the lanes that begin there and those that end there. Only the first lanes have a bit, so
    /// that the tables of all versions stay in the cache.
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Lanes {
    const FIRST: usize = u8::BITS as usize;

    /// Takes lanes in their order.
    pub fn of(all: Vec<Lane>) -> Lanes {
        let bits = |of: fn(&Lane) -> &CountrySet| {
            let country = |code: u16| {
                let fits = |lane: &Lane| u8::from(of(lane).contains(Country(code)));
                all.iter().take(Lanes::FIRST).enumerate().fold(0, |bits, (place, lane)| bits | fits(lane) << place)
            };
            (0..=Country::UNKNOWN.0).map(country).collect()
        };
        let (from, to) = (bits(|lane| &lane.from), bits(|lane| &lane.to));
        Lanes { all, from, to }
    }

    /// Returns the lane from one country to another.
    #[inline]
    pub fn find(&self, from: Country, to: Country) -> Option<&Lane> {
        match self.from[usize::from(from.0)] & self.to[usize::from(to.0)] {
            0 => self.all.iter().skip(Lanes::FIRST).find(|lane| lane.from.contains(from) && lane.to.contains(to)),
            fitting => self.all.get(fitting.trailing_zeros() as usize),
        }
    }
}

impl std::ops::Deref for Lanes {
    type Target = [Lane];

    fn deref(&self) -> &[Lane] {
        &self.all
    }
}

/// What conditions may ask about a shipment.
pub(crate) struct Asked<'a> {
    pub carrier: Carrier,
    pub name: Option<CarrierName>,
    pub integrated: bool,
    pub service: Option<ServiceClass>,
    pub buy_shipping: bool,
    pub value: Value<'a>,
    pub shipped: Option<Moment>,
    /// The zone of the marketplace.
    pub zone: &'a Zone,
    /// The cleaned number; `None` if the source has no such column.
    pub number: Option<&'a str>,
}

/// The package's value and everything needed to compare it.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub amount: Option<Amount>,
    /// `None` if the currency is no known code.
    pub currency: Option<Currency>,
    pub rates: &'a Rates,
    pub day: Day,
}

impl Value<'_> {
    /// Returns whether the value is strictly below a limit; `None` without value, currency or rate.
    pub fn is_below(&self, limit: &Money, met: &mut Pricing) -> Option<bool> {
        Money { amount: self.amount?, currency: self.currency? }.is_below(limit, self.rates, self.day, met)
    }

    /// Returns whether the value keeps within a limit; `None` without value, currency or rate.
    fn is_within(&self, limit: &Limit, met: &mut Pricing) -> Option<bool> {
        match limit {
            Limit::Below(limit) => self.is_below(limit, met),
            Limit::AtMost(limit) => {
                let own = Money { amount: self.amount?, currency: self.currency? };
                limit.is_below(&own, self.rates, self.day, met).map(|is_above| !is_above)
            }
        }
    }
}

impl Condition {
    /// Returns whether every key matches. It sets `met.unpriced` if only an unknown value prevented the match.
    pub(crate) fn matches(&self, asked: &Asked, met: &mut Pricing) -> bool {
        let services = |set: u32| asked.service.is_some_and(|class| set >> class.0 & 1 == 1);
        let ending = |ending: &String| asked.number.is_some_and(|number| !number.ends_with(ending.as_str()));
        let fits = self.carriers.as_ref().is_none_or(|set| set.contains(asked.carrier))
            && self.services.is_none_or(services)
            && self.buy_shipping.is_none_or(|bought| bought == asked.buy_shipping)
            // A missing carrier is neither on the list nor off it: neither answer fits.
            && self.integrated.is_none_or(|integrated| asked.carrier != Carrier::Missing && integrated == asked.integrated)
            && self.number_not_ending.as_ref().is_none_or(ending)
            && self.shipped.as_ref().is_none_or(|days| days.contains(asked.shipped, asked.zone))
            && (!self.carrier_script_han || asked.name.is_some_and(|name| name.han));
        // The value is compared last, so that only packages whose verdict depends on it count as unpriced.
        fits && self.value.as_ref().is_none_or(|limit| {
            asked.value.is_within(limit, met).unwrap_or_else(|| {
                met.unpriced = true;
                false
            })
        })
    }
}

impl Scans {
    /// Returns the number of scans that a package of this value needs.
    pub(crate) fn needed(&self, value: &Value, met: &mut Pricing) -> u8 {
        match self {
            Scans::Always(count) => *count,
            Scans::Split { below, then, otherwise } => match value.is_below(below, met) {
                Some(true) => *then,
                Some(false) => *otherwise,
                None => {
                    met.unpriced = true;
                    (*then).max(*otherwise)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_two_letters_and_uk_is_gb() {
        assert_eq!(Country::read("uk"), Country::read("GB"));
        assert_eq!(Country::read("ZZ").code(), "ZZ");
        for text in ["", "D", "DEU", "D1", "é"] {
            assert_eq!(Country::read(text), Country::UNKNOWN, "{text}");
        }
    }

    #[test]
    fn unknown_text_fits_only_the_star() {
        assert!(CountrySet::ALL.contains(Country::UNKNOWN));
        let mut all_but = CountrySet::every_code();
        all_but.remove(Country::read("AE"));
        assert!(!all_but.contains(Country::UNKNOWN) && !all_but.contains(Country::read("AE")));
        assert!(all_but.contains(Country::read("CN")) && all_but.contains(Country::read("ZZ")));
    }

    #[test]
    fn the_first_lane_that_fits_is_found_among_many() {
        let countries = |text: &str| {
            let mut set = CountrySet::NONE;
            text.split(' ').for_each(|country| set.insert(Country::read(country)));
            set
        };
        let lane = |(number, (from, to)): (usize, (CountrySet, CountrySet))| Lane {
            id: RuleId(number as u32),
            from,
            to,
            scans: Scans::Always(1),
            carriers: None,
            programme: None,
            exempt: Vec::new(),
            refuse: Vec::new(),
            confidence: Confidence::Confirmed,
            note: Vec::new(),
        };
        let mut ends = vec![(countries("DE"), countries("DE")), (countries("DE FR"), countries("DE FR"))];
        ends.extend((0..70).map(|_| (countries("IT"), countries("ES"))));
        ends.push((countries("DE"), CountrySet::ALL));
        ends.push((CountrySet::ALL, CountrySet::ALL));
        let lanes = Lanes::of(ends.into_iter().enumerate().map(lane).collect());
        for from in ["DE", "FR", "IT", "ZZ", "?"].map(Country::read) {
            for to in ["DE", "FR", "ES", "ZZ", "?"].map(Country::read) {
                let want = lanes.iter().find(|lane| lane.from.contains(from) && lane.to.contains(to));
                assert_eq!(lanes.find(from, to).map(|lane| lane.id), want.map(|lane| lane.id), "{from:?} {to:?}");
            }
        }
        assert!(Lanes::of(Vec::new()).find(Country::UNKNOWN, Country::UNKNOWN).is_none());
    }
}
