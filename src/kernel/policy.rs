//! The book: marketplaces with their dated versions, and everything to which rules refer.
//!
//! Only `load.rs` builds it; it is immutable afterwards. Look-ups are total.

use crate::calendar::{Day, Zone};
use crate::carrier::{Carrier, CarrierId, CarrierName, Carriers};
use crate::lane::{CarrierRule, Country, Lanes};
use crate::money::Currency;
use crate::placeholder::Placeholders;
use crate::reason::Reason;
use crate::service::Services;
use crate::tally::Target;
use crate::text;
use crate::words::Words;
use std::collections::{BTreeMap, HashMap};

/// The index of a marketplace in the book; names ascend with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketplaceId(pub u16);

/// The index of a programme; 0 is `standard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgrammeId(pub u16);

impl ProgrammeId {
    /// The programme of packages that are not judged separately.
    pub const STANDARD: ProgrammeId = ProgrammeId(0);
}

/// The index of a rule's id; [`Book::rule`] gives the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// The meaning of the marketplace column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Marketplace {
    /// A sales channel that is no marketplace.
    None,
    /// A marketplace of the book.
    Known(MarketplaceId),
}

/// The date that selects the version and places a shipment in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectedBy {
    /// The end of the delivery promise.
    PromisedDelivery,
    /// The seller's confirmation of shipment.
    Shipped,
}

/// What the marketplace suspends; commentary, no figure depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// One product category.
    Category,
    /// The whole account.
    Account,
}

/// How certain the source of a rule is; no verdict depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// The marketplace's own page, or two independent sources.
    Confirmed,
    /// One source.
    SingleSource,
    /// The source is contradicted, or the rule is inferred.
    Unsure,
}

impl Confidence {
    /// Returns the name in a book and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Confirmed => "confirmed",
            Confidence::SingleSource => "single_source",
            Confidence::Unsure => "unsure",
        }
    }
}

/// The reason why a rule that decided may be wrong; a run reports it if many packages depend on the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The rule's source is contradicted, or the rule is inferred.
    UnsureRule,
    /// The carrier's shape was seen too rarely.
    LowShape,
}

/// What listed prices include, if a package's value is taken from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedPrices {
    /// The prices include tax.
    WithTax,
    /// The prices include no tax.
    WithoutTax,
}

/// The source of a fact.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: String,
}

/// A programme that a version judges separately.
#[derive(Clone, Debug)]
pub struct Programme {
    /// The programme.
    pub id: ProgrammeId,
    /// Its own target.
    pub target: Target,
    /// What a missed target suspends.
    pub per: Per,
    /// The first day on which it is judged separately; `None`: the version's first.
    pub from: Option<Day>,
    /// The first day on which it no longer is; `None`: the version's end.
    pub until: Option<Day>,
    /// The comment of its file about it, line by line.
    pub note: Vec<String>,
}

impl Programme {
    /// Returns whether it is judged separately on a day of its version.
    pub fn in_force(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }
}

/// The rules of a marketplace for a range of days.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its id.
    pub id: RuleId,
    /// The first day in force; `None`: since ever.
    pub from: Option<Day>,
    /// The first day no longer in force; `None`: it has no end.
    pub until: Option<Day>,
    /// The required rate.
    pub target: Target,
    /// What a missed target suspends.
    pub per: Per,
    /// The accepted carriers, if a lane does not say otherwise.
    pub carriers: CarrierRule,
    /// The programmes that are judged separately.
    pub programmes: Vec<Programme>,
    /// The only programmes that it judges; `None`: it judges every one.
    pub only: Option<Vec<ProgrammeId>>,
    /// The lanes in order; the first that fits decides.
    pub lanes: Lanes,
    /// How certain its sources are.
    pub confidence: Confidence,
    /// The day on which the sources were last read, as written.
    pub checked_on: String,
    /// The sources.
    pub sources: Vec<Source>,
    /// The comment of its file about it, line by line.
    pub note: Vec<String>,
}

impl Version {
    /// Returns whether it is in force on a day.
    pub fn in_force(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }

    /// Returns whether it judges packages of a programme.
    pub fn judges(&self, programme: ProgrammeId) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&programme))
    }

    /// Returns a programme that it judges separately on a day.
    pub fn programme(&self, id: ProgrammeId, day: Day) -> Option<&Programme> {
        self.programmes.iter().find(|known| known.id == id && known.in_force(day))
    }

    /// Returns the target of a programme on a day: its own if it is judged separately.
    pub fn target(&self, programme: ProgrammeId, day: Day) -> Target {
        self.programme(programme, day).map_or(self.target, |known| known.target)
    }
}

/// One marketplace.
#[derive(Clone, Debug)]
pub struct Market {
    /// The name in every table: the ISO country of the store.
    pub name: String,
    /// The store's name, for people.
    pub title: String,
    /// Marketplace ids, matched exactly.
    pub ids: Vec<String>,
    /// Other names, matched in any case.
    pub aliases: Vec<String>,
    /// The currency of a package's value if the row names none.
    pub currency: Currency,
    /// The time zone of its days.
    pub zone: Zone,
    /// The date by which it selects versions.
    pub selected_by: SelectedBy,
    /// The length of the trailing window in days.
    pub window_days: i32,
    /// The number of days until figures are final.
    pub latency_days: i32,
    /// Its own country.
    pub country: Country,
    /// What its listed prices include.
    pub listed_prices: ListedPrices,
    /// The comment at the head of its file, line by line.
    pub note: Vec<String>,
    /// The versions in order of time; no two overlap.
    pub versions: Vec<Version>,
    /// The first day of each version, side by side.
    pub(crate) begins: Vec<Day>,
}

impl Market {
    /// Returns the version in force on a day.
    #[inline]
    pub fn version(&self, day: Day) -> Option<&Version> {
        // All versions are counted: an early exit would be one more branch to predict in every row.
        let begun = self.begins.iter().map(|begin| usize::from(*begin <= day)).sum::<usize>();
        self.versions.get(begun.checked_sub(1)?).filter(|version| version.in_force(day))
    }
}

/// Everything that can move a verdict and is not logic.
#[derive(Clone, Debug)]
pub struct Book {
    pub(crate) markets: Vec<Market>,
    pub(crate) by_id: HashMap<String, MarketplaceId>,
    pub(crate) by_alias: HashMap<String, MarketplaceId>,
    /// The carriers.
    pub carriers: Carriers,
    /// The service classes.
    pub services: Services,
    /// The texts that are no tracking number and no marketplace.
    pub placeholders: Placeholders,
    /// The words of columns that hold one of a few.
    pub words: Words,
    pub(crate) programmes: Vec<String>,
    pub(crate) rules: Vec<String>,
    /// One entry per rule.
    pub(crate) doubts: Vec<Option<Doubt>>,
    pub(crate) fixed_rules: FixedRules,
    pub(crate) digest: String,
    pub(crate) parts: BTreeMap<String, String>,
}

/// The first ids of the rules that no file of the book names.
#[derive(Clone, Debug, Default)]
pub(crate) struct FixedRules {
    pub no_marketplace: u32,
    pub fulfilled_by_marketplace: u32,
    pub canceled: u32,
    /// The first id of the marketplaces, in their order.
    pub markets: u32,
    /// The first id of the placeholders, in their order.
    pub placeholders: u32,
    /// The first id of the carriers, in their order.
    pub carriers: u32,
    /// For each carrier, the first id of its shapes, in their order.
    pub shapes: Vec<u32>,
}

impl Book {
    /// Returns all marketplaces, by name.
    pub fn markets(&self) -> impl Iterator<Item = (MarketplaceId, &Market)> {
        self.markets.iter().enumerate().map(|(index, market)| (MarketplaceId(index as u16), market))
    }

    /// Returns the days after which figures are final in every marketplace.
    pub fn longest_latency(&self) -> i32 {
        self.markets.iter().map(|market| market.latency_days).max().unwrap_or(0)
    }

    /// Returns one marketplace.
    pub fn market(&self, id: MarketplaceId) -> &Market {
        &self.markets[usize::from(id.0)]
    }

    /// Returns the meaning of a marketplace column's text: an id must match exactly, a name or alias in any case;
    /// it may also be a sales channel that is no marketplace. `None` if the book lists none of these.
    pub fn resolve_marketplace(&self, text: &str) -> Option<Marketplace> {
        if let Some(id) = self.by_id.get(text) {
            return Some(Marketplace::Known(*id));
        }
        if let Some(id) = self.by_alias.get(&text::lower(text)) {
            return Some(Marketplace::Known(*id));
        }
        self.placeholders.is_no_marketplace(text).then_some(Marketplace::None)
    }

    /// Returns the name of a marketplace in tables.
    pub fn marketplace_label(&self, marketplace: Marketplace) -> &str {
        match marketplace {
            Marketplace::None => "(none)",
            Marketplace::Known(id) => &self.market(id).name,
        }
    }

    /// Returns the programme of a column's text: its name in any version, in any case, or a spelling of
    /// `words.toml`; `None` for text that is no programme.
    pub fn resolve_programme(&self, text: &str) -> Option<ProgrammeId> {
        let lower = text::lower(text);
        let named = self.programmes.iter().position(|name| *name == lower).map(|index| ProgrammeId(index as u16));
        named.or_else(|| self.words.programme(text))
    }

    /// Returns the name of a programme.
    pub fn programme(&self, id: ProgrammeId) -> &str {
        self.programmes.get(usize::from(id.0)).map_or("standard", String::as_str)
    }

    /// Returns the names of all programmes.
    pub fn programmes(&self) -> impl Iterator<Item = &str> {
        self.programmes.iter().map(String::as_str)
    }

    /// Returns the number of programmes, `standard` included.
    pub fn programme_count(&self) -> usize {
        self.programmes.len()
    }

    /// Returns the text of a rule's id.
    pub fn rule(&self, id: RuleId) -> &str {
        self.rules.get(id.0 as usize).map_or("", String::as_str)
    }

    /// Returns the number of rules.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// Returns why a rule may be wrong, if it is doubtful.
    pub fn doubt(&self, id: RuleId) -> Option<Doubt> {
        self.doubts.get(id.0 as usize).copied().flatten()
    }

    /// Folds a carrier's name as typed, trimmed; a filler such as `N/A` is no name.
    pub fn carrier_name(&self, text: Option<&str>) -> CarrierName {
        self.carriers.resolve(text.filter(|text| !self.placeholders.is_filler(text)))
    }

    /// Returns a digest in hex of each part of the book: each policy version under its id, the rest of a policy
    /// file under the file's name, and every other file under its name. Commentary (comments, sources, the day on
    /// which they were read) does not count.
    pub fn parts(&self) -> &BTreeMap<String, String> {
        &self.parts
    }

    /// Returns SHA-256 over the files in name order, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn rule_of_reason(&self, reason: Reason) -> RuleId {
        RuleId(match reason {
            Reason::FulfilledByMarketplace => self.fixed_rules.fulfilled_by_marketplace,
            Reason::Canceled => self.fixed_rules.canceled,
            _ => self.fixed_rules.no_marketplace,
        })
    }

    pub(crate) fn rule_of_market(&self, id: MarketplaceId) -> RuleId {
        RuleId(self.fixed_rules.markets + u32::from(id.0))
    }

    pub(crate) fn rule_of_placeholder(&self, placeholder: crate::placeholder::Placeholder) -> RuleId {
        RuleId(self.fixed_rules.placeholders + placeholder as u32)
    }

    pub(crate) fn rule_of_carrier(&self, id: CarrierId) -> RuleId {
        RuleId(self.fixed_rules.carriers + u32::from(id.0))
    }

    pub(crate) fn rule_of_shape(&self, carrier: CarrierId, shape: usize) -> RuleId {
        RuleId(self.fixed_rules.shapes[usize::from(carrier.0)] + shape as u32)
    }

    /// Returns whether a carrier is on the list of the version in force on a day; `None` without version or list.
    pub fn is_integrated(&self, marketplace: Marketplace, carrier: Carrier, day: Day) -> Option<bool> {
        let Marketplace::Known(id) = marketplace else { return None };
        match &self.market(id).version(day)?.carriers {
            CarrierRule::Any => None,
            rule => Some(rule.is_integrated(carrier)),
        }
    }
}
