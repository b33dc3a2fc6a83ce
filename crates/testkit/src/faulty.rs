//! Object storage that fails, or stops the work, at a chosen call.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};

/// What goes wrong. Calls are counted from 1, over every store that shares the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The process ends just before this call: neither it nor any later one is made.
    StopBefore(u64),
    /// The process ends just after this call: it is made, and nobody hears the answer.
    StopAfter(u64),
    /// This call fails; the next ones work.
    FailOnce(u64),
    /// This call and all later ones fail.
    FailFrom(u64),
    /// This call is made twice, as by a client that lost the first answer.
    Twice(u64),
}

/// Counts calls and says which of them go wrong.
#[derive(Debug)]
pub struct Faults {
    fault: Fault,
    calls: AtomicU64,
    has_struck: AtomicBool,
    log: Mutex<Vec<String>>,
}

enum Verdict {
    Make,
    MakeTwice,
    MakeAndFail,
    Fail,
}

impl Faults {
    /// Faults with nothing counted yet.
    pub fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self {
            fault,
            calls: AtomicU64::new(0),
            has_struck: AtomicBool::new(false),
            log: Mutex::default(),
        })
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Whether the chosen call came.
    pub fn has_struck(&self) -> bool {
        self.has_struck.load(Ordering::SeqCst)
    }

    /// What was called, in order.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn judge(&self, call: &str, path: &str) -> Verdict {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{call} {path}"));
        let verdict = match self.fault {
            Fault::StopBefore(at) | Fault::FailFrom(at) if number >= at => Verdict::Fail,
            Fault::StopAfter(at) if number == at => Verdict::MakeAndFail,
            Fault::StopAfter(at) if number > at => Verdict::Fail,
            Fault::FailOnce(at) if number == at => Verdict::Fail,
            Fault::Twice(at) if number == at => Verdict::MakeTwice,
            _ => return Verdict::Make,
        };
        self.has_struck.store(true, Ordering::SeqCst);
        verdict
    }
}

fn failure() -> Error {
    Error::Generic { store: "faulty", source: "storage was made to fail".into() }
}

/// Storage whose calls go wrong as its faults say.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    faults: Arc<Faults>,
}

impl FaultyStore {
    /// Storage over another one.
    pub fn new(inner: Arc<dyn ObjectStore>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

macro_rules! judged {
    ($self:ident, $call:literal, $path:expr, $make:expr) => {
        match $self.faults.judge($call, $path.as_ref()) {
            Verdict::Make => $make,
            Verdict::MakeTwice => {
                let first = $make;
                // A second request that finds the work of the first one says so.
                match $make {
                    Err(_) if first.is_err() => first,
                    second => second,
                }
            }
            Verdict::MakeAndFail => {
                let _made = $make;
                Err(failure())
            }
            Verdict::Fail => Err(failure()),
        }
    };
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        judged!(
            self,
            "put",
            location,
            self.inner.put_opts(location, payload.clone(), options.clone()).await
        )
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match self.faults.judge("put in parts", location.as_ref()) {
            Verdict::Make | Verdict::MakeTwice => {
                self.inner.put_multipart_opts(location, options).await
            }
            Verdict::MakeAndFail | Verdict::Fail => Err(failure()),
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        judged!(self, "get", location, self.inner.get_opts(location, options.clone()).await)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (inner, faults) = (Arc::clone(&self.inner), Arc::clone(&self.faults));
        locations
            .then(move |location| {
                let judge = Self::new(Arc::clone(&inner), Arc::clone(&faults));
                async move { judge.delete_one(location?).await }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let path = prefix.map(ToString::to_string).unwrap_or_default();
        match self.faults.judge("list", &path) {
            Verdict::Make | Verdict::MakeTwice => self.inner.list(prefix),
            Verdict::MakeAndFail | Verdict::Fail => futures::stream::iter([Err(failure())]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let path = prefix.map(ToString::to_string).unwrap_or_default();
        judged!(self, "list level", path, self.inner.list_with_delimiter(prefix).await)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        judged!(self, "copy", from, self.inner.copy_opts(from, to, options.clone()).await)
    }
}

impl FaultyStore {
    async fn delete_one(&self, location: Path) -> Result<Path> {
        use object_store::ObjectStoreExt as _;
        judged!(
            self,
            "delete",
            location,
            self.inner.delete(&location).await.map(|()| location.clone())
        )
    }
}
