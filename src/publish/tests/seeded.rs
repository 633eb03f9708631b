//! Tests of writers and readers on a faulty place; a seed decides the order of their steps.
//!
//! The place loses requests and answers, delays or repeats them, says "exists" of what is not there, and writers die
//! between any two steps; the code that commits is the real one. One actor moves at a time, so a seed that fails fails
//! again.

use super::*;
use crate::place::readable::Readable;
use parking_lot::{Condvar, Mutex, MutexGuard};
use sha2::{Digest, Sha256};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Content, Created, Entry, Store};
use vtr_kernel::text::hex;

/// Seeds tried unless `FAULT_SEEDS` says otherwise.
const SEEDS: u64 = 1_000;

#[derive(Debug)]
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// The kinds of events, to check that each of them occurred.
const KINDS: [&str; 14] = [
    "commits",
    "unchanged",
    "conflicts",
    "failures",
    "failures that stand",
    "crashes",
    "crashes that stand",
    "lost requests",
    "lost answers",
    "late requests",
    "late requests that landed",
    "repeated requests",
    "false exists",
    "versions read",
];

#[derive(Clone, Copy, Debug, Default)]
struct KindCounts([u64; KINDS.len()]);

impl KindCounts {
    fn add(&mut self, kind: &str) {
        self.0[KINDS.iter().position(|known| *known == kind).expect("a known kind")] += 1;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    /// An actor is between two steps; nobody else moves.
    Working,
    Waiting,
    Gone,
}

#[derive(Debug)]
struct SeededState {
    dice: Dice,
    files: BTreeMap<String, Vec<u8>>,
    /// Requests under way whose sender has given up.
    late: Vec<(String, Vec<u8>)>,
    seats: Vec<Seat>,
    turn: Option<usize>,
    /// The runs that put a file.
    put_by: BTreeMap<String, BTreeSet<String>>,
    counts: KindCounts,
}

impl SeededState {
    /// Chooses the next actor when nobody is working.
    fn choose(&mut self) {
        if self.turn.is_some() || self.seats.contains(&Seat::Working) {
            return;
        }
        let waiting: Vec<usize> = (0..self.seats.len()).filter(|seat| self.seats[*seat] == Seat::Waiting).collect();
        if !waiting.is_empty() {
            self.turn = Some(waiting[self.dice.roll(waiting.len() as u64) as usize]);
        }
    }

    /// The effect of a request when it arrives. Log entries are made only if their name is free.
    fn arrive(&mut self, path: &str, bytes: &[u8]) -> Created {
        let of_log = path.starts_with(log::FOLDER);
        if of_log && self.files.contains_key(path) {
            return Created::Taken;
        }
        self.files.insert(path.to_owned(), bytes.to_vec());
        if of_log {
            let manifest: Manifest = serde_json::from_slice(bytes).expect("a manifest is whole");
            for file in manifest.all_files() {
                let there = self.files.get(&file.path).map(|bytes| bytes.len() as u64);
                assert_eq!(there, Some(file.bytes), "version {} names {}", manifest.version, file.path);
            }
        }
        Created::Done
    }

    fn let_late_ones_land(&mut self) {
        while !self.late.is_empty() && self.dice.roll(6) == 0 {
            self.let_one_land();
        }
    }

    fn let_all_land(&mut self) {
        while !self.late.is_empty() {
            self.let_one_land();
        }
    }

    fn let_one_land(&mut self) {
        let (path, bytes) = self.late.swap_remove(0);
        if self.arrive(&path, &bytes) == Created::Done {
            self.counts.add("late requests that landed");
        }
    }
}

#[derive(Debug)]
struct World {
    state: Mutex<SeededState>,
    moved: Condvar,
}

/// A writer that died.
struct Crash;

/// The world as seen by one actor.
#[derive(Debug)]
struct View {
    world: Arc<World>,
    seat: usize,
    faulty: bool,
}

impl World {
    fn state(&self) -> MutexGuard<'_, SeededState> {
        self.state.lock()
    }

    fn leave(&self, seat: usize) {
        let mut state = self.state();
        state.seats[seat] = Seat::Gone;
        state.choose();
        self.moved.notify_all();
    }
}

impl View {
    /// Waits for the next turn; a writer may die before it.
    fn step(&self) -> MutexGuard<'_, SeededState> {
        let mut state = self.world.state();
        state.seats[self.seat] = Seat::Waiting;
        state.choose();
        self.world.moved.notify_all();
        while state.turn != Some(self.seat) {
            self.world.moved.wait(&mut state);
        }
        state.turn = None;
        state.seats[self.seat] = Seat::Working;
        state.let_late_ones_land();
        if self.faulty && state.dice.roll(120) == 0 {
            state.counts.add("crashes");
            drop(state);
            resume_unwind(Box::new(Crash));
        }
        state
    }

    fn ask(&self) -> Result<MutexGuard<'_, SeededState>> {
        let mut state = self.step();
        if self.faulty && state.dice.roll(150) == 0 {
            return Err(broken());
        }
        Ok(state)
    }

    /// Sends a file. Each possible fault of a request happens in one of `sides` requests.
    fn send(&self, path: &str, bytes: &[u8], sides: u64) -> Result<Created> {
        let mut state = self.step();
        match if self.faulty { state.dice.roll(sides) } else { sides } {
            0 => {
                state.counts.add("lost requests");
                Err(broken())
            }
            1 => {
                state.arrive(path, bytes);
                state.counts.add("lost answers");
                Err(broken())
            }
            2 => {
                state.late.push((path.to_owned(), bytes.to_vec()));
                state.counts.add("late requests");
                Err(broken())
            }
            3 => {
                state.arrive(path, bytes);
                state.counts.add("repeated requests");
                Ok(state.arrive(path, bytes))
            }
            4 if path.starts_with(log::FOLDER) => {
                state.counts.add("false exists");
                Ok(Created::Taken)
            }
            _ => Ok(state.arrive(path, bytes)),
        }
    }
}

fn broken() -> Error {
    Error::Failed { what: "the connection broke".into(), source: None }
}

impl Store for View {
    fn shown(&self, path: &str) -> String {
        format!("seeded/{path}")
    }

    fn prepare(&self) -> Result<()> {
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        let state = self.ask()?;
        let below = state.files.iter().filter(|(path, _)| path.starts_with(folder));
        let entry = |(path, bytes): (&String, &Vec<u8>)| Entry {
            path: path.clone(),
            bytes: bytes.len() as u64,
            modified: SystemTime::UNIX_EPOCH,
        };
        Ok(below.map(entry).collect())
    }

    fn look(&self, path: &str) -> Result<Option<Entry>> {
        let state = self.ask()?;
        let bytes = state.files.get(path).map(|bytes| bytes.len() as u64);
        Ok(bytes.map(|bytes| Entry { path: path.to_owned(), bytes, modified: SystemTime::UNIX_EPOCH }))
    }

    fn open(&self, path: &str) -> Result<Option<Readable>> {
        Ok(self.ask()?.files.get(path).map(|bytes| Readable::Memory(bytes.clone().into())))
    }

    fn put(&self, path: &str, mut content: Content, run_id: &str) -> Result<()> {
        let mut bytes = Vec::new();
        content.reader.read_to_end(&mut bytes).expect("what is put is at hand");
        self.send(path, &bytes, 100)?;
        self.world.state().put_by.entry(path.to_owned()).or_default().insert(run_id.to_owned());
        Ok(())
    }

    fn create(&self, path: &str, bytes: &[u8], _: &str) -> Result<Created> {
        self.send(path, bytes, 14)
    }

    fn delete(&self, _: &str) -> Result<()> {
        panic!("a publication deletes nothing")
    }

    fn holds(&self, path: &str, bytes: u64, sha256: &str) -> Result<bool> {
        let state = self.ask()?;
        let same = |there: &Vec<u8>| there.len() as u64 == bytes && hex(&Sha256::digest(there)) == sha256;
        Ok(state.files.get(path).is_some_and(same))
    }
}

fn write(run: &TestRun, store: Arc<dyn Store>) -> Result<Published> {
    let publication = Publication::to(store, run.target(Path::new("seeded")), run.id.to_owned())?;
    for piece in run.pieces() {
        publication.write(piece)?;
    }
    publication.commit(run.facts(), &mut Vec::new())
}

/// Reads the highest version a few times, with every file of it.
fn read(view: &View) {
    for _ in 0..3 {
        let Some(manifest) = log::latest(view).unwrap() else { continue };
        for file in manifest.all_files() {
            let readable = view.open(&file.path).unwrap();
            let readable = readable.unwrap_or_else(|| panic!("version {} names {}", manifest.version, file.path));
            assert_eq!(readable.hash().unwrap(), file.sha256, "version {}: {}", manifest.version, file.path);
        }
        view.world.state().counts.add("versions read");
    }
}

/// The result of a writer; `None` if it died.
type Ending = Option<Result<Published>>;

/// Runs writers and readers, each in a thread of its own.
fn compete(world: &Arc<World>, runs: &[TestRun], readers: usize) -> Vec<Ending> {
    world.state().seats = vec![Seat::Working; runs.len() + readers];
    let act = |seat: usize, faulty: bool, work: &dyn Fn(View) -> Option<Result<Published>>| {
        let view = View { world: Arc::clone(world), seat, faulty };
        let ended = catch_unwind(AssertUnwindSafe(|| work(view)));
        world.leave(seat);
        ended.unwrap_or_else(|cause| if cause.is::<Crash>() { None } else { resume_unwind(cause) })
    };
    let act = &act;
    std::thread::scope(|scope| {
        let writers: Vec<_> = runs
            .iter()
            .enumerate()
            .map(|(seat, run)| scope.spawn(move || act(seat, true, &|view| Some(write(run, Arc::new(view))))))
            .collect();
        for seat in runs.len()..runs.len() + readers {
            scope.spawn(move || {
                act(seat, false, &|view| {
                    read(&view);
                    None
                })
            });
        }
        writers.into_iter().map(|writer| writer.join().unwrap_or_else(|cause| resume_unwind(cause))).collect()
    })
}

fn calmly(world: &Arc<World>, run: &TestRun) -> Result<Published> {
    world.state().seats = vec![Seat::Working];
    write(run, Arc::new(View { world: Arc::clone(world), seat: 0, faulty: false }))
}

fn log_of(world: &World) -> Vec<Manifest> {
    let state = world.state();
    let entries = state.files.iter().filter(|(path, _)| path.starts_with(log::FOLDER));
    entries.map(|(_, bytes)| serde_json::from_slice(bytes).unwrap()).collect()
}

/// Checks that every version is based on the one before and belongs to one run: within its span it names the files
/// that this run put, elsewhere those of the base.
fn replay(world: &World) {
    let log = log_of(world);
    let state = world.state();
    for (index, manifest) in log.iter().enumerate() {
        let version = index as u64 + 1;
        assert_eq!((manifest.version, manifest.replaced.base), (version, index.checked_sub(1).map(|_| version - 1)));
        let twice = log.iter().filter(|other| other.run_id == manifest.run_id).count();
        assert_eq!(twice, 1, "run {} published twice", manifest.run_id);
        for (name, files) in &manifest.tables {
            let of_base =
                index.checked_sub(1).and_then(|base| log[base].tables.get(name)).map_or(&[][..], Vec::as_slice);
            let span = manifest.replaced.tables.get(name);
            for file in files {
                if span.is_some_and(|span| span.covers(file.week)) {
                    let own = state.put_by.get(&file.path).is_some_and(|runs| runs.contains(&manifest.run_id));
                    let same = of_base.iter().any(|base| base.path == file.path);
                    assert!(file.judged_by == version && (own || same), "version {version}: {}", file.path);
                } else {
                    assert!(of_base.contains(file), "version {version}: {}", file.path);
                }
            }
            let kept = of_base.iter().filter(|file| !span.is_some_and(|span| span.covers(file.week)));
            kept.for_each(|file| assert!(files.contains(file), "version {version} lost {}", file.path));
        }
    }
}

fn judge(world: &World, runs: &[TestRun], endings: &[Ending]) {
    let log = log_of(world);
    for (run, ending) in runs.iter().zip(endings) {
        let own = log.iter().find(|manifest| manifest.run_id == run.id);
        let mut state = world.state();
        match ending {
            Some(Ok(published)) if published.unchanged => {
                assert!(own.is_none() && log.iter().any(|manifest| manifest.version == published.version));
                state.counts.add("unchanged");
            }
            Some(Ok(published)) => {
                assert_eq!(own.map(|manifest| manifest.version), Some(published.version), "run {}", run.id);
                state.counts.add("commits");
            }
            Some(Err(Error::Conflict(_))) => {
                assert!(own.is_none(), "run {} lost a conflict and stands", run.id);
                state.counts.add("conflicts");
            }
            Some(Err(Error::Failed { .. })) => {
                state.counts.add("failures");
                own.iter().for_each(|_| state.counts.add("failures that stand"));
            }
            Some(Err(other)) => panic!("run {}: {other}", run.id),
            None => own.iter().for_each(|_| state.counts.add("crashes that stand")),
        }
    }
}

fn seed(seed: u64) -> KindCounts {
    let mut dice = Dice(seed);
    let ids = [["w0", "w0-again"], ["w1", "w1-again"], ["w2", "w2-again"]];
    let writers = 2 + dice.roll(2) as usize;
    let run = |index: usize, dice: &mut Dice| {
        let first = dice.roll(3) as usize;
        let last = first + dice.roll(3 - first as u64) as usize;
        let mark = 10 * (index as i64 + 1);
        let weeks: Vec<(Day, i64)> = (first..=last).map(|week| (WEEKS[week], mark + week as i64)).collect();
        TestRun::ranged(ids[index][0], WEEKS[first], WEEKS[last], &weeks)
    };
    let mut runs: Vec<TestRun> = (0..writers).map(|index| run(index, &mut dice)).collect();
    if dice.roll(8) == 0 {
        // Two schedulers have started the same run.
        runs[1] = TestRun { id: runs[1].id, ..runs[0].clone() };
    }
    let state = SeededState {
        dice,
        files: BTreeMap::new(),
        late: Vec::new(),
        seats: Vec::new(),
        turn: None,
        put_by: BTreeMap::new(),
        counts: KindCounts::default(),
    };
    let world = Arc::new(World { state: Mutex::new(state), moved: Condvar::new() });
    calmly(&world, &TestRun::new("base", &[(WEEKS[0], 1), (WEEKS[1], 2), (WEEKS[2], 3)])).unwrap();
    let endings = compete(&world, &runs, 2);
    judge(&world, &runs, &endings);
    world.state().let_all_land();
    // Repeated without faults, every run succeeds.
    for (index, (run, ending)) in runs.iter().zip(&endings).enumerate() {
        if !matches!(ending, Some(Ok(_))) {
            calmly(&world, &TestRun { id: ids[index][1], ..run.clone() }).unwrap();
        }
    }
    replay(&world);
    world.state().counts
}

#[test]
fn whatever_the_place_does_every_version_is_whole_and_of_one_run() {
    let seeds: u64 = std::env::var("FAULT_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    let (next, counts) = (AtomicU64::new(0), Mutex::new(KindCounts::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= seeds {
                        break;
                    }
                    let own = catch_unwind(|| seed(number)).unwrap_or_else(|cause| {
                        eprintln!("seed {number} failed");
                        resume_unwind(cause)
                    });
                    let mut counts = counts.lock();
                    counts.0.iter_mut().zip(own.0).for_each(|(sum, count)| *sum += count);
                }
            });
        }
    });
    let counts = counts.into_inner();
    let shown: Vec<String> = KINDS.iter().zip(counts.0).map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("seeds: {seeds} tried; {}", shown.join(", "));
    let never: Vec<_> = KINDS.iter().zip(counts.0).filter(|(_, count)| *count == 0).map(|(kind, _)| kind).collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}
