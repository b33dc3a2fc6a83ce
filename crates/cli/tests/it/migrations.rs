//! Code changes and what it computes does not: the example runs as its readers would run it.

use std::{fs, path::Path};

use expect_test::expect;
use metalith_testkit::databases;
use serde_json::Value;

use crate::{
    branches::{check_told, example, run_line, without_bytes},
    metalith, told,
};

/// What the commands print that a block of the example's page has, with an id in place of `ID`.
fn run_block(folder: &Path, number: usize, id: &str) -> Vec<String> {
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    let block = page.split("```sh\n").nth(number).unwrap().split("```").next().unwrap();
    block.lines().map(|line| run_line(folder, &line.replace(" ID", &format!(" {id}")))).collect()
}

/// A table begins with a space, which expectations lose when all of their lines have it.
fn unindented(table: &str) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

/// Every file below a folder with what is in it.
fn files(folder: &Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
        }
    }
    found
}

#[test]
fn migration() {
    migrate(&example("migration"));
}

#[test]
fn migration_in_every_database() {
    for kind in ["duckdb", "sqlite", "postgresql"] {
        let here = example("migration");
        let config = fs::read_to_string(here.path().join("metalith.toml")).unwrap();
        let config = config.split("[stores.dev]").next().unwrap();
        let settings = databases::fresh(kind).settings("dev");
        fs::write(here.path().join("metalith.toml"), format!("{config}{settings}")).unwrap();
        migrate(&here);
    }
}

/// What the example's page says, and the way back.
fn migrate(here: &tempfile::TempDir) {
    let before = run_block(here.path(), 1, "ID");
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
        nothing was done; samples are at most so many, `-` where it is not known yet
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

/// The example up to its migration, whose id is returned.
fn generated(here: &Path) -> String {
    let before = run_block(here, 1, "ID");
    before[8].lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_dry_run_changes_nothing_at_all() {
    let here = example("migration");
    let here = here.path();
    let id = generated(here);
    let before = files(here);
    let planned =
        run_line(here, &format!("VERSION=2 metalith migrations apply {id} --dry-run --json"));
    let planned: Value = serde_json::from_str(&planned).unwrap();
    assert_eq!(planned["dry_run"], true);
    assert_eq!(planned["steps"][0]["samples"], 3);
    assert_eq!(planned["steps"][1]["state"], "planned");
    assert!(files(here) == before, "a file changed");
}

#[test]
fn every_command_speaks_json() {
    let here = example("migration");
    let here = here.path();
    let id = generated(here);
    let json = |line: String| -> Value { serde_json::from_str(&run_line(here, &line)).unwrap() };
    let again = "VERSION=2 metalith migrations generate --name again --json".to_owned();
    let again = json(again);
    assert_eq!(again["steps"][0]["feature"], "video/crop");
    assert_eq!(again["steps"][1]["why"][0], "upstream `video/crop.frames`");
    let done = json(format!("VERSION=2 metalith migrations apply {id} --json"));
    assert_eq!(done["steps"][0]["state"], "done");
    let done = json(format!("VERSION=2 metalith migrations apply {id} --json"));
    assert_eq!(done["steps"][0]["state"], "was done");
    let back = json(format!("VERSION=2 metalith migrations rollback {id} --yes --json"));
    assert_eq!(back["steps"][0]["rows"], 3);
    let status = json(format!("VERSION=2 metalith migrations status {id} --json"));
    assert_eq!(status["migrations"][0]["state"], "rolled back");
}

#[test]
fn a_file_that_cannot_be_read_is_in_nobodys_way() {
    let here = example("migration");
    let here = here.path();
    let id = generated(here);
    fs::write(here.join("migrations/odd.yaml"), "id: odd\nsteps: 7\n").unwrap();
    let status = run_line(here, "VERSION=2 metalith migrations status --json");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["migrations"][0]["migration"], id.as_str());
    assert!(status["unreadable"][0]["file"].as_str().unwrap().ends_with("odd.yaml"));
    run_line(here, &format!("VERSION=2 metalith migrations apply {id}"));
    let copy = fs::read(here.join(format!("migrations/{id}.yaml"))).unwrap();
    fs::write(here.join("migrations/copy.yaml"), copy).unwrap();
    for (named, code) in [(id.as_str(), "migration.several"), ("odd", "document.missing-key")] {
        let refused = metalith(here, &["migrations", "apply", named]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && told.contains(code), "{told}");
    }
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
