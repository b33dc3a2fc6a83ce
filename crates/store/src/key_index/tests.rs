use std::{collections::HashMap, sync::Arc};

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
        let there = index.contains(&columns).unwrap();
        assert_eq!(there.iter().collect::<Vec<_>>(), [false, false, true, false, false]);
    }
}

#[test]
fn columns_of_another_shape_are_an_error() {
    let mut index = index(&keys()[0]);
    let both = keys().pop().unwrap();
    assert!(index.number(&both).is_err());
    assert!(index.find(&both).is_err());
    assert!(index.contains(&both).is_err());
}

/// Ids that lie close together, far apart, at the ends of what a number can be, forwards, backwards
/// and mixed are numbered as a map would, and none is found that was not given.
#[test]
fn whole_numbers_are_found_wherever_they_lie() {
    let mixed = |n: i64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
    let stories: Vec<Vec<i64>> = vec![
        (0..5000).collect(),
        (0..5000).rev().collect(),
        (-70_000..70_000).rev().collect(),
        (0..5000).map(|n| n * 1000).collect(),
        (0..5000).map(mixed).collect(),
        (0..5000).map(|n| mixed(n).rem_euclid(3000)).collect(),
        (0..5000).chain(0..5000).collect(),
        (-3000..3000).chain([7, 2999, 4000, -3001]).collect(),
        (0..3000).chain(1 << 40..(1 << 40) + 3000).collect(),
        vec![i64::MAX - 1, i64::MAX, i64::MIN, i64::MIN + 1],
        vec![i64::MIN, i64::MIN + 3, i64::MIN],
        vec![i64::MIN + 3, i64::MIN],
        vec![i64::MAX, i64::MAX - 3, i64::MAX],
        vec![0, i64::MAX, i64::MIN, -1, 0],
        (0..5000).map(|n| if n % 1000 == 999 { i64::MAX - n } else { n / 2 }).collect(),
    ];
    for story in stories {
        for reserved in [0, story.len()] {
            let mut numbers = HashMap::new();
            let mut keys = index(&[Arc::new(Int64Array::from(vec![0])) as ArrayRef]);
            keys.reserve(reserved);
            for part in story.chunks(777) {
                let column: ArrayRef = Arc::new(Int64Array::from(part.to_vec()));
                let expected: Vec<u32> = part
                    .iter()
                    .map(|key| {
                        let next = numbers.len() as u32;
                        *numbers.entry(*key).or_insert(next)
                    })
                    .collect();
                assert_eq!(keys.number(&[column]).unwrap(), expected);
            }
            assert_eq!(keys.len(), numbers.len());
            let around =
                story.iter().flat_map(|key| [*key, key.wrapping_add(1), key.wrapping_sub(1)]);
            let around: Vec<i64> = around.collect();
            let column: ArrayRef = Arc::new(Int64Array::from(around.clone()));
            let expected: Vec<_> = around.iter().map(|key| numbers.get(key).copied()).collect();
            assert_eq!(keys.find(&[column]).unwrap(), expected);
        }
    }
}

#[test]
fn a_sieve_lets_all_keys_through() {
    // Far apart, below and above zero, and some that end alike.
    let keys = [i64::MIN, -1 << 40, -7, 0, 7, 64, 1 << 20, (1 << 40) + 7, i64::MAX];
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(keys.to_vec()))];
    let mut index = index(&columns);
    index.number(&columns).unwrap();
    index.sift();
    assert!(index.contains(&columns).unwrap().iter().all(|it| it));
    let others: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![-8, 1, 71, 1 << 41]))];
    assert!(!index.contains(&others).unwrap().has_true());
    // What comes later is found as well.
    assert_eq!(index.number(&others).unwrap(), [9, 10, 11, 12]);
    assert!(index.contains(&others).unwrap().iter().all(|it| it));
}

/// Numbers in order are looked through another way, and answered alike.
#[test]
fn few_keys_are_found_among_many_numbers_in_order() {
    let keys: Vec<i64> = (-20..20).map(|n| n * 100_003).chain([i64::MIN, i64::MAX]).collect();
    let mut index = index(&[Arc::new(Int64Array::from(vec![0])) as ArrayRef]);
    // Also with a number for NULL, which has no place among the others.
    let given: Vec<Option<i64>> = keys.iter().copied().map(Some).chain([None]).collect();
    let nothing: Vec<Option<i64>> = given.iter().copied().filter(|it| *it != Some(0)).collect();
    index.number(&[Arc::new(Int64Array::from(nothing)) as ArrayRef]).unwrap();
    index.sift();
    let twice = |numbers: Vec<i64>| -> Vec<i64> { numbers.iter().flat_map(|n| [*n, *n]).collect() };
    let ordered: Vec<Vec<i64>> = vec![
        (-2_000_000..2_000_000).step_by(7).collect(),
        twice((99_000..101_000).collect()),
        (i64::MIN..i64::MIN + 5000).collect(),
        (i64::MAX - 5000..=i64::MAX).collect(),
        vec![0; 5000],
        vec![200_006; 5000],
        Vec::new(),
    ];
    for numbers in ordered {
        let expected: Vec<bool> = numbers.iter().map(|n| *n != 0 && keys.contains(n)).collect();
        let mixed: Vec<i64> = numbers.iter().rev().copied().collect();
        let found = index.contains(&[Arc::new(Int64Array::from(numbers)) as ArrayRef]).unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        let found = index.contains(&[Arc::new(Int64Array::from(mixed)) as ArrayRef]).unwrap();
        assert!(found.iter().eq(expected.into_iter().rev()));
    }
}
