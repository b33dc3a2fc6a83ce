//! Stores in databases, from the command line.

use std::{fmt::Write as _, fs, path::Path};

use metalith_testkit::databases::{self, PASSWORD};
use serde_json::Value;

use super::{metalith, told};

/// The same features in a store of each kind.
fn project() -> tempfile::TempDir {
    let folder = super::project();
    let mut config =
        "project = \"test\"\nstore = \"duckdb\"\n[stores.delta]\npath = \"store\"\n".to_owned();
    for kind in ["duckdb", "sqlite", "postgresql"] {
        let place = databases::fresh(kind);
        writeln!(config, "[stores.{kind}]\ntype = \"{kind}\"\ndriver = \"{}\"", place.driver)
            .unwrap();
        if kind == "postgresql" {
            let address = place.address.replace(PASSWORD, "${PG_PASSWORD}");
            let schema = &place.options["schema"];
            writeln!(config, "address = \"{address}\"\noptions = {{ schema = \"{schema}\" }}")
                .unwrap();
        } else {
            writeln!(config, "path = \"a folder/store.{kind}\"").unwrap();
        }
    }
    config = config.replace("${PG_PASSWORD}", &format!("${{PG_PASSWORD:-{PASSWORD}}}"));
    fs::write(folder.path().join("metalith.toml"), config).unwrap();
    folder
}

fn json(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&told(folder, &[args, &["--json"]].concat())).unwrap()
}

/// Features without what a place says of itself.
fn without_sizes(mut features: Value) -> Value {
    for feature in features.as_array_mut().unwrap() {
        let feature = feature.as_object_mut().unwrap();
        feature.retain(|name, _| !["bytes", "table_version"].contains(&name.as_str()));
    }
    features
}

#[test]
fn every_command_works_on_every_database() {
    let project = project();
    let here = project.path();
    let mut found = Vec::new();
    for store in ["delta", "duckdb", "sqlite", "postgresql"] {
        let on = |args: &[&str]| json(here, &[&["--store", store], args].concat());
        if store != "delta" {
            on(&["metadata", "write", "video/raw", "raw.csv"]);
        }
        let todo = here.join(format!("todo-{store}"));
        let todo = todo.to_str().unwrap();
        let resolved = on(&["metadata", "resolve", "crop", "--output-dir", todo]);
        assert_eq!(resolved["counts"]["new"], 3, "{store}: {resolved}");
        on(&["metadata", "write", "crop", &format!("{todo}/new.parquet")]);
        let mut crops =
            on(&["metadata", "read", "crop", "--columns", "video_id,metaxy_provenance"]);
        let filter = ["--feature", "video/raw", "--filter", "video_id = 'v1'"];
        let deleted =
            on(&[&["metadata", "delete", "--cascade", "downstream"][..], &filter].concat());
        let id = deleted["deletion"].as_str().unwrap().to_owned();
        let status = on(&["metadata", "status"]);
        on(&["metadata", "restore", "--deletion", &id]);
        let hard = ["metadata", "delete", "--cascade", "downstream", "--soft=false", "--yes"];
        on(&[&hard[..], &filter].concat());
        on(&["maintain", "--vacuum-older-than", "0s"]);
        on(&["graph", "push"]);
        let left = on(&["metadata", "read", "crop", "--columns", "video_id"]);
        found.push((store, crops.take(), without_sizes(status["features"].clone()), left));
    }
    for (store, crops, status, left) in &found {
        assert_eq!(crops, &found[0].1, "{store}");
        assert_eq!(status, &found[0].2, "{store}");
        assert_eq!(left, &found[0].3, "{store}");
    }
    // Whole histories go from one to the next, and come back the same.
    for (from, to) in [("duckdb", "copy-1"), ("postgresql", "copy-2"), ("sqlite", "copy-3")] {
        let mut config = fs::read_to_string(here.join("metalith.toml")).unwrap();
        writeln!(config, "[stores.{to}]\npath = \"{to}\"").unwrap();
        fs::write(here.join("metalith.toml"), config).unwrap();
        told(here, &["metadata", "copy", "--everything", "--from", from, "--to", to]);
        assert_eq!(
            json(here, &["--store", to, "metadata", "read", "crop", "--columns", "video_id"]),
            found[0].3
        );
    }
    let copied = ["metadata", "copy", "--everything", "--from", "duckdb", "--to", "postgresql"];
    told(here, &copied);
}

#[test]
fn a_resolve_shows_the_statement_that_the_database_ran() {
    let project = project();
    let here = project.path();
    let mut config = fs::read_to_string(here.join("metalith.toml")).unwrap();
    config.push_str("[hash]\nalgorithm = \"md5\"\n");
    fs::write(here.join("metalith.toml"), &config).unwrap();
    for store in ["duckdb", "postgresql"] {
        told(here, &["--store", store, "metadata", "write", "video/raw", "raw.csv"]);
        let resolve = ["--store", store, "metadata", "resolve", "crop", "--explain"];
        let output = metalith(here, &resolve);
        let shown = String::from_utf8(output.stderr).unwrap();
        assert!(shown.starts_with("looked at every sample, in the database:\nWITH "), "{shown}");
        assert!(shown.contains("md5(") && shown.contains("'default|"), "{shown}");
        let found = json(here, &resolve);
        assert_eq!(found["computed"]["in"], "the database", "{found}");
        assert_eq!(found["counts"]["new"], 3);
        let found = json(here, &[&resolve[..], &["--no-native"]].concat());
        assert_eq!(found["computed"]["because"], "`prefer_native` is false", "{found}");
        assert_eq!(found["counts"]["new"], 3);
    }
    let config = config.replace("[stores.duckdb]\n", "[stores.duckdb]\nprefer_native = false\n");
    fs::write(here.join("metalith.toml"), config).unwrap();
    let resolve = ["--store", "duckdb", "metadata", "resolve", "crop", "--explain"];
    let found = json(here, &resolve);
    assert_eq!(found["computed"]["because"], "`prefer_native` is false", "{found}");
    assert!(found["computed"]["plan"].as_str().unwrap().contains("metalith_hash("), "{found}");
}

#[test]
fn a_password_is_never_printed() {
    let project = project();
    let config = fs::read_to_string(project.path().join("metalith.toml")).unwrap();
    let config = config.replace(PASSWORD, "wr0ng-s3cret");
    fs::write(project.path().join("metalith.toml"), config).unwrap();
    for args in [&["metadata", "status"][..], &["metadata", "status", "--json"]] {
        let output = metalith(project.path(), &[&["--store", "postgresql"], args].concat());
        assert!(!output.status.success());
        let shown = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(shown.contains("password authentication failed"), "{shown}");
        assert!(shown.contains("metalith:***@"), "{shown}");
        assert!(!shown.contains("wr0ng-s3cret"), "{shown}");
    }
}
