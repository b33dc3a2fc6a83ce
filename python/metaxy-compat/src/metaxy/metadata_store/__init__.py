"""Stores."""

from metalith.stores import InMemoryMetadataStore, MetadataStore

from metaxy.metadata_store.exceptions import (
    DependencyError,
    FeatureNotFoundError,
    FieldNotFoundError,
    HashAlgorithmNotSupportedError,
    MetadataSchemaError,
    MetadataStoreError,
    StoreNotOpenError,
)
from metaxy.metadata_store.system import FEATURE_VERSIONS_KEY
from metaxy.metadata_store.types import AccessMode

__all__ = [
    "FEATURE_VERSIONS_KEY",
    "AccessMode",
    "DependencyError",
    "FeatureNotFoundError",
    "FieldNotFoundError",
    "HashAlgorithmNotSupportedError",
    "InMemoryMetadataStore",
    "MetadataSchemaError",
    "MetadataStore",
    "MetadataStoreError",
    "StoreNotOpenError",
]
