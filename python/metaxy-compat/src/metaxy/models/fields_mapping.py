"""From which fields of its upstreams a field is computed."""

from metalith.fields import (
    AllFieldsMapping,
    BaseFieldsMapping,
    DefaultFieldsMapping,
    FieldsMapping,
    FieldsMappingResolutionContext,
    FieldsMappingType,
    NoneFieldsMapping,
    SpecificFieldsMapping,
)
from pydantic import TypeAdapter

FieldsMappingAdapter = TypeAdapter(
    AllFieldsMapping | SpecificFieldsMapping | NoneFieldsMapping | DefaultFieldsMapping
)

__all__ = [
    "AllFieldsMapping",
    "BaseFieldsMapping",
    "DefaultFieldsMapping",
    "FieldsMapping",
    "FieldsMappingAdapter",
    "FieldsMappingResolutionContext",
    "FieldsMappingType",
    "NoneFieldsMapping",
    "SpecificFieldsMapping",
]
