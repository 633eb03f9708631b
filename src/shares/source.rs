//! Where parts are kept: in memory, or in a folder of this machine or of an object store.
//!
//! It names and returns bytes and knows nothing of their content. A part gets its name in one step and keeps it: a
//! part that is put twice exists once.

use crate::error::{Error, Result};
use crate::fold::parts::{self, Header, Opened, Part, PartKind, Seal};
use crate::place::readable::Readable;
use crate::publish;
use crate::publish::store::{Content, Created, Store};
use bytes::Bytes;
use parquet::file::reader::Length;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A place that parts are read from; threads may read at once.
pub trait PartSource: Sync {
    /// Returns the place's name in messages.
    fn shown(&self) -> String;

    /// Returns the names of all parts.
    ///
    /// # Errors
    /// The place cannot be listed.
    fn names(&self) -> Result<Vec<String>>;

    /// A part, to be read.
    ///
    /// # Errors
    /// It is gone, or cannot be read.
    fn open(&self, name: &str) -> Result<Readable>;

    /// Returns the end of a part, at least its footer.
    ///
    /// # Errors
    /// As [`PartSource::open`], and if it is not a part.
    fn end(&self, name: &str) -> Result<Bytes> {
        parts::end(name, &self.open(name)?)
    }
}

/// Parts in memory.
#[derive(Clone, Debug, Default)]
pub struct HeldParts(pub Vec<Part>);

impl PartSource for HeldParts {
    fn shown(&self) -> String {
        "memory".to_owned()
    }

    fn names(&self) -> Result<Vec<String>> {
        let name = |(place, part): (usize, &Part)| format!("part {place} ({} {})", part.kind.name(), part.bucket);
        Ok(self.0.iter().enumerate().map(name).collect())
    }

    fn open(&self, name: &str) -> Result<Readable> {
        let place = name.split(' ').nth(1).and_then(|place| place.parse::<usize>().ok());
        let part = place.and_then(|place| self.0.get(place));
        part.map(|part| Readable::Memory(part.bytes.clone().into()))
            .ok_or_else(|| Error::Input(format!("{name}: there is no such part")))
    }
}

/// Parts in a folder of this machine or of an object store: files that end in `.arrow`.
#[derive(Clone, Debug)]
pub struct Folder {
    store: Arc<dyn Store>,
    run_id: String,
}

/// The suffix of the names of parts.
const SUFFIX: &str = ".arrow";
/// Bytes of a part that are compared at once.
const STEP: usize = 256 << 10;

impl Folder {
    /// Returns the folder at a path or URI, without a request to it.
    ///
    /// # Errors
    /// The URI is not valid.
    pub fn at(place: &str, run_id: &str) -> Result<Folder> {
        Ok(Folder { store: publish::at(Path::new(place))?, run_id: run_id.to_owned() })
    }

    /// Prepares the folder for writing.
    ///
    /// # Errors
    /// The disk's or the store's.
    pub fn prepare(&self) -> Result<()> {
        self.store.prepare()
    }

    /// Returns the name of a part of a share.
    pub fn name(index: usize, shares: usize, kind: PartKind, bucket: u32) -> String {
        format!("{index:05}-of-{shares:05}/{}-{bucket:05}{SUFFIX}", kind.name())
    }

    /// Returns share, number of shares, kind and bucket of a name that [`Folder::name`] made.
    pub(super) fn named(name: &str) -> Option<(usize, usize, PartKind, u32)> {
        let (share, part) = name.strip_suffix(SUFFIX)?.rsplit_once('/')?;
        let (index, shares) = share.rsplit('/').next()?.split_once("-of-")?;
        let (kind, bucket) = part.split_once('-')?;
        let (index, shares) = (index.parse().ok()?, shares.parse().ok()?);
        let named = (index, shares, PartKind::from_name(kind)?, bucket.parse().ok()?);
        name.ends_with(&Folder::name(named.0, named.1, named.2, named.3)).then_some(named)
    }

    /// Puts a part in place under a name that ends in `.arrow`, whole and in one step. If the name is taken by the same
    /// part, that one stays, unless its bytes are damaged.
    ///
    /// # Errors
    /// The disk's or the store's; the name is taken by another file.
    pub fn put(&self, name: &str, part: &Part, plan: &str) -> Result<()> {
        debug_assert!(name.ends_with(SUFFIX), "{name}");
        if self.store.create(name, &part.bytes, &self.run_id)? == Created::Done {
            return Ok(());
        }
        let shown = self.store.shown(name);
        let own = Header::of(&shown, &part.bytes)?;
        let seal = Seal { plan: plan.to_owned(), ..own.seal.clone() };
        if self.holds(name, &part.bytes)? {
            return own.expect(&shown, &seal);
        }
        let there = match self.end(name).and_then(|end| Header::of(&shown, &end)) {
            // A file of such a name can only be what is left of the part.
            Err(Error::Input(_)) if Folder::named(name).is_some() => return self.replace(name, part),
            there => there?,
        };
        there.expect(&shown, &seal)?;
        if (there.kind, there.bucket, &there.units) != (own.kind, own.bucket, &own.units) {
            return Err(Error::Input(format!(
                "{shown}: the name is taken by another part; give each plan a folder of its own"
            )));
        }
        // The same units give the same bytes, so these are not those that were written.
        self.replace(name, part)
    }

    fn replace(&self, name: &str, part: &Part) -> Result<()> {
        self.store.put(name, Content::of(&part.bytes), &self.run_id)
    }

    /// Returns whether a file holds exactly these bytes.
    fn holds(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        let Some(readable) = self.store.open(name)?.filter(|readable| readable.len() == bytes.len() as u64) else {
            return Ok(false);
        };
        let (mut reader, mut left, mut read) = (readable.reader(), bytes, vec![0; STEP.min(bytes.len())]);
        while !left.is_empty() {
            let step = read.len().min(left.len());
            let same = reader.read_exact(&mut read[..step]).map(|()| read[..step] == left[..step]);
            if !same.map_err(|error| Error::failed(format!("{}: reading it", self.store.shown(name)), error))? {
                return Ok(false);
            }
            left = &left[step..];
        }
        Ok(true)
    }

    /// Returns whether a part is as it was written.
    ///
    /// # Errors
    /// It is gone, one of another plan, or cannot be read.
    pub fn is_whole(&self, name: &str, seal: &Seal, temp: &Path) -> Result<bool> {
        Opened::is_whole(&self.store.shown(name), self.open(name)?, seal, temp)
    }

    /// Returns the names below one of its folders.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn below(&self, folder: &str) -> Result<BTreeSet<String>> {
        let entries = self.store.list(folder)?.into_iter().map(|entry| entry.path);
        // The name of a file that is still being written begins with a dot.
        let is_part = |path: &String| {
            path.ends_with(SUFFIX) && path.rsplit('/').next().is_some_and(|name| !name.starts_with('.'))
        };
        Ok(entries.filter(is_part).collect())
    }
}

impl PartSource for Folder {
    fn shown(&self) -> String {
        self.store.shown("")
    }

    fn names(&self) -> Result<Vec<String>> {
        Ok(self.below("")?.into_iter().collect())
    }

    fn open(&self, name: &str) -> Result<Readable> {
        self.store.open(name)?.ok_or_else(|| Error::Input(format!("{}: the part is gone", self.store.shown(name))))
    }

    fn end(&self, name: &str) -> Result<Bytes> {
        parts::end(&self.store.shown(name), &self.open(name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::parts::samples::{part, seal};
    use crate::publish::object::Object;
    use object_store::memory::InMemory;

    #[test]
    fn what_is_put_twice_is_there_once_on_disks_and_stores() {
        let disk = tempfile::tempdir().unwrap();
        let memory = Object::on(Arc::new(InMemory::new()), "s3://bucket", "parts/run").unwrap();
        let on_store = Folder { store: Arc::new(memory), run_id: "a".into() };
        for folder in [Folder::at(&disk.path().display().to_string(), "a").unwrap(), on_store] {
            folder.prepare().unwrap();
            let name = Folder::name(1, 4, PartKind::Gone, 7);
            let (own, more) = (part(&[0, 1], 9_000), part(&[2], 9_000));
            assert!(own.bytes.len() > 16 << 10, "{}", own.bytes.len());
            folder.put(&name, &own, "plan").unwrap();
            folder.put(&name, &own, "plan").unwrap();
            let refused = folder.put(&name, &more, "plan").unwrap_err().to_string();
            assert!(refused.contains(&name) && refused.contains("taken by another part"), "{refused}");
            let refused = folder.put(&name, &own, "other").unwrap_err().to_string();
            assert!(refused.contains(&name) && refused.contains("another plan"), "{refused}");
            folder.put("settled/one.arrow", &more, "plan").unwrap();
            for damaged in [&own.bytes[..own.bytes.len() / 2], b"", &[own.bytes.as_slice(), b"x"].concat()] {
                folder.store.put(&name, Content::of(damaged), "a").unwrap();
                assert!(!folder.is_whole(&name, &seal(), &std::env::temp_dir()).unwrap());
                folder.put(&name, &own, "plan").unwrap();
                assert!(folder.is_whole(&name, &seal(), &std::env::temp_dir()).unwrap());
            }
            folder.store.put("x.arrow", Content::of(b"not ours"), "a").unwrap();
            assert!(folder.put("x.arrow", &own, "plan").is_err(), "only a name of ours says whose file it was");
            folder.store.delete("x.arrow").unwrap();
            assert_eq!(folder.names().unwrap(), [name.as_str(), "settled/one.arrow"]);
            let mut read = Vec::new();
            folder.open(&name).unwrap().reader().read_to_end(&mut read).unwrap();
            assert_eq!(read, own.bytes);
            let header = Header::of("settled/one.arrow", &folder.end("settled/one.arrow").unwrap()).unwrap();
            assert_eq!(header, Header::of("a", &more.bytes).unwrap());
            assert!(folder.end("no.arrow").is_err() && folder.open("no.arrow").is_err());
        }
    }

    #[test]
    fn names_say_what_they_stand_for() {
        let name = Folder::name(3, 16, PartKind::Copies, 7);
        assert_eq!(name, "00003-of-00016/copies-00007.arrow");
        assert_eq!(Folder::named(&name), Some((3, 16, PartKind::Copies, 7)));
        assert_eq!(Folder::named(&format!("deep/er/{name}")), Some((3, 16, PartKind::Copies, 7)));
        for other in
            ["00003-of-00016/copies-7.arrow", "3/copies-00007.arrow", "00003-of-00016/x-00007.arrow", "x.arrow"]
        {
            assert_eq!(Folder::named(other), None, "{other}");
        }
    }
}
