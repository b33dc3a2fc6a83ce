//! `metalith run`, `runs` and `test`.

use std::{fs, path::Path};

use expect_test::expect;
use metalith_testkit::databases;
use serde_json::Value;

use super::{check_refused, metalith, project, told};

/// Videos in, those of some size out: as a file, and as a feature that is computed from them.
const CLEAN: &str = "\
name: clean videos
variables: {least: 2}
datasources:
- {id: store, type: store}
- {id: files, path: out}
input: {datasource_id: store, table: video/raw}
operations:
- {seq: 1, type: delete, alias: small, selector: \"raw.size < {{least}}\"}
- {seq: 2, type: output, destination: {datasource_id: files, table: good.csv}}
- {seq: 3, type: output, destination: {datasource_id: store, table: crop}}
- {seq: 4, type: output, mode: delete, destination: {datasource_id: store, table: video/raw},
   deletion: {reason: too small}}
";

fn with_pipeline(text: &str) -> tempfile::TempDir {
    let project = project();
    fs::write(project.path().join("clean.yaml"), text).unwrap();
    project
}

fn samples(folder: &Path, feature: &str) -> usize {
    let rows = told(folder, &["metadata", "read", feature, "--json"]);
    rows.matches("video_id").count()
}

#[test]
fn features_go_in_and_out_and_lose_samples() {
    let project = with_pipeline(CLEAN);
    let here = project.path();
    expect![[r#"
         NO  TYPE    ALIAS  ROWS IN  MATCHED  ROWS OUT
         1   delete  small  3        1        2
         2   output         2        2        2
         3   output         2        2        2
         4   output         2        1        1
        would write 2 rows to out/good.csv
        would write 2 rows to store/crop
        would delete 1 samples, of store/video/raw
          delete 1 of video/raw
    "#]]
    .assert_eq(&told(here, &["run", "clean.yaml", "--dry-run"]));
    assert!(!here.join("out").exists());
    assert_eq!(samples(here, "video/raw"), 3);

    let ran = told(here, &["run", "clean.yaml", "--json"]);
    let ran: Value = serde_json::from_str(&ran).unwrap();
    assert_eq!(ran["outputs"][2]["details"]["samples"], 1);
    assert_eq!(
        fs::read_to_string(here.join("out/good.csv")).unwrap(),
        "video_id,size\nv2,2\nv3,3\n"
    );
    assert_eq!((samples(here, "video/raw"), samples(here, "crop")), (2, 2));
    // What the pipeline wrote has the provenance that a resolve expects.
    told(here, &["metadata", "status", "--assert-in-sync"]);

    // The deletion is one like any other, and can be taken back.
    let id = ran["outputs"][2]["details"]["deletion"].as_str().unwrap();
    let restored = told(here, &["metadata", "restore", "--deletion", id]);
    assert_eq!(restored, "restored 1 samples of `video/raw`\n");
}

#[test]
fn what_is_computed_of_a_deleted_sample_goes_along_and_comes_back() {
    let cascading = CLEAN.replace("reason: too small", "reason: too small, cascade: downstream");
    // What goes along is there before.
    let without_crop = cascading.lines().filter(|it| !it.contains("table: crop"));
    let project = with_pipeline(&without_crop.map(|it| format!("{it}\n")).collect::<String>());
    let here = project.path();
    told(here, &["metadata", "resolve", "crop", "--output-dir", "todo"]);
    told(here, &["metadata", "write", "crop", "todo/new.parquet"]);
    let rehearsed = told(here, &["run", "clean.yaml", "--dry-run"]);
    assert!(rehearsed.contains("\n  delete 1 of crop\n  delete 1 of video/raw"), "{rehearsed}");
    assert_eq!((samples(here, "video/raw"), samples(here, "crop")), (3, 3));
    let ran: Value = serde_json::from_str(&told(here, &["run", "clean.yaml", "--json"])).unwrap();
    assert_eq!((samples(here, "video/raw"), samples(here, "crop")), (2, 2));
    let id = ran["outputs"][1]["details"]["deletion"].as_str().unwrap();
    told(here, &["metadata", "restore", "--deletion", id]);
    assert_eq!((samples(here, "video/raw"), samples(here, "crop")), (3, 3));
    told(here, &["metadata", "status", "--assert-in-sync"]);
}

#[test]
fn retention_takes_what_a_pipeline_deleted() {
    let project = with_pipeline(CLEAN);
    let here = project.path();
    let features = fs::read_to_string(here.join("features.toml")).unwrap();
    let keep = |age: &str| {
        let retention = format!("[retention]\nkeep_deleted = \"{age}\"\n");
        fs::write(here.join("features.toml"), retention + &features).unwrap();
    };
    keep("30 days");
    told(here, &["run", "clean.yaml"]);
    assert_eq!(told(here, &["retention", "apply"]), "nothing is due\n");
    let all = ["metadata", "read", "video/raw", "--include-deleted", "--sample-history", "--json"];
    assert!(told(here, &all).contains("v1"));
    keep("0 days");
    told(here, &["retention", "apply", "--yes"]);
    assert!(!told(here, &all).contains("v1"));
    assert_eq!(samples(here, "video/raw"), 2);
}

#[test]
fn what_is_held_stops_the_whole_run() {
    let project = with_pipeline(CLEAN);
    let here = project.path();
    told(here, &["hold", "add", "--feature", "video/raw", "--filter", "size = 1"]);
    let refused = metalith(here, &["run", "clean.yaml"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("are held"));
    assert!(fs::read_dir(here.join("out")).is_ok_and(|mut it| it.next().is_none()));
    assert_eq!((samples(here, "video/raw"), samples_or_none(here, "crop")), (3, 0));
}

fn samples_or_none(folder: &Path, feature: &str) -> usize {
    let output = metalith(folder, &["metadata", "read", feature, "--json"]);
    String::from_utf8_lossy(&output.stdout).matches("video_id").count()
}

#[test]
fn deleting_for_good_needs_consent() {
    let project = with_pipeline(&CLEAN.replace("reason: too small", "mode: hard"));
    let here = project.path();
    check_refused(
        here,
        &["run", "clean.yaml"],
        expect![[r#"
        exit 2
        error[pipeline.no-consent]: operation 4 (output) deletes samples for good, which needs your consent

        hint: see what would happen with `--dry-run`, then pass `--yes`
    "#]],
    );
    assert_eq!(samples(here, "video/raw"), 3);
    told(here, &["run", "clean.yaml", "--yes"]);
    let all = ["metadata", "read", "video/raw", "--include-deleted", "--sample-history", "--json"];
    assert!(!told(here, &all).contains("v1"));
}

#[test]
fn runs_are_recorded() {
    let project = with_pipeline(CLEAN);
    let here = project.path();
    told(here, &["run", "clean.yaml", "--var", "least=0"]);
    assert_eq!(metalith(here, &["run", "clean.yaml", "--var", "leest=0"]).status.code(), Some(2));
    told(here, &["run", "clean.yaml", "--dry-run"]);
    let runs: Value = serde_json::from_str(&told(here, &["runs", "--json"])).unwrap();
    let runs = runs["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!((&runs[0]["outcome"], &runs[0]["actor"]), (&"succeeded".into(), &"anna".into()));
    assert_eq!(runs[0]["pipeline"], "clean videos");
    assert_eq!(runs[0]["details"]["inputs"][0]["version"]["table_version"], 0);
    assert_eq!(runs[0]["details"]["operations"][0]["rows_in"], 3);
    assert_eq!(
        (&runs[1]["outcome"], &runs[1]["details"]["code"]),
        (&"failed".into(), &"pipeline.invalid".into())
    );
    assert!(runs[1]["error"].as_str().unwrap().contains("did you mean `least`?"));
    assert!(told(here, &["runs"]).contains("clean videos"));
}

#[test]
fn a_run_at_a_given_time_is_the_same_each_time() {
    let text = "\
name: archive
datasources: [{id: in, path: raw.csv}, {id: out, path: out}]
input: {datasource_id: in, table: raw, columns: [video_id, size]}
operations:
- {seq: 1, type: update, assignments: {day: TODAY()}}
- {seq: 2, type: output, include_deleted: true, destination: {datasource_id: out, table: all.csv}}
";
    let project = with_pipeline(text);
    let here = project.path();
    let run = || {
        told(here, &["run", "clean.yaml", "--now", "2026-01-31T12:00:00Z"]);
        fs::read_to_string(here.join("out/all.csv")).unwrap()
    };
    let first = run();
    expect![[r#"
        _row_id,_deleted,_modified_at,video_id,size,day
        019c13ec-9e00-7000-8000-000000000000,false,2026-01-31T12:00:00Z,v1,1,2026-01-31
        019c13ec-9e00-7000-8000-000000000001,false,2026-01-31T12:00:00Z,v2,2,2026-01-31
        019c13ec-9e00-7000-8000-000000000002,false,2026-01-31T12:00:00Z,v3,3,2026-01-31
    "#]]
    .assert_eq(&first);
    assert_eq!(run(), first);
    told(here, &["run", "clean.yaml"]);
    assert_ne!(fs::read_to_string(here.join("out/all.csv")).unwrap(), first);
}

#[test]
fn a_wrong_file_is_refused_with_all_its_mistakes() {
    let wrong = CLEAN.replace("raw.size", "raw.sise").replace("alias", "alas");
    let project = with_pipeline(&wrong);
    check_refused(
        project.path(),
        &["run", "clean.yaml", "--validate"],
        expect![[r#"
        exit 2
        error[pipeline.invalid]: a mistake in clean.yaml, nothing was done

        Error: Invalid operation 1 (delete)
          Reason: unknown key `alas`
          At: line 8, column 26
          Hint: did you mean `alias`?
    "#]],
    );
    let wrong = CLEAN.replace("raw.size", "raw.sise").replace("table: crop", "table: crap");
    fs::write(project.path().join("clean.yaml"), wrong).unwrap();
    check_refused(
        project.path(),
        &["run", "clean.yaml", "--validate"],
        expect![[r#"
        exit 2
        error[pipeline.invalid]: 2 mistakes in clean.yaml, nothing was done

        Error: Invalid selector in operation 1 (delete)
          Selector: "raw.sise < {{least}}"
          Reason: Column 'sise' not found in schema
          At: line 8, column 50
              raw.sise < {{least}}
              ^^^^^^^^
          Hint: did you mean `raw.size`?

        Error: Invalid destination in operation 3 (output)
          Reason: the project has no feature `crap`
          At: line 10, column 39
          Hint: did you mean `crop`?
    "#]],
    );
    fs::write(project.path().join("clean.yaml"), CLEAN).unwrap();
    assert_eq!(told(project.path(), &["run", "clean.yaml", "--validate"]), "clean.yaml is valid\n");
}

#[test]
fn pipelines_run_where_there_is_no_project() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\
name: plain
datasources: [{id: in, path: a.csv}, {id: out, path: b.csv}]
input: {datasource_id: in, table: a}
operations:
- {seq: 1, type: output, destination: {datasource_id: out, table: b}}
";
    fs::write(folder.path().join("p.yaml"), text).unwrap();
    fs::write(folder.path().join("a.csv"), "id\n1\n").unwrap();
    told(folder.path(), &["run", "p.yaml"]);
    assert_eq!(fs::read_to_string(folder.path().join("b.csv")).unwrap(), "id\n1\n");
    let schema: Value = serde_json::from_str(&told(folder.path(), &["run", "--schema"])).unwrap();
    assert_eq!(schema["title"], "Metalith pipeline");
}

const SCENARIOS: &str = "\
pipeline: clean.yaml
scenarios:
- name: small ones go
  given: {store/video/raw: [{video_id: a, size: 1}, {video_id: b, size: 5}]}
  expect: {files/good.csv: [{video_id: b, size: 5}], store/video/raw: [{video_id: a, size: 1}]}
- name: <wrong> & so it fails
  given: {store/video/raw: [{video_id: a, size: 1}]}
  expect: {files/good.csv: [{video_id: a, size: 1}]}
";

#[test]
fn scenarios_are_told_in_three_forms() {
    let project = with_pipeline(CLEAN);
    let here = project.path();
    fs::write(here.join("test.yaml"), SCENARIOS).unwrap();
    let run = |arguments: &[&str]| {
        let output = metalith(here, &[&["test", "test.yaml"], arguments].concat());
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).unwrap()
    };
    expect![[r#"
        ok     test.yaml: small ones go
        FAILED test.yaml: <wrong> & so it fails
                 files/good.csv: expected 1 rows, found 0
                   not found: {"size":1,"video_id":"a"}
        1 passed, 1 failed
    "#]]
    .assert_eq(&run(&[]));
    let told: Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    assert_eq!((&told["passed"], &told["failed"]), (&1.into(), &1.into()));
    assert_eq!(run(&["--json"]).lines().count(), run(&["--format", "json"]).lines().count());
    let junit = run(&["--format", "junit"]);
    let junit = junit.split(" time=\"").map(|part| match part.split_once('"') {
        Some((time, rest)) if time.parse::<f64>().is_ok() => rest,
        _ => part,
    });
    expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites>
          <testsuite name="metalith" tests="2" failures="1" errors="0">
            <testcase classname="test.yaml" name="small ones go"/>
            <testcase classname="test.yaml" name="&lt;wrong&gt; &amp; so it fails">
              <failure message="files/good.csv: expected 1 rows, found 0">files/good.csv: expected 1 rows, found 0
          not found: {&quot;size&quot;:1,&quot;video_id&quot;:&quot;a&quot;}</failure>
            </testcase>
          </testsuite>
        </testsuites>
    "#]].assert_eq(&junit.collect::<String>());

    let (right, _) = SCENARIOS.split_once("- name: <wrong>").unwrap();
    fs::write(here.join("test.yaml"), right).unwrap();
    assert!(super::told(here, &["test", "test.yaml"]).ends_with("1 passed, 0 failed\n"));
}

#[test]
fn the_example_does_what_it_says() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/orders");
    let folder = tempfile::tempdir().unwrap();
    for name in ["clean.yaml", "clean.test.yaml", "make_orders.py", "metalith.toml"] {
        fs::copy(example.join(name), folder.path().join(name)).unwrap();
    }
    let made = std::process::Command::new("python3")
        .args(["make_orders.py", "1000", "data"])
        .current_dir(folder.path())
        .status();
    assert!(made.unwrap().success());
    let database = databases::fresh("postgresql");
    let settings = fs::read_to_string(folder.path().join("metalith.toml")).unwrap();
    // Each test has a schema of its own.
    let schema = format!("options = {{ schema = \"{}\" }}\n", database.options["schema"]);
    fs::write(folder.path().join("metalith.toml"), settings + &schema).unwrap();
    let run = |folder: &Path| {
        let done = super::command(folder, &["run", "clean.yaml"])
            .env("ORDERS_DATABASE", &database.address)
            .env("ORDERS_DRIVER", &database.driver)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    assert!(told(folder.path(), &["test", "clean.test.yaml"]).ends_with("2 passed, 0 failed\n"));
    expect![[r#"
         NO  TYPE       ALIAS                  ROWS IN  MATCHED  ROWS OUT
         1   update     tidy_status            1 000    1 000    1 000
         2   delete     remove_cancelled       1 000    94       906
         3   delete     remove_invalid         906      130      776
         4   update     returns_count_against  776      38       776
         5   update     amounts                776      776      776
         6   join       who                    776      776      776
         7   output                            776      776      776
         8   output                            776      1 000    1 000
         9   aggregate  per_month              776      776      60
         10  output                            60       60       60
         11  output                            60       60       60
        wrote 776 rows to out/orders.parquet
        wrote 1 000 rows to out/all_orders_with_deleted.parquet
        wrote 60 rows to out/revenue.parquet
        wrote 60 rows to reports/revenue
    "#]]
    .assert_eq(&run(folder.path()));
    // A second run puts the same in the place of the first.
    run(folder.path());
    let total = "SELECT COUNT(*), SUM(orders), SUM(revenue)::numeric(12, 2) FROM revenue";
    assert!(database.ask(total).starts_with("60|776|"), "{}", database.ask(total));
    let of_table = "SELECT data_type, numeric_scale FROM information_schema.columns \
                    WHERE table_schema = current_schema() AND column_name = 'revenue'";
    assert_eq!(database.ask(of_table), "numeric|2\n");
    let runs = told(folder.path(), &["runs"]);
    assert_eq!(runs.matches("succeeded").count(), 2, "{runs}");
}

#[test]
fn the_readme_shows_a_pipeline_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("clean.yaml"), super::tour::block("yaml")).unwrap();
    fs::create_dir(here.join("data")).unwrap();
    let orders = "id,amount,status\n1,5,open\n2,0,open\n3,7,returned\n4,9,test\n";
    fs::write(here.join("data/orders.csv"), orders).unwrap();
    expect![[r#"
         NO  TYPE    ALIAS  ROWS IN  MATCHED  ROWS OUT
         1   delete         4        2        2
         2   update         2        1        2
         3   output         2        2        2
         4   output         2        4        4
        wrote 2 rows to out/orders.parquet
        wrote 4 rows to out/archive.parquet
    "#]]
    .assert_eq(&told(here, &["run", "clean.yaml"]));
}
