//! Properties that hold for any input: judging is total, reading never panics, counting adds up.
//!
//! Inputs come from a small generator with fixed seeds, so that a failure can be repeated. They are composed of
//! meaningful pieces, because wholly random text never gets past rung 4.

#[path = "../../../tests/fuzz/bodies/parts/promises.rs"]
mod promises;

use std::collections::BTreeSet;
use std::sync::LazyLock;
use vtr_kernel::amount::{Amount, ONE};
use vtr_kernel::calendar::{
    DAY_MICROS, Day, Zone, date_from_day, day_from_date, iso_week, last_plausible_day, monday, monday_from_iso_week,
    provisional,
};
use vtr_kernel::check_digit;
use vtr_kernel::facts::{CarrierField, CurrencyField, Facts, ScanColumns, Tracking};
use vtr_kernel::instant::{Moment, TimeFormat};
use vtr_kernel::ladder::{Evidence, Terms, Verdict, is_implausible, judge, selecting_day};
use vtr_kernel::lane::Country;
use vtr_kernel::load::{self, BookFile};
use vtr_kernel::money::{Currency, Money, Pricing, Rates};
use vtr_kernel::number::clean_into;
use vtr_kernel::reason::{Class, Reason};
use vtr_kernel::tally::{Tally, Target, TargetKind};
use vtr_kernel::{Book, text};

static BOOK: LazyLock<Book> = LazyLock::new(|| load::embedded().expect("the embedded book loads"));

/// Returns how many of these tries are made: fewer without optimisation.
const fn tries(optimised: usize) -> usize {
    if cfg!(debug_assertions) { optimised / 8 } else { optimised }
}

/// A small deterministic source of choices.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 ^ self.0 >> 29) >> 8
    }

    fn roll(&mut self, sides: usize) -> usize {
        (self.next() % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Dice) -> T) -> Option<T> {
        (self.roll(4) != 0).then(|| value(self))
    }

    /// Returns text of any characters, mostly such as sellers type.
    fn text(&mut self) -> String {
        const CHARS: [char; 32] = [
            'A', 'Z', 'a', 'z', '0', '1', '5', '9', ' ', '-', '.', '/', '"', '\'', ',', '\t', '\n', '\0', 'é', 'ß',
            'İ', '中', 'ー', '٣', '０', 'Ａ', '\u{200b}', '\u{feff}', '\u{ad}', '\u{301}', '\u{202e}', '🦀',
        ];
        (0..self.roll(24))
            .map(|_| {
                if self.roll(8) == 0 {
                    char::from_u32(self.next() as u32 % 0x11_0000).unwrap_or('?')
                } else {
                    self.pick(&CHARS)
                }
            })
            .collect()
    }

    fn one_of(&mut self, known: &[&str]) -> String {
        if self.roll(6) == 0 { self.text() } else { self.pick(known).to_owned() }
    }
}

/// A shipment as texts.
#[derive(Clone, Debug)]
struct Typed {
    marketplace: String,
    order_id: String,
    channel: Option<String>,
    status: Option<String>,
    carrier: Option<String>,
    service: Option<String>,
    bought: bool,
    number: Option<String>,
    from: Option<String>,
    to: Option<String>,
    value: Option<String>,
    currency: Option<String>,
    programme: Option<String>,
    times: [Option<Moment>; 5],
    has: [bool; 2],
    scan_columns: ScanColumns,
    evidence: Evidence,
    as_of: Day,
}

impl Typed {
    fn any(dice: &mut Dice) -> Typed {
        const NUMBERS: [&str; 10] = [
            "AH404746448GB",
            "AM475748780GB",
            "1Z1EPJGEM038K2F5O6",
            "1Z2AB6W3LYYRCPTAF2",
            "TBA441339188585",
            "AT490384850CN",
            "00000000",
            "N/A",
            "QRS12345",
            "003304986661",
        ];
        let moment = |dice: &mut Dice| {
            let day = 18_500 + dice.roll(2_000) as Day;
            match dice.roll(20) {
                0 => Moment::Instant(dice.pick(&[i64::MIN, -1, i64::MAX])),
                1 => Moment::Date(dice.pick(&[Day::MIN, 0, Day::MAX])),
                2..8 => Moment::Date(day),
                _ => Moment::Instant(i64::from(day) * DAY_MICROS + dice.roll(86_400) as i64 * 1_000_000),
            }
        };
        Typed {
            marketplace: dice.pick(&["GB", "DE", "US", "JP", "CA", "AU", "BR", "AE", "ES", "IE", "Non-Amazon"]).into(),
            order_id: dice.one_of(&["202-1234567-7654321", "7031", ""]),
            channel: dice.maybe(|dice| dice.one_of(&["MFN", "Seller", "Merchant", "AFN"])),
            status: dice.maybe(|dice| dice.one_of(&["Shipped", "Shipped", "Unshipped", "Canceled"])),
            carrier: dice.maybe(|dice| {
                dice.one_of(&[
                    "Royal Mail",
                    "UPS",
                    "USPS",
                    "DHL",
                    "China Post",
                    "MRW",
                    "Yamato",
                    "--",
                    "Bob's Vans",
                    "顺丰",
                ])
            }),
            service: dice.maybe(|dice| {
                dice.one_of(&["letter", "large letter", "freight", "standard envelope", "untracked", "parcel"])
            }),
            bought: dice.roll(2) == 0,
            number: dice.maybe(|dice| dice.one_of(&NUMBERS)),
            from: dice.maybe(|dice| dice.one_of(&["GB", "DE", "US", "JP", "CN", "FR", "uk"])),
            to: dice.maybe(|dice| dice.one_of(&["GB", "DE", "US", "JP", "FR"])),
            value: dice.maybe(|dice| {
                dice.pick(&["0", "4.99", "5", "19.99", "20.00", "999", "-1", "99999999999999999999999999999999999999"])
                    .into()
            }),
            currency: dice.maybe(|dice| dice.one_of(&["EUR", "GBP", "USD", "JPY", "XXX"])),
            programme: dice.maybe(|dice| dice.one_of(&["sfp", "premium", "imports", "standard"])),
            times: [0; 5].map(|_| dice.maybe(moment)),
            has: [dice.roll(8) != 0, dice.roll(8) != 0],
            scan_columns: dice.pick(&[
                ScanColumns::Both,
                ScanColumns::Both,
                ScanColumns::FirstOnly,
                ScanColumns::DeliveryOnly,
                ScanColumns::Neither,
            ]),
            evidence: dice.pick(&[Evidence::Scans, Evidence::Scans, Evidence::Format]),
            as_of: dice.pick(&[20_000, 20_200, 20_800]),
        }
    }

    /// Returns the verdict, which keeps its promises; `None` if no day selects the rules.
    fn judged(&self) -> Option<Verdict> {
        let book = &*BOOK;
        let marketplace = book.resolve_marketplace(&self.marketplace)?;
        let rates = Rates::read("Date,GBP,USD\n2021-01-01,0.8,1.1\n").unwrap();
        let mut cleaned = String::new();
        clean_into(self.number.as_deref().unwrap_or_default(), &mut cleaned);
        let [promised, shipped, tracking_added, first_scan, delivery_scan] = self.times;
        let facts = Facts {
            marketplace,
            fulfilled_by: book.words.fulfilled_by(self.channel.as_deref()).meaning(),
            state: book.words.order_state(self.status.as_deref()).meaning(),
            order_id: &self.order_id,
            carrier: if self.has[0] {
                CarrierField::Name(book.carriers.resolve(self.carrier.as_deref()))
            } else {
                CarrierField::NoColumn
            },
            service: book.services.resolve(self.service.as_deref()),
            buy_shipping: self.bought,
            tracking: if self.has[1] { Tracking::of_cleaned(&cleaned) } else { Tracking::NoColumn },
            origin: self.from.as_deref().map(Country::read),
            destination: self.to.as_deref().map(Country::read),
            value: self.value.as_deref().map(|text| Amount::read(text, b'.').unwrap()),
            currency: CurrencyField::read(self.currency.as_deref(), &book.words),
            programme: self.programme.as_deref().and_then(|name| book.resolve_programme(name)),
            promised,
            shipped,
            tracking_added,
            first_scan,
            delivery_scan,
            scan_columns: self.scan_columns,
        };
        let day = selecting_day(book, marketplace, promised, shipped, &Zone::utc())?;
        let _ = is_implausible(day, self.as_of);
        let terms = Terms { book, rates: &rates, as_of: self.as_of, evidence: self.evidence };
        let verdict = judge(&facts, day, &terms);
        promises::hold(book, &facts, day, self.evidence, &verdict);
        Some(verdict)
    }
}

#[test]
fn judging_is_total_and_keeps_its_promises() {
    let mut dice = Dice(1);
    let mut seen = BTreeSet::new();
    for _ in 0..tries(60_000) {
        let typed = Typed::any(&mut dice);
        let Some(verdict) = typed.judged() else { continue };
        seen.insert(verdict.reason);
        assert_eq!(typed.judged(), Some(verdict), "{typed:?}");
    }
    assert!(seen.len() >= 20, "the inputs reach most reasons: {seen:?}");
}

#[test]
fn spelling_moves_no_verdict() {
    let mut dice = Dice(2);
    for _ in 0..tries(20_000) {
        let typed = Typed::any(&mut dice);
        let Some(verdict) = typed.judged() else { continue };
        let ascii = |text: &Option<String>| text.as_ref().is_none_or(|text| text.is_ascii());
        if !ascii(&typed.number) || !ascii(&typed.carrier) || !ascii(&typed.service) {
            continue;
        }
        let swapped = |text: &Option<String>| {
            text.as_ref()
                .map(|text| if text.contains(char::is_lowercase) { text.to_uppercase() } else { text.to_lowercase() })
        };
        let respelt = Typed {
            marketplace: if dice.roll(2) == 0 { typed.marketplace.to_lowercase() } else { typed.marketplace.clone() },
            number: swapped(&typed.number)
                .map(|text| text.chars().flat_map(|c| [c, dice.pick(&['-', ' ', '.', '\u{2013}'])]).collect()),
            carrier: swapped(&typed.carrier).map(|text| text.replace(' ', "_")),
            service: swapped(&typed.service).map(|text| format!("{}!", text.replace(' ', " - "))),
            from: swapped(&typed.from),
            channel: swapped(&typed.channel),
            status: swapped(&typed.status),
            ..typed.clone()
        };
        assert_eq!(respelt.judged(), Some(verdict), "{typed:?}\n{respelt:?}");
    }
}

#[test]
fn a_further_scan_never_harms() {
    let mut dice = Dice(3);
    for _ in 0..tries(30_000) {
        let mut typed = Typed::any(&mut dice);
        typed.times[2] = None; // nothing can have been added too late
        let Some(before) = typed.judged() else { continue };
        let mut scanned = typed.clone();
        scanned.times[3] = Some(Moment::Date(19_000));
        scanned.times[4] = Some(Moment::Date(19_001));
        let after = scanned.judged().unwrap();
        let rank = |verdict: Verdict| verdict.reason.class() == Class::Valid;
        assert!(rank(after) >= rank(before), "{typed:?}: {before:?} became {after:?}");
        let by_scans = [
            Reason::Scanned,
            Reason::NumberMalformed,
            Reason::CheckDigitFailed,
            Reason::DeliveryScanMissing,
            Reason::ScanMissing,
        ];
        if matches!(typed.evidence, Evidence::Scans)
            && by_scans.contains(&before.reason)
            && typed.scan_columns != ScanColumns::Neither
        {
            assert_eq!(after.reason, Reason::Scanned, "{typed:?}");
        }
    }
}

#[test]
fn reading_never_panics() {
    let mut dice = Dice(4);
    let formats = [
        TimeFormat::default(),
        TimeFormat::new(&["%d/%m/%Y %H:%M", "%s", "%+", "%A %e %B %Y"], Zone::named("Europe/Berlin").unwrap()).unwrap(),
    ];
    const PIECES: [&str; 16] =
        ["2025", "-", "02", "29", "T", " ", "23", ":", "59", "60", ".", "999999999", "Z", "+", "-14:00", "9"];
    for _ in 0..tries(60_000) {
        let text =
            if dice.roll(2) == 0 { dice.text() } else { (0..dice.roll(14)).map(|_| dice.pick(&PIECES)).collect() };
        let read = formats.iter().map(|format| format.read(&text).ok()).collect::<Vec<_>>();
        for moment in read.into_iter().flatten() {
            let zone = Zone::utc();
            assert!(moment.earliest(&zone) <= moment.latest(&zone));
        }
        for mark in [b'.', b','] {
            let _ = Amount::read(&text, mark);
        }
        let _ = (
            text::flag(&text),
            text::words(&text),
            Currency::read(&text),
            Country::read(&text),
            monday_from_iso_week(&text),
        );
        let _ = (Rates::read(&text), Rates::read(&format!("Date,USD,{text}\n2025-01-15,{text}\n")));
        let _ = (
            BOOK.resolve_marketplace(&text),
            BOOK.resolve_programme(&text),
            BOOK.carriers.resolve(Some(&text)),
            BOOK.services.resolve(Some(&text)),
        );
        let mut cleaned = String::new();
        clean_into(&text, &mut cleaned);
        let _ = BOOK.placeholders.find(&cleaned, &text);
        for (_, check) in check_digit::NAMES {
            let _ = check.passes(cleaned.as_bytes());
        }
        let mut again = String::new();
        clean_into(&cleaned, &mut again);
        assert_eq!(cleaned, again, "cleaning a clean number changes nothing: {text:?}");
        let key = text::alias_key(&text);
        assert_eq!(key, text::alias_key(&key), "the key of a key is itself: {text:?}");
        assert_eq!(key, text::words(&text).concat(), "a key is its words joined: {text:?}");
        assert_eq!(text::trim(&text).and_then(text::trim), text::trim(&text));
    }
}

#[test]
fn times_read_as_they_are_written() {
    let (mut dice, format) = (Dice(5), TimeFormat::default());
    for _ in 0..tries(20_000) {
        let micros = dice.next() as i64 % (200 * 366 * DAY_MICROS);
        let day = micros.div_euclid(DAY_MICROS) as Day;
        let (second, fraction) = (micros.rem_euclid(DAY_MICROS) / 1_000_000, micros.rem_euclid(1_000_000));
        let date = date_from_day(day);
        let written = format!("{date}T{:02}:{:02}:{:02}.{fraction:06}Z", second / 3_600, second / 60 % 60, second % 60);
        assert_eq!(format.read(&written), Ok(Moment::Instant(micros)), "{written}");
        assert_eq!(format.read(&date.to_string()), Ok(Moment::Date(day)));
        let ahead = format!("{}+05:30", written.trim_end_matches('Z'));
        assert_eq!(format.read(&ahead), Ok(Moment::Instant(micros - 330 * 60_000_000)), "{ahead}");
    }
}

#[test]
fn days_weeks_and_clocks_agree() {
    let zones: Vec<Zone> = BOOK.markets().map(|(_, market)| market.zone.clone()).collect();
    for day in 12_000..22_000 {
        let first = monday(day);
        assert!(first <= day && day <= first + 6 && (first + 3).rem_euclid(7) == 0);
        assert_eq!(iso_week(day), iso_week(first));
        assert_eq!(monday_from_iso_week(&iso_week(day)), Some(first));
        assert_eq!(day_from_date(date_from_day(day)), day);
        assert!(last_plausible_day(day) - day >= 730 && last_plausible_day(day) - day <= 731);
        assert!(provisional(day, 14, day + 14));
        assert!(!provisional(day, 14, day + 15));
        let zone = &zones[day as usize % zones.len()];
        let (start, end) = (zone.first_instant(day), zone.last_instant(day));
        assert_eq!(
            (zone.day_at(start), zone.day_at(end), end + 1),
            (day, day, zone.first_instant(day + 1)),
            "{}",
            zone.name()
        );
        assert!((end - start + 1 - DAY_MICROS).abs() <= 2 * 3_600_000_000, "{}", zone.name());
    }
}

#[test]
fn amounts_compare_as_fractions_do() {
    let mut dice = Dice(6);
    let digits = |amount: Amount| amount.mantissa * 10i128.pow(6 - u32::from(amount.scale));
    for _ in 0..tries(50_000) {
        let mut any = || Amount { mantissa: dice.next() as i128 % 200_001 - 100_000, scale: dice.roll(7) as u8 };
        let (a, b) = (any(), any());
        assert_eq!(a.is_below(ONE, b, ONE), digits(a) < digits(b), "{a:?} {b:?}");
        assert!(!(a.is_below(ONE, b, ONE) && b.is_below(ONE, a, ONE)));
        let money = |amount| Money { amount, currency: Currency::EUR };
        assert_eq!(
            money(a).is_below(&money(b), &Rates::default(), 0, &mut Pricing::default()),
            Some(digits(a) < digits(b))
        );
        let written = format!(
            "{}{}.{:06}",
            if a.mantissa < 0 { "-" } else { "" },
            digits(a).abs() / 1_000_000,
            digits(a).abs() % 1_000_000
        );
        assert_eq!(digits(Amount::read(&written, b'.').unwrap()), digits(a), "{written}");
    }
}

fn target(kind: TargetKind, share: &str) -> Target {
    Target::new(kind, Amount::read(share, b'.').unwrap()).unwrap()
}

#[test]
fn tallies_obey_the_contract() {
    let mut dice = Dice(7);
    for _ in 0..tries(50_000) {
        let eligible = if dice.roll(2) == 0 { dice.next() % 300 } else { dice.next() % 10_000_000_000 };
        let valid = if eligible == 0 { 0 } else { eligible - dice.next() % (eligible / 10 + 1) };
        let (tally, wide) = (Tally { valid, eligible }, |count: u64| u128::from(count));
        for (share, of_10_000) in [("0.95", 9_500), ("0.94", 9_400), ("0.85", 8_500), ("0.99", 9_900), ("1.00", 10_000)]
        {
            let (at_least, more_than) = (target(TargetKind::AtLeast, share), target(TargetKind::MoreThan, share));
            if eligible == 0 {
                assert_eq!(
                    (tally.meets(at_least), tally.defect_budget(at_least), tally.valid_needed(more_than)),
                    (None, None, None)
                );
                assert_eq!((tally.rate(), tally.wilson()), (None, None));
                continue;
            }
            assert_eq!(tally.meets(at_least), Some(wide(valid) * 10_000 >= of_10_000 * wide(eligible)));
            assert_eq!(tally.meets(more_than), Some(wide(valid) * 10_000 > of_10_000 * wide(eligible)));
            for target in [at_least, more_than] {
                let met = |valid: i128, eligible: u64| {
                    valid >= 0 && Tally { valid: valid as u64, eligible }.meets(target) == Some(true)
                };
                let budget = i128::from(tally.defect_budget(target).unwrap());
                // The largest d for which valid - d still meets the target; a negative number is the excess of
                // defects.
                assert_eq!(budget >= 0, tally.meets(target) == Some(true));
                assert!(!met(i128::from(valid) - budget - 1, eligible));
                if i128::from(valid) - budget <= i128::from(eligible) {
                    assert!(met(i128::from(valid) - budget, eligible), "{tally:?} {target:?}");
                }
                if let Some(needed) = tally.valid_needed(target) {
                    let after = |more: u64| {
                        Tally { valid: valid + more, eligible: eligible + more }.meets(target) == Some(true)
                    };
                    assert!(after(needed as u64) && (needed == 0 || !after(needed as u64 - 1)), "{tally:?} {target:?}");
                } else {
                    assert_eq!(of_10_000, 10_000);
                }
                if tally.is_narrow(target) {
                    assert_eq!(tally.meets(target), Some(true));
                }
            }
        }
        if let (Some((low, high)), Some(rate)) = (tally.wilson(), tally.rate()) {
            assert!(0.0 <= low && low <= rate && rate <= high && high <= 1.0, "{tally:?}");
            let cut = wide(valid) * 10_000 / wide(eligible);
            assert_eq!(tally.percent(), format!("{}.{:02} %", cut / 100, cut % 100));
        }
    }
}

#[test]
fn a_damaged_book_is_refused_with_its_problems_and_never_panics() {
    let files = load::embedded_files();
    let mut dice = Dice(8);
    let small: Vec<usize> = (0..files.len()).filter(|index| files[*index].name.ends_with(".toml")).collect();
    for _ in 0..tries(150) {
        let mut damaged: Vec<BookFile> = files.clone();
        let file = &mut damaged[dice.pick(&small)];
        let lines: Vec<&str> = file.text.lines().collect();
        let line = dice.roll(lines.len());
        let junk = dice.text();
        let kept = |(index, text): (usize, &&str)| match index == line {
            true => junk.clone(),
            false => (*text).to_owned(),
        };
        let text = lines.iter().enumerate().map(kept).collect::<Vec<_>>().join("\n");
        file.text = text;
        if let Err(problems) = load::load(&damaged) {
            assert!(
                !problems.is_empty() && problems.iter().all(|problem| problem.line > 0 && !problem.message.is_empty()),
                "{problems:?}"
            );
        }
    }
}
