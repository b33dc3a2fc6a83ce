//! Code changes, graphs are compared, and samples are computed anew, in a store or in a branch of
//! one: the example runs as its readers would run it.

use std::{fs, path::Path, process::Command};

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::{check_refused, metalith, told};

/// A copy of an example.
pub(crate) fn example(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    folder
}

/// What the commands print that a block of the example's page has.
fn run_block(folder: &Path, number: usize) -> Vec<String> {
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    let block = page.split("```sh\n").nth(number).unwrap().split("```").next().unwrap();
    block.lines().map(|line| run_line(folder, line)).collect()
}

/// Runs a line of a page: variables, the command, arguments, some of them in quotes.
pub(crate) fn run_line(folder: &Path, line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    let start = words.iter().position(|word| word == "metalith").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_metalith"));
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    for variable in &words[..start] {
        let (name, value) = variable.split_once('=').unwrap();
        command.env(name, value);
    }
    let output = command.args(&words[start + 1..]).current_dir(folder).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A table without its last column, which has sizes of files.
pub(crate) fn without_bytes(table: &str) -> String {
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let kept = if words.contains(&"FEATURE") { words.len() - 1 } else { words.len() - 2 };
        words.truncate(kept);
        words.join(" ")
    };
    table.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn recompute() {
    let here = example("recompute");
    let told = run_block(here.path(), 1);
    expect![[r#"
        ~ video/crop  7a8f9a7ca476 -> 6db13d31975c
            ~ field frames  code version 1 -> 2
        ~ video/face  eae4a895e511 -> e1e913464ced
            ~ field faces  upstream `video/crop.frames`
    "#]]
    .assert_eq(&told[8]);
    expect![[r#"
        FEATURE SAMPLES NEW STALE ORPHANED WAITING DELETED
        video/raw 3 - - - - 0
        video/crop 0 3 0 0 0 0
        video/face 0 0 0 0 0 0
        video/transcript 3 0 0 0 3 0
    "#]]
    .assert_eq(&without_bytes(&told[9]));
    let told = run_block(here.path(), 2);
    expect![[r#"
        FEATURE SAMPLES NEW STALE ORPHANED WAITING DELETED
        video/raw 3 - - - - 0
        video/crop 3 0 0 0 0 0
        video/face 0 3 0 0 0 0
        video/transcript 3 0 0 0 0 0
    "#]]
    .assert_eq(&without_bytes(&told[2]));
}

/// A project with a store and a branch of it, and the whole of the branch's configuration.
const BRANCH: &str = r#"project = "test"
features = ["features-${VERSION:-1}.toml"]
store = "prod"

[stores.prod]
path = "prod"

[stores.branch]
path = "branch"
fallback_stores = ["prod"]
"#;

fn branch() -> tempfile::TempDir {
    let here = example("recompute");
    fs::write(here.path().join("metalith.toml"), BRANCH).unwrap();
    run_block(here.path(), 1);
    here
}

#[test]
fn a_branch_of_a_store() {
    let here = branch();
    let here = here.path();
    let read =
        told(here, &["metadata", "read", "video/crop", "--store", "branch", "--columns", "video"]);
    assert_eq!(read.lines().count(), 4, "{read}");
    assert!(!here.join("branch").exists(), "reading creates nothing");
    let status = run_line(here, "VERSION=2 metalith metadata status --store branch");
    let place = here.canonicalize().unwrap().display().to_string();
    expect![[r#"
        video/raw is read from DIR/prod
        video/crop is read from DIR/prod
        video/face is read from DIR/prod
        video/transcript is read from DIR/prod
    "#]]
    .assert_eq(
        &status.lines().skip(5).map(|it| it.replace(&place, "DIR") + "\n").collect::<String>(),
    );
    check_refused(
        here,
        &[
            "metadata",
            "delete",
            "--store",
            "branch",
            "--feature",
            "video/crop",
            "--filter",
            "video = 'dawn'",
        ],
        expect![[r#"
            exit 4
            error[store.request]: `video/crop`: these samples are read from DIR/prod, which is only read from here

            hint: work in that store, or copy the feature from it first with `metalith metadata copy --over-fallback hide`
        "#]],
    );
    check_refused(
        here,
        &["metadata", "write", "video/raw", "videos.csv", "--store", "branch"],
        expect![[r#"
            exit 4
            error[store.request]: `video/raw`: its 3 samples are read from DIR/prod, and the first rows here would hide them

            hint: with `--over-fallback hide` the feature is what this store has from then on; `metalith metadata copy` takes it so and brings what is there along
        "#]],
    );
    let copy = ["metadata", "copy", "video/face", "--from", "prod", "--to", "branch"];
    check_refused(
        here,
        &copy,
        expect![[r#"
        exit 4
        error[store.request]: `video/face`: its 3 samples are read from DIR/prod, and the first rows here would hide them

        hint: with `--over-fallback hide` the feature is what this store has from then on; `metalith metadata copy` takes it so and brings what is there along
    "#]],
    );
    let hide = ["--over-fallback", "hide"];
    told(here, &[&copy[..], &hide].concat());
    let write = ["metadata", "write", "video/raw", "videos.csv", "--store", "branch"];
    told(here, &[&write[..], &hide].concat());
    run_line(
        here,
        "VERSION=2 metalith metadata resolve video/crop --output-dir todo --store branch",
    );
    run_line(here, "VERSION=2 metalith metadata write video/crop todo/new.parquet --store branch");
    let status = told(here, &["metadata", "status", "--store", "prod", "--json", "video/crop"]);
    assert_eq!(serde_json::from_str::<Value>(&status).unwrap()["features"][0]["rows"], 3);
}

#[test]
fn a_store_is_copied_with_all_it_has() {
    let here = branch();
    let here = here.path();
    fs::write(here.join("metalith.toml"), format!("{BRANCH}[stores.copy]\npath = \"copy\"\n"))
        .unwrap();
    let copy = ["metadata", "copy", "--from", "prod", "--to", "copy", "--everything", "--json"];
    let first: Value = serde_json::from_str(&told(here, &copy)).unwrap();
    let again: Value = serde_json::from_str(&told(here, &copy)).unwrap();
    let recorded = "metaxy-system/feature_versions";
    let tables = ["video/crop", "video/face", "video/raw", "video/transcript", recorded];
    for (index, table) in tables.into_iter().enumerate() {
        let rows = if table == recorded { 4 } else { 3 };
        let (first, again) = (&first["copied"][index], &again["copied"][index]);
        assert_eq!((&first["feature"], &first["rows"]), (&table.into(), &rows.into()));
        assert_eq!((&again["rows"], &again["already"]), (&0.into(), &rows.into()), "{table}");
        assert_eq!(first["digest"], again["digest"]);
    }
    let history = told(here, &["graph", "history", "--store", "copy"]);
    assert!(history.contains("release=1"), "{history}");
}

pub(crate) fn check_told(folder: &Path, args: &[&str], expected: Expect) {
    let output = metalith(folder, args);
    expected.assert_eq(&String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success());
}

#[test]
fn what_is_not_there_is_told() {
    let here = example("recompute");
    let here = here.path();
    told(here, &["metadata", "write", "video/raw", "videos.csv"]);
    check_told(
        here,
        &["graph", "diff", "latest"],
        expect![[r#"
        error[snapshot.nothing-pushed]: no graph of project `recompute-example` has been recorded in this store

        hint: record one with `metalith graph push` before the code changes: check out the version that wrote the store, and push from there
    "#]],
    );
    told(here, &["graph", "push"]);
    check_told(
        here,
        &["graph", "diff", "release=7"],
        expect![[r#"
        error[snapshot.unknown]: no recorded graph is called `release=7`

        hint: see `metalith graph history`; name one by `latest`, the beginning of its version, or TAG=VALUE, and today's graph by `current`
    "#]],
    );
}
