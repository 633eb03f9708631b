//! Recipes: the fields that make a package end in its intended place.
//!
//! There is one recipe per rung, in the order of the ladder, because an earlier rung takes packages meant for a
//! later one. If a recipe does not fit the carrier or the lane, a plainer one is used, and the returned reason is
//! that of the recipe used. This module must not ask the kernel.

use super::carriers::{self, Foreign, POOL, SIGNED};
use super::habits::Label;
use super::labels::NULL;
use super::numbers::{Digit, Form, Text, typed};
use super::package::{Choice, Making, NEVER, Place};
use super::sellers::Wish;
use super::world::{CarrierBits, DAY, ExemptRecipe, HOUR, LanePlan, RefuseRecipe, RouteKind, SECOND, ScanPlan};
use vtr_kernel::Reason;
use vtr_kernel::lane::Otherwise;

/// The least value of a package, in hundredths; a value of zero counts as unknown.
pub(super) const LEAST: i64 = 1;

impl Making<'_> {
    pub(super) fn exempt(&mut self, lane: &LanePlan) {
        let (first, count) = (self.dice.below(lane.exempt.len() as u64) as usize, lane.exempt.len());
        let recipes = (0..count).map(|next| &lane.exempt[(first + next) % count]);
        let Some((recipe, choice)) = recipes.into_iter().find_map(|recipe| Some((recipe, self.fitting(recipe)?)))
        else {
            return self.measured(Wish::Exempt, lane);
        };
        self.follow(recipe, choice);
        if let Some((limit, currency)) = recipe.below {
            // The last cent below the limit must occur too.
            let under = if self.dice.below(10) == 0 { 1 } else { 1 + self.dice.below(limit as u64 * 3 / 4) as i64 };
            self.parcel.value = Some((limit - under).max(LEAST));
            self.set_currency(currency);
            if self.converts && currency != self.market.currency && self.dice.below(2) == 0 {
                // The value is in the store's own currency, and well below the limit at any rate, so that it is
                // exempt only if the job has rates.
                self.parcel.value = Some(((limit / 2 - under / 4) * self.market.cents_per_euro / 100).max(LEAST));
                self.parcel.currency = self.market.currency;
            }
        }
        self.name_carrier(false);
        match self.dice.below(3) {
            0 => {}
            1 => self.parcel.tracking = Some(Text::of(self.dice.pick::<&str>(&carriers::FILLERS))),
            _ => self.plain_number(),
        }
        self.scanned_at_random();
        self.parcel.truth.place = Place::Judged(Reason::Exempt);
    }

    /// Sets the carrier, service and label for which a recipe asks.
    fn follow(&mut self, recipe: &ExemptRecipe, choice: Choice) {
        if !recipe.services.is_empty() {
            self.parcel.service = self.spelled(&recipe.services, Label::Service);
        }
        if let Some(bought) = recipe.buy_shipping {
            self.parcel.buy_shipping = Some(bought);
        }
        self.choice = choice;
    }

    /// Returns a carrier that fits a recipe, the drawn one if it does; `None` if a seller with habits has none.
    fn fitting(&self, recipe: &ExemptRecipe) -> Option<Choice> {
        let Some(bits) = recipe.carriers else { return Some(self.choice) };
        let fits = |choice: Choice| match choice {
            Choice::Known(index) => has(bits, index),
            Choice::Unknown => recipe.unknown_too,
        };
        if fits(self.choice) {
            return Some(self.choice);
        }
        if let Some(custom) = &self.seller.custom {
            return custom.carriers.iter().copied().find(|choice| fits(*choice));
        }
        let at_home = self.market.at_home.iter().map(|(index, _)| *index).find(|index| has(bits, *index));
        let any = (0..POOL.len() as u8).find(|index| has(bits, *index));
        Some(match (at_home, recipe.unknown_too, any) {
            (Some(index), ..) | (None, false, Some(index)) => Choice::Known(index),
            _ => Choice::Unknown,
        })
    }

    fn set_currency(&mut self, currency: u32) {
        if currency != self.market.currency || self.parcel.currency != NULL {
            self.parcel.currency = currency;
        }
    }

    /// Makes a package that counts, or whose carrier does not count.
    pub(super) fn measured(&mut self, wish: Wish, lane: &LanePlan) {
        let needed = self.price(lane);
        self.nearly_exempt(lane);
        let needed = self.needed(lane).unwrap_or(needed);
        let reason = self.fault(wish, lane, needed);
        self.parcel.truth.place = Place::Judged(reason);
    }

    /// Sets a value that no exemption takes, on either side of a split; returns the scans that it requires.
    fn price(&mut self, lane: &LanePlan) -> u8 {
        let dice = &mut self.dice;
        if let ScanPlan::Split { below, .. } = lane.scans {
            self.parcel.value = match dice.below(20) {
                0..=4 if lane.floor == 0 => Some((dice.below(below as u64) as i64).max(LEAST)),
                5 => Some(below.max(lane.floor)),
                6 if lane.floor == 0 => None,
                _ => self.parcel.value.map(|value| value.max(below)),
            };
        }
        if lane.floor == 0 {
            if dice.below(60) == 0 {
                self.parcel.value = None;
            }
        } else {
            let at_limit = dice.below(40) == 0;
            let nothing = dice.below(60) == 0;
            let value = self.parcel.value.map(|value| if at_limit { lane.floor } else { value.max(lane.floor) });
            self.parcel.value = value.filter(|_| !nothing);
        }
        self.needed(lane).unwrap_or(1)
    }

    fn needed(&self, lane: &LanePlan) -> Option<u8> {
        Some(match (lane.scans, self.parcel.value) {
            (ScanPlan::Always(count), _) => count,
            (ScanPlan::Split { below, then, .. }, Some(value)) if value < below => then,
            (ScanPlan::Split { otherwise, .. }, Some(_)) => otherwise,
            (ScanPlan::Split { then, otherwise, .. }, None) => then.max(otherwise),
        })
    }

    /// Occasionally makes a package that misses an exemption by a cent or by its label.
    fn nearly_exempt(&mut self, lane: &LanePlan) {
        let [recipe] = lane.exempt.as_slice() else { return };
        let foreign = recipe.below.is_some_and(|(_, currency)| currency != self.market.currency);
        if recipe.services.is_empty() || !self.dice.hits(60) || foreign && !matches!(lane.scans, ScanPlan::Always(_)) {
            return;
        }
        let Some(choice) = self.fitting(recipe) else { return };
        match (recipe.below, recipe.buy_shipping) {
            (Some((limit, currency)), _) => {
                self.follow(recipe, choice);
                self.parcel.value = Some(limit + self.dice.below(3) as i64 * 499);
                self.set_currency(currency);
            }
            (None, Some(bought)) => {
                self.follow(recipe, choice);
                self.parcel.buy_shipping = Some(!bought);
            }
            (None, None) => {}
        }
    }

    /// Rungs 7 to 19: returns the reason to which the wish leads on this lane, and sets the fields that cause it.
    fn fault(&mut self, wish: Wish, lane: &LanePlan, needed: u8) -> Reason {
        match wish {
            Wish::Missing => {
                self.name_carrier(false);
                let blank = *self.dice.pick(&carriers::BLANKS);
                self.parcel.tracking = (!blank.is_empty()).then(|| Text::of(blank));
                self.scanned_at_random();
                return Reason::TrackingMissing;
            }
            Wish::Filler => {
                self.name_carrier(false);
                self.filler();
                self.scanned_at_random();
                return Reason::TrackingPlaceholder;
            }
            Wish::CarrierMissing => {
                self.plain_number();
                let null = self.dice.below(2) == 0;
                let blank = if null { NULL } else { self.spelled(&self.world.kit.blank_carriers, Label::NoCarrier) };
                self.parcel.carrier = blank;
                self.parcel.truth.carrier = self.world.fixed.no_carrier;
                self.scanned_at_random();
                return Reason::CarrierMissing;
            }
            Wish::Refused if !lane.refuse.is_empty() => {
                if let Some(reason) = self.refused(lane) {
                    return reason;
                }
            }
            _ => {}
        }
        self.name_carrier(false);
        if let Some(reason) = self.not_integrated(lane) {
            self.plain_number();
            self.scanned_at_random();
            return reason;
        }
        if self.is_chinese() && lane.refuse.contains(&RefuseRecipe::Chinese) {
            self.plain_number();
            self.scanned_at_random();
            return Reason::NumberRefused;
        }
        self.number_or_scan_fault(wish, lane, needed)
    }

    fn number_or_scan_fault(&mut self, wish: Wish, lane: &LanePlan, needed: u8) -> Reason {
        let known = match self.choice {
            Choice::Known(index) => Some(index),
            Choice::Unknown => None,
        };
        // A number that may be refused must keep its form.
        let free = known.filter(|index| {
            !lane
                .refuse
                .iter()
                .any(|refusal| matches!(refusal, RefuseRecipe::NotEndingInCn(bits) if has(*bits, *index)))
        });
        match wish {
            Wish::Mismatch if free.is_some_and(|index| self.foreign_number(index)) => {
                self.scanned_at_random();
                Reason::CarrierMismatch
            }
            Wish::Late => {
                self.plain_number();
                self.scan(2);
                self.parcel.added = self.parcel.delivery + (1 + self.dice.below(2 * DAY)) as i64 * SECOND;
                Reason::AddedAfterDelivery
            }
            Wish::Malformed if free.is_some_and(|index| self.malformed_number(index)) => {
                let seen = self.dice.below(u64::from(needed)) as u8;
                self.scan(seen);
                Reason::NumberMalformed
            }
            Wish::WrongDigit if known.is_some_and(|index| self.wrong_digit(index)) => {
                let seen = self.dice.below(u64::from(needed)) as u8;
                self.scan(seen);
                Reason::CheckDigitFailed
            }
            Wish::DeliveryMissing if needed == 2 => {
                self.plain_number();
                self.scan(1);
                Reason::DeliveryScanMissing
            }
            Wish::ScanMissing | Wish::Mismatch | Wish::Malformed | Wish::WrongDigit => {
                self.plain_number();
                Reason::ScanMissing
            }
            _ => self.fine(free, needed),
        }
    }

    /// Makes a package that is scanned as required, occasionally with an implausible number.
    fn fine(&mut self, free: Option<u8>, needed: u8) -> Reason {
        let odd = self.dice.below(200);
        let done = match free {
            Some(index) if odd == 0 => self.malformed_number(index),
            Some(index) if odd == 1 => self.wrong_digit(index),
            _ => false,
        };
        if !done {
            self.plain_number();
        }
        let seen = if needed < 2 && self.dice.below(12) == 0 { 1 } else { 2 };
        self.scan(seen);
        if odd == 2 && self.parcel.delivery != NEVER {
            self.parcel.added = self.parcel.delivery; // given at the very moment of delivery: not late
        }
        Reason::Scanned
    }

    fn not_integrated(&self, lane: &LanePlan) -> Option<Reason> {
        let (bits, otherwise) = lane.integrated?;
        match (self.choice, otherwise) {
            (Choice::Known(index), _) if has(bits, index) => None,
            (_, Otherwise::NotMeasured) => Some(Reason::CarrierNotMeasured),
            (_, Otherwise::NotAccepted) => Some(Reason::CarrierNotAccepted),
        }
    }

    fn refused(&mut self, lane: &LanePlan) -> Option<Reason> {
        let counts = |index: u8| lane.integrated.is_none_or(|(bits, _)| has(bits, index));
        match *self.dice.pick(&lane.refuse) {
            // A seller with habits types such names on every row or on none.
            RefuseRecipe::Chinese if self.seller.custom.is_some() => return None,
            RefuseRecipe::Chinese => {
                let (key, index) = *self.dice.pick(&self.world.chinese_carriers);
                self.choice = Choice::Known(index);
                self.plain_number();
                self.parcel.carrier = key;
                self.parcel.truth.carrier = self.world.carrier_labels[usize::from(index)];
                if !counts(index) {
                    return None;
                }
            }
            RefuseRecipe::NotEndingInCn(bits) => {
                let fits = |index: &u8| has(bits, *index) && counts(*index) && self.ships_with(*index);
                let index = (0..POOL.len() as u8).find(fits)?;
                self.choice = Choice::Known(index);
                self.name_carrier(false);
                let form = Form {
                    template: if self.dice.below(2) == 0 { "1146#########" } else { "LB46######HK" },
                    digit: Digit::Free,
                };
                self.parcel.tracking = Some(form.write(&mut self.dice, false));
            }
        }
        self.scanned_at_random();
        Some(Reason::NumberRefused)
    }

    /// Writes the carrier's name. Outside marketplaces, and for packages from elsewhere, no local spelling is used.
    pub(super) fn name_carrier(&mut self, anywhere: bool) {
        let world = self.world;
        let anywhere = anywhere || self.market.routes[self.route].kind != RouteKind::Home;
        match self.choice {
            Choice::Known(index) => {
                let own = self.own_spelling(index);
                let index = usize::from(index);
                self.parcel.truth.carrier = world.carrier_labels[index];
                if let Some(own) = own {
                    self.parcel.carrier = own;
                    return;
                }
                let spellings = self.market.spellings[index].as_slice();
                let spellings =
                    if anywhere { &spellings[spellings.len() - POOL[index].spellings.len()..] } else { spellings };
                let way = if self.dice.below(12) == 0 { self.dice.bits() as u32 } else { self.seller.habit >> 3 };
                self.parcel.carrier = spellings[way as usize % spellings.len()];
            }
            Choice::Unknown => {
                self.parcel.carrier = self.spelled(&world.unknown_carriers, Label::UnknownCarrier);
                self.parcel.truth.carrier = world.fixed.other;
            }
        }
    }

    /// Sets a number as its carrier prints it, or occasionally as people type it.
    pub(super) fn plain_number(&mut self) {
        const ANY: Form = Form { template: "K46########", digit: Digit::Free };
        let form = match self.choice {
            Choice::Known(index) => {
                let forms = POOL[usize::from(index)].forms;
                if forms.len() > 1 && self.dice.below(4) == 0 { forms[1] } else { forms[0] }
            }
            Choice::Unknown => ANY,
        };
        let number = form.write(&mut self.dice, false);
        let number = if self.dice.below(32) == 0 { typed(&number, &mut self.dice) } else { number };
        self.parcel.tracking = Some(number);
    }

    fn filler(&mut self) {
        let mut text = match self.dice.below(6) {
            0 | 1 => self.parcel.order,
            _ => Text::of(self.dice.pick::<&str>(&carriers::FILLERS)),
        };
        if text.bytes() == self.parcel.order.bytes() && self.dice.below(2) == 0 {
            text.push_str("-InvalidId");
        }
        self.parcel.tracking = Some(text);
    }

    fn foreign_number(&mut self, index: u8) -> bool {
        let usable = match POOL[usize::from(index)].foreign {
            Foreign::None => return false,
            Foreign::Lettered => SIGNED.len() - 1,
            Foreign::Any => SIGNED.len(),
        };
        let drawn = self.dice.below(usable as u64) as usize;
        let drawn = if self.world.signed[drawn] == index { (drawn + 1) % usable } else { drawn };
        self.parcel.tracking = Some(SIGNED[drawn].1.write(&mut self.dice, false));
        true
    }

    fn malformed_number(&mut self, index: u8) -> bool {
        let Some(template) = POOL[usize::from(index)].malformed else { return false };
        let form = Form { template, digit: Digit::Free };
        self.parcel.tracking = Some(form.write(&mut self.dice, false));
        true
    }

    fn wrong_digit(&mut self, index: u8) -> bool {
        let known = &POOL[usize::from(index)];
        if known.hard {
            self.parcel.tracking = Some(known.forms[0].write(&mut self.dice, true));
        }
        known.hard
    }

    /// Sets this many scans.
    fn scan(&mut self, count: u8) {
        let dice = &mut self.dice;
        let picked_up = self.left + (2 * HOUR + dice.below(30 * HOUR)) as i64 * SECOND;
        let delivered = picked_up + (12 * HOUR + dice.below(12 * DAY)) as i64 * SECOND;
        let (first, delivery) = match count {
            0 => (false, false),
            1 => [(true, false), (false, true)][dice.below(2) as usize],
            _ => (true, true),
        };
        self.parcel.first_scan = if first { picked_up } else { NEVER };
        self.parcel.delivery = if delivery { delivered } else { NEVER };
    }

    pub(super) fn scanned_at_random(&mut self) {
        let count = [2, 2, 2, 1, 0][self.dice.below(5) as usize];
        self.scan(count);
    }
}

fn has(bits: CarrierBits, index: u8) -> bool {
    bits >> index & 1 == 1
}
