//! The columns of each published table: data alone.
//!
//! A column that several tables have is one constant, so that its meaning is said once. Nothing in it fails.

use super::{ColumnEntry, ValueKind, column, nullable};
use ColumnEntry::{DefectReasons, Menders, One};
use ValueKind::{Count, Day, Flag, Money, Share, Text, Time};

pub(super) const SELLER: ColumnEntry = One(column("seller_id", Text, "the seller account, as written in the source"));
pub(super) const MARKETPLACE: ColumnEntry = One(column(
    "marketplace",
    Text,
    "ISO country of the store, such as `DE` or `GB`; `(none)` for sales outside any marketplace",
));
pub(super) const STORE: ColumnEntry =
    One(column("marketplace", Text, "ISO country of the store, such as `DE` or `GB`"));
pub(super) const PROGRAMME: ColumnEntry =
    One(column("programme", Text, "`standard`, or a programme that the marketplace judges apart under its own target"));
pub(super) const CATEGORY: ColumnEntry =
    One(column("product_category", Text, "as in the source; `(none)` where the source names none"));
pub(super) const CATEGORY_OR_ALL: ColumnEntry = One(column(
    "product_category",
    Text,
    "as in the source, `(none)` where the source names none; `(all)` is the sum of all categories",
));
pub(super) const CARRIER: ColumnEntry =
    One(column("carrier", Text, "id of the known carrier; `other` for an unknown name, `(none)` for a missing one"));
pub(super) const WEEK_START: ColumnEntry =
    One(column("week_start", Day, "Monday of the ISO week, in days of the marketplace"));
pub(super) const ISO_WEEK: ColumnEntry = One(column("iso_week", Text, "label of the week, such as `2025-W01`"));
pub(super) const SHIPMENTS: ColumnEntry =
    One(column("shipments", Count, "judged packages: out of scope, exempt and eligible ones"));
pub(super) const OUT_OF_SCOPE: ColumnEntry =
    One(column("out_of_scope", Count, "packages that are not part of the measure"));
pub(super) const EXEMPT: ColumnEntry =
    One(column("exempt", Count, "packages that a rule leaves out of both sides of the rate"));
pub(super) const ELIGIBLE: ColumnEntry =
    One(column("eligible", Count, "packages that count in the rate: valid ones and defects"));
pub(super) const VALID: ColumnEntry = One(column("valid", Count, "packages with a valid tracking number"));
pub(super) const DEFECTS: ColumnEntry = One(column("defects", Count, "packages without a valid tracking number"));
pub(super) const PENDING: ColumnEntry = One(column(
    "pending",
    Count,
    "defects that may still be scanned in time: a scan is missing, but the promised day has not passed on `as_of`",
));
pub(super) const VTR: ColumnEntry = One(nullable("vtr", Share, "valid / eligible; null where nothing is eligible"));
pub(super) const VTR_LOW: ColumnEntry = One(nullable("vtr_low", Share, "lower bound of the Wilson 95 % interval"));
pub(super) const VTR_HIGH: ColumnEntry = One(nullable("vtr_high", Share, "upper bound of the Wilson 95 % interval"));
pub(super) const TARGET_OF_WEEK: ColumnEntry =
    One(nullable("target", Share, "target share of the version in force on the week's last day; null without one"));
pub(super) const TARGET_OF_WINDOW: ColumnEntry =
    One(nullable("target", Share, "target share of the version in force on `window_end`; null without one"));
pub(super) const TARGET_KIND: ColumnEntry =
    One(nullable("target_kind", Text, "`at_least`: the target itself is enough; `more_than`: the rate must exceed it"));
pub(super) const MEETS_TARGET: ColumnEntry = One(nullable(
    "meets_target",
    Flag,
    "whether the counts meet the target, compared on integers; null where nothing is eligible or there is no target",
));
pub(super) const DEFECT_BUDGET: ColumnEntry = One(nullable(
    "defect_budget",
    Count,
    "how many more defects the same eligible count could hold and still meet the target; negative: how many too many",
));
pub(super) const PROVISIONAL_WEEK: ColumnEntry = One(column(
    "provisional",
    Flag,
    "whether figures can still change: the marketplace's latency after the week's last day has not passed on `as_of`",
));
pub(super) const PROVISIONAL_WINDOW: ColumnEntry = One(column(
    "provisional",
    Flag,
    "whether figures can still change: the marketplace's latency after `window_end` has not passed on `as_of`",
));
pub(super) const WINDOW_START: ColumnEntry = One(column("window_start", Day, "first day of the trailing window"));
pub(super) const WINDOW_END: ColumnEntry = One(column("window_end", Day, "last day of the trailing window"));
pub(super) const CLASS: ColumnEntry = One(column("class", Text, "`out_of_scope`, `exempt`, `valid` or `defect`"));
pub(super) const RULE: ColumnEntry = One(column("rule", Text, "id of the rule that decided"));
pub(super) const LANE: ColumnEntry =
    One(column("lane", Text, "id of the lane of the policy that the package falls under; `(none)` without one"));
pub(super) const LIST_DOUBT: ColumnEntry = One(column(
    "list_doubt",
    Flag,
    "whether the carrier is on no list of the policy while the list is only partly known",
));
pub(super) const ORDER: ColumnEntry = One(column("order_id", Text, "the order, as in the source"));
pub(super) const PACKAGE: ColumnEntry = One(column(
    "package_id",
    Text,
    "the package within the order; the cleaned tracking number where the source names none",
));
pub(super) const DAY: ColumnEntry =
    One(column("day", Day, "the day that places the package in time, in the marketplace's time zone"));
pub(super) const CARRIER_TYPED: ColumnEntry =
    One(column("carrier_typed", Text, "the carrier as the seller typed it; empty where missing"));
pub(super) const TRACKING: ColumnEntry =
    One(column("tracking_number", Text, "the number as the seller typed it; empty where missing"));
pub(super) const SHIP_SERVICE: ColumnEntry = One(nullable("ship_service", Text, "the service as in the source"));
pub(super) const SHIP_FROM: ColumnEntry = One(nullable(
    "ship_from_country",
    Text,
    "ISO country of origin; null where the source names none: the marketplace's is assumed",
));
pub(super) const SHIP_TO: ColumnEntry = One(nullable(
    "ship_to_country",
    Text,
    "ISO country of destination; null where the source names none: the marketplace's is assumed",
));
pub(super) const PACKAGE_VALUE: ColumnEntry = One(nullable(
    "package_value",
    Money,
    "value of the package as in the source, to nine decimals; rules use all of them",
));
pub(super) const CURRENCY: ColumnEntry = One(nullable(
    "currency",
    Text,
    "ISO code of the value's currency: the marketplace's if the source names none; null if its code is unknown",
));
pub(super) const SHIPPED_AT: ColumnEntry = One(nullable(
    "shipped_at",
    Time,
    "confirmation of shipment; a bare date is the first instant of that day in the marketplace's time zone",
));
pub(super) const PROMISED_AT: ColumnEntry =
    One(nullable("promised_delivery_at", Time, "end of the delivery promise; a bare date likewise"));
pub(super) const FIRST_SCAN_AT: ColumnEntry =
    One(nullable("first_scan_at", Time, "first scan, if it was known on `as_of`; a bare date likewise"));
pub(super) const KNOWN_SCANS: ColumnEntry =
    One(column("known_scans", Count, "how many of first scan and delivery scan were known on `as_of`"));
pub(super) const MEANING: ColumnEntry = One(column("meaning", Text, "the reason in a sentence"));
pub(super) const SUGGESTED_FIX: ColumnEntry =
    One(column("suggested_fix", Text, "what to do about it, for this package or for later ones; empty for no defect"));
pub(super) const LIKELY_CARRIER: ColumnEntry =
    One(nullable("likely_carrier", Text, "the carrier to which the number certainly belongs, if it is another one"));
pub(super) const IS_PENDING: ColumnEntry = One(column(
    "pending",
    Flag,
    "whether it may still be scanned in time: a scan is missing, but the promised day has not passed on `as_of`",
));
pub(super) const ACT_BY: ColumnEntry = One(nullable(
    "act_by",
    Day,
    "the promised day, where `fixable_by` is `number`: a number counts only if it is given before delivery",
));
pub(super) const COUNTS_UNTIL: &str = "last `window_end` whose window contains the package; it affects that figure until the marketplace's \
                            latency has passed too";
pub(super) const FIXABLE: &str = "who can still fix it: `number` (give or correct number or carrier), `carrier` (chase it for the \
                       scan) or `nobody`";
pub(super) const FILE: ColumnEntry = One(column("file", Text, "path of the input file, relative to the job's folder"));
pub(super) const EVIDENCE: ColumnEntry =
    One(column("evidence", Text, "evidence used to judge: `scans`, or `format` (the number alone)"));

pub(super) static VTR_WEEKLY: &[ColumnEntry] = &[
    SELLER,
    MARKETPLACE,
    PROGRAMME,
    CARRIER,
    WEEK_START,
    ISO_WEEK,
    SHIPMENTS,
    OUT_OF_SCOPE,
    EXEMPT,
    ELIGIBLE,
    VALID,
    DEFECTS,
    PENDING,
    DefectReasons,
    VTR,
    VTR_LOW,
    VTR_HIGH,
    TARGET_OF_WEEK,
    TARGET_KIND,
    MEETS_TARGET,
    PROVISIONAL_WEEK,
    EVIDENCE,
];

pub(super) static VTR_WEEKLY_CATEGORY: &[ColumnEntry] = &[
    SELLER,
    MARKETPLACE,
    PROGRAMME,
    CATEGORY,
    WEEK_START,
    ISO_WEEK,
    SHIPMENTS,
    OUT_OF_SCOPE,
    EXEMPT,
    ELIGIBLE,
    VALID,
    DEFECTS,
    PENDING,
    DefectReasons,
    VTR,
    VTR_LOW,
    VTR_HIGH,
    TARGET_OF_WEEK,
    TARGET_KIND,
    MEETS_TARGET,
    PROVISIONAL_WEEK,
    EVIDENCE,
];

pub(super) static VTR_WEEKLY_REASONS: &[ColumnEntry] = &[
    SELLER,
    MARKETPLACE,
    PROGRAMME,
    WEEK_START,
    CLASS,
    One(column("reason", Text, "the reason given by the ladder")),
    RULE,
    LANE,
    One(column(
        "cross_border",
        Flag,
        "whether origin and destination are different countries; the marketplace's country replaces one that the source does not name",
    )),
    One(column(
        "service_class",
        Text,
        "class of the service by its name and carrier, such as `letter`; `(none)` where none fits",
    )),
    One(column("buy_shipping", Flag, "whether the label was bought through the marketplace")),
    One(column("packages", Count, "judged packages")),
    PENDING,
    One(column(
        "list_doubt",
        Count,
        "packages whose carrier is on no list of the policy while the list is only partly known",
    )),
    EVIDENCE,
];

pub(super) static VTR_ROLLING: &[ColumnEntry] = &[
    SELLER,
    STORE,
    PROGRAMME,
    CATEGORY_OR_ALL,
    WINDOW_END,
    WINDOW_START,
    ELIGIBLE,
    VALID,
    DEFECTS,
    PENDING,
    VTR,
    VTR_LOW,
    VTR_HIGH,
    TARGET_OF_WINDOW,
    TARGET_KIND,
    MEETS_TARGET,
    DEFECT_BUDGET,
    PROVISIONAL_WINDOW,
    EVIDENCE,
];

pub(super) static ACCOUNT_HEALTH: &[ColumnEntry] = &[
    SELLER,
    STORE,
    PROGRAMME,
    CATEGORY_OR_ALL,
    WINDOW_START,
    WINDOW_END,
    ELIGIBLE,
    VALID,
    DEFECTS,
    PENDING,
    VTR,
    VTR_LOW,
    VTR_HIGH,
    TARGET_OF_WINDOW,
    TARGET_KIND,
    One(column(
        "status",
        Text,
        "`good`; `at_risk`: meets the target, but the window's last 7 days, `outlook_low` or, with a defect, the \
         interval's lower bound do not; `breach`: misses the target; `no_data`: nothing eligible, or no version in force",
    )),
    One(column("few", Flag, "whether `eligible` is below the job's `min_eligible`, so that little can be concluded")),
    DEFECT_BUDGET,
    One(nullable(
        "valid_needed",
        Count,
        "the fewest further valid packages that bring the rate back to target; 0 if it meets it, null where no number does",
    )),
    One(nullable("vtr_7_days_before", Share, "the rate of the window that ended 7 days earlier")),
    One(nullable(
        "cause_reason",
        Text,
        "reason of the largest group of defects of one reason and carrier; on ties the earlier rung, then the smaller id",
    )),
    One(nullable("cause_carrier", Text, "carrier of that group")),
    One(column("cause_packages", Count, "packages of that group; 0 without defects")),
    One(column("outlook_end", Day, "last day of the window that can still change: the Sunday on or after `as_of`")),
    One(column("outlook_eligible", Count, "packages known so far that count in that window's rate")),
    One(column("outlook_valid", Count, "those of them with a valid tracking number")),
    One(column("outlook_pending", Count, "those of its defects that are pending")),
    One(nullable("outlook_low", Share, "that window's rate if no pending package is scanned")),
    One(nullable("outlook_high", Share, "that window's rate if every pending package is scanned")),
    One(column("as_of", Day, "the last day (UTC) that the run took into account")),
    EVIDENCE,
];

pub(super) static HEALTH_BREAKDOWN: &[ColumnEntry] = &[
    SELLER,
    STORE,
    PROGRAMME,
    CATEGORY_OR_ALL,
    CARRIER,
    WINDOW_START,
    WINDOW_END,
    ELIGIBLE,
    VALID,
    DEFECTS,
    PENDING,
    DefectReasons,
    Menders,
    EVIDENCE,
];

pub(super) static DEFECT_LIST: &[ColumnEntry] = &[
    SELLER,
    MARKETPLACE,
    PROGRAMME,
    CATEGORY,
    ORDER,
    PACKAGE,
    DAY,
    WEEK_START,
    CARRIER_TYPED,
    CARRIER,
    TRACKING,
    SHIP_SERVICE,
    SHIP_FROM,
    SHIP_TO,
    LANE,
    PACKAGE_VALUE,
    CURRENCY,
    SHIPPED_AT,
    PROMISED_AT,
    FIRST_SCAN_AT,
    KNOWN_SCANS,
    One(column("reason", Text, "why it is a defect: the rung of the ladder that decided")),
    RULE,
    MEANING,
    SUGGESTED_FIX,
    LIKELY_CARRIER,
    LIST_DOUBT,
    IS_PENDING,
    One(column("fixable_by", Text, FIXABLE)),
    ACT_BY,
    One(column("counts_until", Day, COUNTS_UNTIL)),
    EVIDENCE,
];

pub(super) static JUDGED_LIST: &[ColumnEntry] = &[
    SELLER,
    MARKETPLACE,
    PROGRAMME,
    CATEGORY,
    ORDER,
    PACKAGE,
    DAY,
    WEEK_START,
    CARRIER_TYPED,
    CARRIER,
    TRACKING,
    SHIP_SERVICE,
    SHIP_FROM,
    SHIP_TO,
    LANE,
    PACKAGE_VALUE,
    CURRENCY,
    SHIPPED_AT,
    PROMISED_AT,
    FIRST_SCAN_AT,
    KNOWN_SCANS,
    CLASS,
    One(column("reason", Text, "the reason given by the ladder")),
    RULE,
    MEANING,
    SUGGESTED_FIX,
    LIKELY_CARRIER,
    LIST_DOUBT,
    IS_PENDING,
    One(nullable("fixable_by", Text, FIXABLE)),
    ACT_BY,
    One(nullable("counts_until", Day, COUNTS_UNTIL)),
    EVIDENCE,
];

pub(super) static CARRIER_NAMES: &[ColumnEntry] = &[
    MARKETPLACE,
    One(column("carrier_typed", Text, "the carrier as sellers typed it; empty where missing")),
    WEEK_START,
    CARRIER,
    One(nullable(
        "integrated",
        Flag,
        "whether it is on the list of the version in force on `as_of`; null without a version or a list",
    )),
    One(column("shipments", Count, "judged packages with this name")),
    EVIDENCE,
];

pub(super) static REJECTS: &[ColumnEntry] = &[
    FILE,
    One(column("record", Count, "number of the data record in the file, from 1")),
    One(nullable("line", Count, "physical line at which the record begins, from 1; null for Parquet")),
    One(nullable("byte_offset", Count, "byte at which the record begins, from 0; null for Parquet")),
    One(column("column", Text, "the column at fault; empty where it is the record as a whole")),
    One(column("reason", Text, "what is wrong")),
    One(nullable("value", Text, "the offending value, escaped and at most 200 characters long")),
    EVIDENCE,
];

pub(super) static INPUT_FILES: &[ColumnEntry] = &[
    FILE,
    One(column("bytes", Count, "size of the file as stored")),
    One(column("rows_read", Count, "data records read; the sum of the counts from `rejected` to `defect`")),
    One(column("rows_pruned", Count, "rows of row groups that were never read, because no row in them could count")),
    One(column("rejected", Count, "records that cannot be judged at all")),
    One(column("after_as_of", Count, "rows dated after `as_of`")),
    One(column("superseded", Count, "rows that a newer copy supersedes")),
    One(column("outside_range", Count, "rows outside the weeks asked for")),
    OUT_OF_SCOPE,
    EXEMPT,
    VALID,
    One(column("defect", Count, "packages without a valid tracking number")),
    One(nullable("first_day", Day, "first day of the rows that were not rejected")),
    One(nullable("last_day", Day, "last day of the rows that were not rejected")),
    One(column(
        "digest",
        Text,
        "identity of the content: `blake3:` of the bytes, or `etag:` with the size for an object of a store",
    )),
    EVIDENCE,
];
