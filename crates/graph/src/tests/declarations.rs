use expect_test::{Expect, expect};
use metalith_document::Format;
use proptest::prelude::{any, proptest};

use super::build;
use crate::{FieldsMapping, Lineage, parse_features};

fn check_refused(text: &str, expected: Expect) {
    expected.assert_eq(&build(text).expect_err("the declarations should be refused"));
}

#[test]
fn toml_and_yaml_declare_the_same() {
    let toml = r#"
        project = "media"
        [[features]]
        key = "video/raw"
        id_columns = ["path"]
        fields = ["frames", { key = "audio", code_version = "2" }]
        [[features]]
        key = ["video", "chunk"]
        id_columns = ["path", "n"]
        description = "pieces"
        metadata = { owner = "me", limits = [1, 2] }
        fields = [
          { key = "frames", deps = [{ feature = "video/raw", fields = ["frames"] }] },
          { key = "all", deps = "ALL" },
        ]
        [[features.deps]]
        feature = "video/raw"
        select = ["size"]
        rename = { bytes = "size" }
        filters = ["size > 0"]
        optional = true
        fields_mapping = { default = { match_suffix = true, exclude_fields = ["audio"] } }
        lineage = { expansion = { on = ["path"] } }
    "#;
    let yaml = r#"
project: media
features:
  - key: video/raw
    id_columns: [path]
    fields: [frames, {key: audio, code_version: "2"}]
  - key: video/chunk
    id_columns: [path, n]
    description: pieces
    metadata: {owner: me, limits: [1, 2]}
    fields:
      - {key: frames, deps: [{feature: video/raw, fields: [frames]}]}
      - {key: all, deps: ALL}
    deps:
      - feature: video/raw
        select: [size]
        rename: {bytes: size}
        filters: ["size > 0"]
        optional: true
        fields_mapping: {default: {match_suffix: true, exclude_fields: [audio]}}
        lineage: {expansion: {on: [path]}}
"#;
    let toml = parse_features("a.toml", toml, Format::Toml).unwrap();
    let yaml = parse_features("a.yaml", yaml, Format::Yaml).unwrap();
    let specs =
        |it: &[crate::FeatureDefinition]| it.iter().map(|it| it.spec.clone()).collect::<Vec<_>>();
    assert_eq!(specs(&toml), specs(&yaml));
    let dep = &toml[1].spec.deps[0];
    assert!(matches!(dep.lineage, Lineage::Expansion { .. }));
    assert!(matches!(dep.fields_mapping, FieldsMapping::Default { match_suffix: true, .. }));
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    check_refused(
        "[[features]]\nkey = 'a'\nid_colums = ['id']",
        expect![[r#"
            features.toml:3:1: unknown key `id_colums`
            hint: did you mean `id_columns`?"#]],
    );
    check_refused(
        "[[features]]\nkey = 'a'\nid_columns = ['id']\ndescripton = 'x'",
        expect![[r#"
            features.toml:4:1: unknown key `descripton`
            hint: did you mean `description`?"#]],
    );
    check_refused(
        "[[features]]\nkey = 'A'\nid_columns = ['id']",
        expect![[r#"
            features.toml:2:7: key `A` has `A` at position 1 of part `A`
            hint: write parts of `a-z`, `0-9`, `_` and `-` joined with `/`, starting with a letter or `_`, e.g. `video/raw`"#]],
    );
}

fn feature(key: &str, rest: &str) -> String {
    format!("[[features]]\nkey = '{key}'\nid_columns = ['id']\n{rest}\n")
}

#[test]
fn deps_that_do_not_fit_show_the_way() {
    check_refused(
        &[feature("a", "deps = ['c']"), feature("b", "deps = ['a']"), feature("c", "deps = ['b']")]
            .concat(),
        expect![[r#"
            features depend on each other in a circle: `a` -> `c` -> `b` -> `a`
            hint: take one of these deps out"#]],
    );
    check_refused(
        &[
            feature("video/raw", ""),
            feature("crop", "deps = ['video/row']"),
            feature("faces", "deps = ['crop']"),
        ]
        .concat(),
        expect![[r#"
            features.toml:5: `video/row` is not declared: `faces` -> `crop` -> `video/row`
            hint: did you mean `video/raw`?"#]],
    );
    check_refused(
        &[feature("a", "fields = ['frames']"), feature("b", "deps = ['a']\nfields = [{ key = 'x', deps = [{ feature = 'a', fields = ['frame'] }] }]")].concat(),
        expect![[r#"
            features.toml:5: `a.frame` is not a field: `b` -> `a`
            hint: did you mean `frames`?"#]],
    );
    check_refused(
        &[feature("a", ""), feature("a", "")].concat(),
        expect![[r#"
            feature `a` is declared twice: features.toml:1 and features.toml:5
            hint: rename one of them"#]],
    );
}

#[test]
fn names_that_become_one_are_refused() {
    check_refused(
        &[feature("h-x", ""), feature("h_x", "")].concat(),
        expect![[r#"
            `h-x` and `h_x` both become table `h_x`
            hint: rename one of them"#]],
    );
    check_refused(
        &feature("a", "fields = ['x/y', 'x_y']"),
        expect![[r#"
            `a.x/y` and `a.x_y` both become struct member `x_y`
            hint: rename one of them"#]],
    );
    check_refused(
        &[feature("b/c_d", ""), feature("b_c/d", ""), feature("a", "deps = ['b/c_d', 'b_c/d']")]
            .concat(),
        expect![[r#"
            `b/c_d` and `b_c/d` both become column suffix `__b_c_d`
            hint: rename one of them"#]],
    );
}

#[test]
fn a_declaration_must_make_sense_by_itself() {
    check_refused(
        "[[features]]\nkey = 'a'\nid_columns = []",
        expect![[r#"
        features.toml:1: `a`: it has no id columns
        hint: name the columns that identify a sample in `id_columns`"#]],
    );
    check_refused(
        "[[features]]\nkey = 'a'\nid_columns = ['metaxy_id']",
        expect![[r#"
        features.toml:1: `a`: id column `metaxy_id` is reserved: names that begin with `metaxy_` or `metalith_` are set by the system
        hint: choose another name"#]],
    );
    check_refused(
        &[feature("a", ""), feature("b", "deps = [{ feature = 'a', rename = { x = 'id' } }]")]
            .concat(),
        expect![[r#"
            features.toml:5: `b`: the dep on `a` renames `x` to `id`, which is one of its id columns
            hint: give `x` another name, or rename `id` as well"#]],
    );
    check_refused(
        &[feature("a", ""), feature("b", "deps = [{ feature = 'a', fields_mapping = 'none' }]")]
            .concat(),
        expect![[r#"
            features.toml:5: field `default` of `b` has no parent field in any dep
            hint: name its parents in `deps` of the field, or change the fields mapping"#]],
    );
}

/// A feature `up` with fields `x` and `y`, and a feature `down` on it.
fn down(rest: &str) -> String {
    let up = feature("up", "fields = ['x', 'y']");
    format!("{up}[[features]]\nkey = 'down'\nid_columns = ['id']\nfields = ['q']\n{rest}\n")
}

#[test]
fn fields_that_are_named_must_exist_even_where_the_name_has_no_effect() {
    for (rest, expected) in [
        (
            "deps = [{ feature = 'up', fields_mapping = { specific = { q = ['z'] } } }]",
            expect![[r#"
            features.toml:5: `up.z` is not a field: `down` -> `up`
            hint: name a field of `up`"#]],
        ),
        (
            "deps = [{ feature = 'up', fields_mapping = { specific = { qq = ['x'] } } }]",
            expect![[r#"
                features.toml:5: `down.qq` is not a field: `down`
                hint: did you mean `q`?"#]],
        ),
        (
            "deps = [{ feature = 'up', fields_mapping = { default = { exclude_fields = ['xy'] } } }]",
            expect![[r#"
                features.toml:5: `up.xy` is not a field: `down` -> `up`
                hint: did you mean `x`?"#]],
        ),
        (
            "deps = ['up']\nexternal = { provenance_by_field = { p = '1' } }",
            expect![[r#"
            features.toml:5: `down.p` is not a field: `down`
            hint: name a field of `down`"#]],
        ),
    ] {
        check_refused(&down(rest), expected);
    }
}

#[test]
fn a_dep_must_make_sense_by_itself() {
    for (rest, expected) in [
        (
            "deps = ['up', 'up']",
            expect![[r#"
            features.toml:5: `down`: dep `up` is there twice
            hint: keep one of them"#]],
        ),
        (
            "deps = [{ feature = 'up', lineage = { aggregation = { on = [] } } }]",
            expect![[r#"
            features.toml:5: `down`: the lineage of the dep on `up` names no columns in `on`
            hint: name the columns in `on`; an aggregation without `on` takes the feature's ids"#]],
        ),
        (
            "deps = [{ feature = 'up', lineage = { expansion = {} } }]",
            expect![[r#"
            features.toml:5: `down`: the lineage of the dep on `up` names no columns in `on`
            hint: name the columns in `on`; an aggregation without `on` takes the feature's ids"#]],
        ),
        (
            "deps = [{ feature = 'up', lineage = { expansion = { on = ['k', 'k'] } } }]",
            expect![[r#"
            features.toml:5: `down`: column in `on` `k` is there twice
            hint: keep one of them"#]],
        ),
        (
            "deps = [{ feature = 'up', rename = { a = 'c', b = 'c' } }]",
            expect![[r#"
            features.toml:5: `down`: new name `c` is there twice
            hint: keep one of them"#]],
        ),
        (
            "deps = [{ feature = 'up', rename = { a = 'metaxy_provenance' } }]",
            expect![[r#"
            features.toml:5: `down`: new name `metaxy_provenance` is reserved: names that begin with `metaxy_` or `metalith_` are set by the system
            hint: choose another name"#]],
        ),
        (
            "deps = [{ feature = 'up', rename = { a = '' } }]",
            expect![[r#"
                features.toml:5: `down`: it has an empty new name
                hint: choose another name"#]],
        ),
        (
            "deps = [{ feature = 'up', rename = { a = 1 } }]",
            expect!["features.toml:9:42: `a` must be text, but is an integer"],
        ),
        (
            "deps = [{ feature = 'up', lineage = 'many' }]",
            expect![[r#"
            features.toml:9:37: this is no lineage
            hint: write "identity", `{ aggregation = { on = [..] } }` or `{ expansion = { on = [..] } }`"#]],
        ),
        (
            "deps = [{ feature = 'up', fields_mapping = 'some' }]",
            expect![[r#"
            features.toml:9:44: `some` is no fields mapping
            hint: write "default", "all", "none", or a table with `default` or `specific`"#]],
        ),
        (
            "deps = [{ feature = 'up', fields_mapping = { default = {}, specific = {} } }]",
            expect![[r#"
                features.toml:9:44: a fields mapping is either `default` or `specific`
                hint: leave one of them"#]],
        ),
        (
            "deps = [{ feature = 'up', filter = ['a > 1'] }]",
            expect![[r#"
            features.toml:9:27: unknown key `filter`
            hint: did you mean `filters`?"#]],
        ),
    ] {
        check_refused(&down(rest), expected);
    }
}

#[test]
fn a_feature_must_make_sense_by_itself() {
    for (text, expected) in [
        (
            "key = 'a'\nid_columns = ['id', 'id']",
            expect![[r#"
            features.toml:1: `a`: id column `id` is there twice
            hint: keep one of them"#]],
        ),
        (
            "key = 'a'\nid_columns = ['']",
            expect![[r#"
                features.toml:1: `a`: it has an empty id column
                hint: choose another name"#]],
        ),
        (
            "key = 'a'\nid_columns = ['id']\nfields = ['x', 'x']",
            expect![[r#"
            features.toml:1: `a`: field `x` is there twice
            hint: keep one of them"#]],
        ),
        (
            "key = 'a'\nid_columns = ['id']\nfields = [{ key = 'x', deps = [{ feature = 'b' }] }]",
            expect![[r#"
                features.toml:1: `a`: field `x` is computed from `b`, which is not a dep
                hint: add `b` to `deps` of the feature, or take it out of those of the field"#]],
        ),
        (
            "key = 'a'\nid_columns = ['id']\nfields = [{ key = 'x', deps = 'all' }]",
            expect![[r#"
            features.toml:4:31: `deps` of a field must be "ALL" or a list
            hint: write e.g. `deps = [{ feature = "video/raw", fields = ["audio"] }]`"#]],
        ),
        (
            "key = 'a'\nid_columns = ['id']\ndeps = ['a']",
            expect![[r#"
            features depend on each other in a circle: `a` -> `a`
            hint: take one of these deps out"#]],
        ),
        (
            "key = 'a'\nid_columns = ['id']\nmetadata = 1",
            expect!["features.toml:4:12: `metadata` must be a table, but is an integer"],
        ),
        (
            "key = 'a'\nid_columns = ['id']\nmetadata = { limit = inf }",
            expect!["features.toml:4:22: JSON has no infinity and nothing that is not a number"],
        ),
        (
            "key = 'metaxy-system/feature_versions'\nid_columns = ['id']",
            expect![[r#"
            features.toml:1: `metaxy-system/feature_versions`: keys that begin with `metaxy-system` or `metalith-system` are those of system tables
            hint: choose another name"#]],
        ),
    ] {
        check_refused(&format!("[[features]]\n{text}"), expected);
    }
}

#[test]
fn an_id_that_is_renamed_away_leaves_its_name_free() {
    let text = "[[features]]\nkey = 'up'\nid_columns = ['a', 'b']\n[[features]]\nkey = 'down'\n\
                id_columns = ['a', 'b']\ndeps = [{ feature = 'up', rename = { a = 'b', b = 'a' } }]";
    let graph = build(text).unwrap();
    assert_eq!(graph.feature(&"down".parse().unwrap()).unwrap().join_keys(), ["b", "a"]);
}

#[test]
fn a_key_that_is_not_there_names_the_nearest() {
    use metalith_base::{Diagnostic as _, Kind};
    let graph = build(&feature("video/raw", "")).unwrap();
    let error = graph.feature(&"video/row".parse().unwrap()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::NotFound, "graph.unknown-feature"));
    expect!["unknown feature `video/row`"].assert_eq(&error.to_string());
    expect!["did you mean `video/raw`?"].assert_eq(&error.hint().unwrap());
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        drop(parse_features("a.toml", &text, Format::Toml));
        drop(parse_features("a.yaml", &text, Format::Yaml));
    }
}
