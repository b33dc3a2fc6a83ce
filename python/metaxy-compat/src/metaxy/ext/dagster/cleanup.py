"""Deleting samples in a job."""

import dagster as dg
from metalith.ext.dagster import DeleteMetadataConfig, delete_metadata
from metalith.ext.dagster.cleanup import run
from metalith.ext.dagster.constants import DELETION_RESOURCE_KEY

__all__ = ["DeleteMetadataConfig", "delete", "delete_metadata"]


@dg.op(required_resource_keys={DELETION_RESOURCE_KEY})
def delete(context: dg.OpExecutionContext, config: DeleteMetadataConfig) -> None:
    """Deletes samples; the store is the resource `metaxy_store`."""
    run(context, config, method="delete")
