"""Samples as what assets return and take."""

from metalith.ext.dagster import MetaxyIOManager, MetaxyOutput

__all__ = ["MetaxyIOManager", "MetaxyOutput"]
