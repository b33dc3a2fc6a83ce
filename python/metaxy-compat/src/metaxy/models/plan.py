"""A feature with its upstreams."""

from metalith.plan import FeaturePlan, FQFieldKey

__all__ = ["FQFieldKey", "FeaturePlan"]
