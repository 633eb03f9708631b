//! The columns of the small tables that dashboards join to the others: what a code means, what a week is, who a
//! seller is. They say nothing of a shipment.

use super::ColumnEntry::{self, One};
use super::ValueKind::{Count, Day, Share, Text};
use super::{column, nullable};

pub(super) static DIM_MARKETPLACE: &[ColumnEntry] = &[
    One(column("marketplace", Text, "as in the other tables; `(none)` for sales outside any marketplace")),
    One(column("name", Text, "the store's name, for people")),
    One(nullable("currency", Text, "ISO code of the currency of package values, unless the source names another")),
    One(nullable("time_zone", Text, "IANA name of the zone in which its days begin")),
    One(nullable("window_days", Count, "days of the trailing window")),
    One(nullable("latency_days", Count, "days until figures are final")),
    One(nullable("rule", Text, "id of the version in force on `as_of`; null without one")),
    One(nullable("target", Share, "share asked for on `as_of`; null without a version in force")),
    One(nullable("target_kind", Text, "`at_least`: the target itself is enough; `more_than`: the rate must exceed it")),
];

pub(super) static DIM_CARRIER: &[ColumnEntry] = &[
    One(column("carrier", Text, "as in the other tables; `other` is an unknown name, `(none)` a missing one")),
    One(column("name", Text, "the carrier's name, for people")),
    One(nullable("family", Text, "the family it belongs to, whose numbers it may print")),
];

pub(super) static DIM_REASON: &[ColumnEntry] = &[
    One(column("reason", Text, "as in the other tables")),
    One(column("class", Text, "`out_of_scope`, `exempt`, `valid` or `defect`")),
    One(column("rung", Count, "the rung of the ladder that says it, from 1")),
    One(column("meaning", Text, "the reason in a sentence")),
    One(column("suggested_fix", Text, "what to do about it; empty where nothing needs doing")),
];

pub(super) static DIM_RULE: &[ColumnEntry] = &[
    One(column("marketplace", Text, "the marketplace whose rule it is; `(all)` for rules of no marketplace")),
    One(column("reason", Text, "the reason that the rule gives")),
    One(column("rule", Text, "id of the rule")),
    One(nullable("valid_from", Day, "first day in force; null: since ever")),
    One(nullable("valid_until", Day, "first day no longer in force; null: for good")),
    One(nullable("confidence", Text, "how sure its sources are: `confirmed`, `single_source` or `unsure`")),
    One(nullable("source", Text, "title and address of its first source")),
];

pub(super) static DIM_WEEK: &[ColumnEntry] = &[
    One(column("week_start", Day, "Monday of the ISO week")),
    One(column("iso_week", Text, "label of the week, such as `2025-W01`")),
    One(column("month", Text, "month of the Monday, such as `2025-01`")),
    One(column("year", Count, "year of the ISO week")),
    One(column("final_from", Day, "first `as_of` on which no marketplace's figures of the week can move any more")),
];

pub(super) static DIM_SELLER: &[ColumnEntry] = &[
    One(column("seller_id", Text, "the seller account, as written in the source")),
    One(nullable("name", Text, "what the job's `sellers` file calls it")),
    One(nullable("owner", Text, "who looks after it, by that file")),
    One(nullable("region", Text, "where it belongs, by that file")),
];
