"""Features as types of outputs."""

from metalith.ext.dagster import feature_to_dagster_type

__all__ = ["feature_to_dagster_type"]
