//! An object store as the place of publication: whole objects, and one put that succeeds only if the name is free.
//!
//! It needs no rename, no folder and no lock, and it must not delete or overwrite an entry of the log. An attempt
//! whose answer was lost is reported as a failure; the caller reads back to know.

use crate::error::{Error, Result};
use crate::place::object_files::{Place, Trouble, TroubleKind, wait};
use crate::place::readable::Readable;
use bytes::Bytes;
use object_store::{Attribute, Attributes, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Read, SeekFrom};
use std::sync::Arc;
use std::time::Duration;
use vtr_kernel::text::hex;

use super::store::{Content, Created, Entry, Store};

/// Files up to this size are put in one request, and read back whole.
const AT_ONCE: u64 = 8 << 20;
/// The size of each part of a larger file; a store accepts 10,000 parts.
const PART: usize = 16 << 20;
/// The time that a commit under way may take after a signal; the rest of the second is for reading its result back.
const GRACE: Duration = Duration::from_millis(450);
/// An object that shows whether the store refuses to overwrite names that are taken.
const PROBE: &str = "_put_if_absent";

/// An output on an object store.
#[derive(Clone, Debug)]
pub struct Object {
    place: Place,
}

impl Object {
    /// The output at a URI. No request is sent yet.
    pub fn at(uri: &str) -> Result<Object> {
        let place = Place::at(uri).map_err(|trouble| Error::Usage(trouble.to_string()))?;
        Ok(Object { place })
    }

    /// The output on an open store, shown under a root such as `s3://bucket`.
    pub fn on(store: Arc<dyn ObjectStore>, root: &str, path: &str) -> Result<Object> {
        Ok(Object { place: Place::on(store, root, path)? })
    }

    fn entry(&self, meta: ObjectMeta) -> Option<Entry> {
        let path = self.place.below(&meta.location)?;
        Some(Entry { path, bytes: meta.size, modified: meta.last_modified.into() })
    }

    fn put_at_once(&self, path: &str, bytes: Vec<u8>) -> std::result::Result<(), Trouble> {
        let key = self.place.key(path)?;
        let payload = PutPayload::from(bytes);
        self.place.ask("writing it", path, self.place.store().put(&key, payload)).map(drop)
    }

    fn put_in_parts(&self, path: &str, content: &mut Content) -> Result<()> {
        let key = self.place.key(path)?;
        let mut upload = self.place.ask("writing it", path, self.place.store().put_multipart(&key))?;
        let mut whole = || -> Result<()> {
            let mut left = content.bytes;
            while left > 0 {
                let mut part = vec![0; usize::try_from(left).unwrap_or(PART).min(PART)];
                let read = content.reader.read_exact(&mut part);
                read.map_err(|error| Error::failed(format!("{}: reading its copy", self.shown(path)), error))?;
                left -= part.len() as u64;
                self.place.ask("writing a part of it", path, upload.put_part(PutPayload::from(part)))?;
            }
            Ok(self.place.ask("writing it", path, upload.complete()).map(drop)?)
        };
        whole().inspect_err(|_| {
            // The parts of an unfinished upload cost money; failing to drop them does no other harm.
            let _ = wait(upload.abort(), GRACE);
        })
    }

    /// Compares what arrived with what was sent: the bytes of a small file, the size of a large one, whose parts the
    /// store has checked.
    fn read_back(&self, path: &str, bytes: u64, sha256: &str) -> Result<()> {
        let arrived = self.look(path)?.map(|entry| entry.bytes);
        let mut sound = arrived == Some(bytes);
        if sound && bytes <= AT_ONCE {
            let readable = self.open(path)?;
            let hash = readable.map(|readable| readable.hash()).transpose();
            let hash = hash.map_err(|error| Error::failed(format!("{}: reading it back", self.shown(path)), error))?;
            sound = hash.as_deref() == Some(sha256);
        }
        if sound {
            return Ok(());
        }
        let what = format!("{}: the store gave back other bytes than were written; run again", self.shown(path));
        Err(Error::Failed { what, source: None })
    }
}

impl Store for Object {
    fn shown(&self, path: &str) -> String {
        self.place.shown(path)
    }

    /// Refuses a store that overwrites existing names: it would lose a publication sooner or later.
    fn prepare(&self) -> Result<()> {
        for _ in 0..2 {
            if self.create(PROBE, b"vtr: this store keeps names that are taken\n", "")? == Created::Taken {
                return Ok(());
            }
        }
        Err(Error::Usage(format!(
            "{}: the store overwrites an object although it was told not to (If-None-Match: *), so two runs could undo each \
             other; publish to a store that enforces it, or to a local folder",
            self.shown("")
        )))
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        let all = self.place.list(folder)?;
        Ok(all.into_iter().filter_map(|meta| self.entry(meta)).collect())
    }

    fn look(&self, path: &str) -> Result<Option<Entry>> {
        Ok(self.place.look(path)?.and_then(|meta| self.entry(meta)))
    }

    fn open(&self, path: &str) -> Result<Option<Readable>> {
        let key = self.place.key(path)?;
        let whole = async {
            let got = self.place.store().get(&key).await?;
            // The bytes of small files come with the answer; of larger ones only the metadata is taken.
            let meta = got.meta.clone();
            if meta.size <= AT_ONCE { Ok((meta, Some(got.bytes().await?))) } else { Ok((meta, None)) }
        };
        let (meta, bytes): (ObjectMeta, Option<Bytes>) = match self.place.ask("reading it", path, whole) {
            Err(trouble) if trouble.kind == TroubleKind::Missing => return Ok(None),
            got => got?,
        };
        Ok(Some(bytes.map_or_else(|| Readable::ObjectFile(self.place.open(path, &meta)), Readable::Memory)))
    }

    fn put(&self, path: &str, mut content: Content, _: &str) -> Result<()> {
        let reading = |error| Error::failed(format!("{}: reading its copy", self.shown(path)), error);
        content.reader.seek(SeekFrom::Start(0)).map_err(reading)?;
        if content.bytes <= AT_ONCE {
            let mut bytes = Vec::with_capacity(content.bytes as usize);
            content.reader.read_to_end(&mut bytes).map_err(reading)?;
            assert!(hex(&Sha256::digest(&bytes)) == content.sha256, "the bytes of {path} do not match its digest");
            self.put_at_once(path, bytes)?;
        } else {
            self.put_in_parts(path, &mut content)?;
        }
        self.read_back(path, content.bytes, &content.sha256)
    }

    fn create(&self, path: &str, bytes: &[u8], _: &str) -> Result<Created> {
        let key = self.place.key(path)?;
        let kind = if path.ends_with(".json") { "application/json" } else { "application/octet-stream" };
        let attributes = Attributes::from_iter([(Attribute::ContentType, kind)]);
        let options = PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() };
        let payload = PutPayload::from(bytes.to_vec());
        let put = wait(self.place.store().put_opts(&key, payload, options), GRACE)?;
        match put.map_err(|error| self.place.explain("publishing it", path, &error)) {
            Ok(_) => Ok(Created::Done),
            Err(trouble) if matches!(trouble.kind, TroubleKind::Taken | TroubleKind::Changed) => Ok(Created::Taken),
            Err(trouble) => Err(trouble.into()),
        }
    }

    fn delete(&self, path: &str) -> Result<()> {
        let key = self.place.key(path)?;
        match self.place.ask("deleting it", path, self.place.store().delete(&key)) {
            Err(trouble) if trouble.kind == TroubleKind::Missing => Ok(()),
            deleted => Ok(deleted?),
        }
    }

    /// Compares sizes only: a store keeps the checksums of its objects itself.
    fn holds(&self, path: &str, bytes: u64, _: &str) -> Result<bool> {
        Ok(self.look(path)?.is_some_and(|entry| entry.bytes == bytes))
    }

    fn sizes(&self, paths: &[&str]) -> Result<Vec<Option<u64>>> {
        // One listing request returns a thousand objects.
        const FEW: usize = 8;
        if paths.len() <= FEW {
            return paths.iter().map(|path| Ok(self.look(path)?.map(|entry| entry.bytes))).collect();
        }
        let there: BTreeMap<String, u64> =
            self.list("data")?.into_iter().map(|entry| (entry.path, entry.bytes)).collect();
        Ok(paths.iter().map(|path| there.get(*path).copied()).collect())
    }
}
