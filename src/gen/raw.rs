//! Raw files: the same packages as the exports of sellers, under Amazon's own headings and in the forms of tracking services.
//!
//! Facts are spread over files as in practice: numbers in confirmations, promises and prices in order reports,
//! scans in events, categories in a map; some sellers have documents of the Orders API instead. Facts that no such
//! file can express are left out. The truth gives the facts that the files express together.

use super::dice::Dice;
use super::package::{Factory, NEVER, Parcel, Place};
use super::world::SECOND;
use super::write;
use crate::error::{GenError, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use vtr_kernel::number::cleaned;
use vtr_kernel::policy::{ListedPrices, Market};
use vtr_kernel::{Book, Reason};

/// The way in which a seller keeps its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Confirmations, order reports, AfterShip's events as lines.
    AfterShip,
    /// The same with EasyPost's events as pages.
    EasyPost,
    /// The same in the Japanese form, with EasyPost's events as pages.
    Japanese,
    /// Documents of the Orders API, and nothing else.
    OrdersApi,
}

/// The headings of the Japanese form, in Shift_JIS.
const JAPANESE: &[u8] = include_bytes!("ship_confirm_jp.txt");
const CONFIRMATION: &str =
    "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method\n";
const ORDERS: &str = "order-id\torder-item-id\tpurchase-date\tpayments-date\tbuyer-email\tbuyer-name\tbuyer-phone-number\tsku\t\
    product-name\tquantity-purchased\tcurrency\titem-price\titem-tax\tshipping-price\tshipping-tax\tship-service-level\t\
    ship-service-name\trecipient-name\tship-address-1\tship-address-2\tship-address-3\taddress-type\tship-city\tship-state\t\
    ship-postal-code\tship-country\titem-promotion-discount\titem-promotion-id\tship-promotion-discount\tship-promotion-id\t\
    delivery-start-date\tdelivery-end-date\tdelivery-time-zone\tdelivery-Instructions\tsales-channel\tearliest-ship-date\t\
    latest-ship-date\tearliest-delivery-date\tlatest-delivery-date\tis-business-order\tpurchase-order-number\t\
    price-designation\tis-prime\tbuyer-company-name\tsignature-confirmation-recommended\n";
const TRUTH: &str = "seller_id,marketplace,order_id,tracking_number,carrier,ship_service,shipped_at,promised_delivery_at,\
    package_value,currency,product_category,first_scan_at,delivery_scan_at\n";

/// Whether the truth is written too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truths {
    /// `truth/packages.csv` is written, with the facts that the files state together.
    Written,
    /// Only the files are written.
    Left,
}

/// Writes the raw files of the packages of some months; `habit` returns for each seller and marketplace which files
/// are written, and how.
pub fn write(
    factory: &Factory,
    book: &Book,
    out: &Path,
    habit: &dyn Fn(&str, &str) -> Option<Habit>,
    months: &dyn Fn(&str) -> bool,
    truths: Truths,
) -> Result<(u64, Vec<PathBuf>)> {
    let mut all = Files { out, files: BTreeMap::new(), written: Vec::new(), rows: 0 };
    let mut categories: BTreeMap<String, ()> = BTreeMap::new();
    let mut truth = String::from(TRUTH);
    let mut before = Orders::new();
    for (index, slice) in factory.slices.iter().enumerate().filter(|(_, slice)| months(&slice.name)) {
        let mut dice = Dice::new(factory.seed, 61, index as u64, 0);
        let parcels = (0..slice.rows()).map(|row| factory.row(index, row));
        for parcels in orders(parcels, &mut before) {
            let seller = factory.world.texts.seller.text(parcels[0].seller);
            let name = factory.world.truth.marketplace.text(parcels[0].truth.market);
            let market = book.markets().map(|(_, market)| market).find(|market| market.name == name);
            let (Some(habit), Some(market)) = (habit(seller, name), market) else { continue };
            let line = |parcel| Line { parcel, factory, book, market, seller, month: &slice.name, habit };
            let mut lines: Vec<Line> = parcels.iter().map(line).collect();
            if habit == Habit::OrdersApi {
                all.document(&lines);
            } else {
                tell_apart(&mut lines);
            }
            for line in &lines {
                match habit {
                    Habit::AfterShip => all.plain(line, &mut dice),
                    Habit::EasyPost => all.pages(line, &mut dice),
                    Habit::Japanese => all.japanese(line, &mut dice),
                    Habit::OrdersApi => {}
                }
                if habit != Habit::OrdersApi && !line.category().is_empty() {
                    categories.insert(format!("{seller},{},{}\n", line.sku(), quoted(line.category())), ());
                }
                if truths == Truths::Written {
                    truth += &line.truth(&Whole::of(&lines));
                }
                all.rows += 1;
            }
        }
        all.finish()?;
    }
    let map: String =
        std::iter::once("seller_id,sku,product_category\n").chain(categories.keys().map(String::as_str)).collect();
    all.save("categories.csv", map.as_bytes())?;
    if truths == Truths::Written {
        all.save("truth/packages.csv", truth.as_bytes())?;
    }
    Ok((all.rows, all.written))
}

/// The places of orders among those of a month, by seller, marketplace and id.
type Orders = HashMap<(u32, u32, String), usize>;

/// Returns the packages of a month that raw files can describe, by order. The second package of an order of the month
/// before is left out: the report of its month would replace the lines of the order with fewer ones.
fn orders(parcels: impl Iterator<Item = Parcel>, before: &mut Orders) -> Vec<Vec<Parcel>> {
    let mut orders: Vec<Vec<Parcel>> = Vec::new();
    let mut known = Orders::new();
    for parcel in parcels.filter(is_raw) {
        let key = (parcel.seller, parcel.truth.market, parcel.order.as_str().to_owned());
        match known.get(&key) {
            _ if before.contains_key(&key) => {}
            Some(at) => orders[*at].push(parcel),
            None => {
                known.insert(key, orders.len());
                orders.push(vec![parcel]);
            }
        }
    }
    *before = known;
    orders
}

/// Removes packages that confirmations cannot distinguish from another one of their order.
fn tell_apart(lines: &mut Vec<Line>) {
    let mut known = BTreeSet::new();
    let mut buffer = String::new();
    lines.retain(|line| known.insert(cleaned(line.number(), &mut buffer).to_owned()));
}

/// Returns whether raw files can describe a package.
fn is_raw(parcel: &Parcel) -> bool {
    let elsewhere = [Reason::NotOnMarketplace, Reason::FulfilledByMarketplace, Reason::Canceled];
    matches!(parcel.truth.place, Place::Judged(reason) if !elsewhere.contains(&reason)) && parcel.shipped != NEVER
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn json(text: &str) -> String {
    let mut json = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' | '\\' => json.extend(['\\', sign]),
            sign if sign < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(sign));
            }
            sign => json.push(sign),
        }
    }
    json + "\""
}

/// Returns RFC 3339 in UTC; empty if there is no time.
fn time(moment: i64) -> String {
    let mut text = Vec::new();
    write::time(moment, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn coins(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A package and its context.
struct Line<'a> {
    parcel: &'a Parcel,
    factory: &'a Factory<'a>,
    book: &'a Book,
    market: &'a Market,
    seller: &'a str,
    month: &'a str,
    habit: Habit,
}

/// The facts that files state about a whole order, and so about each of its packages.
struct Whole<'a> {
    /// The sum of the lines, in hundredths; `None`: no line has a price, or lines have two currencies.
    value: Option<i64>,
    /// The currency of the value; empty without a value.
    currency: &'a str,
    /// The promise of the last line that has one.
    promised: i64,
    /// The time at which a document of the order last changed.
    changed: i64,
}

impl<'a> Whole<'a> {
    fn of(lines: &[Line<'a>]) -> Whole<'a> {
        let priced: Vec<&Line<'a>> = lines.iter().filter(|line| line.parcel.value.is_some()).collect();
        let mut currencies: Vec<&'a str> = priced.iter().map(|line| line.currency()).collect();
        currencies.extend(lines.iter().map(Line::currency));
        currencies.retain(|currency| !currency.is_empty());
        let of_priced: BTreeSet<&str> =
            priced.iter().map(|line| line.currency()).filter(|currency| !currency.is_empty()).collect();
        let is_summed = !priced.is_empty() && of_priced.len() < 2;
        let value = is_summed.then(|| priced.iter().filter_map(|line| line.parcel.value).sum());
        Whole {
            value,
            currency: currencies.first().copied().filter(|_| is_summed).unwrap_or_default(),
            promised: lines.iter().rev().map(|line| line.parcel.promised).find(|at| *at != NEVER).unwrap_or(NEVER),
            changed: lines.iter().map(|line| line.state().1).max().unwrap_or(NEVER),
        }
    }
}

impl<'a> Line<'a> {
    fn number(&self) -> &str {
        self.parcel.tracking.as_ref().map_or("", |number| number.as_str())
    }

    fn carrier(&self) -> &str {
        self.factory.world.texts.carrier.text(self.parcel.carrier)
    }

    fn service(&self) -> &str {
        self.factory.world.texts.service.text(self.parcel.service)
    }

    fn category(&self) -> &str {
        self.factory.world.texts.category.text(self.parcel.category)
    }

    fn currency(&self) -> &'a str {
        self.factory.world.texts.currency.text(self.parcel.currency)
    }

    fn country(&self) -> &str {
        self.factory.world.texts.country.text(self.parcel.to)
    }

    /// Returns the line of the order that the package holds.
    fn item(&self) -> String {
        let number = self
            .parcel
            .order
            .as_str()
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0u64, |sum, digit| (sum * 10 + u64::from(digit - b'0')) % 9_999_999_999_967);
        format!("{:014}", number * 10 + u64::from(self.parcel.package))
    }

    fn sku(&self) -> String {
        let category = self.category().to_lowercase();
        let letters: String =
            category.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect();
        format!("SKU-{letters}")
    }

    /// Returns price and tax of the line; the price includes tax if the store's listed prices do.
    fn prices(&self) -> (String, String) {
        let Some(value) = self.parcel.value else { return (String::new(), String::new()) };
        let tax = value / 5;
        let price = if self.market.listed_prices == ListedPrices::WithTax { value + tax } else { value };
        (coins(price), coins(tax))
    }

    /// Returns the state that a document gives, and the time of that state.
    fn state(&self) -> (&'static str, i64) {
        match (self.parcel.first_scan, self.parcel.delivery) {
            (NEVER, NEVER) => ("SHIPPED", self.parcel.shipped),
            (first, NEVER) => ("IN_TRANSIT", first),
            (_, delivered) => ("DELIVERED", delivered),
        }
    }

    /// Returns the first scan and the delivery, as far as the files give them.
    fn scans(&self, whole: &Whole) -> (i64, i64) {
        let (first, delivery) = (self.parcel.first_scan, self.parcel.delivery);
        if self.habit == Habit::OrdersApi {
            // A document gives the state, and no time but that of its last change.
            let as_known = |at: i64| if at == NEVER { NEVER } else { whole.changed };
            return (as_known(if first == NEVER { delivery } else { first }), as_known(delivery));
        }
        let mut buffer = String::new();
        let number = cleaned(self.number(), &mut buffer);
        // Events are found by the number, and a placeholder identifies no parcel.
        if number.is_empty() || self.book.placeholders.find(number, self.parcel.order.as_str()).is_some() {
            return (NEVER, NEVER);
        }
        // A delivery is a scan.
        (if first == NEVER { delivery } else { first }, delivery)
    }

    /// Returns the facts that the files state together; those of the order are the same for all of its packages.
    fn truth(&self, whole: &Whole) -> String {
        let is_api = self.habit == Habit::OrdersApi;
        let written = |text: &str| match self.habit {
            Habit::Japanese => encodable(encoding_rs::SHIFT_JIS, text.trim()),
            _ => text.trim().to_owned(),
        };
        // A code such as `Other` stays if there is no name beside it.
        let carrier = if self.carrier().trim().is_empty() && !is_api { "Other" } else { self.carrier() };
        let (first_scan, delivery) = self.scans(whole);
        let cells = [
            self.seller,
            &self.market.name,
            self.parcel.order.as_str(),
            self.number(),
            &written(carrier),
            &written(self.service()),
            &time(self.parcel.shipped),
            &time(whole.promised),
            &whole.value.map_or(String::new(), coins),
            whole.currency,
            // Documents have no category, and no map lists their articles.
            if is_api { "" } else { self.category() },
            &time(first_scan),
            &time(delivery),
        ]
        .map(quoted);
        cells.join(",") + "\n"
    }

    /// Returns the events: label, first scan, delivery.
    fn events(&self, words: [&str; 3]) -> Vec<(String, String)> {
        let moments = [self.parcel.shipped - 3_600 * SECOND, self.parcel.first_scan, self.parcel.delivery];
        let all = moments.into_iter().zip(words).filter(|(moment, _)| *moment != NEVER);
        all.map(|(moment, word)| (time(moment), word.to_owned())).collect()
    }
}

/// Returns a text with question marks for characters that an encoding does not have.
fn encodable(encoding: &'static encoding_rs::Encoding, text: &str) -> String {
    let known = |sign: char| !encoding.encode(sign.encode_utf8(&mut [0; 4])).2;
    text.chars().map(|sign| if sign.is_ascii() || known(sign) { sign } else { '?' }).collect()
}

/// The files of a month while they are built.
struct Files<'a> {
    out: &'a Path,
    files: BTreeMap<String, Vec<u8>>,
    written: Vec<PathBuf>,
    rows: u64,
}

impl Files<'_> {
    fn add(&mut self, name: String, head: &[u8], text: &str) {
        // Confirmations of the Japanese form are written in Shift_JIS and order reports in windows-1252. A
        // character that the encoding lacks is written as a question mark, as spreadsheets do.
        let encoding = match name.split('/').next() {
            Some("confirm_jp") => encoding_rs::SHIFT_JIS,
            Some("orders") => encoding_rs::WINDOWS_1252,
            _ => encoding_rs::UTF_8,
        };
        let text = encodable(encoding, text);
        self.files.entry(name).or_insert_with(|| head.to_vec()).extend_from_slice(&encoding.encode(&text).0);
    }

    /// Writes a package as confirmation, order and events.
    fn plain(&mut self, line: &Line, dice: &mut Dice) {
        self.confirmation(line, "confirm", CONFIRMATION.as_bytes(), "", dice);
        self.order(line);
        let events: Vec<String> = line
            .events(["InfoReceived", "InTransit", "Delivered"])
            .into_iter()
            .map(|(time, word)| format!("{{\"checkpoint_time\":{},\"tag\":{}}}", json(&time), json(&word)))
            .collect();
        if !line.number().is_empty() {
            let document = format!(
                "{{\"tracking_number\":{},\"slug\":null,\"checkpoints\":[{}]}}\n",
                json(line.number()),
                events.join(",")
            );
            self.add(format!("tracking/aftership_{}_{}.jsonl", line.seller, line.month), b"", &document);
        }
    }

    fn japanese(&mut self, line: &Line, dice: &mut Dice) {
        let head = JAPANESE.trim_ascii_end();
        self.confirmation(line, "confirm_jp", &[head, b"\r\n"].concat(), "\t", dice);
        self.order(line);
        self.easypost(line);
    }

    fn pages(&mut self, line: &Line, dice: &mut Dice) {
        self.confirmation(line, "confirm", CONFIRMATION.as_bytes(), "", dice);
        self.order(line);
        self.easypost(line);
    }

    fn easypost(&mut self, line: &Line) {
        let events: Vec<String> = line
            .events(["pre_transit", "in_transit", "delivered"])
            .into_iter()
            .map(|(time, word)| {
                format!("{{\"datetime\":{},\"status\":{},\"status_detail\":null}}", json(&time), json(&word))
            })
            .collect();
        if !line.number().is_empty() {
            let document = format!(
                "{{\"tracking_code\":{},\"carrier\":null,\"tracking_details\":[{}]}},\n",
                json(line.number()),
                events.join(",")
            );
            self.add(
                format!("tracking/easypost_{}_{}.json", line.seller, line.month),
                b"{\"trackers\": [\n",
                &document,
            );
        }
    }

    /// Writes a confirmation, sometimes as two changes: a wrong number that is replaced, blanks that keep the
    /// earlier value, and a number that is deleted.
    fn confirmation(&mut self, line: &Line, folder: &str, head: &[u8], behind: &str, dice: &mut Dice) {
        let name = |part: &str| format!("{folder}/{}_{}_{}{part}.txt", line.seller, line.market.name, line.month);
        let (carrier, number, service) = (line.carrier(), line.number(), line.service());
        let shipped = time(line.parcel.shipped);
        let row = |code: &str, carrier: &str, number: &str, service: &str, shipped: &str| {
            let (order, item) = (line.parcel.order.as_str(), line.item());
            format!("{order}\t{item}\t1\t{shipped}\t{code}\t{carrier}\t{number}\t{service}{behind}\n")
        };
        let whole = row("Other", carrier, number, service, &shipped);
        match dice.below(100) {
            _ if number.is_empty() && dice.below(3) == 0 => {
                self.add(name("-a"), head, &row("Other", carrier, "TO FOLLOW", service, &shipped));
                self.add(name("-b"), head, &row("Other", carrier, "NULL", service, &shipped));
            }
            0..=4 if !number.is_empty() => {
                self.add(name("-a"), head, &row("Other", "Pending", "000000", service, &shipped));
                self.add(name("-b"), head, &whole);
            }
            5..=8 => {
                self.add(name("-a"), head, &whole);
                self.add(name("-b"), head, &row("", "", "", "", ""));
            }
            _ => self.add(name("-a"), head, &whole),
        }
    }

    fn order(&mut self, line: &Line) {
        let ((price, tax), ordered) = (line.prices(), time(line.parcel.shipped - 86_400 * SECOND));
        let is_blank = price.is_empty();
        let zero = if is_blank { "" } else { "0.00" };
        let (order, item, sku) = (line.parcel.order.as_str(), line.item(), line.sku());
        let promised = time(line.parcel.promised);
        let text = format!(
            "{order}\t{item}\t{ordered}\t{ordered}\t\t\t\t{sku}\tGoods\t1\t{}\t{price}\t{tax}\t{zero}\t{zero}\tStandard\
             \t\t\t\t\t\t\t\t\t\t{}\t\t\t\t\t\t\t\t\t{}\t\t\t\t{promised}\tfalse\t\t\tfalse\t\tfalse\n",
            line.currency(),
            line.country(),
            line.market.title,
        );
        self.add(format!("orders/{}_{}_{}.txt", line.seller, line.market.name, line.month), ORDERS.as_bytes(), &text);
    }

    /// Writes an order as a document with all of its packages.
    fn document(&mut self, lines: &[Line]) {
        let (line, whole) = (&lines[0], Whole::of(lines));
        let word = |text: &str| if text.is_empty() { "null".to_owned() } else { json(text) };
        let (value, currency) = (whole.value.map_or(String::new(), coins), word(whole.currency));
        let package = |line: &Line| {
            let parcel = line.parcel;
            format!(
                "{{\"packageReferenceId\":\"{}\",\"createdTime\":{},\"packageStatus\":{{\"status\":\"{}\"}},\"carrier\":{},\
                 \"shipTime\":{},\"shippingService\":{},\"trackingNumber\":{},\"shipFromAddress\":{{\"countryCode\":{}}}}}",
                parcel.package.max(1),
                json(&time(if parcel.added == NEVER { parcel.shipped } else { parcel.added })),
                line.state().0,
                word(line.carrier()),
                json(&time(parcel.shipped)),
                word(line.service()),
                word(line.number()),
                word(line.factory.world.texts.country.text(parcel.from)),
            )
        };
        let text = format!(
            "{{\"orderId\":{},\"createdTime\":{},\"lastUpdatedTime\":{},\"programs\":[],\"salesChannel\":{{\"channelName\":\"AMAZON\",\
             \"marketplaceId\":{}}},\"recipient\":{{\"deliveryAddress\":{{\"countryCode\":{}}}}},\"proceeds\":{{\"grandTotal\":\
             {{\"currencyCode\":{currency}}},\"breakdowns\":[{{\"type\":\"ITEM\",\"subtotal\":{{\"amount\":{},\"currencyCode\":{currency}}}}}]}},\
             \"fulfillment\":{{\"fulfillmentStatus\":\"SHIPPED\",\"fulfilledBy\":\"MERCHANT\",\"deliverByWindow\":{{\"latestDateTime\":{}}}}},\
             \"packages\":[{}]}},\n",
            json(line.parcel.order.as_str()),
            json(&time(line.parcel.shipped - 86_400 * SECOND)),
            json(&time(whole.changed)),
            json(line.market.ids.first().map_or("", String::as_str)),
            word(line.country()),
            word(&value),
            word(&time(whole.promised)),
            lines.iter().map(package).collect::<Vec<_>>().join(","),
        );
        self.add(format!("orders_api/{}_{}.json", line.seller, line.month), b"{\"orders\": [\n", &text);
    }

    /// Writes the files of the month.
    fn finish(&mut self) -> Result<()> {
        for (name, mut bytes) in std::mem::take(&mut self.files) {
            if name.ends_with(".json") {
                // A list ends without a comma.
                bytes.truncate(bytes.len() - 2);
                bytes.extend_from_slice(b"\n]}\n");
            }
            self.save(&name, &bytes)?;
        }
        Ok(())
    }

    fn save(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.out.join(name);
        let failed = |error| GenError::failed(format!("cannot write {}", path.display()), error);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(&path, bytes).map_err(failed)?;
        self.written.push(path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Format, GenOptions, generate};
    use std::collections::BTreeSet;

    #[test]
    fn every_package_of_the_truth_stands_in_the_files_of_its_seller() {
        let folder = tempfile::tempdir().unwrap();
        let options = GenOptions {
            rows: 3_000,
            seed: 7,
            out: folder.path().to_path_buf(),
            format: Format::Parquet,
            files: None,
            from: "2025-01-01".parse().unwrap(),
            to: "2025-03-31".parse().unwrap(),
            sellers: Some(40),
            truth: true,
            sorted: true,
            habits: crate::Habits::Mixed,
            raw: true,
            amazon: None,
            dirt: 0,
            threads: 1,
            go_on: || true,
        };
        let book = vtr_kernel::load::embedded().unwrap();
        let made = generate(&options, &book).unwrap();
        let truth = std::fs::read_to_string(folder.path().join("truth/packages.csv")).unwrap();
        assert_eq!(truth.lines().count() as u64, made.rows + 1);
        let mut texts = std::collections::HashMap::new();
        for path in &made.files {
            let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
            let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
            if name.ends_with(".txt") {
                // Two lines of words precede the headings of the Japanese form.
                let words = if name.starts_with("confirm_jp") { 2 } else { 0 };
                let widths: BTreeSet<usize> = text.lines().skip(words).map(|line| line.split('\t').count()).collect();
                assert_eq!(widths.len(), 1, "{name}");
            }
            texts.insert(name, text);
        }
        let (mut api, mut files, mut japanese) = (0, 0, 0);
        for line in truth.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let stands = |folder: &str| {
                let own = texts.iter().filter(|(name, _)| name.starts_with(folder) && name.contains(cells[0]));
                own.into_iter().any(|(_, text)| text.contains(cells[2]))
            };
            match (stands("orders_api/"), stands("confirm/"), stands("confirm_jp/"), stands("orders/")) {
                (true, false, false, false) => api += 1,
                (false, true, false, true) => files += 1,
                (false, false, true, true) => japanese += 1,
                other => panic!("{line}: {other:?}"),
            }
        }
        assert!(api > 100 && files > 100 && japanese > 10, "{api} {files} {japanese}");
        let kinds = ["tracking/aftership_", "tracking/easypost_"];
        assert!(kinds.iter().all(|kind| texts.keys().any(|name| name.starts_with(kind))), "{:?}", texts.keys());
        let later = texts.iter().filter(|(name, _)| name.ends_with("-b.txt")).map(|(_, text)| text.as_str());
        let later: String = later.collect();
        let blank = |line: &&str| line.split('\t').skip(3).take(5).all(str::is_empty);
        assert!(later.contains("\tNULL\t") && later.lines().filter(blank).count() > 10);
        assert!(generate(&options, &book).is_err(), "histories do not mix");
    }
}
