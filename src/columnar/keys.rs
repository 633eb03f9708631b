//! Codes for what cells are keyed by: sellers, categories, names, and their combinations.
//!
//! Codes are handed out by one shared table and remembered by each thread, so that a text or a
//! combination is looked up under the lock once per thread. They mean nothing outside a run and
//! their order depends on threads; whatever is published is sorted by text.

use rustc_hash::FxBuildHasher;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use vtr_kernel::carrier::Carrier;
use vtr_kernel::policy::{Marketplace, MarketplaceId, ProgrammeId};

type Map<K> = hashbrown::HashMap<K, u32, FxBuildHasher>;

/// A seller in a marketplace and programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// Code of the seller's id.
    pub seller: u32,
    /// 0: no marketplace; else the marketplace's index plus one.
    pub market: u16,
    /// The programme's index.
    pub programme: u16,
}

/// A name as typed in a marketplace, and what it was taken for there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// As in [`Account`].
    pub market: u16,
    /// Code of the carrier's code.
    pub carrier: u16,
    /// Code of the typed text.
    pub typed: u32,
}

/// The marketplace as a small number.
pub fn market_code(marketplace: Marketplace) -> u16 {
    match marketplace {
        Marketplace::None => 0,
        Marketplace::Known(id) => id.0 + 1,
    }
}

/// The marketplace of a small number.
pub fn market_from_code(code: u16) -> Marketplace {
    code.checked_sub(1).map_or(Marketplace::None, |index| Marketplace::Known(MarketplaceId(index)))
}

impl Name {
    /// What the name was taken for.
    pub fn known_as(&self) -> Carrier {
        Carrier::from_code(self.carrier)
    }
}

impl Account {
    /// The programme.
    pub fn programme(&self) -> ProgrammeId {
        ProgrammeId(self.programme)
    }
}

/// Things in the order in which they were first met, and their codes.
#[derive(Debug)]
struct Table<K> {
    codes: Map<K>,
    things: Vec<K>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Table { codes: Map::default(), things: Vec::new() }
    }
}

impl<K: Clone + Eq + Hash> Table<K> {
    fn code<Q: Hash + hashbrown::Equivalent<K> + ?Sized>(&mut self, thing: &Q, own: impl FnOnce(&Q) -> K) -> u32 {
        if let Some(code) = self.codes.get(thing) {
            return *code;
        }
        let code = u32::try_from(self.things.len()).expect("fewer than 2^32 distinct keys fit in memory");
        let thing = own(thing);
        self.things.push(thing.clone());
        self.codes.insert(thing, code);
        code
    }
}

/// The codes of a run, shared by its threads.
#[derive(Debug, Default)]
pub struct SharedKeys {
    sellers: Mutex<Table<Box<str>>>,
    categories: Mutex<Table<Box<str>>>,
    typed: Mutex<Table<Box<str>>>,
    accounts: Mutex<Table<Account>>,
    /// Account and carrier code.
    cells: Mutex<Table<(u32, u16)>>,
    /// Account and category.
    pairs: Mutex<Table<(u32, u32)>>,
    names: Mutex<Table<Name>>,
}

fn shared<K: Clone + Eq + Hash, Q: Hash + hashbrown::Equivalent<K> + ?Sized>(
    table: &Mutex<Table<K>>,
    thing: &Q,
    own: impl FnOnce(&Q) -> K,
) -> u32 {
    // A panic elsewhere cannot leave a table half changed: it is changed by one push and one insert.
    table.lock().unwrap_or_else(PoisonError::into_inner).code(thing, own)
}

/// One thread's view of the codes.
#[derive(Debug)]
pub struct LocalKeys<'a> {
    shared: &'a SharedKeys,
    accounts: Map<Account>,
    cells: Map<(u32, u16)>,
    pairs: Map<(u32, u32)>,
    names: Map<Name>,
}

fn local<K: Copy + Eq + Hash>(cache: &mut Map<K>, table: &Mutex<Table<K>>, thing: K) -> u32 {
    if let Some(code) = cache.get(&thing) {
        return *code;
    }
    let code = shared(table, &thing, |thing| *thing);
    cache.insert(thing, code);
    code
}

impl<'a> LocalKeys<'a> {
    /// A view without memories.
    pub fn new(shared: &'a SharedKeys) -> LocalKeys<'a> {
        LocalKeys {
            shared,
            accounts: Map::default(),
            cells: Map::default(),
            pairs: Map::default(),
            names: Map::default(),
        }
    }

    /// The code of a seller's id.
    pub fn seller(&self, text: &str) -> u32 {
        shared(&self.shared.sellers, text, |text: &str| text.into())
    }

    /// The code of a category.
    pub fn category(&self, text: &str) -> u32 {
        shared(&self.shared.categories, text, |text: &str| text.into())
    }

    /// The code of a carrier's name as typed.
    pub fn typed(&self, text: &str) -> u32 {
        shared(&self.shared.typed, text, |text: &str| text.into())
    }

    /// The code of an account.
    pub fn account(&mut self, account: Account) -> u32 {
        local(&mut self.accounts, &self.shared.accounts, account)
    }

    /// The code of an account's packages with one carrier.
    pub fn cell(&mut self, account: u32, carrier: Carrier) -> u32 {
        local(&mut self.cells, &self.shared.cells, (account, carrier.code()))
    }

    /// The code of an account's packages in one category.
    pub fn pair(&mut self, account: u32, category: u32) -> u32 {
        local(&mut self.pairs, &self.shared.pairs, (account, category))
    }

    /// The code of a name in a marketplace.
    pub fn name(&mut self, name: Name) -> u32 {
        local(&mut self.names, &self.shared.names, name)
    }
}

/// All codes of a run, once no more are handed out.
#[derive(Debug)]
pub struct Keys {
    /// Seller ids.
    pub sellers: Vec<Box<str>>,
    /// Categories.
    pub categories: Vec<Box<str>>,
    /// Carrier names as typed.
    pub typed: Vec<Box<str>>,
    /// Accounts.
    pub accounts: Vec<Account>,
    /// Account and carrier code.
    pub cells: Vec<(u32, u16)>,
    /// Account and category.
    pub pairs: Vec<(u32, u32)>,
    /// Names.
    pub names: Vec<Name>,
}

fn things<K>(table: Mutex<Table<K>>) -> Vec<K> {
    table.into_inner().unwrap_or_else(PoisonError::into_inner).things
}

impl SharedKeys {
    /// The tables, without the way in.
    pub fn freeze(self) -> Keys {
        Keys {
            sellers: things(self.sellers),
            categories: things(self.categories),
            typed: things(self.typed),
            accounts: things(self.accounts),
            cells: things(self.cells),
            pairs: things(self.pairs),
            names: things(self.names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_agree_on_codes() {
        let shared = SharedKeys::default();
        let (mut a, mut b) = (LocalKeys::new(&shared), LocalKeys::new(&shared));
        let account = |seller| Account { seller, market: 1, programme: 0 };
        let (x, y) = (a.seller("0042"), b.seller("42"));
        assert_ne!(x, y);
        assert_eq!(a.account(account(x)), b.account(account(x)));
        assert_ne!(a.account(account(x)), b.account(account(y)));
        assert_eq!(a.cell(0, Carrier::Missing), b.cell(0, Carrier::Missing));
        let keys = shared.freeze();
        assert_eq!(keys.sellers.len(), 2);
        assert_eq!(keys.accounts.len(), 2);
    }

    #[test]
    fn marketplaces_survive_the_round_trip() {
        for marketplace in
            [Marketplace::None, Marketplace::Known(MarketplaceId(0)), Marketplace::Known(MarketplaceId(23))]
        {
            assert_eq!(market_from_code(market_code(marketplace)), marketplace);
        }
    }
}
