"""Features as datasets of Ray."""

from metalith.ext.ray import MetaxyDatasink

__all__ = ["MetaxyDatasink"]
