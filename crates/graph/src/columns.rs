//! Names of the columns that the system sets.

/// Struct: per field, the hash of what it was computed from.
pub const PROVENANCE_BY_FIELD: &str = "metaxy_provenance_by_field";
/// Text: the hash over all fields.
pub const PROVENANCE: &str = "metaxy_provenance";
/// Struct: per field, what downstream hashes; provenance unless the user gave another.
pub const DATA_VERSION_BY_FIELD: &str = "metaxy_data_version_by_field";
/// Text: the same over all fields.
pub const DATA_VERSION: &str = "metaxy_data_version";
/// Text: the version of the feature's definition.
pub const FEATURE_VERSION: &str = "metaxy_feature_version";
/// Text: the version of the whole graph.
pub const PROJECT_VERSION: &str = "metaxy_project_version";
/// Time: when the sample was first written.
pub const CREATED_AT: &str = "metaxy_created_at";
/// Time: when this row was written.
pub const UPDATED_AT: &str = "metaxy_updated_at";
/// Time: when the sample was deleted; NULL for rows that are not tombstones.
pub const DELETED_AT: &str = "metaxy_deleted_at";
/// Text: the run that made the row.
pub const MATERIALIZATION_ID: &str = "metaxy_materialization_id";
/// Text: the deletion that wrote the row, which is a tombstone or has let go of a reference.
/// Metalith's own.
pub const DELETION_ID: &str = "metalith_deletion_id";
/// Text: who deleted. Metalith's own.
pub const DELETED_BY: &str = "metalith_deleted_by";
/// Text: why. Metalith's own.
pub const DELETION_REASON: &str = "metalith_deletion_reason";
/// Time: until when the sample can be restored; NULL for as long as retention says. Metalith's own.
pub const RECOVERABLE_UNTIL: &str = "metalith_recoverable_until";

/// Text: the step of a migration that wrote the row. Metalith's own.
pub const MIGRATION_ID: &str = "metalith_migration_id";
/// Text: a hash of the ids and data versions of the row that a migration carried over to this one.
/// Metalith's own.
pub const MIGRATED_FROM: &str = "metalith_migrated_from";

/// Text: what a resolve found a sample to be, where it hands out several kinds together. It is left out
/// where such rows are written back. Metalith's own.
pub const FINDING: &str = "metalith_finding";

/// The versions of a sample: of what it is computed from, and of its data.
pub const VERSIONS: [&str; 4] =
    [PROVENANCE_BY_FIELD, PROVENANCE, DATA_VERSION_BY_FIELD, DATA_VERSION];

/// What a tombstone says about the deletion.
pub const OF_DELETIONS: [&str; 4] = [DELETION_ID, DELETED_BY, DELETION_REASON, RECOVERABLE_UNTIL];

const ALL: [&str; 11] = [
    PROVENANCE_BY_FIELD,
    PROVENANCE,
    DATA_VERSION_BY_FIELD,
    DATA_VERSION,
    FEATURE_VERSION,
    PROJECT_VERSION,
    CREATED_AT,
    UPDATED_AT,
    DELETED_AT,
    MATERIALIZATION_ID,
    FINDING,
];

/// Whether a column is set by the system and not by users.
pub fn is_system(name: &str) -> bool {
    ALL.contains(&name) || is_internal(name)
}

/// Whether a column is Metalith's own bookkeeping, which rows from users must not have.
pub fn is_internal(name: &str) -> bool {
    OF_DELETIONS.contains(&name) || name == MIGRATION_ID || name == MIGRATED_FROM
}
