"""Stores: where the metadata of features lives."""

from metalith.stores.base import MetadataStore
from metalith.stores.configured import ConfiguredMetadataStore
from metalith.stores.databases import (
    DatabaseMetadataStore,
    DuckDBMetadataStore,
    PostgreSQLMetadataStore,
    SQLiteMetadataStore,
)
from metalith.stores.deletions import (
    Blocker,
    CascadeMode,
    Deletion,
    DeletionPlan,
    DeletionStep,
)
from metalith.stores.delta import DeltaMetadataStore
from metalith.stores.memory import InMemoryMetadataStore
from metalith.stores.session import AccessMode

__all__ = [
    "AccessMode",
    "Blocker",
    "CascadeMode",
    "ConfiguredMetadataStore",
    "DatabaseMetadataStore",
    "Deletion",
    "DeletionPlan",
    "DeletionStep",
    "DeltaMetadataStore",
    "DuckDBMetadataStore",
    "InMemoryMetadataStore",
    "MetadataStore",
    "PostgreSQLMetadataStore",
    "SQLiteMetadataStore",
]
