//! Code changes, graphs are compared, and samples are carried over or computed anew: the examples
//! run as their readers would run them.

use std::{fs, path::Path, process::Command};

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::{check_refused, metalith, told};

/// A copy of an example.
fn example(name: &str) -> tempfile::TempDir {
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

/// What the commands print that the first block of an example's page has, and those of the others,
/// with an id in place of `ID`.
fn run_block(folder: &Path, number: usize, id: &str) -> Vec<String> {
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    let block = page.split("```sh\n").nth(number).unwrap().split("```").next().unwrap();
    block.lines().map(|line| run_line(folder, &line.replace(" ID", &format!(" {id}")))).collect()
}

/// Runs a line of a page: variables, the command, arguments, some of them in quotes.
fn run_line(folder: &Path, line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    let start = words.iter().position(|word| word == "metalith").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_metalith"));
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
fn without_bytes(table: &str) -> String {
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let kept = if words.contains(&"FEATURE") { words.len() - 1 } else { words.len() - 2 };
        words.truncate(kept);
        words.join(" ")
    };
    table.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// A table begins with a space, which expectations lose when all of their lines have it.
fn unindented(table: &str) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn recompute() {
    let here = example("recompute");
    let told = run_block(here.path(), 1, "");
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
    let told = run_block(here.path(), 2, "");
    expect![[r#"
        FEATURE SAMPLES NEW STALE ORPHANED WAITING DELETED
        video/raw 3 - - - - 0
        video/crop 3 0 0 0 0 0
        video/face 0 3 0 0 0 0
        video/transcript 3 0 0 0 0 0
    "#]]
    .assert_eq(&without_bytes(&told[2]));
}

#[test]
fn migration() {
    let here = example("migration");
    let before = run_block(here.path(), 1, "");
    expect![[r#"
        FEATURE SAMPLES NEW STALE ORPHANED WAITING DELETED
        video/raw 3 - - - - 0
        video/crop 0 3 0 0 0 0
        video/face 0 0 0 0 0 0
    "#]]
    .assert_eq(&without_bytes(&before[6]));
    let id = before[8].lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let after = run_block(here.path(), 2, &id);
    expect![[r#"
         FEATURE     OPERATION  SAMPLES  WERE THERE  TO COMPUTE  STATE
         video/crop  reconcile  3        0           0           planned
         video/face  reconcile  3        0           0           planned
        nothing was done; samples are at most so many
    "#]]
    .assert_eq(&after[0]);
    expect![[r#"
         FEATURE     OPERATION  SAMPLES  WERE THERE  TO COMPUTE  STATE
         video/crop  reconcile  3        0           0           done
         video/face  reconcile  3        0           0           done
    "#]]
    .assert_eq(&unindented(&after[1]));
    expect![[r#"
        FEATURE SAMPLES NEW STALE ORPHANED WAITING DELETED
        video/raw 3 - - - - 0
        video/crop 3 0 0 0 0 0
        video/face 3 0 0 0 0 0
    "#]]
    .assert_eq(&without_bytes(&after[3]));
    let status =
        run_line(here.path(), &format!("VERSION=2 metalith migrations status {id} --json"));
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["migrations"][0]["state"], "applied");
    assert_eq!(status["migrations"][0]["steps"][1]["samples"], 3);
    let back = run_line(here.path(), &format!("VERSION=2 metalith migrations rollback {id} --yes"));
    assert_eq!(
        back,
        format!("rolled back {id}\n FEATURE     ROWS\n video/face  3\n video/crop  3\n")
    );
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
    let here = example("migration");
    fs::write(here.path().join("metalith.toml"), BRANCH).unwrap();
    run_block(here.path(), 1, "");
    fs::remove_dir_all(here.path().join("migrations")).unwrap();
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
    "#]]
    .assert_eq(
        &status.lines().skip(4).map(|it| it.replace(&place, "DIR") + "\n").collect::<String>(),
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

            hint: work in that store, or copy the feature from it first with `metalith metadata copy`
        "#]],
    );
    check_refused(
        here,
        &["metadata", "write", "video/raw", "videos.csv", "--store", "branch"],
        expect![[r#"
            exit 4
            error[store.request]: `video/raw`: its 3 samples are read from DIR/prod, and a first write here would hide them

            hint: copy the feature first with `metalith metadata copy`, or write over the fallback with `--over-fallback hide`
        "#]],
    );
    told(
        here,
        &[
            "metadata",
            "write",
            "video/raw",
            "videos.csv",
            "--store",
            "branch",
            "--over-fallback",
            "hide",
        ],
    );
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
    for (index, table) in
        ["video/crop", "video/face", "video/raw", "metaxy-system/feature_versions"]
            .iter()
            .enumerate()
    {
        let (first, again) = (&first["copied"][index], &again["copied"][index]);
        assert_eq!((&first["feature"], &first["rows"]), (&(*table).into(), &3.into()));
        assert_eq!((&again["rows"], &again["already"]), (&0.into(), &3.into()), "{table}");
        assert_eq!(first["digest"], again["digest"]);
    }
    let history = told(here, &["graph", "history", "--store", "copy"]);
    assert!(history.contains("release=1"), "{history}");
}

fn check_told(folder: &Path, args: &[&str], expected: Expect) {
    let output = metalith(folder, args);
    expected.assert_eq(&String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success());
}

#[test]
fn what_is_not_there_is_told() {
    let here = example("migration");
    let here = here.path();
    told(here, &["metadata", "write", "video/raw", "videos.csv"]);
    check_told(
        here,
        &["migrations", "generate"],
        expect![[r#"
        error[snapshot.nothing-pushed]: no graph of project `migration-example` has been recorded in this store

        hint: record one with `metalith graph push` before the code changes: check out the version that wrote the store, and push from there
    "#]],
    );
    check_told(
        here,
        &["graph", "diff", "latest"],
        expect![[r#"
        error[snapshot.nothing-pushed]: no graph of project `migration-example` has been recorded in this store

        hint: record one with `metalith graph push` before the code changes: check out the version that wrote the store, and push from there
    "#]],
    );
    told(here, &["graph", "push"]);
    check_told(
        here,
        &["migrations", "generate"],
        expect![[r#"
        error[migration.nothing-changed]: no feature has another version than in the graph that was recorded as 6cb630533b092968187730bc0abca75232c11bf4c537106971bbb4df665eb902

        hint: if the graph was pushed since the code changed, compare with an earlier one: `--from VERSION`, see `metalith graph history`
    "#]],
    );
    check_told(
        here,
        &["graph", "diff", "release=7"],
        expect![[r#"
        error[snapshot.unknown]: no recorded graph is called `release=7`

        hint: see `metalith graph history`; name one by `latest`, the beginning of its version, or TAG=VALUE, and today's graph by `current`
    "#]],
    );
    check_told(
        here,
        &["migrations", "apply", "nothing"],
        expect![[r#"
        error[migration.unknown]: there is no migration `nothing`

        hint: make one with `metalith migrations generate`
    "#]],
    );
    check_told(
        here,
        &["migrations", "apply", "../nothing"],
        expect![[r#"
        error[migration.file]: cannot read `../nothing`: No such file or directory (os error 2)

        hint: check the path and its permissions
    "#]],
    );
    check_told(
        here,
        &["migrations", "rollback", "nothing", "--yes"],
        expect![[r#"
        error[migration.not-applied]: migration `nothing` was not applied to this store

        hint: see `metalith migrations status`
    "#]],
    );
    let scaffolded =
        told(here, &["migrations", "scaffold", "by-hand", "--from", "latest", "--json"]);
    let scaffolded: Value = serde_json::from_str(&scaffolded).unwrap();
    let id = scaffolded["migration"].as_str().unwrap();
    let applied = told(here, &["migrations", "apply", id]);
    assert_eq!(applied.lines().count(), 1, "a scaffold does nothing: {applied}");
}
