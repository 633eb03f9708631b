//! The published tables as data: names, columns, types, keys and meanings.
//!
//! Builders, documentation and tests all read from here, so that a table cannot differ from what is
//! said about it. It must not hold figures or logic; a change of grain or meaning is a new table.
//! Nothing in it fails.

mod star;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};
use vtr_kernel::Reason;
use vtr_kernel::mend::FixableBy;

/// A published table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // `meaning` documents them
pub enum Table {
    VtrWeekly,
    VtrWeeklyCategory,
    VtrWeeklyReasons,
    VtrRolling,
    AccountHealth,
    HealthBreakdown,
    Defects,
    Judged,
    CarrierNames,
    Rejects,
    InputFiles,
    DimMarketplace,
    DimCarrier,
    DimReason,
    DimRule,
    DimWeek,
    DimSeller,
}

/// What the cells of a column are; it decides the Arrow type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ids, names and texts: Utf8.
    Text,
    /// Counts, bytes and record numbers: Int64.
    Count,
    /// Rates, interval bounds and targets: Float64.
    Share,
    /// Calendar days: Date32.
    Day,
    /// Yes or no: Boolean.
    Flag,
    /// Instants: timestamps in microseconds, UTC.
    Time,
    /// Amounts of money: [`MONEY`]. A decimal and no text, because whoever adds values up wants a number, and no
    /// double, because it could not tell whether a value lies below a limit.
    Money,
}

/// The digits of an amount of money, and how many of them stand behind the mark: those of BigQuery's `NUMERIC`,
/// so that no store of tables has to cut what it is given.
pub const MONEY: (u8, i8) = vtr_columnar::defects::VALUE;

impl Kind {
    /// The Arrow type of its columns.
    pub fn data_type(self) -> DataType {
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Count => DataType::Int64,
            Kind::Share => DataType::Float64,
            Kind::Day => DataType::Date32,
            Kind::Flag => DataType::Boolean,
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Money => DataType::Decimal128(MONEY.0, MONEY.1),
        }
    }

    /// The type's name in the documentation.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Count => "int64",
            Kind::Share => "double",
            Kind::Day => "date",
            Kind::Flag => "boolean",
            Kind::Time => "timestamp (UTC)",
            Kind::Money => "decimal(38, 9)",
        }
    }
}

/// What is known about one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Its name.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
    /// Whether a cell may be null.
    pub nullable: bool,
    /// What it says, for a person.
    pub meaning: &'static str,
}

const fn column(name: &'static str, kind: Kind, meaning: &'static str) -> ColumnFacts {
    ColumnFacts { name, kind, nullable: false, meaning }
}

const fn nullable(name: &'static str, kind: Kind, meaning: &'static str) -> ColumnFacts {
    ColumnFacts { name, kind, nullable: true, meaning }
}

/// One entry of a table's list of columns.
enum Part {
    One(ColumnFacts),
    /// One count for each defect reason, in ladder order.
    DefectReasons,
    /// One count for each of those who can mend a defect, in the order of [`FixableBy::ALL`].
    Menders,
}

use Kind::{Count, Day, Flag, Money, Share, Text, Time};
use Part::{DefectReasons, Menders, One};

const SELLER: Part = One(column("seller_id", Text, "the seller account, as written in the source"));
const MARKETPLACE: Part = One(column(
    "marketplace",
    Text,
    "ISO country of the store, such as `DE` or `GB`; `(none)` for sales outside any marketplace",
));
const STORE: Part = One(column("marketplace", Text, "ISO country of the store, such as `DE` or `GB`"));
const PROGRAMME: Part =
    One(column("programme", Text, "`standard`, or a programme that the marketplace judges apart under its own target"));
const CATEGORY: Part = One(column("product_category", Text, "as in the source; `(none)` where the source names none"));
const CATEGORY_OR_ALL: Part = One(column(
    "product_category",
    Text,
    "as in the source, `(none)` where the source names none; `(all)` is the sum of all categories",
));
const CARRIER: Part =
    One(column("carrier", Text, "id of the known carrier; `other` for an unknown name, `(none)` for a missing one"));
const WEEK_START: Part = One(column("week_start", Day, "Monday of the ISO week, in days of the marketplace"));
const ISO_WEEK: Part = One(column("iso_week", Text, "label of the week, such as `2025-W01`"));
const SHIPMENTS: Part = One(column("shipments", Count, "judged packages: out of scope, exempt and eligible ones"));
const OUT_OF_SCOPE: Part = One(column("out_of_scope", Count, "packages that are not part of the measure"));
const EXEMPT: Part = One(column("exempt", Count, "packages that a rule leaves out of both sides of the rate"));
const ELIGIBLE: Part = One(column("eligible", Count, "packages that count in the rate: valid ones and defects"));
const VALID: Part = One(column("valid", Count, "packages with a valid tracking number"));
const DEFECTS: Part = One(column("defects", Count, "packages without one"));
const PENDING: Part = One(column(
    "pending",
    Count,
    "those defects that are not yet anybody's fault: a scan is missing, but the promised day has not passed on `as_of`",
));
const VTR: Part = One(nullable("vtr", Share, "valid / eligible; null where nothing is eligible"));
const VTR_LOW: Part = One(nullable("vtr_low", Share, "lower bound of the Wilson 95 % interval"));
const VTR_HIGH: Part = One(nullable("vtr_high", Share, "upper bound of the Wilson 95 % interval"));
const TARGET_OF_WEEK: Part =
    One(nullable("target", Share, "share asked for by the version in force on the week's last day; null without one"));
const TARGET_OF_WINDOW: Part =
    One(nullable("target", Share, "share asked for by the version in force on `window_end`; null without one"));
const TARGET_KIND: Part =
    One(nullable("target_kind", Text, "`at_least`: the target itself is enough; `more_than`: the rate must exceed it"));
const MEETS_TARGET: Part = One(nullable(
    "meets_target",
    Flag,
    "whether the counts meet the target, compared on integers; null where nothing is eligible or there is no target",
));
const DEFECT_BUDGET: Part = One(nullable(
    "defect_budget",
    Count,
    "how many more defects the same eligible count could hold and still meet the target; negative: how many too many",
));
const PROVISIONAL_WEEK: Part = One(column(
    "provisional",
    Flag,
    "whether figures can still move: the marketplace's latency after the week's last day has not passed on `as_of`",
));
const PROVISIONAL_WINDOW: Part = One(column(
    "provisional",
    Flag,
    "whether figures can still move: the marketplace's latency after `window_end` has not passed on `as_of`",
));
const WINDOW_START: Part = One(column("window_start", Day, "first day of the trailing window"));
const WINDOW_END: Part = One(column("window_end", Day, "last day of the trailing window"));
const CLASS: Part = One(column("class", Text, "`out_of_scope`, `exempt`, `valid` or `defect`"));
const RULE: Part = One(column("rule", Text, "id of the rule that decided"));
const LANE: Part =
    One(column("lane", Text, "id of the lane of the policy that the package falls under; `(none)` without one"));
const LIST_DOUBT: Part = One(column(
    "list_doubt",
    Flag,
    "whether the carrier stands on no list of the policy, and that list is known in part only",
));
const ORDER: Part = One(column("order_id", Text, "the order, as in the source"));
const PACKAGE: Part = One(column(
    "package_id",
    Text,
    "the package within the order; the cleaned tracking number where the source names none",
));
const DAY: Part = One(column("day", Day, "the day that places the package in time, in the marketplace's time zone"));
const CARRIER_TYPED: Part =
    One(column("carrier_typed", Text, "the carrier as the seller typed it; empty where missing"));
const TRACKING: Part = One(column("tracking_number", Text, "the number as the seller typed it; empty where missing"));
const SHIP_SERVICE: Part = One(nullable("ship_service", Text, "the service as in the source"));
const SHIP_FROM: Part = One(nullable(
    "ship_from_country",
    Text,
    "ISO country of origin; null where the source names none: the marketplace's is assumed",
));
const SHIP_TO: Part = One(nullable(
    "ship_to_country",
    Text,
    "ISO country of destination; null where the source names none: the marketplace's is assumed",
));
const PACKAGE_VALUE: Part = One(nullable(
    "package_value",
    Money,
    "value of the package as in the source, to nine decimals; rules are asked with all of them",
));
const CURRENCY: Part = One(nullable(
    "currency",
    Text,
    "ISO code of what it is valued in: the marketplace's where the source names none; null where its code is unknown",
));
const SHIPPED_AT: Part = One(nullable(
    "shipped_at",
    Time,
    "confirmation of shipment; a bare date is the first instant of that day in the marketplace's time zone",
));
const PROMISED_AT: Part =
    One(nullable("promised_delivery_at", Time, "end of the delivery promise; a bare date likewise"));
const FIRST_SCAN_AT: Part =
    One(nullable("first_scan_at", Time, "first scan, if it was known on `as_of`; a bare date likewise"));
const KNOWN_SCANS: Part =
    One(column("known_scans", Count, "how many of first scan and delivery scan were known on `as_of`"));
const MEANING: Part = One(column("meaning", Text, "the reason in a sentence"));
const SUGGESTED_FIX: Part =
    One(column("suggested_fix", Text, "what to do about it, for this package or for later ones; empty for no defect"));
const LIKELY_CARRIER: Part =
    One(nullable("likely_carrier", Text, "whose number it certainly is, where it belongs to another carrier"));
const IS_PENDING: Part = One(column(
    "pending",
    Flag,
    "whether it is not yet anybody's fault: a scan is missing, but the promised day has not passed on `as_of`",
));
const ACT_BY: Part = One(nullable(
    "act_by",
    Day,
    "the promised day, where `fixable_by` is `number`: a number counts only if it is given before delivery",
));
const COUNTS_UNTIL: &str = "last `window_end` whose window holds the package; it moves that figure until the marketplace's \
                            latency has passed too";
const FIXABLE: &str = "who can still mend it: `number` (give or correct number or carrier), `carrier` (chase it for the \
                       scan) or `nobody`";
const FILE: Part = One(column("file", Text, "path of the input file, relative to the job's folder"));
const EVIDENCE: Part = One(column("evidence", Text, "what was judged by: `scans`, or `format` (the number alone)"));

static VTR_WEEKLY: &[Part] = &[
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

static VTR_WEEKLY_CATEGORY: &[Part] = &[
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

static VTR_WEEKLY_REASONS: &[Part] = &[
    SELLER,
    MARKETPLACE,
    PROGRAMME,
    WEEK_START,
    CLASS,
    One(column("reason", Text, "what the ladder said")),
    RULE,
    LANE,
    One(column(
        "cross_border",
        Flag,
        "whether origin and destination are different countries; the marketplace's stands for one that the source does not name",
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
        "packages whose carrier stands on no list of the policy, where that list is known in part only",
    )),
    EVIDENCE,
];

static VTR_ROLLING: &[Part] = &[
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

static ACCOUNT_HEALTH: &[Part] = &[
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
    One(column("few", Flag, "whether `eligible` is below the job's `min_eligible`: little can be told from it")),
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
    One(column("outlook_end", Day, "last day of the window that can still be moved: the Sunday on or after `as_of`")),
    One(column("outlook_eligible", Count, "packages known so far that count in that window's rate")),
    One(column("outlook_valid", Count, "those of them with a valid tracking number")),
    One(column("outlook_pending", Count, "those of its defects that are pending")),
    One(nullable("outlook_low", Share, "that window's rate if no pending package is scanned")),
    One(nullable("outlook_high", Share, "that window's rate if every pending package is scanned")),
    One(column("as_of", Day, "the last day (UTC) of which anything was known")),
    EVIDENCE,
];

static HEALTH_BREAKDOWN: &[Part] = &[
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

static DEFECT_LIST: &[Part] = &[
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
    One(column("reason", Text, "why it is a defect: the rung of the ladder that spoke")),
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

static JUDGED_LIST: &[Part] = &[
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
    One(column("reason", Text, "what the ladder said")),
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

static CARRIER_NAMES: &[Part] = &[
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

static REJECTS: &[Part] = &[
    FILE,
    One(column("record", Count, "number of the data record in the file, from 1")),
    One(nullable("line", Count, "physical line at which the record begins, from 1; null for Parquet")),
    One(nullable("byte_offset", Count, "byte at which the record begins, from 0; null for Parquet")),
    One(column("column", Text, "the column at fault; empty where it is the record as a whole")),
    One(column("reason", Text, "what is wrong")),
    One(nullable("value", Text, "the offending value, escaped and at most 200 characters long")),
    EVIDENCE,
];

static INPUT_FILES: &[Part] = &[
    FILE,
    One(column("bytes", Count, "size of the file as stored")),
    One(column("rows_read", Count, "data records seen; the sum of the counts from `rejected` to `defect`")),
    One(column("rows_pruned", Count, "rows of row groups that were never read, because no row in them could count")),
    One(column("rejected", Count, "records that cannot be judged at all")),
    One(column("after_as_of", Count, "rows that were not yet there on `as_of`")),
    One(column("superseded", Count, "rows of which a newer copy counts")),
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
        "what tells the content: `blake3:` of the bytes, or `etag:` with the size for an object of a store",
    )),
    EVIDENCE,
];

static SCHEMAS: LazyLock<Vec<SchemaRef>> = LazyLock::new(|| Table::ALL.into_iter().map(make_schema).collect());

fn make_schema(table: Table) -> SchemaRef {
    let columns = table.columns();
    let fields = columns.iter().map(|facts| Field::new(facts.name, facts.kind.data_type(), facts.nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Table {
    /// All tables, in canonical order.
    pub const ALL: [Table; 17] = [
        Table::VtrWeekly,
        Table::VtrWeeklyCategory,
        Table::VtrWeeklyReasons,
        Table::VtrRolling,
        Table::AccountHealth,
        Table::HealthBreakdown,
        Table::Defects,
        Table::Judged,
        Table::CarrierNames,
        Table::Rejects,
        Table::InputFiles,
        Table::DimMarketplace,
        Table::DimCarrier,
        Table::DimReason,
        Table::DimRule,
        Table::DimWeek,
        Table::DimSeller,
    ];

    /// Its name in jobs and folders.
    pub fn name(self) -> &'static str {
        match self {
            Table::VtrWeekly => "vtr_weekly",
            Table::VtrWeeklyCategory => "vtr_weekly_category",
            Table::VtrWeeklyReasons => "vtr_weekly_reasons",
            Table::VtrRolling => "vtr_rolling",
            Table::AccountHealth => "account_health",
            Table::HealthBreakdown => "health_breakdown",
            Table::Defects => "defects",
            Table::Judged => "judged",
            Table::CarrierNames => "carrier_names",
            Table::Rejects => "rejects",
            Table::InputFiles => "input_files",
            Table::DimMarketplace => "dim_marketplace",
            Table::DimCarrier => "dim_carrier",
            Table::DimReason => "dim_reason",
            Table::DimRule => "dim_rule",
            Table::DimWeek => "dim_week",
            Table::DimSeller => "dim_seller",
        }
    }

    /// The table of a name.
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Whether it is published week by week.
    pub fn is_partitioned(self) -> bool {
        !self.is_star()
            && !matches!(self, Table::AccountHealth | Table::HealthBreakdown | Table::Rejects | Table::InputFiles)
    }

    /// Whether a job that names no tables makes it. A row for each package is for those who ask.
    pub fn is_made_by_default(self) -> bool {
        self != Table::Judged
    }

    /// Whether it says what codes of the other tables mean, and nothing of shipments.
    pub fn is_star(self) -> bool {
        self >= Table::DimMarketplace
    }

    /// What one row is, for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            Table::VtrWeekly => "The rate by carrier and ISO week.",
            Table::VtrWeeklyCategory => "The rate by product category and ISO week.",
            Table::VtrWeeklyReasons => {
                "Which rule decided over how many packages of an ISO week, domestic and across borders, by service."
            }
            Table::VtrRolling => {
                "The rate over the policy's trailing window, by product category: the figure that the marketplace judges. \
                 Windows end on every Sunday, or on every day with `rolling = \"daily\"`; \
                 a file holds the windows that end in its week."
            }
            Table::AccountHealth => {
                "The last window whose figures are final, with its status and what is needed to meet the target."
            }
            Table::HealthBreakdown => {
                "What the figures of `account_health` are made of: the same window, by carrier and defect reason."
            }
            Table::Defects => "Every package without a valid tracking number, why, and what to do about it.",
            Table::Judged => {
                "Every judged package of the last `judged_weeks` weeks, for audits and what-if questions. Made only if the \
                 job names it."
            }
            Table::CarrierNames => "What each carrier name was taken for.",
            Table::Rejects => "Records that could not be judged at all, of the last publication.",
            Table::InputFiles => "What was read and what became of it, of the last publication.",
            Table::DimMarketplace => "The marketplaces of the book, as of the run's `as_of`.",
            Table::DimCarrier => "The carriers of the book.",
            Table::DimReason => "Every way a judged package can end.",
            Table::DimRule => "The rules that the tables name: since when, until when, and where that was read.",
            Table::DimWeek => "Every ISO week that a package can lie in.",
            Table::DimSeller => "The sellers of the published rows, with what the job's `sellers` file says of them.",
        }
    }

    /// The columns that identify a row, in the order that rows are sorted by.
    pub fn key(self) -> &'static [&'static str] {
        match self {
            Table::VtrWeekly => &["seller_id", "marketplace", "programme", "carrier", "week_start"],
            Table::VtrWeeklyCategory => &["seller_id", "marketplace", "programme", "product_category", "week_start"],
            Table::VtrRolling => &["seller_id", "marketplace", "programme", "product_category", "window_end"],
            Table::VtrWeeklyReasons => &[
                "seller_id",
                "marketplace",
                "programme",
                "week_start",
                "class",
                "reason",
                "rule",
                "lane",
                "cross_border",
                "service_class",
                "buy_shipping",
            ],
            Table::AccountHealth => &["seller_id", "marketplace", "programme", "product_category"],
            Table::HealthBreakdown => &["seller_id", "marketplace", "programme", "product_category", "carrier"],
            Table::Defects | Table::Judged => &["seller_id", "marketplace", "order_id", "package_id"],
            Table::CarrierNames => &["marketplace", "carrier_typed", "week_start", "carrier"],
            Table::Rejects => &["file", "record"],
            Table::InputFiles => &["file"],
            Table::DimMarketplace => &["marketplace"],
            Table::DimCarrier => &["carrier"],
            Table::DimReason => &["reason"],
            Table::DimRule => &["marketplace", "reason", "rule"],
            Table::DimWeek => &["week_start"],
            Table::DimSeller => &["seller_id"],
        }
    }

    fn parts(self) -> &'static [Part] {
        match self {
            Table::VtrWeekly => VTR_WEEKLY,
            Table::VtrWeeklyCategory => VTR_WEEKLY_CATEGORY,
            Table::VtrRolling => VTR_ROLLING,
            Table::VtrWeeklyReasons => VTR_WEEKLY_REASONS,
            Table::AccountHealth => ACCOUNT_HEALTH,
            Table::HealthBreakdown => HEALTH_BREAKDOWN,
            Table::Defects => DEFECT_LIST,
            Table::Judged => JUDGED_LIST,
            Table::CarrierNames => CARRIER_NAMES,
            Table::Rejects => REJECTS,
            Table::InputFiles => INPUT_FILES,
            Table::DimMarketplace => star::DIM_MARKETPLACE,
            Table::DimCarrier => star::DIM_CARRIER,
            Table::DimReason => star::DIM_REASON,
            Table::DimRule => star::DIM_RULE,
            Table::DimWeek => star::DIM_WEEK,
            Table::DimSeller => star::DIM_SELLER,
        }
    }

    /// Its columns, in order.
    pub fn columns(self) -> Vec<ColumnFacts> {
        let mut columns = Vec::new();
        for part in self.parts() {
            match part {
                One(facts) => columns.push(*facts),
                DefectReasons => {
                    columns
                        .extend(Reason::defects().map(|reason| column(reason.name(), Count, reason.entry().meaning)));
                }
                Menders => {
                    columns.extend(FixableBy::ALL.map(|mender| column(mender.column(), Count, mender.meaning())));
                }
            }
        }
        columns
    }

    /// Its Arrow schema.
    pub fn schema(self) -> SchemaRef {
        SCHEMAS[self as usize].clone()
    }
}

/// In so many tables a column must have the same meaning to be described once for all of them.
const SHARED_BY: usize = 3;

/// Columns that several tables have with the same type and meaning, in the order of their first table.
fn shared_columns() -> Vec<ColumnFacts> {
    let all: Vec<ColumnFacts> = Table::ALL.into_iter().flat_map(Table::columns).collect();
    let mut shared: Vec<ColumnFacts> = Vec::new();
    for facts in &all {
        if !shared.contains(facts) && all.iter().filter(|other| *other == facts).count() >= SHARED_BY {
            shared.push(*facts);
        }
    }
    shared
}

fn markdown_columns(text: &mut String, columns: &[ColumnFacts]) {
    let _ = writeln!(text, "| column | type | nulls | meaning |\n|---|---|---|---|");
    for facts in columns {
        let nulls = if facts.nullable { "yes" } else { "" };
        let _ = writeln!(text, "| `{}` | {} | {nulls} | {} |", facts.name, facts.kind.name(), facts.meaning);
    }
    text.push('\n');
}

/// The documentation of all tables, as Markdown: of each a heading, its grain, its columns in order, and the
/// meaning of those that it does not share with others.
pub fn markdown() -> String {
    let list = |names: &mut dyn Iterator<Item = &'static str>| {
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let shared = shared_columns();
    let mut text = String::new();
    for table in Table::ALL {
        let files = if table.is_partitioned() { "One file a week." } else { "One file." };
        let (name, meaning, key) = (table.name(), table.meaning(), list(&mut table.key().iter().copied()));
        let columns = table.columns();
        let _ = writeln!(text, "### `{name}`\n\n{meaning} {files} Key and sort order: {key}.\n");
        let _ = writeln!(text, "Columns: {}.\n", list(&mut columns.iter().map(|facts| facts.name)));
        let own: Vec<ColumnFacts> = columns.into_iter().filter(|facts| !shared.contains(facts)).collect();
        if !own.is_empty() {
            markdown_columns(&mut text, &own);
        }
    }
    let _ = writeln!(text, "### Columns that several tables share\n");
    markdown_columns(&mut text, &shared);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_by_name_and_stand_in_canonical_order() {
        for (index, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table as usize, index);
            assert_eq!(Table::from_name(table.name()), Some(table));
        }
        assert_eq!(Table::from_name("vtr_daily"), None);
    }

    #[test]
    fn keys_are_columns_that_are_never_null_and_evidence_stands_last() {
        for table in Table::ALL {
            let columns = table.columns();
            for key in table.key() {
                let facts = columns.iter().find(|facts| facts.name == *key);
                assert!(facts.is_some_and(|facts| !facts.nullable), "{} {key}", table.name());
            }
            let last = columns.last().map(|facts| facts.name);
            assert_eq!(last == Some("evidence"), !table.is_star(), "{}", table.name());
            for (index, facts) in columns.iter().enumerate() {
                assert!(columns[..index].iter().all(|other| other.name != facts.name), "{} twice", facts.name);
                assert!(!facts.meaning.contains('|') && !facts.meaning.is_empty(), "{}", facts.name);
            }
        }
        let health = Table::AccountHealth.columns();
        assert_eq!(health[health.len() - 2].name, "as_of");
    }

    #[test]
    fn weekly_columns_are_these() {
        let names: Vec<&str> = Table::VtrWeekly.columns().iter().map(|facts| facts.name).collect();
        let want = "seller_id marketplace programme carrier week_start iso_week shipments out_of_scope exempt eligible \
                    valid defects pending tracking_missing tracking_placeholder carrier_missing carrier_not_accepted \
                    number_refused carrier_mismatch added_after_delivery number_malformed check_digit_failed \
                    delivery_scan_missing scan_missing vtr vtr_low vtr_high target target_kind meets_target \
                    provisional evidence";
        assert_eq!(names, want.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn the_documentation_names_every_column() {
        let text = markdown();
        for table in Table::ALL {
            assert!(text.contains(&format!("### `{}`", table.name())));
            assert!(table.columns().iter().all(|facts| text.contains(&format!("| `{}` | ", facts.name))));
        }
    }
}
