"""Assets by feature."""

from metalith.ext.dagster import select_metaxy_assets

__all__ = ["select_metaxy_assets"]
