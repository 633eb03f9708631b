//! The small tables that dashboards join to the others: marketplaces, carriers, reasons, rules, weeks, sellers.
//!
//! They repeat the book, the calendar and the job's list of sellers as of the run's day, and judge nothing.
//! `dim_seller` lists the sellers of the rows of the version that is being made, so it is made last, from the rows that
//! the run writes and from those of published files that stay in force. Nothing in it fails.

use super::{Piece, PieceTask, TablesInput, count_column, day_column, each_text, text_column};
use crate::job::plan::Plan;
use crate::schema::Table;
use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use chrono::Datelike;
use hashbrown::HashSet;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use vtr_kernel::calendar::{self, Day, FIRST_DAY, date_from_day, iso_week, monday};
use vtr_kernel::lane::{CarrierRule, Otherwise};
use vtr_kernel::placeholder::Placeholder;
use vtr_kernel::policy::{Confidence, Market, Source, Version};
use vtr_kernel::reason::TABLE;
use vtr_kernel::{Book, Reason};

/// The marketplace named for rules that belong to no marketplace.
const ALL: &str = "(all)";

fn texts<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(texts))
}

fn days(days: impl Iterator<Item = Option<Day>>) -> ArrayRef {
    Arc::new(Date32Array::from_iter(days))
}

/// Makes a table at once.
fn whole<'a>(table: Table, columns: impl FnOnce() -> Vec<ArrayRef> + Send + 'a) -> Vec<PieceTask<'a>> {
    let make = move || {
        let batch = RecordBatch::try_new(table.schema(), columns());
        let batch = batch.expect("columns are built in the order and types of their table");
        Ok(Box::new(std::iter::once(Ok(batch))) as crate::fold::counts::Batches)
    };
    vec![PieceTask::of(table, None, make)]
}

/// Makes `dim_marketplace`.
pub(super) fn marketplaces<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    let (book, as_of) = (&input.plan.book, input.plan.as_of);
    whole(Table::DimMarketplace, move || {
        // The tables also hold sales without a marketplace.
        let mut markets: Vec<(&str, Option<&Market>)> =
            book.markets().map(|(_, market)| (market.name.as_str(), Some(market))).collect();
        markets.push((super::space::NONE, None));
        markets.sort_by_key(|(name, _)| *name);
        let of = |what: fn(&Market) -> &str| texts(markets.iter().map(move |(_, market)| market.map(what)));
        let count = |what: fn(&Market) -> i32| -> ArrayRef {
            Arc::new(Int64Array::from_iter(
                markets.iter().map(|(_, market)| market.map(|market| i64::from(what(market)))),
            ))
        };
        let versions = || markets.iter().map(|(_, market)| market.and_then(|market| market.version(as_of)));
        vec![
            text_column(markets.iter().map(|(name, _)| *name)),
            text_column(
                markets.iter().map(|(_, market)| market.map_or("outside any marketplace", |market| &market.title)),
            ),
            Arc::new(StringArray::from_iter(
                markets.iter().map(|(_, market)| market.map(|market| market.currency.code().to_string())),
            )),
            of(|market| market.zone.name()),
            count(|market| market.window_days),
            count(|market| market.latency_days),
            texts(versions().map(|version| version.map(|version| book.rule(version.id)))),
            Arc::new(Float64Array::from_iter(versions().map(|version| version.map(|version| version.target.share())))),
            texts(versions().map(|version| version.map(|version| version.target.kind.name()))),
        ]
    })
}

/// Makes `dim_carrier`.
pub(super) fn carriers<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    let book = &input.plan.book;
    whole(Table::DimCarrier, move || {
        let known =
            book.carriers.iter().map(|(_, entry)| (entry.id.as_str(), entry.name.as_str(), entry.family.as_deref()));
        let mut rows: Vec<(&str, &str, Option<&str>)> = known.collect();
        rows.extend([("other", "a name that the book does not know", None), ("(none)", "no carrier given", None)]);
        rows.sort_unstable();
        vec![
            text_column(rows.iter().map(|row| row.0)),
            text_column(rows.iter().map(|row| row.1)),
            texts(rows.iter().map(|row| row.2)),
        ]
    })
}

/// Makes `dim_reason`.
pub(super) fn reasons<'a>(_: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    whole(Table::DimReason, || {
        let mut rows: Vec<_> = TABLE.iter().collect();
        rows.sort_by_key(|entry| entry.name);
        vec![
            text_column(rows.iter().map(|entry| entry.name)),
            text_column(rows.iter().map(|entry| entry.class.name())),
            count_column(rows.iter().map(|entry| i64::from(entry.rung)).collect()),
            text_column(rows.iter().map(|entry| entry.meaning)),
            text_column(rows.iter().map(|entry| entry.fix)),
        ]
    })
}

/// The facts of a rule.
#[derive(Default)]
struct RuleFacts {
    from: Option<Day>,
    until: Option<Day>,
    confidence: Option<&'static str>,
    source: Option<String>,
}

type ListedRules<'a> = BTreeMap<(&'a str, &'static str, &'a str), RuleFacts>;

/// Makes `dim_rule`.
pub(super) fn rules<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    let book = &input.plan.book;
    whole(Table::DimRule, move || {
        let mut rules = ListedRules::new();
        for (_, market) in book.markets() {
            rules.insert((&market.name, Reason::NoPolicy.name(), &market.name), RuleFacts::default());
            market.versions.iter().for_each(|version| of_version(book, market, version, &mut rules));
        }
        of_no_marketplace(book, &mut rules);
        vec![
            text_column(rules.keys().map(|key| key.0)),
            text_column(rules.keys().map(|key| key.1)),
            text_column(rules.keys().map(|key| key.2)),
            days(rules.values().map(|facts| facts.from)),
            days(rules.values().map(|facts| facts.until)),
            texts(rules.values().map(|facts| facts.confidence)),
            texts(rules.values().map(|facts| facts.source.as_deref())),
        ]
    })
}

/// The reasons that follow from a lane alone.
const OF_LANE: [Reason; 8] = [
    Reason::TrackingMissing,
    Reason::CarrierMissing,
    Reason::AddedAfterDelivery,
    Reason::Scanned,
    Reason::DeliveryScanMissing,
    Reason::ScanMissing,
    Reason::WellFormed,
    Reason::Unverified,
];

fn of_version<'a>(book: &'a Book, market: &'a Market, version: &'a Version, rules: &mut ListedRules<'a>) {
    let confidence = match version.confidence {
        Confidence::Confirmed => "confirmed",
        Confidence::SingleSource => "single_source",
        Confidence::Unsure => "unsure",
    };
    let mut add = |reason: Reason, rule| {
        let facts = RuleFacts {
            from: version.from,
            until: version.until,
            confidence: Some(confidence),
            source: source(&version.sources),
        };
        rules.insert((&market.name, reason.name(), book.rule(rule)), facts);
    };
    add(Reason::LaneNotMeasured, version.id);
    let of_lanes = version.lanes.iter().filter_map(|lane| lane.carriers.as_ref());
    for rule in of_lanes.chain([&version.carriers]) {
        if let CarrierRule::Integrated(_, otherwise, _) = rule {
            let reason = match otherwise {
                Otherwise::NotMeasured => Reason::CarrierNotMeasured,
                Otherwise::NotAccepted => Reason::CarrierNotAccepted,
            };
            add(reason, version.id);
        }
    }
    for lane in version.lanes.iter() {
        OF_LANE.into_iter().for_each(|reason| add(reason, lane.id));
        lane.exempt.iter().for_each(|condition| add(Reason::Exempt, condition.id));
        lane.refuse.iter().for_each(|condition| add(Reason::NumberRefused, condition.id));
    }
}

/// Adds rules that hold wherever something is sold.
fn of_no_marketplace<'a>(book: &'a Book, rules: &mut ListedRules<'a>) {
    let mut add = |reason: Reason, rule: &'a str, source| {
        rules.insert((ALL, reason.name(), rule), RuleFacts { source, ..RuleFacts::default() });
    };
    add(Reason::NotOnMarketplace, "no_marketplace", None);
    add(Reason::FulfilledByMarketplace, Reason::FulfilledByMarketplace.name(), None);
    add(Reason::Canceled, Reason::Canceled.name(), None);
    Placeholder::ALL.into_iter().for_each(|placeholder| add(Reason::TrackingPlaceholder, placeholder.name(), None));
    for (_, entry) in book.carriers.iter() {
        add(Reason::NumberMalformed, &entry.id, source(&entry.sources));
        for shape in &entry.shapes {
            for reason in [Reason::CarrierMismatch, Reason::CheckDigitFailed] {
                add(reason, &shape.id, source(&entry.sources));
            }
        }
    }
}

fn source(sources: &[Source]) -> Option<String> {
    sources.first().map(|source| format!("{} <{}>", source.title, source.url))
}

/// Makes `dim_week`: every week that can contain a package.
pub(super) fn weeks<'a>(input: &'a TablesInput<'a>) -> Vec<PieceTask<'a>> {
    let (book, as_of) = (&input.plan.book, input.plan.as_of);
    whole(Table::DimWeek, move || {
        let latency = book.longest_latency();
        let weeks: Vec<Day> = (monday(FIRST_DAY)..=monday(calendar::last_plausible_day(as_of))).step_by(7).collect();
        let labels: Vec<String> = weeks.iter().map(|week| iso_week(*week)).collect();
        let months: Vec<String> = weeks.iter().map(|week| date_from_day(*week).format("%Y-%m").to_string()).collect();
        vec![
            day_column(weeks.iter().copied()),
            text_column(labels.iter().map(String::as_str)),
            text_column(months.iter().map(String::as_str)),
            count_column(weeks.iter().map(|week| i64::from(date_from_day(*week).iso_week().year())).collect()),
            day_column(weeks.iter().map(|week| week + 6 + latency + 1)),
        ]
    })
}

/// The sellers of written rows, and of published rows that stay in force.
pub struct WrittenSellers<'a> {
    plan: &'a Plan,
    /// The tables whose rows name the sellers; a job may make none.
    tables: Vec<Table>,
    /// They are asked for once for each of them in every published week.
    sellers: Mutex<HashSet<String>>,
}

impl<'a> WrittenSellers<'a> {
    /// Begins without sellers.
    pub fn of(plan: &'a Plan) -> WrittenSellers<'a> {
        let wanted = plan.output.tables.contains(&Table::DimSeller);
        let is_made = |table: &Table| wanted && plan.output.tables.contains(table);
        // The first ones have all sellers, the others some.
        let all = [Table::VtrWeekly, Table::VtrWeeklyCategory, Table::VtrWeeklyReasons].into_iter().find(is_made);
        let some = [Table::VtrRolling, Table::AccountHealth, Table::HealthBreakdown, Table::Defects, Table::Judged];
        let some = some.into_iter().filter(is_made);
        let tables = all.map_or_else(|| some.collect(), |all| vec![all]);
        WrittenSellers { plan, tables, sellers: Mutex::default() }
    }

    /// Returns the tables whose rows name the sellers.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Returns the piece; its sellers are noted as its rows are made.
    pub fn watch<'p>(&'p self, piece: Piece<'p>) -> Piece<'p> {
        if !self.tables.contains(&piece.table) {
            return piece;
        }
        // Rows are sorted by seller.
        let see = |batch: &RecordBatch| each_text(&batch["seller_id"], &mut |seller, _| self.see(seller));
        let batches = piece.batches.inspect(move |batch| batch.iter().for_each(see));
        Piece { batches: Box::new(batches), ..piece }
    }

    /// Notes a seller.
    pub fn see(&self, seller: &str) {
        let mut seen = self.sellers.lock();
        if !seen.contains(seller) {
            seen.insert(seller.to_owned());
        }
    }

    /// Makes `dim_seller` of the sellers that were seen and those of the job's list; `None` if the job does not make
    /// it.
    pub fn piece(&self) -> Option<Piece<'static>> {
        if !self.plan.output.tables.contains(&Table::DimSeller) {
            return None;
        }
        let known = &self.plan.sellers;
        let seen = self.sellers.lock();
        let all: BTreeSet<&str> = seen.iter().chain(known.keys()).map(String::as_str).collect();
        let fact = |index: usize| {
            texts(all.iter().map(move |seller| known.get(*seller).and_then(|facts| facts[index].as_deref())))
        };
        let columns = vec![text_column(all.iter().copied()), fact(0), fact(1), fact(2)];
        let batch = RecordBatch::try_new(Table::DimSeller.schema(), columns);
        let batch = batch.expect("columns are built in the order and types of their table");
        Some(Piece::of(Table::DimSeller, None, vec![batch]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_reason_has_rules_that_tables_can_be_joined_to() {
        let book = crate::job::shelf::book(&[]).unwrap();
        let mut rules = ListedRules::new();
        for (_, market) in book.markets() {
            market.versions.iter().for_each(|version| of_version(&book, market, version, &mut rules));
        }
        of_no_marketplace(&book, &mut rules);
        for reason in Reason::defects().map(Reason::name) {
            let of_reason: Vec<_> = rules.keys().filter(|(_, of, _)| *of == reason).collect();
            assert!(!of_reason.is_empty() || reason == "carrier_not_accepted", "{reason}");
        }
        assert!(
            rules.values().any(|facts| facts.from.is_some() && facts.source.is_some() && facts.confidence.is_some())
        );
    }
}
