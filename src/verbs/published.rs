//! From the command line to the lists of a published output: which files, which filters.
//!
//! It opens the manifest, once, and hands its files on; it reads no table itself. It fails where the
//! output has no publication or lacks the table, or a filter is not understood.

use super::listing::Format;
use super::{defects, health};
use crate::cli::{DefectsArgs, FailOn, HealthArgs, ListFormat};
use crate::error::{Error, Result};
use crate::job;
use crate::publish::store::Store;
use crate::publish::{self, Manifest};
use crate::schema::Table;
use crate::tables::health::Status;
use std::io::{stderr, stdout};

/// `vtr defects`.
///
/// # Errors
/// Those of the manifest and of the list; [`Error::Usage`] for a filter.
pub fn defects(args: &DefectsArgs) -> Result<()> {
    if args.category.is_some() {
        let message = "--category: the defects table has no product category; filter by --seller, --marketplace, --carrier or --reason";
        return Err(Error::Usage(message.into()));
    }
    let week = |option: &str, text: &Option<String>| {
        text.as_deref().map(|text| job::week(option, text)).transpose().map_err(Error::Usage)
    };
    let query = defects::Query {
        seller: args.seller.clone(),
        marketplace: args.marketplace.clone(),
        carrier: args.carrier.clone(),
        reason: args.reason.clone(),
        from: week("--from", &args.from)?,
        to: week("--to", &args.to)?.map(|monday| monday + 6),
        limit: args.limit,
        format: format(args.format),
    };
    let store = publish::at(&args.out)?;
    let manifest = open(store.as_ref(), Table::Defects)?;
    let files = manifest.files(Table::Defects).iter();
    let files: Vec<defects::WeekFile> =
        files.filter_map(|file| file.week.map(|week| defects::WeekFile { week, path: file.path.clone() })).collect();
    defects::run(store.as_ref(), &files, &query, &mut stdout().lock(), &mut stderr())
}

/// `vtr health`.
///
/// # Errors
/// Those of the manifest and of the list; [`Error::Gate`] by `--fail-on`.
pub fn health(args: &HealthArgs) -> Result<()> {
    let query = health::Query {
        seller: args.seller.clone(),
        marketplace: args.marketplace.clone(),
        format: format(args.format),
        limit: args.limit,
        fail_on: args.fail_on.map(|status| match status {
            FailOn::Breach => Status::Breach,
            FailOn::AtRisk => Status::AtRisk,
        }),
    };
    let store = publish::at(&args.out)?;
    let manifest = open(store.as_ref(), Table::AccountHealth)?;
    let files: Vec<_> = manifest.files(Table::AccountHealth).iter().map(|file| file.path.clone()).collect();
    health::run(store.as_ref(), &files, &query, &mut stdout().lock(), &mut stderr())
}

fn open(store: &dyn Store, table: Table) -> Result<Manifest> {
    let manifest = publish::open(store, None)?;
    if manifest.has(table) {
        return Ok(manifest);
    }
    let (out, name) = (store.shown(""), table.name());
    Err(Error::Usage(format!("{out} holds no table {name}; publish it with a job whose [output] `tables` names it")))
}

pub(super) fn format(format: ListFormat) -> Format {
    match format {
        ListFormat::Table => Format::Table,
        ListFormat::Csv => Format::Csv,
        ListFormat::Json => Format::Json,
    }
}
