//! The book: marketplaces with their dated versions, and everything rules refer to.
//!
//! Built only by `load.rs`, immutable afterwards. Look-ups are total.

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

/// Index of a marketplace in the book; names ascend with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketplaceId(pub u16);

/// Index of a programme; 0 is `standard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgrammeId(pub u16);

impl ProgrammeId {
    /// What is not judged apart.
    pub const STANDARD: ProgrammeId = ProgrammeId(0);
}

/// Index of a rule's id; [`Book::rule`] gives the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// What the marketplace column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Marketplace {
    /// A sales channel that is no marketplace.
    None,
    /// A marketplace of the book.
    Known(MarketplaceId),
}

/// Which date selects the version and places a shipment in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectedBy {
    /// The end of the delivery promise.
    PromisedDelivery,
    /// The seller's confirmation of shipment.
    Shipped,
}

/// What the marketplace suspends by; commentary, no figure depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// One product category.
    Category,
    /// The whole account.
    Account,
}

/// How sure the source of a rule is; no verdict depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// The marketplace's own page, or two independent sources.
    Confirmed,
    /// One source.
    SingleSource,
    /// Contradicted or inferred.
    Unsure,
}

impl Confidence {
    /// The name in a book and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Confirmed => "confirmed",
            Confidence::SingleSource => "single_source",
            Confidence::Unsure => "unsure",
        }
    }
}

/// Why a rule that decided may be wrong, so that a run says so where much hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The rule's source is contradicted or inferred.
    UnsureRule,
    /// The carrier's shape was seen too seldom.
    LowShape,
}

/// What listed prices hold, where a package's value is taken from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedPrices {
    /// The tax too.
    WithTax,
    /// No tax.
    WithoutTax,
}

/// Where a fact was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is.
    pub title: String,
    /// Where it is.
    pub url: String,
}

/// A programme judged apart by a version.
#[derive(Clone, Debug)]
pub struct Programme {
    /// Which.
    pub id: ProgrammeId,
    /// Its own target.
    pub target: Target,
    /// What is suspended by it.
    pub per: Per,
    /// First day on which it is judged apart; `None`: the version's first.
    pub from: Option<Day>,
    /// First day on which it is no more; `None`: the version's end.
    pub until: Option<Day>,
    /// What its file says about it, line by line.
    pub note: Vec<String>,
}

impl Programme {
    /// Whether it is judged apart on a day of its version.
    pub fn in_force(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }
}

/// The rules of a marketplace over a stretch of days.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its id.
    pub id: RuleId,
    /// First day in force; `None`: since ever.
    pub from: Option<Day>,
    /// First day no longer in force; `None`: for good.
    pub until: Option<Day>,
    /// The rate asked for.
    pub target: Target,
    /// What is suspended by it.
    pub per: Per,
    /// Carriers taken, where a lane does not say otherwise.
    pub carriers: CarrierRule,
    /// Programmes judged apart.
    pub programmes: Vec<Programme>,
    /// The programmes that it judges at all, where it does not judge every one.
    pub only: Option<Vec<ProgrammeId>>,
    /// Lanes in order; the first that fits decides.
    pub lanes: Lanes,
    /// How sure its sources are.
    pub confidence: Confidence,
    /// The day they were last read, as written.
    pub checked_on: String,
    /// The sources.
    pub sources: Vec<Source>,
    /// What its file says about it, line by line.
    pub note: Vec<String>,
}

impl Version {
    /// Whether it is in force on a day.
    pub fn in_force(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }

    /// Whether packages of a programme are judged by it.
    pub fn judges(&self, programme: ProgrammeId) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&programme))
    }

    /// A programme that it judges apart on a day.
    pub fn programme(&self, id: ProgrammeId, day: Day) -> Option<&Programme> {
        self.programmes.iter().find(|known| known.id == id && known.in_force(day))
    }

    /// The target of a programme on a day: its own where it is judged apart.
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
    /// What packages are valued in unless they say so.
    pub currency: Currency,
    /// Where its days begin.
    pub zone: Zone,
    /// Its clock.
    pub selected_by: SelectedBy,
    /// Days of the trailing window.
    pub window_days: i32,
    /// Days until figures are final.
    pub latency_days: i32,
    /// Its own country.
    pub country: Country,
    /// What its listed prices hold.
    pub listed_prices: ListedPrices,
    /// What its file says at its head, line by line.
    pub note: Vec<String>,
    /// Versions in order of time, none overlapping another.
    pub versions: Vec<Version>,
}

impl Market {
    /// The version in force on a day.
    pub fn version(&self, day: Day) -> Option<&Version> {
        // Counted to the end: where to stop would be one more guess for the processor in every row.
        let has_begun = |version: &Version| usize::from(version.from.unwrap_or(Day::MIN) <= day);
        let begun = self.versions.iter().map(has_begun).sum::<usize>();
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
    /// What is no tracking number and no marketplace.
    pub placeholders: Placeholders,
    /// Words of columns that hold one of a few.
    pub words: Words,
    pub(crate) programmes: Vec<String>,
    pub(crate) rules: Vec<String>,
    /// Beside each rule.
    pub(crate) doubts: Vec<Option<Doubt>>,
    pub(crate) fixed_rules: FixedRules,
    pub(crate) digest: String,
    pub(crate) parts: BTreeMap<String, String>,
}

/// Ids of the rules that no file of the book names.
#[derive(Clone, Debug, Default)]
pub(crate) struct FixedRules {
    pub no_marketplace: u32,
    pub fulfilled_by_marketplace: u32,
    pub canceled: u32,
    /// First of the marketplaces, in their order.
    pub markets: u32,
    /// First of the placeholders, in their order.
    pub placeholders: u32,
    /// First of the carriers, in their order.
    pub carriers: u32,
    /// For each carrier, the first of its shapes, in their order.
    pub shapes: Vec<u32>,
}

impl Book {
    /// All marketplaces, by name.
    pub fn markets(&self) -> impl Iterator<Item = (MarketplaceId, &Market)> {
        self.markets.iter().enumerate().map(|(index, market)| (MarketplaceId(index as u16), market))
    }

    /// One marketplace.
    pub fn market(&self, id: MarketplaceId) -> &Market {
        &self.markets[usize::from(id.0)]
    }

    /// What a marketplace column's text means: an id exactly, a name or alias in any case, a sales
    /// channel that is no marketplace; `None` if the book knows none of these.
    pub fn resolve_marketplace(&self, text: &str) -> Option<Marketplace> {
        if let Some(id) = self.by_id.get(text) {
            return Some(Marketplace::Known(*id));
        }
        if let Some(id) = self.by_alias.get(&text::lower(text)) {
            return Some(Marketplace::Known(*id));
        }
        self.placeholders.is_no_marketplace(text).then_some(Marketplace::None)
    }

    /// The name of a marketplace in tables.
    pub fn marketplace_label(&self, marketplace: Marketplace) -> &str {
        match marketplace {
            Marketplace::None => "(none)",
            Marketplace::Known(id) => &self.market(id).name,
        }
    }

    /// The programme that a column's text names in any version, in any case, or in a spelling of `words.toml`; `None`
    /// for text that is no programme.
    pub fn resolve_programme(&self, text: &str) -> Option<ProgrammeId> {
        let lower = text::lower(text);
        let named = self.programmes.iter().position(|name| *name == lower).map(|index| ProgrammeId(index as u16));
        named.or_else(|| self.words.programme(text))
    }

    /// The name of a programme.
    pub fn programme(&self, id: ProgrammeId) -> &str {
        self.programmes.get(usize::from(id.0)).map_or("standard", String::as_str)
    }

    /// The names of all programmes.
    pub fn programmes(&self) -> impl Iterator<Item = &str> {
        self.programmes.iter().map(String::as_str)
    }

    /// How many programmes there are, `standard` included.
    pub fn programme_count(&self) -> usize {
        self.programmes.len()
    }

    /// The text of a rule's id.
    pub fn rule(&self, id: RuleId) -> &str {
        self.rules.get(id.0 as usize).map_or("", String::as_str)
    }

    /// How many rules there are.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// Why a rule may be wrong, if it is known to be doubtful.
    pub fn doubt(&self, id: RuleId) -> Option<Doubt> {
        self.doubts.get(id.0 as usize).copied().flatten()
    }

    /// Folds a carrier's name as typed, trimmed; a filler such as `N/A` is no name.
    pub fn carrier_name(&self, text: Option<&str>) -> CarrierName {
        self.carriers.resolve(text.filter(|text| !self.placeholders.is_filler(text)))
    }

    /// A digest in hex of each part of the book: of each policy version under its id, of what else a policy file
    /// says under the file's name, and of every other file under its name. Commentary (comments, sources, the day on
    /// which they were read) does not count.
    pub fn parts(&self) -> &BTreeMap<String, String> {
        &self.parts
    }

    /// SHA-256 over the files in name order, in hex.
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

    /// Whether a carrier is on the list of the version in force on a day; `None` without version
    /// or list.
    pub fn is_integrated(&self, marketplace: Marketplace, carrier: Carrier, day: Day) -> Option<bool> {
        let Marketplace::Known(id) = marketplace else { return None };
        match &self.market(id).version(day)?.carriers {
            CarrierRule::Any => None,
            rule => Some(rule.is_integrated(carrier)),
        }
    }
}
