//! Tables that are more than a run may hold in memory.

use expect_test::expect;
use metalith_base::Timestamp;
use metalith_pipeline::{Options, Surroundings, run};

use crate::{NOW, project, put};

#[tokio::test]
async fn a_table_to_look_up_must_fit_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    let ids: String = (0..300_000).map(|id| format!("{id}\n")).collect();
    put(folder.path(), "in/orders.csv", &format!("id\n{ids}"));
    let text = project(
        "operations:\n\
         - {seq: 1, type: join, on: id, columns: {again: id}, input: {datasource_id: ds-orders, table: orders, as: o}}\n\
         - {seq: 2, type: output, destination: {datasource_id: ds-warehouse, table: t.csv}}\n",
    );
    let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    let with = |memory| Options { memory, ..Options::default() };
    let refused = run(("test.yaml", &text), &surroundings, with(1 << 20)).await.unwrap_err();
    expect![[r#"
        operation 1 (join) needs `o` in memory, where it does not fit
    "#]]
    .assert_eq(&format!("{refused}\n"));
    assert!(!folder.path().join("out/t.csv").exists());
    run(("test.yaml", &text), &surroundings, with(48 << 20)).await.unwrap();
}
