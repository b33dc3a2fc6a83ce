//! A real server of the S3 protocol on this machine, over a temporary folder.
//!
//! It speaks the protocol that clients speak to S3, conditional writes included. `s3s-fs` looks
//! whether an object exists before it writes it, which lets two writers pass; here writes take
//! turns, so that `If-None-Match: *` is the promise it is in S3.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    thread::JoinHandle,
};

use async_trait::async_trait;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::{S3, S3Request, S3Response, S3Result, auth::SimpleAuth, dto, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::sync::{Mutex, oneshot};

/// The one bucket of the server.
pub const BUCKET: &str = "bucket";

const KEY: &str = "AKIAMETALITH";
const SECRET: &str = "not-much-of-a-secret";

/// A running server. It stops, and forgets everything, when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    /// Starts a server on a free port.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("it is writable");
        let listener = TcpListener::bind("127.0.0.1:0").expect("some port is free");
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stop, stopped) = oneshot::channel();
        let root = folder.path().to_owned();
        let thread = std::thread::spawn(move || serve(listener, root, stopped));
        Self { address, folder, stop: Some(stop), thread: Some(thread) }
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

    /// The folder that has the objects of the bucket as files, to damage them.
    pub fn bucket_folder(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn serve(listener: TcpListener, root: PathBuf, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async move {
        let serving = accept(listener, &root);
        tokio::select! {
            () = serving => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}

async fn accept(listener: TcpListener, root: &Path) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("it is non-blocking");
    let files = FileSystem::new(root).expect("the folder exists");
    let mut service = S3ServiceBuilder::new(Turns { files, writing: Mutex::new(()) });
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
                self.files.$read(request).await
            })*
            $(async fn $write(
                &self,
                request: S3Request<dto::$write_in>,
            ) -> S3Result<S3Response<dto::$write_out>> {
                let _turn = self.writing.lock().await;
                self.files.$write(request).await
            })*
        }
    };
}

forward! {
    reading {
        get_object(GetObjectInput) -> GetObjectOutput,
        head_object(HeadObjectInput) -> HeadObjectOutput,
        head_bucket(HeadBucketInput) -> HeadBucketOutput,
        list_objects(ListObjectsInput) -> ListObjectsOutput,
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output,
        list_parts(ListPartsInput) -> ListPartsOutput,
        create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput,
        upload_part(UploadPartInput) -> UploadPartOutput,
        abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput,
    }
    writing {
        put_object(PutObjectInput) -> PutObjectOutput,
        copy_object(CopyObjectInput) -> CopyObjectOutput,
        delete_object(DeleteObjectInput) -> DeleteObjectOutput,
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput,
        complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput,
    }
}
