use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};

use super::{has_time_without_zone, stored_schema};

fn stored(given: DataType) -> Option<DataType> {
    let schema = Schema::new(vec![Field::new("a", given, false)]);
    stored_schema(&schema).ok().map(|schema| schema.field(0).data_type().clone())
}

#[test]
fn values_are_kept_whole() {
    assert_eq!(stored(DataType::UInt32), Some(DataType::Int64));
    assert_eq!(stored(DataType::LargeUtf8), Some(DataType::Utf8));
    assert_eq!(stored(DataType::Null), Some(DataType::Utf8));
    assert_eq!(
        stored(DataType::Timestamp(TimeUnit::Millisecond, Some("Europe/Paris".into()))),
        Some(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    );
}

#[test]
fn a_stored_schema_is_stored_as_itself() {
    let members = Fields::from(vec![Field::new("x", DataType::UInt8, false)]);
    let list = DataType::new_large_list(DataType::Struct(members), true);
    let schema = Schema::new(vec![Field::new("a", list, false)]);
    let once = stored_schema(&schema).unwrap();
    assert_eq!(stored_schema(&once).unwrap(), once);
}

#[test]
fn what_delta_lacks_is_refused() {
    assert_eq!(stored(DataType::Time64(TimeUnit::Microsecond)), None);
    assert_eq!(stored(DataType::Interval(IntervalUnit::DayTime)), None);
    assert_eq!(stored(DataType::Decimal256(60, 2)), None);
}

#[test]
fn times_without_a_zone_are_found_in_structs() {
    let inner = Field::new("t", DataType::Timestamp(TimeUnit::Nanosecond, None), true);
    let schema = Schema::new(vec![Field::new("a", DataType::Struct(vec![inner].into()), true)]);
    assert!(has_time_without_zone(&stored_schema(&schema).unwrap()));
}
