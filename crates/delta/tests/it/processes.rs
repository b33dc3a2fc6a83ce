//! Several processes at one table, some of which are killed.
//!
//! The processes are this test binary again: it runs the one test `child`, which does what the
//! environment says and is empty otherwise.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use datafusion::arrow::{array::BooleanArray, compute::filter_record_batch};
use metalith_store::{Backend, Change, ChunkRequest, Replacement, Rows, StoreError};

use crate::support::{append, data_files, feature, local, note, numbers, open, stored};

const ROLE: &str = "METALITH_TEST_ROLE";
const PLACE: &str = "METALITH_TEST_PLACE";
const START: &str = "METALITH_TEST_START";

/// Rows of each batch of a process that will be killed.
const BATCH: i64 = 50;

fn start(role: &str, place: &Path, start: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--nocapture"])
        .env(ROLE, role)
        .env(PLACE, place)
        .env(START, start.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let (Ok(role), Ok(place)) = (std::env::var(ROLE), std::env::var(PLACE)) else { return };
    let start: i64 = std::env::var(START).unwrap().parse().unwrap();
    let backend = local(Path::new(&place));
    match role.as_str() {
        "batches" => write_batches(&backend, start).await,
        "sums" => println!("total={}", write_and_delete(&backend, start).await),
        other => panic!("{other}"),
    }
}

/// Writes batches until it is killed, all rows of one batch with one number.
async fn write_batches(backend: &Arc<dyn Backend>, start: i64) {
    println!("ready");
    for number in start.. {
        append(backend, numbers((0..BATCH).map(|_| number))).await.unwrap();
    }
}

/// Writes numbers and deletes some again, and says the sum of what it wrote less what it deleted.
async fn write_and_delete(backend: &Arc<dyn Backend>, start: i64) -> i64 {
    let mut total = 0;
    for round in 0..6 {
        let values: Vec<i64> = (0..5).map(|it| start + round * 5 + it).collect();
        total += values.iter().sum::<i64>();
        append(backend, numbers(values)).await.unwrap();
        if round % 2 == 1 {
            total -= delete_some(backend, start as usize).await;
        }
    }
    total
}

/// Deletes the first number of some chunk, and says which it was. Tries again when others were
/// faster.
async fn delete_some(backend: &Arc<dyn Backend>, chance: usize) -> i64 {
    for attempt in 0.. {
        let table = open(backend).await.unwrap();
        let chunk = (chance + attempt * 7) % table.chunks().len();
        let request = ChunkRequest { columns: vec![0], ..ChunkRequest::default() };
        let rows = table.read_chunk(chunk, request).await.unwrap().collect().await.unwrap();
        let Some(rows) = rows.into_iter().next() else { continue };
        let first = rows.column(0).slice(0, 1);
        let first = datafusion::arrow::array::AsArray::as_primitive::<
            datafusion::arrow::datatypes::Int64Type,
        >(&first)
        .value(0);
        let keep = BooleanArray::from_iter((0..rows.num_rows()).map(|row| Some(row > 0)));
        let rows = Rows::from_batch(filter_record_batch(&rows, &keep).unwrap());
        let replacement = Replacement { table, chunks: vec![chunk], rows, change: Change::Content };
        match backend.replace(&feature(), replacement, note()).await {
            Ok(_) => return first,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    unreachable!()
}

async fn the_sum_is_right(processes: i64) {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<Child> =
        (0..processes).map(|it| start("sums", folder.path(), it * 1000)).collect();
    let mut total = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let (_, said) = said.split_once("total=").unwrap();
        total += said.lines().next().unwrap().parse::<i64>().unwrap();
    }
    let left = stored(&local(folder.path())).await.unwrap();
    assert_eq!(left.len() as i64, processes * (30 - 3));
    assert_eq!(left.iter().sum::<i64>(), total);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_lose_nothing() {
    the_sum_is_right(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_lose_nothing() {
    the_sum_is_right(8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_a_hundred_times_the_table_holds_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows_before = 0;
    for round in 0..50 {
        let mut children =
            [0, 1].map(|it| start("batches", folder.path(), (round * 2 + it) * 10_000));
        for child in &mut children {
            ready(child);
            let chance = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
            tokio::time::sleep(Duration::from_millis(chance)).await;
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let backend = local(folder.path());
        if backend.open_table(&feature()).await.unwrap().is_none() {
            continue;
        }
        let rows: usize = open(&backend).await.unwrap().chunks().iter().map(|it| it.rows).sum();
        assert!(rows >= rows_before);
        rows_before = rows;
        if round % 10 == 9 {
            whole_batches(&stored(&backend).await.unwrap());
        }
    }
    let backend = local(folder.path());
    assert!(rows_before > 100, "the processes got to write something");
    append(&backend, numbers((0..BATCH).map(|_| -1))).await.unwrap();
    let left = stored(&backend).await.unwrap();
    whole_batches(&left);
    let committed = open(&backend).await.unwrap().chunks().len();
    println!(
        "{committed} commits survived, {} leftover files",
        data_files(folder.path()).len() - committed
    );
}

/// Waits until a process is about to write.
fn ready(child: &mut Child) {
    let output = child.stdout.take().unwrap();
    let mut lines = BufReader::new(output).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")));
}

fn whole_batches(values: &[i64]) {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_insert(0) += 1;
    }
    assert!(counts.values().all(|count| *count == BATCH), "{counts:?}");
}
