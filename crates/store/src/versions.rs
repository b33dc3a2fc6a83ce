//! The version columns of rows that a user gives: checked, brought into one form, filled in.

use std::sync::Arc;

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray as _, RecordBatch, StructArray, new_null_array},
    compute::{cast, is_null, kernels::zip::zip},
    datatypes::{DataType, Field, Fields},
};
use metalith_graph::{Feature, columns};

use crate::{
    HashSettings, RowProblem, StoreError,
    hash::{Part, hash_joined, member},
};

/// The four version columns of a batch.
#[derive(Debug)]
pub(crate) struct Versions {
    pub(crate) provenance_by_field: ArrayRef,
    pub(crate) provenance: ArrayRef,
    pub(crate) data_version_by_field: ArrayRef,
    pub(crate) data_version: ArrayRef,
}

/// Whether a provenance that the user gave is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenProvenance {
    /// Kept verbatim: what is being written was computed so.
    Kept,
    /// Computed anew from the provenance by field: what is expected is compared so.
    Recomputed,
}

/// The type of a `*_by_field` column of a feature.
pub(crate) fn by_field_type(feature: &Feature) -> DataType {
    let fields = feature.spec().fields.iter();
    DataType::Struct(
        fields.map(|field| Field::new(field.key.struct_name(), DataType::Utf8, true)).collect(),
    )
}

impl Versions {
    /// Checks and completes the version columns of a batch.
    ///
    /// `metaxy_provenance_by_field` must be there; of the others, what is absent or NULL is filled.
    pub(crate) fn complete(
        feature: &Feature,
        batch: &RecordBatch,
        hash: HashSettings,
        given: GivenProvenance,
    ) -> Result<Self, StoreError> {
        let refuse = |problem| StoreError::rows(feature.key(), problem);
        let by_field = by_field(feature, batch, columns::PROVENANCE_BY_FIELD)
            .map_err(refuse)?
            .ok_or_else(|| refuse(missing(batch, columns::PROVENANCE_BY_FIELD)))?;
        let computed = hash_by_field(&by_field, hash)?;
        let provenance = match text(batch, columns::PROVENANCE).map_err(refuse)? {
            Some(text) if given == GivenProvenance::Kept => or_else(&text, &computed)?,
            _ => computed,
        };
        let own = self::by_field(feature, batch, columns::DATA_VERSION_BY_FIELD).map_err(refuse)?;
        let (data_version_by_field, derived) = match own {
            Some(own) => {
                let filled = or_else(&own, &by_field)?;
                let derived = hash_by_field(&filled, hash)?;
                (filled, derived)
            }
            None => (Arc::clone(&by_field), Arc::clone(&provenance)),
        };
        let data_version = match text(batch, columns::DATA_VERSION).map_err(refuse)? {
            Some(text) => or_else(&text, &provenance)?,
            None => derived,
        };
        Ok(Self { provenance_by_field: by_field, provenance, data_version_by_field, data_version })
    }
}

fn missing(batch: &RecordBatch, column: &str) -> RowProblem {
    RowProblem::MissingColumn {
        column: column.to_owned(),
        present: batch.schema().fields().iter().map(|field| field.name().clone()).collect(),
    }
}

/// A `*_by_field` column as a struct of text with one member per field, in the spec's order.
fn by_field(
    feature: &Feature,
    batch: &RecordBatch,
    column: &str,
) -> Result<Option<ArrayRef>, RowProblem> {
    let Some(given) = batch.column_by_name(column) else { return Ok(None) };
    let wrong_type = || RowProblem::WrongType {
        column: column.to_owned(),
        expected: "a struct or map of text".to_owned(),
        found: given.data_type().to_string(),
    };
    let DataType::Struct(members) = by_field_type(feature) else { return Err(wrong_type()) };
    match given.data_type() {
        DataType::Struct(present) => check_members(column, present, &members)?,
        DataType::Map(_, _) => {}
        DataType::Null => return Ok(Some(new_null_array(&DataType::Struct(members), given.len()))),
        _ => return Err(wrong_type()),
    }
    let values = members
        .iter()
        .map(|field| member(given, field.name()).map_err(|_| wrong_type()))
        .collect::<Result<Vec<_>, _>>()?;
    let nulls = given.logical_nulls();
    StructArray::try_new(members, values, nulls)
        .map(|it| Some(Arc::new(it) as ArrayRef))
        .map_err(|_| wrong_type())
}

fn check_members(column: &str, present: &Fields, wanted: &Fields) -> Result<(), RowProblem> {
    for field in wanted {
        let Some((_, found)) = present.find(field.name()) else {
            return Err(RowProblem::MissingField {
                column: column.to_owned(),
                field: field.name().clone(),
                present: present.iter().map(|it| it.name().clone()).collect(),
            });
        };
        let is_text = matches!(
            found.data_type(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null
        ) || matches!(found.data_type(), DataType::Dictionary(_, values) if values.is_string());
        if !is_text {
            return Err(RowProblem::WrongType {
                column: format!("{column}.{}", field.name()),
                expected: "text".to_owned(),
                found: found.data_type().to_string(),
            });
        }
    }
    Ok(())
}

fn text(batch: &RecordBatch, column: &str) -> Result<Option<ArrayRef>, RowProblem> {
    let Some(given) = batch.column_by_name(column) else { return Ok(None) };
    match given.data_type() {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            cast(given, &DataType::Utf8).map(Some)
        }
        DataType::Dictionary(_, _) => cast(given, &DataType::Utf8).map(Some),
        _ => return Err(wrong_text(column, given.data_type())),
    }
    .map_err(|_| wrong_text(column, given.data_type()))
}

fn wrong_text(column: &str, found: &DataType) -> RowProblem {
    RowProblem::WrongType {
        column: column.to_owned(),
        expected: "text".to_owned(),
        found: found.to_string(),
    }
}

/// H over the values by struct member name, joined with `|`; NULL where one of them is.
pub(crate) fn hash_by_field(
    by_field: &ArrayRef,
    hash: HashSettings,
) -> Result<ArrayRef, StoreError> {
    let mut names: Vec<&str> =
        by_field.as_struct().fields().iter().map(|field| field.name().as_str()).collect();
    names.sort_unstable();
    let text = |name: &str| {
        let values =
            member(by_field, name).map_err(|error| StoreError::engine("versions", error))?;
        Ok(Part::Column(values.as_string::<i32>().clone()))
    };
    let parts = names.into_iter().map(text).collect::<Result<_, StoreError>>()?;
    let hashes = hash_joined(hash, parts, by_field.len()).map_err(StoreError::arrow)?;
    Ok(Arc::new(hashes))
}

/// `given` where it is not NULL, else `other`.
fn or_else(given: &ArrayRef, other: &ArrayRef) -> Result<ArrayRef, StoreError> {
    if given.logical_null_count() == 0 {
        return Ok(Arc::clone(given));
    }
    let absent = is_null(given).map_err(StoreError::arrow)?;
    zip(&absent, other, given).map_err(StoreError::arrow)
}
