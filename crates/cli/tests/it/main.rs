//! The real command, in real folders.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use expect_test::{Expect, expect};

mod bad_input;
mod branches;
mod databases;
mod deletions;
mod interrupts;
mod iq_datasets;
mod killings;
mod migrations;
mod pipelines;
mod serving;
mod tour;

fn metalith(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metalith"));
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("METALITH_STORE")
        .env("USER", "anna")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs a command that must succeed and returns what it printed.
fn told(folder: &Path, args: &[&str]) -> String {
    let output = metalith(folder, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail, and compares exit code and message.
fn check_refused(folder: &Path, args: &[&str], expected: Expect) {
    let output = metalith(folder, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    let place = folder.canonicalize().unwrap().display().to_string();
    let errors = errors.replace(&place, "DIR");
    expected.assert_eq(&format!("exit {}\n{errors}", output.status.code().unwrap_or(-1)));
}

/// A project with two features and three samples.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("metalith.toml"), "project = \"test\"\n[stores.dev]\npath = \"store\"\n")
        .unwrap();
    let features = "[[features]]\nkey = \"video/raw\"\nid_columns = [\"video_id\"]\nfields = [\"frames\"]\n\
                    [[features]]\nkey = \"crop\"\nid_columns = [\"video_id\"]\ndeps = [\"video/raw\"]\n";
    std::fs::write(at("features.toml"), features).unwrap();
    let rows = "video_id,size,metaxy_provenance_by_field.frames\nv1,1,a\nv2,2,b\nv3,3,c\n";
    std::fs::write(at("raw.csv"), rows).unwrap();
    told(folder.path(), &["metadata", "write", "video/raw", "raw.csv"]);
    folder
}

#[test]
fn a_resolve_says_how_much_it_looked_at() {
    let project = project();
    let here = project.path();
    told(here, &["metadata", "resolve", "crop", "--output-dir", "todo"]);
    told(here, &["metadata", "write", "crop", "todo/new.parquet"]);
    let explained = || {
        let output = metalith(here, &["metadata", "resolve", "crop", "--explain"]);
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap()
    };
    let all = explained();
    let plan = "looked at every sample\nwhat is expected is computed here by\nProjection: ";
    assert!(all.starts_with(plan), "{all}");
    assert!(all.ends_with("\nnew 0, stale 0, orphaned 0\n"), "{all}");
    let rows = "video_id,size,metaxy_provenance_by_field.frames\nv2,2,x\nv4,4,d\n";
    std::fs::write(here.join("raw.csv"), rows).unwrap();
    told(here, &["metadata", "write", "video/raw", "raw.csv"]);
    let told = explained();
    let (looked, found) = told.split_once('\n').unwrap();
    let expected = "looked at 2 samples: the others have not changed since all was in order";
    assert_eq!(looked, expected);
    assert!(found.contains("\nnew 1, stale 1, orphaned 0\n"), "{found}");
}

#[test]
fn from_writing_to_working_off() {
    let project = project();
    let here = project.path();
    let status = told(here, &["metadata", "status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["features"][0]["samples"], 3);
    assert_eq!(status["features"][1]["new"], 3);
    assert_eq!(metalith(here, &["metadata", "status", "--assert-in-sync"]).status.code(), Some(1));

    let resolved = told(here, &["metadata", "resolve", "crop", "--output-dir", "todo"]);
    assert!(resolved.starts_with("new 3, stale 0, orphaned 0\n"), "{resolved}");
    told(here, &["metadata", "write", "crop", "todo/new.parquet"]);
    assert_eq!(metalith(here, &["metadata", "status", "--assert-in-sync"]).status.code(), Some(0));
    assert_eq!(
        told(here, &["metadata", "read", "crop", "--columns", "video_id", "--filter", "size > 1"])
            .lines()
            .count(),
        3
    );
}

#[test]
fn work_flows_from_a_resolve_through_a_program_into_a_write() {
    let project = project();
    let here = project.path();
    let mut resolve = command(here, &["metadata", "resolve", "crop", "--output", "-"]);
    let mut resolve = resolve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let work = resolve.stdout.take().unwrap();
    let write = command(here, &["metadata", "write", "crop", "-"]).stdin(work).output().unwrap();
    assert_eq!(String::from_utf8(write.stdout).unwrap(), "wrote 3 rows to crop\n");
    let resolve = resolve.wait_with_output().unwrap();
    assert!(resolve.status.success());
    assert_eq!(String::from_utf8(resolve.stderr).unwrap(), "new 3, stale 0, orphaned 0\n");

    let rows = "video_id,size,metaxy_provenance_by_field.frames\nv2,2,x\nv4,4,d\n";
    std::fs::write(here.join("raw.csv"), rows).unwrap();
    told(here, &["metadata", "write", "video/raw", "raw.csv"]);
    let work = told(here, &["metadata", "resolve", "crop", "-o", "-", "--format", "csv", "-q"]);
    let mut lines: Vec<&str> = work.lines().collect();
    lines[1..].sort_unstable();
    let begins = |line: usize, text: &str| assert!(lines[line].starts_with(text), "{work}");
    begins(0, "metalith_finding,video_id,");
    begins(1, "new,v4,");
    begins(2, "stale,v2,");
    let resolved = told(here, &["metadata", "resolve", "crop", "-o", "work.parquet"]);
    assert_eq!(resolved, "new 1, stale 1, orphaned 0\nwrote work.parquet\n");
    told(here, &["metadata", "write", "crop", "work.parquet"]);
    told(here, &["metadata", "status", "--assert-in-sync"]);
}

#[test]
fn deleting_softly_restoring_and_deleting_for_good() {
    let project = project();
    let here = project.path();
    let filter = ["--feature", "video/raw", "--filter", "video_id='v1'"];
    let with = |command: &[&'static str]| [&["metadata", "delete"], &filter[..], command].concat();
    assert_eq!(
        told(here, &with(&["--dry-run"])),
        "would hide 1 samples of `video/raw` (1 tombstones)\n"
    );
    let deleted = told(here, &with(&["--json"]));
    let deleted: serde_json::Value = serde_json::from_str(&deleted).unwrap();
    let id = deleted["deletion"].as_str().unwrap();
    let restore = ["metadata", "restore", "--feature", "video/raw", "--deletion", id];
    assert_eq!(told(here, &restore), "restored 1 samples of `video/raw`\n");
    check_refused(
        here,
        &with(&["--soft=false"]),
        expect![[r#"
            exit 2
            error[cli.not-confirmed]: removing 1 samples of `video/raw` (3 rows) for good needs your consent

            hint: see what would happen with `--dry-run`, then pass `--yes`
        "#]],
    );
    assert!(told(here, &with(&["--soft=false", "--yes"])).starts_with("removed 1 samples"));
    let all = ["metadata", "read", "video/raw", "--include-deleted", "--sample-history", "--json"];
    assert!(!told(here, &all).contains("v1"));
}

#[test]
fn graphs_are_drawn_and_recorded() {
    let project = project();
    let here = project.path();
    assert!(told(here, &["graph", "render", "--format", "mermaid"]).starts_with("flowchart TD\n"));
    assert!(told(here, &["graph", "push", "--tag", "commit=abc"]).starts_with("recorded "));
    assert!(told(here, &["graph", "push"]).ends_with("was recorded already\n"));
    assert!(told(here, &["graph", "snapshots"]).contains("commit=abc"));
}

#[test]
fn a_deletion_takes_along_what_was_computed() {
    let project = project();
    let here = project.path();
    told(here, &["metadata", "resolve", "crop", "--output-dir", "todo"]);
    told(here, &["metadata", "write", "crop", "todo/new.parquet"]);
    let delete = ["metadata", "delete", "--feature", "video/raw", "--filter", "video_id='v1'"];
    let with = |more: &[&'static str]| [&delete[..], &["--cascade", "downstream"], more].concat();
    let plan = told(here, &with(&["--dry-run"]));
    expect![[r#"
        would hide 2 samples of 2 features (2 tombstones)
         ORDER  FEATURE    SAMPLES  ROWS  STALE  OBJECTS  BYTES  ACTION
         1      crop       1        1     0      0        0 B    delete
         2      video/raw  1        1     0      0        0 B    delete
    "#]]
    .assert_eq(&plan);
    let done = told(here, &with(&["--json"]));
    let done: serde_json::Value = serde_json::from_str(&done).unwrap();
    assert_eq!((&done["samples"], &done["steps"][0]["feature"]), (&2.into(), &"crop".into()));
    assert_eq!(
        told(here, &with(&["--dry-run"])).lines().next(),
        Some("no sample of `video/raw` matches")
    );
    assert_eq!(told(here, &["metadata", "read", "crop", "--json"]).matches("video_id").count(), 2);
}
