"""Stores, where they were before."""

from metaxy.ext.polars.handlers.delta import DeltaMetadataStore, DeltaMetadataStoreConfig
from metaxy.ext.polars.handlers.iceberg import IcebergMetadataStore

__all__ = ["DeltaMetadataStore", "DeltaMetadataStoreConfig", "IcebergMetadataStore"]
