//! Hashes of samples: the functions, and the two query functions that use them.
//!
//! The text that is hashed, and how the result is written, is the versioning contract: one string
//! joined with `|`, NULL in gives NULL out, the result cut to the store's length.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, AsArray as _, MapArray, StringArray, StringBuilder, StructArray,
            new_null_array,
        },
        compute::cast,
        datatypes::DataType,
    },
    common::{Result, ScalarValue, exec_err, plan_err},
    logical_expr::{
        ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        lit,
    },
};
use md5::{Digest as _, Md5};
use sha2::Sha256;

use self::md5_lanes::Md5Lanes;
use crate::{HashAlgorithm, HashSettings};

mod md5_lanes;

/// Hashes of many texts, as a column.
pub(crate) struct HashColumn {
    hasher: TextHasher,
    hashes: StringBuilder,
    /// MD5 of several texts at once; hashes of these wait for the others.
    md5: Option<Md5Lanes>,
    /// What is to come after the hashes so far: a text that waits, or NULL.
    waiting: Vec<bool>,
}

impl HashColumn {
    /// Room for so many hashes.
    pub(crate) fn new(settings: HashSettings, rows: usize) -> Self {
        Self {
            hasher: TextHasher::new(settings),
            hashes: StringBuilder::with_capacity(rows, rows * 32),
            md5: (settings.algorithm == HashAlgorithm::Md5).then(Md5Lanes::default),
            waiting: Vec::with_capacity(64),
        }
    }

    /// Adds the hash of a text.
    pub(crate) fn push(&mut self, text: &str) {
        let Some(md5) = &mut self.md5 else {
            self.hashes.append_value(self.hasher.hash(text));
            return;
        };
        self.waiting.push(true);
        if md5.push(text.as_bytes()) {
            self.settle();
        }
    }

    /// Adds NULL.
    pub(crate) fn push_null(&mut self) {
        match self.waiting.is_empty() {
            true => self.hashes.append_null(),
            false => self.waiting.push(false),
        }
    }

    /// The column.
    pub(crate) fn finish(mut self) -> StringArray {
        self.settle();
        self.hashes.finish()
    }

    /// Adds what waits.
    fn settle(&mut self) {
        let Some(md5) = &mut self.md5 else { return };
        let mut digests = md5.digests();
        for is_text in self.waiting.drain(..) {
            let digest = if is_text { digests.next() } else { None };
            match digest {
                Some(digest) => self.hashes.append_value(self.hasher.hex(&digest)),
                None => self.hashes.append_null(),
            }
        }
    }
}

/// Hashes texts, one after another. What it works with is used again and again.
struct TextHasher {
    settings: HashSettings,
    number: itoa::Buffer,
    hex: [u8; 64],
}

impl TextHasher {
    fn new(settings: HashSettings) -> Self {
        Self { settings, number: itoa::Buffer::new(), hex: [0; 64] }
    }

    /// The hash of a text as the settings write it.
    fn hash(&mut self, text: &str) -> &str {
        let bytes = text.as_bytes();
        let hash = match self.settings.algorithm {
            HashAlgorithm::XxHash64 => self.number.format(xxhash_rust::xxh64::xxh64(bytes, 0)),
            HashAlgorithm::XxHash32 => self.number.format(xxhash_rust::xxh32::xxh32(bytes, 0)),
            HashAlgorithm::WyHash => self.number.format(wyhash::wyhash(bytes, 0)),
            HashAlgorithm::Md5 => write_hex(&Md5::digest(bytes), &mut self.hex),
            HashAlgorithm::Sha256 => write_hex(&Sha256::digest(bytes), &mut self.hex),
        };
        self.settings.length.cut(hash)
    }

    /// A digest as the settings write it.
    fn hex(&mut self, digest: &[u8]) -> &str {
        self.settings.length.cut(write_hex(digest, &mut self.hex))
    }
}

/// A digest in lower hex.
fn write_hex<'a>(digest: &[u8], hex: &'a mut [u8; 64]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let length = (digest.len() * 2).min(hex.len());
    for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(&hex[..length]).unwrap_or_default()
}

/// An expression: the hash of texts joined with `|`.
pub(crate) fn hash_of(settings: HashSettings, texts: Vec<Expr>) -> Expr {
    ScalarUDF::from(HashJoined::new(settings)).call(texts)
}

/// An expression: the value of one field in a `*_by_field` column, be it a struct or a map.
pub(crate) fn field_version(by_field: Expr, struct_name: &str) -> Expr {
    ScalarUDF::from(FieldVersion::new()).call(vec![by_field, lit(struct_name)])
}

/// `metalith_hash(text, …)`: joins its arguments with `|` row by row and hashes the result.
///
/// The joined text of a row lives in one reused buffer; no column of joined texts is made.
#[derive(Debug, PartialEq, Eq, Hash)]
struct HashJoined {
    settings: HashSettings,
    signature: Signature,
}

impl HashJoined {
    fn new(settings: HashSettings) -> Self {
        Self { settings, signature: Signature::variadic_any(Volatility::Immutable) }
    }

    /// The text of a row, or `false` when a part of it is NULL.
    fn join(parts: &[Part], row: usize, text: &mut String) -> bool {
        text.clear();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                text.push('|');
            }
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Column(column) if column.is_null(row) => return false,
                Part::Column(column) => text.push_str(column.value(row)),
            }
        }
        true
    }
}

enum Part {
    Literal(String),
    Column(StringArray),
}

impl ScalarUDFImpl for HashJoined {
    fn name(&self) -> &'static str {
        "metalith_hash"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut parts = Vec::with_capacity(args.args.len());
        for arg in args.args {
            match arg {
                ColumnarValue::Scalar(ScalarValue::Utf8(Some(text))) => {
                    parts.push(Part::Literal(text));
                }
                other => {
                    let array = cast(&other.into_array(rows)?, &DataType::Utf8)?;
                    parts.push(Part::Column(array.as_string::<i32>().clone()));
                }
            }
        }
        let mut hashes = HashColumn::new(self.settings, rows);
        let mut text = String::new();
        for row in 0..rows {
            match Self::join(&parts, row, &mut text) {
                true => hashes.push(&text),
                false => hashes.push_null(),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(hashes.finish())))
    }
}

/// `metalith_field_version(by_field, name)`: a member of a struct, or the value of a key of a map.
///
/// A member that the stored struct does not have is NULL: rows written before the field existed.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FieldVersion {
    signature: Signature,
}

impl FieldVersion {
    fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for FieldVersion {
    fn name(&self) -> &'static str {
        "metalith_field_version"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args.first() {
            Some(DataType::Struct(_) | DataType::Map(_, _) | DataType::Null) => Ok(DataType::Utf8),
            other => plan_err!("versions by field must be a struct or a map, not {other:?}"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [by_field, ColumnarValue::Scalar(ScalarValue::Utf8(Some(name)))] = &args.args[..]
        else {
            return exec_err!("a field version is asked for by a literal name");
        };
        let by_field = by_field.to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(member(&by_field, name)?))
    }
}

/// The values of one field in a `*_by_field` array, as text.
pub(crate) fn member(by_field: &ArrayRef, name: &str) -> Result<ArrayRef> {
    if let Some(structs) = by_field.as_struct_opt() {
        return struct_member(structs, name);
    }
    if let Some(maps) = by_field.as_map_opt() {
        return map_value(maps, name);
    }
    Ok(new_null_array(&DataType::Utf8, by_field.len()))
}

fn struct_member(structs: &StructArray, name: &str) -> Result<ArrayRef> {
    let Some(column) = structs.column_by_name(name) else {
        return Ok(new_null_array(&DataType::Utf8, structs.len()));
    };
    let text = cast(column, &DataType::Utf8)?;
    let Some(present) = structs.nulls() else { return Ok(text) };
    let text = text.as_string::<i32>();
    let both = datafusion::arrow::buffer::NullBuffer::union(text.nulls(), Some(present));
    Ok(Arc::new(StringArray::try_new(text.offsets().clone(), text.values().clone(), both)?))
}

fn map_value(maps: &MapArray, name: &str) -> Result<ArrayRef> {
    let keys = cast(maps.keys(), &DataType::Utf8)?;
    let values = cast(maps.values(), &DataType::Utf8)?;
    let (keys, values) = (keys.as_string::<i32>(), values.as_string::<i32>());
    let offsets = maps.offsets();
    Ok(Arc::new(
        (0..maps.len())
            .map(|row| {
                let entries = offsets[row] as usize..offsets[row + 1] as usize;
                let entry = entries.into_iter().find(|it| keys.value(*it) == name)?;
                (maps.is_valid(row) && values.is_valid(entry)).then(|| values.value(entry))
            })
            .collect::<StringArray>(),
    ))
}

#[cfg(test)]
mod tests;
