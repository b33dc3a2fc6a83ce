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
            features.toml:1:1: key `id_columns` is missing
            hint: add `id_columns`"#]],
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
        expect!["features.toml:1: `a`: it has no id columns"],
    );
    check_refused(
        "[[features]]\nkey = 'a'\nid_columns = ['metaxy_id']",
        expect![
            "features.toml:1: `a`: id column `metaxy_id` is reserved: names that begin with `metaxy_` or `metalith_` are set by the system"
        ],
    );
    check_refused(
        &[feature("a", ""), feature("b", "deps = [{ feature = 'a', rename = { x = 'id' } }]")]
            .concat(),
        expect![
            "features.toml:5: `b`: the dep on `a` renames `x` to `id`, which is one of its id columns"
        ],
    );
    check_refused(
        &[feature("a", ""), feature("b", "deps = [{ feature = 'a', fields_mapping = 'none' }]")]
            .concat(),
        expect![[r#"
            features.toml:5: field `default` of `b` has no parent field in any dep
            hint: name its parents in `deps` of the field, or change the fields mapping"#]],
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        drop(parse_features("a.toml", &text, Format::Toml));
        drop(parse_features("a.yaml", &text, Format::Yaml));
    }
}
