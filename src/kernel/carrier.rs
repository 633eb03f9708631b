//! Carriers: what a typed name is taken for, and whether a number is one of theirs.
//!
//! The question is always "does it fit the declared carrier?", never "whose is it?". Names are
//! resolved once per distinct name; numbers are tried by length, the declared carrier's own shapes
//! first. All look-ups are total.

use crate::check_digit::Check;
use crate::lane::Country;
use crate::number::{Alphabet, MAX_LENGTH, Shape, Variant, place};
use crate::policy::Source;
use crate::text;
use std::collections::{HashMap, HashSet};
use unicode_script::{Script, UnicodeScript};

/// Index of a known carrier in the book; ids ascend with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CarrierId(pub u16);

/// What the carrier field of one shipment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// Nothing, or a name without any letter or digit.
    Missing,
    /// A name that the book does not know.
    Unknown,
    /// A carrier of the book.
    Known(CarrierId),
}

impl Carrier {
    /// A code for keys: 0 missing, 1 unknown, 2 and up the known ones.
    pub fn code(self) -> u16 {
        match self {
            Carrier::Missing => 0,
            Carrier::Unknown => 1,
            Carrier::Known(id) => id.0 + 2,
        }
    }

    /// The carrier of a code.
    pub fn from_code(code: u16) -> Carrier {
        match code {
            0 => Carrier::Missing,
            1 => Carrier::Unknown,
            known => Carrier::Known(CarrierId(known - 2)),
        }
    }
}

/// A name as typed, folded: all but the origin's say in bare names like `DHL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarrierName {
    meaning: Meaning,
    /// Whether the name holds a Chinese character.
    pub han: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Same(Carrier),
    /// An index into the names that mean another carrier in each country.
    ByShipFrom(u16),
}

/// A set of carriers: bits by id, and whether everything else is in it too.
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

    /// Whether a carrier is in it; unknown and missing ones only if all are.
    pub fn contains(&self, carrier: Carrier) -> bool {
        self.any || matches!(carrier, Carrier::Known(id) if self.has(id))
    }

    fn has(&self, id: CarrierId) -> bool {
        self.bits.get(usize::from(id.0 / 64)).is_some_and(|word| word >> (id.0 % 64) & 1 == 1)
    }

    /// The known carriers in it, by id.
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
    /// Whether its shapes are all there are.
    pub closed: bool,
    /// Whether its names are words of daily language, so that they mean it only as a whole.
    pub whole_name: bool,
    /// Its code in the marketplace's own list of carriers.
    pub amazon_code: Option<String>,
    /// Spellings that mean it, beside id and name.
    pub aliases: Vec<String>,
    /// Its own shapes, in the order of its file.
    pub shapes: Vec<Shape>,
    /// Where all this was read.
    pub sources: Vec<Source>,
    /// Itself, its family and its partners.
    pub(crate) friends: CarrierSet,
}

/// One variant of one shape, to be tried on numbers of its length: all it takes, side by side.
#[derive(Clone, Debug)]
struct Trial {
    carrier: u16,
    /// The shape's index among the carrier's.
    shape: u16,
    /// First and last characters that it allows, as bits; most numbers fail here.
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

/// The ends of a number as bits of [`Trial::ends`].
fn ends(number: &[u8]) -> [u64; 2] {
    [number.first(), number.last()].map(|byte| byte.map_or(0, |byte| 1 << place(*byte)))
}

/// All carriers of a book, and the indexes that make names and numbers quick.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    pub(crate) entries: Vec<Entry>,
    pub(crate) by_key: HashMap<String, KeyMeaning>,
    /// For each name that depends on the origin: the carrier in each country.
    pub(crate) by_ship_from: Vec<Vec<Carrier>>,
    /// Keys that mean something only as a whole name.
    pub(crate) whole_names: HashSet<String>,
    longest_key: usize,
    pub(crate) alphabet: Alphabet,
    /// For each carrier and length, the variants of friends that may fit, own ones first.
    friends_by_length: Vec<Vec<Vec<Trial>>>,
    /// For each length, the variants that may claim a number for their carrier.
    strict_by_length: Vec<Vec<Trial>>,
}

/// What an alias key stands for while the book is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyMeaning {
    Carrier(CarrierId),
    /// An index into the names that mean another carrier in each country.
    ByShipFrom(u16),
}

impl Carriers {
    /// Builds the indexes once all entries stand.
    pub(crate) fn prepare(&mut self) {
        let own: Vec<Vec<Trial>> =
            (0..).zip(&self.entries).map(|(carrier, entry)| self.trials(carrier, entry)).collect();
        let by_length = |trials: &mut dyn Iterator<Item = &Trial>| {
            let mut lengths = vec![Vec::new(); MAX_LENGTH + 1];
            trials.for_each(|trial| lengths[trial.variant.length()].push(trial.clone()));
            lengths
        };
        let friends = self.entries.iter().enumerate().map(|(index, entry)| {
            let others = entry.friends.ids().map(|id| usize::from(id.0)).filter(|other| *other != index);
            by_length(&mut [index].into_iter().chain(others).flat_map(|carrier| &own[carrier]))
        });
        self.friends_by_length = friends.collect();
        self.strict_by_length = by_length(&mut own.iter().flatten().filter(|trial| self.shape(trial).strict));
        self.longest_key = self.by_key.keys().map(String::len).max().unwrap_or(0);
    }

    /// Every variant of a carrier's own shapes, in their order.
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

    /// The entry of a carrier.
    pub fn entry(&self, id: CarrierId) -> &Entry {
        &self.entries[usize::from(id.0)]
    }

    /// All entries, by id.
    pub fn iter(&self) -> impl Iterator<Item = (CarrierId, &Entry)> {
        self.entries.iter().enumerate().map(|(index, entry)| (CarrierId(index as u16), entry))
    }

    /// How many carriers the book knows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the book knows none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The carrier of an id as it stands in the book.
    pub fn by_id(&self, id: &str) -> Option<CarrierId> {
        self.entries.binary_search_by(|entry| entry.id.as_str().cmp(id)).ok().map(|index| CarrierId(index as u16))
    }

    /// The name in tables: the id, `other` for an unknown name, `(none)` for a missing one.
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
            return CarrierName { meaning: Meaning::Same(Carrier::Missing), han };
        }
        let (mut key, mut meaning) = (String::new(), Meaning::Same(Carrier::Unknown));
        for (at, word) in words.iter().enumerate() {
            key.push_str(word);
            if key.len() > self.longest_key {
                break;
            }
            let is_part = at + 1 < words.len();
            match self.by_key.get(&key).filter(|_| !is_part || !self.whole_names.contains(&key)) {
                Some(KeyMeaning::Carrier(id)) => meaning = Meaning::Same(Carrier::Known(*id)),
                Some(KeyMeaning::ByShipFrom(index)) => meaning = Meaning::ByShipFrom(*index),
                None => {}
            }
        }
        CarrierName { meaning, han }
    }

    /// The carrier that a folded name means of a package that left from a country; [`Country::UNKNOWN`] gives the
    /// name's default.
    #[inline]
    pub fn in_country(&self, name: CarrierName, origin: Country) -> Carrier {
        match name.meaning {
            Meaning::Same(carrier) => carrier,
            Meaning::ByShipFrom(index) => self.by_ship_from[usize::from(index)][origin.index()],
        }
    }

    /// Whether one carrier's numbers may be printed by the other: itself, its family, its partners.
    pub fn are_friends(&self, a: CarrierId, b: CarrierId) -> bool {
        self.entry(a).friends.has(b)
    }

    fn shape(&self, trial: &Trial) -> &Shape {
        &self.entries[usize::from(trial.carrier)].shapes[usize::from(trial.shape)]
    }

    /// Whether the pattern of a trial fits.
    #[inline]
    fn has_pattern(&self, trial: &Trial, ends: [u64; 2], number: &[u8]) -> bool {
        (trial.ends[0] & ends[0] != 0) & (trial.ends[1] & ends[1] != 0) && trial.variant.matches(&self.alphabet, number)
    }

    /// Whether the pattern of a trial fits, and if so whether its check does.
    #[inline]
    fn try_it(&self, trial: &Trial, ends: [u64; 2], number: &[u8]) -> Option<bool> {
        self.has_pattern(trial, ends, number).then(|| trial.passes(number))
    }

    /// Whether the pattern of one shape fits a cleaned number, and if so whether its check passes.
    pub fn try_shape(&self, carrier: CarrierId, shape: usize, number: &[u8]) -> Option<bool> {
        let own = self.friends(carrier, number).iter().take_while(|trial| trial.carrier == carrier.0);
        let tried = own
            .filter(|trial| usize::from(trial.shape) == shape)
            .filter_map(|trial| self.try_it(trial, ends(number), number));
        tried.reduce(|one, other| one || other)
    }

    fn friends(&self, carrier: CarrierId, number: &[u8]) -> &[Trial] {
        let of_carrier = self.friends_by_length.get(usize::from(carrier.0));
        of_carrier.and_then(|lengths| lengths.get(number.len())).map_or(&[], Vec::as_slice)
    }

    /// Whether any shape of the carrier, its family or its partners fits: pattern, and the check
    /// where it is hard.
    #[inline]
    pub fn fits(&self, carrier: CarrierId, number: &[u8]) -> bool {
        let ends = ends(number);
        let mut friends = self.friends(carrier, number).iter();
        friends.any(|trial| self.has_pattern(trial, ends, number) && (!trial.hard || trial.passes(number)))
    }

    /// The shape of the carrier, its family or its partners that the number has with a right check,
    /// hard or not; own shapes first.
    pub fn well_formed(&self, carrier: CarrierId, number: &[u8]) -> Option<&Shape> {
        let ends = ends(number);
        let mut friends = self.friends(carrier, number).iter();
        friends.find(|trial| self.try_it(trial, ends, number) == Some(true)).map(|trial| self.shape(trial))
    }

    /// The first of the carrier's own shapes, in the order of its file, whose pattern fits: its index.
    pub fn own_pattern(&self, carrier: CarrierId, number: &[u8]) -> Option<usize> {
        let ends = ends(number);
        let own = self.friends(carrier, number).iter().take_while(|trial| trial.carrier == carrier.0);
        own.filter(|trial| self.has_pattern(trial, ends, number)).map(|trial| usize::from(trial.shape)).min()
    }

    /// Whether the number opens like one of the carrier's own strict shapes.
    pub fn opens_like_own_signature(&self, carrier: CarrierId, number: &[u8]) -> bool {
        let mut shapes = self.entry(carrier).shapes.iter();
        shapes.any(|shape| shape.strict && !shape.prefix.is_empty() && number.starts_with(shape.prefix.as_bytes()))
    }

    /// The carrier that the number certainly belongs to, and its shape's index, if that is neither
    /// the declared one nor of its family or partners. If any that matches is a friend: `None`.
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

    /// Every strict signature that the number matches, for explanations.
    pub fn signatures<'a>(&'a self, number: &'a [u8]) -> impl Iterator<Item = (CarrierId, &'a Shape)> {
        let matching =
            self.strict(number).iter().filter(|trial| self.try_it(trial, ends(number), number) == Some(true));
        matching.map(|trial| (CarrierId(trial.carrier), self.shape(trial)))
    }
}
