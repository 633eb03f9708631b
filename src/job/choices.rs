//! The enums that the job file and the plan share.
//!
//! A job file has a variant as its name in small letters. They resolve nothing. Other words are refused by the JSON
//! Schema before they get here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How rows that are newer than `as_of` are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AsOfMode {
    /// They do not exist yet.
    #[default]
    Rows,
    /// They are kept; only later scans are blanked.
    Scans,
}

/// The evidence by which packages are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceWanted {
    /// Scans if the inputs have them, else the number alone.
    #[default]
    Auto,
    /// Scans; an input without them is refused.
    Scans,
    /// The number alone; scans are ignored.
    Format,
}

/// The condition under which two rows are copies of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The same package: the newest row counts.
    #[default]
    Package,
    /// The same order: the rows of its newest file count.
    Order,
}

/// The days on which rolling windows end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rolling {
    /// On Sundays.
    #[default]
    Weekly,
    /// On every day.
    Daily,
}

/// What a run does about a file that cannot be read to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadFile {
    /// The run fails, and names every bad file.
    #[default]
    Fail,
    /// The run goes on without the file, none of whose rows counts, and warns.
    Skip,
}

/// How rows of different sources are assigned to one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// By seller and order id.
    #[default]
    SellerOrder,
    /// By the order id alone, for a source that names no seller; an id that two sellers have lends to neither.
    OrderId,
}
