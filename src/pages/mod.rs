//! The report that people read: one self-contained page of a published version, without a script.
//!
//! `read` opens the tables, `model` and `work` hold their figures, `overview`, `account` and `appeal` compose the page
//! from `chart` and `view`. The same version, program and options give the same bytes: clock, host and run are left
//! out. It must not publish or judge anything, and fails if a table is missing or cannot be read.

pub mod account;
pub mod appeal;
pub mod brief;
pub mod chart;
pub mod html;
pub mod levers;
pub mod model;
pub mod overview;
pub mod read;
mod sums;
pub mod terms;
pub mod view;
pub mod words;
pub mod work;

use crate::error::{Error, Result};
use appeal::{Appeal, ReasonDefects};
use chart::Point;
use html::Html;
use levers::RateChange;
use model::{Account, Breakdown, Key, LeftOut, Share, Week};
use overview::Overview;
use read::{PublishedVersion, Scope};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use vtr_kernel::calendar::Day;
use words::Names;
use work::AccountWork;

const STYLE: &str = include_str!("style.css");

/// The most accounts with a page of their own.
const ACCOUNT_PAGES: usize = 100;
/// The most rows kept of an account's lists.
const LIST_ROWS: usize = 500;
/// The rows of a list of packages on a page.
const LIST_ROWS_OF_A_PAGE: usize = 8;
/// If a page would be too large: the most rows of the table of accounts, and of a list of packages.
const BRIEFER: [(usize, usize); 3] = [(500, 8), (500, 4), (250, 2)];
/// The most weeks shown.
pub const MOST_WEEKS: usize = 104;

/// The options of a report.
#[derive(Clone, Debug)]
pub struct Request {
    /// The accounts.
    pub scope: Scope,
    /// The number of weeks shown.
    pub weeks: usize,
    /// The most bytes of a page.
    pub max_bytes: u64,
    /// Changes whose effect is to be shown.
    pub events: Vec<RateChange>,
    /// A title that replaces the finding.
    pub title: Option<String>,
}

/// A finished page.
#[derive(Clone, Debug)]
pub struct Page {
    /// The only seller on the page, if pages were split by seller.
    pub seller: Option<String>,
    /// A name for its file that contains nothing from a source.
    pub name: String,
    /// Its bytes.
    pub html: String,
}

/// The details of some accounts.
struct Details {
    categories: HashMap<Key, Vec<(String, Account)>>,
    points: HashMap<Key, Vec<Point>>,
    breakdown: HashMap<Key, Breakdown>,
    left: HashMap<Key, LeftOut>,
    weeks: HashMap<Key, BTreeMap<Day, Week>>,
}

/// The tables of a page besides `account_health`, and what is not shown without each.
const PARTS: [(&str, &str); 5] = [
    ("defects", "what to do, by when and worth what"),
    ("vtr_weekly", "the weeks"),
    ("vtr_rolling", "the figure over time"),
    ("health_breakdown", "causes and carriers"),
    ("vtr_weekly_reasons", "what is left out of the rate"),
];

impl Details {
    fn of(source: &PublishedVersion, scope: &Scope, mondays: &[Day], kept: &dyn Fn(&Key) -> bool) -> Result<Details> {
        let weeks = model::weeks(source, scope, mondays)?;
        let rolling = model::rolling(source, scope, mondays)?;
        let mut points: HashMap<Key, Vec<Point>> = HashMap::new();
        for key in weeks.keys().chain(rolling.keys()).filter(|key| kept(key)) {
            let of_week = |monday: &Day| {
                let week = weeks.get(key).and_then(|weeks| weeks.get(monday)).cloned();
                let window = rolling.get(key).and_then(|windows| windows.get(&(monday + 6))).copied();
                // A week without packages also has its place on the axis.
                let is_open = window.is_some_and(|window| window.is_open);
                let bare = Week { monday: *monday, is_open, ..Week::default() };
                Point { week: week.unwrap_or(bare), window }
            };
            if !points.contains_key(key) {
                points.insert(key.clone(), mondays.iter().map(of_week).collect());
            }
        }
        Ok(Details {
            categories: model::categories(source, scope)?,
            breakdown: model::breakdown(source, scope, model::ALL, kept)?.0,
            left: model::left_out(source, scope, mondays)?,
            points,
            weeks,
        })
    }
}

/// One page over a scope.
///
/// # Errors
/// A table is missing or cannot be read.
pub fn report(source: &PublishedVersion, names: &Names, request: &Request) -> Result<Page> {
    let (accounts, empty) = model::all_accounts(source, &request.scope, names)?;
    let mondays = model::mondays(source.manifest.as_of, request.weeks);
    let paged = accounts.len().min(ACCOUNT_PAGES);
    let work = work(source, request, &accounts, paged)?;
    let keys: BTreeSet<&Key> = accounts[..paged].iter().map(|account| &account.key).collect();
    let sellers: BTreeSet<String> = keys.iter().map(|key| key.seller.clone()).collect();
    let details = Details::of(source, &request.scope.of(sellers), &mondays, &|key| keys.contains(key))?;
    let weeks = model::weeks_together(source, &request.scope, &mondays)?;
    let whole = model::breakdown(source, &request.scope, model::ALL, &|_| false)?.1;
    let decisive = decisive_work(source, &request.scope, &accounts)?;
    let material = Material {
        accounts: &accounts,
        empty,
        work: &work,
        decisive: &decisive,
        details: &details,
        weeks: &weeks,
        whole: &whole,
    };
    let notes = notes(source, request);
    let html = document(source, names, request, &material, paged, notes, true);
    Ok(Page { seller: None, name: "report.html".into(), html })
}

fn work(
    source: &PublishedVersion,
    request: &Request,
    accounts: &[Account],
    paged: usize,
) -> Result<HashMap<Key, AccountWork>> {
    let cap = |index: usize| if index < paged { LIST_ROWS } else { 0 };
    work::work(source, &request.scope, accounts, work::ALL_CATEGORIES, source.manifest.as_of, &cap)
}

/// The work of the categories that decide the standing of their accounts, as numbers.
fn decisive_work(source: &PublishedVersion, scope: &Scope, accounts: &[Account]) -> Result<HashMap<Key, AccountWork>> {
    let of_categories: Vec<Account> = accounts.iter().filter(|account| account.category.is_some()).cloned().collect();
    if of_categories.is_empty() {
        return Ok(HashMap::new());
    }
    work::work(source, scope, &of_categories, &work::is_decisive, source.manifest.as_of, &|_| 0)
}

/// Makes a page for each seller that contains no byte of another seller.
///
/// # Errors
/// A table is missing or cannot be read; the error of `each`.
pub fn by_seller(
    source: &PublishedVersion,
    names: &Names,
    request: &Request,
    each: &mut dyn FnMut(Page) -> Result<()>,
) -> Result<()> {
    let (accounts, _) = model::all_accounts(source, &request.scope, names)?;
    let mondays = model::mondays(source.manifest.as_of, request.weeks);
    let mut of_seller: BTreeMap<&str, Vec<Account>> = BTreeMap::new();
    accounts.iter().for_each(|account| of_seller.entry(&account.key.seller).or_default().push(account.clone()));
    let sellers: Vec<(&str, Vec<Account>)> = of_seller.into_iter().collect();
    // Tables are read for some sellers at a time: memory is bounded by these, and files are not read once per seller.
    for chunk in sellers.chunks(ACCOUNT_PAGES) {
        let names_of: BTreeSet<String> = chunk.iter().map(|(seller, _)| (*seller).to_owned()).collect();
        let scope = request.scope.of(names_of);
        let details = Details::of(source, &scope, &mondays, &|_| true)?;
        let chunk_accounts: Vec<Account> = chunk.iter().flat_map(|(_, accounts)| accounts.iter().cloned()).collect();
        let cap = |_: usize| LIST_ROWS;
        let work = work::work(source, &scope, &chunk_accounts, work::ALL_CATEGORIES, source.manifest.as_of, &cap)?;
        let decisive = decisive_work(source, &scope, &chunk_accounts)?;
        for (seller, accounts) in chunk {
            let is_own = |key: &Key| key.seller == *seller;
            let mut weeks: BTreeMap<Day, Week> = BTreeMap::new();
            let own = details.weeks.iter().filter(|(key, _)| is_own(key)).flat_map(|(_, weeks)| weeks);
            own.for_each(|(monday, week)| weeks.entry(*monday).or_default().add(week));
            let mut whole = Breakdown::new();
            let own = details.breakdown.iter().filter(|(key, _)| is_own(key)).flat_map(|(_, shares)| shares);
            own.for_each(|(carrier, share)| whole.entry(carrier.clone()).or_default().add(share));
            let weeks: Vec<Week> = weeks.into_values().rev().filter(|week| week.tally.eligible > 0).collect();
            let own_work: HashMap<Key, AccountWork> =
                work.iter().filter(|(key, _)| is_own(key)).map(|(key, work)| (key.clone(), work.clone())).collect();
            let material = Material {
                accounts,
                empty: 0,
                work: &own_work,
                decisive: &decisive,
                details: &details,
                weeks: &weeks,
                whole: &whole,
            };
            let notes = [lacking(source), unnamed(source)].concat();
            let paged = accounts.len().min(ACCOUNT_PAGES);
            let html = document(source, names, request, &material, paged, notes, false);
            let digest = Sha256::digest(seller.as_bytes());
            let name = format!("seller-{}.html", vtr_kernel::text::hex(&digest[..8]));
            each(Page { seller: Some((*seller).to_owned()), name, html })?;
        }
    }
    Ok(())
}

/// The warnings of a version as sentences, and what cannot be shown.
fn notes(source: &PublishedVersion, request: &Request) -> Vec<Html> {
    let said = said(source);
    let told = said.iter().map(|text| Html::text(format!("Take care: {}.", text.trim_end_matches('.'))));
    // A page of some sellers may go to them, and warnings name files, sellers and categories of all.
    let mut notes: Vec<Html> = if request.scope.sellers.is_some() { unnamed(source) } else { told.collect() };
    notes.extend(lacking(source));
    let mut only = Vec::new();
    only.extend(request.scope.sellers.as_ref().map(|sellers| words::plural(sellers.len() as i64, "seller")));
    only.extend(request.scope.markets.as_ref().map(|markets| words::plural(markets.len() as i64, "marketplace")));
    if !only.is_empty() {
        notes.push(Html::text(format!("Only {} asked for: sums leave out all others.", only.join(" and "))));
    }
    notes
}

/// The warnings about any week of a version, and what could not be judged.
fn said(source: &PublishedVersion) -> Vec<String> {
    let mut said = source.manifest.all_warnings();
    said.extend_from_slice(&source.manifest.not_judged);
    said
}

/// The number of warnings of a version, without their words.
fn unnamed(source: &PublishedVersion) -> Vec<Html> {
    let told = |count: usize| {
        Html::text(format!(
            "The runs behind these figures gave {} that concern all their sellers; whoever runs them has them.",
            words::plural(count as i64, "warning")
        ))
    };
    Some(said(source).len()).filter(|count| *count > 0).map(told).into_iter().collect()
}

/// What the version does not show: accounts as of its newest day, and tables that the job leaves out.
fn lacking(source: &PublishedVersion) -> Vec<Html> {
    let (judged, newest) = (source.health_as_of(), source.manifest.as_of);
    let older = (newest > judged).then(|| {
        format!(
            "Accounts are judged as of {}, the newest weeks as of {}: only a run that reads all days of the judged windows renews the accounts.",
            words::day(judged, newest),
            words::day(newest, newest)
        )
    });
    let lacking = PARTS.iter().filter(|(table, _)| !source.has(table));
    let text = |(table, what): &(&str, &str)| {
        format!(
            "Not shown: {what}. The output holds no table {table}; publish it with the job\u{2019}s [output] tables."
        )
    };
    older.into_iter().chain(lacking.map(text)).map(Html::text).collect()
}

/// The data of a page.
struct Material<'a> {
    accounts: &'a [Account],
    empty: usize,
    work: &'a HashMap<Key, AccountWork>,
    /// The work of the categories that decide the standing of their accounts.
    decisive: &'a HashMap<Key, AccountWork>,
    details: &'a Details,
    weeks: &'a [Week],
    whole: &'a Breakdown,
}

/// Composes the document: the first pages, and as many accounts as fit.
fn document(
    source: &PublishedVersion,
    names: &Names,
    request: &Request,
    material: &Material,
    paged: usize,
    notes: Vec<Html>,
    names_job: bool,
) -> String {
    let accounts = material.accounts;
    let sections = |list_rows: usize| {
        let section = |account| section(account, names, request, material, list_rows);
        accounts[..paged].iter().map(section).collect::<Vec<Html>>()
    };
    let mut briefer = BRIEFER.into_iter();
    let (mut shown, mut rows, mut list_rows) = (paged, overview::ACCOUNT_ROWS, LIST_ROWS_OF_A_PAGE);
    let mut sections_now = sections(list_rows);
    loop {
        let ids: HashSet<String> = accounts[..shown].iter().map(Account::id).collect();
        let overview = Overview {
            accounts,
            empty: material.empty,
            work: material.work,
            decisive: material.decisive,
            points: &material.details.points,
            shown: &ids,
            weeks: material.weeks,
            whole: material.whole,
            names,
            as_of: source.manifest.as_of,
            rows,
            title: request.title.as_deref(),
        };
        let mut notes = notes.clone();
        if shown < accounts.len() {
            notes.push(Html::text(format!(
                "{} of {} accounts have a page here, the worst first{}.",
                words::number(shown as i64),
                words::number(accounts.len() as i64),
                if shown < paged { "; more would exceed --max-size" } else { "" }
            )));
        }
        let mut parts = vec![overview.body()];
        parts.extend(sections_now[..shown].iter().cloned());
        let html = assembled(source, overview.head(notes), parts, names_job);
        let too_many = (html.len() as u64).saturating_sub(request.max_bytes);
        if too_many == 0 || (shown == 0 && rows <= 1) {
            return html;
        }
        // Lists become shorter first; then accounts are dropped from the end, then rows of their table.
        if let Some((fewer_rows, fewer_in_lists)) = briefer.next() {
            rows = fewer_rows;
            if list_rows != fewer_in_lists {
                list_rows = fewer_in_lists;
                sections_now = sections(list_rows);
            }
            continue;
        }
        let mut gained = 0;
        while shown > 0 && gained < too_many {
            shown -= 1;
            gained += sections_now[shown].as_str().len() as u64;
        }
        if gained == 0 {
            rows = (rows.min(accounts.len()) / 2).max(1);
        }
    }
}

/// The page of one account.
fn section(account: &Account, names: &Names, request: &Request, material: &Material, list_rows: usize) -> Html {
    let (key, details) = (&account.key, material.details);
    account::page(&account::Detail {
        account,
        categories: details.categories.get(key).map_or(&[][..], Vec::as_slice),
        points: details.points.get(key).map_or(&[][..], Vec::as_slice),
        breakdown: details.breakdown.get(key).unwrap_or(&Breakdown::new()),
        left: details.left.get(key),
        work: material.work.get(key),
        of_category: material.decisive.get(key),
        list_rows,
        events: &request.events,
        names,
    })
}

fn assembled(source: &PublishedVersion, head: Html, parts: Vec<Html>, names_job: bool) -> String {
    let manifest = source.manifest;
    // The accounts are judged as of this day, even if some weeks are newer.
    let as_of = source.health_as_of();
    let kick =
        format!("Valid Tracking Rate, as of {} {}", words::weekday(as_of, as_of), words::date(as_of).format("%Y"));
    let weeks = match manifest.as_of > as_of {
        true => format!(", weeks as of {}", words::date(manifest.as_of)),
        false => String::new(),
    };
    let job = if names_job { Html::text(format!("job {} ", manifest.job.name)) } else { Html::text("job ") };
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    let foot = Html::text(format!(
        "Figures as of {}{weeks}, version {} of the output, ",
        words::date(as_of),
        manifest.version
    ))
    .with(&job)
    .inside("code", short(&manifest.job.digest))
    .and(", rules ")
    .inside("code", short(&manifest.book))
    .and(format!(", judged by {}. Rates are cut to two decimals, never rounded.", manifest.evidence));
    let page = view::PageDocument {
        policy: policy(),
        title: format!("Valid tracking, as of {}", words::date(as_of)),
        style: STYLE,
        kick: Html::text(kick),
        head: vec![head],
        parts,
        foot: vec![foot],
    };
    view::rendered(&page).to_string()
}

/// The policy: the page may load nothing, run nothing, and use only its own style.
fn policy() -> String {
    let hash = base64(&Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            let place = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= three.len() { char::from(DIGITS[place]) } else { '=' });
        }
    }
    text
}

/// Makes the page of facts for an appeal of one account or category.
///
/// # Errors
/// [`Error::Usage`] if there is no such account or category; a table is missing or cannot be read.
pub fn appeal(source: &PublishedVersion, names: &Names, request: &Request, category: Option<&str>) -> Result<Page> {
    let accounts = model::judged_accounts(source, &request.scope)?;
    let account = accounts.first().ok_or_else(|| {
        Error::Usage("--appeal: the output has no account of this seller in this marketplace with packages that count in a judged window, which an appeal is about; `vtr health` lists the accounts, and those that are not yet assessed".into())
    })?;
    let categories = model::categories(source, &request.scope)?;
    let of_category = category
        .map(|asked| {
            let known = categories.get(&account.key).map_or(&[][..], Vec::as_slice);
            known.iter().find(|(name, _)| name == asked).map(|(_, found)| found).ok_or_else(|| {
                let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
                Error::Usage(format!(
                    "--appeal: the account has no category `{asked}` with packages that count; there are {}",
                    names.join(", ")
                ))
            })
        })
        .transpose()?;
    let mondays = model::mondays(source.manifest.as_of, request.weeks);
    let weeks = model::weeks(source, &request.scope, &mondays)?;
    let weeks = mondays.iter().map(|monday| {
        let week = weeks.get(&account.key).and_then(|weeks| weeks.get(monday)).cloned();
        week.unwrap_or(Week { monday: *monday, ..Week::default() })
    });
    let (breakdown, _) =
        model::breakdown(source, &request.scope, category.unwrap_or(model::ALL), &|key| *key == account.key)?;
    let mut window = Share::default();
    breakdown.values().flat_map(Breakdown::values).for_each(|share| window.add(share));
    let is_asked = |_: &Account, of: &str| category.is_none_or(|category| category == of);
    let (accounts, seen) = (std::slice::from_ref(account), source.manifest.as_of);
    let work = work::work(source, &request.scope, accounts, &is_asked, seen, &|_| 0)?;
    let page = Appeal {
        account: of_category.unwrap_or(account),
        category,
        window,
        orders: told(source, &request.scope, account, category)?,
        work: work.get(&account.key),
        weeks: weeks.collect(),
        events: &request.events,
        names,
    }
    .page();
    let title = request.title.clone().unwrap_or_else(|| account.title(names));
    let head = Html::markup("<h1>").and(title).with(&Html::markup("</h1>"));
    Ok(Page { seller: None, name: "appeal.html".into(), html: assembled(source, head, vec![page], true) })
}

/// The defects of the judged window by reason.
fn told(
    source: &PublishedVersion,
    scope: &Scope,
    account: &Account,
    category: Option<&str>,
) -> Result<BTreeMap<String, ReasonDefects>> {
    let columns = [
        "seller_id",
        "marketplace",
        "programme",
        "product_category",
        "order_id",
        "day",
        "carrier",
        "reason",
        "rule",
        "meaning",
    ];
    let (from, to) = account.window;
    let weeks = vtr_kernel::calendar::monday(from)..=to;
    let mut found: BTreeMap<String, ReasonDefects> = BTreeMap::new();
    source.read("defects", &columns, Some(weeks), scope, &mut |rows| {
        let [programme, of_category, order, carrier, reason, rule, meaning] =
            ["programme", "product_category", "order_id", "carrier", "reason", "rule", "meaning"]
                .map(|name| rows.text(name));
        let day = rows.day("day");
        for row in rows.of(scope) {
            let is_asked = category.is_none_or(|category| of_category.value(row) == category)
                && programme.value(row) == account.key.programme
                && (from..=to).contains(&day.value(row));
            if !is_asked {
                continue;
            }
            let told = found.entry(reason.value(row).to_owned()).or_default();
            *told.rules.entry(rule.value(row).to_owned()).or_default() += 1;
            *told.carriers.entry(carrier.value(row).to_owned()).or_default() += 1;
            told.meaning = meaning.value(row).to_owned();
            if told.orders.len() < appeal::ORDERS {
                told.orders.push(order.value(row).to_owned());
            }
        }
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_holds_the_digest_of_the_style() {
        assert_eq!(base64(b"Man"), "TWFu");
        assert_eq!(base64(b"Ma"), "TWE=");
        assert_eq!(base64(b"M"), "TQ==");
        assert!(policy().contains("style-src 'sha256-") && !STYLE.contains("url(") && !STYLE.contains("@import"));
        assert!(!STYLE.contains('<'), "the style cannot end its element");
    }
}
