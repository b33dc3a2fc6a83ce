//! Samples that a caller gives as the expected rows.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{Field, Schema, SchemaRef},
    },
    logical_expr::LogicalPlan,
};
use metalith_expr::Expr;
use metalith_graph::{Feature, columns};

use crate::{
    Frame, HashSettings, RowProblem, Store, StoreError,
    compare::in_memory,
    evolution::to_stored,
    lower::lower_filters,
    versions::{GivenProvenance, Versions},
};

/// The plan of given samples, filtered: their columns and the four version columns, with
/// provenance computed anew.
pub(crate) fn given_samples(
    store: &Store,
    feature: &Feature,
    samples: &[RecordBatch],
    filters: &[Expr],
) -> Result<LogicalPlan, StoreError> {
    let batches = samples
        .iter()
        .map(|batch| with_versions(feature, batch, store.hash()))
        .collect::<Result<Vec<_>, _>>()?;
    let schema = match batches.first() {
        Some(first) => first.schema(),
        None => with_versions(feature, &no_samples(feature), store.hash())?.schema(),
    };
    let failed = |error| StoreError::engine(feature.key().as_str(), error);
    let mut plan = in_memory(&Frame { schema, batches }).map_err(failed)?;
    if let Some(filter) = lower_filters(feature.key(), filters, plan.schema(), store.now())? {
        plan = plan.filter(filter).map_err(failed)?;
    }
    plan.build().map_err(failed)
}

fn no_samples(feature: &Feature) -> RecordBatch {
    let ids = feature.spec().id_columns.iter();
    let ids = ids.map(|id| Field::new(id, datafusion::arrow::datatypes::DataType::Utf8, true));
    let versions =
        Field::new(columns::PROVENANCE_BY_FIELD, crate::versions::by_field_type(feature), true);
    RecordBatch::new_empty(Arc::new(Schema::new(ids.chain([versions]).collect::<Vec<_>>())))
}

fn with_versions(
    feature: &Feature,
    batch: &RecordBatch,
    hash: HashSettings,
) -> Result<RecordBatch, StoreError> {
    for id in &feature.spec().id_columns {
        if batch.column_by_name(id).is_none() {
            let problem = RowProblem::MissingColumn {
                column: id.clone(),
                present: batch.schema().fields().iter().map(|it| it.name().clone()).collect(),
            };
            return Err(StoreError::rows(feature.key(), problem));
        }
    }
    let versions = Versions::complete(feature, batch, hash, GivenProvenance::Recomputed)?;
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if columns::is_system(field.name()) {
            continue;
        }
        let array = to_stored(field, array, 0)
            .map_err(|problem| StoreError::rows(feature.key(), problem))?;
        fields.push(Field::new(field.name(), array.data_type().clone(), true));
        arrays.push(array);
    }
    let Versions { provenance_by_field, provenance, data_version_by_field, data_version } =
        versions;
    let versions = [provenance_by_field, provenance, data_version_by_field, data_version];
    for (name, array) in columns::VERSIONS.into_iter().zip(versions) {
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, arrays).map_err(StoreError::arrow)
}
