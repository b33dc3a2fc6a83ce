use expect_test::{Expect, expect};

use super::{ObjectLocation, without_secrets};

fn check(text: &str, expected: Expect) {
    let shown = match text.parse::<ObjectLocation>() {
        Ok(ObjectLocation::Local(path)) => format!("local {}", path.display()),
        Ok(location @ ObjectLocation::Remote(_)) => format!("remote {location}"),
        Err(error) => format!("error: {error}"),
    };
    expected.assert_eq(&shown);
}

#[test]
fn paths_are_local() {
    check("/data/store", expect!["local /data/store"]);
    check("store", expect!["local store"]);
    check("./a b", expect!["local ./a b"]);
    check("a:b", expect!["local a:b"]);
    check("file:///data/my%20store", expect!["local /data/my store"]);
}

#[test]
fn addresses_are_remote() {
    check("s3://bucket", expect!["remote s3://bucket"]);
    check("s3://bucket/", expect!["remote s3://bucket"]);
    check("s3://bucket/a/b/", expect!["remote s3://bucket/a/b"]);
    check("gs://bucket/a", expect!["remote gs://bucket/a"]);
    check("az://container/a", expect!["remote az://container/a"]);
    check(
        "abfss://container@account.dfs.core.windows.net/a",
        expect!["remote abfss://container@account.dfs.core.windows.net/a"],
    );
}

#[test]
fn secrets_are_not_shown() {
    check("s3://key:secret@bucket/a", expect!["remote s3://bucket/a"]);
}

#[test]
fn the_rest_is_refused() {
    check("", expect!["error: `` is not an address of storage"]);
    check("s3://", expect!["error: `s3://` is not an address of storage"]);
    check(
        "ftp://host/a",
        expect![
            "error: `ftp://host/a` starts with `ftp:`, which is not a kind of storage known here"
        ],
    );
}

#[test]
fn addresses_are_told_without_secrets() {
    for (given, expected) in [
        ("s3://key:secret@bucket/a/b?token=1", "s3://bucket/a/b"),
        ("az://container@account.example/a#x", "az://container@account.example/a"),
        ("data/a?.csv", "data/a?.csv"),
    ] {
        assert_eq!(without_secrets(given), expected);
    }
    for wrong in ["ftp://key:secret@host/a?token=secret", "s3://key:secret@/a?token=secret"] {
        let error = wrong.parse::<ObjectLocation>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
