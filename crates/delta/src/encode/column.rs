//! Columns of a row group, encoded; some of them once for several places.
//!
//! Versions of data are mostly the provenance again, and what says who wrote a row, and when, is the
//! same in all rows of a write. Encoding these over and over would take a third of a write.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _},
    datatypes::{FieldRef, TimestampMicrosecondType},
};
use parquet::{
    arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves},
    column::writer::ColumnCloseResult,
    errors::ParquetError,
    file::{
        metadata::ColumnChunkMetaData,
        properties::WriterPropertiesPtr,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{ColumnDescPtr, SchemaDescriptor, Type, TypePtr},
};

/// What encodes a column of all row groups.
pub(super) struct ColumnEncoder {
    pub(super) field: FieldRef,
    /// The column in Parquet,
    shape: TypePtr,
    /// and the members it has there; one if it is no struct.
    pub(super) leaves: Vec<ColumnDescPtr>,
    /// What all rows of a row group had, and how that was encoded.
    uniform: Mutex<Option<(Uniform, Arc<EncodedColumn>)>>,
}

/// An encoded column,
pub(super) enum Encoded {
    /// for one place,
    Once(Vec<ArrowColumnChunk>),
    /// or for several.
    Again(Arc<EncodedColumn>),
}

/// An encoded column, or a member of a struct, in its place.
pub(super) enum Chunk {
    New(ArrowColumnChunk),
    Again { bytes: Bytes, close: ColumnCloseResult },
}

impl ColumnEncoder {
    /// An encoder of the column that is at a place of this schema.
    pub(super) fn new(field: &FieldRef, schema: &SchemaDescriptor, place: usize) -> Self {
        let leaves = (0..schema.num_columns())
            .filter(|leaf| schema.get_column_root_idx(*leaf) == place)
            .map(|leaf| schema.column(leaf));
        Self {
            field: Arc::clone(field),
            shape: Arc::clone(&schema.root_schema().get_fields()[place]),
            leaves: leaves.collect(),
            uniform: Mutex::default(),
        }
    }

    /// Encodes the arrays of a row group, for several places if these bytes are lent.
    pub(super) fn encode(
        &self,
        arrays: &[ArrayRef],
        mut writers: Vec<ArrowColumnWriter>,
        is_lent: bool,
        properties: &WriterPropertiesPtr,
    ) -> Result<Encoded, ParquetError> {
        let uniform = Uniform::of(arrays);
        if let Some(encoded) = uniform.as_ref().and_then(|uniform| self.encoded(uniform)) {
            return Ok(Encoded::Again(encoded));
        }
        for array in arrays {
            for (leaf, writer) in compute_leaves(&self.field, array)?.iter().zip(&mut writers) {
                writer.write(leaf)?;
            }
        }
        let chunks: Vec<_> =
            writers.into_iter().map(ArrowColumnWriter::close).collect::<Result<_, _>>()?;
        if uniform.is_none() && !is_lent {
            return Ok(Encoded::Once(chunks));
        }
        let encoded = EncodedColumn::new(Arc::clone(&self.shape), properties, chunks)?;
        let encoded = Arc::new(encoded);
        if let Some(uniform) = uniform {
            let mut kept = self.uniform.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some((uniform, Arc::clone(&encoded)));
        }
        Ok(Encoded::Again(encoded))
    }

    /// How these rows were encoded, if they were the last that were all alike.
    fn encoded(&self, rows: &Uniform) -> Option<Arc<EncodedColumn>> {
        let kept = self.uniform.lock().unwrap_or_else(PoisonError::into_inner);
        let (uniform, encoded) = kept.as_ref()?;
        (uniform == rows).then(|| Arc::clone(encoded))
    }
}

impl Chunk {
    pub(super) fn append_to<W: Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        match self {
            Self::New(chunk) => chunk.append_to_row_group(group),
            Self::Again { bytes, close } => group.append_column(&bytes, close),
        }
    }
}

/// An encoded column of a row group, in the bytes that a file would have. A struct has as many chunks
/// as it has members.
pub(super) struct EncodedColumn {
    rows: u64,
    bytes: Bytes,
    chunks: Vec<ColumnChunkMetaData>,
}

impl EncodedColumn {
    /// Takes the chunks of a column of this type.
    fn new(
        column: TypePtr,
        properties: &WriterPropertiesPtr,
        chunks: Vec<ArrowColumnChunk>,
    ) -> Result<Self, ParquetError> {
        let alone = Type::group_type_builder("alone").with_fields(vec![column]).build()?;
        let mut file =
            SerializedFileWriter::new(Vec::new(), Arc::new(alone), Arc::clone(properties))?;
        let mut group = file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        let group = group.close()?;
        file.flush()?;
        Ok(Self {
            rows: u64::try_from(group.num_rows()).unwrap_or_default(),
            bytes: std::mem::take(file.inner_mut()).into(),
            chunks: group.columns().to_vec(),
        })
    }

    /// The chunks once more, as those of a column of the same type.
    pub(super) fn chunks(&self, leaves: &[ColumnDescPtr]) -> Result<Vec<Chunk>, ParquetError> {
        let pairs = self.chunks.iter().zip(leaves);
        pairs.map(|(chunk, leaf)| self.chunk(chunk, leaf)).collect()
    }

    fn chunk(
        &self,
        chunk: &ColumnChunkMetaData,
        leaf: &ColumnDescPtr,
    ) -> Result<Chunk, ParquetError> {
        let mut metadata = ColumnChunkMetaData::builder(Arc::clone(leaf))
            .set_compression_codec(chunk.compression_codec())
            .set_encodings_mask(*chunk.encodings_mask())
            .set_total_compressed_size(chunk.compressed_size())
            .set_total_uncompressed_size(chunk.uncompressed_size())
            .set_num_values(chunk.num_values())
            .set_data_page_offset(chunk.data_page_offset())
            .set_dictionary_page_offset(chunk.dictionary_page_offset())
            .set_unencoded_byte_array_data_bytes(chunk.unencoded_byte_array_data_bytes())
            .set_repetition_level_histogram(chunk.repetition_level_histogram().cloned())
            .set_definition_level_histogram(chunk.definition_level_histogram().cloned());
        if let Some(statistics) = chunk.statistics() {
            metadata = metadata.set_statistics(statistics.clone());
        }
        if let Some(encodings) = chunk.page_encoding_stats() {
            metadata = metadata.set_page_encoding_stats(encodings.clone());
        }
        let close = ColumnCloseResult {
            bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or_default(),
            rows_written: self.rows,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Chunk::Again { bytes: self.bytes.clone(), close })
    }
}

/// What all rows of a column have.
#[derive(PartialEq, Eq)]
struct Uniform {
    rows: usize,
    value: Value,
}

#[derive(PartialEq, Eq)]
enum Value {
    Null,
    Text(String),
    Time(i64),
}

impl Uniform {
    /// Looks whether all rows of these arrays have one value. Texts and times are looked at, and NULL
    /// of any type.
    fn of(arrays: &[ArrayRef]) -> Option<Self> {
        let mut filled = arrays.iter().filter(|it| !it.is_empty());
        let value = value_of(filled.next()?)?;
        let rows = arrays.iter().map(|it| it.len()).sum();
        filled.all(|it| value_of(it).as_ref() == Some(&value)).then_some(Self { rows, value })
    }
}

fn value_of(array: &ArrayRef) -> Option<Value> {
    if array.is_nullable() {
        return (array.logical_null_count() == array.len()).then_some(Value::Null);
    }
    if let Some(texts) = array.as_string_opt::<i32>() {
        let first = texts.value(0);
        // Most columns are told from the last row.
        let is_same = |row: usize| texts.value(row) == first;
        let is_uniform = is_same(texts.len() - 1) && (1..texts.len()).all(is_same);
        return is_uniform.then(|| Value::Text(first.to_owned()));
    }
    let times = array.as_primitive_opt::<TimestampMicrosecondType>()?.values();
    times.iter().all(|it| *it == times[0]).then(|| Value::Time(times[0]))
}
