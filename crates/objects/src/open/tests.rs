use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use metalith_base::{Diagnostic as _, Kind};
use object_store::{ObjectStoreExt as _, path::Path};

use super::open;
use crate::{ObjectError, ObjectReason};

fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_folder_with_blanks_is_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a b%20ü#");
    let opened = open(&inner.to_str().unwrap().parse().unwrap(), &BTreeMap::new()).unwrap();
    let path = opened.prefix.clone().join("x.txt");
    opened.store.put(&path, "hello".into()).await.unwrap();
    assert_eq!(std::fs::read_to_string(inner.join("x.txt")).unwrap(), "hello");
}

#[test]
fn parents_are_resolved() {
    let opened = open(&"/data/x/../store/".parse().unwrap(), &BTreeMap::new()).unwrap();
    assert_eq!(opened.url.as_str(), "file:///data/store/");
    assert_eq!(opened.prefix.as_ref(), "data/store");
}

#[test]
fn an_unknown_option_is_named() {
    let error = open(&"s3://bucket".parse().unwrap(), &options(&[("colour", "red")])).unwrap_err();
    assert_eq!(error.to_string(), "option `colour` does not fit `s3://bucket`");
    assert_eq!(error.kind(), Kind::Invalid);
}

#[test]
fn a_prefix_is_kept_apart_from_the_bucket() {
    let location = "s3://bucket/a/b".parse().unwrap();
    let opened = open(&location, &options(&[("region", "eu-west-1")])).unwrap();
    assert_eq!(opened.prefix.as_ref(), "a/b");
    assert_eq!(opened.url.as_str(), "s3://bucket/a/b/");
}

#[tokio::test]
async fn an_unreachable_bucket_fails_soon() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let given = options(&[
        ("endpoint", &endpoint),
        ("region", "us-east-1"),
        ("access_key_id", "key"),
        ("secret_access_key", "secret"),
    ]);
    let opened = open(&"s3://bucket".parse().unwrap(), &given).unwrap();
    let start = Instant::now();
    let error = opened.store.get(&Path::from("x")).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let error = ObjectError::storage("read", "s3://bucket/x", error);
    let ObjectError::Storage { reason, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*reason, ObjectReason::Unreachable);
    assert_eq!(error.kind(), Kind::Unavailable);
}
