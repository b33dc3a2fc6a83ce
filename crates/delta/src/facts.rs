//! What data files say about their rows in their footers.

use datafusion::arrow::{
    array::{Array as _, ArrayRef},
    compute::concat,
    datatypes::DataType,
    row::{RowConverter, SortField},
};
use metalith_store::{ChunkFacts, ColumnFacts, Distinct, StoreError, adapt_array};
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, statistics::StatisticsConverter},
    file::metadata::KeyValue,
};
use serde_json::{Value, json};

use crate::snapshot::Snapshot;

/// Under which the footer of a file says that its rows differ.
const DISTINCT: &str = "metalith.distinct";

/// The entry of a footer.
pub(crate) fn distinct_entry(distinct: &Distinct) -> KeyValue {
    let Distinct { write, part, columns } = distinct;
    let text = json!({ "write": write, "part": part, "columns": columns }).to_string();
    KeyValue::new(DISTINCT.to_owned(), text)
}

/// What the footer of a chunk's file tells about it and some of its columns.
pub(crate) async fn chunk_facts(
    table: &Snapshot,
    chunk: usize,
    columns: &[usize],
) -> Result<ChunkFacts, StoreError> {
    // Values of partition columns are not in the files.
    let Some(file) = table.files.get(chunk).filter(|_| table.partitioned_by.is_empty()) else {
        return Ok(ChunkFacts::default());
    };
    let footer = table.footer(file).await?;
    let of_column = |column: &usize| {
        let field = table.schema.field(*column);
        column_facts(&footer, field.name(), field.data_type(), file.rows).unwrap_or_default()
    };
    Ok(ChunkFacts { distinct: distinct(&footer), columns: columns.iter().map(of_column).collect() })
}

fn distinct(footer: &ArrowReaderMetadata) -> Option<Distinct> {
    let entries = footer.metadata().file_metadata().key_value_metadata()?;
    let entry = entries.iter().find(|entry| entry.key == DISTINCT)?;
    let said: Value = serde_json::from_str(entry.value.as_deref()?).ok()?;
    let columns = said["columns"].as_array()?.iter().map(|it| Some(it.as_str()?.to_owned()));
    Some(Distinct {
        write: said["write"].as_str()?.to_owned(),
        part: said["part"].as_u64()?.try_into().ok()?,
        columns: columns.collect::<Option<_>>()?,
    })
}

fn column_facts(
    footer: &ArrowReaderMetadata,
    name: &str,
    target: &DataType,
    rows: usize,
) -> Option<ColumnFacts> {
    if footer.schema().field_with_name(name).is_err() {
        // The file is older than the column, which reads as NULL.
        return Some(ColumnFacts { nulls: Some(rows), bounds: None });
    }
    let groups = footer.metadata().row_groups();
    let converter = StatisticsConverter::try_new(name, footer.schema(), footer.parquet_schema());
    let converter = converter.ok()?.with_missing_null_counts_as_zero(false);
    let nulls = converter.row_group_null_counts(groups).ok()?;
    let nulls = (nulls.null_count() == 0).then(|| nulls.values().iter().sum::<u64>());
    let nulls = nulls.and_then(|it| usize::try_from(it).ok());
    let (least, greatest) =
        (converter.row_group_mins(groups).ok()?, converter.row_group_maxes(groups).ok()?);
    Some(ColumnFacts { nulls, bounds: bounds(&least, &greatest, target) })
}

/// The least and the greatest of the bounds of row groups; `None` if one of them has none.
fn bounds(least: &ArrayRef, greatest: &ArrayRef, target: &DataType) -> Option<ArrayRef> {
    if least.is_empty() || least.null_count() > 0 || greatest.null_count() > 0 {
        return None;
    }
    let (least, greatest) = (adapt_array(least, target).ok()?, adapt_array(greatest, target).ok()?);
    let converter = RowConverter::new(vec![SortField::new(target.clone())]).ok()?;
    let lower = converter.convert_columns(&[ArrayRef::clone(&least)]).ok()?;
    let upper = converter.convert_columns(&[ArrayRef::clone(&greatest)]).ok()?;
    let first = (0..lower.num_rows()).min_by_key(|row| lower.row(*row))?;
    let last = (0..upper.num_rows()).max_by_key(|row| upper.row(*row))?;
    concat(&[least.slice(first, 1).as_ref(), greatest.slice(last, 1).as_ref()]).ok()
}
