//! The identity of an input: it depends on the content, so that an unchanged file is known and not guessed.
//!
//! A file of this machine is named by the BLAKE3 of its bytes, an object by the identifier that its store gives. A
//! file that was hashed before is not read again if the system's facts are the same: device, inode, size and times,
//! the last of which is at least two seconds old. The remembered digests are a hint, dropped if damaged; they must not
//! be trusted beyond that. It fails if a file cannot be read or changes meanwhile.

use super::files::Listed;
use super::store::{Origin, Stamp};
use super::{Extent, SourceFile, Survey, Unit};
use crate::error::{Error, Result};
use crate::job::plan::{Format, Plan};
use crate::signals;
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use vtr_kernel::calendar::Day;

/// Nanoseconds within which a change may not show in a file's times.
const UNSURE_NANOS: i64 = 2_000_000_000;
/// Bytes that are hashed at once: enough for the widest vector instructions.
const BUFFER: usize = 1 << 18;

/// First and last day.
pub type Days = (Day, Day);

/// A file as it was when it was hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    stamp: Stamp,
    /// The time of hashing, in nanoseconds since 1970; never later than the truth.
    at: i64,
    digest: String,
}

/// The remembered files as they are written.
#[derive(Serialize, Deserialize)]
struct RememberedFiles {
    /// BLAKE3 of the list.
    check: String,
    files: BTreeMap<String, Remembered>,
}

/// The known facts of a published text file that need no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownText {
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub digest: String,
    /// The days of its rows.
    pub days: Vec<Days>,
}

/// A file that could not be read to its end and was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadFile {
    /// Its path as shown.
    pub file: String,
    /// The identity of its content.
    pub digest: String,
    /// What is wrong with it.
    pub why: String,
    /// The [`Plan::bounds`] under which it was read.
    pub under: String,
}

/// The known facts of inputs from earlier runs.
#[derive(Debug, Default)]
pub struct Known {
    /// The version that the facts of text files come from.
    pub version: Option<u64>,
    /// Published text files whose days are known, by shown path.
    pub texts: BTreeMap<String, KnownText>,
    /// Files that the same program and job left out.
    pub bad: Vec<BadFile>,
    before: BTreeMap<String, Remembered>,
    /// The files that this process hashed itself, by path.
    now: Mutex<BTreeMap<String, Remembered>>,
}

impl Known {
    /// Reads the facts that a run left, and ignores them if they are damaged; an empty text holds none.
    pub fn read(&mut self, text: &[u8]) {
        let written = serde_json::from_slice::<RememberedFiles>(text).ok();
        let sound = written.filter(|written| written.check == check(&written.files));
        self.before = sound.map(|written| written.files).unwrap_or_default();
    }

    /// Returns the facts that a later run may trust, to be written; `None` if there are no new ones.
    pub fn written(&self) -> Option<Vec<u8>> {
        let mut files = self.before.clone();
        let sure = |file: &Remembered| {
            file.stamp.changed.is_some_and(|changed| file.at.saturating_sub(changed) >= UNSURE_NANOS)
        };
        files.extend(self.now().iter().filter(|(_, file)| sure(file)).map(|(path, file)| (path.clone(), file.clone())));
        // Deleted files would otherwise be kept for ever.
        files.retain(|path, file| self.before.get(path) != Some(file) || std::path::Path::new(path).exists());
        if files == self.before {
            return None;
        }
        let written = RememberedFiles { check: check(&files), files };
        serde_json::to_vec(&written).ok()
    }

    /// Returns the digest of a file that is unchanged.
    fn recall(&self, origin: &Origin) -> Option<String> {
        let (path, stamp) = origin.stamped()?;
        if let Some(file) = self.now().get(&path).filter(|file| file.stamp == *stamp) {
            return Some(file.digest.clone());
        }
        let changed = stamp.changed?;
        let file = self.before.get(&path)?;
        (file.stamp == *stamp && file.at.saturating_sub(changed) >= UNSURE_NANOS).then(|| file.digest.clone())
    }

    /// Returns what is wrong with a file that an earlier run left out, if its content is the same.
    fn fault(&self, file: &SourceFile) -> Option<&str> {
        let same = |bad: &&BadFile| bad.file == file.shown && Some(&bad.digest) == file.digest.as_ref();
        self.bad.iter().find(same).map(|bad| bad.why.as_str())
    }

    /// Remembers a file's digest; `at` is a moment before it was read, in nanoseconds since 1970.
    pub fn learn(&self, origin: &Origin, digest: &str, at: i64) {
        if let Some((path, stamp)) = origin.stamped() {
            let file = Remembered { stamp: stamp.clone(), at, digest: digest.to_owned() };
            self.now().insert(path, file);
        }
    }

    fn now(&self) -> MutexGuard<'_, BTreeMap<String, Remembered>> {
        self.now.lock()
    }
}

fn check(files: &BTreeMap<String, Remembered>) -> String {
    let text = serde_json::to_vec(files).expect("texts and numbers have a JSON form");
    blake3::hash(&text).to_hex().to_string()
}

/// Returns a digest as tables and manifests show it.
pub(super) fn named(hash: &blake3::Hasher) -> String {
    format!("blake3:{}", hash.finalize().to_hex())
}

impl Survey {
    /// Computes the digests of all Parquet files, and of those text files that may equal published ones or such as were
    /// left out; other text files are hashed while they are read. Costs a sequential pass over every file that is not remembered.
    ///
    /// # Errors
    /// A file cannot be read or has changed, or the run is told to stop.
    pub fn identify(&mut self, plan: &Plan) -> Result<()> {
        let known = &plan.known;
        self.identify_those(plan, &|file| {
            file.format == Format::Parquet
                || known.texts.get(&file.shown).is_some_and(|known| known.bytes == file.bytes)
                || known.bad.iter().any(|bad| bad.file == file.shown)
        })
    }

    /// Leaves out the files that an earlier run could not read to their end and whose content is the same: runs of some
    /// weeks would otherwise count those parts of them that can be read.
    ///
    /// # Errors
    /// No file remains.
    pub fn without_known_bad(self, plan: &Plan) -> Result<Survey> {
        let fault = |file: &SourceFile| {
            plan.known.fault(file).map(|why| format!("{}: {why}", vtr_kernel::text::shown(&file.shown)))
        };
        let bad = (0..).zip(&self.files).filter_map(|(index, file)| Some((index, fault(file)?)));
        let bad: Vec<(u32, String)> = bad.collect();
        if bad.is_empty() { Ok(self) } else { self.without(plan, bad) }
    }

    /// Computes the digests of all files.
    ///
    /// # Errors
    /// As [`Survey::identify`].
    pub fn identify_all(&mut self, plan: &Plan) -> Result<()> {
        self.identify_those(plan, &|_| true)
    }

    fn identify_those(&mut self, plan: &Plan, could_be: &(dyn Fn(&SourceFile) -> bool + Sync)) -> Result<()> {
        let known = &plan.known;
        let wanted: Vec<usize> = (0..self.files.len()).filter(|index| self.files[*index].digest.is_none()).collect();
        let digests: Mutex<Vec<(usize, Result<Option<String>>)>> = Mutex::default();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(index) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                let file = &self.files[*index];
                let told = match known.recall(&file.origin).or_else(|| file.origin.told()) {
                    Some(digest) => Ok(Some(digest)),
                    None if could_be(file) => content(&file.origin, &file.shown).map(|digest| {
                        known.learn(&file.origin, &digest, plan.began_nanos());
                        Some(digest)
                    }),
                    None => Ok(None),
                };
                digests.lock().push((*index, told));
            }
        };
        std::thread::scope(|scope| {
            (0..plan.threads.clamp(1, wanted.len().max(1))).for_each(|_| drop(scope.spawn(work)));
        });
        for (index, told) in digests.into_inner() {
            self.files[index].digest = told?;
        }
        Ok(())
    }

    /// Leaves out text files if the base version knows that none of their rows is on a day that is read. A file with
    /// later rows does not count either, but these show whether the data go on.
    pub fn keep_known(&mut self, plan: &Plan) {
        let (Some((first, last)), true) = (plan.days_read(), plan.prune) else { return };
        for (index, file) in (0..).zip(&mut self.files) {
            let known = plan.known.texts.get(&file.shown).filter(|known| Some(&known.digest) == file.digest.as_ref());
            let Some(known) = known.filter(|_| file.format == Format::Csv) else { continue };
            if known.days.iter().any(|(from, to)| *from <= last && first <= *to) {
                continue;
            }
            file.reading = Extent::Kept;
            let goes_on = known.days.iter().any(|(_, to)| *to > last);
            let (left_out, units): (Vec<Unit>, Vec<Unit>) =
                std::mem::take(&mut self.units).into_iter().partition(|unit| unit.file == index);
            self.units = units;
            self.beyond.extend(left_out.into_iter().filter(|_| goes_on));
        }
    }
}

/// Returns the digests of listed files, in their order.
///
/// # Errors
/// As [`Survey::identify`].
pub(crate) fn digests(known: &Known, files: &[Listed], plan: &Plan) -> Result<Vec<String>> {
    let next = AtomicUsize::new(0);
    let told: Mutex<Vec<(usize, Result<String>)>> = Mutex::default();
    let work = || {
        while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < files.len()) {
            let origin = &files[index].origin;
            let digest = match known.recall(origin).or_else(|| origin.told()) {
                Some(digest) => Ok(digest),
                None => content(origin, &files[index].shown)
                    .inspect(|digest| known.learn(origin, digest, plan.began_nanos())),
            };
            told.lock().push((index, digest));
        }
    };
    std::thread::scope(|scope| {
        (0..plan.threads.clamp(1, files.len().max(1))).for_each(|_| drop(scope.spawn(work)));
    });
    let mut told = told.into_inner();
    told.sort_by_key(|(index, _)| *index);
    told.into_iter().map(|(_, digest)| digest).collect()
}

/// Returns whether a file still holds the content that another process saw, by the stamp that this process saw or by
/// its content. `read` is the file's digest if its rows were read here.
///
/// # Errors
/// The file cannot be read.
pub fn is_still(file: &SourceFile, digest: &str, stamp: Option<&Stamp>, read: Option<&str>) -> Result<bool> {
    if let Some(told) = file.origin.told() {
        return Ok(told == digest);
    }
    let now = file.origin.stamped().map(|(_, stamp)| stamp);
    // If the system reports the time of the last status change, nobody can set it.
    if now.is_some_and(|now| now.changed.is_some() && Some(now) == stamp) {
        return Ok(true);
    }
    match read {
        Some(read) => Ok(read == digest),
        None => Ok(content(&file.origin, &file.shown)? == digest),
    }
}

/// Returns the identity of a file that could not be read to its end; `None` if it cannot be hashed either.
pub(super) fn of_bad(plan: &Plan, file: &SourceFile) -> Option<String> {
    let hashed = || {
        let digest = content(&file.origin, &file.shown).ok()?;
        plan.known.learn(&file.origin, &digest, plan.began_nanos());
        Some(digest)
    };
    file.digest.clone().or_else(hashed)
}

/// Returns the BLAKE3 of a file's bytes.
fn content(origin: &Origin, shown: &str) -> Result<String> {
    let refused = |why: String| {
        let why = Error::Input(format!("{}: {why}", vtr_kernel::text::shown(shown)));
        origin.trouble().unwrap_or(why)
    };
    let readable = origin.open().map_err(refused)?;
    let (mut hash, mut reader, mut buffer) = (blake3::Hasher::new(), readable.reader(), vec![0; BUFFER]);
    loop {
        signals::check()?;
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => drop(hash.update(&buffer[..length])),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(refused(format!("cannot be read: {error}"))),
        }
    }
    // A file that changed while it was read has no digest.
    origin.open().map_err(refused)?;
    Ok(named(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    const SECOND: i64 = 1_000_000_000;

    fn origin(path: &Path) -> Origin {
        Origin::disk(path.to_path_buf(), &path.metadata().unwrap())
    }

    /// Returns the facts that a later process knows.
    fn handed_on(known: &Known) -> Known {
        let mut later = Known::default();
        later.read(&known.written().unwrap_or_default());
        later
    }

    #[test]
    fn a_file_is_trusted_if_nothing_about_it_moved_and_it_was_old_enough() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "one").unwrap();
        let changed = origin(&path).stamped().unwrap().1.changed.unwrap();
        for (age, trusted) in [(2 * SECOND, true), (2 * SECOND - 1, false)] {
            let known = Known::default();
            known.learn(&origin(&path), "blake3:1", changed + age);
            assert_eq!(known.recall(&origin(&path)).as_deref(), Some("blake3:1"), "this process hashed it itself");
            assert_eq!(handed_on(&known).recall(&origin(&path)).is_some(), trusted, "{age}");
        }
        let known = Known::default();
        known.learn(&origin(&path), "blake3:1", changed + 9 * SECOND);
        let modified = path.metadata().unwrap().modified().unwrap();
        // The same size, and the modification time put back: the time of the status change reveals it.
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&path, "two").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(path.metadata().unwrap().modified().unwrap(), modified);
        assert_eq!(handed_on(&known).recall(&origin(&path)), None);
    }

    #[test]
    fn a_damaged_memory_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "one").unwrap();
        let known = Known::default();
        known.learn(&origin(&path), "blake3:1", i64::MAX);
        let text = known.written().unwrap();
        let wrong = String::from_utf8(text.clone()).unwrap().replace("blake3:1", "blake3:2");
        for damaged in [wrong.as_bytes(), &text[..text.len() / 2], b"", b"{}"] {
            let mut later = Known::default();
            later.read(damaged);
            assert_eq!(later.recall(&origin(&path)), None);
        }
        let later = handed_on(&known);
        assert!(later.recall(&origin(&path)).is_some());
        assert_eq!(later.written(), None, "nothing was learned");
        fs::remove_file(&path).unwrap();
        assert!(later.written().is_some(), "what is gone is forgotten");
    }
}
