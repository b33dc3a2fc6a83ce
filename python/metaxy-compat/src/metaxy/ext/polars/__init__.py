"""Stores, where they were before."""

from metaxy.ext.polars.handlers.delta import DeltaMetadataStore

__all__ = ["DeltaMetadataStore"]
