//! Ship services: which class a service name belongs to.
//!
//! Names are folded once per distinct name; per shipment only bits and codes are compared.

use crate::carrier::{Carrier, CarrierSet};
use crate::text;

/// The index of a service class in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceClass(pub u8);

/// The greatest number of classes in a book.
pub const MAX_CLASSES: usize = 32;

/// A class of services.
#[derive(Clone, Debug)]
pub struct Class {
    /// Its name, as used by exemptions.
    pub name: String,
    pub(crate) phrases: Vec<Vec<String>>,
    pub(crate) except: Vec<Vec<String>>,
    pub(crate) carriers: CarrierSet,
}

/// The classes whose phrases fit a name before the carrier is known, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service(u32);

/// The classes of a book, in order.
#[derive(Clone, Debug, Default)]
pub struct Services {
    pub(crate) classes: Vec<Class>,
}

impl Services {
    /// Folds a service name as typed; null gives no class.
    pub fn resolve(&self, name: Option<&str>) -> Service {
        let words = name.map(text::words).unwrap_or_default();
        let holds = |phrase: &Vec<String>| {
            !phrase.is_empty() && words.windows(phrase.len()).any(|run| run == phrase.as_slice())
        };
        let mut bits = 0;
        for (index, class) in self.classes.iter().enumerate() {
            if class.phrases.iter().any(holds) && !class.except.iter().any(holds) {
                bits |= 1 << index;
            }
        }
        Service(bits)
    }

    /// Returns the first class that fits a service of this carrier.
    pub fn class_of(&self, service: Service, carrier: Carrier) -> Option<ServiceClass> {
        let mut bits = service.0;
        while bits != 0 {
            let index = bits.trailing_zeros();
            if self.classes.get(index as usize)?.carriers.contains(carrier) {
                return Some(ServiceClass(index as u8));
            }
            bits &= bits - 1;
        }
        None
    }

    /// Returns the class with this name.
    pub fn named(&self, name: &str) -> Option<ServiceClass> {
        self.classes.iter().position(|class| class.name == name).map(|index| ServiceClass(index as u8))
    }

    /// Returns the name of a class.
    pub fn name(&self, class: ServiceClass) -> &str {
        self.classes.get(class.0 as usize).map_or("", |class| class.name.as_str())
    }

    /// Returns the names of all classes, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(|class| class.name.as_str())
    }
}
