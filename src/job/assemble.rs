//! The raw inputs of a job, and how they are joined: `kind`, sides, folds and `[assemble]`.
//!
//! It lays the job's keys over the profile of an input's kind and checks everything that needs no file. Faults are
//! reported with their place.

use super::assembly::{Assemble, AssembleInput, Covers, EventWindow};
use super::inputs::InputKeys;
use super::quantity;
use super::resolve::SpecReport;
use super::spec::{Identity, InputSpec, JobSpec};
use crate::job::plan::{CellRules, Dialect, Format, Input, Limits, MatchedBy, OnBadFile, Quote, Trial};
use crate::place::object_files::is_uri;
use std::path::Path;
use vtr_columnar::input::{Column, ColumnSet};
use vtr_kernel::Book;
use vtr_kernel::calendar::{Day, Zone};
use vtr_kernel::instant::TimeFormat;
use vtr_kernel::policy::Confidence;
use vtr_kernel::sources::{self, Delimited, Field, LocalTimes, Profile, Role, Sources, Spot};
use vtr_kernel::strays::Mark;
use vtr_kernel::suggest::did_you_mean;

/// Returns whether the job's inputs are joined into packages before they are read.
pub(super) fn is_asked_for(spec: &JobSpec) -> bool {
    let asks = |input: &InputSpec| {
        input.kind.is_some()
            || input.fold.is_some()
            || input.role.is_some_and(|role| role != Role::Shipments)
            || input.format == Some(sources::Format::Json)
    };
    spec.input.iter().any(asks)
}

/// Refuses keys that have no effect if nothing is joined.
pub(super) fn refuse_useless(spec: &JobSpec, written: SpecReport) {
    for (index, input) in spec.input.iter().enumerate() {
        let keys = [
            ("match", input.matched_by.is_some()),
            ("blank_number", input.blank_number.is_some()),
            ("written_at", input.written_at.is_some()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, stands)| *stands) {
            let message = format!(
                "`{key}` has no effect, because no input has a `kind`, a `fold` or the role of a side; take it out"
            );
            written.refuse(&format!("input.{index}.{key}"), message);
        }
    }
    let own = &spec.assemble;
    if own.path.is_some() || own.event_window.is_some() || !own.unseen.is_empty() {
        let message =
            "[assemble] has no effect, because no input has a `kind`, a `fold` or the role of a side; take it out";
        written.refuse("assemble", message);
    }
}

/// Returns the assembly; `None` only if a problem was reported.
pub(super) fn assemble(
    spec: &JobSpec,
    root: &Path,
    limits: &Limits,
    book: &Book,
    (as_of, today): (Day, Day),
    written: SpecReport,
) -> Option<Assemble> {
    let sources = sources(spec, root, written)?;
    let mut inputs = Vec::new();
    let mut sound = true;
    for (index, spec) in spec.input.iter().enumerate() {
        match raw(InputKeys { spec, at: format!("input.{index}"), written }, &sources) {
            Some(input) => inputs.push(input),
            None => sound = false,
        }
    }
    if spec.identity == Identity::Order {
        sound = false;
        let message = "`identity` cannot be \"order\" where inputs are joined into packages; take it out. Where a later file of an \
                       input has all packages of its orders again, fold = \"confirmations\" in the [[input]] lets it replace the \
                       earlier ones";
        written.refuse("identity", message);
    }
    if sound && !inputs.iter().any(|input| input.profile.role == Role::Shipments) {
        sound = false;
        let message =
            "no input makes packages: sides only lend facts; add the confirmations, documents or shipments themselves";
        written.refuse("input", message);
    }
    if sound {
        sound = are_placed(&inputs, written);
    }
    let window = window(spec, written);
    let unseen = unseen(spec, book, written);
    let share = |key: &str, text: &str| written.good(&format!("limits.{key}"), quantity::share(text));
    let events = share("events_cover", &spec.limits.events_cover);
    let orders = share("orders_cover", &spec.limits.orders_cover);
    let unmapped = share("statuses_unmapped", &spec.limits.statuses_unmapped);
    let document = spec.limits.max_document_bytes.bytes();
    let document = written
        .good("limits.max_document_bytes", document.map_err(|why| format!("`limits.max_document_bytes`: {why}")));
    let path = path(spec, root, written);
    for index in 0..inputs.len() {
        let own: &AssembleInput = &inputs[index];
        let is_of = |other: &AssembleInput| {
            let folds = own.profile.fold.is_some() && own.profile.fold == other.profile.fold;
            own.profile.role == other.profile.role
                && (folds || (!own.profile.kind.is_empty() && own.profile.kind == other.profile.kind))
        };
        inputs[index].group = inputs.iter().position(is_of).unwrap_or(index).min(index);
    }
    let covers = Covers { events: events?, orders: orders?, unmapped: unmapped? };
    let (path, window, unseen, max_document_bytes) = (path?, window?, unseen?, usize::try_from(document?).ok()?);
    let digest = digest(spec, &sources, book, window, &unseen);
    let assemble = Assemble {
        inputs,
        path,
        window,
        unseen,
        covers,
        limits: limits.clone(),
        max_document_bytes,
        is_past: matches!(written.document.origin("as_of"), super::document::Origin::Given(_)) && as_of < today,
        scratch: std::sync::Arc::default(),
        digest,
    };
    sound.then_some(assemble)
}

/// Raised whenever the same files join to other packages.
const JOIN_REVISION: u32 = 1;

/// Returns the hash of everything that can change a package, apart from the content of the inputs.
fn digest(spec: &JobSpec, sources: &Sources, book: &Book, window: EventWindow, unseen: &[String]) -> String {
    let limits = (&spec.limits.max_field_bytes, &spec.limits.max_record_bytes, &spec.limits.max_document_bytes);
    let parts = serde_json::json!({
        "inputs": spec.input,
        "window": [window.from, window.to],
        "unseen": unseen,
        "limits": serde_json::to_value(limits).unwrap_or_default(),
        "evidence": spec.evidence,
        "sources": sources.digest,
        "book": book.digest(),
        "revision": [super::digest::OUTPUT_REVISION, JOIN_REVISION],
        "program": env!("CARGO_PKG_VERSION"),
    });
    super::digest::sha256_hex(parts.to_string().as_bytes())
}

/// Returns the profiles of the job's folder, or those in the program.
fn sources(spec: &JobSpec, root: &Path, written: SpecReport) -> Option<Sources> {
    let (loaded, place) = match &spec.sources {
        None => (Sources::embedded(), "sources".to_owned()),
        Some(folder) => {
            if !written.is_local("sources", folder) {
                return None;
            }
            let folder = root.join(folder);
            let files = super::shelf::below(&folder);
            let files = written.good("sources", files.map_err(|error| error.to_string()))?;
            (Sources::load(&files), folder.display().to_string())
        }
    };
    let listed = |problems: Vec<vtr_kernel::load::Problem>| {
        let line = |problem: &vtr_kernel::load::Problem| {
            format!("  {place}/{}:{}: {}", problem.file, problem.line, problem.message)
        };
        format!("the profiles cannot be used:\n{}", problems.iter().map(line).collect::<Vec<_>>().join("\n"))
    };
    written.good("sources", loaded.map_err(listed))
}

fn window(spec: &JobSpec, written: SpecReport) -> Option<EventWindow> {
    const KEY: &str = "assemble.event_window";
    let window = match spec.assemble.event_window.as_deref() {
        None => return Some(EventWindow::default()),
        Some([from, to]) => EventWindow { from: *from, to: *to },
        Some(_) => {
            written.refuse(KEY, "`event_window` must be two numbers of days, such as [-3, 90]");
            return None;
        }
    };
    if window.from > window.to || window.from < -3_660 || window.to > 3_660 {
        written.refuse(
            KEY,
            "`event_window` must go from an earlier day to a later one, such as [-3, 90], at most ten years apart",
        );
        return None;
    }
    Some(window)
}

/// Returns the carriers, by the ids of the book.
fn unseen(spec: &JobSpec, book: &Book, written: SpecReport) -> Option<Vec<String>> {
    let mut ids = Vec::new();
    let mut sound = true;
    for name in &spec.assemble.unseen {
        if book.carriers.by_id(name).is_some() {
            ids.push(name.clone());
            continue;
        }
        sound = false;
        let hint = did_you_mean(name, book.carriers.iter().map(|(_, entry)| entry.id.as_str()));
        written
            .refuse("assemble.unseen", format!("the book knows no carrier `{name}`{hint}; `vtr carriers` lists them"));
    }
    ids.sort();
    ids.dedup();
    sound.then_some(ids)
}

/// Returns the folder of the packages: `packages` beside the output.
fn path(spec: &JobSpec, root: &Path, written: SpecReport) -> Option<String> {
    let resolved = |path: &str| {
        if is_uri(path) { path.to_owned() } else { root.join(path).to_string_lossy().into_owned() }
    };
    if let Some(path) = &spec.assemble.path {
        let path = written.folder("assemble.path", root, path)?;
        if path.trim_end_matches('/') == resolved(&spec.output.path).trim_end_matches('/') {
            written.refuse(
                "assemble.path",
                "`assemble.path` is the output's own; give the packages a folder of their own",
            );
            return None;
        }
        return Some(path);
    }
    let output = resolved(&spec.output.path);
    let output = output.trim_end_matches('/');
    let (above, name) = output.rsplit_once('/').unwrap_or((".", output));
    // Two outputs in one folder belong to two jobs, and so do their packages.
    Some(if name == "packages" { format!("{above}/packages-of-{name}") } else { format!("{above}/packages") })
}

/// Returns one raw input.
fn raw(source: InputKeys, known: &Sources) -> Option<AssembleInput> {
    let spec = source.spec;
    let profile = profile(&source, known);
    let paths = source.paths();
    let from_path = source.pattern(&|name| Field::from_name(name).is_some(), &Field::ALL.map(Field::name));
    let mut profile = profile?;
    let columns = laid_over(&source, &mut profile);
    let (cells, columnar_cells) = source.cells()?;
    let dialect = dialect(&source, &profile)?;
    let cells = match &spec.timestamps {
        None if spec.csv.timestamps.is_none() && !profile.timestamps.is_empty() => {
            let times = TimeFormat::new(&profile.timestamps, cells.times.zone().clone());
            let times =
                times.map_err(|_| source.refuse::<()>("kind", "a time format of the profile cannot be used")).ok()?;
            CellRules { times, ..cells }
        }
        _ => cells,
    };
    let (cells, columnar_cells) = (marked(cells, &profile), marked(columnar_cells, &profile));
    let from_path = from_path?;
    source.refuse_doubles(from_path.as_ref());
    columns?;
    let input = AssembleInput {
        paths: paths?,
        format: spec.format,
        from_path,
        dialect,
        zone: Some(columnar_cells.times.zone()).filter(|zone: &&Zone| zone.name() != "UTC").cloned(),
        cells,
        columnar_cells,
        matched_by: spec.matched_by.unwrap_or_default(),
        blank_number: spec.blank_number.unwrap_or(profile.blank_number),
        from_job: from_job(spec),
        on_bad_file: spec.on_bad_file,
        group: 0,
        profile,
    };
    has_keys(&source, &input).then_some(input)
}

/// Returns cell rules with the decimal mark of the profile, unless the job declares one.
fn marked(cells: CellRules, profile: &Profile) -> CellRules {
    match profile.decimal {
        Some(decimal_mark) if cells.mark == Mark::Assumed => CellRules { decimal_mark, mark: Mark::Known, ..cells },
        _ => cells,
    }
}

/// Returns the profile of the input's kind, or an empty one, with role and fold of the job.
fn profile(source: &InputKeys, known: &Sources) -> Option<Profile> {
    let spec = source.spec;
    let mut profile = match &spec.kind {
        None => blank(),
        Some(kind) => match known.profile(kind) {
            Ok(profile) => profile.clone(),
            Err(hint) => return source.refuse("kind", format!("no profile is called `{kind}`{hint}")),
        },
    };
    if let Some(role) = spec.role {
        profile.role = role;
    }
    profile.fold = spec.fold.or(profile.fold);
    if spec.fold.is_some() && profile.role != Role::Shipments {
        return source.refuse("fold", "`fold` is for inputs that make packages; take it or the `role` out");
    }
    if spec.blank_number.is_some() && profile.fold.is_none() {
        return source
            .refuse("blank_number", "`blank_number` is of `fold = \"confirmations\"`; take it out, or give the fold");
    }
    if spec.isolate {
        return source.refuse("isolate", "`isolate` is not for inputs that are joined into packages; take it out");
    }
    if !spec.days.is_empty() {
        return source.refuse("days", "`days` is not for inputs that are joined into packages; take it out");
    }
    Some(profile)
}

/// Returns the profile of files without a kind, which has only the columns that the job maps.
fn blank() -> Profile {
    Profile {
        kind: String::new(),
        name: String::new(),
        role: Role::Shipments,
        lends: Vec::new(),
        format: sources::Format::Csv,
        fold: None,
        blank_number: sources::BlankNumber::Keep,
        text: Delimited { header_line: 1, ..Delimited::default() },
        records: Vec::new(),
        explode: None,
        columns: Vec::new(),
        constants: Vec::new(),
        needs: Vec::new(),
        marks: Vec::new(),
        generations: Vec::new(),
        local_times: LocalTimes::Utc,
        timestamps: Vec::new(),
        decimal: None,
        statuses: sources::StatusMap::default(),
        confidence: Confidence::Confirmed,
        checked_on: 0,
        sources: Vec::new(),
        note: Vec::new(),
    }
}

/// Lays the job's columns and constants over those of the profile.
fn laid_over(source: &InputKeys, profile: &mut Profile) -> Option<()> {
    let spec = source.spec;
    let mut sound = true;
    for (name, written) in &spec.columns {
        let Some(field) = Field::from_name(name) else { continue };
        match super::inputs::headings(name, written.headings()) {
            Ok(headings) => {
                let spot =
                    |heading: super::plan::Heading| Spot { at: heading.name, values: heading.values, others: None };
                put(profile, field, headings.into_iter().map(spot).collect());
            }
            Err(fault) => {
                source.refuse::<()>(&format!("columns.{name}"), fault);
                sound = false;
            }
        }
    }
    if let Some(heading) = &spec.written_at {
        match vtr_kernel::text::trim(heading) {
            Some(heading) => put(profile, Field::WrittenAt, vec![Spot::plain(heading)]),
            None => {
                source.refuse::<()>("written_at", "`written_at` is an empty heading; write the source's");
                sound = false;
            }
        }
    }
    for (name, value) in &spec.constants {
        let Some(field) = Field::from_name(name) else { continue };
        let value = value.to_text();
        match vtr_kernel::text::trim(&value) {
            None => {
                source.refuse::<()>(
                    &format!("constants.{name}"),
                    format!("the constant `{name}` is empty; give it a value, or take it out"),
                );
                sound = false;
            }
            Some(value) => {
                profile.columns.retain(|(known, _)| *known != field);
                profile.constants.retain(|(known, _)| *known != field);
                profile.constants.push((field, value.to_owned()));
            }
        }
    }
    sound.then_some(())
}

fn put(profile: &mut Profile, field: Field, spots: Vec<Spot>) {
    profile.constants.retain(|(known, _)| *known != field);
    match profile.columns.iter_mut().find(|(known, _)| *known == field) {
        Some((_, old)) => *old = spots,
        None => {
            profile.columns.push((field, spots));
            profile.columns.sort_by_key(|(field, _)| *field);
        }
    }
}

/// Returns the fields whose headings the job itself names.
fn from_job(spec: &InputSpec) -> Vec<Field> {
    let written_at = spec.written_at.as_ref().map(|_| Field::WrittenAt);
    spec.columns.keys().filter_map(|name| Field::from_name(name)).chain(written_at).collect()
}

/// Returns how delimited text is cut: by the job, else by the profile.
fn dialect(source: &InputKeys, profile: &Profile) -> Option<Dialect> {
    let written = source.dialect()?;
    let csv = &source.spec.csv;
    let encoding = match (&csv.encoding, &profile.text.encoding) {
        (None, Some(label)) => encoding_rs::Encoding::for_label(label.as_bytes()).unwrap_or(written.encoding),
        _ => written.encoding,
    };
    Some(Dialect {
        delimiter: written.delimiter.or(profile.text.delimiter),
        encoding,
        header_line: csv.header_line.unwrap_or(profile.text.header_line.max(1)),
        ..written
    })
}

/// Returns whether an input has the columns by which it is joined with others.
fn has_keys(source: &InputKeys, input: &AssembleInput) -> bool {
    let missing = |field: Field, remedy: &str| {
        let what = format!("nothing of this input says `{}`; {remedy}", field.name());
        source.refuse::<()>("path", what);
        false
    };
    if input.profile.role == Role::Orders && input.fills(Field::PackageValue) {
        let what = "lines of orders have no `package_value`; map `item_price`, and `shipping_price` and taxes where they are: their sum over the order is the value";
        source.refuse::<()>("path", what.to_owned());
        return false;
    }
    let seller = "give it by from_path, a column or a constant";
    match input.profile.role {
        Role::Shipments if !input.fills(Field::SellerId) => missing(Field::SellerId, seller),
        Role::Shipments | Role::Orders if !input.fills(Field::OrderId) => missing(Field::OrderId, "map its column"),
        Role::Orders if input.matched_by == MatchedBy::SellerOrder && !input.fills(Field::SellerId) => {
            let remedy = format!("{seller}; or join by the order id alone, with match = \"order_id\"");
            missing(Field::SellerId, &remedy)
        }
        Role::Events if !input.fills(Field::TrackingNumber) => missing(Field::TrackingNumber, "map its column"),
        Role::Events if !input.fills(Field::OccurredAt) => missing(Field::OccurredAt, "map its column"),
        Role::Events if !input.fills(Field::Status) && !input.fills(Field::Substatus) => {
            missing(Field::Status, "map its column")
        }
        Role::Categories if !input.fills(Field::Sku) => missing(Field::Sku, "map its column"),
        Role::Categories if !input.fills(Field::ProductCategory) => missing(Field::ProductCategory, "map its column"),
        _ => true,
    }
}

/// Returns the input that a run reads once the packages are made; its files are set then.
pub(super) fn packages(assemble: &Assemble) -> Input {
    Input { given: Some(Vec::new()), ..raw_input(std::slice::from_ref(&assemble.path)) }
}

/// Returns whether every input that makes packages, or the orders beside it, say in which marketplace they are.
fn are_placed(inputs: &[AssembleInput], written: SpecReport) -> bool {
    if inputs.iter().any(|input| input.lends_orders() && input.fills(Field::Marketplace)) {
        return true;
    }
    let mut sound = true;
    for (index, input) in inputs.iter().enumerate() {
        if input.profile.role == Role::Shipments && !input.fills(Field::Marketplace) {
            sound = false;
            let message = "neither this input nor orders beside it say `marketplace`; give it by from_path, a column or a \
                           constant, or add an order report";
            written.refuse(&format!("input.{index}.path"), message);
        }
    }
    sound
}

/// Returns an input of these paths with default settings.
pub(crate) fn raw_input(paths: &[String]) -> Input {
    Input {
        paths: paths.to_vec(),
        given: None,
        format: Some(Format::Parquet),
        columns: Vec::new(),
        constants: Vec::new(),
        from_path: None,
        dialect: Dialect { delimiter: None, quote: Quote::ByDelimiter, encoding: encoding_rs::UTF_8, header_line: 1 },
        cells: CellRules::default(),
        columnar_cells: CellRules::default(),
        days: ColumnSet::default(),
        zone: None,
        csv_keys: Vec::new(),
        // The job decides which columns packages have, and they were checked with it.
        allow_absent: ColumnSet::from_iter([Column::TrackingNumber]),
        settings: String::new(),
        on_bad_file: OnBadFile::Fail,
        trial: Trial::None,
    }
}
