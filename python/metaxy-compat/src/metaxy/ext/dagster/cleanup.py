"""Deleting samples in a job."""

from metalith.ext.dagster import DeleteMetadataConfig, delete_metadata

__all__ = ["DeleteMetadataConfig", "delete_metadata"]
