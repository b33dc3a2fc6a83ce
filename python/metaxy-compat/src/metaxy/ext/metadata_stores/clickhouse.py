"""Stores, where they were before."""

from metaxy._warnings import warn_moved
from metaxy.ext.clickhouse import ClickHouseMetadataStore

warn_moved(__name__, "metaxy.ext.clickhouse")

__all__ = ["ClickHouseMetadataStore"]
