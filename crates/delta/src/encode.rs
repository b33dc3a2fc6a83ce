//! Rows as the bytes of Parquet files.

use std::{collections::HashSet, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray as _, RecordBatch, new_null_array},
        datatypes::{DataType, Field, Int64Type, SchemaRef},
    },
    error::DataFusionError,
};
use metalith_base::FeatureKey;
use metalith_graph::columns;
use metalith_store::{RowProblem, StoreError, adapt_array};
use parquet::{
    arrow::{
        ArrowSchemaConverter,
        arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves},
    },
    basic::{Compression, Encoding},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr},
        writer::SerializedFileWriter,
    },
    schema::types::{ColumnPath, TypePtr},
};

/// Values of a column that are looked at to tell how it is best written,
const SAMPLE: usize = 1024;
/// and how many of these tell nothing.
const FEW: usize = 100;

/// What turns rows into row groups of Parquet files. Row groups can be encoded side by side.
pub(crate) struct Encoder {
    feature: FeatureKey,
    schema: SchemaRef,
    root: TypePtr,
    properties: WriterPropertiesPtr,
    factory: ArrowRowGroupWriterFactory,
}

/// An encoded row group.
pub(crate) struct RowGroup {
    pub(crate) rows: usize,
    columns: Vec<ArrowColumnChunk>,
}

/// A Parquet file in the making. Its bytes are taken as they come.
pub(crate) struct FileBytes {
    writer: SerializedFileWriter<Vec<u8>>,
}

impl Encoder {
    /// An encoder of rows with these columns, of which `sample` is typical.
    pub(crate) fn new(
        feature: &FeatureKey,
        schema: SchemaRef,
        sample: &[RecordBatch],
    ) -> Result<Self, ParquetError> {
        let root = ArrowSchemaConverter::new().convert(&schema)?.root_schema_ptr();
        let properties = Arc::new(parquet_properties(&schema, sample));
        let unused =
            SerializedFileWriter::new(Vec::new(), Arc::clone(&root), Arc::clone(&properties))?;
        let factory = ArrowRowGroupWriterFactory::new(&unused, SchemaRef::clone(&schema));
        Ok(Self { feature: feature.clone(), schema, root, properties, factory })
    }

    /// Starts a file.
    pub(crate) fn file(&self) -> Result<FileBytes, ParquetError> {
        let (root, properties) = (Arc::clone(&self.root), Arc::clone(&self.properties));
        Ok(FileBytes { writer: SerializedFileWriter::new(Vec::new(), root, properties)? })
    }

    /// Encodes rows as one row group, columns by name, missing ones as NULL.
    pub(crate) fn encode(&self, batches: &[RecordBatch]) -> Result<RowGroup, StoreError> {
        let failed = |source| self.failed(source);
        let mut writers = self.factory.create_column_writers(0).map_err(failed)?;
        let mut rows = 0;
        for batch in batches {
            rows += batch.num_rows();
            let mut writer = writers.iter_mut();
            for field in self.schema.fields() {
                let column = self.adapt(batch, field)?;
                for leaf in compute_leaves(field, &column).map_err(failed)? {
                    if let Some(writer) = writer.next() {
                        writer.write(&leaf).map_err(failed)?;
                    }
                }
            }
        }
        let columns = writers.into_iter().map(|it| it.close()).collect::<Result<_, _>>();
        Ok(RowGroup { rows, columns: columns.map_err(failed)? })
    }

    fn adapt(&self, batch: &RecordBatch, field: &Field) -> Result<ArrayRef, StoreError> {
        let wrong = |expected: String, found: String| StoreError::Rows {
            feature: self.feature.clone(),
            problem: RowProblem::WrongType { column: field.name().clone(), expected, found },
        };
        let target = field.data_type();
        let column = match batch.column_by_name(field.name()) {
            Some(column) => adapt_array(column, target).map_err(|misfit| {
                let found = format!("{} with a value that does not fit", column.data_type());
                wrong(target.to_string(), format!("{found}: {misfit}"))
            })?,
            None => new_null_array(target, batch.num_rows()),
        };
        if !field.is_nullable() && column.logical_null_count() > 0 {
            return Err(wrong("without NULL, as the table has it".to_owned(), "NULL".to_owned()));
        }
        Ok(column)
    }

    fn failed(&self, source: ParquetError) -> StoreError {
        StoreError::Engine {
            subject: format!("rows for `{}`", self.feature),
            source: Box::new(DataFusionError::External(Box::new(source))),
        }
    }
}

impl FileBytes {
    /// Adds a row group; the bytes since the last call come back.
    pub(crate) fn push(&mut self, group: RowGroup) -> Result<Vec<u8>, ParquetError> {
        let mut writer = self.writer.next_row_group()?;
        for column in group.columns {
            column.append_to_row_group(&mut writer)?;
        }
        writer.close()?;
        self.writer.flush()?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// Ends the file, with an entry in its footer; the last bytes come back.
    pub(crate) fn finish(mut self, entry: Option<KeyValue>) -> Result<Vec<u8>, ParquetError> {
        if let Some(entry) = entry {
            self.writer.append_key_value_metadata(entry);
        }
        self.writer.finish()?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }
}

/// How rows with these columns, of which `sample` is typical, are written to Parquet: compressed
/// lightly, but where that hardly helps, and without dictionaries where nearly every value is
/// another one, such as ids and hashes. The least and the greatest hash help nobody to skip anything,
/// so they are not looked for.
pub fn parquet_properties(schema: &SchemaRef, sample: &[RecordBatch]) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_write_page_header_statistics(false)
        .set_offset_index_disabled(true)
        .set_created_by(concat!("metalith version ", env!("CARGO_PKG_VERSION")).to_owned());
    for Diverse { path, encoding, shrinks } in diverse_columns(schema, sample) {
        let path = ColumnPath::new(path);
        if !shrinks {
            let none = Compression::UNCOMPRESSED;
            properties = properties.set_column_compression(path.clone(), none);
        }
        let column = path.parts().first();
        if column.is_some_and(|column| columns::VERSIONS.contains(&column.as_str())) {
            let none = EnabledStatistics::None;
            properties = properties.set_column_statistics_enabled(path.clone(), none);
        }
        properties = properties.set_column_encoding(path.clone(), encoding);
        properties = properties.set_column_dictionary_enabled(path, false);
    }
    properties.build()
}

/// A column whose values hardly repeat, such as ids and hashes, perhaps a member of a struct.
///
/// A dictionary of these would be built, found too large, and thrown away.
struct Diverse {
    path: Vec<String>,
    encoding: Encoding,
    /// Whether compressing them saves enough to be worth the time, here and for all who read them.
    shrinks: bool,
}

fn diverse_columns(schema: &SchemaRef, sample: &[RecordBatch]) -> Vec<Diverse> {
    let mut diverse = Vec::new();
    for field in schema.fields() {
        let columns: Vec<&ArrayRef> =
            sample.iter().filter_map(|batch| batch.column_by_name(field.name())).collect();
        look_at(vec![field.name().clone()], &columns, &mut diverse);
    }
    diverse
}

fn look_at(path: Vec<String>, columns: &[&ArrayRef], diverse: &mut Vec<Diverse>) {
    let Some(first) = columns.first() else { return };
    if let DataType::Struct(members) = first.data_type() {
        for (index, member) in members.iter().enumerate() {
            let inner: Vec<&ArrayRef> =
                columns.iter().map(|column| column.as_struct().column(index)).collect();
            let mut path = path.clone();
            path.push(member.name().clone());
            look_at(path, &inner, diverse);
        }
        return;
    }
    let found = if first.data_type() == &DataType::Int64 {
        counting(columns).then_some((Encoding::DELTA_BINARY_PACKED, false))
    } else {
        diverse_text(columns)
    };
    if let Some((encoding, shrinks)) = found {
        diverse.push(Diverse { path, encoding, shrinks });
    }
}

/// How texts are written, if nearly every one is another.
fn diverse_text(columns: &[&ArrayRef]) -> Option<(Encoding, bool)> {
    let (mut seen, mut distinct, mut bytes) = (0, HashSet::new(), Vec::new());
    for column in columns {
        let values = column.as_string_opt::<i32>()?;
        let step = (values.len() / SAMPLE).max(1);
        let taken = (0..values.len()).step_by(step).filter(|row| values.is_valid(*row));
        for row in taken {
            seen += 1;
            distinct.insert(values.value(row));
            bytes.extend_from_slice(values.value(row).as_bytes());
        }
    }
    if seen <= FEW || distinct.len() * 2 <= seen {
        return None;
    }
    let compressed = snap::raw::Encoder::new().compress_vec(&bytes);
    let shrinks = compressed.is_ok_and(|it| it.len() < bytes.len() / 3 * 2);
    Some((Encoding::DELTA_LENGTH_BYTE_ARRAY, shrinks))
}

/// Whether numbers go up or down by about as much each time, as ids that count samples do.
fn counting(columns: &[&ArrayRef]) -> bool {
    let (mut seen, mut least, mut greatest) = (0, i128::MAX, i128::MIN);
    for column in columns {
        let Some(values) = column.as_primitive_opt::<Int64Type>() else { return false };
        let taken = values.values().get(..SAMPLE).unwrap_or(values.values());
        for pair in taken.windows(2) {
            let step = i128::from(pair[1]) - i128::from(pair[0]);
            seen += 1;
            least = least.min(step);
            greatest = greatest.max(step);
        }
    }
    // The same number again and again is for a dictionary.
    seen > FEW && (least, greatest) != (0, 0) && greatest - least < 1 << 16
}
