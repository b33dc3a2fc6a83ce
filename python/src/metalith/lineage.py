"""How samples of an upstream correspond to samples of a feature.

>>> LineageRelationship.expansion(on=["video_id"]).relationship.type.value
'1:N'
"""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import Self


class LineageRelationshipType(str, Enum):
    """The kinds of correspondence."""

    IDENTITY = "1:1"
    AGGREGATION = "N:1"
    EXPANSION = "1:N"


def _columns(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


_Columns: TypeAlias = Annotated[Sequence[str], BeforeValidator(_columns)]


class BaseLineageRelationship(BaseModel):
    """What all kinds have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def get_aggregation_columns(self, target_id_columns: Sequence[str]) -> Sequence[str] | None:
        """The columns that make a group; `None` when nothing is grouped."""
        return None


class IdentityRelationship(BaseLineageRelationship):
    """One sample from one."""

    type: Literal[LineageRelationshipType.IDENTITY] = LineageRelationshipType.IDENTITY


class AggregationRelationship(BaseLineageRelationship):
    """One sample from many."""

    type: Literal[LineageRelationshipType.AGGREGATION] = LineageRelationshipType.AGGREGATION
    on: _Columns | None = None

    def get_aggregation_columns(self, target_id_columns: Sequence[str]) -> Sequence[str]:
        """`on`, or the ids of the feature."""
        return target_id_columns if self.on is None else self.on


class ExpansionRelationship(BaseLineageRelationship):
    """Many samples from one."""

    type: Literal[LineageRelationshipType.EXPANSION] = LineageRelationshipType.EXPANSION
    on: _Columns
    id_generation_pattern: str | None = None


LineageRelationshipUnion: TypeAlias = Annotated[
    IdentityRelationship | AggregationRelationship | ExpansionRelationship,
    Field(discriminator="type"),
]


class LineageRelationship(BaseModel):
    """How samples of one upstream correspond to samples of a feature.

    >>> LineageRelationship.aggregation(on=["hour"]).model_dump(mode="json")
    {'relationship': {'type': 'N:1', 'on': ['hour']}}
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    relationship: LineageRelationshipUnion

    @classmethod
    def identity(cls) -> Self:
        """Each sample from the one with the same ids."""
        return cls(relationship=IdentityRelationship())

    @classmethod
    def aggregation(cls, on: Sequence[str] | None = None) -> Self:
        """Each sample from all that agree in `on`, by default in the feature's ids."""
        return cls(relationship=AggregationRelationship(on=on))

    @classmethod
    def expansion(cls, on: Sequence[str], id_generation_pattern: str | None = None) -> Self:
        """Many samples from the one that `on` names. The pattern is a note for people."""
        return cls(
            relationship=ExpansionRelationship(on=on, id_generation_pattern=id_generation_pattern)
        )

    def get_aggregation_columns(self, target_id_columns: Sequence[str]) -> Sequence[str] | None:
        """The columns that make a group; `None` when nothing is grouped."""
        return self.relationship.get_aggregation_columns(target_id_columns)
