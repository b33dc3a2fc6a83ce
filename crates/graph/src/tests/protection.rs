//! What features declare about deletions: it is kept, and it changes no version.

use expect_test::{Expect, expect};

use super::build;
use crate::{FeatureGraph, ObjectTemplate, RenderProblem, TemplateProblem};

fn check_refused(text: &str, expected: Expect) {
    expected.assert_eq(&build(text).expect_err("the declarations should be refused"));
}

const PLAIN: &str = r#"
[[features]]
key = "dataset"
id_columns = ["dataset_id"]
[[features]]
key = "model"
id_columns = ["model_id"]
deps = [{ feature = "dataset", lineage = { expansion = { on = ["dataset_id"] } } }]
"#;

const PROTECTED: &str = r#"
[retention]
keep_deleted = "30 days"
[[features]]
key = "dataset"
id_columns = ["dataset_id"]
active = "is_active"
objects = [
    { template = "s3://bucket/synthetic/{dataset_id}/", when = "kind = 'iq_raw'" },
    { column = "preview", size = "preview_size", owned = false },
]
[[features]]
key = "model"
id_columns = ["model_id"]
retention = { expire = { after = "1 year", column = "created_at" } }
[[features.deps]]
feature = "dataset"
lineage = { expansion = { on = ["dataset_id"] } }
on_delete = { restrict = { when = "is_active", label = "name" } }
"#;

#[test]
fn protections_change_no_version_and_come_back_from_a_snapshot() {
    let (plain, protected) = (build(PLAIN).unwrap(), build(PROTECTED).unwrap());
    assert_eq!(plain.snapshot_version(), protected.snapshot_version());
    let again = FeatureGraph::from_snapshot(&protected.to_snapshot()).unwrap();
    for (one, other) in protected.features().zip(again.features()) {
        assert_eq!(one.spec(), other.spec());
    }
    let retention = |key: &str| {
        let key = key.parse().unwrap();
        protected.feature(&key).unwrap().definition().retention.clone()
    };
    assert_eq!(retention("dataset").keep_deleted, retention("model").keep_deleted);
    assert!(retention("dataset").expire.is_none() && retention("model").expire.is_some());
}

#[test]
fn mistakes_about_deletions_are_named() {
    check_refused(
        &PLAIN.replace("\"dataset_id\"] } }", "\"dataset_id\"] } }, on_delete = \"explode\""),
        expect![[r#"
            features.toml:8:95: `explode` is no action on deletion
            hint: write "cascade", "restrict", "set_null", "no_action", or `{ restrict = { when = "is_active", label = "name" } }`"#]],
    );
    check_refused(
        &PLAIN
            .replace("id_columns = [\"model_id\"]", "id_columns = [\"model_id\"]\nobjects = [{}]"),
        expect![[r#"
            features.toml:8:12: objects are named by a `column` or by a `template`
            hint: give one of them"#]],
    );
    check_refused(
        &PLAIN.replace(
            "id_columns = [\"model_id\"]",
            "id_columns = [\"model_id\"]\nobjects = [{ template = \"s3://bucket/all/\" }]",
        ),
        expect![[r#"
            features.toml:8:25: `s3://bucket/all/` is no template of an address: it names no column in braces, so all samples would own the same objects
            hint: write e.g. `s3://bucket/synthetic/{dataset_id}/`"#]],
    );
    check_refused(
        "[[features]]\nkey = 'a'\nid_columns = ['id']\n[[features]]\nkey = 'b'\nid_columns = ['id']\n\
         deps = [{ feature = 'a', on_delete = 'set_null' }]",
        expect![[r#"
            features.toml:4: `b`: the dep on `a` sets `id` to NULL on deletion, which is one of its own ids
            hint: choose cascade, restrict or no_action"#]],
    );
    check_refused(
        "[[features]]\nkey = 'a'\nid_columns = ['id']\nretention = { keep_deleted = 'a while' }",
        expect![
            "features.toml:4:30: `a while` is no age: write a number and a unit, e.g. `7d`, `30 days`, `12 hours`, `1 year`"
        ],
    );
}

#[test]
fn a_template_never_names_more_than_a_sample_has() {
    for (text, problem) in [
        ("s3://bucket/all/", TemplateProblem::NoColumn),
        ("s3://{bucket}/x", TemplateProblem::OpenPlace),
        ("{path}", TemplateProblem::OpenPlace),
        ("s3://bucket/{a", TemplateProblem::Braces),
        ("s3://bucket/a}", TemplateProblem::Braces),
        ("s3://bucket/{}", TemplateProblem::Braces),
    ] {
        assert_eq!(text.parse::<ObjectTemplate>().unwrap_err(), problem, "{text}");
    }
    let template: ObjectTemplate = "s3://bucket/sessions/{id}/websdr_{n}.npy".parse().unwrap();
    let render = |id: Option<&'static str>| {
        template.render(|column| if column == "id" { id } else { Some("1") })
    };
    assert_eq!(render(Some("7c3f")).unwrap(), "s3://bucket/sessions/7c3f/websdr_1.npy");
    assert!(matches!(render(None), Err(RenderProblem::Null { .. })));
    for value in ["", ".", "..", "a/b", "a\\b", "%2e%2e", "a?b", "a#b", "a\nb"] {
        assert!(matches!(render(Some(value)), Err(RenderProblem::Value { .. })), "{value:?}");
    }
}
