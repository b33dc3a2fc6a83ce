"""What a feature is."""

from metalith.spec import FeatureDep, FeatureSpec, FeatureSpecWithIDColumns, IDColumns

__all__ = ["FeatureDep", "FeatureSpec", "FeatureSpecWithIDColumns", "IDColumns"]
