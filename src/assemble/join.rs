//! The join by order: the records of one partition become packages with the facts that their orders lend them.
//!
//! Records are sorted by order, seller, input and age, so that the result does not depend on the order of arrival. The
//! pure parts of this room decide which facts count; this module combines them. It fails if the disk does.

use super::facts::{Fate, Note, Notes, RecordPlace, Stamp, number_key};
use super::lending::{self, LentOrder};
use super::orders::{self, Line, Order};
use super::pack::{self, HAS_NUMBER, HAS_ORDER, HAS_STATE, Pack, REPLACED, TEXTS, TIMES};
use super::row::{Row, rows};
use super::typed::{BARE, instant};
use super::{Context, Tally, documents, exchange, writes};
use crate::error::Result;
use crate::job::assembly::{AssembleInput, FoldBy};
use crate::job::plan::MatchedBy;
use vtr_kernel::calendar::{Micros, Zone};
use vtr_kernel::facts::{FulfilledBy, OrderState};
use vtr_kernel::instant::Moment;
use vtr_kernel::sources::{Field, Role};
use vtr_kernel::wrapper;

/// Joins a partition; packages go on to the join by number.
pub(super) fn partition(
    context: &Context,
    bytes: &[u8],
    onward: &mut exchange::ExchangeWriter,
    tally: &mut Tally,
) -> Result<()> {
    let mut all: Vec<Row> = rows(bytes).collect();
    let rank = |row: &Row| {
        let input = &context.assemble.inputs[usize::from(row.head.input)];
        if input.profile.role == Role::Shipments { input.group } else { usize::from(row.head.input) }
    };
    let key = |row: &Row| {
        let head = row.head;
        (rank(row), head.at, head.file, head.document, head.record)
    };
    fn order<'a>(row: &Row<'a>) -> Option<&'a str> {
        row.text(Field::OrderId)
    }
    let mut keyed: Vec<(Option<&str>, Option<&str>, Row)> =
        all.drain(..).map(|row| (order(&row), row.text(Field::SellerId), row)).collect();
    keyed.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| key(&a.2).cmp(&key(&b.2))));
    for group in keyed.chunk_by(|a, b| a.0 == b.0) {
        crate::signals::check()?;
        one_order(context, group, onward, tally)?;
    }
    Ok(())
}

type Keyed<'a> = (Option<&'a str>, Option<&'a str>, Row<'a>);

pub(super) fn input<'c>(context: &'c Context, row: &Row) -> &'c AssembleInput {
    &context.assemble.inputs[usize::from(row.head.input)]
}

/// Joins all records with one order id.
fn one_order(
    context: &Context,
    group: &[Keyed],
    onward: &mut exchange::ExchangeWriter,
    tally: &mut Tally,
) -> Result<()> {
    let is_spine = |keyed: &&Keyed| input(context, &keyed.2).profile.role == Role::Shipments;
    let mut sellers: Vec<Option<&str>> = group.iter().filter(is_spine).map(|keyed| keyed.1).collect();
    sellers.dedup();
    let by_id = |row: &Row| input(context, row).matched_by == MatchedBy::OrderId;
    let sides: Vec<&Keyed> = group.iter().filter(|keyed| !is_spine(keyed)).collect();
    for (_, seller, row) in &sides {
        let is_asked = if by_id(row) { sellers.len() == 1 } else { sellers.contains(seller) };
        if !is_asked {
            tally.fate(row.head.file, Fate::Unused, 1);
        }
    }
    for seller in &sellers {
        let spine: Vec<Row> =
            group.iter().filter(is_spine).filter(|keyed| keyed.1 == *seller).map(|keyed| keyed.2).collect();
        let ambiguous = sellers.len() > 1 && sides.iter().any(|(_, _, row)| by_id(row));
        let own = |keyed: &&&Keyed| if by_id(&keyed.2) { sellers.len() == 1 } else { keyed.1 == *seller };
        let side: Vec<Row> = sides.iter().filter(own).map(|keyed| keyed.2).collect();
        of_seller(context, &spine, &side, ambiguous, onward, tally)?;
    }
    Ok(())
}

/// A package before its order is known.
pub(super) struct MadePackage<'a> {
    /// The records that it consists of; the last one represents it.
    rows: Vec<Row<'a>>,
    pub(super) source: RecordPlace,
    items: Vec<&'a str>,
    pub(super) number: Option<&'a str>,
    carrier: Option<&'a str>,
    service: Option<&'a str>,
    shipped_at: Option<Moment>,
    added_at: Option<Moment>,
    pub(super) scans: (Option<Micros>, Option<Micros>),
    /// [`HAS_STATE`], if its source gives a state that is in a list; [`REPLACED`].
    pub(super) state: u16,
}

/// Makes packages of all records that one seller has of an order.
fn of_seller(
    context: &Context,
    spine: &[Row],
    side: &[Row],
    ambiguous: bool,
    onward: &mut exchange::ExchangeWriter,
    tally: &mut Tally,
) -> Result<()> {
    let group_of = |row: &Row| input(context, row).group;
    // A spine whose documents name no package of the order says nothing of its packages.
    let makes = spine.iter().filter(|row| row.head.flags & BARE == 0).map(group_of).min();
    let Some(group) = makes.or_else(|| spine.iter().map(group_of).min()) else { return Ok(()) };
    let (own, others): (Vec<Row>, Vec<Row>) = spine.iter().partition(|row| group_of(row) == group);
    let (lenders, others): (Vec<Row>, Vec<Row>) = others.iter().partition(|row| input(context, row).lends_orders());
    others.iter().for_each(|row| tally.fate(row.head.file, Fate::Superseded, 1));
    [own.as_slice(), side, &lenders].iter().for_each(|rows| lending::compare_names(context, rows, tally));
    let mut side: Vec<Row> = side.iter().chain(&lenders).copied().collect();
    side.sort_by_key(|row| row.head.input);
    let words = &context.book.words;
    let is_canceled = |text: &str| words.order_state(Some(text)).meaning() == OrderState::Canceled;
    let marketplace = own.iter().chain(&side).rev().find_map(|row| row.text(Field::Marketplace));
    let store = pack::store(
        context.book,
        own.iter().rev().find_map(|row| row.text(Field::Marketplace)).or(marketplace),
        &context.utc,
    );
    let lent = lending::orders(context, &side, store.prices, &is_canceled);
    let lines = lent.iter().find_map(|lent| lent.lines);
    let mut notes = Notes::default();
    if ambiguous {
        notes.add(Note::Ambiguous);
    }
    let mut made = match input(context, &own[0]).fold() {
        Some(FoldBy::Writes) => by_writes(context, &own, lines, &mut notes, tally),
        Some(FoldBy::Documents) => by_documents(context, &own, tally),
        _ => by_rows(&own, tally),
    };
    lending::states(context, &lenders, &mut made, tally);
    lending::ask_states(context, input(context, &own[0]), &made, tally);
    for (row, fate) in lent.iter().flat_map(|lent| &lent.rows) {
        let fate = if made.is_empty() && *fate == Fate::Used { Fate::Unused } else { *fate };
        tally.fate(row.head.file, fate, 1);
    }
    let orders: Vec<&Order> = lent.iter().map(|LentOrder { order, .. }| order).collect();
    let is_split = made.len() > 1;
    for (index, made) in made.iter().enumerate() {
        let mut own_notes = if index == 0 { notes } else { Notes::default() };
        if index == 0 && is_split {
            own_notes.add(Note::SplitOrders);
        }
        let package = package(context, made, &orders, marketplace, own_notes, &is_canceled);
        if is_of_other_store(context, made, &orders) {
            tally.other_store(made.source);
        }
        let mut buffer = String::new();
        let number = package.text(Field::TrackingNumber).map(|number| number_key(number, &mut buffer));
        let order = package.text(Field::OrderId).unwrap_or_default();
        let key = number.filter(|_| package.flags & HAS_NUMBER != 0).unwrap_or(order);
        onward.add(key, |bytes| package.write(bytes))?;
    }
    Ok(())
}

/// Returns whether the record of a package and its order name two marketplaces that the book tells apart.
fn is_of_other_store(context: &Context, made: &MadePackage, orders: &[&Order]) -> bool {
    let known = |name: Option<&str>| name.and_then(|name| context.book.resolve_marketplace(name));
    let own = known(made.rows.iter().rev().find_map(|row| row.text(Field::Marketplace)));
    let lent = known(orders.iter().find_map(|order| order.facts.marketplace));
    matches!((own, lent), (Some(own), Some(lent)) if own != lent)
}

/// Returns a record of an order side.
pub(super) fn line<'a>(row: &Row<'a>) -> Line<'a> {
    Line {
        stamp: Stamp { at: row.head.at, file: row.head.file },
        record: row.head.record,
        item: row.text(Field::OrderItemId),
        sku: row.text(Field::Sku),
        category: row.text(Field::ProductCategory),
        money: [Field::ItemPrice, Field::ShippingPrice, Field::ItemTax, Field::ShippingTax]
            .map(|field| row.money(field)),
        currency: row.text(Field::Currency),
        facts: orders::Facts {
            promised_at: row.time(Field::PromisedDeliveryAt),
            shipped_at: row.time(Field::ShippedAt),
            marketplace: row.text(Field::Marketplace),
            channel: row.text(Field::FulfillmentChannel),
            programme: row.text(Field::Programme),
            ship_to: row.text(Field::ShipToCountry),
            ship_from: row.text(Field::ShipFromCountry),
            status: row.text(Field::OrderStatus),
        },
        cells: row.cells(),
    }
}

fn by_writes<'a>(
    context: &Context,
    own: &[Row<'a>],
    lines: Option<usize>,
    notes: &mut Notes,
    tally: &mut Tally,
) -> Vec<MadePackage<'a>> {
    let write = |row: &Row<'a>| writes::Write {
        stamp: Stamp { at: row.head.at, file: row.head.file },
        record: row.head.record,
        item: row.text(Field::OrderItemId),
        number: writes::Number::of(row.text(Field::TrackingNumber), input(context, row).blank_number),
        carrier: row.text(Field::Carrier),
        service: row.text(Field::ShipService),
        shipped_at: row.time(Field::ShippedAt),
    };
    let folded = writes::fold(&own.iter().map(write).collect::<Vec<_>>(), lines);
    own.iter().zip(&folded.fates).for_each(|(row, fate)| tally.fate(row.head.file, *fate, 1));
    notes.0.iter_mut().zip(folded.notes.0).for_each(|(sum, count)| *sum += count);
    let made = |package: writes::WrittenPackage<'a>| MadePackage {
        rows: package.rows.iter().map(|row| own[*row]).collect(),
        source: RecordPlace { file: own[package.row].head.file, record: own[package.row].head.record },
        items: package.items,
        number: package.number,
        carrier: package.carrier,
        service: package.service,
        shipped_at: package.shipped_at,
        added_at: package.added_at.map(Moment::Instant),
        scans: (None, None),
        state: 0,
    };
    folded.packages.into_iter().map(made).collect()
}

/// Returns the key that distinguishes a package from others of its order, owned: its id, or else its cleaned number.
pub(super) fn identity(row: &Row) -> String {
    let mut buffer = String::new();
    match (row.text(Field::PackageId), row.text(Field::TrackingNumber)) {
        (Some(id), _) => format!("i{id}"),
        (None, Some(number)) => format!("n{}", number_key(number, &mut buffer)),
        (None, None) => String::new(),
    }
}

/// Returns the package that a record describes by itself.
fn itself<'a>(row: Row<'a>, source: RecordPlace, scans: (Option<Micros>, Option<Micros>)) -> MadePackage<'a> {
    MadePackage {
        source,
        items: row.text(Field::OrderItemId).into_iter().collect(),
        number: row.text(Field::TrackingNumber),
        carrier: row.text(Field::Carrier),
        service: row.text(Field::ShipService),
        shipped_at: row.time(Field::ShippedAt),
        added_at: row.time(Field::TrackingAddedAt),
        scans,
        state: 0,
        rows: vec![row],
    }
}

/// Returns the packages of documents; one that counts although the newest document has none is counted, and so is an
/// order that the seller is said to have shipped without any.
fn by_documents<'a>(context: &Context, own: &[Row<'a>], tally: &mut Tally) -> Vec<MadePackage<'a>> {
    let (made, folded) = fold_documents(context, own, tally);
    own.iter().zip(&folded.fates).for_each(|(row, fate)| tally.fate(row.head.file, *fate, 1));
    let words = &context.book.words;
    let Some(row) = own.last().filter(|row| row.head.flags & BARE != 0) else { return made };
    let is_sellers = words.fulfilled_by(row.text(Field::FulfillmentChannel)).meaning() == FulfilledBy::Seller;
    let is_shipped =
        |status: &str| ["shipped", "partiallyshipped"].contains(&vtr_kernel::text::alias_key(status).as_str());
    if is_sellers && row.text(Field::OrderStatus).is_some_and(is_shipped) {
        tally.silent_document(!made.is_empty(), RecordPlace { file: row.head.file, record: row.head.record });
    }
    made
}

/// Folds documents of one order to packages with the states that they give.
pub(super) fn fold_documents<'a>(
    context: &Context,
    own: &[Row<'a>],
    tally: &mut Tally,
) -> (Vec<MadePackage<'a>>, documents::FoldedDocuments) {
    let ids: Vec<Option<String>> = own.iter().map(|row| (row.head.flags & BARE == 0).then(|| identity(row))).collect();
    let state = |row: &Row, tally: &mut Tally| {
        let Some(status) = row.text(Field::PackageStatus) else { return documents::PackageState::Unscanned };
        tally.statuses += 1;
        match input(context, row).profile.statuses.meaning(Some(status), None) {
            Some(meaning) if meaning.delivery => documents::PackageState::Delivered,
            Some(meaning) if meaning.scan => documents::PackageState::Scanned,
            Some(_) => documents::PackageState::Unscanned,
            None => {
                tally.unmapped(status, "", RecordPlace { file: row.head.file, record: row.head.record });
                documents::PackageState::Unscanned
            }
        }
    };
    let mut parts = Vec::with_capacity(own.len());
    for (row, id) in own.iter().zip(&ids) {
        parts.push(documents::DocumentRow {
            stamp: Stamp { at: row.head.at, file: row.head.file },
            document: row.head.document,
            record: row.head.record,
            package: id.as_deref(),
            state: state(row, tally),
            cells: row.cells(),
        });
    }
    let folded = documents::fold(&parts);
    let made = |package: &documents::SnapshotPackage| {
        let row = own[package.row];
        let scans = (package.first_scan_at, package.delivery_scan_at);
        let added_at = row.time(Field::TrackingAddedAt).or_else(|| row.time(Field::CreatedAt));
        let statuses = &input(context, &row).profile.statuses;
        let is_told = row.text(Field::PackageStatus).and_then(|state| statuses.meaning(Some(state), None)).is_some();
        let state = if is_told { HAS_STATE } else { 0 };
        let mut made = MadePackage { added_at, state, ..itself(row, package.source, scans) };
        made.rows.extend(folded.bare.map(|bare| own[bare]));
        made
    };
    (folded.packages.iter().map(made).collect(), folded)
}

/// Returns packages of rows that are packages: for each package the lines of its newest file, for each item the last.
fn by_rows<'a>(own: &[Row<'a>], tally: &mut Tally) -> Vec<MadePackage<'a>> {
    let mut keyed: Vec<(String, Row<'a>)> = own.iter().map(|row| (identity(row), *row)).collect();
    // The sort is stable: within a package the rows stay in the order of their age.
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    let mut packages = Vec::new();
    let latest = own.iter().map(|row| (row.head.at, row.head.file)).max();
    for group in keyed.chunk_by(|a, b| a.0 == b.0) {
        let newest = &group[group.len() - 1].1;
        let stamp = |row: &Row| (row.head.at, row.head.file);
        let mut kept: Vec<Row<'a>> = Vec::new();
        for (index, (_, row)) in group.iter().enumerate() {
            let item = row.text(Field::OrderItemId);
            let again = |later: &(String, Row<'a>)| item.is_none() || later.1.text(Field::OrderItemId) == item;
            let counts = stamp(row) == stamp(newest) && !group[index + 1..].iter().any(again);
            let is_newest = index + 1 == group.len();
            let fate = match (counts, is_newest) {
                (true, true) => Fate::Package,
                (true, false) => Fate::Merged,
                _ => Fate::Superseded,
            };
            tally.fate(row.head.file, fate, 1);
            if counts {
                kept.push(*row);
            }
        }
        let same = |row: &&(String, Row<'a>)| row.1.head.at == newest.head.at && row.1.cells() == newest.cells();
        let source = group.iter().find(same).map_or(newest.head, |(_, row)| row.head);
        let mut made = itself(*newest, RecordPlace { file: source.file, record: source.record }, (None, None));
        made.items = kept.iter().filter_map(|row| row.text(Field::OrderItemId)).collect();
        made.rows = kept;
        made.state = if Some(stamp(newest)) == latest { 0 } else { REPLACED };
        packages.push(made);
    }
    packages
}

/// Returns the texts of a package: its own, and for blank ones those that its orders lend.
fn texts<'a>(made: &MadePackage<'a>, orders: &[&Order<'a>]) -> [Option<&'a str>; TEXTS.len()] {
    // The last row represents the package; the others fill its blanks.
    let own = |field: Field| made.rows.iter().rev().find_map(|row| row.text(field));
    let lent = |of: &dyn Fn(&orders::Facts<'a>) -> Option<&'a str>| orders.iter().find_map(|order| of(&order.facts));
    let mut texts = [None; TEXTS.len()];
    for (text, field) in texts.iter_mut().zip(TEXTS) {
        *text = match field {
            Field::TrackingNumber => made.number,
            Field::Carrier => made.carrier,
            Field::ShipService => made.service,
            Field::Marketplace => own(field).or_else(|| lent(&|facts| facts.marketplace)),
            Field::FulfillmentChannel => own(field).or_else(|| lent(&|facts| facts.channel)),
            Field::OrderStatus => own(field).or_else(|| lent(&|facts| facts.status)),
            Field::ShipFromCountry => own(field).or_else(|| lent(&|facts| facts.ship_from)),
            Field::ShipToCountry => own(field).or_else(|| lent(&|facts| facts.ship_to)),
            Field::Programme => own(field).or_else(|| lent(&|facts| facts.programme)),
            Field::Currency | Field::ProductCategory => None,
            _ => own(field),
        };
    }
    texts
}

/// Returns the times of a package; bare dates become moments of the marketplace's days.
fn times(made: &MadePackage, orders: &[&Order], zone: &Zone) -> [Option<Micros>; TIMES.len()] {
    let own_time = |field: Field| made.rows.iter().rev().find_map(|row| row.time(field));
    let promised =
        own_time(Field::PromisedDeliveryAt).or_else(|| orders.iter().find_map(|order| order.facts.promised_at));
    let shipped = made.shipped_at.or_else(|| orders.iter().find_map(|order| order.facts.shipped_at));
    let mut times = [None; TIMES.len()];
    times[0] = instant(promised, zone);
    times[1] = instant(shipped, zone);
    times[2] = instant(made.added_at, zone);
    times[3] = instant(own_time(Field::FirstScanAt), zone);
    times[4] = own_time(Field::DeliveryScanAt).map(|at| at.latest(zone));
    (times[pack::STATE_SCAN], times[pack::STATE_DELIVERY]) = made.scans;
    times
}

/// Returns a package with the facts that its orders lend it.
fn package<'a>(
    context: &'a Context,
    made: &MadePackage<'a>,
    orders: &[&Order<'a>],
    marketplace: Option<&'a str>,
    mut notes: Notes,
    is_canceled: &dyn Fn(&str) -> bool,
) -> Pack<'a> {
    // The last row represents the package; the others fill its blanks.
    let own = |field: Field| made.rows.iter().rev().find_map(|row| row.text(field));
    let newest = &made.rows[made.rows.len() - 1];
    let store = pack::store(context.book, own(Field::Marketplace).or(marketplace), &context.utc);
    // Every row of documents has the whole order's price.
    let is_document = input(context, newest).fold() == Some(FoldBy::Documents);
    let priced = &made.rows[if is_document { made.rows.len() - 1 } else { 0 }..];
    let lines: Vec<Line> =
        priced.iter().map(|row| line(row)).map(|line| Line { stamp: Stamp::default(), ..line }).collect();
    let mine = orders::join(&lines, store.prices, is_canceled).unwrap_or_default();
    let mut texts = texts(made, orders);
    let times = times(made, orders, store.zone);
    let values = std::iter::once(&mine.value).chain(orders.iter().map(|order| &order.value));
    let value = match made.rows.iter().rev().find_map(|row| row.money(Field::PackageValue).known()) {
        Some(amount) => {
            orders::OrderValue { amount: Some(amount), currency: own(Field::Currency), ..orders::OrderValue::default() }
        }
        None => values.clone().find(|value| value.amount.is_some() || value.is_mixed).copied().unwrap_or_default(),
    };
    if value.is_mixed {
        notes.add(Note::MixedCurrency);
    }
    if value.tax_unknown {
        notes.add(Note::TaxUnknown);
    }
    let seller = own(Field::SellerId).unwrap_or_default();
    let (category, is_mixed) = category(context, seller, made, &mine, orders);
    if is_mixed {
        notes.add(Note::MixedCategory);
    }
    let put = |texts: &mut [Option<&'a str>; TEXTS.len()], field: Field, text: Option<&'a str>| {
        if let Some(at) = TEXTS.iter().position(|known| *known == field) {
            texts[at] = text;
        }
    };
    put(&mut texts, Field::Currency, value.currency);
    put(&mut texts, Field::ProductCategory, category);
    let order_id = own(Field::OrderId).unwrap_or_default();
    let mut flags = made.state;
    if !orders.is_empty() {
        flags |= HAS_ORDER;
    }
    let mut buffer = String::new();
    let sound = made.number.filter(|number| !wrapper::is_damaged(number));
    let number = sound.map(|number| number_key(number, &mut buffer)).filter(|number| !number.is_empty());
    if number.is_some_and(|number| context.book.placeholders.find(number, order_id).is_none()) {
        flags |= HAS_NUMBER;
    }
    let orders_file = orders.first().map(|order| order.file);
    let updated_at = made.rows.iter().filter_map(|row| row.head.at).max();
    Pack {
        input: newest.head.input,
        flags,
        source: made.source,
        orders_file,
        updated_at,
        texts,
        times,
        value: value.amount,
        events: 0,
        notes,
    }
}

/// Returns the category of a package, and whether its items have several.
fn category<'a>(
    context: &'a Context,
    seller: &str,
    made: &MadePackage<'a>,
    mine: &Order<'a>,
    orders: &[&Order<'a>],
) -> (Option<&'a str>, bool) {
    let own = mine.items.iter().filter(|item| item.category.is_some() || item.sku.is_some());
    let lent = orders.iter().find(|order| order.items.iter().any(|item| item.category.is_some() || item.sku.is_some()));
    let is_in =
        |item: &&orders::OrderItem<'a>| made.items.is_empty() || item.id.is_none_or(|id| made.items.contains(&id));
    let lent = lent.into_iter().flat_map(|order| order.items.iter().filter(is_in));
    let named = |item: &orders::OrderItem<'a>| {
        let name = item.category.or_else(|| context.categories.of(seller, item.sku?))?;
        Some((name, item.amount))
    };
    let found: Vec<(&'a str, i128)> = own.filter_map(named).collect();
    let found = if found.is_empty() { lent.filter_map(named).collect() } else { found };
    orders::category(found.into_iter())
}
