"""A feature as part of a graph."""

from metalith.definition import FeatureDefinition

__all__ = ["FeatureDefinition"]
