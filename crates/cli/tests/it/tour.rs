//! The README's tour, step by step.

use std::{fs, path::Path};

use super::{metalith, told};

/// The block of a language in the README.
pub(crate) fn block(language: &str) -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, rest) = readme.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn it_goes_as_written() {
    let folder = tempfile::tempdir().unwrap();
    told(folder.path(), &["init", "my-project"]);
    let here = &folder.path().join("my-project");
    let declared = fs::read_to_string(here.join("features.toml")).unwrap();
    assert_eq!(without_comments(&declared), block("toml"));

    fs::create_dir_all(here.join("media/old")).unwrap();
    fs::write(here.join("media/x.mp4"), "one").unwrap();
    fs::write(here.join("media/old/y.mp4"), "two").unwrap();
    let scan = ["scan", "media", "--feature", "video/raw", "--glob", "**/*.mp4"];
    assert!(told(here, &scan).starts_with("2 files: 2 new"));
    let resolved = told(here, &["metadata", "resolve", "video/crop", "--output-dir", "todo"]);
    assert!(resolved.starts_with("new 2, stale 0, orphaned 0"), "{resolved}");
    told(here, &["metadata", "write", "video/crop", "todo/new.parquet"]);
    told(here, &["metadata", "status", "--assert-in-sync"]);

    fs::write(here.join("media/x.mp4"), "another").unwrap();
    assert!(told(here, &scan).contains("1 changed"));
    let out_of_sync = metalith(here, &["metadata", "status", "--assert-in-sync"]);
    assert_eq!(out_of_sync.status.code(), Some(1));

    let crop = ["metadata", "delete", "--feature", "video/crop"];
    let old = [&crop[..], &["--filter", "path LIKE 'old/%'", "--json"]].concat();
    let deleted: serde_json::Value = serde_json::from_str(&told(here, &old)).unwrap();
    let id = deleted["deletion"].as_str().unwrap();
    assert_eq!(
        told(here, &["metadata", "restore", "--deletion", id]),
        "restored 1 samples of `video/crop`\n"
    );
    let for_good = [&crop[..], &["--filter", "path = 'x.mp4'", "--soft=false", "--yes"]].concat();
    assert!(told(here, &for_good).starts_with("removed 1 samples"));
    told(here, &["maintain", "--vacuum-older-than", "7d"]);
}
