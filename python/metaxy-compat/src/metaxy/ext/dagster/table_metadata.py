"""A feature's columns and rows."""

from metalith.ext.dagster import (
    build_column_lineage,
    build_column_schema,
    build_table_preview_metadata,
)

__all__ = ["build_column_lineage", "build_column_schema", "build_table_preview_metadata"]
