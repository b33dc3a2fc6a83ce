"""Features as datasets of Ray."""

from metaxy.ext.ray.datasink import MetaxyDatasink
from metaxy.ext.ray.datasource import MetaxyDatasource

__all__ = ["MetaxyDatasink", "MetaxyDatasource"]
