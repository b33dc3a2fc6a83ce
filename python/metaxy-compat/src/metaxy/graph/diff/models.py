"""Graphs as plain data: features, their fields, and what depends on what."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey, FieldKey
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from typing_extensions import Self

from metaxy.utils.exceptions import MetaxyEmptyCodeVersionError

if TYPE_CHECKING:
    from metaxy.graph.diff.diff_models import FieldChange

__all__ = ["EdgeData", "FieldNode", "GraphData", "GraphNode", "NodeStatus"]

_VERSION = "metaxy_feature_version"


class NodeStatus(str, Enum):
    """What became of a feature or a field; of a graph that is not compared, nothing did."""

    NORMAL = "normal"
    UNCHANGED = "unchanged"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class FieldNode(_Model):
    """A field of a feature."""

    key: FieldKey
    version: str | None = None
    old_version: str | None = None
    code_version: str | None = None
    status: NodeStatus = NodeStatus.NORMAL


class GraphNode(_Model):
    """A feature."""

    key: FeatureKey
    version: str | None = None
    old_version: str | None = None
    code_version: str | None = None
    fields: list[FieldNode] = Field(default_factory=list[FieldNode])
    dependencies: list[FeatureKey] = Field(default_factory=list[FeatureKey])
    status: NodeStatus = NodeStatus.NORMAL
    project: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])


class EdgeData(_Model):
    """One feature depends on another."""

    from_key: FeatureKey
    to_key: FeatureKey


class GraphData(_Model):
    """A graph, to look at and to draw.

    >>> data = GraphData(nodes={"clip": GraphNode(key=FeatureKey("clip"), code_version="1")})
    >>> GraphData.from_struct(data.to_struct()) == data
    True
    """

    nodes: dict[str, GraphNode]
    edges: list[EdgeData] = Field(default_factory=list[EdgeData])
    project_version: str | None = None
    old_project_version: str | None = None

    _graph: Callable[[], FeatureGraph] | None = PrivateAttr(default=None)

    @property
    def graph(self) -> FeatureGraph:
        """The features themselves, which are what is drawn."""
        if self._graph is None:
            raise ValueError(
                "only what was made from a graph or a snapshot can be drawn: differences are "
                "drawn by `DiffFormatter`"
            )
        return self._graph()

    # Where it came from makes no difference.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, GraphData) and dict(self) == dict(other)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def get_node(self, key: FeatureKey) -> GraphNode | None:
        """A feature, if it is there."""
        return self.nodes.get(key.to_string())

    def get_nodes_by_status(self, status: NodeStatus) -> list[GraphNode]:
        """All features that this became of."""
        return [node for node in self.nodes.values() if node.status == status]

    @classmethod
    def from_feature_graph(cls, graph: FeatureGraph) -> Self:
        """What a graph declares."""
        nodes = {
            str(key): GraphNode(
                key=key,
                version=graph.get_feature_version(key),
                fields=_fields(
                    graph.get_feature_version_by_field(key),
                    {str(it.key): it.code_version for it in definition.spec.fields},
                ),
                dependencies=[dep.feature for dep in definition.spec.deps],
                project=definition.project,
            )
            for key, definition in graph.feature_definitions_by_key.items()
        }
        found = cls(nodes=nodes, edges=_edges(nodes), project_version=graph.project_version)
        found._graph = lambda: graph
        return found

    @classmethod
    def from_snapshot(cls, snapshot_data: Mapping[str, Any]) -> Self:
        """What `FeatureGraph.to_snapshot` or `GraphDiffer.load_snapshot_data` gives."""
        nodes: dict[str, GraphNode] = {}
        for key, feature in snapshot_data.items():
            spec: Mapping[str, Any] = feature.get("feature_spec") or {}
            nodes[key] = GraphNode(
                key=FeatureKey(key),
                version=feature.get(_VERSION),
                fields=_fields(feature.get("fields") or {}, {}),
                dependencies=[FeatureKey(it["feature"]) for it in spec.get("deps") or ()],
                project=(spec.get("metadata") or {}).get("project"),
            )
        found = cls(nodes=nodes, edges=_edges(nodes))
        found._graph = lambda: FeatureGraph.from_snapshot(snapshot_data)
        return found

    @classmethod
    def from_merged_diff(cls, merged_data: Mapping[str, Any]) -> Self:
        """What `GraphDiffer.create_merged_graph_data` gives."""
        return cls(
            nodes={
                key: GraphNode(
                    key=FeatureKey(key),
                    version=node.get("new_version"),
                    old_version=node.get("old_version"),
                    fields=_merged(node.get("fields") or {}, node.get("field_changes") or ()),
                    dependencies=[FeatureKey(it) for it in node.get("dependencies") or ()],
                    status=NodeStatus(node["status"]),
                )
                for key, node in merged_data["nodes"].items()
            },
            edges=[
                EdgeData(from_key=FeatureKey(it["from"]), to_key=FeatureKey(it["to"]))
                for it in merged_data["edges"]
            ],
        )

    def to_struct(self) -> dict[str, Any]:
        """As texts, lists and dicts; all features and fields need a code version."""
        found: dict[str, Any] = {
            "nodes": [
                {
                    "key": str(node.key),
                    "version": node.version or "",
                    "code_version": told(node.code_version, node.key),
                    "fields": [
                        {
                            "key": str(field.key),
                            "version": field.version or "",
                            "code_version": told(field.code_version, f"{node.key}:{field.key}"),
                        }
                        for field in node.fields
                    ],
                    "dependencies": [str(it) for it in node.dependencies],
                    "project": node.project or "",
                }
                for node in self.nodes.values()
            ],
            "edges": [
                {"from_key": str(it.from_key), "to_key": str(it.to_key)} for it in self.edges
            ],
        }
        if self.project_version is not None:
            found["metaxy_project_version"] = self.project_version
        if self.old_project_version is not None:
            found["old_project_version"] = self.old_project_version
        return found

    @classmethod
    def from_struct(cls, struct_data: Mapping[str, Any]) -> Self:
        """What `to_struct` gives."""
        return cls(
            nodes={
                node["key"]: GraphNode(
                    key=FeatureKey(node["key"]),
                    version=node["version"] or None,
                    code_version=told(node["code_version"], node["key"]),
                    fields=[
                        FieldNode(
                            key=FieldKey(it["key"]),
                            version=it["version"] or None,
                            code_version=told(it["code_version"], f"{node['key']}:{it['key']}"),
                        )
                        for it in node["fields"]
                    ],
                    dependencies=[FeatureKey(it) for it in node["dependencies"]],
                    project=node.get("project") or None,
                )
                for node in struct_data["nodes"]
            },
            edges=[
                EdgeData(from_key=FeatureKey(it["from_key"]), to_key=FeatureKey(it["to_key"]))
                for it in struct_data["edges"]
            ],
            project_version=struct_data.get("metaxy_project_version"),
            old_project_version=struct_data.get("old_project_version"),
        )


def told(code_version: str | None, of: object) -> str:
    """A code version that somebody gave."""
    if not code_version:
        raise MetaxyEmptyCodeVersionError(f"`{of}` has empty code_version")
    return code_version


def _fields(versions: Mapping[str, str], code_versions: Mapping[str, str]) -> list[FieldNode]:
    return [
        FieldNode(key=FieldKey(key), version=version, code_version=code_versions.get(key))
        for key, version in versions.items()
    ]


def _edges(nodes: Mapping[str, GraphNode]) -> list[EdgeData]:
    return [
        EdgeData(from_key=of, to_key=node.key)
        for node in nodes.values()
        for of in node.dependencies
    ]


def _merged(versions: Mapping[str, str], changes: "list[FieldChange]") -> list[FieldNode]:
    changed = {str(it.field_key): it for it in changes}
    found: list[FieldNode] = []
    for key in [*versions, *(it for it in changed if it not in versions)]:
        status, new, old = NodeStatus.UNCHANGED, versions.get(key), None
        if change := changed.get(key):
            new, old = change.new_version, change.old_version
            if change.is_added or change.is_removed:
                status = NodeStatus.ADDED if change.is_added else NodeStatus.REMOVED
            elif change.is_changed:
                status = NodeStatus.CHANGED
            else:
                old = None
        found.append(FieldNode(key=FieldKey(key), version=new, old_version=old, status=status))
    return found
