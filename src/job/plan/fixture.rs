//! Plans and inputs with the job's defaults, for tests of the rooms that take them.

use super::{AsOfMode, EvidenceWanted, Input, Limits, Output, Plan, Rolling};
use crate::job::raw_input;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use vtr_kernel::Book;
use vtr_kernel::money::Rates;

static BOOK: LazyLock<Arc<Book>> = LazyLock::new(|| Arc::new(vtr_kernel::load::embedded().unwrap()));

/// Returns an input of these paths, whose suffixes say how the files are written.
pub(crate) fn input(paths: &[&str]) -> Input {
    Input { format: None, ..raw_input(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()) }
}

/// Returns a plan of these inputs below a folder.
pub(crate) fn plan(root: &Path, inputs: Vec<Input>) -> Plan {
    Plan {
        name: "test".into(),
        root: root.into(),
        as_of: 20_500,
        as_of_mode: AsOfMode::Rows,
        evidence: EvidenceWanted::Auto,
        identity: None,
        range: None,
        is_batch: false,
        with_health: false,
        copies_within_days: 0,
        prune: true,
        book: BOOK.clone(),
        rates: Arc::new(Rates::default()),
        inputs,
        assemble: None,
        output: Output {
            path: "out".into(),
            tables: Vec::new(),
            rolling: Rolling::Weekly,
            min_eligible: 10,
            judged_weeks: 8,
            closed_after_days: None,
            keep: None,
        },
        limits: Limits {
            max_rejected: (1, 1000),
            max_damaged: (1, 100),
            max_unknown_words: (1, 100),
            max_copied_times: (1, 2),
            scan_lead_days: 30,
            max_vanished_weeks: 0,
            max_rejected_rows_kept: 1000,
            max_field_bytes: 64 << 10,
            max_record_bytes: 1 << 20,
            max_columns: 1000,
            max_inflated_bytes: 64 << 30,
            max_inflated_ratio: 5000,
            max_page_bytes: 128 << 20,
            max_row_group_rows: 100_000_000,
            max_isolated_bytes: 2 << 30,
            max_isolated_seconds: 60,
        },
        checks: Vec::new(),
        sinks: Vec::new(),
        sellers: Default::default(),
        reconcile: Default::default(),
        threads: 1,
        memory: 1 << 30,
        temp: std::env::temp_dir(),
        job_digest: String::new(),
        known: std::sync::Arc::default(),
        of_packages: Vec::new(),
        delivered_by_other: std::sync::Arc::default(),
        claim: None,
        began_at: String::new(),
        run_id: String::new(),
    }
}
