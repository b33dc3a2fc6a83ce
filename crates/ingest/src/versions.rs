//! Versions by field from plain columns.
//!
//! Flat files have no structs, so a file may give the provenance of a field in a column named
//! `metaxy_provenance_by_field.<field>`, or the caller names any column for it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, RecordBatch, StructArray},
    compute::cast,
    datatypes::{DataType, Field, Fields, Schema, SchemaRef},
    error::ArrowError,
};
use futures::StreamExt as _;
use metalith_base::FieldKey;
use metalith_graph::columns;
use metalith_store::{Rows, StoreError};

use crate::{FileFormat, IngestError, read_file};

/// A column whose text is the provenance of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionColumn {
    /// The field.
    pub field: FieldKey,
    /// The column, which stays a column too.
    pub column: String,
}

/// The rows of a file as a store takes them: with versions by field, also where the file is flat.
pub fn read_samples(
    path: &Path,
    format: Option<FileFormat>,
    given: &[VersionColumn],
) -> Result<Rows, IngestError> {
    assemble_versions(read_file(path, format)?, given)
}

/// Puts flat version columns together to the structs that a store takes.
pub fn assemble_versions(rows: Rows, given: &[VersionColumn]) -> Result<Rows, IngestError> {
    let schema = rows.schema();
    let mut plan = Plan::default();
    for (index, field) in schema.fields().iter().enumerate() {
        let nested = [columns::PROVENANCE_BY_FIELD, columns::DATA_VERSION_BY_FIELD]
            .into_iter()
            .find_map(|name| Some((name, field.name().strip_prefix(name)?.strip_prefix('.')?)));
        match nested {
            Some((name, member)) => {
                plan.structs.entry(name).or_default().push((member.to_owned(), index));
            }
            None => plan.plain.push(index),
        }
    }
    for VersionColumn { field, column } in given {
        let index = schema.index_of(column).map_err(|_| IngestError::NoVersionColumn {
            column: column.clone(),
            field: field.to_string(),
        })?;
        let members = plan.structs.entry(columns::PROVENANCE_BY_FIELD).or_default();
        members.push((field.struct_name(), index));
    }
    if plan.structs.is_empty() {
        return Ok(rows);
    }
    let empty = RecordBatch::new_empty(SchemaRef::clone(&schema));
    let form = plan.apply(&empty).map_err(StoreError::arrow)?.schema();
    let batches =
        rows.into_stream().map(move |batch| plan.apply(&batch?).map_err(StoreError::arrow));
    Ok(Rows::new(form, batches))
}

/// Which columns stay, and which become members of structs.
#[derive(Default)]
struct Plan {
    plain: Vec<usize>,
    structs: BTreeMap<&'static str, Vec<(String, usize)>>,
}

impl Plan {
    fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut fields: Vec<Field> = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for index in &self.plain {
            fields.push(batch.schema().field(*index).clone());
            arrays.push(Arc::clone(batch.column(*index)));
        }
        for (name, members) in &self.structs {
            let types: Fields = members
                .iter()
                .map(|(member, _)| Field::new(member, DataType::Utf8, true))
                .collect();
            let values = members
                .iter()
                .map(|(_, index)| cast(batch.column(*index), &DataType::Utf8))
                .collect::<Result<Vec<_>, _>>()?;
            let structs = StructArray::try_new(types, values, None)?;
            fields.push(Field::new(*name, structs.data_type().clone(), true));
            arrays.push(Arc::new(structs));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }
}
