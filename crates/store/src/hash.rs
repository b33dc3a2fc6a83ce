//! Hashes of samples: the functions, and the two query functions that use them.
//!
//! The text that is hashed, and how the result is written, is the versioning contract: one string
//! joined with `|`, NULL in gives NULL out, the result cut to the store's length.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, AsArray as _, MapArray, StringArray, StructArray, new_null_array,
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

pub(crate) use self::joined::{Part, hash_joined};
use crate::HashSettings;

mod joined;
mod md5_lanes;
mod text;

/// An expression: the hash of texts joined with `|`.
pub(crate) fn hash_of(settings: HashSettings, texts: Vec<Expr>) -> Expr {
    ScalarUDF::from(HashJoined::new(settings)).call(texts)
}

/// An expression: the value of one field in a `*_by_field` column, be it a struct or a map.
pub(crate) fn field_version(by_field: Expr, struct_name: &str) -> Expr {
    ScalarUDF::from(FieldVersion::new()).call(vec![by_field, lit(struct_name)])
}

/// `metalith_hash(text, …)`: joins its arguments with `|` row by row and hashes the result.
#[derive(Debug, PartialEq, Eq, Hash)]
struct HashJoined {
    settings: HashSettings,
    signature: Signature,
}

impl HashJoined {
    fn new(settings: HashSettings) -> Self {
        Self { settings, signature: Signature::variadic_any(Volatility::Immutable) }
    }
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
        Ok(ColumnarValue::Array(Arc::new(hash_joined(self.settings, parts, rows)?)))
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
