//! Rows that are added.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case that fails is a test that fails")]

use std::sync::Arc;

use datafusion::arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, BinaryArray, BooleanArray, Date32Array, Float64Array,
        Int32Array, Int64Array, ListArray, RecordBatch, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit},
};
use metalith_store::{Backend, RowProblem, Rows, StoreError};

use super::rows::{
    all, append, batch, column_of_texts, failing, feature, members, note, numbers, one_column,
    open, stored, stored_sorted, texts,
};

pub(super) async fn rows_come_back_in_order(backend: Arc<dyn Backend>) {
    let first = append(&backend, numbers(0..1000)).await;
    assert_eq!(first.rows, 1000);
    assert!(first.bytes > 0);
    let schema = numbers([]).schema();
    let rows = Rows::from_batches(schema, vec![numbers(1000..1500), numbers(1500..2000)]);
    let second = backend.append(&feature(), rows, note()).await.unwrap();
    assert_eq!(second.rows, 1000);
    let table = open(&backend).await;
    assert_eq!(table.version(), second.version);
    let chunks: usize = table.chunks().iter().map(|chunk| chunk.rows).sum();
    assert_eq!(chunks, 2000);
    assert!(table.chunks().iter().all(|chunk| chunk.bytes > 0));
    assert_eq!(stored(&table).await, (0..2000).collect::<Vec<_>>());
}

pub(super) async fn an_empty_append_makes_the_table(backend: Arc<dyn Backend>) {
    let commit = append(&backend, numbers([])).await;
    assert_eq!(commit.rows, 0);
    let table = open(&backend).await;
    assert_eq!(table.schema().field(0).name(), "n");
    assert!(stored(&table).await.is_empty());
    append(&backend, numbers([7])).await;
    append(&backend, numbers([])).await;
    assert_eq!(stored_sorted(&backend).await, [7]);
}

pub(super) async fn a_failing_stream_commits_nothing(backend: Arc<dyn Backend>) {
    let failed = backend.append(&feature(), failing(numbers(0..10)), note()).await;
    assert!(matches!(failed, Err(StoreError::UnknownAlgorithm { .. })), "{failed:?}");
    assert!(backend.open_table(&feature()).await.unwrap().is_none());
    assert!(backend.tables().await.unwrap().is_empty());
    let before = append(&backend, numbers([1])).await.version;
    backend.append(&feature(), failing(numbers(0..10)), note()).await.unwrap_err();
    let table = open(&backend).await;
    assert_eq!(table.version(), before);
    assert_eq!(stored(&table).await, [1]);
}

pub(super) async fn columns_grow(backend: Arc<dyn Backend>) {
    append(&backend, numbers([1, 2])).await;
    let rows = batch([("t", texts(&["x"])), ("n", Arc::new(Int64Array::from(vec![3])))]);
    append(&backend, rows).await;
    append(&backend, batch([("t", texts(&["y"]))])).await;
    let rows = all(&open(&backend).await).await;
    assert_eq!(rows.schema().fields().iter().map(|it| it.name()).collect::<Vec<_>>(), ["n", "t"]);
    assert_eq!(column_of_texts(rows.column(1)), ["-", "-", "x", "y"]);
    let numbers: Vec<_> = rows.column(0).as_primitive::<Int64Type>().iter().collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3), None]);
}

pub(super) async fn members_of_structs_grow(backend: Arc<dyn Backend>) {
    append(&backend, batch([("by", members([("a", texts(&["1"]))]))])).await;
    let more = members([("b", texts(&["3"])), ("a", texts(&["2"]))]);
    append(&backend, batch([("by", more)])).await;
    append(&backend, batch([("by", members([("b", texts(&["4"]))]))])).await;
    let rows = all(&open(&backend).await).await;
    let by = rows.column(0).as_struct();
    assert_eq!(by.column_names(), ["a", "b"]);
    assert_eq!(column_of_texts(by.column(0)), ["1", "2", "-"]);
    assert_eq!(column_of_texts(by.column(1)), ["-", "3", "4"]);
}

pub(super) async fn another_type_is_refused_and_nothing_is_committed(backend: Arc<dyn Backend>) {
    let before = append(&backend, numbers([1])).await.version;
    let rows = batch([("n", texts(&["one"])), ("new", texts(&["x"]))]);
    let refused = backend.append(&feature(), Rows::from_batch(rows), note()).await;
    let Err(StoreError::Rows { problem: RowProblem::WrongType { column, .. }, .. }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(column, "n");
    let table = open(&backend).await;
    assert_eq!(table.version(), before);
    assert_eq!(table.schema().fields().len(), 1);
    assert_eq!(stored(&table).await, [1]);
}

pub(super) async fn smaller_types_are_widened(backend: Arc<dyn Backend>) {
    let float = Arc::new(Float64Array::from(vec![0.5])) as ArrayRef;
    append(&backend, batch([("n", Arc::new(Int64Array::from(vec![1]))), ("f", float)])).await;
    let small = Arc::new(Int32Array::from(vec![2])) as ArrayRef;
    append(&backend, batch([("n", Arc::clone(&small)), ("f", small)])).await;
    let table = open(&backend).await;
    assert_eq!(*table.schema().field(0).data_type(), DataType::Int64);
    let rows = all(&table).await;
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
    assert_eq!(rows.column(1).as_primitive::<Float64Type>().values(), &[0.5, 2.0]);
}

pub(super) async fn versions_grow(backend: Arc<dyn Backend>) {
    let mut last = None;
    for number in 0..5 {
        let version = append(&backend, numbers([number])).await.version;
        assert_eq!(open(&backend).await.version(), version);
        assert!(Some(version) > last);
        last = Some(version);
    }
}

pub(super) async fn concurrent_appends_all_arrive(backend: Arc<dyn Backend>) {
    append(&backend, numbers([])).await;
    concurrent_first_appends_all_arrive(backend).await;
}

pub(super) async fn concurrent_first_appends_all_arrive(backend: Arc<dyn Backend>) {
    let tasks: Vec<_> = (0..12)
        .map(|task| {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move {
                for round in 0..3 {
                    let start = (task * 3 + round) * 10;
                    append(&backend, numbers(start..start + 10)).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(stored_sorted(&backend).await, (0..360).collect::<Vec<_>>());
}

pub(super) async fn concurrent_growth_arrives(backend: Arc<dyn Backend>) {
    append(&backend, numbers([0])).await;
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let backend = Arc::clone(&backend);
            let rows = batch([
                ("n", Arc::new(Int64Array::from(vec![task])) as ArrayRef),
                (["a", "b", "c", "d"][task as usize], texts(&["x"])),
            ]);
            tokio::spawn(async move { append(&backend, rows).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rows = all(&open(&backend).await).await;
    assert_eq!(rows.num_rows(), 5);
    for name in ["a", "b", "c", "d"] {
        assert_eq!(rows.column_by_name(name).unwrap().null_count(), 4, "{name}");
    }
}

pub(super) async fn every_kind_of_column_comes_back(backend: Arc<dyn Backend>) {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let times = TimestampMicrosecondArray::from(vec![Some(1), None, Some(-5)]);
    let rows: RecordBatch = batch([
        ("bool", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("float", Arc::new(Float64Array::from(vec![Some(1.5), None, Some(f64::MAX)]))),
        ("day", Arc::new(Date32Array::from(vec![Some(19_000), None, Some(-1)]))),
        ("utc", Arc::new(times.clone().with_timezone("UTC"))),
        ("local", Arc::new(times)),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\0x"), None, Some(b"")]))),
        ("list", Arc::new(list)),
    ]);
    append(&backend, rows.clone()).await;
    let back = all(&open(&backend).await).await;
    for name in ["bool", "float", "day", "utc", "local", "bytes"] {
        assert_eq!(back.column_by_name(name), rows.column_by_name(name), "{name}");
    }
    let list = back.column_by_name("list").unwrap().as_list::<i32>();
    assert!(list.is_null(1));
    assert_eq!(
        list.value(0).as_primitive::<Int32Type>().iter().collect::<Vec<_>>(),
        [Some(1), None]
    );
    let wanted = one_column("utc", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    assert_eq!(back.schema().field_with_name("utc").unwrap(), wanted.field(0));
}
