//! `[reconcile]` of a job: which of Amazon's reports are compared, and with which tolerance.
//!
//! It checks the keys and reads no report. It fails with all faults, by key.

use super::plan::Reconcile;
use super::quantity;
use super::resolve::SpecReport;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Amazon's own reports, with which `vtr reconcile` compares our figures.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcileSpec {
    /// Seller performance reports (JSON, also .gz): a path or glob, relative to the job file.
    pub performance: Option<String>,
    /// VTR defect reports (CSV or tab-separated): a path or glob, relative to the job file.
    pub defects: Option<String>,
    /// A regular expression over a report's path with groups `seller_id` and `pulled_on` (a date).
    pub pattern: Option<String>,
    /// The encoding of defect reports by its WHATWG label.
    pub encoding: String,
    /// Headings of localised defect reports by our names: order_id, carrier, tracking_id, origin_country ...
    pub columns: BTreeMap<String, String>,
    /// The most that figures may differ and still agree.
    pub tolerance: ToleranceSpec,
}

impl Default for ReconcileSpec {
    fn default() -> Self {
        ReconcileSpec {
            performance: None,
            defects: None,
            pattern: None,
            encoding: "utf-8".into(),
            columns: BTreeMap::new(),
            tolerance: ToleranceSpec::default(),
        }
    }
}

/// The most that figures may differ and still agree.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToleranceSpec {
    /// For the number of packages, as a share of Amazon's.
    pub shipments: String,
    /// For the rate, in percentage points.
    pub rate: String,
}

impl Default for ToleranceSpec {
    fn default() -> Self {
        ToleranceSpec { shipments: "1%".into(), rate: "0.5%".into() }
    }
}

/// Returns the reports that `vtr reconcile` compares with.
pub(super) fn reconcile(spec: &ReconcileSpec, written: SpecReport) -> Option<Reconcile> {
    let pattern = spec.pattern.as_ref().map(|text| {
        let regex = Regex::new(text).map_err(|error| format!("`reconcile.pattern` cannot be read: {error}"));
        written.good("reconcile.pattern", regex)
    });
    let encoding = encoding_rs::Encoding::for_label(spec.encoding.as_bytes())
        .ok_or_else(|| format!("`{}` is not an encoding; write utf-8, windows-1252, shift_jis ...", spec.encoding));
    Some(Reconcile {
        performance: spec.performance.clone(),
        defects: spec.defects.clone(),
        pattern: match pattern {
            Some(read) => Some(read?),
            None => None,
        },
        encoding: written.good("reconcile.encoding", encoding)?,
        columns: spec.columns.clone(),
        shipments_tolerance: written
            .good("reconcile.tolerance.shipments", quantity::share(&spec.tolerance.shipments))?,
        rate_tolerance: written.good("reconcile.tolerance.rate", quantity::share(&spec.tolerance.rate))?,
    })
}
