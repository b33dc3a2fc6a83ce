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

__all__ = [
    "AllFieldsMapping",
    "BaseFieldsMapping",
    "DefaultFieldsMapping",
    "FieldsMapping",
    "FieldsMappingResolutionContext",
    "FieldsMappingType",
    "NoneFieldsMapping",
    "SpecificFieldsMapping",
]
