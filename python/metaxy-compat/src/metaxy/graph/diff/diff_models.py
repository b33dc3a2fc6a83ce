"""What is different between two graphs."""

from typing import Any

from metalith.keys import FeatureKey, FieldKey
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AddedNode", "FieldChange", "GraphDiff", "NodeChange", "RemovedNode"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Change(_Model):
    old_version: str | None = None
    new_version: str | None = None
    old_code_version: str | None = None
    new_code_version: str | None = None

    @property
    def is_added(self) -> bool:
        """Whether it was not there before."""
        return self.old_version is None

    @property
    def is_removed(self) -> bool:
        """Whether it is not there any more."""
        return self.new_version is None

    @property
    def is_changed(self) -> bool:
        """Whether it was and is there, under different versions."""
        there = self.old_version is not None and self.new_version is not None
        return there and self.old_version != self.new_version


class FieldChange(_Change):
    """A field that is different."""

    field_key: FieldKey


class NodeChange(_Change):
    """A feature that is different."""

    feature_key: FeatureKey
    added_fields: list[FieldChange] = Field(default_factory=list[FieldChange])
    removed_fields: list[FieldChange] = Field(default_factory=list[FieldChange])
    changed_fields: list[FieldChange] = Field(default_factory=list[FieldChange])

    @property
    def field_changes(self) -> list[FieldChange]:
        """All fields that are different."""
        return [*self.added_fields, *self.removed_fields, *self.changed_fields]

    @property
    def has_field_changes(self) -> bool:
        """Whether any field is different."""
        return bool(self.field_changes)


class _Node(_Model):
    feature_key: FeatureKey
    version: str
    code_version: str | None = None
    fields: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    dependencies: list[FeatureKey] = Field(default_factory=list[FeatureKey])


class AddedNode(_Node):
    """A feature that only the newer graph has."""


class RemovedNode(_Node):
    """A feature that only the older graph has."""


class GraphDiff(_Model):
    """Everything that is different."""

    from_project_version: str
    to_project_version: str
    added_nodes: list[AddedNode] = Field(default_factory=list[AddedNode])
    removed_nodes: list[RemovedNode] = Field(default_factory=list[RemovedNode])
    changed_nodes: list[NodeChange] = Field(default_factory=list[NodeChange])

    @property
    def has_changes(self) -> bool:
        """Whether anything is different."""
        return bool(self.added_nodes or self.removed_nodes or self.changed_nodes)
