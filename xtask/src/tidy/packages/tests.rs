use serde_json::{Value, json};

use super::{complaints, licence_is_fine};

fn member(name: &str, dependencies: &[&str]) -> Value {
    let dependencies: Vec<Value> =
        dependencies.iter().map(|name| json!({"name": name, "kind": null})).collect();
    json!({
        "packages": [{"name": name, "id": name, "dependencies": dependencies}],
        "workspace_members": [name],
    })
}

#[test]
fn planted_violations_are_found() {
    for (name, dependency, complaint) in [
        ("metalith-graph", "metalith-store", "which is not below it"),
        ("metalith-store", "metalith-delta", "which is not below it"),
        ("metalith-cli", "datafusion", "which is heavy"),
        ("metalith-news", "metalith-base", "has no layer"),
    ] {
        let found = complaints(&member(name, &[dependency]));
        assert!(found.len() == 1 && found[0].contains(complaint), "{name}: {found:?}");
    }
    assert!(
        complaints(&member("metalith-delta", &["metalith-store", "deltalake-core"])).is_empty()
    );
}

#[test]
fn licences_may_be_chosen() {
    assert!(licence_is_fine("MIT OR GPL-3.0"));
    assert!(licence_is_fine("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(licence_is_fine("MIT/Apache-2.0"));
    assert!(!licence_is_fine("GPL-3.0"));
    assert!(!licence_is_fine(""));
}
