//! Objects: looked at as little as possible, and never overwritten unseen.

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::{Arc, mpsc},
};

use expect_test::expect;
use metalith_base::Timestamp;
use metalith_pipeline::{
    Options, Outcome, PipelineError, Report, Surroundings, run, runs, validate,
};
use metalith_project::{Project, ProjectOptions};
use metalith_store::Mode;
use metalith_testkit::s3_server::{Denied, Moment, S3Server};

use crate::{NOW, ORDERS, folder, others::meanwhile, project, put};

/// Orders, and a bucket to read from and write to.
fn text(server: &S3Server, input: &str, operations: &str) -> String {
    let options = server.options();
    let options = options.iter().map(|(name, value)| format!("{name}: '{value}'"));
    let options = options.collect::<Vec<_>>().join(", ");
    let bucket = format!(
        "datasources:\n- {{id: bucket, path: 's3://bucket/data', options: {{{options}}}}}\n"
    );
    let input = format!("{{datasource_id: {input}}}");
    project(operations)
        .replace("{datasource_id: ds-orders, table: orders}", &input)
        .replace("datasources:\n", &bucket)
}

/// Rows that are sent in three parts, the last of which is small.
fn three_parts() -> String {
    let rows = (0..20).map(|id| format!("{id},{}\n", "x".repeat(1 << 20)));
    std::iter::once("id,note\n".to_owned()).chain(rows).collect()
}

async fn run_in(folder: &Path, text: &str, options: Options) -> Result<Report, PipelineError> {
    let project = Some(folder.to_path_buf()).filter(|it| it.join("metalith.toml").exists());
    let project = project.map(|it| {
        Project::load(&ProjectOptions { project: Some(it), ..ProjectOptions::default() }).unwrap()
    });
    let mut surroundings = Surroundings::new(folder, Timestamp::from_micros(NOW));
    surroundings.project = project.as_ref();
    run(("test.yaml", text), &surroundings, options).await
}

const TO_PARQUET: &str = "operations:\n\
    - {seq: 1, type: output, destination: {datasource_id: ds-warehouse, table: orders.parquet}}\n";
const TO_BUCKET: &str = "operations:\n\
    - {seq: 1, type: output, destination: {datasource_id: bucket, table: new.csv}}\n\
    - {seq: 2, type: output, destination: {datasource_id: ds-warehouse, table: a.csv}}\n";

#[tokio::test]
async fn a_file_is_validated_without_fetching_its_objects() {
    const LENGTH: u64 = 64 << 20;
    let (server, folder) = (S3Server::start(), folder());
    run_in(folder.path(), &project(TO_PARQUET), Options::default()).await.unwrap();
    let data = server.bucket_folder().join("data");
    fs::create_dir_all(&data).unwrap();
    // What tells columns is at the ends, and nothing is in between.
    let parquet = fs::read(folder.path().join("out/orders.parquet")).unwrap();
    let mut file = File::create(data.join("large.parquet")).unwrap();
    let length = u32::from_le_bytes(parquet[parquet.len() - 8..][..4].try_into().unwrap());
    let (rows, footer) = parquet.split_at(parquet.len() - 8 - length as usize);
    file.write_all(rows).unwrap();
    file.seek(SeekFrom::Start(LENGTH)).unwrap();
    file.write_all(footer).unwrap();
    let mut file = File::create(data.join("long.csv")).unwrap();
    file.write_all(ORDERS.as_bytes()).unwrap();
    for id in 6..100_000 {
        writeln!(file, "{id},dora,1,open").unwrap();
    }
    file.set_len(LENGTH).unwrap();
    let surroundings = Surroundings::new(folder.path(), Timestamp::from_micros(NOW));
    let wrong = "operations:\n- {seq: 1, type: delete, selector: amuont = 0}\n\
                 - {seq: 2, type: delete, selector: amount + id > 0}\n";
    for table in ["large", "long"] {
        let text = text(&server, &format!("bucket, table: {table}"), wrong);
        let error = validate(("test.yaml", &text), &surroundings, &Options::default()).await;
        let told = error.unwrap_err().to_string();
        assert!(
            told.contains("Column 'amuont' not found") && told.starts_with("a mistake"),
            "{told}"
        );
    }
    assert!(server.sent() < 4 << 20, "{} bytes", server.sent());
}

#[tokio::test]
async fn an_object_that_somebody_else_wrote_meanwhile_stays() {
    let (server, folder) = (S3Server::start(), folder());
    let text = text(&server, "ds-orders, table: orders", TO_BUCKET);
    let object = server.bucket_folder().join("data/new.csv");
    for theirs in ["theirs\n", "theirs\nand more\n"] {
        let place = object.clone();
        let options = meanwhile(move || async move {
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, theirs).unwrap();
        });
        let error = run_in(folder.path(), &text, options).await.unwrap_err();
        expect![[r#"
            `s3://bucket/data/new.csv` was changed by somebody else since the run began
        "#]]
        .assert_eq(&format!("{error}\n"));
        assert_eq!(fs::read_to_string(&object).unwrap(), theirs);
        assert!(!folder.path().join("out/a.csv").exists());
    }
    // Who looks at it now may replace it.
    run_in(folder.path(), &text, Options::default()).await.unwrap();
    assert!(fs::read_to_string(&object).unwrap().starts_with("id,customer"));
}

#[tokio::test]
async fn an_object_that_is_read_is_replaced_unless_it_changed_meanwhile() {
    let (server, folder) = (S3Server::start(), folder());
    let object = server.bucket_folder().join("data/orders.csv");
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::write(&object, ORDERS).unwrap();
    let in_place = "operations:\n\
        - {seq: 1, type: delete, selector: id > 2}\n\
        - {seq: 2, type: output, destination: {datasource_id: bucket, table: orders.csv}}\n";
    let text = text(&server, "bucket, table: orders.csv", in_place);
    run_in(folder.path(), &text, Options::default()).await.unwrap();
    let two = fs::read_to_string(&object).unwrap();
    assert_eq!(two.lines().count(), 3, "{two}");

    let (place, theirs) = (object.clone(), format!("{two}9,theirs,1,open\n"));
    let written = theirs.clone();
    let options = meanwhile(move || async move { fs::write(place, written).unwrap() });
    let error = run_in(folder.path(), &text, options).await.unwrap_err().to_string();
    assert!(error.contains("was changed by somebody else since the run began"), "{error}");
    assert_eq!(fs::read_to_string(&object).unwrap(), theirs);
}

#[tokio::test]
async fn a_run_that_dies_between_two_outputs_leaves_word_of_it() {
    let (server, folder) = (S3Server::start(), folder());
    let settings = "project = \"test\"\nfeatures = []\n[stores.dev]\npath = \"store\"\n";
    put(folder.path(), "metalith.toml", settings);
    let text = text(&server, "ds-orders, table: orders", TO_BUCKET);
    run_in(folder.path(), &text, Options::default()).await.unwrap();
    // What is on record while the object of the next run is written.
    let (sender, receiver) = mpsc::channel();
    let place = Arc::new(folder.path().to_path_buf());
    server.at_request(server.requests(), Moment::Before, move || {
        let seen = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let project = Some(place.to_path_buf());
                let options = ProjectOptions { project, ..ProjectOptions::default() };
                let project = Project::load(&options).unwrap();
                let store = project.open_store(None, Mode::Read).await.unwrap();
                runs(&store).await.unwrap().pop().unwrap().outcome
            })
        });
        sender.send(seen.join().unwrap()).unwrap();
    });
    run_in(folder.path(), &text, Options::default()).await.ok();
    let file = folder.path().join("out/a.csv").display().to_string();
    let places = vec!["s3://bucket/data/new.csv".to_owned(), file];
    assert_eq!(receiver.recv().unwrap(), Outcome::Publishing(places));
}

#[tokio::test]
async fn a_large_object_whose_end_is_refused_leaves_no_parts() {
    let (server, folder) = (S3Server::start(), folder());
    let file = three_parts();
    put(folder.path(), "in/large.csv", &file);
    let text = text(&server, "ds-orders, table: large", TO_BUCKET);
    let object = server.bucket_folder().join("data/new.csv");
    for denied in [Denied::Part(1), Denied::Part(3), Denied::Completion] {
        server.deny(Some(denied));
        let error = run_in(folder.path(), &text, Options::default()).await.unwrap_err();
        let cause = format!("{:?}", std::error::Error::source(&error));
        assert!(cause.contains("AccessDenied"), "{denied:?}: {error} {cause}");
        assert_eq!(server.unfinished_uploads(), 0, "{denied:?}");
        assert!(!object.exists(), "{denied:?}");
        assert!(!folder.path().join("out/a.csv").exists(), "{denied:?}");
    }
    server.deny(None);
    run_in(folder.path(), &text, Options::default()).await.unwrap();
    assert_eq!(fs::read_to_string(&object).unwrap(), file);
    assert_eq!(server.unfinished_uploads(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_given_up_at_any_request_leaves_no_parts() {
    let (server, folder) = (S3Server::start(), folder());
    let file = three_parts();
    put(folder.path(), "in/large.csv", &file);
    let text = text(&server, "ds-orders, table: large", TO_BUCKET);
    let object = server.bucket_folder().join("data/new.csv");
    run_in(folder.path(), &text, Options::default()).await.unwrap();
    fs::remove_file(&object).unwrap();
    let requests = server.requests();
    run_in(folder.path(), &text, Options::default()).await.unwrap();
    let requests = server.requests() - requests;
    // Is it there, three parts, the whole, and what there is to be asked before.
    assert!(requests >= 6, "{requests}");
    let mut given_up = 0;
    for request in 1..=requests {
        fs::remove_file(&object).ok();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        server.at_request(request, Moment::After, move || {
            stop.send(()).ok();
        });
        tokio::select! {
            biased;
            _ = stopped => given_up += 1,
            done = run_in(folder.path(), &text, Options::default()) => drop(done.unwrap()),
        }
        metalith_objects::tidied().await;
        assert_eq!(server.unfinished_uploads(), 0, "request {request}");
        if object.exists() {
            assert_eq!(fs::read_to_string(&object).unwrap(), file, "request {request}");
        }
        server.disarm();
    }
    assert!(given_up > 0);
}

#[tokio::test]
async fn a_bucket_holds_delta_tables_and_tables_of_many_files() {
    let (server, folder) = (S3Server::start(), folder());
    let with_lake = |input: &str, operations: &str| {
        text(&server, input, operations).replace(
            "id: bucket, path: 's3://bucket/data'",
            "id: lake, type: delta, path: 's3://bucket/lake'",
        )
    };
    let to_lake = |mode: &str| {
        format!(
            "operations:\n- {{seq: 1, type: output, mode: {mode}, columns: [id, amount], \
             destination: {{datasource_id: lake, table: a/b}}}}\n"
        )
    };
    for mode in ["replace", "append"] {
        let text = with_lake("ds-orders, table: orders", &to_lake(mode));
        run_in(folder.path(), &text, Options::default()).await.unwrap();
    }
    assert!(server.bucket_folder().join("lake/a/b.delta/_delta_log").is_dir());
    let summed = "operations:\n\
        - {seq: 1, type: aggregate, aggregations: {n: COUNT(*), total: SUM(amount)}}\n\
        - {seq: 2, type: output, destination: {datasource_id: ds-warehouse, table: sums.csv}}\n";
    let sums = folder.path().join("out/sums.csv");
    let text_of_lake = with_lake("lake, table: a/b", summed);
    run_in(folder.path(), &text_of_lake, Options::default()).await.unwrap();
    assert_eq!(fs::read_to_string(&sums).unwrap(), "n,total\n10,84\n");
    // Parquet below a folder, and lines of JSON by a pattern.
    let data = server.bucket_folder().join("data");
    fs::create_dir_all(data.join("parts")).unwrap();
    run_in(folder.path(), &project(TO_PARQUET), Options::default()).await.unwrap();
    for part in ["1.parquet", "2.parquet"] {
        fs::copy(folder.path().join("out/orders.parquet"), data.join("parts").join(part)).unwrap();
    }
    for (part, amount) in [("a.jsonl", 5), ("b.jsonl", 6)] {
        fs::write(data.join(part), format!("{{\"amount\":{amount}}}\n")).unwrap();
    }
    let lines = text(&server, "bucket, table: lines", summed)
        .replace("path: 's3://bucket/data'", "path: 's3://bucket/data/*.jsonl'");
    let parts = text(&server, "bucket, table: parts", summed);
    for (text, expected) in [(parts, "n,total\n10,84\n"), (lines, "n,total\n2,11\n")] {
        run_in(folder.path(), &text, Options::default()).await.unwrap();
        assert_eq!(fs::read_to_string(&sums).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_file_without_a_header_is_no_table() {
    let folder = folder();
    put(folder.path(), "in/orders.csv", "");
    let error = run_in(folder.path(), &project(TO_PARQUET), Options::default()).await.unwrap_err();
    let place = folder.path().display().to_string();
    expect![[r#"
        a mistake in test.yaml, nothing was done

        Error: Invalid input
          Reason: `DIR/in/orders.csv` is empty: it has no header
          At: line 6, column 8
          Hint: the first line of such a file has the names of its columns
    "#]]
    .assert_eq(&format!("{error}\n").replace(&place, "DIR"));
}
