//! Carriers: which carrier a typed name means, and whether a number is one of that carrier's.
//!
//! The question is always "does it fit the declared carrier?", never "whose is it?". A name is resolved once per
//! distinct name. Shapes are tried by the number's length, the declared carrier's own shapes first. All look-ups
//! are total.

use crate::check_digit::Check;
use crate::lane::Country;
use crate::number::{Alphabet, MAX_LENGTH, Shape, Variant, place};
use crate::policy::Source;
use crate::text;
use std::collections::{HashMap, HashSet};
use unicode_script::{Script, UnicodeScript};

/// The index of a known carrier in the book; ids ascend with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CarrierId(pub u16);

/// The meaning of the carrier field of one shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// The field is empty, or its name has no letter or digit.
    Missing,
    /// The book does not list the name.
    Unknown,
    /// The name means a carrier of the book.
    Known(CarrierId),
}

impl Carrier {
    /// Returns the code for keys: 0 for missing, 1 for unknown, 2 and up for the known ones.
    pub fn code(self) -> u16 {
        match self {
            Carrier::Missing => 0,
            Carrier::Unknown => 1,
            Carrier::Known(id) => id.0 + 2,
        }
    }

    /// Returns the carrier of a code.
    pub fn from_code(code: u16) -> Carrier {
        match code {
            0 => Carrier::Missing,
            1 => Carrier::Unknown,
            known => Carrier::Known(CarrierId(known - 2)),
        }
    }
}

/// A folded name. The origin decides which carrier a bare name such as `DHL` means, and is not applied yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarrierName {
    meaning: NameMeaning,
    /// Whether the name holds a Chinese character.
    pub han: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameMeaning {
    Same(Carrier),
    /// An index into the names that mean a different carrier in each country.
    ByShipFrom(u16),
}

/// A set of carriers: one bit per id, and whether every other carrier is in it too.
#[derive(Clone, Debug, Default)]
pub struct CarrierSet {
    pub(crate) bits: Vec<u64>,
    pub(crate) any: bool,
}

impl CarrierSet {
    pub(crate) fn insert(&mut self, id: CarrierId) {
        let word = usize::from(id.0 / 64);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (id.0 % 64);
    }

    /// Adds all of another set.
    pub(crate) fn extend(&mut self, other: &CarrierSet) {
        self.any |= other.any;
        other.ids().for_each(|id| self.insert(id));
    }

    /// Returns whether a carrier is in the set; unknown and missing carriers are in it only if all are.
    pub fn contains(&self, carrier: Carrier) -> bool {
        self.any || matches!(carrier, Carrier::Known(id) if self.has(id))
    }

    fn has(&self, id: CarrierId) -> bool {
        self.bits.get(usize::from(id.0 / 64)).is_some_and(|word| word >> (id.0 % 64) & 1 == 1)
    }

    /// Returns the known carriers of the set, by id.
    pub fn ids(&self) -> impl Iterator<Item = CarrierId> + '_ {
        let words = self.bits.iter().enumerate();
        words.flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| CarrierId((word * 64 + bit) as u16))
        })
    }
}

/// One carrier of the book.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id, as in every table.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// The family it belongs to.
    pub family: Option<String>,
    /// Whether its shapes are complete: it has no other form of number.
    pub closed: bool,
    /// Whether its names are words of everyday language, so that a name must match as a whole.
    pub whole_name: bool,
    /// Its code in the marketplace's own list of carriers.
    pub amazon_code: Option<String>,
    /// Spellings that mean it, beside its id and name.
    pub aliases: Vec<String>,
    /// Its own shapes, in the order of its file.
    pub shapes: Vec<Shape>,
    /// The sources of all this.
    pub sources: Vec<Source>,
    /// The carrier itself, its family and its partners.
    pub(crate) friends: CarrierSet,
}

/// One variant of one shape, tried on numbers of its length, with everything that a trial needs side by side.
#[derive(Clone, Debug)]
struct Trial {
    carrier: u16,
    /// The shape's index among the carrier's shapes.
    shape: u16,
    /// The first and last characters that it allows, as bits; most numbers fail here.
    ends: [u64; 2],
    variant: Variant,
    check: Check,
    hard: bool,
}

impl Trial {
    fn passes(&self, number: &[u8]) -> bool {
        self.check.passes(self.variant.part(number))
    }
}

/// The trials of every carrier and length in one list, so that one look-up leads to them.
#[derive(Clone, Debug, Default)]
struct TrialTable {
    all: Vec<Trial>,
    /// For each carrier, and in it for each length, the end of its trials, which is the beginning of the next ones; the
    /// first one is 0.
    ends: Vec<u32>,
}

impl TrialTable {
    /// Adds the next carrier, with its trials by length.
    fn push(&mut self, by_length: Vec<Vec<Trial>>) {
        if self.ends.is_empty() {
            self.ends.push(0);
        }
        for trials in by_length {
            self.all.extend(trials);
            self.ends.push(self.all.len() as u32);
        }
    }

    #[inline]
    fn of(&self, carrier: CarrierId, length: usize) -> &[Trial] {
        if length > MAX_LENGTH {
            return &[];
        }
        let at = usize::from(carrier.0) * (MAX_LENGTH + 1) + length;
        match self.ends.get(at..at + 2) {
            Some(&[first, end]) => self.all.get(first as usize..end as usize).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// Returns the ends of a number as bits of [`Trial::ends`].
fn ends(number: &[u8]) -> [u64; 2] {
    [number.first(), number.last()].map(|byte| byte.map_or(0, |byte| 1 << place(*byte)))
}

/// All carriers of a book, with the indexes that make look-ups of names and numbers fast.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    pub(crate) entries: Vec<Entry>,
    pub(crate) by_key: HashMap<String, KeyMeaning>,
    /// The carrier in each country, for each name that depends on the origin.
    pub(crate) by_ship_from: Vec<Vec<Carrier>>,
    /// Keys that match only as a whole name.
    pub(crate) whole_names: HashSet<String>,
    longest_key: usize,
    pub(crate) alphabet: Alphabet,
    /// The friends' variants that may fit, by carrier and length, the carrier's own first.
    friends: TrialTable,
    /// The variants that may claim a number for their carrier, by length.
    strict_by_length: Vec<Vec<Trial>>,
}

/// The meaning of an alias key while the book is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyMeaning {
    Carrier(CarrierId),
    /// An index into the names that mean a different carrier in each country.
    ByShipFrom(u16),
}

impl Carriers {
    /// Builds the indexes once all entries are added.
    pub(crate) fn prepare(&mut self) {
        let own: Vec<Vec<Trial>> =
            (0..).zip(&self.entries).map(|(carrier, entry)| self.trials(carrier, entry)).collect();
        let by_length = |trials: &mut dyn Iterator<Item = &Trial>| {
            let mut lengths = vec![Vec::new(); MAX_LENGTH + 1];
            trials.for_each(|trial| lengths[trial.variant.length()].push(trial.clone()));
            lengths
        };
        self.friends = TrialTable::default();
        for (index, entry) in self.entries.iter().enumerate() {
            let others = entry.friends.ids().map(|id| usize::from(id.0)).filter(|other| *other != index);
            self.friends.push(by_length(&mut [index].into_iter().chain(others).flat_map(|carrier| &own[carrier])));
        }
        self.strict_by_length = by_length(&mut own.iter().flatten().filter(|trial| self.shape(trial).strict));
        self.longest_key = self.by_key.keys().map(String::len).max().unwrap_or(0);
    }

    /// Returns every variant of a carrier's own shapes, in their order.
    fn trials(&self, carrier: u16, entry: &Entry) -> Vec<Trial> {
        let shapes = (0..).zip(&entry.shapes);
        let variants =
            shapes.flat_map(|(index, shape)| shape.variants.iter().map(move |variant| (index, shape, variant)));
        let trial = |(index, shape, variant): (u16, &Shape, &Variant)| Trial {
            carrier,
            shape: index,
            ends: variant.ends(&self.alphabet),
            variant: variant.clone(),
            check: shape.check,
            hard: shape.hard,
        };
        variants.map(trial).collect()
    }

    /// Returns the entry of a carrier.
    pub fn entry(&self, id: CarrierId) -> &Entry {
        &self.entries[usize::from(id.0)]
    }

    /// Returns all entries, by id.
    pub fn iter(&self) -> impl Iterator<Item = (CarrierId, &Entry)> {
        self.entries.iter().enumerate().map(|(index, entry)| (CarrierId(index as u16), entry))
    }

    /// Returns the number of carriers in the book.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether the book has no carrier.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the carrier of an id that is spelled as in the book.
    pub fn by_id(&self, id: &str) -> Option<CarrierId> {
        self.entries.binary_search_by(|entry| entry.id.as_str().cmp(id)).ok().map(|index| CarrierId(index as u16))
    }

    /// Returns the name in tables: the id, `other` for an unknown name, `(none)` for a missing one.
    pub fn label(&self, carrier: Carrier) -> &str {
        match carrier {
            Carrier::Missing => "(none)",
            Carrier::Unknown => "other",
            Carrier::Known(id) => &self.entry(id).id,
        }
    }

    /// Folds a name as typed: the longest run of its first words that is a known key decides.
    pub fn resolve(&self, name: Option<&str>) -> CarrierName {
        let name = name.unwrap_or_default();
        let han = name.chars().any(|c| c.script() == Script::Han);
        let words = text::words(name);
        if words.is_empty() {
            return CarrierName { meaning: NameMeaning::Same(Carrier::Missing), han };
        }
        let (mut key, mut meaning) = (String::new(), NameMeaning::Same(Carrier::Unknown));
        for (at, word) in words.iter().enumerate() {
            key.push_str(word);
            if key.len() > self.longest_key {
                break;
            }
            let is_part = at + 1 < words.len();
            match self.by_key.get(&key).filter(|_| !is_part || !self.whole_names.contains(&key)) {
                Some(KeyMeaning::Carrier(id)) => meaning = NameMeaning::Same(Carrier::Known(*id)),
                Some(KeyMeaning::ByShipFrom(index)) => meaning = NameMeaning::ByShipFrom(*index),
                None => {}
            }
        }
        CarrierName { meaning, han }
    }

    /// Returns the carrier that a folded name means for a package that left from a country; [`Country::UNKNOWN`]
    /// gives the name's default.
    #[inline]
    pub fn in_country(&self, name: CarrierName, origin: Country) -> Carrier {
        match name.meaning {
            NameMeaning::Same(carrier) => carrier,
            NameMeaning::ByShipFrom(index) => self.by_ship_from[usize::from(index)][origin.index()],
        }
    }

    /// Returns whether either carrier may print the other's numbers: itself, its family, its partners.
    pub fn are_friends(&self, a: CarrierId, b: CarrierId) -> bool {
        self.entry(a).friends.has(b)
    }

    fn shape(&self, trial: &Trial) -> &Shape {
        &self.entries[usize::from(trial.carrier)].shapes[usize::from(trial.shape)]
    }

    /// Returns whether the pattern of a trial fits.
    #[inline]
    fn has_pattern(&self, trial: &Trial, ends: [u64; 2], number: &[u8]) -> bool {
        (trial.ends[0] & ends[0] != 0) & (trial.ends[1] & ends[1] != 0) && trial.variant.matches(&self.alphabet, number)
    }

    /// Returns whether the check passes; `None` if the pattern of the trial does not fit.
    #[inline]
    fn try_it(&self, trial: &Trial, ends: [u64; 2], number: &[u8]) -> Option<bool> {
        self.has_pattern(trial, ends, number).then(|| trial.passes(number))
    }

    /// Returns whether the check of one shape passes on a cleaned number; `None` if its pattern does not fit.
    pub fn try_shape(&self, carrier: CarrierId, shape: usize, number: &[u8]) -> Option<bool> {
        let own = self.friends(carrier, number).iter().take_while(|trial| trial.carrier == carrier.0);
        let tried = own
            .filter(|trial| usize::from(trial.shape) == shape)
            .filter_map(|trial| self.try_it(trial, ends(number), number));
        tried.reduce(|one, other| one || other)
    }

    fn friends(&self, carrier: CarrierId, number: &[u8]) -> &[Trial] {
        self.friends.of(carrier, number.len())
    }

    /// Returns whether any shape of the carrier, its family or its partners fits: the pattern must match, and a
    /// hard check must pass.
    #[inline]
    pub fn fits(&self, carrier: CarrierId, number: &[u8]) -> bool {
        let ends = ends(number);
        let mut friends = self.friends(carrier, number).iter();
        friends.any(|trial| self.has_pattern(trial, ends, number) && (!trial.hard || trial.passes(number)))
    }

    /// Returns the shape of the carrier, its family or its partners whose pattern matches and whose check passes,
    /// hard or not; the carrier's own shapes are tried first.
    pub fn well_formed(&self, carrier: CarrierId, number: &[u8]) -> Option<&Shape> {
        let ends = ends(number);
        let mut friends = self.friends(carrier, number).iter();
        friends.find(|trial| self.try_it(trial, ends, number) == Some(true)).map(|trial| self.shape(trial))
    }

    /// Returns the index of the first of the carrier's own shapes, in the order of its file, whose pattern fits.
    pub fn own_pattern(&self, carrier: CarrierId, number: &[u8]) -> Option<usize> {
        let ends = ends(number);
        let own = self.friends(carrier, number).iter().take_while(|trial| trial.carrier == carrier.0);
        own.filter(|trial| self.has_pattern(trial, ends, number)).map(|trial| usize::from(trial.shape)).min()
    }

    /// Returns whether the number begins like one of the carrier's own strict shapes.
    pub fn opens_like_own_signature(&self, carrier: CarrierId, number: &[u8]) -> bool {
        let mut shapes = self.entry(carrier).shapes.iter();
        shapes.any(|shape| shape.strict && !shape.prefix.is_empty() && number.starts_with(shape.prefix.as_bytes()))
    }

    /// Returns the carrier to which the number certainly belongs, with its shape's index, if that carrier is
    /// neither the declared one nor of its family or partners. If any matching carrier is a friend: `None`.
    pub fn strict_owner(&self, declared: CarrierId, number: &[u8]) -> Option<(CarrierId, usize)> {
        let mut owner = None;
        for trial in self.strict(number) {
            if self.try_it(trial, ends(number), number) == Some(true) {
                let carrier = CarrierId(trial.carrier);
                if self.are_friends(declared, carrier) {
                    return None;
                }
                owner = owner.or(Some((carrier, usize::from(trial.shape))));
            }
        }
        owner
    }

    fn strict(&self, number: &[u8]) -> &[Trial] {
        self.strict_by_length.get(number.len()).map_or(&[], Vec::as_slice)
    }

    /// Returns every strict signature that the number matches, for explanations.
    pub fn signatures<'a>(&'a self, number: &'a [u8]) -> impl Iterator<Item = (CarrierId, &'a Shape)> {
        let matching =
            self.strict(number).iter().filter(|trial| self.try_it(trial, ends(number), number) == Some(true));
        matching.map(|trial| (CarrierId(trial.carrier), self.shape(trial)))
    }
}
