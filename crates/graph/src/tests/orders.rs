use std::collections::BTreeSet;

use metalith_base::FeatureKey;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, proptest};

use super::build;
use crate::{
    Direction, FeatureDefinition, FeatureDep, FeatureGraph, FeatureSpec, HashLength, Start,
};

fn key(text: &str) -> FeatureKey {
    text.parse().unwrap()
}

#[test]
fn deleting_goes_from_dependents_to_dependencies() {
    let graph = build(
        r#"
        [[features]]
        key = "video/raw"
        id_columns = ["video_id"]
        [[features]]
        key = "video/chunk"
        id_columns = ["chunk_id"]
        deps = [{ feature = "video/raw", lineage = { expansion = { on = ["video_id"] } } }]
        [[features]]
        key = "video/faces"
        id_columns = ["chunk_id"]
        deps = ["video/chunk"]
        "#,
    )
    .unwrap();
    let order = |from: &str, direction, start| {
        let order = graph.deletion_order(&key(from), direction, start).unwrap();
        order.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let (down, up, both) = (Direction::Downstream, Direction::Upstream, Direction::Both);
    assert_eq!(order("video/raw", down, Start::Included), "video/faces video/chunk video/raw");
    assert_eq!(order("video/raw", down, Start::Excluded), "video/faces video/chunk");
    assert_eq!(order("video/faces", up, Start::Included), "video/raw video/chunk video/faces");
    assert_eq!(order("video/chunk", both, Start::Included), "video/raw video/chunk video/faces");
}

/// Random graphs: feature `f<n>` depends on some of lower number.
pub(super) fn definitions() -> impl Strategy<Value = Vec<FeatureDefinition>> {
    let deps = proptest::collection::vec(proptest::collection::vec(any::<u16>(), 0..4), 1..12);
    deps.prop_map(|all| {
        let definition = |(index, deps): (usize, Vec<u16>)| {
            let deps: BTreeSet<usize> = deps
                .into_iter()
                .filter(|_| index > 0)
                .map(|dep| dep as usize % index.max(1))
                .collect();
            FeatureDefinition {
                class: None,
                retention: Default::default(),
                project: "test".to_owned(),
                spec: FeatureSpec {
                    objects: Vec::new(),
                    active: None,
                    key: key(&format!("f{index}")),
                    id_columns: vec!["id".to_owned()],
                    fields: Vec::new(),
                    deps: deps.iter().map(|dep| FeatureDep::on(key(&format!("f{dep}")))).collect(),
                    metadata: serde_json::Map::new(),
                    description: None,
                },
                external: None,
                origin: None,
            }
        };
        all.into_iter().enumerate().map(definition).collect()
    })
}

fn shuffled() -> impl Strategy<Value = (Vec<FeatureDefinition>, Vec<FeatureDefinition>)> {
    definitions().prop_flat_map(|definitions| {
        let shuffled = Just(definitions.clone()).prop_shuffle();
        (Just(definitions), shuffled)
    })
}

/// A chain with shortcuts, each feature with two fields.
#[test]
fn a_thousand_features_are_no_effort() {
    let mut text = String::new();
    for index in 0..1000 {
        let (near, far) = (index - 1, index / 2);
        text.push_str(&format!("[[features]]\nkey = 'g/f{index}'\nid_columns = ['id']\n"));
        text.push_str("fields = ['frames', { key = 'audio', code_version = '2' }]\n");
        match index {
            0 => {}
            _ if near == far => text.push_str(&format!("deps = ['g/f{near}']\n")),
            _ => text.push_str(&format!("deps = ['g/f{near}', 'g/f{far}']\n")),
        }
    }
    let graph = build(&text).unwrap();
    assert_eq!(graph.len(), 1000);
    assert_eq!(graph.downstream(&key("g/f0")).unwrap().len(), 999);
    assert_eq!(graph.upstream(&key("g/f999")).unwrap().len(), 999);
}

proptest! {
    #[test]
    fn the_order_of_declaring_does_not_matter((one, other) in shuffled()) {
        let one = FeatureGraph::new(one, HashLength::UNCUT).unwrap();
        let other = FeatureGraph::new(other, HashLength::UNCUT).unwrap();
        prop_assert_eq!(one.to_snapshot(), other.to_snapshot());
    }

    #[test]
    fn upstream_and_downstream_mirror_each_other(definitions in definitions()) {
        let graph = FeatureGraph::new(definitions, HashLength::UNCUT).unwrap();
        let order: Vec<&FeatureKey> = graph.features().map(|it| it.key()).collect();
        for (place, upper) in order.iter().enumerate() {
            for (other, lower) in order.iter().enumerate() {
                let reads = graph.upstream(lower).unwrap().contains(upper);
                prop_assert_eq!(reads, graph.downstream(upper).unwrap().contains(lower));
                prop_assert_eq!(reads && place >= other, false, "upstreams come first");
                let direct = graph.direct_upstream(lower).unwrap().contains(upper);
                prop_assert_eq!(direct, graph.direct_downstream(upper).unwrap().contains(lower));
                prop_assert_eq!(direct && !reads, false);
            }
        }
    }
}
