//! Tests of `vtr_weekly`, `vtr_weekly_category`, `vtr_rolling`.

use super::*;
use proptest::prelude::*;

#[test]
fn pending_defects_are_counted_beside_the_others() {
    let packages = [
        judged("2025-01-14", Reason::Scanned, 5),
        judged("2025-01-14", Reason::ScanMissing, 3),
        JudgedPackages { pending: true, ..judged("2025-01-14", Reason::ScanMissing, 2) },
        JudgedPackages { pending: true, ..judged("2025-01-14", Reason::DeliveryScanMissing, 1) },
    ];
    let columns = "eligible defects pending delivery_scan_missing scan_missing";
    for table in [Table::VtrWeekly, Table::VtrWeeklyCategory] {
        assert_eq!(rows(&tables(&plan("2025-02-02", &[table]), &packages), columns), ["11 6 3 1 5"]);
    }
    let rolling = tables(&plan("2025-02-02", &[Table::VtrRolling]), &packages);
    assert_eq!(rows(&rolling, "product_category eligible defects pending"), ["(all) 11 6 3", "Toys 11 6 3"]);
}

#[test]
fn reasons_say_which_rule_decided_and_where() {
    let told = |rule, service, cross_border, reason, count| JudgedPackages {
        told: [rule, "gb-any", service],
        cross_border,
        ..judged("2025-01-14", reason, count)
    };
    let packages = [
        told("gb-letters", "letter", false, Reason::Exempt, 4),
        told("gb-any", "letter", true, Reason::Scanned, 2),
        told("gb-any", "(none)", true, Reason::Scanned, 3),
        told("gb-any", "(none)", false, Reason::ScanMissing, 5),
        JudgedPackages { pending: true, ..told("gb-any", "(none)", false, Reason::ScanMissing, 6) },
        JudgedPackages { list_doubt: true, ..told("gb-any", "(none)", false, Reason::ScanMissing, 7) },
    ];
    let pieces = tables(&plan("2025-02-02", &[Table::VtrWeeklyReasons]), &packages);
    let columns =
        "week_start class reason rule lane cross_border service_class buy_shipping packages pending list_doubt";
    assert_eq!(
        rows(&pieces, columns),
        [
            "2025-01-13 defect scan_missing gb-any gb-any false (none) false 18 6 7",
            "2025-01-13 exempt exempt gb-letters gb-any false letter false 4 0 0",
            "2025-01-13 valid scanned gb-any gb-any true (none) false 3 0 0",
            "2025-01-13 valid scanned gb-any gb-any true letter false 2 0 0",
        ]
    );
}

#[test]
fn weekly_counts_rates_and_targets() {
    let plan = plan("2025-02-02", &[Table::VtrWeekly]);
    let packages = [
        judged("2025-01-12", Reason::Scanned, 94),
        judged("2025-01-06", Reason::ScanMissing, 6),
        judged("2025-01-13", Reason::Scanned, 19),
        judged("2025-01-19", Reason::CheckDigitFailed, 1),
        judged("2025-01-19", Reason::Exempt, 3),
        judged("2025-01-14", Reason::Canceled, 2),
        JudgedPackages {
            seller: "10",
            market: "(none)",
            reason: Reason::NotOnMarketplace,
            ..judged("2025-01-14", Reason::Canceled, 4)
        },
        JudgedPackages { programme: "premium", ..judged("2025-01-14", Reason::Scanned, 5) },
        JudgedPackages { seller: "9", market: "DE", carrier: "(none)", ..judged("2025-01-15", Reason::NoPolicy, 7) },
    ];
    let pieces = tables(&plan, &packages);
    let weeks: Vec<Option<Day>> = pieces.iter().map(|piece| piece.week).collect();
    assert_eq!(weeks, [Some(day("2025-01-06")), Some(day("2025-01-13"))]);
    let keys = "seller_id marketplace programme carrier week_start iso_week";
    assert_eq!(
        rows(&pieces, keys),
        [
            "S GB standard red 2025-01-06 2025-W02",
            "10 (none) standard red 2025-01-13 2025-W03",
            "9 DE standard (none) 2025-01-13 2025-W03",
            "S GB premium red 2025-01-13 2025-W03",
            "S GB standard red 2025-01-13 2025-W03",
        ]
    );
    let counts = "shipments out_of_scope exempt eligible valid defects check_digit_failed scan_missing";
    assert_eq!(
        rows(&pieces, counts),
        ["100 0 0 100 94 6 0 6", "4 4 0 0 0 0 0 0", "7 7 0 0 0 0 0 0", "5 0 0 5 5 0 0 0", "25 2 3 20 19 1 1 0"]
    );
    // 94 of 100 is not more than 94 %; 19 of 20 is at least 95 %. Week 2 ends under the old version.
    let judgement = "vtr target target_kind meets_target provisional evidence";
    assert_eq!(
        rows(&pieces, judgement),
        [
            "0.94 0.94 more_than false false scans",
            "    false scans",
            "    true scans",
            "1.0 0.99 at_least true true scans",
            "0.95 0.95 at_least true true scans",
        ]
    );
    let intervals = rows(&pieces, "vtr_low vtr_high");
    assert!(
        intervals[0].starts_with("0.8752") && intervals[1] == " " && intervals[3].ends_with(" 1.0"),
        "{intervals:?}"
    );
}

#[test]
fn weeks_outside_the_range_are_not_made() {
    let packages: Vec<JudgedPackages> = (0..10)
        .map(|week| JudgedPackages { day: day("2025-03-03") + 7 * week, ..judged("2025-03-03", Reason::Scanned, 1) })
        .collect();
    let mut plan = plan(
        "2025-12-01",
        &[Table::VtrWeekly, Table::VtrWeeklyCategory, Table::VtrRolling, Table::CarrierNames, Table::AccountHealth],
    );
    plan.range = weeks("2025-03-17", "2025-03-24");
    let pieces = tables(&plan, &packages);
    let of = |table: Table| -> Vec<Day> {
        pieces.iter().filter(|piece| piece.table == table).filter_map(|piece| piece.week).collect()
    };
    for table in [Table::VtrWeekly, Table::VtrWeeklyCategory, Table::CarrierNames] {
        assert_eq!(of(table), [day("2025-03-17"), day("2025-03-24")]);
    }
    // Windows of 30 days that overlap the range end up to 29 days after it; data reach to 2025-05-11.
    assert_eq!(of(Table::VtrRolling), [17, 24, 31, 38, 45, 52].map(|after| day("2025-03-01") - 1 + after));
    assert!(pieces.iter().all(|piece| piece.table != Table::AccountHealth), "the run did not count its days");
}

#[test]
fn rolling_windows_end_on_sundays_and_hold_earlier_days() {
    let plan = plan("2025-03-01", &[Table::VtrRolling]);
    let packages = [
        judged("2025-01-18", Reason::Scanned, 9),
        judged("2025-01-18", Reason::ScanMissing, 1),
        JudgedPackages { category: "Art", ..judged("2025-02-09", Reason::Scanned, 5) },
        JudgedPackages { market: "(none)", ..judged("2025-01-18", Reason::NotOnMarketplace, 5) },
        JudgedPackages { market: "FR", ..judged("2025-01-20", Reason::Exempt, 2) },
        judged("2025-02-17", Reason::Canceled, 1),
    ];
    let pieces = tables(&plan, &packages);
    let weeks: Vec<String> = pieces.iter().map(|piece| calendar::iso_week(piece.week.unwrap())).collect();
    assert_eq!(weeks, ["2025-W03", "2025-W04", "2025-W05", "2025-W06", "2025-W07", "2025-W08"]);
    assert_eq!(
        rows(
            &pieces,
            "marketplace product_category window_end window_start eligible valid defects target defect_budget provisional"
        ),
        [
            "GB (all) 2025-01-19 2024-12-21 10 9 1 0.95 -1 false",
            "GB Toys 2025-01-19 2024-12-21 10 9 1 0.95 -1 false",
            "FR (all) 2025-01-26 2025-01-17 0 0 0 0.5  false",
            "FR Toys 2025-01-26 2025-01-17 0 0 0 0.5  false",
            "GB (all) 2025-01-26 2024-12-28 10 9 1 0.95 -1 false",
            "GB Toys 2025-01-26 2024-12-28 10 9 1 0.95 -1 false",
            // The French window of 2025-02-02 begins on 2025-01-24, after the days of its two packages.
            "GB (all) 2025-02-02 2025-01-04 10 9 1 0.95 -1 false",
            "GB Toys 2025-02-02 2025-01-04 10 9 1 0.95 -1 false",
            "GB (all) 2025-02-09 2025-01-11 15 14 1 0.95 -1 false",
            "GB Art 2025-02-09 2025-01-11 5 5 0 0.95 0 false",
            "GB Toys 2025-02-09 2025-01-11 10 9 1 0.95 -1 false",
            "GB (all) 2025-02-16 2025-01-18 15 14 1 0.95 -1 true",
            "GB Art 2025-02-16 2025-01-18 5 5 0 0.95 0 true",
            "GB Toys 2025-02-16 2025-01-18 10 9 1 0.95 -1 true",
            // Of the toys only the canceled one is left: a row without a rate.
            "GB (all) 2025-02-23 2025-01-25 5 5 0 0.95 0 true",
            "GB Art 2025-02-23 2025-01-25 5 5 0 0.95 0 true",
            "GB Toys 2025-02-23 2025-01-25 0 0 0 0.95  true",
        ]
    );
}

#[test]
fn a_category_called_like_the_total_is_in_the_total_only() {
    let plan = plan("2025-03-01", &[Table::VtrRolling, Table::VtrWeeklyCategory]);
    let packages = [
        JudgedPackages { category: "(all)", ..judged("2025-01-18", Reason::Scanned, 5) },
        JudgedPackages { category: "(none)", ..judged("2025-01-18", Reason::Scanned, 2) },
    ];
    let pieces = tables(&plan, &packages);
    assert_eq!(rows(&pieces, "product_category valid"), ["(all) 5", "(none) 2", "(all) 7", "(none) 2"]);
}

#[test]
fn nothing_judged_is_nothing_published_but_the_unpartitioned_tables() {
    let plan = plan("2025-03-01", &Table::ALL);
    let mut tables: Vec<Table> = tables(&plan, &[]).iter().map(|piece| piece.table).collect();
    // The dimension tables do not depend on what was judged.
    tables.retain(|table| !table.name().starts_with("dim_"));
    assert_eq!(tables, [Table::AccountHealth, Table::HealthBreakdown, Table::Rejects, Table::InputFiles]);
}

fn packages() -> impl Strategy<Value = Vec<JudgedPackages>> {
    let reasons = prop::sample::select(vec![
        Reason::Scanned,
        Reason::Scanned,
        Reason::ScanMissing,
        Reason::TrackingMissing,
        Reason::Exempt,
        Reason::Canceled,
    ]);
    let sellers = prop::sample::select(vec!["A", "B"]);
    let markets = prop::sample::select(vec!["GB", "FR", "DE", "(none)"]);
    let categories = prop::sample::select(vec!["(none)", "Art", "Toys", "!"]);
    let one = (0..70i32, sellers, markets, categories, prop::sample::select(vec!["red", "blue"]), reasons, 1..9i64);
    let one = one.prop_map(|(after, seller, market, category, carrier, reason, count)| JudgedPackages {
        day: day("2025-01-02") + after,
        seller,
        market,
        category,
        carrier,
        ..judged("2025-01-02", reason, count)
    });
    prop::collection::vec(one, 0..60)
}

/// The windows as the contract defines them: for each end and key, the sum over the days of the window.
fn naive_rolling(plan: &Plan, packages: &[JudgedPackages]) -> Vec<String> {
    let Some(first) = packages.iter().map(|p| calendar::monday(p.day)).min() else { return Vec::new() };
    // A ranged run has no data beyond the days that it counts.
    let is_counted =
        |p: &&JudgedPackages| plan.days_counted().is_none_or(|(first, last)| (first..=last).contains(&p.day));
    let Some(last) = packages.iter().filter(is_counted).map(|p| calendar::monday(p.day) + 6).max() else {
        return Vec::new();
    };
    let mut keys: Vec<(&str, &str, &str)> = Vec::new();
    for p in packages.iter().filter(|p| p.market != "(none)") {
        keys.extend([(p.seller, p.market, p.category), (p.seller, p.market, "(all)")]);
    }
    keys.sort_unstable();
    keys.dedup();
    let mut rows = Vec::new();
    for week in (first..=last).step_by(7) {
        for key in &keys {
            for end in week..=week + 6 {
                let length = if key.1 == "FR" { 10 } else { 30 };
                let is_end = plan.output.rolling == Rolling::Daily || end == week + 6;
                let in_range = plan.range.is_none_or(|range| range.first <= end && week <= range.last + 6 + 29);
                let of_key = |p: &&JudgedPackages| {
                    (p.seller, p.market) == (key.0, key.1) && (key.2 == "(all)" || p.category == key.2)
                };
                let inside: Vec<&JudgedPackages> =
                    packages.iter().filter(of_key).filter(|p| (end - length + 1..=end).contains(&p.day)).collect();
                if is_end && in_range && !inside.is_empty() {
                    let sum = |class| inside.iter().filter(|p| p.reason.class() == class).map(|p| p.count).sum::<i64>();
                    let (valid, defects) = (sum(Class::Valid), sum(Class::Defect));
                    let end = calendar::date_from_day(end);
                    rows.push(format!("{} {} {} {end} {} {valid} {defects}", key.0, key.1, key.2, valid + defects));
                }
            }
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rolling_windows_are_the_sums_of_their_days(packages in packages(), is_daily: bool, range in prop::option::of(0..8i32)) {
        let mut plan = plan("2025-06-01", &[Table::VtrRolling]);
        plan.output.rolling = if is_daily { Rolling::Daily } else { Rolling::Weekly };
        plan.range = range.map(|week| WeekRange { first: day("2024-12-30") + 7 * week, last: day("2025-01-06") + 7 * week });
        let got = rows(&tables(&plan, &packages), "seller_id marketplace product_category window_end eligible valid defects");
        let want = naive_rolling(&plan, &packages);
        prop_assert_eq!(got, want);
    }

    #[test]
    fn carriers_and_categories_add_up_to_the_same_weeks(packages in packages()) {
        let plan = plan("2025-02-20", &[Table::VtrWeekly, Table::VtrWeeklyCategory]);
        let pieces = tables(&plan, &packages);
        let mut sums: BTreeMap<(Table, Vec<String>), Vec<i64>> = BTreeMap::new();
        let mut counts = vec!["shipments", "out_of_scope", "exempt", "eligible", "valid", "defects"];
        counts.extend(Reason::defects().map(Reason::name));
        for piece in &pieces {
            let keys = cells(piece, &["seller_id", "marketplace", "programme", "week_start"]);
            for (key, row) in keys.into_iter().zip(cells(piece, &counts)) {
                let sum = sums.entry((piece.table, key)).or_insert_with(|| vec![0; counts.len()]);
                sum.iter_mut().zip(row).for_each(|(sum, count)| *sum += count.parse::<i64>().unwrap());
            }
        }
        let of = |table| sums.iter().filter(move |((of, _), _)| *of == table).map(|((_, key), sum)| (key, sum)).collect::<Vec<_>>();
        prop_assert_eq!(of(Table::VtrWeekly), of(Table::VtrWeeklyCategory));
        let judged: i64 = packages.iter().map(|p| p.count).sum();
        prop_assert_eq!(of(Table::VtrWeekly).iter().map(|(_, sum)| sum[0]).sum::<i64>(), judged);
        prop_assert!(sums.values().all(|sum| sum[0] == sum[1] + sum[2] + sum[3] && sum[3] == sum[4] + sum[5]));
        prop_assert!(sums.values().all(|sum| sum[5] == sum[6..].iter().sum::<i64>()));
    }

    #[test]
    fn the_order_of_counts_moves_nothing(packages in packages()) {
        let mut plan = plan("2025-02-20", &Table::ALL);
        plan.output.rolling = Rolling::Daily;
        let reversed: Vec<JudgedPackages> = packages.iter().rev().copied().collect();
        let (pieces, again) = (tables(&plan, &packages), tables(&plan, &reversed));
        prop_assert_eq!(pieces.len(), again.len());
        for (piece, again) in pieces.iter().zip(&again) {
            prop_assert_eq!((piece.table, piece.week, &piece.batches), (again.table, again.week, &again.batches));
        }
    }
}
