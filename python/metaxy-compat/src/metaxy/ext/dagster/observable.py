"""Assets that are only looked at."""

from metalith.ext.dagster import observable_metaxy_asset

__all__ = ["observable_metaxy_asset"]
