//! Filters of a list: values as people type them, matched with the book and the published tables.
//!
//! A filter that is `None` lets every row pass. A value that occurs neither in the book nor in any published table is
//! an error and never an empty list, which would read as an all-clear. It fails then, and if a table cannot be read.
//! It shows no rows.

use crate::error::{Error, Result};
use crate::pages::words::Names;
use crate::publish::store::Store;
use crate::publish::{Manifest, encode};
use crate::schema::Table;
use arrow::array::{AsArray, StringArray};
use arrow::datatypes::Int64Type;
use std::collections::BTreeSet;
use vtr_kernel::Book;
use vtr_kernel::calendar::Day;
use vtr_kernel::carrier::Carrier;
use vtr_kernel::lane::Country;
use vtr_kernel::policy::Marketplace;
use vtr_kernel::suggest::did_you_mean;

/// Receives the texts of a batch, with the numbers of judged and eligible packages of each row.
type Take<'t> = dyn FnMut(&[&StringArray], &[[u64; 2]]) + 't;

/// The published values of a column that a filter lets pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterValues(BTreeSet<String>);

impl FilterValues {
    /// Lets these published values pass.
    pub fn of<'t>(values: impl IntoIterator<Item = &'t str>) -> FilterValues {
        FilterValues(values.into_iter().map(str::to_owned).collect())
    }

    /// Whether a value passes.
    pub fn has(&self, value: &str) -> bool {
        self.0.contains(value)
    }
}

/// A filter as typed; lists are separated by commas.
#[derive(Clone, Debug, Default)]
pub struct TypedFilter<'a> {
    /// Sellers, exactly as published.
    pub seller: Option<&'a str>,
    /// Marketplaces: ISO countries, ids or domains.
    pub marketplace: Option<&'a str>,
    /// Carriers: ids, or names as sellers type them.
    pub carrier: Option<&'a str>,
    /// Product categories, in any case.
    pub category: Option<&'a str>,
    /// Programmes, in any case.
    pub programme: Option<&'a str>,
}

/// Resolved filters.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Sellers.
    pub seller: Option<FilterValues>,
    /// Marketplaces.
    pub marketplace: Option<FilterValues>,
    /// Carriers.
    pub carrier: Option<FilterValues>,
    /// Product categories.
    pub category: Option<FilterValues>,
    /// Programmes.
    pub programme: Option<FilterValues>,
}

/// A published output, in which to look for values that the book does not have.
pub struct PublishedOutput<'a> {
    /// The output's place.
    pub store: &'a dyn Store,
    /// The version's manifest.
    pub manifest: &'a Manifest,
}

/// Counts of judged packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    /// All judged packages.
    pub judged: u64,
    /// Eligible packages.
    pub eligible: u64,
}

impl Filters {
    /// Resolves the filters as typed.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown value, with the nearest known ones; a table cannot be read.
    pub fn of(asked: &TypedFilter, terms: &Terms, published: &PublishedOutput) -> Result<Filters> {
        let book = terms.book;
        let marketplace = asked.marketplace.map(|text| {
            let aliases = book.markets().filter(|(_, market)| terms.names.has_market(&market.name));
            let aliases = aliases.flat_map(|(_, market)| market.aliases.iter().map(String::as_str));
            let ways = Ways {
                option: "--marketplace",
                column: "marketplace",
                known: &|text| terms.marketplace(text).map(|name| vec![name]),
                same: str::eq_ignore_ascii_case,
                names: aliases.chain(terms.names.markets().map(|(name, _)| name)).collect(),
            };
            ways.wanted(text, published)
        });
        let marketplace = marketplace.transpose()?;
        let carrier = asked.carrier.map(|text| {
            let aliases = book.carriers.iter().filter(|(_, entry)| terms.names.has_carrier(&entry.id));
            let aliases = aliases.flat_map(|(_, entry)| entry.aliases.iter().map(String::as_str));
            let names = terms.names.carriers().flat_map(|(id, name)| [name, id]);
            let ways = Ways {
                option: "--carrier",
                column: "carrier",
                known: &|text| terms.carriers(text),
                same: str::eq_ignore_ascii_case,
                names: aliases.chain(names).collect(),
            };
            ways.wanted(text, published)
        });
        let carrier = carrier.transpose()?;
        let seller = asked.seller.map(|text| {
            let ways = Ways {
                option: "--seller",
                column: "seller_id",
                known: &|_| None,
                same: |a, b| a == b,
                names: Vec::new(),
            };
            ways.wanted(text, published)
        });
        let category = asked.category.map(|text| {
            let ways = Ways {
                option: "--category",
                column: "product_category",
                known: &|_| None,
                same: |a, b| a.to_lowercase() == b.to_lowercase(),
                names: Vec::new(),
            };
            ways.wanted(text, published)
        });
        let programme = asked.programme.map(|text| {
            let ways = Ways {
                option: "--programme",
                column: "programme",
                known: &|text| Some(vec![book.programme(book.resolve_programme(text)?)]),
                same: str::eq_ignore_ascii_case,
                names: book.programmes().collect(),
            };
            ways.wanted(text, published)
        });
        let (category, programme) = (category.transpose()?, programme.transpose()?);
        Ok(Filters { seller: seller.transpose()?, marketplace, carrier, category, programme })
    }
}

/// What the values of a filter are matched with: the names by which a version was judged, and the program's book, whose
/// aliases count where the version knows what they name.
pub struct Terms<'a> {
    /// The program's book.
    pub book: &'a Book,
    /// The version's names.
    pub names: &'a Names,
}

impl<'a> Terms<'a> {
    /// The marketplace that a text means, as named in tables.
    pub fn marketplace(&self, text: &str) -> Option<&'a str> {
        let (book, names) = (self.book, self.names);
        let is_meant = |(name, title): &(&str, &str)| [*name, *title].iter().any(|own| own.eq_ignore_ascii_case(text));
        let by_alias = || {
            let market = book.resolve_marketplace(text)?;
            let label = book.marketplace_label(market);
            (market == Marketplace::None || names.has_market(label)).then_some(label)
        };
        names.markets().find(is_meant).map(|(name, _)| name).or_else(by_alias)
    }

    /// The carriers that a name may mean for any origin, as named in tables; an id means itself.
    fn carriers(&self, text: &str) -> Option<Vec<&'a str>> {
        let (book, names) = (self.book, self.names);
        let special = [Carrier::Unknown, Carrier::Missing].map(|carrier| book.carriers.label(carrier));
        let ids = names.carriers().map(|(id, _)| id);
        if let Some(id) = ids.chain(special).find(|id| id.eq_ignore_ascii_case(text)) {
            return Some(vec![id]);
        }
        let by_name = names.carriers().filter(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(id, _)| id);
        let name = book.carriers.resolve(Some(text));
        let origins = Country::all().chain([Country::UNKNOWN]);
        let carriers: BTreeSet<Carrier> = origins.map(|origin| book.carriers.in_country(name, origin)).collect();
        let known = carriers.into_iter().filter(|carrier| matches!(carrier, Carrier::Known(_)));
        let labels = known.map(|carrier| book.carriers.label(carrier)).filter(|id| names.has_carrier(id));
        let labels: BTreeSet<&str> = labels.chain(by_name).collect();
        (!labels.is_empty()).then(|| labels.into_iter().collect())
    }
}

/// Resolves a filter's text by the book: the published values that it means.
type BookLookup<'a, 'b> = &'a dyn Fn(&str) -> Option<Vec<&'b str>>;

/// How to resolve the values of one filter.
struct Ways<'a, 'b> {
    option: &'static str,
    column: &'static str,
    known: BookLookup<'a, 'b>,
    /// Whether a published value equals the typed one, if the book does not have it.
    same: fn(&str, &str) -> bool,
    /// The names of the book's values, for suggestions.
    names: Vec<&'b str>,
}

impl Ways<'_, '_> {
    fn wanted(&self, text: &str, published: &PublishedOutput) -> Result<FilterValues> {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return Err(Error::Usage(format!("{}: no value is given; leave the option out, or name one", self.option)));
        }
        let mut wanted = FilterValues::default();
        // A value may contain a comma itself; then the book or the tables have it whole.
        let whole = parts.len() > 1;
        let mut unknown: Vec<&str> = Vec::new();
        for part in parts {
            match (self.known)(part) {
                Some(values) => wanted.0.extend(values.into_iter().map(str::to_owned)),
                None => unknown.push(part),
            }
        }
        if unknown.is_empty() {
            return Ok(wanted);
        }
        let mut looked_for = unknown.clone();
        looked_for.extend(whole.then_some(text));
        let found = published.look_for(self.column, &looked_for, self.same)?;
        if whole && found.values.contains(text) {
            return Ok(FilterValues::of([text]));
        }
        for part in unknown {
            let mut values = found.values.iter().filter(|value| (self.same)(value, part)).peekable();
            if values.peek().is_none() {
                return Err(self.nobody_knows(part, &found.others));
            }
            wanted.0.extend(values.cloned());
        }
        Ok(wanted)
    }

    fn nobody_knows(&self, value: &str, published: &BTreeSet<String>) -> Error {
        let names = self.names.iter().copied().chain(published.iter().map(String::as_str));
        let book = if self.names.is_empty() { "" } else { ", nor in the book" };
        let hint = did_you_mean(value, names);
        Error::Usage(format!("{}: `{value}` is in no published table{book}{hint}", self.option))
    }
}

/// Values of a column in published tables.
#[derive(Default)]
struct PublishedValues {
    /// The wanted values, as published.
    values: BTreeSet<String>,
    /// Other values, for suggestions.
    others: BTreeSet<String>,
}

/// The most other values that are kept.
const MOST_OTHERS: usize = 100_000;

impl PublishedOutput<'_> {
    /// Looks for values in a column of every table that has it, until all are found.
    fn look_for(&self, column: &str, values: &[&str], same: fn(&str, &str) -> bool) -> Result<PublishedValues> {
        let mut found = PublishedValues::default();
        let is_found =
            |found: &PublishedValues| values.iter().all(|value| found.values.iter().any(|there| same(there, value)));
        for table in [Table::AccountHealth, Table::VtrWeekly, Table::VtrWeeklyCategory, Table::Defects] {
            if !table.columns().iter().any(|facts| facts.name == column) {
                continue;
            }
            // The newest weeks come first, because most values asked for still occur there.
            for file in self.manifest.files(table).iter().rev() {
                self.read(&file.path, &[column], &mut |columns, _| {
                    for value in columns[0].iter().flatten() {
                        if values.iter().any(|asked| same(value, asked)) {
                            if !found.values.contains(value) {
                                found.values.insert(value.to_owned());
                            }
                        } else if found.others.len() < MOST_OTHERS && !found.others.contains(value) {
                            found.others.insert(value.to_owned());
                        }
                    }
                })?;
                if is_found(&found) {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// The packages of some weeks that filters let pass; `None` if no published table can tell.
    ///
    /// # Errors
    /// A table cannot be read.
    pub fn packages(&self, filters: &Filters, weeks: impl Fn(Day) -> bool) -> Result<Option<Packages>> {
        let of = |table: Table| self.manifest.has(table).then_some(table);
        // Neither table counts by carrier and category at once.
        let by_carrier = of(Table::VtrWeekly).filter(|_| filters.category.is_none());
        let by_category = || of(Table::VtrWeeklyCategory).filter(|_| filters.carrier.is_none());
        let Some(table) = by_carrier.or_else(by_category) else { return Ok(None) };
        let asked = [
            ("seller_id", &filters.seller),
            ("marketplace", &filters.marketplace),
            ("carrier", &filters.carrier),
            ("product_category", &filters.category),
            ("programme", &filters.programme),
        ];
        let asked: Vec<(&str, &FilterValues)> =
            asked.into_iter().filter_map(|(name, wanted)| Some((name, wanted.as_ref()?))).collect();
        let names: Vec<&str> = asked.iter().map(|(name, _)| *name).collect();
        let mut packages = Packages::default();
        for file in self.manifest.files(table).iter().filter(|file| file.week.is_none_or(&weeks)) {
            self.read(&file.path, &names, &mut |columns, counts| {
                for (row, [judged, eligible]) in counts.iter().enumerate() {
                    if columns.iter().zip(&asked).all(|(column, (_, wanted))| wanted.has(column.value(row))) {
                        packages.judged += judged;
                        packages.eligible += eligible;
                    }
                }
            })?;
        }
        Ok(Some(packages))
    }

    /// Reads text columns of a file, with judged and eligible packages if it counts them.
    fn read(&self, path: &str, names: &[&str], take: &mut Take) -> Result<()> {
        let shown = self.store.shown(path);
        let missing = || Error::Input(format!("{shown}: the file is missing; `vtr verify` tells what else is"));
        let readable = self.store.open(path)?.ok_or_else(missing)?;
        let wanted: Vec<&str> = names.iter().copied().chain(COUNTS).collect();
        encode::read_columns(readable, &shown, &wanted, &mut |batch| {
            let other = |name: &str| {
                Error::Input(format!(
                    "{shown} has no column `{name}`; another version of this program published it: run the job again"
                ))
            };
            let column = |name: &&str| {
                let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
                column.ok_or_else(|| other(name))
            };
            let columns = names.iter().map(column).collect::<Result<Vec<_>>>()?;
            let counts = COUNTS.map(|name| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>());
            let counts: Vec<[u64; 2]> = match counts {
                [Some(judged), Some(eligible)] => {
                    let both = judged.values().iter().zip(eligible.values());
                    both.map(|(judged, eligible)| [judged.unsigned_abs(), eligible.unsigned_abs()]).collect()
                }
                _ => Vec::new(),
            };
            take(&columns, &counts);
            Ok(())
        })
    }
}

/// The count columns of tables of rates.
const COUNTS: [&str; 2] = ["shipments", "eligible"];
