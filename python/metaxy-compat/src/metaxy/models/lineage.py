"""How samples of an upstream correspond to samples of a feature."""

from metalith.lineage import (
    AggregationRelationship,
    BaseLineageRelationship,
    ExpansionRelationship,
    IdentityRelationship,
    LineageRelationship,
    LineageRelationshipType,
)

LineageRelationshipUnion = IdentityRelationship | AggregationRelationship | ExpansionRelationship

__all__ = [
    "AggregationRelationship",
    "BaseLineageRelationship",
    "ExpansionRelationship",
    "IdentityRelationship",
    "LineageRelationship",
    "LineageRelationshipType",
    "LineageRelationshipUnion",
]
