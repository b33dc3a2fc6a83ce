//! Rows as the bytes of Parquet files.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, RecordBatch, new_null_array},
        datatypes::{Field, Schema, SchemaRef},
    },
    error::DataFusionError,
};
use metalith_base::FeatureKey;
use metalith_graph::columns;
use metalith_store::{RowProblem, StoreError, adapt_array};
use parquet::{
    arrow::{ArrowSchemaConverter, arrow_writer::ArrowRowGroupWriterFactory},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterPropertiesPtr, writer::SerializedFileWriter},
    schema::types::{SchemaDescriptor, TypePtr},
};

use crate::facts;

use self::column::{Chunk, ColumnEncoder, Encoded};
pub(crate) use self::counted::Counted;
pub(crate) use self::properties::WRITER;
pub use self::properties::parquet_properties;

mod column;
mod counted;
mod properties;

/// What turns rows into row groups of Parquet files. Row groups can be encoded side by side.
pub(crate) struct Encoder {
    feature: FeatureKey,
    root: TypePtr,
    properties: WriterPropertiesPtr,
    factory: ArrowRowGroupWriterFactory,
    columns: Vec<ColumnEncoder>,
    /// The place of the column that often has the same rows, for each column.
    twins: Vec<Option<usize>>,
}

/// An encoded row group.
pub(crate) struct RowGroup {
    pub(crate) rows: usize,
    chunks: Vec<Chunk>,
    counted: Counted,
    same: Same,
}

/// Columns that are the same as others in all rows, by their names, with those others.
pub(crate) type Same = BTreeMap<String, String>;

/// A Parquet file in the making, and what takes its bytes.
pub(crate) struct ParquetFile<W: Write> {
    writer: SerializedFileWriter<W>,
    counted: Counted,
    /// `None` as long as there are no rows.
    same: Option<Same>,
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
        let described = SchemaDescriptor::new(Arc::clone(&root));
        let columns = (0..schema.fields().len())
            .map(|at| ColumnEncoder::new(&schema.fields()[at], &described, at))
            .collect();
        let twins = schema.fields().iter().map(|field| twin(&schema, field)).collect();
        Ok(Self { feature: feature.clone(), root, properties, factory, columns, twins })
    }

    /// Starts a file.
    pub(crate) fn file<W: Write + Send>(&self, sink: W) -> io::Result<ParquetFile<W>> {
        let (root, properties) = (Arc::clone(&self.root), Arc::clone(&self.properties));
        let writer = SerializedFileWriter::new(sink, root, properties).map_err(refused)?;
        Ok(ParquetFile { writer, counted: Counted::default(), same: None })
    }

    /// Encodes rows as one row group, columns by name, missing ones as NULL.
    pub(crate) fn encode(&self, batches: &[RecordBatch]) -> Result<RowGroup, StoreError> {
        let adapted = |column: &ColumnEncoder| -> Result<Vec<ArrayRef>, StoreError> {
            batches.iter().map(|batch| self.adapt(batch, &column.field)).collect()
        };
        let arrays: Vec<_> = self.columns.iter().map(adapted).collect::<Result<_, _>>()?;
        let sources = self.sources(&arrays);
        let chunks = self.chunks(&arrays, &sources).map_err(|source| self.failed(source))?;
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let mut counted = Counted::of(rows);
        for (column, pieces) in self.columns.iter().zip(&arrays) {
            counted.look_at(column.field.name(), pieces);
        }
        let name = |at: usize| self.columns[at].field.name().clone();
        let others = sources.iter().enumerate().filter(|(at, source)| at != *source);
        let same = others.map(|(at, source)| (name(at), name(*source))).collect();
        Ok(RowGroup { rows, chunks, counted, same })
    }

    /// Whose rows each column has: its own, or its twin's where they are the same.
    fn sources(&self, arrays: &[Vec<ArrayRef>]) -> Vec<usize> {
        let is_same = |one: usize, other: usize| {
            let mut pairs = arrays[one].iter().zip(&arrays[other]);
            pairs.all(|(one, other)| one.to_data().ptr_eq(&other.to_data()) || one == other)
        };
        (0..arrays.len())
            .map(|at| self.twins[at].filter(|twin| is_same(*twin, at)).unwrap_or(at))
            .collect()
    }

    /// Encodes columns. What has the rows of its twin is not encoded, but takes its bytes.
    fn chunks(
        &self,
        arrays: &[Vec<ArrayRef>],
        sources: &[usize],
    ) -> Result<Vec<Chunk>, ParquetError> {
        let mut lends = vec![false; arrays.len()];
        for (at, source) in sources.iter().enumerate() {
            lends[*source] |= at != *source;
        }
        let mut writers = self.factory.create_column_writers(0)?.into_iter();
        let mut encoded = Vec::with_capacity(arrays.len());
        for (at, column) in self.columns.iter().enumerate() {
            let writers = writers.by_ref().take(column.leaves.len()).collect();
            encoded.push(match sources[at] == at {
                true => column.encode(&arrays[at], writers, lends[at], &self.properties)?,
                false => Encoded::Once(Vec::new()),
            });
        }
        let mut chunks = Vec::new();
        for (column, source) in self.columns.iter().zip(sources) {
            match &mut encoded[*source] {
                Encoded::Once(new) => chunks.extend(new.drain(..).map(Chunk::New)),
                Encoded::Again(bytes) => chunks.extend(bytes.chunks(&column.leaves)?),
            }
        }
        Ok(chunks)
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

impl<W: Write + Send> ParquetFile<W> {
    /// Adds a row group.
    pub(crate) fn push(&mut self, group: RowGroup) -> io::Result<()> {
        let mut writer = self.writer.next_row_group().map_err(refused)?;
        for chunk in group.chunks {
            chunk.append_to(&mut writer).map_err(refused)?;
        }
        writer.close().map_err(refused)?;
        self.counted.append(group.counted);
        match &mut self.same {
            Some(same) => same.retain(|name, other| group.same.get(name) == Some(other)),
            None => self.same = Some(group.same),
        }
        Ok(())
    }

    /// Ends the file, with entries in its footer: this one, and what its columns are like.
    pub(crate) fn finish(&mut self, entry: Option<KeyValue>) -> io::Result<()> {
        let same = self.same.iter().filter_map(|same| facts::same_entry(same, self.counted.rows));
        for entry in entry.into_iter().chain(facts::counted_entry(&self.counted)).chain(same) {
            self.writer.append_key_value_metadata(entry);
        }
        self.writer.finish().map_err(refused)?;
        Ok(())
    }

    /// How many bytes there are.
    pub(crate) fn size(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    /// What takes the bytes, with all there are.
    pub(crate) fn sink(&mut self) -> io::Result<&mut W> {
        self.writer.flush()?;
        Ok(self.writer.inner_mut())
    }
}

/// The place of the column whose rows a column has unless somebody gave it others: versions of data
/// are what provenance is.
fn twin(schema: &Schema, field: &Field) -> Option<usize> {
    let name = match field.name().as_str() {
        columns::DATA_VERSION => columns::PROVENANCE,
        columns::DATA_VERSION_BY_FIELD => columns::PROVENANCE_BY_FIELD,
        _ => return None,
    };
    let (place, other) = schema.column_with_name(name)?;
    let alike = |it: &Field| (it.data_type().clone(), it.is_nullable());
    (alike(other) == alike(field)).then_some(place)
}

fn refused(error: ParquetError) -> io::Error {
    system_error(error).unwrap_or_else(io::Error::other)
}

/// What the system said when a writer of Parquet failed, or the error as it is.
pub fn system_error(error: ParquetError) -> Result<io::Error, ParquetError> {
    let ParquetError::External(source) = error else { return Err(error) };
    source.downcast::<io::Error>().map(|it| *it).map_err(ParquetError::External)
}

#[cfg(test)]
mod tests;
