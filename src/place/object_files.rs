//! Object stores: from a URI to a connection, blocking calls on it, and files read by ranges.
//!
//! Credentials come only from the standard environment of each store; a URI that carries one is refused. Throttling
//! and broken connections are retried with back-off; what still fails is reported with the URI and a remedy and never
//! with a secret, and a signal ends any wait.

use crate::error::Error;
use crate::place::keys;
use crate::place::object_reads::{ObjectRead, ObjectStream};
use crate::signals;
use bytes::Bytes;
use futures_util::future::try_join_all;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, GetOptions, ObjectMeta, ObjectStore, RetryConfig};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// The interval at which a wait checks for a signal.
const LOOK_AFTER: Duration = Duration::from_millis(100);
/// The time after which a request is given up and retried.
const TIMEOUT: &str = "120 seconds";
/// The time after which a host that does not answer counts as unreachable.
const CONNECT_TIMEOUT: &str = "5 seconds";
/// Bytes of a request when a file is read from its beginning to its end.
pub(super) const STEP: usize = 8 << 20;
/// Least bytes of a request when a file is read at random positions.
const WINDOW: usize = 1 << 20;
/// Windows of a file that are kept, unless its layout gives a better number.
const WINDOWS: usize = 48;
/// Ranges with a smaller gap than this are fetched as one.
const GAP: u64 = 256 << 10;

/// The runtime; one waiting thread at a time drives the connections of all.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().enable_all().build().expect("a runtime needs a few file descriptors only")
});

/// Connections by scheme and bucket.
static CONNECTIONS: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>> = Mutex::new(BTreeMap::new());

/// Why a request to a store failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Trouble {
    /// The kind of failure that a caller may act on.
    pub kind: TroubleKind,
    text: String,
}

/// The kinds of failure that a caller may act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// There is no such object.
    Missing,
    /// The name is taken, or the store reports that it is.
    Taken,
    /// The object has changed since it was looked at.
    Changed,
    /// A signal arrived.
    Stopped(i32),
    /// Anything else.
    Other,
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Error {
        match trouble.kind {
            TroubleKind::Stopped(signal) => signals::stopped(signal),
            _ => Error::Failed { what: trouble.text, source: None },
        }
    }
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> io::Error {
        io::Error::other(trouble)
    }
}

/// Returns whether a path names a place on an object store.
pub fn is_uri(path: &str) -> bool {
    path.contains("://")
}

/// Returns scheme, bucket and path of a URI; an error describes the fault without repeating a secret.
pub fn parts(uri: &str) -> Result<(&str, &str, &str), String> {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    let azure = matches!(scheme, "az" | "azure" | "adl" | "abfs" | "abfss");
    if !azure && !matches!(scheme, "s3" | "s3a" | "gs") {
        return Err(format!("`{scheme}://` is not a store that can be reached; write s3://, gs:// or az://"));
    }
    let user = bucket.split_once('@').map_or("", |(user, _)| user);
    // A question mark may be a glob sign; a signed address is recognised by the text after it.
    let query = path.split_once('?').map_or("", |(_, query)| query).to_ascii_lowercase();
    let signed = ["sig=", "signature=", "credential=", "token=", "accesskeyid="].iter().any(|key| query.contains(key));
    if user.contains(':') || (!azure && bucket.contains('@')) || bucket.contains('?') || signed {
        return Err(format!("{scheme}://: a URI must not hold credentials; give them in the environment"));
    }
    if bucket.is_empty() {
        return Err(format!("`{uri}` names no bucket; write {scheme}://BUCKET/PATH"));
    }
    Ok((scheme, bucket, path))
}

/// A place on an object store: a bucket and a path in it.
#[derive(Clone, Debug)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The URI, without a slash at its end.
    shown: String,
}

impl Place {
    /// Returns the place at a URI, without a request to the store.
    ///
    /// # Errors
    /// The URI, or the environment's configuration of the store, is wrong.
    pub fn at(uri: &str) -> Result<Place, Trouble> {
        let (scheme, bucket, path) = parts(uri).map_err(|text| Trouble { kind: TroubleKind::Other, text })?;
        let store = connect(scheme, bucket)?;
        Place::on(store, &format!("{scheme}://{bucket}"), path)
    }

    /// Returns a place on a store that exists already, shown under a root such as `s3://bucket`.
    ///
    /// # Errors
    /// The path is not valid.
    pub fn on(store: Arc<dyn ObjectStore>, root: &str, path: &str) -> Result<Place, Trouble> {
        let shown = format!("{root}/{path}").trim_end_matches('/').to_owned();
        let prefix = keys::parse(path.trim_matches('/')).map_err(|error| Trouble {
            kind: TroubleKind::Other,
            text: format!("{shown}: its path is not valid on an object store: {error}"),
        })?;
        Ok(Place { store, prefix, shown })
    }

    /// Returns a path below the place as people see it.
    pub fn shown(&self, path: &str) -> String {
        if path.is_empty() { self.shown.clone() } else { format!("{}/{path}", self.shown) }
    }

    /// Returns the store, for calls with [`wait`].
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Returns the store's name of a path below the place.
    ///
    /// # Errors
    /// The path is not valid.
    pub fn key(&self, path: &str) -> Result<Path, Trouble> {
        let (below, prefix) = (path, self.prefix.as_ref());
        let whole = if below.is_empty() || prefix.is_empty() {
            format!("{prefix}{below}")
        } else {
            format!("{prefix}/{below}")
        };
        keys::parse(&whole).map_err(|error| Trouble {
            kind: TroubleKind::Other,
            text: format!("{}: its path is not valid on an object store: {error}", self.shown(path)),
        })
    }

    /// Returns the path below the place that a store's name means.
    pub fn below(&self, key: &Path) -> Option<String> {
        let (key, prefix) = (key.as_ref(), self.prefix.as_ref());
        let rest =
            if prefix.is_empty() { key } else { key.strip_prefix(prefix)?.strip_prefix('/').unwrap_or_default() };
        Some(rest.to_owned())
    }

    /// Sends a request about a path to the store, and waits for its end or for a signal.
    ///
    /// # Errors
    /// The store's error, in our words; a signal.
    pub fn ask<T>(
        &self,
        doing: &str,
        path: &str,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Trouble> {
        wait(work, Duration::ZERO)?.map_err(|error| self.explain(doing, path, &error))
    }

    /// Explains an error of the store, with the URI and a remedy and without secrets.
    pub fn explain(&self, doing: &str, path: &str, error: &object_store::Error) -> Trouble {
        use object_store::Error as Store;
        let (shown, said) = (self.shown(path), said(error));
        // A refused listing comes as a generic error, recognised by the stores' own words.
        let is_refused = matches!(error, Store::PermissionDenied { .. } | Store::Unauthenticated { .. })
            || REFUSALS.iter().any(|word| said.contains(word));
        let (kind, text) = match error {
            _ if said.contains("NoSuchBucket") || said.contains("ContainerNotFound") => {
                (TroubleKind::Other, format!("{doing}: there is no such bucket ({said}); make it, or check its name"))
            }
            Store::NotFound { .. } => (TroubleKind::Missing, format!("{doing}: there is no such object ({said})")),
            Store::AlreadyExists { .. } => {
                (TroubleKind::Taken, format!("{doing}: the store says that it exists ({said})"))
            }
            Store::Precondition { .. } | Store::NotModified { .. } => {
                (TroubleKind::Changed, format!("{doing}: it has changed since it was looked at ({said}); run again"))
            }
            _ if is_refused => {
                (TroubleKind::Other, format!("{doing}: access is refused ({said}); {}", self.credentials()))
            }
            Store::NotImplemented { .. } | Store::NotSupported { .. } => {
                (TroubleKind::Other, format!("{doing}: the store cannot do that ({said})"))
            }
            _ => (
                TroubleKind::Other,
                format!("{doing}: {said}; check network and endpoint, and that {}", self.credentials_are_given()),
            ),
        };
        Trouble { kind, text: format!("{shown}: {text}") }
    }

    fn credentials(&self) -> &'static str {
        match self.shown.split(':').next() {
            Some("gs") => "give GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS an account that may use it",
            Some("s3" | "s3a") => {
                "give AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or the machine a role, that may use it"
            }
            _ => "give AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or an identity, that may use it",
        }
    }

    fn credentials_are_given(&self) -> &'static str {
        match self.shown.split(':').next() {
            Some("gs") => "GOOGLE_* names the account",
            Some("s3" | "s3a") => "AWS_* names credentials and region (AWS_ENDPOINT_URL for a store of another maker)",
            _ => "AZURE_* names account and key",
        }
    }

    /// Returns all objects below a path, in no order.
    ///
    /// # Errors
    /// Those of the store.
    pub fn list(&self, folder: &str) -> Result<Vec<ObjectMeta>, Trouble> {
        use futures_util::TryStreamExt;
        let key = self.key(folder)?;
        let prefix = (!key.as_ref().is_empty()).then_some(&key);
        let all: Vec<ObjectMeta> = self.ask("listing it", folder, self.store.list(prefix).try_collect())?;
        let own = all.into_iter().filter_map(|meta| keys::listed(meta).transpose());
        own.collect::<Result<_, String>>()
            .map_err(|refused| Trouble { kind: TroubleKind::Other, text: format!("{}: {refused}", self.shown(folder)) })
    }

    /// Returns the metadata of an object; `None` if there is none.
    ///
    /// # Errors
    /// Those of the store.
    pub fn look(&self, path: &str) -> Result<Option<ObjectMeta>, Trouble> {
        let key = self.key(path)?;
        let options = GetOptions { head: true, ..GetOptions::default() };
        let looked = async { self.store.get_opts(&key, options).await.map(|found| found.meta) };
        match self.ask("looking at it", path, looked) {
            Err(trouble) if trouble.kind == TroubleKind::Missing => Ok(None),
            looked => looked.map(Some),
        }
    }

    /// Opens an object, to be read by ranges.
    pub fn open(&self, path: &str, meta: &ObjectMeta) -> ObjectFile {
        ObjectFile {
            object: Arc::new(Object {
                place: self.clone(),
                path: path.to_owned(),
                key: meta.location.clone(),
                bytes: meta.size,
                etag: meta.e_tag.clone(),
                trouble: Mutex::new(None),
            }),
            cache: Arc::default(),
        }
    }
}

/// Begins work that proceeds whenever some thread waits.
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    RUNTIME.spawn(work)
}

/// Waits for a store; a signal ends the wait after the time of grace.
///
/// # Errors
/// [`TroubleKind::Stopped`].
pub fn wait<T>(work: impl Future<Output = T>, grace: Duration) -> Result<T, Trouble> {
    RUNTIME.block_on(async {
        let mut work = pin!(work);
        let mut stopped: Option<(i32, Instant)> = None;
        loop {
            if let Ok(done) = tokio::time::timeout(LOOK_AFTER, work.as_mut()).await {
                return Ok(done);
            }
            if let (None, Err(Error::Stopped { signal, .. })) = (stopped, signals::check()) {
                stopped = Some((signal, Instant::now()));
            }
            if let Some((signal, since)) = stopped
                && since.elapsed() >= grace
            {
                return Err(Trouble {
                    kind: TroubleKind::Stopped(signal),
                    text: format!("stopped by signal {signal}"),
                });
            }
        }
    })
}

/// Returns the connection to a bucket; it is made once.
fn connect(scheme: &str, bucket: &str) -> Result<Arc<dyn ObjectStore>, Trouble> {
    let root = format!("{scheme}://{bucket}");
    let mut connections = CONNECTIONS.lock();
    if let Some(store) = connections.get(&root) {
        return Ok(store.clone());
    }
    let retry = || RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: Duration::from_secs(90),
    };
    let [whole, connecting] = [ClientConfigKey::Timeout, ClientConfigKey::ConnectTimeout];
    let made: object_store::Result<Arc<dyn ObjectStore>> = match scheme {
        "s3" | "s3a" => AmazonS3Builder::from_env()
            .with_url(&root)
            .with_http_connector(keys::Connector::default())
            .with_config(AmazonS3ConfigKey::Client(whole), TIMEOUT)
            .with_config(AmazonS3ConfigKey::Client(connecting), CONNECT_TIMEOUT)
            .with_retry(retry())
            .build()
            .map(|store| Arc::new(store) as _),
        "gs" => GoogleCloudStorageBuilder::from_env()
            .with_url(&root)
            .with_http_connector(keys::Connector::default())
            .with_config(GoogleConfigKey::Client(whole), TIMEOUT)
            .with_config(GoogleConfigKey::Client(connecting), CONNECT_TIMEOUT)
            .with_retry(retry())
            .build()
            .map(|store| Arc::new(store) as _),
        _ => MicrosoftAzureBuilder::from_env()
            .with_url(&root)
            .with_http_connector(keys::Connector::default())
            .with_config(AzureConfigKey::Client(whole), TIMEOUT)
            .with_config(AzureConfigKey::Client(connecting), CONNECT_TIMEOUT)
            .with_retry(retry())
            .build()
            .map(|store| Arc::new(store) as _),
    };
    let store = made.map_err(|error| Trouble {
        kind: TroubleKind::Other,
        text: format!("{root}: the store cannot be set up ({}); check its variables in the environment", said(&error)),
    })?;
    connections.insert(root, store.clone());
    Ok(store)
}

/// Returns a store's error in one line without secrets.
fn said(error: &object_store::Error) -> String {
    let text = error.to_string();
    let tag = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once("</").map(|(inner, _)| inner.to_owned())
    };
    let text = match (tag("Code"), tag("Message")) {
        (Some(code), Some(message)) => format!("{code}: {}", message.lines().next().unwrap_or_default()),
        (Some(code), None) => code,
        _ => text.clone(),
    };
    let line: String = without_secrets(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = line.chars().take(240).collect();
    if cut.len() < line.len() {
        cut.push_str(" ...");
    }
    cut
}

/// Removes the environment's secrets and the queries of addresses, which may be signed.
fn without_secrets(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, value) in std::env::vars_os() {
        let (name, value) = (name.to_string_lossy().to_ascii_uppercase(), value.to_string_lossy().into_owned());
        let of_a_store = ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|prefix| name.starts_with(prefix));
        let secret = ["KEY", "SECRET", "TOKEN", "SAS", "PASSWORD", "CREDENTIAL", "ACCOUNT"];
        if of_a_store && value.len() > 7 && secret.iter().any(|word| name.contains(word)) && !name.ends_with("_NAME") {
            text = text.replace(&value, "***");
        }
    }
    let words = text.split(' ').map(|word| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => format!("{address}?***"),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// An object to read.
#[derive(Debug)]
pub(super) struct Object {
    place: Place,
    path: String,
    key: Path,
    pub(super) bytes: u64,
    /// The store's identifier of exactly this content; reading another content is refused.
    etag: Option<String>,
    /// The last failure between us and the store.
    trouble: Mutex<Option<Trouble>>,
}

impl Object {
    async fn range(&self, range: Range<u64>) -> object_store::Result<Bytes> {
        let options = GetOptions { if_match: self.etag.clone(), range: Some(range.into()), ..GetOptions::default() };
        self.place.store.get_opts(&self.key, options).await?.bytes().await
    }

    pub(super) fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Trouble> {
        let all = try_join_all(ranges.iter().map(|range| self.range(range.clone())));
        let fetched = self.place.ask("reading it", &self.path, all).inspect_err(|trouble| {
            if trouble.kind != TroubleKind::Changed {
                *self.trouble.lock() = Some(trouble.clone());
            }
        })?;
        for (range, bytes) in ranges.iter().zip(&fetched) {
            if bytes.len() as u64 != range.end - range.start {
                let (shown, got, wanted) = (self.place.shown(&self.path), bytes.len(), range.end - range.start);
                let text = format!("{shown}: the store sent {got} bytes of {wanted}; has it changed? Run again");
                return Err(Trouble { kind: TroubleKind::Changed, text });
            }
        }
        Ok(fetched)
    }
}

/// Fetched pieces of an object, the most recently used last.
#[derive(Debug)]
struct Cache {
    windows: Vec<(u64, Bytes)>,
    most: usize,
    step: usize,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache { windows: Vec::new(), most: WINDOWS, step: WINDOW }
    }
}

impl Cache {
    fn find(&mut self, start: u64, length: usize) -> Option<Bytes> {
        let holds = |(from, bytes): &(u64, Bytes)| *from <= start && start + length as u64 <= from + bytes.len() as u64;
        let at = self.windows.iter().position(holds)?;
        let window = self.windows.remove(at);
        let from = (start - window.0) as usize;
        let found = window.1.slice(from..from + length);
        self.windows.push(window);
        Some(found)
    }

    fn keep(&mut self, start: u64, bytes: Bytes) {
        if self.windows.len() >= self.most {
            self.windows.remove(0);
        }
        self.windows.push((start, bytes));
    }
}

/// An object that is read by ranges; the most recently used pieces are kept.
#[derive(Clone, Debug)]
pub struct ObjectFile {
    object: Arc<Object>,
    cache: Arc<Mutex<Cache>>,
}

/// The words of S3 and Azure for a request that they refuse.
const REFUSALS: [&str; 5] =
    ["AuthorizationFailure", "AuthenticationFailed", "SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied"];

impl ObjectFile {
    /// Returns the store's identifier of the content, if it gives one.
    pub fn etag(&self) -> Option<&str> {
        self.object.etag.as_deref()
    }

    /// Returns the object's size in bytes.
    pub fn bytes(&self) -> u64 {
        self.object.bytes
    }

    /// Returns its name as people see it.
    pub fn shown(&self) -> String {
        self.object.place.shown(&self.object.path)
    }

    /// Returns the same object with no piece kept.
    pub fn anew(&self) -> ObjectFile {
        ObjectFile { object: self.object.clone(), cache: Arc::default() }
    }

    /// Returns the last failure between us and the store; a changed object is not such a failure.
    pub fn trouble(&self) -> Option<Trouble> {
        self.object.trouble.lock().clone()
    }

    /// Fetches the beginnings of these ranges, near ones together, and sets the size of later pieces so that all
    /// ranges read side by side stay within a given memory.
    ///
    /// # Errors
    /// Those of the store.
    pub fn prefetch(&self, ranges: &[Range<u64>], memory: usize) -> Result<(), Trouble> {
        let step = (memory / ranges.len().max(1)).clamp(WINDOW / 4, 16 << 20);
        let mut wanted: Vec<Range<u64>> =
            ranges.iter().map(|range| range.start..range.end.min(range.start + step as u64)).collect();
        wanted.sort_by_key(|range| range.start);
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in wanted {
            match joined.last_mut() {
                Some(last) if range.start <= last.end + GAP => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        let fetched = self.object.fetch(&joined)?;
        let mut cache = self.cache.lock();
        (cache.step, cache.most) = (step, ranges.len() + 4);
        cache.windows = joined.into_iter().map(|range| range.start).zip(fetched).collect();
        Ok(())
    }

    /// Returns bytes from a position on.
    ///
    /// # Errors
    /// The bytes are outside of the object; errors of the store.
    pub fn get(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.bytes());
        if end.is_none() {
            let (bytes, shown) = (self.bytes(), self.shown());
            let text = format!("{shown}: {length} bytes from {start} on lie outside of its {bytes}");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let mut cache = self.cache.lock();
        if let Some(found) = cache.find(start, length) {
            return Ok(found);
        }
        let until = self.bytes().min(start + length.max(cache.step) as u64);
        let fetched = self.object.fetch(std::slice::from_ref(&(start..until)))?.remove(0);
        cache.keep(start, fetched.clone());
        Ok(fetched.slice(..length))
    }

    /// Reads on from a position, through the kept pieces.
    pub fn read_from(&self, start: u64) -> ObjectRead {
        ObjectRead { object: self.clone(), at: start }
    }

    /// Reads from the beginning to the end in large requests.
    pub fn stream(&self) -> ObjectStream {
        ObjectStream { object: self.object.clone(), at: 0, step: Bytes::new() }
    }
}
