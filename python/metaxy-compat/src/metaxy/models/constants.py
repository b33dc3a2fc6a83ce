"""The columns that every stored row has beside its own."""

from metaxy.utils.constants import DEFAULT_CODE_VERSION

SYSTEM_COLUMN_PREFIX = "metaxy_"
METAXY_PROVENANCE_BY_FIELD = "metaxy_provenance_by_field"
METAXY_PROVENANCE = "metaxy_provenance"
METAXY_FEATURE_VERSION = "metaxy_feature_version"
METAXY_PROJECT_VERSION = "metaxy_project_version"
METAXY_DEFINITION_VERSION = "metaxy_definition_version"
METAXY_FEATURE_SPEC_VERSION = "metaxy_feature_spec_version"
# How it was called before 2026.
METAXY_SNAPSHOT_VERSION = METAXY_PROJECT_VERSION
METAXY_DATA_VERSION_BY_FIELD = "metaxy_data_version_by_field"
METAXY_DATA_VERSION = "metaxy_data_version"
METAXY_CREATED_AT = "metaxy_created_at"
METAXY_UPDATED_AT = "metaxy_updated_at"
METAXY_DELETED_AT = "metaxy_deleted_at"
METAXY_MATERIALIZATION_ID = "metaxy_materialization_id"

SYSTEM_COLUMNS_WITH_LINEAGE = frozenset(
    [
        METAXY_PROVENANCE_BY_FIELD,
        METAXY_PROVENANCE,
        METAXY_DATA_VERSION_BY_FIELD,
        METAXY_DATA_VERSION,
    ]
)
ALL_SYSTEM_COLUMNS = SYSTEM_COLUMNS_WITH_LINEAGE | {
    METAXY_FEATURE_VERSION,
    METAXY_PROJECT_VERSION,
    METAXY_CREATED_AT,
    METAXY_UPDATED_AT,
    METAXY_DELETED_AT,
    METAXY_MATERIALIZATION_ID,
}
_KEPT = frozenset([METAXY_PROVENANCE_BY_FIELD, METAXY_PROVENANCE])

__all__ = [
    "ALL_SYSTEM_COLUMNS",
    "DEFAULT_CODE_VERSION",
    "METAXY_CREATED_AT",
    "METAXY_DATA_VERSION",
    "METAXY_DATA_VERSION_BY_FIELD",
    "METAXY_DEFINITION_VERSION",
    "METAXY_DELETED_AT",
    "METAXY_FEATURE_SPEC_VERSION",
    "METAXY_FEATURE_VERSION",
    "METAXY_MATERIALIZATION_ID",
    "METAXY_PROJECT_VERSION",
    "METAXY_PROVENANCE",
    "METAXY_PROVENANCE_BY_FIELD",
    "METAXY_SNAPSHOT_VERSION",
    "METAXY_UPDATED_AT",
    "SYSTEM_COLUMNS_WITH_LINEAGE",
    "SYSTEM_COLUMN_PREFIX",
    "is_droppable_system_column",
    "is_system_column",
]


def is_system_column(name: str) -> bool:
    """Whether a column is one of these.

    >>> is_system_column("metaxy_created_at"), is_system_column("id")
    (True, False)
    """
    return name in ALL_SYSTEM_COLUMNS


def is_droppable_system_column(name: str) -> bool:
    """Whether a column is one of these that a join leaves out."""
    return name in ALL_SYSTEM_COLUMNS - _KEPT
