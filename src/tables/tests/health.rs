//! Tests of `account_health`.

use super::*;

/// Figures as of 2025-06-17: the last final window of GB is 2025-05-04 to 2025-06-02, that of FR 2025-06-04 to
/// 2025-06-13.
fn health(packages: &[JudgedPackages], columns: &str) -> Vec<String> {
    rows(&tables(&plan("2025-06-17", &[Table::AccountHealth]), packages), columns)
}

/// The status of seller `S` in GB over all categories.
fn status(packages: &[JudgedPackages]) -> String {
    health(packages, "product_category status")
        .into_iter()
        .find_map(|row| row.strip_prefix("(all) ").map(String::from))
        .unwrap()
}

#[test]
fn the_window_is_the_latest_whose_latency_has_passed() {
    let packages = [
        judged("2025-06-02", Reason::Scanned, 1),
        judged("2025-06-03", Reason::Scanned, 10),
        judged("2025-05-04", Reason::Scanned, 100),
        judged("2025-05-03", Reason::Scanned, 1000),
        JudgedPackages { market: "FR", ..judged("2025-06-13", Reason::Scanned, 1) },
        JudgedPackages { market: "FR", ..judged("2025-06-14", Reason::Scanned, 10) },
    ];
    let columns = "marketplace product_category window_start window_end eligible target target_kind as_of evidence";
    assert_eq!(
        health(&packages, columns),
        [
            "FR (all) 2025-06-04 2025-06-13 1 0.5 at_least 2025-06-17 scans",
            "FR Toys 2025-06-04 2025-06-13 1 0.5 at_least 2025-06-17 scans",
            "GB (all) 2025-05-04 2025-06-02 101 0.95 at_least 2025-06-17 scans",
            "GB Toys 2025-05-04 2025-06-02 101 0.95 at_least 2025-06-17 scans",
        ]
    );
}

#[test]
fn statuses() {
    let early = |valid, defects| {
        vec![judged("2025-05-10", Reason::Scanned, valid), judged("2025-05-10", Reason::ScanMissing, defects)]
    };
    let with_last_days = |mut packages: Vec<JudgedPackages>, on: &str, valid, defects| {
        packages.extend([judged(on, Reason::Scanned, valid), judged(on, Reason::ScanMissing, defects)]);
        // So that the outlook does not decide the status.
        packages.push(judged("2025-05-24", Reason::Scanned, 1_000));
        packages
    };
    assert_eq!(status(&early(949, 51)), "breach");
    assert_eq!(status(&early(950, 50)), "at_risk", "the interval reaches below the target");
    assert_eq!(status(&early(9990, 10)), "good");
    // However few packages there are: without a defect the interval gives no reason to act.
    assert_eq!(status(&early(3, 0)), "good");
    assert_eq!(status(&early(99, 1)), "at_risk");
    // The last 7 days are 2025-05-27 to 2025-06-02.
    assert_eq!(status(&with_last_days(early(9990, 10), "2025-05-27", 9, 1)), "at_risk");
    assert_eq!(status(&with_last_days(early(9990, 10), "2025-05-26", 9, 1)), "good");
    assert_eq!(status(&with_last_days(early(9990, 10), "2025-06-02", 19, 1)), "good", "exactly the target");
    assert_eq!(status(&[judged("2025-05-10", Reason::Exempt, 5)]), "no_data");
    let unruled = [JudgedPackages { market: "DE", ..judged("2025-05-10", Reason::NoPolicy, 5) }];
    assert_eq!(
        health(&unruled, "product_category status target vtr defect_budget valid_needed"),
        ["(all) no_data    ", "Toys no_data    "]
    );
}

#[test]
fn rows_exist_for_84_days() {
    // 2025-06-02 - 83 days.
    assert_eq!(
        health(&[judged("2025-03-11", Reason::Canceled, 1)], "product_category eligible status"),
        ["(all) 0 no_data", "Toys 0 no_data"]
    );
    assert!(health(&[judged("2025-03-10", Reason::Scanned, 1)], "seller_id").is_empty());
    assert!(health(&[judged("2025-06-03", Reason::Scanned, 1)], "seller_id").is_empty());
    assert!(
        health(
            &[JudgedPackages { market: "(none)", ..judged("2025-06-01", Reason::NotOnMarketplace, 1) }],
            "seller_id"
        )
        .is_empty()
    );
}

#[test]
fn the_window_before_ended_seven_days_earlier() {
    // The window is 2025-04-27 to 2025-05-26.
    let packages = [
        judged("2025-04-26", Reason::ScanMissing, 7),
        judged("2025-04-27", Reason::ScanMissing, 1),
        judged("2025-05-26", Reason::Scanned, 3),
        judged("2025-05-27", Reason::ScanMissing, 16),
    ];
    let columns = "product_category eligible valid defects vtr vtr_7_days_before defect_budget valid_needed";
    assert_eq!(health(&packages, columns)[0], format!("(all) 19 3 16 {} 0.75 -16 301", 3.0 / 19.0));
    assert_eq!(health(&packages[3..], columns)[0], "(all) 16 0 16 0.0  -16 304");
}

#[test]
fn the_cause_is_the_largest_real_group_and_ties_go_to_the_earlier() {
    let by =
        |carrier, category, reason, count| JudgedPackages { carrier, category, ..judged("2025-05-20", reason, count) };
    let packages = [
        by("red", "Toys", Reason::ScanMissing, 3),
        by("blue", "Toys", Reason::CheckDigitFailed, 3),
        by("red", "Art", Reason::TrackingMissing, 4),
        by("(none)", "Art", Reason::ScanMissing, 2),
        by("blue", "Art", Reason::CheckDigitFailed, 3),
        by("blue", "Bags", Reason::Scanned, 9),
        JudgedPackages { day: day("2025-05-03"), ..by("other", "Toys", Reason::NumberMalformed, 99) },
    ];
    assert_eq!(
        health(&packages, "product_category defects cause_reason cause_carrier cause_packages"),
        // Over all categories the check digits of blue are the largest group, although red has more defects in total.
        [
            "(all) 15 check_digit_failed blue 6",
            "Art 9 tracking_missing red 4",
            "Bags 0   0",
            "Toys 6 check_digit_failed blue 3"
        ]
    );
}

#[test]
fn programmes_have_their_own_target() {
    let packages = [
        JudgedPackages { programme: "premium", ..judged("2025-05-20", Reason::Scanned, 1) },
        judged("2025-05-20", Reason::Scanned, 1),
    ];
    assert_eq!(
        health(&packages, "programme product_category target"),
        ["premium (all) 0.99", "premium Toys 0.99", "standard (all) 0.95", "standard Toys 0.95"]
    );
}

#[test]
fn a_range_that_reaches_over_the_days_is_enough() {
    let mut plan = plan("2025-06-17", &[Table::AccountHealth]);
    plan.range = weeks("2025-03-01", "2025-06-16");
    assert_eq!(tables(&plan, &[judged("2025-05-20", Reason::Scanned, 1)]).len(), 1);
    plan.range = weeks("2025-06-02", "2025-06-16");
    assert!(tables(&plan, &[judged("2025-05-20", Reason::Scanned, 1)]).is_empty());
}

/// As of Tuesday, 2025-06-17, the outlook of GB is 2025-05-24 to Sunday, 2025-06-22, and that of FR 2025-06-13 to
/// 2025-06-22.
#[test]
fn the_outlook_is_the_window_that_can_still_be_moved() {
    let pending = |on, count| JudgedPackages { pending: true, ..judged(on, Reason::ScanMissing, count) };
    let packages = [
        judged("2025-05-23", Reason::ScanMissing, 100),
        judged("2025-05-24", Reason::Scanned, 960),
        judged("2025-06-10", Reason::ScanMissing, 20),
        pending("2025-06-20", 18),
        pending("2025-06-22", 2),
        pending("2025-06-23", 500),
        judged("2025-05-10", Reason::Scanned, 9000),
    ];
    let columns =
        "product_category outlook_end outlook_eligible outlook_valid outlook_pending outlook_low outlook_high";
    assert_eq!(health(&packages, columns)[0], "(all) 2025-06-22 1000 960 20 0.96 0.98");
    assert_eq!(status(&packages), "good");
    // If none of 50 more is scanned, 960 of 1050 are too few.
    let mut more = packages.to_vec();
    more.push(pending("2025-06-21", 50));
    assert_eq!(status(&more), "at_risk");
    assert_eq!(health(&more, "few pending defects")[0], "false 0 100");
    assert_eq!(
        health(&[judged("2025-05-24", Reason::Scanned, 9)], "few outlook_low outlook_high"),
        ["true 1.0 1.0", "true 1.0 1.0"]
    );
    let gone = [judged("2025-05-20", Reason::Scanned, 10)];
    assert_eq!(health(&gone, "few outlook_eligible outlook_low outlook_high"), ["false 0  ", "false 0  "]);
}

#[test]
fn the_breakdown_adds_up_to_the_health_of_each_category() {
    let by = |carrier, category, reason, count, mender| JudgedPackages {
        carrier,
        category,
        mender,
        ..judged("2025-05-20", reason, count)
    };
    let packages = [
        by("red", "Toys", Reason::ScanMissing, 3, Some(FixableBy::Carrier)),
        by("red", "Toys", Reason::ScanMissing, 2, Some(FixableBy::Nobody)),
        by("blue", "Toys", Reason::CheckDigitFailed, 4, Some(FixableBy::Number)),
        by("blue", "Art", Reason::Scanned, 5, None),
        by("red", "Art", Reason::Exempt, 7, None),
        JudgedPackages { day: day("2025-05-03"), ..by("blue", "Art", Reason::Scanned, 99, None) },
        JudgedPackages { day: day("2025-06-03"), ..by("blue", "Art", Reason::Scanned, 99, None) },
    ];
    let pieces = tables(&plan("2025-06-17", &[Table::HealthBreakdown]), &packages);
    let columns = "product_category carrier eligible valid defects scan_missing check_digit_failed fixable_by_nobody \
                   fixable_by_carrier fixable_by_number";
    assert_eq!(
        rows(&pieces, columns),
        [
            "(all) blue 9 5 4 0 4 0 0 4",
            "(all) red 5 0 5 5 0 2 3 0",
            "Art blue 5 5 0 0 0 0 0 0",
            "Toys blue 4 0 4 0 4 0 0 4",
            "Toys red 5 0 5 5 0 2 3 0",
        ]
    );
    assert_eq!(rows(&pieces, "window_start window_end")[0], "2025-05-04 2025-06-02");
    assert_eq!(health(&packages, "product_category eligible"), ["(all) 14", "Art 5", "Toys 9"]);
}
