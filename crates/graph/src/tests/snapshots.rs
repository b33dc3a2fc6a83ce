use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use metalith_base::{Diagnostic as _, FieldKey, Kind};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};
use serde_json::json;

use super::{build, orders::definitions};
use crate::{
    DepFields, External, FeatureDefinition, FeatureGraph, FieldDep, FieldDeps, FieldSpec,
    FieldsMapping, HashLength, Lineage, spec_from_wire, spec_to_wire,
};

fn check_spec_refused(part: &serde_json::Value, expected: Expect) {
    let mut spec = json!({ "key": "a", "id_columns": ["id"] });
    for (key, value) in part.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let error = spec_from_wire(&spec).expect_err("the spec should be refused");
    expected.assert_eq(&error.to_string());
}

#[test]
fn what_is_not_a_spec_is_refused_and_not_guessed_at() {
    check_spec_refused(
        &json!({ "fields": [{ "key": "x", "deps": "all" }] }),
        expect!["expected a list, or `__METAXY_ALL_DEP__` for all"],
    );
    check_spec_refused(
        &json!({ "fields": [{ "key": 5 }] }),
        expect!["expected a key: text, or a list of its parts"],
    );
    check_spec_refused(
        &json!({ "deps": [{ "feature": "b", "fields_mapping": { "mapping":
            { "type": "specific", "mapping": { "BAD": [["x"]] } } } }] }),
        expect!["key `BAD` has `B` at position 1 of part `BAD`"],
    );
    check_spec_refused(
        &json!({ "color": "red" }),
        expect![
            "unknown field `color`, expected one of `key`, `id_columns`, `deps`, `fields`, `objects`, `active`, `metadata`, `description`"
        ],
    );
}

#[test]
fn a_snapshot_that_was_changed_is_refused() {
    let graph = build("[[features]]\nkey = 'a'\nid_columns = ['id']").unwrap();
    let snapshot = graph.to_snapshot();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut snapshot = snapshot.clone();
        change(&mut snapshot);
        let error = FeatureGraph::from_snapshot(&snapshot).unwrap_err();
        (error.kind(), error.code(), error.to_string())
    };
    let (kind, code, message) = refused(&|it| it["features"][0]["feature_version"] = json!("f00"));
    assert_eq!((kind, code), (Kind::Corrupt, "graph.snapshot-version"));
    assert!(message.starts_with("the snapshot gives `a` the version `f00`, but"), "{message}");
    let (kind, ..) = refused(&|it| it["snapshot_version"] = json!("f00"));
    assert_eq!(kind, Kind::Corrupt);
    let (kind, ..) =
        refused(&|it| it["features"][0]["spec"]["fields"][0]["code_version"] = json!("2"));
    assert_eq!(kind, Kind::Corrupt);
    let (kind, code, message) = refused(&|it| it["hash_length"] = json!(3));
    assert_eq!((kind, code), (Kind::Invalid, "graph.snapshot-form"));
    expect!["this is not the snapshot of a graph: hashes cannot be cut to 3 characters"]
        .assert_eq(&message);
}

#[test]
fn a_length_is_cut_to_whatever_the_text() {
    let length = HashLength::cut_to(8).unwrap();
    assert_eq!(length.cut_text("0123456789".to_owned()), "01234567");
    assert_eq!(length.cut_text("0123".to_owned()), "0123");
    assert_eq!(length.cut_text("üüüüüüüüü".to_owned()), length.cut("üüüüüüüüü"));
    assert_eq!(HashLength::UNCUT.cut("0123456789"), "0123456789");
    assert!(HashLength::cut_to(7).is_err());
    assert!(serde_json::from_str::<HashLength>("7").is_err());
    assert_eq!(serde_json::to_string(&length).unwrap(), "8");
    assert_eq!(serde_json::from_str::<HashLength>("null").unwrap(), HashLength::UNCUT);
}

fn field(text: &str) -> FieldKey {
    text.parse().unwrap()
}

fn mapping() -> impl Strategy<Value = FieldsMapping> {
    let specific =
        BTreeMap::from([(field("x"), vec![field("y/x")]), (field("y/x"), vec![field("x")])]);
    prop_oneof![
        Just(FieldsMapping::All),
        Just(FieldsMapping::Specific(specific)),
        (any::<bool>(), any::<bool>()).prop_map(|(match_suffix, exclude)| {
            let exclude_fields = if exclude { vec![field("x")] } else { Vec::new() };
            FieldsMapping::Default { match_suffix, exclude_fields }
        }),
    ]
}

fn lineage() -> impl Strategy<Value = Lineage> {
    prop_oneof![
        Just(Lineage::Identity),
        Just(Lineage::Aggregation { on: None }),
        Just(Lineage::Aggregation { on: Some(vec!["id".to_owned()]) }),
        proptest::option::of(any::<String>()).prop_map(|id_generation_pattern| {
            Lineage::Expansion { on: vec!["id".to_owned()], id_generation_pattern }
        }),
    ]
}

/// Graphs that use everything that can be declared.
fn rich() -> impl Strategy<Value = Vec<FeatureDefinition>> {
    let dep = (mapping(), lineage(), any::<bool>(), any::<String>());
    let deps = proptest::collection::vec(dep, 8);
    let texts = proptest::collection::vec((any::<String>(), 0..4_u8), 12);
    (definitions(), deps, texts).prop_map(|(mut definitions, deps, texts)| {
        let mut deps = deps.into_iter().cycle();
        for (definition, (text, kind)) in definitions.iter_mut().zip(texts) {
            decorate(definition, &text, kind);
            for (dep, (mapping, lineage, optional, text)) in
                definition.spec.deps.iter_mut().zip(&mut deps)
            {
                (dep.fields_mapping, dep.lineage, dep.optional) = (mapping, lineage, optional);
                dep.select = optional.then(|| vec![text.clone()]);
                dep.filters = vec![text.clone()];
                dep.rename.insert(text, "renamed".to_owned());
            }
        }
        definitions
    })
}

fn decorate(definition: &mut FeatureDefinition, text: &str, kind: u8) {
    let spec = &mut definition.spec;
    spec.description = Some(text.to_owned());
    spec.metadata.insert(text.to_owned(), json!([1, null, { "nested": text }]));
    let of = spec.deps.first().map(|dep| FieldDep {
        feature: dep.feature.clone(),
        fields: if kind == 0 { DepFields::All } else { DepFields::These(vec![field("y/x")]) },
    });
    let deps = match (kind, of) {
        (0 | 1, Some(of)) => FieldDeps::These(vec![of]),
        (2, _) => FieldDeps::All,
        _ => FieldDeps::Mapped,
    };
    spec.fields = vec![
        FieldSpec { code_version: text.to_owned(), deps, ..FieldSpec::named(field("x")) },
        FieldSpec::named(field("y/x")),
    ];
    if kind == 1 {
        let provenance_by_field = BTreeMap::from([(field("x"), text.to_owned())]);
        definition.external = Some(External { provenance_by_field, source: Some(text.to_owned()) });
    }
}

proptest! {
    // A case is a whole graph with everything in it.
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_snapshot_is_the_graph(definitions in rich(), length in proptest::option::of(8..70_usize)) {
        let length = length.map_or(HashLength::UNCUT, |it| HashLength::cut_to(it).unwrap());
        let graph = FeatureGraph::new(definitions, length).unwrap();
        let text = graph.to_snapshot().to_string();
        let again = FeatureGraph::from_snapshot(&serde_json::from_str(&text).unwrap()).unwrap();
        prop_assert_eq!(&again, &graph);
        prop_assert_eq!(again.to_snapshot().to_string(), text);
        for feature in graph.features() {
            prop_assert_eq!(&spec_from_wire(&spec_to_wire(feature.spec())).unwrap(), feature.spec());
        }
    }

    #[test]
    fn no_json_panics(text in any::<String>()) {
        let json = json!({ "features": [{ "project": text, "spec": { "key": text } }], "hash_length": text });
        assert!(FeatureGraph::from_snapshot(&json).is_err());
    }
}
