"""What a feature is."""

from typing import Union

from metalith.fields import FieldSpec
from metalith.keys import CoercibleToFeatureKey
from metalith.spec import FeatureDep, FeatureSpec, FeatureSpecWithIDColumns, IDColumns

CoercibleToFeatureDep = Union[FeatureDep, CoercibleToFeatureKey]  # noqa: UP007 - it has names
CoercibleToFieldSpec = str | FieldSpec

__all__ = [
    "CoercibleToFeatureDep",
    "CoercibleToFieldSpec",
    "FeatureDep",
    "FeatureSpec",
    "FeatureSpecWithIDColumns",
    "IDColumns",
]
