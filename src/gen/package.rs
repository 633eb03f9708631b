//! Packages: the generator first decides the outcome of a package, and then gives it the fields that cause it.
//!
//! The reason recorded as truth is that of the recipe; the kernel is never asked. A package is a pure function of
//! seed, file and number, so that a later file can hold it again. It must not depend on the order in which rows are
//! made.

use super::dice::Dice;
use super::habits::Label;
use super::labels::NULL;
use super::layout::{self, Slice};
use super::numbers::Text;
use super::sellers::{Seller, Sellers, Wish};
use super::world::{DAY, Day, HOUR, LanePlan, MarketPlan, RouteKind, Rules, SECOND, World};
use vtr_kernel::Reason;
use vtr_kernel::policy::SelectedBy;

/// The value of a time that is null.
pub const NEVER: i64 = i64::MIN;

/// The place in which a row must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The row cannot be judged.
    Rejected,
    /// Another row of the same package wins.
    Superseded,
    /// The row is judged with this reason.
    Judged(Reason),
}

/// The truth about a row, known by construction; texts are keys into the truth's dictionaries.
#[derive(Clone, Copy)]
pub struct Truth {
    /// The place in which it must end.
    pub place: Place,
    /// The day that places it in time.
    pub day: Day,
    /// The marketplace.
    pub market: u32,
    /// The carrier.
    pub carrier: u32,
    /// The programme.
    pub programme: u32,
    /// The category.
    pub category: u32,
}

/// A row of the history; texts are keys into the history's dictionaries, times UTC microseconds.
#[derive(Clone, Copy)]
#[allow(missing_docs)] // the columns of the contract
pub struct Parcel {
    pub seller: u32,
    pub marketplace: u32,
    pub order: Text,
    /// The number of the package within the order; 0 is null.
    pub package: u8,
    pub channel: u32,
    pub status: u32,
    pub carrier: u32,
    pub service: u32,
    pub buy_shipping: Option<bool>,
    pub tracking: Option<Text>,
    pub from: u32,
    pub to: u32,
    /// The value in hundredths of the currency.
    pub value: Option<i64>,
    pub currency: u32,
    pub category: u32,
    pub programme: u32,
    pub promised: i64,
    pub shipped: i64,
    pub added: i64,
    pub first_scan: i64,
    pub delivery: i64,
    pub updated: i64,
    /// Whether the value is written as text that is no number.
    pub garbled: bool,
    pub truth: Truth,
}

/// Makes packages.
pub struct Factory<'a> {
    /// The world.
    pub world: &'a World,
    /// The sellers.
    pub sellers: &'a Sellers,
    /// The files.
    pub slices: &'a [Slice],
    /// The seed.
    pub seed: u64,
    /// Whether files are in order of time.
    pub sorted: bool,
    /// The number of rows in 10,000 that cannot be judged.
    pub dirt: u32,
    /// Whether cells are text, which can be garbled.
    pub as_text: bool,
    /// Whether some verdicts depend on the job's exchange rates, which the truth does not know.
    pub converts: bool,
}

/// The carrier of a package.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Known(u8),
    Unknown,
}

/// A package while it is made.
pub(super) struct Making<'a> {
    pub world: &'a World,
    pub market: &'a MarketPlan,
    pub seller: &'a Seller,
    pub dice: Dice,
    pub parcel: Parcel,
    pub choice: Choice,
    /// The index of its route.
    pub route: usize,
    /// The time at which it left, whether or not the export says so.
    pub left: i64,
    /// Whether some values are in another currency than the rule's.
    pub converts: bool,
}

impl<'a> Factory<'a> {
    /// Returns a package in its newest state.
    pub fn package(&self, file: usize, package: u64) -> Parcel {
        let (slice, seed) = (&self.slices[file], self.seed);
        let second = layout::is_second(seed, file as u64, package);
        let order = package - u64::from(second);
        let mut order_dice = Dice::new(seed, 31, file as u64, order);
        let seller = &self.sellers.all[self.sellers.lottery.draw(&mut order_dice)];
        let offers = &seller.offers[..usize::from(seller.offer_count)];
        let offer = &offers[order_dice.weighted(offers.iter().map(|offer| offer.weight.max(1)))];
        let market = &self.world.markets[usize::from(offer.market)];
        let category = seller.categories[order_dice.weighted([60, 20, 12, 8].into_iter())];
        let mut dice = Dice::new(seed, 32, file as u64, package);
        let care = seller.weak_spot.filter(|weak| weak.0 == category).map_or(seller.care, |weak| weak.1);
        let wish = care.wish(&mut dice);
        let named = if second {
            2
        } else {
            u8::from(layout::is_second(seed, file as u64, package + 1) || seller.names_packages)
        };
        let parcel = self.blank(seller, market, category, order_id(offer.market, slice.first_package + order), named);
        let day = slice.day(package, self.sorted);
        let mut making = Making {
            world: self.world,
            market,
            seller,
            dice,
            parcel,
            choice: Choice::Unknown,
            route: 0,
            left: 0,
            converts: self.converts,
        };
        let kind = making.kind(day);
        making.times(day, kind);
        making.carrier(kind, &offer.carriers);
        making.dress(category);
        making.decide(wish);
        making.parcel
    }

    fn blank(&self, seller: &Seller, market: &MarketPlan, category: u8, order: Text, package: u8) -> Parcel {
        let fixed = &self.world.fixed;
        let (category, label) =
            (self.world.categories[usize::from(category)], self.world.category_labels[usize::from(category)]);
        let truth = Truth {
            place: Place::Rejected,
            day: 0,
            market: market.label,
            carrier: fixed.other,
            programme: fixed.standard,
            category: label,
        };
        Parcel {
            seller: seller.key,
            marketplace: NULL,
            order,
            package,
            channel: NULL,
            status: NULL,
            carrier: NULL,
            service: NULL,
            buy_shipping: None,
            tracking: None,
            from: NULL,
            to: NULL,
            value: None,
            currency: NULL,
            category,
            programme: NULL,
            promised: NEVER,
            shipped: NEVER,
            added: NEVER,
            first_scan: NEVER,
            delivery: NEVER,
            updated: NEVER,
            garbled: false,
            truth,
        }
    }
}

/// Returns a unique order id: the number of the order's first package, shuffled.
fn order_id(market: u8, number: u64) -> Text {
    const HALF: u64 = 10_000_000;
    let low = (number % HALF * 4_637_891 + 1_203_457) % HALF;
    let high = (number / HALF * 7_654_321 + low * 3 + 302_117) % HALF;
    let mut digits = *b"000-0000000-0000000";
    let parts = [(3, 101 + u64::from(market) * 13), (11, high), (19, low)];
    for ((end, mut rest), width) in parts.into_iter().zip([3, 7, 7]) {
        for place in (end - width..end).rev() {
            digits[place] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    let mut text = Text::EMPTY;
    digits.into_iter().for_each(|digit| text.push(digit));
    text
}

impl Making<'_> {
    fn kind(&mut self, day: Day) -> RouteKind {
        let home = self.market.rules(day).is_none_or(|rules| rules.lanes[0].is_some());
        let weights = match (self.seller.from_china, home) {
            (true, _) => [6, 2, 90, 2],
            (false, true) => [870, 75, 25, 30],
            (false, false) => [35, 5, 50, 10],
        };
        let kind = self.dice.weighted(weights.into_iter());
        let kind = if self.market.by_kind[kind].is_empty() { 0 } else { kind };
        self.route = usize::from(*self.dice.pick(&self.market.by_kind[kind]));
        let route = &self.market.routes[self.route];
        self.parcel.from = self.country(&route.from, Label::Origin);
        self.parcel.to = self.country(&route.to, Label::Destination);
        route.kind
    }

    /// Sets the dates, and the day that follows from them.
    fn times(&mut self, day: Day, kind: RouteKind) {
        let (market, dice) = (self.market, &mut self.dice);
        self.left = (i64::from(day) * 86_400 + (5 * HOUR + dice.below(17 * HOUR)) as i64) * SECOND;
        let lead = match kind {
            RouteKind::Home => 1 + dice.below(6),
            RouteKind::Near => 3 + dice.below(8),
            RouteKind::China | RouteKind::Far => 8 + dice.below(16),
        };
        let promised_day = day + lead as Day;
        let promised = match dice.below(10) {
            0 => market.midnight(promised_day),
            1 => market.midnight(promised_day) + 20 * HOUR as i64 * SECOND,
            _ => market.midnight(promised_day + 1) - SECOND,
        };
        let lacks = dice.below(50);
        let (parcel, left) = (&mut self.parcel, self.left);
        parcel.promised = if lacks == 0 { NEVER } else { promised };
        parcel.shipped = if lacks == 1 { NEVER } else { left };
        let by_promise = match market.selected_by {
            SelectedBy::PromisedDelivery => lacks != 0,
            SelectedBy::Shipped => lacks == 1,
        };
        parcel.truth.day = if by_promise { promised_day } else { market.day_of(left, day) };
        parcel.updated =
            if dice.below(100) == 0 { NEVER } else { left + (2 * DAY + dice.below(26 * DAY)) as i64 * SECOND };
        parcel.added =
            if dice.below(30) == 0 { NEVER } else { left - 1_800 * SECOND + dice.below(9_000) as i64 * SECOND };
    }

    fn carrier(&mut self, kind: RouteKind, favourites: &[u8; 3]) {
        if let Some(usual) = self.usual_carrier() {
            self.choice = usual;
            return;
        }
        let unknown = if self.market.name == "US" { 80 } else { 220 };
        self.choice = if self.dice.hits(unknown) {
            Choice::Unknown
        } else if kind == RouteKind::China {
            let from_china = &self.market.from_china;
            Choice::Known(from_china[self.dice.weighted(from_china.iter().map(|(_, weight)| *weight))].0)
        } else {
            Choice::Known(favourites[self.dice.weighted([76, 17, 7].into_iter())])
        };
    }

    /// Sets the fields that decide nothing.
    fn dress(&mut self, category: u8) {
        let (world, market) = (self.world, self.market);
        let kit = &world.kit;
        let names = &market.names;
        let mixes = self.seller.custom.is_none() && self.dice.below(50) == 0;
        let name = if mixes { self.dice.bits() as u32 } else { self.seller.habit };
        self.parcel.marketplace = names[name as usize % names.len()];
        let bits = self.dice.bits();
        if !self.leaves_out(Label::Channel, 64, bits & 3 == 0) {
            self.parcel.channel = self.spelled(&kit.seller_channels, Label::Channel);
        }
        // The state of an order is no spelling: it differs from row to row for all sellers.
        if !self.leaves_out(Label::Status, 64, bits & 12 == 0) {
            self.parcel.status = *self.dice.pick(&kit.live);
        }
        if !self.leaves_out(Label::Service, 64, bits & 48 == 0) {
            self.parcel.service = self.spelled(&market.services, Label::Service);
        }
        self.parcel.buy_shipping = [None, None, Some(false), Some(true)][(bits >> 6 & 3) as usize];
        if bits >> 8 & 127 == 0 {
            (self.parcel.category, self.parcel.truth.category) = (NULL, world.fixed.no_category);
        }
        if !self.leaves_out(Label::Currency, 128, bits >> 16 & 1 != 0) {
            self.parcel.currency = market.currency;
        }
        let programme = match market.name.as_str() {
            "JP" => 512,
            // In this store only Prime is judged, by a version that the truth leaves out.
            "IE" => 0,
            "US" | "FR" => 256,
            _ => 48,
        };
        if bits >> 17 & 4_095 < programme {
            let names = if market.name == "JP" { &kit.premium } else { &kit.sfp };
            self.parcel.programme = self.spelled(names, Label::Programme);
        }
        let dice = &mut self.dice;
        let euros = match dice.below(10) {
            0..=5 => 400 + dice.below(3_600),
            6..=8 => 2_000 + dice.below(9_000),
            _ => 8_000 + dice.below(60_000),
        } + u64::from(category) * 20;
        let value = euros as i64 * market.cents_per_euro / 100;
        self.parcel.value = Some(if market.cents_per_euro < 1_000 { value } else { value / 100 * 100 });
    }

    fn decide(&mut self, wish: Wish) {
        let (market, day) = (self.market, self.parcel.truth.day);
        let rules = market.rules(day);
        let lane = rules.and_then(|rules| rules.lanes[self.route].as_ref());
        self.parcel.truth.programme = self.programme(rules, lane);
        let reason = match (wish, rules, lane) {
            (Wish::NotOnMarketplace, ..) => self.not_on_marketplace(),
            (Wish::Fulfilled, ..) => {
                self.parcel.channel = self.spelled(&self.world.kit.own_channels, Label::OwnChannel);
                Reason::FulfilledByMarketplace
            }
            (Wish::Canceled, ..) => {
                self.parcel.status = self.spelled(&self.world.kit.canceled, Label::Status);
                Reason::Canceled
            }
            (_, None, _) => Reason::NoPolicy,
            (_, Some(_), None) => Reason::LaneNotMeasured,
            (_, Some(_), Some(lane)) if lane.all_exempt => Reason::Exempt,
            (Wish::Exempt, Some(_), Some(lane)) if !lane.exempt.is_empty() => return self.exempt(lane),
            (wish, Some(_), Some(lane)) => return self.measured(wish, lane),
        };
        self.name_carrier(reason == Reason::NotOnMarketplace);
        self.plain_number();
        self.scanned_at_random();
        self.parcel.truth.place = Place::Judged(reason);
    }

    fn programme(&self, rules: Option<&Rules>, lane: Option<&LanePlan>) -> u32 {
        if let Some(own) = lane.and_then(|lane| lane.programme) {
            return own;
        }
        if self.parcel.programme == NULL {
            return self.world.fixed.standard;
        }
        let name = self.world.texts.programme.text(self.parcel.programme);
        let known = rules.and_then(|rules| rules.programmes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
        known.map_or(self.world.fixed.standard, |(_, key)| *key)
    }

    fn not_on_marketplace(&mut self) -> Reason {
        self.parcel.marketplace = self.spelled(&self.world.no_markets, Label::NoMarketplace);
        let parcel = &mut self.parcel;
        let date = if parcel.promised == NEVER { parcel.shipped } else { parcel.promised };
        parcel.truth.day = date.div_euclid(86_400 * SECOND) as Day;
        parcel.truth.market = self.world.fixed.no_market;
        parcel.truth.programme = self.world.fixed.standard;
        Reason::NotOnMarketplace
    }
}
