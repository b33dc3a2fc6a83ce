"""Stores, where they were before."""

from metaxy._warnings import warn_moved
from metaxy.ext.bigquery import BigQueryMetadataStore

warn_moved(__name__, "metaxy.ext.bigquery")

__all__ = ["BigQueryMetadataStore"]
