"""What is different between two graphs."""

from collections.abc import Mapping
from typing import Any

from metalith.keys import FeatureKey, FieldKey
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import Self

from metaxy.graph.diff.models import told

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

    def to_struct(self) -> dict[str, Any]:
        """As texts, lists and dicts; all features and fields need a code version."""
        return {
            "added_nodes": [_node_struct(it) for it in self.added_nodes],
            "removed_nodes": [_node_struct(it) for it in self.removed_nodes],
            "changed_nodes": [_change_struct(it) for it in self.changed_nodes],
        }

    @classmethod
    def from_struct(
        cls,
        struct_data: Mapping[str, Any],
        from_project_version: str,
        to_project_version: str,
    ) -> Self:
        """What `to_struct` gives."""
        return cls(
            from_project_version=from_project_version,
            to_project_version=to_project_version,
            added_nodes=[
                AddedNode(**_node_fields(it)) for it in struct_data.get("added_nodes", ())
            ],
            removed_nodes=[
                RemovedNode(**_node_fields(it)) for it in struct_data.get("removed_nodes", ())
            ],
            changed_nodes=[_change_of(it) for it in struct_data.get("changed_nodes", ())],
        )


def _node_struct(node: _Node) -> dict[str, Any]:
    return {
        "key": str(node.feature_key),
        "version": node.version,
        "code_version": told(node.code_version, node.feature_key),
        "fields": [
            {
                "key": str(it["key"]),
                "version": it.get("version") or "",
                "code_version": it["code_version"],
            }
            for it in node.fields
        ],
        "dependencies": [str(it) for it in node.dependencies],
    }


def _node_fields(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "feature_key": FeatureKey(node["key"]),
        "version": node["version"],
        "code_version": told(node["code_version"], node["key"]),
        "fields": [
            {
                "key": it["key"],
                "version": it["version"] or None,
                "code_version": it["code_version"],
            }
            for it in node.get("fields", ())
        ],
        "dependencies": [FeatureKey(it) for it in node.get("dependencies", ())],
    }


def _change_struct(node: NodeChange) -> dict[str, Any]:
    return {
        "key": str(node.feature_key),
        **_both(node, node.feature_key),
        "added_fields": [
            {
                "key": str(it.field_key),
                "version": it.new_version or "",
                "code_version": told(it.new_code_version, f"{node.feature_key}:{it.field_key}"),
            }
            for it in node.added_fields
        ],
        "removed_fields": [
            {
                "key": str(it.field_key),
                "version": it.old_version or "",
                "code_version": told(it.old_code_version, f"{node.feature_key}:{it.field_key}"),
            }
            for it in node.removed_fields
        ],
        "changed_fields": [
            {"key": str(it.field_key), **_both(it, f"{node.feature_key}:{it.field_key}")}
            for it in node.changed_fields
        ],
    }


def _change_of(node: Mapping[str, Any]) -> NodeChange:
    key = node["key"]
    return NodeChange(
        feature_key=FeatureKey(key),
        **_both_of(node, key),
        added_fields=[
            FieldChange(
                field_key=FieldKey(it["key"]),
                new_version=it["version"] or None,
                new_code_version=told(it["code_version"], f"{key}:{it['key']}"),
            )
            for it in node.get("added_fields", ())
        ],
        removed_fields=[
            FieldChange(
                field_key=FieldKey(it["key"]),
                old_version=it["version"] or None,
                old_code_version=told(it["code_version"], f"{key}:{it['key']}"),
            )
            for it in node.get("removed_fields", ())
        ],
        changed_fields=[
            FieldChange(field_key=FieldKey(it["key"]), **_both_of(it, f"{key}:{it['key']}"))
            for it in node.get("changed_fields", ())
        ],
    )


def _both(change: _Change, of: object) -> dict[str, str]:
    return {
        "old_version": change.old_version or "",
        "new_version": change.new_version or "",
        "old_code_version": told(change.old_code_version, of),
        "new_code_version": told(change.new_code_version, of),
    }


def _both_of(change: Mapping[str, Any], of: object) -> dict[str, str | None]:
    return {
        "old_version": change["old_version"] or None,
        "new_version": change["new_version"] or None,
        "old_code_version": told(change["old_code_version"], of),
        "new_code_version": told(change["new_code_version"], of),
    }
