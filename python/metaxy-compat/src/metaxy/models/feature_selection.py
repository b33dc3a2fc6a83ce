"""Which features are meant."""

from metalith.selection import FeatureSelection

__all__ = ["FeatureSelection"]
