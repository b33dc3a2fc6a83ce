"""Features as assets."""

from metalith.ext.dagster import metaxify

__all__ = ["metaxify"]
