//! A real server of the S3 protocol on this machine, over a temporary folder.
//!
//! It speaks the protocol that clients speak to S3, conditional writes included. `s3s-fs` looks
//! whether an object exists before it writes it, which lets two writers pass; here writes take
//! turns, so that `If-None-Match: *` is the promise it is in S3.

use std::{
    collections::BTreeMap,
    fmt,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::{
    S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, auth::SimpleAuth, dto,
    service::S3ServiceBuilder,
};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::sync::{Mutex, oneshot, watch};

/// The bucket that the server begins with.
pub const BUCKET: &str = "bucket";

const KEY: &str = "AKIAMETALITH";
const SECRET: &str = "not-much-of-a-secret";

/// A running server. It stops, and forgets everything, when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    folder: TempDir,
    running: Option<Running>,
    behaviour: Arc<Behaviour>,
}

/// Ends a server, once.
type Stop = Arc<StdMutex<Option<oneshot::Sender<()>>>>;

#[derive(Debug)]
struct Running {
    stop: Stop,
    thread: JoinHandle<()>,
}

/// Tells by an object's key whether it is not deleted.
pub type IsRefused = fn(&str) -> bool;

/// How the server treats requests, above all those to delete many objects.
#[derive(Debug, Default)]
struct Behaviour {
    delete_requests: AtomicU64,
    /// Tells by its key whether an object is not deleted.
    refused: StdMutex<Option<IsRefused>>,
    /// How long each request to delete many objects takes.
    delay: watch::Sender<Duration>,
    /// The same for requests that only read.
    read_delay: AtomicU64,
    /// How many requests there were, of any kind.
    requests: AtomicU64,
    /// How many bytes of objects were asked for.
    sent: AtomicU64,
    trap: StdMutex<Option<Trap>>,
    denied: StdMutex<Option<Denied>>,
}

/// What of an object that is sent in parts is refused, however often it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The part with this number, from 1.
    Part(i32),
    /// To make an object of the parts.
    Completion,
}

/// Whether a request is carried out during which something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It is not.
    Before,
    /// It is, but its answer comes too late.
    After,
}

/// What happens at a request.
struct Trap {
    /// At the how many-th request.
    number: u64,
    moment: Moment,
    act: Box<dyn FnOnce() + Send>,
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trap").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Behaviour {
    /// Counts a request; what must happen at it.
    fn arrives(&self) -> Option<Trap> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let mut trap = self.trap.lock().unwrap_or_else(PoisonError::into_inner);
        trap.take_if(|trap| number >= trap.number)
    }
}

impl S3Server {
    /// Starts a server on a free port.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("it is writable");
        let listener = TcpListener::bind("127.0.0.1:0").expect("some port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut server = Self { address, folder, running: None, behaviour: Arc::default() };
        server.serve(listener);
        server
    }

    /// Starts another server with a copy of every object.
    pub fn fork(&self) -> Self {
        let other = Self::start();
        copy(self.folder.path(), other.folder.path());
        other
    }

    fn serve(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let (stop, stopped) = oneshot::channel();
        let (root, behaviour) = (self.folder.path().to_owned(), Arc::clone(&self.behaviour));
        let thread = std::thread::spawn(move || serve(listener, root, behaviour, stopped));
        let stop = Arc::new(StdMutex::new(Some(stop)));
        self.running = Some(Running { stop, thread });
    }

    /// Ends the server in the middle of whatever it does. Its objects stay.
    pub fn kill(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            end(&stop);
            thread.join().ok();
        }
    }

    /// Starts it again, at the same address, with the objects it had.
    pub fn restart(&mut self) {
        self.kill();
        self.serve(TcpListener::bind(self.address).expect("its port is free again"));
    }

    /// How many requests to delete many objects there were.
    pub fn delete_requests(&self) -> u64 {
        self.behaviour.delete_requests.load(Ordering::SeqCst)
    }

    /// Refuses to delete objects whose keys are such; `None` for nothing.
    pub fn refuse(&self, such: Option<IsRefused>) {
        *self.behaviour.refused.lock().unwrap_or_else(PoisonError::into_inner) = such;
    }

    /// Lets each request to delete many objects take a while, also those that are waiting.
    pub fn delay(&self, delay: Duration) {
        self.behaviour.delay.send_replace(delay);
    }

    /// Lets each request that only reads take a while.
    pub fn delay_reading(&self, delay: Duration) {
        self.behaviour.read_delay.store(delay.as_millis() as u64, Ordering::SeqCst);
    }

    /// Refuses a step of sending objects in parts; `None` for nothing.
    pub fn deny(&self, what: Option<Denied>) {
        *self.behaviour.denied.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// How many objects were begun to be sent in parts, and neither completed nor given up.
    pub fn unfinished_uploads(&self) -> usize {
        let files = std::fs::read_dir(self.folder.path()).expect("it is readable");
        let names = files.map(|it| it.expect("it is readable").file_name());
        names.filter(|it| it.to_string_lossy().starts_with(".upload-")).count()
    }

    /// How many bytes of objects were asked for.
    pub fn sent(&self) -> u64 {
        self.behaviour.sent.load(Ordering::SeqCst)
    }

    /// How many requests there were, of any kind.
    pub fn requests(&self) -> u64 {
        self.behaviour.requests.load(Ordering::SeqCst)
    }

    /// Does something at a request from now on, the first, second and so on.
    pub fn at_request(&self, number: u64, moment: Moment, act: impl FnOnce() + Send + 'static) {
        let number = self.requests() + number;
        let trap = Trap { number, moment, act: Box::new(act) };
        *self.behaviour.trap.lock().unwrap_or_else(PoisonError::into_inner) = Some(trap);
    }

    /// Lets it end at a request, in the middle of whatever it does.
    pub fn die_at_request(&self, number: u64, moment: Moment) {
        let stop = self.running.as_ref().map(|running| Arc::clone(&running.stop));
        self.at_request(number, moment, move || {
            if let Some(stop) = stop {
                end(&stop);
            }
        });
    }

    /// Nothing happens any more; whether it had not happened yet.
    pub fn disarm(&self) -> bool {
        self.behaviour.trap.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    /// The options with which a client finds and enters it.
    pub fn options(&self) -> BTreeMap<String, String> {
        [
            ("endpoint", format!("http://{}", self.address)),
            ("region", "us-east-1".to_owned()),
            ("access_key_id", KEY.to_owned()),
            ("secret_access_key", SECRET.to_owned()),
            ("virtual_hosted_style_request", "false".to_owned()),
            ("allow_http", "true".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Adds another bucket, and returns the folder that has its objects as files.
    pub fn add_bucket(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).expect("it is writable");
        folder
    }

    /// The folder that has the objects of the bucket as files, to damage them.
    pub fn bucket_folder(&self) -> PathBuf {
        self.folder_of(BUCKET)
    }

    /// The same of another bucket.
    pub fn folder_of(&self, bucket: &str) -> PathBuf {
        self.folder.path().join(bucket)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("it is writable");
    for entry in std::fs::read_dir(from).expect("it is readable") {
        let entry = entry.expect("it is readable");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).expect("it is writable");
        }
    }
}

fn end(stop: &Stop) {
    if let Some(stop) = stop.lock().unwrap_or_else(PoisonError::into_inner).take() {
        stop.send(()).ok();
    }
}

fn serve(
    listener: TcpListener,
    root: PathBuf,
    behaviour: Arc<Behaviour>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async move {
        let serving = accept(listener, &root, behaviour);
        tokio::select! {
            () = serving => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}

async fn accept(listener: TcpListener, root: &Path, behaviour: Arc<Behaviour>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("it is non-blocking");
    let files = FileSystem::new(root).expect("the folder exists");
    let mut service = S3ServiceBuilder::new(Turns { files, writing: Mutex::new(()), behaviour });
    service.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let service = service.clone();
        tokio::spawn(async move {
            http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
        });
    }
}

/// Files as objects, whose writes take turns.
struct Turns {
    files: FileSystem,
    writing: Mutex<()>,
    behaviour: Arc<Behaviour>,
}

impl Turns {
    /// Carries a request out, unless something happens.
    async fn carry_out<T>(&self, work: impl Future<Output = S3Result<T>>) -> S3Result<T> {
        let Some(Trap { moment, act, .. }) = self.behaviour.arrives() else { return work.await };
        let done = match moment {
            Moment::Before => Err(S3Error::new(S3ErrorCode::InternalError)),
            Moment::After => work.await,
        };
        act();
        done
    }

    /// Reads an object, or a part of it.
    async fn read(
        &self,
        request: S3Request<dto::GetObjectInput>,
    ) -> S3Result<S3Response<dto::GetObjectOutput>> {
        let delay = self.behaviour.read_delay.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let response = self.files.get_object(request).await?;
        let length = response.output.content_length.unwrap_or(0);
        self.behaviour.sent.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::SeqCst);
        Ok(response)
    }

    /// Refuses what is denied.
    fn require_allowed(&self, step: Denied) -> S3Result<()> {
        let denied = *self.behaviour.denied.lock().unwrap_or_else(PoisonError::into_inner);
        match denied == Some(step) {
            true => Err(S3Error::new(S3ErrorCode::AccessDenied)),
            false => Ok(()),
        }
    }

    /// Deletes what is not refused, and tells what is.
    async fn delete_many(
        &self,
        mut request: S3Request<dto::DeleteObjectsInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectsOutput>> {
        self.behaviour.delete_requests.fetch_add(1, Ordering::SeqCst);
        let mut delay = self.behaviour.delay.subscribe();
        loop {
            let wait = *delay.borrow_and_update();
            if !matches!(tokio::time::timeout(wait, delay.changed()).await, Ok(Ok(()))) {
                break;
            }
        }
        let refused = *self.behaviour.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let is_refused = |key: &str| refused.is_some_and(|such| such(key));
        let all = std::mem::take(&mut request.input.delete.objects);
        let (refused, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|it| is_refused(&it.key));
        request.input.delete.objects = others;
        let _turn = self.writing.lock().await;
        let mut response = self.files.delete_objects(request).await?;
        let errors = refused.into_iter().map(|it| dto::Error {
            code: Some("AccessDenied".to_owned()),
            message: Some("it is locked".to_owned()),
            key: Some(it.key),
            ..dto::Error::default()
        });
        response.output.errors.get_or_insert_default().extend(errors);
        Ok(response)
    }
}

macro_rules! forward {
    (reading { $($read:ident($read_in:ident) -> $read_out:ident,)* }
     writing { $($write:ident($write_in:ident) -> $write_out:ident,)* }) => {
        #[async_trait]
        impl S3 for Turns {
            $(async fn $read(
                &self,
                request: S3Request<dto::$read_in>,
            ) -> S3Result<S3Response<dto::$read_out>> {
                self.carry_out(async {
                    let delay = self.behaviour.read_delay.load(Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                    self.files.$read(request).await
                })
                .await
            })*
            $(async fn $write(
                &self,
                request: S3Request<dto::$write_in>,
            ) -> S3Result<S3Response<dto::$write_out>> {
                self.carry_out(async {
                    let _turn = self.writing.lock().await;
                    self.files.$write(request).await
                })
                .await
            })*

            async fn get_object(
                &self,
                request: S3Request<dto::GetObjectInput>,
            ) -> S3Result<S3Response<dto::GetObjectOutput>> {
                self.carry_out(self.read(request)).await
            }

            async fn upload_part(
                &self,
                request: S3Request<dto::UploadPartInput>,
            ) -> S3Result<S3Response<dto::UploadPartOutput>> {
                self.carry_out(async {
                    self.require_allowed(Denied::Part(request.input.part_number))?;
                    self.files.upload_part(request).await
                })
                .await
            }

            async fn complete_multipart_upload(
                &self,
                request: S3Request<dto::CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<dto::CompleteMultipartUploadOutput>> {
                self.carry_out(async {
                    self.require_allowed(Denied::Completion)?;
                    let _turn = self.writing.lock().await;
                    self.files.complete_multipart_upload(request).await
                })
                .await
            }

            async fn delete_objects(
                &self,
                request: S3Request<dto::DeleteObjectsInput>,
            ) -> S3Result<S3Response<dto::DeleteObjectsOutput>> {
                self.carry_out(self.delete_many(request)).await
            }
        }
    };
}

forward! {
    reading {
        head_object(HeadObjectInput) -> HeadObjectOutput,
        head_bucket(HeadBucketInput) -> HeadBucketOutput,
        list_objects(ListObjectsInput) -> ListObjectsOutput,
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output,
        list_parts(ListPartsInput) -> ListPartsOutput,
        create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput,
        abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput,
    }
    writing {
        put_object(PutObjectInput) -> PutObjectOutput,
        copy_object(CopyObjectInput) -> CopyObjectOutput,
        delete_object(DeleteObjectInput) -> DeleteObjectOutput,
    }
}
