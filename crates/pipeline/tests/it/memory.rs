//! Rows that are more than a run may hold in memory.

use std::fs;

use expect_test::expect;
use metalith_base::Timestamp;
use metalith_pipeline::{Options, Surroundings, run};

use crate::{NOW, project, put};

/// How many rows there are, with groups of about this length each.
const ROWS: usize = 300_000;
const WIDTH: usize = 240;

fn ids() -> String {
    let lines: String = (0..ROWS).map(|id| format!("{id}\n")).collect();
    format!("id\n{lines}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_groups_than_fit_into_memory_are_summed_up() {
    const MEMORY: usize = 64 << 20;
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "in/orders.csv", &ids());
    let text = project(&format!(
        "operations:\n\
         - {{seq: 1, type: update, assignments: {{name: \"CONCAT('{}', id % {})\"}}}}\n\
         - {{seq: 2, type: aggregate, group_by: name, aggregations: {{n: COUNT(*), total: SUM(id)}}}}\n\
         - {{seq: 3, type: aggregate, aggregations: {{groups: COUNT(*), n: SUM(n), total: SUM(total), least: MIN(n)}}}}\n\
         - {{seq: 4, type: output, destination: {{datasource_id: ds-warehouse, table: t.csv}}}}\n",
        "x".repeat(WIDTH),
        ROWS - 1_000,
    ));
    let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    const { assert!(ROWS * WIDTH > MEMORY) };
    // However many threads there are.
    for parallelism in [1, 2, 16] {
        let options = Options { memory: MEMORY, parallelism, ..Options::default() };
        run(("test.yaml", &text), &surroundings, options).await.unwrap();
        let written = fs::read_to_string(folder.path().join("out/t.csv")).unwrap();
        assert_eq!(written, "groups,n,total,least\n299000,300000,44999850000,1\n");
    }
}

#[tokio::test]
async fn a_table_to_look_up_must_fit_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "in/orders.csv", &ids());
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
