use std::io;

use super::{ObjectReason, classify};

fn check(error: impl std::error::Error + 'static, expected: Option<ObjectReason>) {
    assert_eq!(classify(&error), expected, "{error:?}");
}

#[test]
fn the_innermost_reason_wins() {
    let full = io::Error::from(io::ErrorKind::StorageFull);
    let wrapped = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(full) };
    check(wrapped, Some(ObjectReason::Full));
}

#[test]
fn a_vague_cause_does_not_hide_a_clear_wrapper() {
    let vague = io::Error::other("?");
    let wrapped =
        object_store::Error::PermissionDenied { path: "a".to_owned(), source: Box::new(vague) };
    check(wrapped, Some(ObjectReason::Denied));
}

#[test]
fn errors_without_storage_have_no_reason() {
    check(std::fmt::Error, None);
}
