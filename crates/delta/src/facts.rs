//! What data files say about their rows in their footers.

use std::collections::BTreeMap;

use datafusion::arrow::{
    array::{Array as _, ArrayRef},
    compute::concat,
    datatypes::{DataType, Field},
    row::{RowConverter, SortField},
};
use metalith_store::{ChunkFacts, ColumnFacts, Distinct, PartFacts, Run, StoreError, adapt_array};
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, statistics::StatisticsConverter},
    file::metadata::{KeyValue, RowGroupMetaData},
};
use serde_json::{Value, json};

use crate::{
    encode::{Counted, Same, WRITER},
    small,
    snapshot::Snapshot,
};

/// Under which the footer of a file says that its rows differ.
const DISTINCT: &str = "metalith.distinct";

/// The entry of a footer.
pub(crate) fn distinct_entry(distinct: &Distinct) -> KeyValue {
    let Distinct { write, part, columns } = distinct;
    let text = json!({ "write": write, "part": part, "columns": columns }).to_string();
    KeyValue::new(DISTINCT.to_owned(), text)
}

/// Under which it says which columns count, from which row and which number on.
const COUNTED: &str = "metalith.counted";

/// The entry of a footer, if there is something to say.
pub(crate) fn counted_entry(counted: &Counted) -> Option<KeyValue> {
    let Counted { rows, columns } = counted;
    let runs = |runs: &Vec<Run>| runs.iter().map(|run| (run.row, run.first)).collect::<Vec<_>>();
    let columns: BTreeMap<&String, _> = columns.iter().map(|(name, it)| (name, runs(it))).collect();
    let text = json!({ "rows": rows, "columns": columns }).to_string();
    (!columns.is_empty()).then(|| KeyValue::new(COUNTED.to_owned(), text))
}

/// The runs of which a column of a file with so many rows consists, if its footer tells them.
pub(crate) fn runs_of(
    footer: &ArrowReaderMetadata,
    field: &Field,
    rows: usize,
) -> Option<Vec<Run>> {
    if *field.data_type() != DataType::Int64 {
        return None;
    }
    let said = entry(footer, COUNTED).filter(|said| said["rows"].as_u64() == Some(rows as u64))?;
    let runs = said["columns"].get(field.name())?.as_array()?.iter().map(|run| {
        let row = usize::try_from(run[0].as_u64()?).ok()?;
        Some(Run { row, first: run[1].as_i64()? })
    });
    let runs = runs.collect::<Option<Vec<_>>>()?;
    let is_sound = runs.first().is_some_and(|first| first.row == 0)
        && runs.windows(2).all(|pair| pair[0].row < pair[1].row)
        && runs.last().is_some_and(|last| last.row < rows);
    is_sound.then_some(runs)
}

/// Under which it says which columns are the same as which others.
const SAME: &str = "metalith.same";

/// The entry of a footer, if there is something to say. Of small files all is read at once.
pub(crate) fn same_entry(same: &Same, rows: usize) -> Option<KeyValue> {
    let text = json!({ "rows": rows, "columns": same }).to_string();
    (!same.is_empty() && rows > small::ROWS).then(|| KeyValue::new(SAME.to_owned(), text))
}

/// The columns of a file with so many rows that are the same as others, if its footer tells them.
pub(crate) fn same(footer: &ArrowReaderMetadata, rows: usize) -> Same {
    let said = entry(footer, SAME).filter(|said| said["rows"].as_u64() == Some(rows as u64));
    let same: Option<Same> =
        said.and_then(|mut said| serde_json::from_value(said["columns"].take()).ok());
    same.unwrap_or_default()
}

/// A column for `count` rows of a file with so many `rows`, if its footer tells that all of these
/// have one value there.
pub(crate) fn repeated(
    footer: &ArrowReaderMetadata,
    field: &Field,
    rows: usize,
    count: usize,
) -> Option<ArrayRef> {
    // Bounds say nothing of numbers that are none, and which bounds others write is not known here.
    let stored = footer.schema().field_with_name(field.name());
    let of_fractions = |it: &Field| it.data_type().is_floating() || it.data_type().is_nested();
    if of_fractions(field) || stored.is_ok_and(of_fractions) || !is_ours(footer) {
        return None;
    }
    // Others that name one of our files in their log may say less than there is.
    if footer.metadata().file_metadata().num_rows() != i64::try_from(rows).ok()? {
        return None;
    }
    let facts = of_groups(footer, field, footer.metadata().row_groups(), rows)?;
    metalith_store::repeated(&facts, field.data_type(), rows, count)
}

/// Whether a footer is of a file that this crate has written.
fn is_ours(footer: &ArrowReaderMetadata) -> bool {
    let writer = footer.metadata().file_metadata().created_by();
    writer.is_some_and(|writer| writer.starts_with(WRITER))
}

/// What a footer says under a name, if it is one of ours: others that make a new file of rows of ours
/// may copy what they do not know, though it holds no more.
fn entry(footer: &ArrowReaderMetadata, name: &str) -> Option<Value> {
    let entries = footer.metadata().file_metadata().key_value_metadata()?;
    let entry = entries.iter().find(|entry| entry.key == name).filter(|_| is_ours(footer))?;
    serde_json::from_str(entry.value.as_deref()?).ok()
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
        column_facts(&footer, field, file.rows).unwrap_or_default()
    };
    Ok(ChunkFacts { distinct: distinct(&footer), columns: columns.iter().map(of_column).collect() })
}

fn distinct(footer: &ArrowReaderMetadata) -> Option<Distinct> {
    let said = entry(footer, DISTINCT)?;
    let columns = said["columns"].as_array()?.iter().map(|it| Some(it.as_str()?.to_owned()));
    Some(Distinct {
        write: said["write"].as_str()?.to_owned(),
        part: said["part"].as_u64()?.try_into().ok()?,
        columns: columns.collect::<Option<_>>()?,
    })
}

fn column_facts(footer: &ArrowReaderMetadata, field: &Field, rows: usize) -> Option<ColumnFacts> {
    let facts = of_groups(footer, field, footer.metadata().row_groups(), rows)?;
    Some(ColumnFacts { runs: runs_of(footer, field, rows), ..facts })
}

/// What the footer of a chunk's file tells about its row groups.
pub(crate) async fn part_facts(
    table: &Snapshot,
    chunk: usize,
    columns: &[usize],
) -> Result<Vec<PartFacts>, StoreError> {
    let Some(file) = table.files.get(chunk).filter(|_| table.partitioned_by.is_empty()) else {
        return Ok(Vec::new());
    };
    let footer = table.footer(file).await?;
    let groups = footer.metadata().row_groups();
    let part = |group: &RowGroupMetaData| {
        let rows = usize::try_from(group.num_rows()).unwrap_or_default();
        let of_column = |column: &usize| {
            let field = table.schema.field(*column);
            of_groups(&footer, field, std::slice::from_ref(group), rows).unwrap_or_default()
        };
        PartFacts { rows, columns: columns.iter().map(of_column).collect() }
    };
    Ok(groups.iter().map(part).collect())
}

/// How many values of a column are NULL in row groups with so many rows, and their bounds.
fn of_groups(
    footer: &ArrowReaderMetadata,
    field: &Field,
    groups: &[RowGroupMetaData],
    rows: usize,
) -> Option<ColumnFacts> {
    let known = |nulls, bounds| Some(ColumnFacts { nulls, bounds, runs: None });
    let (name, target) = (field.name(), field.data_type());
    if footer.schema().field_with_name(name).is_err() {
        // The file is older than the column, which reads as NULL.
        return known(Some(rows), None);
    }
    let converter = StatisticsConverter::try_new(name, footer.schema(), footer.parquet_schema());
    let converter = converter.ok()?.with_missing_null_counts_as_zero(false);
    let nulls = converter.row_group_null_counts(groups).ok()?;
    let nulls = (nulls.null_count() == 0).then(|| nulls.values().iter().sum::<u64>());
    let nulls = nulls.and_then(|it| usize::try_from(it).ok());
    let is_old = |group: &RowGroupMetaData| {
        let column = group.column(converter.parquet_column_index()?);
        Some(column.statistics()?.is_min_max_deprecated())
    };
    // Nobody knows how old writers ordered values.
    if groups.iter().any(|group| is_old(group) == Some(true)) {
        return known(nulls, None);
    }
    let (least, greatest) =
        (converter.row_group_mins(groups).ok()?, converter.row_group_maxes(groups).ok()?);
    known(nulls, bounds(&least, &greatest, target))
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
