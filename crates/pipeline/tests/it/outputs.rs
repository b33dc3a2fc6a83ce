//! Where rows go, and that they go there whole or not at all.

use std::{collections::BTreeMap, fs, path::Path};

use expect_test::expect;
use metalith_base::Timestamp;
use metalith_delta::{Layout, open_backend};
use metalith_ingest::read_file;
use metalith_pipeline::{Options, PipelineError, Report, Surroundings, run, validate};
use metalith_store::{HashSettings, StoreMarker};
use metalith_testkit::rows_to_json;

use crate::{NOW, folder, project, put};

async fn run_in(folder: &Path, rest: &str, options: Options) -> Result<Report, PipelineError> {
    let surroundings = Surroundings::new(folder, Timestamp::from_micros(NOW));
    run(("test.yaml", &project(rest)), &surroundings, options).await
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|found| found.map(|it| it.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

async fn ids(path: &Path) -> Vec<i64> {
    let batches = read_file(path, None).unwrap().collect().await.unwrap();
    rows_to_json(&batches).iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn formats_are_those_of_the_names() {
    let folder = folder();
    let to = |number: u32, table: &str| {
        format!(
            "- {{seq: {number}, type: output, columns: [id], destination: {{datasource_id: ds-warehouse, table: {table}}}}}\n"
        )
    };
    let rest = format!("operations:\n{}{}{}", to(1, "a"), to(2, "b.csv"), to(3, "c.jsonl"));
    run_in(folder.path(), &rest, Options::default()).await.unwrap();
    assert_eq!(files(&folder.path().join("out")), ["a.parquet", "b.csv", "c.jsonl"]);
    for name in ["a.parquet", "b.csv", "c.jsonl"] {
        assert_eq!(ids(&folder.path().join("out").join(name)).await, [1, 2, 3, 4, 5]);
    }
}

#[tokio::test]
async fn a_failure_leaves_everything_as_it_was() {
    let folder = folder();
    put(folder.path(), "out/a.csv", "id\n77\n");
    let rest = "operations:\n\
        - {seq: 1, type: output, destination: {datasource_id: ds-warehouse, table: a.csv}}\n\
        - {seq: 2, type: output, destination: {datasource_id: ds-warehouse, table: b.csv}}\n\
        - {seq: 3, type: update, assignments: {share: 100 / amount}}\n";
    let error = run_in(folder.path(), rest, Options::default()).await.unwrap_err();
    expect![[r#"
        operation 3 (update) failed: Arrow error: Divide by zero error
    "#]]
    .assert_eq(&format!("{error}\n"));
    assert_eq!(files(&folder.path().join("out")), ["a.csv"]);
    assert_eq!(ids(&folder.path().join("out/a.csv")).await, [77]);
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_nothing() {
    let folder = folder();
    let rest = "operations:\n\
        - {seq: 1, type: output, destination: {datasource_id: ds-warehouse, table: a.csv}}\n\
        - {seq: 2, type: aggregate, group_by: status}\n\
        - {seq: 3, type: output, destination: {datasource_id: ds-warehouse, table: b.csv}}\n";
    // Whatever is awaited first, second, third and so on is the last thing that happens.
    for polls in 0..40 {
        let run = run_in(folder.path(), rest, Options::default());
        let mut run = Box::pin(run);
        let mut is_done = false;
        for _ in 0..polls {
            tokio::task::yield_now().await;
            if futures::poll!(&mut run).is_ready() {
                is_done = true;
                break;
            }
        }
        drop(run);
        let left = files(&folder.path().join("out"));
        if is_done {
            assert_eq!(left, ["a.csv", "b.csv"]);
            return;
        }
        assert_eq!(left, [""; 0], "after {polls} polls");
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn appending_keeps_what_is_there() {
    let folder = folder();
    put(folder.path(), "out/a.csv", "id,amount\n77,1\n");
    put(folder.path(), "out/parts/one.csv", "id\n78\n");
    let rest = "operations:\n\
        - {seq: 1, type: delete, selector: amount > 0}\n\
        - {seq: 2, type: output, mode: append, columns: [id, amount], destination: {datasource_id: ds-warehouse, table: a.csv}}\n\
        - {seq: 3, type: output, mode: append, columns: [id], destination: {datasource_id: ds-warehouse, table: parts}}\n";
    for _ in 0..2 {
        run_in(folder.path(), rest, Options::default()).await.unwrap();
    }
    assert_eq!(ids(&folder.path().join("out/a.csv")).await, [77, 2, 5, 2, 5]);
    assert_eq!(files(&folder.path().join("out/parts")).len(), 3);
}

#[tokio::test]
async fn delta_tables_are_read_replaced_and_appended_to() {
    let folder = folder();
    let rest = |mode: &str| {
        format!(
            "operations:\n\
             - {{seq: 1, type: output, mode: {mode}, destination: {{datasource_id: lake, table: a/b}}}}\n\
             - {{seq: 2, type: join, on: id, input: {{datasource_id: lake, table: a/b, as: old}}, columns: {{before: amount}}}}\n"
        )
    };
    let with_lake = |rest: String| {
        project(&rest)
            .replace("datasources:\n", "datasources:\n- {id: lake, type: delta, path: lake}\n")
    };
    let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    let run = async |text: String| run(("t.yaml", &text), &surroundings, Options::default()).await;
    let first =
        "operations:\n- {seq: 1, type: output, destination: {datasource_id: lake, table: a/b}}\n";
    run(with_lake(first.to_owned())).await.unwrap();
    let report = run(with_lake(rest("replace"))).await.unwrap();
    assert_eq!(report.operations[1].matched, 5);
    run(with_lake(rest("append"))).await.unwrap();
    let error = run(with_lake(rest("append"))).await.unwrap_err();
    expect![[r#"
        operation 2 (join) found more than one row with the key `1` in `old`
    "#]]
    .assert_eq(&format!("{error}\n"));
}

#[tokio::test]
async fn folders_and_patterns_of_files_are_one_table() {
    let folder = folder();
    put(folder.path(), "in/parts/2.csv", "id,amount\n2,1.5\n");
    put(folder.path(), "in/parts/1.csv", "id,amount\n1,1\n");
    put(folder.path(), "in/parts/_ignored.csv", "nothing\n");
    for input in ["{datasource_id: ds-orders, table: parts}", "{datasource_id: all, table: parts}"]
    {
        let rest = "operations:\n\
            - {seq: 1, type: update, assignments: {amount: parts.amount + 1}}\n\
            - {seq: 2, type: output, destination: {datasource_id: ds-warehouse, table: a.csv}}\n";
        let text = project(rest)
            .replace("{datasource_id: ds-orders, table: orders}", input)
            .replace("datasources:\n", "datasources:\n- {id: all, path: 'in/**/[12].csv'}\n");
        let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
        run(("t.yaml", &text), &surroundings, Options::default()).await.unwrap();
        let written = fs::read_to_string(folder.path().join("out/a.csv")).unwrap();
        assert_eq!(written, "id,amount\n1,2.0\n2,2.5\n");
    }
}

#[tokio::test]
async fn a_table_is_one_file_and_a_name_is_no_pattern() {
    let folder = folder();
    let rest = "operations:\n\
        - {seq: 1, type: output, destination: {datasource_id: here, table: a.csv}}\n";
    let run = async |path: &str, table: &str| {
        let text = project(rest)
            .replace("ds-orders, table: orders", &format!("here, table: {table}"))
            .replace("datasources:\n", &format!("datasources:\n- {{id: here, path: '{path}'}}\n"));
        let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
        run(("t.yaml", &text), &surroundings, Options::default()).await
    };
    put(folder.path(), "in/orders.tsv", "id\n1\n");
    let error = run("in", "orders").await.unwrap_err().to_string();
    assert!(error.contains("`orders` could be `orders.csv` or `orders.tsv`"), "{error}");
    run("in", "orders.tsv").await.unwrap();
    put(folder.path(), "year [2026]/t.csv", "id\n7\n");
    run("year [2026]", "t").await.unwrap();
    assert_eq!(ids(&folder.path().join("year [2026]/a.csv")).await, [7]);
}

#[tokio::test]
async fn nothing_is_written_by_a_rehearsal_or_a_check() {
    let folder = folder();
    let rest = "operations:\n\
        - {seq: 1, type: output, destination: {datasource_id: ds-warehouse, table: a.csv}}\n";
    let options = Options { dry_run: true, ..Options::default() };
    let report = run_in(folder.path(), rest, options).await.unwrap();
    assert_eq!(report.outputs[0].rows, 5);
    let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    validate(("t.yaml", &project(rest)), &surroundings, &Options::default()).await.unwrap();
    assert_eq!(files(&folder.path().join("out")), [""; 0]);
}

#[tokio::test]
async fn a_trace_tells_what_changed_which_row() {
    let folder = folder();
    let rest = "operations:\n\
        - {seq: 1, type: update, alias: double, selector: id = 1, assignments: {amount: amount * 2}}\n\
        - {seq: 2, type: delete, selector: id = 2}\n";
    let trace = folder.path().join("trace.csv");
    let options = Options { trace: Some(trace.clone()), ..Options::default() };
    run_in(folder.path(), rest, options).await.unwrap();
    expect![[r#"
        row_id,operation,type,alias,column,before,after
        019b76da-a87b-7000-8000-000000000000,1,update,double,amount,10,20
        019b76da-a87b-7000-8000-000000000001,2,delete,,_deleted,false,true
    "#]]
    .assert_eq(&fs::read_to_string(trace).unwrap());
}

#[tokio::test]
async fn a_trace_tells_what_a_join_gave_and_took() {
    let folder = folder();
    put(folder.path(), "in/customers.csv", "name,country,vip\nanna,DE,true\nben,,false\n");
    let rest = "operations:\n\
        - {seq: 1, type: delete, selector: id = 1}\n\
        - {seq: 2, type: join, how: inner, on: {customer: name}, input: {datasource_id: ds-orders, table: customers}}\n";
    let trace = folder.path().join("trace.csv");
    let options = Options { trace: Some(trace.clone()), ..Options::default() };
    let report = run_in(folder.path(), rest, options).await.unwrap();
    assert_eq!((report.operations[1].matched, report.operations[1].rows_out), (2, 2));
    expect![[r#"
        row_id,operation,type,alias,column,before,after
        019b76da-a87b-7000-8000-000000000000,1,delete,,_deleted,false,true
        019b76da-a87b-7000-8000-000000000001,2,join,,country,,
        019b76da-a87b-7000-8000-000000000002,2,join,,country,,DE
        019b76da-a87b-7000-8000-000000000001,2,join,,vip,,false
        019b76da-a87b-7000-8000-000000000002,2,join,,vip,,true
        019b76da-a87b-7000-8000-000000000003,2,join,,_row_id,019b76da-a87b-7000-8000-000000000003,
        019b76da-a87b-7000-8000-000000000004,2,join,,_row_id,019b76da-a87b-7000-8000-000000000004,
    "#]]
    .assert_eq(&fs::read_to_string(trace).unwrap());
}

#[tokio::test]
async fn a_trace_tells_which_rows_came_and_which_went() {
    let folder = folder();
    put(folder.path(), "in/more.csv", "id,customer,amount,status\n6,dora,1,open\n7,emil,2,open\n");
    let rest = "operations:\n\
         - {seq: 1, type: append, alias: more, selector: id = 7,\n   \
            input: {datasource_id: ds-orders, table: more}}\n\
         - {seq: 2, type: delete, selector: id < 4}\n\
         - {seq: 3, type: aggregate, into: summary_rows, selector: status = 'open', aggregations: {amount: SUM(amount)}}\n\
         - {seq: 4, type: append, input: {datasource_id: ds-orders, table: more},\n   \
            aggregations: {amount: MAX(amount)}}\n\
         - {seq: 5, type: aggregate, alias: all, aggregations: {total: SUM(amount)}}\n\
         - {seq: 6, type: output, destination: {datasource_id: ds-warehouse, table: t.csv}}\n";
    let trace = folder.path().join("trace.csv");
    let mut told = Vec::new();
    for _ in 0..3 {
        let options = Options { trace: Some(trace.clone()), ..Options::default() };
        run_in(folder.path(), rest, options).await.unwrap();
        told.push(fs::read_to_string(&trace).unwrap());
    }
    expect![[r#"
        row_id,operation,type,alias,column,before,after
        019b76da-a87b-7000-8000-010000000001,1,append,more,_row_id,,019b76da-a87b-7000-8000-010000000001
        019b76da-a87b-7000-8000-000000000000,2,delete,,_deleted,false,true
        019b76da-a87b-7000-8000-000000000001,2,delete,,_deleted,false,true
        019b76da-a87b-7000-8000-000000000002,2,delete,,_deleted,false,true
        019b76da-a87b-7000-8000-020000000000,3,aggregate,,_row_id,,019b76da-a87b-7000-8000-020000000000
        019b76da-a87b-7000-8000-040000000000,4,append,,_row_id,,019b76da-a87b-7000-8000-040000000000
        019b76da-a87b-7000-8000-000000000003,5,aggregate,all,_row_id,019b76da-a87b-7000-8000-000000000003,
        019b76da-a87b-7000-8000-000000000004,5,aggregate,all,_row_id,019b76da-a87b-7000-8000-000000000004,
        019b76da-a87b-7000-8000-010000000001,5,aggregate,all,_row_id,019b76da-a87b-7000-8000-010000000001,
        019b76da-a87b-7000-8000-020000000000,5,aggregate,all,_row_id,019b76da-a87b-7000-8000-020000000000,
        019b76da-a87b-7000-8000-040000000000,5,aggregate,all,_row_id,019b76da-a87b-7000-8000-040000000000,
        019b76da-a87b-7000-8000-050000000000,5,aggregate,all,_row_id,,019b76da-a87b-7000-8000-050000000000
    "#]]
    .assert_eq(&told[0]);
    assert!(told.iter().all(|it| *it == told[0]));
}

#[tokio::test]
async fn variables_are_values_and_never_conditions() {
    let folder = folder();
    let rest = "variables: {who: anna, least: 5, to: a}\n\
        operations:\n\
        - {seq: 1, type: delete, selector: \"customer <> {{who}} OR amount < {{least}} OR customer IS NULL\"}\n\
        - {seq: 2, type: output, destination: {datasource_id: ds-warehouse, table: \"${to}.csv\"}}\n";
    run_in(folder.path(), rest, Options::default()).await.unwrap();
    assert_eq!(ids(&folder.path().join("out/a.csv")).await, [1, 3]);
    let given = [("who", "x' OR '1' = '1"), ("to", "b"), ("least", "0")];
    let variables: BTreeMap<String, String> =
        given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let options = Options { variables, ..Options::default() };
    run_in(folder.path(), rest, options).await.unwrap();
    assert_eq!(ids(&folder.path().join("out/b.csv")).await, [0; 0]);
}

#[tokio::test]
async fn buckets_are_read_and_written_like_folders() {
    let server = metalith_testkit::s3_server::S3Server::start();
    let folder = folder();
    let options: Vec<String> =
        server.options().iter().map(|(name, value)| format!("{name}: '{value}'")).collect();
    let options = options.join(", ");
    let run = async |input: &str, rest: &str| {
        let text = project(rest).replace("{datasource_id: ds-orders, table: orders}", input).replace(
            "datasources:\n",
            &format!(
                "datasources:\n- {{id: bucket, path: 's3://bucket/data', options: {{{options}}}}}\n\
                 - {{id: all, path: 's3://bucket/data/**/*.csv', options: {{{options}}}}}\n\
                 - {{id: one, path: 's3://bucket/data/x/a.csv', options: {{{options}}}}}\n"
            ),
        );
        let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
        run(("t.yaml", &text), &surroundings, Options::default()).await
    };
    let to = |place: &str| {
        format!(
            "operations:\n- {{seq: 1, type: output, columns: [id], destination: {{datasource_id: {place}}}}}\n"
        )
    };
    let first = run("{datasource_id: ds-orders, table: orders}", &to("one, table: a")).await;
    assert_eq!(first.unwrap().outputs[0].destination, "s3://bucket/data/x/a.csv");
    run("{datasource_id: one, table: a}", &to("bucket, table: b.csv")).await.unwrap();
    for (input, count) in [("one, table: a", 5), ("bucket, table: b", 5), ("all, table: t", 10)] {
        let input = format!("{{datasource_id: {input}}}");
        run(&input, &to("ds-warehouse, table: back.csv")).await.unwrap();
        assert_eq!(ids(&folder.path().join("out/back.csv")).await.len(), count, "{input}");
    }
    let error = run("{datasource_id: bucket, table: c}", &to("one, table: a")).await.unwrap_err();
    assert!(error.to_string().contains("there is no table `c` in s3://bucket/data"), "{error}");
}

#[tokio::test]
async fn nothing_is_written_outside_of_a_datasource() {
    let folder = folder();
    let rest = "operations:\n\
        - {seq: 1, type: output, destination: {datasource_id: ds-warehouse, table: ../t}}\n\
        - {seq: 2, type: output, mode: delete, destination: {datasource_id: ds-warehouse, table: t}}\n\
        - {seq: 3, type: output, destination: {datasource_id: store, table: a/b}}\n";
    let rest =
        project(rest).replace("datasources:\n", "datasources:\n- {id: store, type: store}\n");
    let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    let error = run(("t.yaml", &rest), &surroundings, Options::default()).await.unwrap_err();
    expect![[r#"
        3 mistakes in t.yaml, nothing was done

        Error: Invalid destination in operation 1 (output)
          Reason: `../t` is no name of a file in a folder
          At: line 9, column 39

        Error: Invalid destination in operation 2 (output)
          Reason: there are no samples here
          At: line 10, column 53
          Hint: only features of a store have samples to delete; use `append` or `replace`

        Error: Invalid destination in operation 3 (output)
          Reason: a store is named, and there is no project
          At: line 11, column 39
          Hint: run it where a metalith.toml is, or name one with `--project`
    "#]]
    .assert_eq(&format!("{error}\n"));
}

#[tokio::test]
async fn a_store_is_no_folder_of_delta_tables() {
    let folder = folder();
    let store = folder.path().join("lake/store");
    let backend =
        open_backend(&store.display().to_string(), &BTreeMap::new(), Layout::Nested).unwrap();
    let marker = StoreMarker { format: StoreMarker::FORMAT, hash: HashSettings::default() };
    backend.create(marker).await.unwrap();
    let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    for (path, table) in
        [("lake/store", "video/raw"), ("lake", "store/video"), ("lake/store/video", "raw")]
    {
        let lakes = format!("datasources:\n- {{id: lake, type: delta, path: {path}}}\n");
        let to = format!(
            "operations:\n- {{seq: 1, type: output, destination: {{datasource_id: lake, table: {table}}}}}\n"
        );
        let output = project(&to).replace("datasources:\n", &lakes);
        let input = project("operations: []\n")
            .replace("datasources:\n", &lakes)
            .replace("ds-orders, table: orders", &format!("lake, table: {table}"));
        for text in [output, input] {
            let error = run(("t.yaml", &text), &surroundings, Options::default()).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains("is within the store at"), "{error}");
            assert!(error.contains("Hint: use `type: store`"), "{error}");
        }
    }
    let text = project(
        "operations:\n- {seq: 1, type: output, destination: {datasource_id: lake, table: metaxy-system/events}}\n",
    )
    .replace("datasources:\n", "datasources:\n- {id: lake, type: delta, path: other}\n");
    let error = run(("t.yaml", &text), &surroundings, Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("is what a store keeps about itself"), "{error}");
    assert_eq!(files(&folder.path().join("other")), [""; 0]);
}

#[tokio::test]
async fn appending_changes_no_byte_that_is_there() {
    let folder = folder();
    // Values that would be others if they were read as numbers and written again.
    let before = "code,id,price\r\n007,1,1.10\r\n\"010\",2,1e3";
    put(folder.path(), "out/a.csv", before);
    let rest = "operations:\n\
        - {seq: 1, type: update, assignments: {price: amount / 4.0}}\n\
        - {seq: 2, type: output, mode: append, selector: id < 3, columns: [price, id], destination: {datasource_id: ds-warehouse, table: a.csv}}\n";
    let report = run_in(folder.path(), rest, Options::default()).await.unwrap();
    assert_eq!(report.outputs[0].rows, 2);
    let after = fs::read_to_string(folder.path().join("out/a.csv")).unwrap();
    assert_eq!(after, format!("{before}\n,1,2.5\n,2,0.0\n"));
    // What is no text cannot hold a number of another type.
    let binary = rest.replace("a.csv", "a.parquet");
    let whole = binary.replace("[price, id]", "{price: amount}");
    let part = binary.replace("[price, id]", "[price]");
    run_in(folder.path(), &whole, Options::default()).await.unwrap();
    let error = run_in(folder.path(), &part, Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("does not fit the rows that are there"), "{error}");
    run_in(folder.path(), &whole, Options::default()).await.unwrap();
}

#[tokio::test]
async fn files_of_one_table_have_the_same_columns() {
    let folder = folder();
    put(folder.path(), "out/parts/one.csv", "id,amount\n78,1\n");
    let rest = |columns: &str| {
        format!(
            "operations:\n- {{seq: 1, type: output, mode: append, columns: {columns}, destination: {{datasource_id: ds-warehouse, table: parts}}}}\n"
        )
    };
    for columns in ["[id]", "[id, amount, status]", "{id: id, amount: status}"] {
        let error = run_in(folder.path(), &rest(columns), Options::default()).await;
        assert!(error.is_err(), "{columns}");
    }
    assert_eq!(files(&folder.path().join("out/parts")), ["one.csv"]);
    run_in(folder.path(), &rest("[amount, id]"), Options::default()).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn one_place_has_one_output_however_it_is_spelt() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("out")).unwrap();
    std::os::unix::fs::symlink("out", folder.path().join("link")).unwrap();
    for other in ["./out", "link", "in/../out"] {
        let text = project(
            "operations:\n\
             - {seq: 1, type: output, destination: {datasource_id: ds-warehouse, table: a.csv}}\n\
             - {seq: 2, type: output, destination: {datasource_id: other, table: a.csv}}\n",
        );
        let also = format!("datasources:\n- {{id: other, path: {other}}}\n");
        let text = text.replace("datasources:\n", &also);
        let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
        let error = run(("t.yaml", &text), &surroundings, Options::default()).await.unwrap_err();
        assert!(error.to_string().contains("operation 1 (output) writes to"), "{error}");
    }
    let rest = "operations:\n\
        - {seq: 1, type: output, destination: {datasource_id: ds-warehouse, table: a.csv}}\n";
    let trace = Some(folder.path().join("link/a.csv"));
    let error = run_in(folder.path(), rest, Options { trace, ..Options::default() }).await;
    assert!(error.unwrap_err().to_string().contains("Invalid trace"));
    assert_eq!(files(&folder.path().join("out")), [""; 0]);
}
