//! Synthetic histories with known truth, for trials, tests and benchmarks.
//!
//! The route: a [`world`] (marketplaces, lanes, recipes) and [`sellers`] are made from the book and the seed, the
//! [`layout`] assigns rows to files, a [`package::Factory`] makes each row independently, and [`write`] writes
//! files on several threads. The bytes depend only on the options, never on threads, clock or host. It fails with
//! the file that could not be written, or with the rule of the book for which it has no recipe.

mod amazon;
mod carriers;
mod columns;
mod dice;
mod error;
mod habits;
mod labels;
mod layout;
mod numbers;
mod package;
mod places;
mod raw;
mod recipes;
mod rows;
mod sample;
mod sellers;
mod world;
mod write;

#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use vtr_kernel::Book;

pub use amazon::Planted;
pub use error::{GenError, Result};
pub use habits::Habits;
pub use sample::sample;

/// The file format of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet, zstd, a million rows per row group.
    Parquet,
    /// Comma-separated UTF-8 text with headings.
    Csv,
}

/// The options of a history.
#[derive(Clone, Debug)]
pub struct GenOptions {
    /// Rows in all files together, copies included.
    pub rows: u64,
    /// The seed; the same seed gives the same bytes.
    pub seed: u64,
    /// The folder that gets `shipments/` and `truth/`.
    pub out: PathBuf,
    /// The file format.
    pub format: Format,
    /// The number of files of equal size; `None`: one file per month.
    pub files: Option<usize>,
    /// The first day of shipping.
    pub from: NaiveDate,
    /// The last day of shipping.
    pub to: NaiveDate,
    /// The number of sellers; `None`: one per about 2,000 rows.
    pub sellers: Option<usize>,
    /// Whether sellers keep one spelling of a label and a few carriers.
    pub habits: Habits,
    /// Whether the truth is written too.
    pub truth: bool,
    /// Whether rows are in order of the day on which they were shipped.
    pub sorted: bool,
    /// The number of rows in 10,000 that cannot be judged.
    pub dirt: u32,
    /// The difference planted into Amazon's reports about the history; `None`: no reports are written.
    pub amazon: Option<Planted>,
    /// Whether packages are written as the exports of sellers instead.
    pub raw: bool,
    /// The number of threads, at least 1.
    pub threads: usize,
    /// Called every few thousand rows; `false` ends the work with [`GenError::Stopped`].
    pub go_on: fn() -> bool,
}

/// The result of [`generate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The number of rows in all files.
    pub rows: u64,
    /// The data files, in order.
    pub files: Vec<PathBuf>,
    /// The earliest `as_of` at which everything is known.
    pub as_of: NaiveDate,
    /// The day on which Amazon's reports were pulled, if there are any.
    pub pulled_on: Option<NaiveDate>,
}

/// The number of days after the last day of shipping within which everything has happened.
const SETTLED_DAYS: i32 = 31;

/// Generates a history.
///
/// # Errors
/// Options that contradict each other, a rule of the book without a recipe, or a file that cannot be written.
pub fn generate(options: &GenOptions, book: &Book) -> Result<Generated> {
    let (from, to) = (world::day(options.from), world::day(options.to));
    if from > to {
        return Err(GenError::Usage(format!(
            "--from {} is after --to {}; give the earlier day first",
            options.from, options.to
        )));
    }
    if options.rows == 0 {
        return Err(GenError::Usage("--rows 0 gives no history; ask for at least 1 row".into()));
    }
    let mut world = world::World::build(book, from, to)?;
    let sellers = options.sellers.unwrap_or((options.rows / 2_000).clamp(20, 200_000) as usize).max(1);
    let sellers = sellers::Sellers::make(&mut world, options.seed, sellers, options.habits);
    let cut = options.files.map_or(layout::Cut::Months, layout::Cut::Files);
    let slices = layout::cut(options.rows, from, to, cut);
    let factory = package::Factory {
        world: &world,
        sellers: &sellers,
        slices: &slices,
        seed: options.seed,
        sorted: options.sorted,
        dirt: options.dirt,
        as_text: options.format == Format::Csv,
        converts: false,
    };
    if options.raw {
        return raw_files(options, &factory, book, to);
    }
    let files = write_all(options, &factory)?;
    let amazon = options.amazon.map(|planted| amazon::write(options, &factory, book, planted)).transpose()?;
    let added = amazon.map_or(0, |(_, added)| added);
    Ok(Generated {
        rows: slices.iter().map(layout::Slice::rows).sum::<u64>() + added,
        files,
        as_of: world::date(to + SETTLED_DAYS),
        pulled_on: amazon.map(|(day, _)| world::date(day)),
    })
}

/// Writes the packages as exports of sellers. Sellers keep their files in one of three ways, by turns, and in the
/// Japanese form if that is the store's.
fn raw_files(options: &GenOptions, factory: &package::Factory, book: &Book, to: i32) -> Result<Generated> {
    let taken = ["confirm", "confirm_jp", "orders", "orders_api", "tracking"].map(|folder| options.out.join(folder));
    if let Some(folder) = taken.iter().find(|folder| folder.exists()) {
        let folder = folder.display();
        return Err(GenError::Usage(format!("{folder} is there already, and histories do not mix; name a new folder")));
    }
    let habit = |seller: &str, market: &str| match seller.bytes().map(u32::from).sum::<u32>() % 3 {
        0 => Some(raw::Habit::OrdersApi),
        _ if market == "JP" => Some(raw::Habit::Japanese),
        1 => Some(raw::Habit::AfterShip),
        _ => Some(raw::Habit::EasyPost),
    };
    let truths = if options.truth { raw::Truths::Written } else { raw::Truths::Left };
    let (rows, files) = raw::write(factory, book, &options.out, &habit, &|_| true, truths)?;
    Ok(Generated { rows, files, as_of: world::date(to + SETTLED_DAYS), pulled_on: None })
}

/// Writes every file; each thread takes the next free one. The content of a file follows from its number alone.
fn write_all(options: &GenOptions, factory: &package::Factory) -> Result<Vec<PathBuf>> {
    let (data, truth) = (options.out.join("shipments"), options.out.join("truth"));
    for folder in [&data, &truth] {
        if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            let folder = folder.display();
            return Err(GenError::Usage(format!(
                "{folder} holds files already, and histories do not mix; name a new folder"
            )));
        }
    }
    let folders = [Some(&data), options.truth.then_some(&truth)];
    for folder in folders.into_iter().flatten() {
        std::fs::create_dir_all(folder)
            .map_err(|error| GenError::failed(format!("cannot make the folder {}", folder.display()), error))?;
    }
    let suffix = match options.format {
        Format::Parquet => "parquet",
        Format::Csv => "csv",
    };
    let dictionaries = columns::Dictionaries::of(factory.world);
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(slice) = factory.slices.get(index)
        {
            let shown = format!("{}.{suffix}", slice.name);
            let (data, truth) = (data.join(&shown), truth.join(format!("{}.parquet", slice.name)));
            let shown = format!("shipments/{shown}");
            let target = write::Target {
                data: &data,
                shown: &shown,
                truth: options.truth.then_some(truth.as_path()),
                go_on: options.go_on,
            };
            if let Err(error) = write::file(factory, &dictionaries, index, options.format, &target) {
                next.store(factory.slices.len(), Ordering::Relaxed);
                failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        (1..options.threads.max(1)).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    match failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        Some(error) => Err(error),
        None => Ok(factory.slices.iter().map(|slice| data.join(format!("{}.{suffix}", slice.name))).collect()),
    }
}
