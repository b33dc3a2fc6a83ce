"""Stores on Delta Lake, where they were before 2026."""

from metaxy.ext.polars.handlers.delta import DeltaMetadataStore

__all__ = ["DeltaMetadataStore"]
