//! Deleting with everything that belongs to it, as a person sees it.

use std::{fs, path::Path};

use expect_test::{Expect, expect};

use crate::{check_refused, metalith, told};

const FEATURES: &str = r#"
[retention]
keep_deleted = "30 days"

[[features]]
key = "dataset"
id_columns = ["dataset_id"]
objects = [{ template = "DIR/media/synthetic/{dataset_id}/", when = "dataset_type = 'iq_raw'" }]

[[features]]
key = "model"
id_columns = ["model_id"]
[[features.deps]]
feature = "dataset"
rename = { name = "dataset_name" }
lineage = { expansion = { on = ["dataset_id"] } }
on_delete = { restrict = { when = "is_active", label = "name" } }
"#;

/// Three datasets, two with objects and one of them used by an active model.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let place = folder.path().canonicalize().unwrap().display().to_string();
    fs::write(at("metalith.toml"), "project = \"test\"\n[stores.dev]\npath = \"store\"\n").unwrap();
    fs::write(at("features.toml"), FEATURES.replace("DIR", &place)).unwrap();
    let datasets = "dataset_id,name,dataset_type,metaxy_provenance_by_field.default\n\
                    d1,first,iq_raw,x\nd2,second,iq_raw,x\nd3,third,features,x\n";
    fs::write(at("datasets.csv"), datasets).unwrap();
    let models = "model_id,name,dataset_id,is_active,metaxy_provenance_by_field.default\n\
                  m1,localization_v1,d1,true,x\nm2,localization_v2,d2,false,x\n";
    fs::write(at("models.csv"), models).unwrap();
    told(folder.path(), &["metadata", "write", "dataset", "datasets.csv"]);
    told(folder.path(), &["metadata", "write", "model", "models.csv"]);
    for file in ["d1/a.npy", "d2/a.npy", "d2/deep/b.npy", "lost/c.npy"] {
        let file = at("media/synthetic").join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "12345").unwrap();
    }
    folder
}

/// What a command prints, with ids, times and places that are other ones each time replaced.
fn shown(folder: &Path, args: &[&str]) -> String {
    let output = metalith(folder, args);
    let place = folder.canonicalize().unwrap().display().to_string();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let text = text.replace(&place, "DIR");
    let mut plain = String::new();
    for word in
        text.split_inclusive(|it: char| it.is_whitespace() || it == '(' || it == ')' || it == ',')
    {
        let core = word.trim_matches(|it: char| !it.is_ascii_alphanumeric());
        let is_id = core.len() == 36 && core.matches('-').count() == 4;
        let is_time = core.len() == 27 && core.ends_with('Z') && core.contains('T');
        let is_hash = core.len() == 64 && core.bytes().all(|it| it.is_ascii_hexdigit());
        let stand_in = if is_id {
            "ID"
        } else if is_time {
            "TIME"
        } else {
            "HASH"
        };
        plain.push_str(&if is_id || is_time || is_hash {
            word.replace(core, stand_in)
        } else {
            word.to_owned()
        });
    }
    // Tables begin with a space, which expectations lose when all of their lines have it.
    let lines: Vec<&str> = plain
        .lines()
        .map(|line| if line.starts_with("  ") { line } else { line.trim_start() })
        .map(str::trim_end)
        .collect();
    lines.join("\n") + "\n"
}

fn check(folder: &Path, args: &[&str], expected: Expect) {
    expected.assert_eq(&shown(folder, args));
}

#[test]
fn a_dataset_goes_with_its_objects_unless_a_model_or_a_hold_stands_in_the_way() {
    let project = project();
    let here = project.path();
    check_refused(
        here,
        &[
            "metadata",
            "delete",
            "--feature",
            "dataset",
            "--filter",
            "dataset_id = 'd1'",
            "--hard",
            "--yes",
        ],
        expect![[r#"
            exit 4
            error[deletion.blocked]: Cannot delete dataset 'first': it is currently used by 1 active model(s): localization_v1

            hint: Please deactivate or delete these models first
        "#]],
    );
    check(
        here,
        &[
            "hold",
            "add",
            "--feature",
            "dataset",
            "--filter",
            "dataset_id = 'd2'",
            "--reason",
            "a lawsuit",
        ],
        expect![[r#"
            holding 1 samples of `dataset`, and those to come
            release with `metalith hold release ID`
        "#]],
    );
    let delete = [
        "metadata",
        "delete",
        "--feature",
        "dataset",
        "--filter",
        "dataset_id = 'd2'",
        "--soft=false",
        "--yes",
    ];
    check(
        here,
        &[&delete[..], &["--dry-run"]].concat(),
        expect![[r#"
        would remove 1 samples of `dataset` (1 rows) for good
        and 2 objects of theirs
        blocked: 1 samples of `dataset` are held (a lawsuit) by hold ID: dataset_id=d2. release the hold with `metalith hold release ID`, if you may
    "#]],
    );
    let holds = told(here, &["--json", "hold", "list"]);
    let holds: serde_json::Value = serde_json::from_str(&holds).unwrap();
    check(
        here,
        &["hold", "release", holds["holds"][0]["hold"].as_str().unwrap()],
        expect![[r#"
        released the hold on `dataset`
    "#]],
    );
    check(
        here,
        &[&delete[..], &["--dry-run"]].concat(),
        expect![[r#"
        would remove 1 samples of `dataset` (1 rows) for good
        and 2 objects of theirs
    "#]],
    );
    check(
        here,
        &delete,
        expect![[r#"
        removed 1 samples of `dataset` (1 rows)
        2 objects deleted (10 B)
        1 data files removed (2.9 KiB): no byte of the samples is left in the store
    "#]],
    );
    assert!(!here.join("media/synthetic/d2/a.npy").exists());
    assert!(here.join("media/synthetic/d1/a.npy").exists());
    check(
        here,
        &delete,
        expect![[r#"
        no sample of `dataset` matches
    "#]],
    );
    check(
        here,
        &["deletions", "list"],
        expect![[r#"
         DELETION                              AT                           FEATURE  MODE  STATE    SAMPLES  BY
         ID  TIME  dataset  hard  blocked  0        anna
         ID  TIME  dataset  hard  done     1        anna
    "#]],
    );
    check(
        here,
        &["audit", "verify"],
        expect![[r#"
        5 entries, unbroken; the last one has the hash
        HASH
    "#]],
    );
    check(
        here,
        &["purge"],
        expect![[r#"
        no objects wait to be deleted
    "#]],
    );
    check_refused(
        here,
        &["deletions", "show", "nobody"],
        expect![[r#"
        exit 3
        error[cli.missing]: there is no deletion `nobody`

        hint: list them with `metalith deletions list`
    "#]],
    );
}

#[test]
fn objects_that_nobody_names_are_found_and_deleted_when_they_are_old_enough() {
    let project = project();
    let here = project.path();
    check(
        here,
        &["objects", "audit"],
        expect![[r#"
        4 objects (20 B) below file://DIR/media/synthetic
        1 that nobody names (5 B), 0 of them old enough to delete
          file://DIR/media/synthetic/lost/c.npy (5 B, TIME)
        0 that are named and not there
    "#]],
    );
    assert_eq!(metalith(here, &["objects", "audit"]).status.code(), Some(1));
    check(
        here,
        &["objects", "audit", "--fix", "--yes"],
        expect![[r#"
        4 objects (20 B) below file://DIR/media/synthetic
        1 that nobody names (5 B), 0 of them old enough to delete
          file://DIR/media/synthetic/lost/c.npy (5 B, TIME)
        0 that are named and not there
        0 objects deleted (0 B)
    "#]],
    );
    assert!(here.join("media/synthetic/lost/c.npy").exists(), "it is young");
    check_refused(
        here,
        &["objects", "audit", "--fix", "--min-age", "0s"],
        expect![[r#"
        exit 2
        error[cli.not-confirmed]: deleting 1 objects for good needs your consent

        hint: see what would happen with `--dry-run`, then pass `--yes`
    "#]],
    );
    check(
        here,
        &["objects", "audit", "--fix", "--yes", "--min-age", "0s"],
        expect![[r#"
        4 objects (20 B) below file://DIR/media/synthetic
        1 that nobody names (5 B), 1 of them old enough to delete
          file://DIR/media/synthetic/lost/c.npy (5 B, TIME)
        0 that are named and not there
        1 objects deleted (5 B)
    "#]],
    );
    assert!(!here.join("media/synthetic/lost/c.npy").exists());
    assert_eq!(metalith(here, &["objects", "audit"]).status.code(), Some(0));
}

#[test]
fn retention_says_what_is_due_and_what_will_be() {
    let project = project();
    let here = project.path();
    told(here, &["metadata", "delete", "--feature", "dataset", "--filter", "dataset_id = 'd3'"]);
    check(
        here,
        &["retention"],
        expect![[r#"
         FEATURE  RULE          DUE  ROWS  OBJECTS  HELD  BLOCKED  NEXT DUE
         dataset  keep_deleted  0    0     0        0     0        TIME
         model    keep_deleted  0    0     0        0     0        -
    "#]],
    );
    check(
        here,
        &["retention", "apply"],
        expect![[r#"
        nothing is due
    "#]],
    );
}

#[test]
fn a_quota_refuses_what_would_be_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let config = "project = \"test\"\n[stores.dev]\npath = \"store\"\n\
                  [quota]\nobjects = { warn = 1, refuse = 2 }\nbytes = { refuse = \"1 KB\" }\n";
    fs::write(at("metalith.toml"), config).unwrap();
    let features = "[[features]]\nkey = \"file\"\nid_columns = [\"path\"]\n\
                    objects = [{ column = \"uri\", size = \"size\" }]\n";
    fs::write(at("features.toml"), features).unwrap();
    fs::create_dir(at("media")).unwrap();
    fs::write(at("media/a"), "12345").unwrap();
    fs::write(at("media/b"), "12345").unwrap();
    let scan = ["scan", "media", "--feature", "file"];
    check(
        folder.path(),
        &scan,
        expect![[r#"
        2 files: 2 new, 0 changed, 0 unchanged; 10 B read
        the project holds 2 objects; from 1 on its quota warns
    "#]],
    );
    fs::write(at("media/c"), "12345").unwrap();
    check_refused(
        folder.path(),
        &scan,
        expect![[r#"
        exit 4
        error[store.quota]: the project would hold 3 objects, and its quota is 2

        hint: see `metalith retention` and `metalith objects audit` for what could go, or raise `quota` in metalith.toml
    "#]],
    );
    fs::remove_file(at("media/c")).unwrap();
    fs::write(at("media/b"), vec![0; 2000]).unwrap();
    check_refused(
        folder.path(),
        &scan,
        expect![[r#"
        exit 4
        error[store.quota]: the project would hold 2005 bytes, and its quota is 1000

        hint: see `metalith retention` and `metalith objects audit` for what could go, or raise `quota` in metalith.toml
    "#]],
    );
    check(
        folder.path(),
        &["objects", "usage"],
        expect![[r#"
        OF       HELD  WARNED ABOVE  REFUSED ABOVE
        objects  2     1             2
        bytes    10 B  -             1000 B
    "#]],
    );
}

#[test]
fn a_log_tells_of_deletions_for_those_who_follow_it() {
    let project = project();
    let args = ["metadata", "delete", "--feature", "dataset", "--filter", "dataset_id = 'd2'"];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_metalith"))
        .args(args)
        .args(["--hard", "--yes", "--reason", "a request"])
        .current_dir(project.path())
        .env("METALITH_LOG", "info")
        .env("USER", "anna")
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<serde_json::Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let event = |name: &str| lines.iter().find(|it| it["event"] == name).cloned().unwrap();
    let deleted = event("dataset_deleted");
    assert_eq!((&deleted["samples"], &deleted["actor"]), (&1.into(), &"anna".into()));
    assert_eq!(deleted["minio_cleanup_success"], true);
    assert_eq!(deleted["minio_files_deleted"], 2);
    assert_eq!(
        (&deleted["dataset_id"], &deleted["dataset_name"], &deleted["dataset_type"]),
        (&"d2".into(), &"second".into(), &"iq_raw".into())
    );
    assert_eq!(event("minio_cleanup_complete")["dataset_id"], "d2");
    assert_eq!(event("minio_cleanup_complete")["files_deleted"], 2);
}
