use serde_json::{Value, json};

use super::complaints;

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
fn tests_may_use_the_scenarios_from_layer_2_up() {
    let dev = |name: &str| {
        let mut metadata = member(name, &["metalith-testkit"]);
        metadata["packages"][0]["dependencies"][0]["kind"] = json!("dev");
        complaints(&metadata)
    };
    assert_eq!(dev("metalith-store"), [""; 0]);
    assert_eq!(dev("metalith-graph").len(), 1);
    assert_eq!(complaints(&member("metalith-store", &["metalith-testkit"])).len(), 1);
}
