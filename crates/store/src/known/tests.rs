use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, StringArray},
    datatypes::DataType,
};

use super::{Writes, all_or_none};
use crate::{ColumnFacts, Distinct};

fn of(write: &str, part: u32) -> Distinct {
    Distinct { write: write.to_owned(), part, columns: vec!["id".to_owned()] }
}

fn ids(least: i64, greatest: i64) -> Option<ArrayRef> {
    Some(Arc::new(Int64Array::from(vec![least, greatest])))
}

fn lie_apart(chunks: Vec<(Distinct, Option<ArrayRef>)>) -> bool {
    let mut writes = Writes::new(&DataType::Int64).unwrap();
    chunks.into_iter().all(|(of, bounds)| writes.add(of, bounds).unwrap()) && writes.lie_apart()
}

#[test]
fn parts_of_one_write_may_overlap_and_others_may_not() {
    assert!(lie_apart(vec![(of("a", 0), ids(0, 9)), (of("a", 1), ids(5, 20))]));
    assert!(lie_apart(vec![(of("a", 0), ids(0, 9)), (of("b", 0), ids(10, 20))]));
    assert!(!lie_apart(vec![(of("a", 0), ids(0, 9)), (of("b", 0), ids(9, 20))]));
    // The second lies between the parts of the first.
    let around = (of("a", 1), ids(30, 40));
    assert!(!lie_apart(vec![(of("a", 0), ids(0, 9)), (of("b", 0), ids(10, 20)), around]));
}

#[test]
fn what_is_not_known_proves_nothing() {
    assert!(lie_apart(vec![(of("a", 0), None)]));
    assert!(!lie_apart(vec![(of("a", 0), None), (of("b", 0), ids(10, 20))]));
    let known = (of("a", 1), ids(0, 1));
    assert!(!lie_apart(vec![(of("a", 0), None), known, (of("b", 0), ids(10, 20))]));
}

#[test]
fn a_part_that_comes_twice_is_a_copy() {
    assert!(!lie_apart(vec![(of("a", 0), ids(0, 9)), (of("a", 0), ids(0, 9))]));
}

#[test]
fn versions_are_all_or_none_or_not_known() {
    let versions = |nulls, least: &str, greatest: &str| ColumnFacts {
        nulls,
        bounds: Some(Arc::new(StringArray::from(vec![least, greatest]))),
        ..ColumnFacts::default()
    };
    assert_eq!(all_or_none(&versions(Some(0), "b", "b"), "b", 4), Some(true));
    assert_eq!(all_or_none(&versions(Some(0), "a", "c"), "b", 4), None);
    assert_eq!(all_or_none(&versions(Some(1), "b", "b"), "b", 4), None);
    assert_eq!(all_or_none(&versions(None, "b", "b"), "b", 4), None);
    assert_eq!(all_or_none(&versions(Some(0), "c", "d"), "b", 4), Some(false));
    assert_eq!(
        all_or_none(&ColumnFacts { nulls: Some(4), ..ColumnFacts::default() }, "b", 4),
        Some(false)
    );
    assert_eq!(all_or_none(&ColumnFacts::default(), "b", 4), None);
}
