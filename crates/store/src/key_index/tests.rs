use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Date32Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};

use super::KeyIndex;

fn index(columns: &[ArrayRef]) -> KeyIndex {
    let types: Vec<_> = columns.iter().map(|it| it.data_type().clone()).collect();
    KeyIndex::new(&types).unwrap()
}

/// The same four keys in every type that ids have: one that comes twice, and NULL.
fn keys() -> Vec<Vec<ArrayRef>> {
    let whole = vec![Some(7), None, Some(0), Some(7), None];
    let text = vec![Some("g"), None, Some(""), Some("g"), None];
    let long: Vec<Option<i64>> = whole.iter().map(|it| it.map(i64::from)).collect();
    let int: ArrayRef = Arc::new(Int32Array::from(whole.clone()));
    let texts: ArrayRef = Arc::new(StringArray::from(text));
    vec![
        vec![Arc::clone(&int)],
        vec![Arc::new(Int64Array::from(long.clone()))],
        vec![Arc::new(Date32Array::from(whole))],
        vec![Arc::new(TimestampMicrosecondArray::from(long).with_timezone("UTC"))],
        vec![Arc::clone(&texts)],
        vec![texts, int],
    ]
}

#[test]
fn keys_are_numbered_as_they_come_and_null_is_one_of_them() {
    for columns in keys() {
        let mut index = index(&columns);
        index.reserve(2);
        assert_eq!(index.number(&columns).unwrap(), [0, 1, 2, 0, 1], "{columns:?}");
        assert_eq!(index.number(&columns).unwrap(), [0, 1, 2, 0, 1], "{columns:?}");
        assert_eq!(index.len(), 3);
        let found = [Some(0), Some(1), Some(2), Some(0), Some(1)];
        assert_eq!(index.find(&columns).unwrap(), found, "{columns:?}");
    }
}

#[test]
fn what_was_not_numbered_is_not_found() {
    for columns in keys() {
        let mut index = index(&columns);
        let second: Vec<ArrayRef> = columns.iter().map(|it| it.slice(2, 1)).collect();
        index.number(&second).unwrap();
        assert_eq!(index.find(&columns).unwrap(), [None, None, Some(0), None, None]);
    }
}

#[test]
fn columns_of_another_shape_are_an_error() {
    let mut index = index(&keys()[0]);
    let both = keys().pop().unwrap();
    assert!(index.number(&both).is_err());
    assert!(index.find(&both).is_err());
}
