"""Errors of stores: Metalith's, by their names in Metaxy."""

from metalith.errors import (
    FeatureNotFoundError,
    GraphError,
    MetadataSchemaError,
    NotFoundError,
    StoreNotOpenError,
    UnsupportedError,
)
from metalith.errors import MetalithError as MetadataStoreError

FieldNotFoundError = NotFoundError
SystemDataNotFoundError = NotFoundError
TableNotFoundError = FeatureNotFoundError
DependencyError = GraphError
HashAlgorithmNotSupportedError = UnsupportedError
VersioningEngineMismatchError = UnsupportedError

__all__ = [
    "DependencyError",
    "FeatureNotFoundError",
    "FieldNotFoundError",
    "HashAlgorithmNotSupportedError",
    "MetadataSchemaError",
    "MetadataStoreError",
    "StoreNotOpenError",
    "SystemDataNotFoundError",
    "TableNotFoundError",
    "VersioningEngineMismatchError",
]
