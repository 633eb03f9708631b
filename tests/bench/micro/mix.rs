//! A realistic mix of tracking numbers and the carriers that sellers declared for them.
//!
//! Carriers, forms and their shares follow the output of `vtr gen`; check digits are found with the book. A fixed
//! share is wrong, in each of the ways in which numbers go wrong.

use vtr_kernel::Book;
use vtr_kernel::carrier::{Carrier, CarrierId};
use vtr_kernel::number::clean_into;
use vtr_kernel::policy::Marketplace;

/// A number and its declared carrier.
pub struct Typed {
    /// The marketplace on which it was sold.
    pub marketplace: Marketplace,
    /// The carrier's name as typed.
    pub name: &'static str,
    /// The carrier that the name means there.
    pub carrier: CarrierId,
    /// The number as typed.
    pub number: String,
    /// The number cleaned.
    pub cleaned: String,
}

/// Marketplace, carrier as typed, template, share. In a template `#` is any digit, `@` any letter, `!` a digit with
/// which the number fits the carrier; every other character is literal.
type Form = (&'static str, &'static str, &'static str, usize);

const FORMS: [Form; 31] = [
    ("US", "USPS", "940014###############!", 90),
    ("US", "usps", "92055################!", 20),
    ("US", "UPS", "1Z@##@##03#######!", 110),
    ("US", "UPS Ground", "1Z@##@##03#######!", 50),
    ("US", "Fed Ex", "79#########!", 60),
    ("US", "FedEx Ground", "79#########!", 60),
    ("AE", "Aramex", "46#########", 60),
    ("AU", "Eparcel", "LX########!AU", 40),
    ("BR", "Correios", "AA########!BR", 15),
    ("DE", "DHL", "003404#############!", 70),
    ("DE", "DHL Päckchen", "003404#############!", 40),
    ("DE", "DPD Germany", "0146##########", 40),
    ("DE", "GLS Germany", "463########", 30),
    ("DE", "Hermes Versand", "0246##########", 40),
    ("DE", "Yanwen Economic", "UM########!YP", 30),
    ("ES", "Seur", "0468#####", 20),
    ("FR", "Chrono", "XY########!FR", 20),
    ("FR", "MONDIAL RELAY", "468#####", 20),
    ("FR", "So Colissimo", "6A46#########", 30),
    ("GB", "CHINA POST", "LB########!CN", 30),
    ("GB", "DHL EXPRESS", "46########", 30),
    ("GB", "DPD", "0146##########", 30),
    ("GB", "RM24", "RY########!GB", 30),
    ("GB", "royal mail", "RE########!GB", 60),
    ("IT", "BRT", "0465########", 20),
    ("JP", "JP Post", "EN########!JP", 30),
    ("JP", "Yamato Japan", "46#########!", 50),
    ("NL", "PostNL Domestic", "RS########!NL", 25),
    ("PL", "INPOST", "6146####################", 60),
    ("US", "4px", "4PX304##########CN", 40),
    ("US", "YunTu", "YT24##############", 60),
];

/// Texts that are no tracking number.
const FILLERS: [&str; 4] = ["N/A", "000000000000", "shipped", "123456789"];

/// The number of numbers: more than a branch predictor can memorise.
pub const NUMBERS: usize = 16_384;

/// The fault of a number.
enum Fault {
    None,
    /// Its check digit, if it has one, is wrong.
    Digit,
    /// It is a right number of another carrier's form.
    Foreign,
    /// Its first two characters are missing.
    Cut,
    /// It is replaced by a filler.
    Filler,
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize * limit) >> 31
    }

    /// Returns an index, drawn by shares.
    fn by_share(&mut self, shares: impl Iterator<Item = usize> + Clone) -> usize {
        let mut at = self.below(shares.clone().sum());
        for (index, share) in shares.enumerate() {
            if at < share {
                return index;
            }
            at -= share;
        }
        unreachable!("the throw is below the sum of the shares")
    }

    fn form(&mut self) -> &'static Form {
        &FORMS[self.by_share(FORMS.iter().map(|(.., share)| *share))]
    }

    fn fault(&mut self) -> Fault {
        match self.by_share([90, 3, 3, 2, 2].into_iter()) {
            0 => Fault::None,
            1 => Fault::Digit,
            2 => Fault::Foreign,
            3 => Fault::Cut,
            _ => Fault::Filler,
        }
    }

    fn fill(&mut self, template: &str) -> String {
        let place = |c: char| match c {
            '#' => char::from(b'0' + self.below(10) as u8),
            '@' => char::from(b'A' + self.below(26) as u8),
            other => other,
        };
        template.chars().map(place).collect()
    }
}

/// Returns the mix, in random order.
///
/// # Panics
/// If the book lacks one of the carriers, or if no digit makes one of the forms fit.
pub fn mix(book: &Book) -> Vec<Typed> {
    let mut dice = Dice(7);
    (0..NUMBERS).map(|_| one(book, &mut dice)).collect()
}

fn one(book: &Book, dice: &mut Dice) -> Typed {
    let form = dice.form();
    let (marketplace, carrier) = declared(book, form);
    let number = match dice.fault() {
        Fault::None => number(book, dice, form, 0),
        Fault::Digit => number(book, dice, form, 1),
        Fault::Foreign => {
            let other = dice.form();
            number(book, dice, other, 0)
        }
        Fault::Cut => number(book, dice, form, 0)[2..].to_owned(),
        Fault::Filler => FILLERS[dice.below(FILLERS.len())].to_owned(),
    };
    // One in ten is typed in lower case.
    let number = if dice.below(10) == 0 { number.to_lowercase() } else { number };
    let mut cleaned = String::new();
    clean_into(&number, &mut cleaned);
    Typed { marketplace, name: form.1, carrier, number, cleaned }
}

fn declared(book: &Book, (market, name, ..): &Form) -> (Marketplace, CarrierId) {
    let Some(marketplace @ Marketplace::Known(id)) = book.resolve_marketplace(market) else {
        panic!("the book has no marketplace {market}")
    };
    match book.carriers.in_country(book.carriers.resolve(Some(name)), book.market(id).country) {
        Carrier::Known(carrier) => (marketplace, carrier),
        _ => panic!("the book has no carrier {name} in {market}"),
    }
}

/// Returns a number of a form; its check digit, if it has one, is moved on by a shift.
fn number(book: &Book, dice: &mut Dice, form: &Form, shift: u8) -> String {
    let filled = dice.fill(form.2);
    let carrier = declared(book, form).1;
    let with = |digit: u8| filled.replace('!', &char::from(b'0' + digit % 10).to_string());
    if !filled.contains('!') {
        return filled;
    }
    let right = (0..10).find(|digit| book.carriers.fits(carrier, with(*digit).as_bytes()));
    with(right.unwrap_or_else(|| panic!("no digit makes {filled} a number of {}", form.1)) + shift)
}
