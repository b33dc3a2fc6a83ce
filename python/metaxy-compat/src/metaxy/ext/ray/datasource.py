"""Features as datasets of Ray."""

from metalith.ext.ray import MetaxyDatasource

__all__ = ["MetaxyDatasource"]
