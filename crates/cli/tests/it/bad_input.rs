//! What bad input gets: a few lines with the place and the remedy, an exit code, and nothing done.

use std::{fs, path::Path};

use expect_test::{Expect, expect};

use super::{check_refused, metalith, project, told};

/// Writes a file and then tries to write it into a feature; nothing may come of it.
fn check_rows_refused(file: &str, content: &str, expected: Expect) {
    let project = project();
    let here = project.path();
    fs::write(here.join(file), content).unwrap();
    let before = rows(here);
    check_refused(here, &["metadata", "write", "video/raw", file], expected);
    assert_eq!(rows(here), before);
}

fn rows(here: &Path) -> String {
    told(here, &["metadata", "read", "video/raw", "--sample-history", "--json"])
}

#[test]
fn ids_that_are_missing() {
    check_rows_refused(
        "rows.csv",
        "name,metaxy_provenance_by_field.frames\nv9,a\n",
        expect![[r#"
        exit 2
        error[store.rows]: cannot take these rows for `video/raw`: column `video_id` is missing

        hint: there are `name`, `metaxy_provenance_by_field`
    "#]],
    );
}

#[test]
fn ids_that_are_null() {
    let rows = r#"{"video_id": "v8", "metaxy_provenance_by_field": {"frames": "a"}}
{"video_id": null, "metaxy_provenance_by_field": {"frames": "a"}}
"#;
    check_rows_refused(
        "rows.jsonl",
        rows,
        expect![[r#"
        exit 2
        error[store.rows]: cannot take these rows for `video/raw`: id column `video_id` is NULL in row 1

        hint: give every row an id, or leave the row out
    "#]],
    );
}

#[test]
fn ids_that_are_twice() {
    let rows = "video_id,metaxy_provenance_by_field.frames\nv1,a\nv1,b\n";
    check_rows_refused(
        "rows.csv",
        rows,
        expect![[r#"
        exit 2
        error[store.rows]: cannot take these rows for `video/raw`: rows repeat ids of this write, e.g. video_id=v1

        hint: keep one row for each id
    "#]],
    );
}

#[test]
fn types_that_do_not_fit() {
    let rows = "video_id,size,metaxy_provenance_by_field.frames\nv9,large,a\n";
    check_rows_refused(
        "rows.csv",
        rows,
        expect![[r#"
        exit 2
        error[store.rows]: cannot take these rows for `video/raw`: column `size` must be Int64, but is Utf8

        hint: convert the column before writing
    "#]],
    );
}

#[test]
fn a_struct_that_lacks_a_field() {
    let rows = r#"{"video_id": "v8", "metaxy_provenance_by_field": {"sound": "a"}}"#;
    check_rows_refused(
        "rows.jsonl",
        rows,
        expect![[r#"
        exit 2
        error[store.rows]: cannot take these rows for `video/raw`: `metaxy_provenance_by_field` has no member `frames`

        hint: there are `sound`
    "#]],
    );
}

#[test]
fn files_that_are_not_what_their_names_say() {
    check_rows_refused(
        "rows.parquet",
        "text",
        expect![[r#"
        exit 2
        error[ingest.content]: `rows.parquet` is not the Parquet it should be: EOF: Parquet file too small. Size is 4 but need 8

        hint: name another format with `--format` if the ending misleads
    "#]],
    );
    check_rows_refused(
        "rows.jsonl",
        "{\"video_id\": ",
        expect![[r#"
        exit 2
        error[ingest.content]: `rows.jsonl` is not the JSON lines it should be: Json error: Not valid JSON: EOF while parsing a value at line 1 column 12

        hint: name another format with `--format` if the ending misleads
    "#]],
    );
    check_rows_refused(
        "rows.txt",
        "text",
        expect![[r#"
        exit 2
        error[ingest.unknown-format]: the format of `rows.txt` is not known

        hint: name it with `--format`: parquet, csv, tsv, jsonl or arrow
    "#]],
    );
}

#[test]
fn files_without_rows() {
    let header = "video_id,size,metaxy_provenance_by_field.frames\n";
    check_rows_refused(
        "rows.csv",
        header,
        expect![[r#"
        exit 2
        error[store.rows]: cannot take these rows for `video/raw`: column `video_id` must be text, an integer, a date or a time to be an id, but is without any value

        hint: convert the column before writing
    "#]],
    );
}

#[test]
fn a_file_without_rows_that_knows_its_types_adds_none() {
    let project = project();
    let here = project.path();
    let before = rows(here);
    let nothing =
        ["metadata", "read", "video/raw", "--filter", "size > 9", "--output", "none.parquet"];
    told(here, &nothing);
    told(here, &["metadata", "write", "video/raw", "none.parquet"]);
    assert_eq!(rows(here), before);
}

#[test]
fn a_feature_that_does_not_exist() {
    let project = project();
    check_refused(
        project.path(),
        &["metadata", "read", "video/row"],
        expect![[r#"
        exit 3
        error[graph.unknown-feature]: unknown feature `video/row`

        hint: did you mean `video/raw`?
    "#]],
    );
}

#[test]
fn filters_that_make_no_sense() {
    let project = project();
    for (filter, expected) in [
        (
            "siz > 1",
            expect![[r#"
            exit 2
            error[expr.unknown-column]: in a filter on `video/raw`: unknown column `siz`
              siz > 1
              ^^^

            hint: did you mean `size`?
        "#]],
        ),
        (
            "size = NULL",
            expect![[r#"
            exit 2
            error[expr.null-comparison]: in a filter on `video/raw`: a comparison with NULL is never true
              size = NULL
                     ^^^^

            hint: write `size IS NULL`
        "#]],
        ),
        (
            "size = 'a'",
            expect![[r#"
            exit 2
            error[expr.type]: in a filter on `video/raw`: cannot compare `size` (an integer) and `'a'` (text)
              size = 'a'
                     ^^^

            hint: write a number, or convert with CAST(size AS TEXT)
        "#]],
        ),
        (
            "size > 1; DROP TABLE x",
            expect![[r#"
            exit 2
            error[expr.not-an-expression]: in a filter: there is more than one expression
              size > 1; DROP TABLE x
                      ^

            hint: keep what is before the `;`
        "#]],
        ),
        (
            "",
            expect![[r#"
            exit 2
            error[expr.empty]: in a filter: the expression is empty

            hint: write a condition, e.g. `confidence < 0.3`
        "#]],
        ),
    ] {
        let delete = ["metadata", "delete", "--feature", "video/raw", "--filter", filter];
        check_refused(project.path(), &delete, expected);
    }
}

#[test]
fn projects_with_mistakes() {
    let project = project();
    let here = project.path();
    let status = ["metadata", "status"];
    let features = fs::read_to_string(here.join("features.toml")).unwrap();

    fs::write(here.join("features.toml"), features.replace("id_columns", "id_colums")).unwrap();
    check_refused(
        here,
        &status,
        expect![[r#"
            exit 2
            error[document.unknown-key]: features.toml:3:1: unknown key `id_colums`

            hint: did you mean `id_columns`?
        "#]],
    );

    fs::write(here.join("features.toml"), features.replace("[\"video/raw\"]", "[\"video/row\"]"))
        .unwrap();
    check_refused(
        here,
        &status,
        expect![[r#"
        exit 2
        error[graph.unknown-dep]: features.toml:5: `video/row` is not declared: `crop` -> `video/row`

        hint: did you mean `video/raw`?
    "#]],
    );

    let circle = features.replace("fields = [\"frames\"]", "deps = [\"crop\"]");
    fs::write(here.join("features.toml"), circle).unwrap();
    check_refused(
        here,
        &status,
        expect![[r#"
        exit 2
        error[graph.cycle]: features depend on each other in a circle: `crop` -> `video/raw` -> `crop`

        hint: take one of these deps out
    "#]],
    );

    fs::write(here.join("features.toml"), "[[features]\n").unwrap();
    check_refused(
        here,
        &status,
        expect![[r#"
        exit 2
        error[document.syntax]: features.toml:1:12: unclosed array table, expected `]`
    "#]],
    );
}

#[test]
fn stores_that_are_none() {
    let project = project();
    let here = project.path();
    fs::create_dir(here.join("docs")).unwrap();
    fs::write(here.join("docs/readme.txt"), "text").unwrap();
    let at = |store: &str| {
        let config = format!("project = 'a'\n[stores.dev]\n{store}\n");
        fs::write(here.join("metalith.toml"), config).unwrap();
    };
    let write = ["metadata", "write", "video/raw", "raw.csv"];
    at("path = 'docs'");
    check_refused(
        here,
        &write,
        expect![[r#"
        exit 2
        error[store.place]: DIR/docs: this is not a store: it holds a file `readme.txt`

        hint: choose an empty folder or an existing store
    "#]],
    );
    at("path = 'raw.csv'");
    check_refused(
        here,
        &write,
        expect![[r#"
        exit 2
        error[store.place]: DIR/raw.csv: this is not a store: it holds a file

        hint: choose an empty folder or an existing store
    "#]],
    );
    // Nobody listens at this port.
    at("address = 's3://bucket/store'\noptions = { endpoint = 'http://127.0.0.1:9', \
        access_key_id = 'a', secret_access_key = 'b', region = 'x', allow_http = 'true' }");
    let output = metalith(here, &write);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(
        errors
            .starts_with("error[store.storage]: cannot read s3://bucket/store/metalith-store.json"),
        "{errors}"
    );
    assert!(errors.ends_with("hint: check the address and the network, then run it again\n"));
}

#[test]
fn a_damaged_log_is_said_and_left_as_it_is() {
    let project = project();
    let here = project.path();
    let log = here.join("store/video/raw.delta/_delta_log");
    let mut entries: Vec<_> = fs::read_dir(log).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    let last = entries.iter().rfind(|it| it.extension().is_some_and(|it| it == "json")).unwrap();
    fs::write(last, "{\"add\": {\"pa").unwrap();
    check_refused(
        here,
        &["metadata", "read", "video/raw"],
        expect![[r#"
        exit 7
        error[store.corrupt]: the table of `video/raw` in DIR/store/video/raw.delta is damaged: log entry `_delta_log/00000000000000000000.json`, line 1: EOF while parsing a string at line 1 column 12

        hint: restore the table from a backup, or drop the feature and write it again
    "#]],
    );
    check_refused(
        here,
        &["metadata", "write", "video/raw", "raw.csv"],
        expect![[r#"
        exit 7
        error[store.corrupt]: the table of `video/raw` in DIR/store/video/raw.delta is damaged: log entry `_delta_log/00000000000000000000.json`, line 1: EOF while parsing a string at line 1 column 12

        hint: restore the table from a backup, or drop the feature and write it again
    "#]],
    );
    assert_eq!(fs::read_to_string(last).unwrap(), "{\"add\": {\"pa");
}

#[test]
fn rows_of_a_stream_that_broke_off_are_not_taken_for_all() {
    let project = project();
    let here = project.path();
    let whole = metalith(here, &["metadata", "read", "video/raw", "--output", "-"]).stdout;
    fs::write(here.join("half.arrow"), &whole[..whole.len() - 8]).unwrap();
    check_refused(
        here,
        &["metadata", "write", "video/raw", "half.arrow"],
        expect![[r#"
        exit 2
        error[store.unreadable]: cannot read all rows of `half.arrow`: Ipc error: the stream ends without saying so: its writer broke off, or did not close it

        hint: look at what wrote it, and have it written again: nothing of it was taken
    "#]],
    );
}
