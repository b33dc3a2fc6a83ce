"""Features as datasets of Ray."""

from metalith.ext.ray import MetaxyDatasink, MetaxyDatasource

__all__ = ["MetaxyDatasink", "MetaxyDatasource"]
