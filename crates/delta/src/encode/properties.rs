//! How columns are written to Parquet.

use std::collections::HashSet;

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _, RecordBatch},
    datatypes::{DataType, Int64Type, SchemaRef},
};
use metalith_graph::columns;
use parquet::{
    basic::{Compression, Encoding},
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};

/// How footers name who wrote a file, up to the version.
pub(crate) const WRITER: &str = "metalith version ";

/// Values of a column that are looked at to tell how it is best written,
const SAMPLE: usize = 1024;
/// and how many of these tell nothing.
const FEW: usize = 100;

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
        .set_created_by(format!("{WRITER}{}", env!("CARGO_PKG_VERSION")));
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
