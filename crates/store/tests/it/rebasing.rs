//! Samples of an older definition with the provenance of the newer one.

use expect_test::expect;
use metalith_graph::FeatureGraph;
use metalith_store::Rows;
use metalith_testkit::fixtures::{graph, key, memory_store, read, write};
use serde_json::{Value, json};

fn code(version: &str, fields: &str) -> FeatureGraph {
    graph(&format!(
        r#"
        [[features]]
        key = "raw"
        id_columns = ["id"]
        fields = ["x", "y"]

        [[features]]
        key = "made"
        id_columns = ["id"]
        deps = ["raw"]
        fields = [{{ key = "x", code_version = "{version}" }}, "y"{fields}]
        "#
    ))
}

const VERSIONS: [&str; 5] = [
    "id",
    "metaxy_provenance_by_field",
    "metaxy_provenance",
    "metaxy_data_version_by_field",
    "metaxy_data_version",
];

#[tokio::test]
async fn only_the_fields_that_a_user_gave_a_version_keep_it() {
    let store = memory_store().await;
    let (old, new) = (code("1", ""), code("2", r#", "z""#));
    let ids = ["follows", "one", "whole", "both"];
    let raw: Value = ids
        .iter()
        .map(|id| json!({ "id": id, "metaxy_provenance_by_field": { "x": "1", "y": "2" } }))
        .collect();
    write(&store, &old, "raw", &raw).await.unwrap();
    let provenance = json!({ "x": "px", "y": "py" });
    let made = |id: &str, by_field: Value, whole: Value| {
        json!({
            "id": id,
            "metaxy_provenance_by_field": provenance,
            "metaxy_data_version_by_field": by_field,
            "metaxy_data_version": whole,
        })
    };
    let of_user = json!({ "x": "mine", "y": "py" });
    let rows = json!([
        made("follows", Value::Null, Value::Null),
        made("one", of_user.clone(), Value::Null),
        made("whole", Value::Null, json!("w")),
        made("both", of_user, json!("w")),
    ]);
    write(&store, &old, "made", &rows).await.unwrap();
    let from = old.feature(&key("made")).unwrap().feature_version().to_owned();
    let frame = store.rebase(&new, &key("made"), &from).await.unwrap();
    let rows = Rows::from_batches(frame.schema, frame.batches);
    store.write(&new, &key("made"), rows, &Default::default()).await.unwrap();
    expect![[r#"
        both {"x":"8196266337365240043","y":"16466319372659397941","z":"17671641778767606070"} 9927584126404553659 {"x":"mine","y":"16466319372659397941","z":"17671641778767606070"} w
        follows {"x":"8196266337365240043","y":"16466319372659397941","z":"17671641778767606070"} 9927584126404553659 {"x":"8196266337365240043","y":"16466319372659397941","z":"17671641778767606070"} 9927584126404553659
        one {"x":"8196266337365240043","y":"16466319372659397941","z":"17671641778767606070"} 9927584126404553659 {"x":"mine","y":"16466319372659397941","z":"17671641778767606070"} 9927584126404553659
        whole {"x":"8196266337365240043","y":"16466319372659397941","z":"17671641778767606070"} 9927584126404553659 {"x":"8196266337365240043","y":"16466319372659397941","z":"17671641778767606070"} w
    "#]].assert_eq(&(read(&store, &new, "made", &VERSIONS).await.join("\n") + "\n"));
}

#[tokio::test]
async fn a_version_of_the_whole_that_followed_from_the_fields_does_so_again() {
    let store = memory_store().await;
    let (old, new) = (code("1", ""), code("2", ""));
    let raw = json!([{ "id": "a", "metaxy_provenance_by_field": { "x": "1", "y": "2" } }]);
    write(&store, &old, "raw", &raw).await.unwrap();
    // Without the column the whole follows from what was given for the fields.
    let given = json!([{
        "id": "a",
        "metaxy_provenance_by_field": { "x": "px", "y": "py" },
        "metaxy_data_version_by_field": { "x": "mine", "y": "py" },
    }]);
    write(&store, &old, "made", &given).await.unwrap();
    let from = old.feature(&key("made")).unwrap().feature_version().to_owned();
    let frame = store.rebase(&new, &key("made"), &from).await.unwrap();
    let rows = Rows::from_batches(frame.schema, frame.batches);
    store.write(&new, &key("made"), rows, &Default::default()).await.unwrap();
    let rebased = read(&store, &new, "made", &VERSIONS[3..]).await;

    let alone = memory_store().await;
    let by_field = read(&store, &new, "made", &["metaxy_provenance_by_field"]).await;
    let by_field: Value = serde_json::from_str(&by_field[0]).unwrap();
    let wanted = json!([{
        "id": "a",
        "metaxy_provenance_by_field": by_field,
        "metaxy_data_version_by_field": { "x": "mine", "y": by_field["y"] },
    }]);
    write(&alone, &new, "made", &wanted).await.unwrap();
    assert_eq!(rebased, read(&alone, &new, "made", &VERSIONS[3..]).await);
}
