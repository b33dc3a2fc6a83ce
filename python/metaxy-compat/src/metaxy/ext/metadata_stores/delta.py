"""Stores, where they were before."""

from metaxy._warnings import warn_moved
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore

warn_moved(__name__, "metaxy.ext.polars.handlers.delta")

__all__ = ["DeltaMetadataStore"]
