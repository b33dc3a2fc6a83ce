//! Plain tables of databases: read, appended to and replaced, whole or not at all.

use std::{fs, path::Path};

use expect_test::expect;
use metalith_base::Timestamp;
use metalith_ingest::read_file;
use metalith_pipeline::{Options, PipelineError, Report, Surroundings, run, validate};
use metalith_project::{Project, ProjectOptions};
use metalith_store::Mode;
use metalith_testkit::{
    databases::{self, FreshDatabase},
    rows_to_json,
};
use serde_json::{Value, json};

use crate::{NOW, others::meanwhile, put};

const KINDS: [&str; 3] = ["duckdb", "sqlite", "postgresql"];

/// Every kind of value, and what is missing.
const ROWS: &str = "\
id,name,price,day,at,share,ok
1,anna,10.50,2025-01-31,2025-01-31T12:00:00.123456Z,0.1,true
2,O'Neil \"x\",-0.05,1969-12-31,1969-12-31T23:59:59.999999Z,-1e300,false
3,,,,,,
9007199254740993,\u{dc},99999999.99,9999-12-31,2038-01-19T03:14:08Z,0.30000000000000004,true
";

/// A project whose store is in a database, with rows beside it.
struct Shop {
    folder: tempfile::TempDir,
    database: FreshDatabase,
}

impl Shop {
    fn new(kind: &'static str) -> Self {
        let shop = Self { folder: tempfile::tempdir().unwrap(), database: databases::fresh(kind) };
        let features = "[[features]]\nkey = \"video/raw\"\nid_columns = [\"id\"]\n\
                        fields = [{ key = \"frames\", code_version = \"1\" }]\n";
        put(shop.path(), "features.toml", features);
        let settings = format!(
            "project = \"shop\"\nstore = \"base\"\nfeatures = [\"features.toml\"]\n{}",
            shop.database.settings("base")
        );
        put(shop.path(), "metalith.toml", &settings);
        put(shop.path(), "in/rows.csv", ROWS);
        shop
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn project(&self) -> Project {
        let project = Some(self.path().to_path_buf());
        Project::load(&ProjectOptions { project, ..ProjectOptions::default() }).unwrap()
    }

    async fn run_with(&self, text: &str, options: Options) -> Result<Report, PipelineError> {
        let project = self.project();
        let mut surroundings = Surroundings::new(self.path(), Timestamp::from_micros(NOW));
        surroundings.project = Some(&project);
        run(("test.yaml", &pipeline(text)), &surroundings, options).await
    }

    async fn run(&self, text: &str) -> Result<Report, PipelineError> {
        self.run_with(text, Options::default()).await
    }

    async fn must(&self, text: &str) -> Report {
        let kind = self.database.kind;
        self.run(text).await.unwrap_or_else(|error| panic!("{kind}: {error:?}"))
    }

    async fn refused(&self, text: &str) -> String {
        let error = self.run(text).await.unwrap_err();
        format!("{error}\n")
    }

    /// A table as lines of JSON, read by a pipeline.
    async fn lines(&self, table: &str) -> Vec<Value> {
        let text = format!(
            "input: {{datasource_id: base, table: {table}}}\n\
             operations:\n\
             - {{seq: 1, type: output, destination: {{datasource_id: out, table: read.parquet}}}}\n"
        );
        self.must(&text).await;
        self.written("read.parquet").await
    }

    async fn written(&self, name: &str) -> Vec<Value> {
        let path = self.path().join("out").join(name);
        let batches = read_file(&path, None).unwrap().collect().await.unwrap();
        rows_to_json(&batches).iter().map(|row| json!(row)).collect()
    }

    async fn ids(&self, table: &str) -> Vec<i64> {
        let found = self.lines(table).await;
        found.iter().map(|row| row["id"].as_i64().unwrap()).collect()
    }
}

fn pipeline(rest: &str) -> String {
    format!(
        "name: shop\n\
         datasources:\n\
         - {{id: in, path: in}}\n\
         - {{id: out, path: out}}\n\
         - {{id: base, type: database}}\n\
         - {{id: features, type: store}}\n\
         {rest}"
    )
}

const INPUT: &str = "input: {datasource_id: in, table: rows, types: {id: bigint, price: 'decimal(10, 2)', day: date, \
     at: timestamptz, share: double, ok: boolean}}\n";

fn into(table: &str, more: &str) -> String {
    format!(
        "{INPUT}operations:\n\
         - {{seq: 1, type: output, {more} destination: {{datasource_id: base, table: {table}}}}}\n"
    )
}

#[tokio::test]
async fn values_come_back_from_every_database_as_they_went_in() {
    for kind in KINDS {
        let shop = Shop::new(kind);
        let both = format!(
            "{}- {{seq: 2, type: output, destination: {{datasource_id: out, table: all.parquet}}}}\n",
            into("orders", "")
        );
        shop.must(&both).await;
        let expected = shop.written("all.parquet").await;
        assert_eq!(expected.len(), 4);
        assert_eq!(shop.lines("orders").await, expected, "{kind}");
        // More rows go behind them, and a replacement leaves nothing else.
        shop.must(&into("orders", "mode: append,")).await;
        assert_eq!(shop.lines("orders").await, [&expected[..], &expected].concat(), "{kind}");
        shop.must(&into("orders", "selector: id < 3,")).await;
        assert_eq!(shop.lines("orders").await, expected[..2], "{kind}");
        // Who made the table with more columns may need them.
        let refused = shop.refused(&into("orders", "columns: [id],")).await;
        assert!(refused.contains("the table that is there has a column"), "{refused}");
        assert_eq!(shop.lines("orders").await, expected[..2], "{kind}");
    }
}

#[tokio::test]
async fn where_nothing_is_left_there_is_an_empty_table() {
    for kind in KINDS {
        let shop = Shop::new(kind);
        shop.must(&into("orders", "")).await;
        let nothing =
            into("orders", "").replace("operations:\n", "operations:\n- {seq: 0, type: delete}\n");
        for table in ["orders", "others"] {
            shop.must(&nothing.replace("table: orders}", &format!("table: {table}}}"))).await;
            assert_eq!(shop.lines(table).await, [] as [Value; 0], "{kind}");
        }
        // And it takes rows again, of the same types.
        shop.must(&into("others", "mode: append,")).await;
        assert_eq!(shop.ids("others").await.len(), 4, "{kind}");
    }
}

#[tokio::test]
async fn texts_that_a_column_makes_numbers_of_are_refused() {
    let shop = Shop::new("sqlite");
    shop.database.ask("CREATE TABLE orders (id INTEGER, note STRING)");
    let text = format!(
        "{INPUT}operations:\n\
         - {{seq: 1, type: update, assignments: {{note: \"'007'\"}}}}\n\
         - {{seq: 2, type: output, columns: [id, note], destination: {{datasource_id: base, table: orders}}}}\n"
    );
    let refused = shop.run(&text).await.map(drop).unwrap_err();
    assert!(told(&refused).contains("makes numbers of texts"), "{refused:?}");
}

#[tokio::test]
async fn rows_of_other_tables_do_not_go_with_those_that_are_replaced() {
    let shop = Shop::new("postgresql");
    shop.database.ask(
        "CREATE TABLE orders (id BIGINT PRIMARY KEY); INSERT INTO orders VALUES (1); \
         CREATE TABLE items (of BIGINT REFERENCES orders ON DELETE CASCADE); \
         INSERT INTO items VALUES (1)",
    );
    let refused = shop.run(&into("orders", "columns: [id],")).await.map(drop).unwrap_err();
    assert!(told(&refused).contains("those of `items` follow"), "{refused:?}");
    assert_eq!(shop.ids("orders").await, [1]);
    shop.must(&into("orders", "mode: append, selector: id > 1, columns: [id],")).await;
}

/// An error with all that is behind it.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn decimals_stay_decimals_in_every_database() {
    for kind in KINDS {
        let shop = Shop::new(kind);
        shop.must(&into("orders", "")).await;
        let text = "input: {datasource_id: base, table: orders}\n\
             operations:\n\
             - {seq: 1, type: aggregate, aggregations: {total: SUM(price), third: SUM(price) / 3}}\n\
             - {seq: 2, type: output, destination: {datasource_id: base, table: sums}}\n";
        shop.must(text).await;
        let found = shop.lines("sums").await;
        assert_eq!(
            found,
            [json!({ "total": "100000010.44", "third": "33333336.813333" })],
            "{kind}"
        );
    }
}

#[tokio::test]
async fn tables_of_one_database_change_together_or_not_at_all() {
    for kind in ["sqlite", "postgresql"] {
        let shop = Shop::new(kind);
        shop.must(&into("a", "columns: [id],")).await;
        shop.database.ask("CREATE TABLE b (id BIGINT UNIQUE); INSERT INTO b VALUES (3)");
        let text = format!(
            "{INPUT}operations:\n\
             - {{seq: 1, type: output, columns: [id], selector: id = 1, destination: {{datasource_id: base, table: a}}}}\n\
             - {{seq: 2, type: output, columns: [id], mode: append, destination: {{datasource_id: base, table: b}}}}\n\
             - {{seq: 3, type: output, columns: [id], destination: {{datasource_id: out, table: c.csv}}}}\n"
        );
        let error = shop.run(&text).await.unwrap_err();
        let told = format!("{:?}", std::error::Error::source(&error));
        assert!(told.to_lowercase().contains("unique"), "{kind}: {error} {told}");
        assert_eq!(shop.ids("a").await.len(), 4, "{kind}");
        assert_eq!(shop.ids("b").await, [3], "{kind}");
        assert!(!shop.path().join("out/c.csv").exists(), "{kind}");
        // And with the obstacle gone, both.
        shop.database.ask("DELETE FROM b");
        shop.must(&text).await;
        assert_eq!((shop.ids("a").await, shop.ids("b").await.len()), (vec![1], 4), "{kind}");
    }
}

#[tokio::test]
async fn a_replaced_table_keeps_what_hangs_on_it() {
    for kind in ["sqlite", "postgresql"] {
        let shop = Shop::new(kind);
        let made = "CREATE TABLE orders (id BIGINT PRIMARY KEY, name TEXT); \
                    CREATE VIEW few AS SELECT id FROM orders WHERE id < 3; \
                    INSERT INTO orders VALUES (77, 'old')";
        shop.database.ask(made);
        shop.must(&into("orders", "columns: [id, name],")).await;
        assert_eq!(shop.ids("few").await, [1, 2], "{kind}");
        let again = shop.refused(&into("orders", "mode: append, columns: [id, price],")).await;
        assert!(again.contains("column `price` (Decimal128(10, 2)) does not fit"), "{again}");
        let error = shop.run(&into("orders", "mode: append, columns: [id, name],")).await;
        assert!(error.is_err(), "{kind}: the key is there already");
        assert_eq!(shop.ids("orders").await.len(), 4, "{kind}");
    }
}

#[tokio::test]
async fn what_others_do_to_a_table_meanwhile_is_never_lost() {
    for kind in ["sqlite", "postgresql"] {
        let shop = Shop::new(kind);
        shop.must(&into("orders", "columns: [id, name],")).await;
        let text = "input: {datasource_id: base, table: orders}\n\
             operations:\n\
             - {seq: 1, type: delete, selector: id = 1}\n\
             - {seq: 2, type: output, destination: {datasource_id: base, table: orders}}\n";
        for change in [
            "INSERT INTO orders VALUES (78, 'x')",
            "UPDATE orders SET name = 'y' WHERE id = 2",
            "DELETE FROM orders WHERE id = 3",
        ] {
            let database = shop.database.clone();
            let options = meanwhile(move || async move {
                database.ask(change);
            });
            let before = shop.database.ask("SELECT id, name FROM orders ORDER BY id");
            let error = shop.run_with(text, options).await.unwrap_err();
            assert!(
                error.to_string().ends_with("was changed by somebody else since the run began"),
                "{kind}: {error}"
            );
            let after = shop.database.ask("SELECT id, name FROM orders ORDER BY id");
            assert_ne!(before, after, "{kind}: only the other one changed it");
            assert!(after.contains("1|anna"), "{kind}");
        }
        shop.must(text).await;
        assert_eq!(shop.ids("orders").await.len(), 3, "{kind}");
    }
}

#[tokio::test]
async fn tables_that_others_made_are_read_as_they_meant_them() {
    let shop = Shop::new("postgresql");
    shop.database.ask(
        "CREATE TYPE mood AS ENUM ('sad', 'fine'); \
         CREATE TABLE odd (i SMALLINT, n NUMERIC(12, 3), free NUMERIC, m mood, u UUID, \
            j JSONB, c CHAR(3), b BYTEA, t TIMESTAMP, d DATE, a INTEGER[], \"A b\" TEXT); \
         INSERT INTO odd VALUES (1, 1.250, 1.1234567890123456789, 'fine', \
            '00000000-0000-0000-0000-000000000001', '{\"k\": 1}', 'ab', '\\x00ff', \
            '2025-01-01 10:00:00', '2025-01-01', '{1,2}', 'text'), (NULL, NULL, NULL, NULL, NULL, \
            NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    let text = "input: {datasource_id: base, table: odd}\n\
         operations:\n\
         - {seq: 1, type: update, assignments: {n: n + 1, is_fine: 'm = ''fine'''}}\n\
         - {seq: 2, type: output, columns: [i, n, free, m, u, j, c, t, d, a, 'A b', is_fine], destination: {datasource_id: out, table: odd.csv}}\n";
    shop.must(text).await;
    expect![[r#"
        i,n,free,m,u,j,c,t,d,a,A b,is_fine
        1,2.250,1.1234567890123456789,fine,00000000-0000-0000-0000-000000000001,"{""k"": 1}",ab ,2025-01-01T10:00:00,2025-01-01,"{1,2}",text,true
        ,,,,,,,,,,,
    "#]]
    .assert_eq(&fs::read_to_string(shop.path().join("out/odd.csv")).unwrap());
    // And by the name of a schema.
    let schema = &shop.database.options["schema"];
    assert_eq!(shop.lines(&format!("'{schema}.odd'")).await.len(), 2);

    let shop = Shop::new("sqlite");
    shop.database.ask(
        "CREATE TABLE odd (i INTEGER, n NUMERIC(12, 3), r REAL, b BLOB, any, d DATE) ; \
         INSERT INTO odd VALUES (NULL, NULL, NULL, NULL, NULL, NULL), \
            (5, 1.25, 0.30000000000000004, x'00ff', 7, '2025-02-28')",
    );
    let text = "input: {datasource_id: base, table: odd}\n\
         operations:\n\
         - {seq: 1, type: update, assignments: {n: n + 1, next: 'd + 1'}}\n\
         - {seq: 2, type: output, columns: [i, n, r, any, next], destination: {datasource_id: out, table: odd.csv}}\n";
    shop.must(text).await;
    expect![[r#"
        i,n,r,any,next
        ,,,,
        5,2.250,0.30000000000000004,7,2025-03-01
    "#]]
    .assert_eq(&fs::read_to_string(shop.path().join("out/odd.csv")).unwrap());
    // SQLite takes what it is given; what is no integer is told with its row.
    shop.database.ask("INSERT INTO odd (i) VALUES ('five')");
    let told = shop.refused(text).await;
    assert!(told.contains("`five` in row 3 of"), "{told}");
}

#[tokio::test]
async fn what_is_wrong_with_a_table_is_told_before_anything_is_read() {
    let shop = Shop::new("sqlite");
    shop.must(&into("orders", "columns: [id],")).await;
    let store = shop.project().open_store(None, Mode::Write).await.unwrap();
    let rows = "input: {datasource_id: in, table: rows}\n\
        operations:\n\
        - {seq: 1, type: output, columns: [id, name], destination: {datasource_id: features, table: video/raw}}\n";
    shop.must(rows).await;
    drop(store);
    let project = shop.project();
    let mut surroundings = Surroundings::new(shop.path(), Timestamp::from_micros(NOW));
    surroundings.project = Some(&project);
    let mut told = String::new();
    for text in [
        "input: {datasource_id: base, table: ordres}\n".to_owned(),
        "input: {datasource_id: base, table: video__raw}\n".to_owned(),
        into("video__raw", "mode: append,"),
        into("__metalith_tables", ""),
        into("orders", "mode: delete,"),
        format!(
            "{INPUT}operations:\n- {{seq: 1, type: output, columns: {{id: id, ID: price}}, destination: {{datasource_id: base, table: t}}}}\n"
        ),
    ] {
        let text = pipeline(&text);
        let error = validate(("test.yaml", &text), &surroundings, &Options::default()).await;
        let error = error.unwrap_err().to_string();
        let lines = error.lines().filter(|it| !it.contains("  At: ")).skip(2);
        told.extend(lines.map(|line| format!("{line}\n")));
    }
    expect![[r#"
        Error: Invalid input
          Reason: there is no table `ordres` in DATABASE
          Hint: did you mean `orders`?
        Error: Invalid input
          Reason: DATABASE cannot give out `video__raw` as a plain table: it is a store's
        Error: Invalid destination in operation 1 (output)
          Reason: DATABASE cannot give out `video__raw` as a plain table: it is a store's
        Error: Invalid destination in operation 1 (output)
          Reason: DATABASE cannot give out `__metalith_tables` as a plain table: it is a store's
        Error: Invalid destination in operation 1 (output)
          Reason: there are no samples here
          Hint: only features of a store have samples to delete; use `append` or `replace`
        Error: Invalid destination in operation 1 (output)
          Reason: DATABASE cannot hold both `id` and `ID`: to SQLite these are one name
    "#]]
    .assert_eq(&told.replace(&shop.database.address, "DATABASE"));
}

#[tokio::test]
async fn features_of_a_store_in_a_database_are_read_written_and_deleted() {
    for kind in KINDS {
        let shop = Shop::new(kind);
        let text = format!(
            "{INPUT}operations:\n\
             - {{seq: 1, type: output, destination: {{datasource_id: features, table: video/raw}}}}\n"
        );
        shop.must(&text).await;
        let cleaned = "input: {datasource_id: features, table: video/raw}\n\
             operations:\n\
             - {seq: 1, type: delete, selector: price < 0}\n\
             - {seq: 2, type: output, columns: [id], destination: {datasource_id: base, table: kept}}\n\
             - {seq: 3, type: output, mode: delete, columns: [id], destination: {datasource_id: features, table: video/raw}}\n";
        let report = shop.must(cleaned).await;
        assert_eq!(report.outputs[1].details["samples"], 1, "{kind}");
        assert_eq!(shop.ids("kept").await, [1, 3, 9_007_199_254_740_993], "{kind}");
        let left = "input: {datasource_id: features, table: video/raw}\n\
             operations:\n\
             - {seq: 1, type: output, columns: [id], destination: {datasource_id: out, table: left.parquet}}\n";
        assert_eq!(shop.must(left).await.outputs[0].rows, 3, "{kind}");
    }
}
