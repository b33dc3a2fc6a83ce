"""Comparing graphs."""

from collections.abc import Mapping
from typing import Any, Literal

from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey, FieldKey
from metalith.stores import MetadataStore

from metaxy.graph.diff.diff_models import (
    AddedNode,
    FieldChange,
    GraphDiff,
    NodeChange,
    RemovedNode,
)
from metaxy.metadata_store.system import SystemTableStorage

__all__ = ["GraphDiffer", "SnapshotResolver"]

Feature = Mapping[str, Any]
"""`metaxy_feature_version`, perhaps `metaxy_definition_version` and `feature_spec`, and `fields`:
versions by name."""
Snapshot = Mapping[str, Feature]
"""The features of a graph by key."""

_VERSION = "metaxy_feature_version"


class SnapshotResolver:
    """Finds the version that a word means."""

    def resolve_snapshot(
        self,
        literal: str,
        store: MetadataStore | None,
        graph: FeatureGraph | None,
        project: str | None = None,
    ) -> str:
        """The version of the graph recorded last for `latest`, of the given one for `current`; else
        what is given."""
        if literal == "latest":
            if store is None:
                raise ValueError("Cannot resolve 'latest': no metadata store provided")
            with store:
                found = SystemTableStorage(store).read_graph_snapshots(project=project)
            if not len(found):
                raise ValueError("No snapshots found in store: record one with `metaxy push`")
            return str(found["metaxy_project_version"][0])
        if literal != "current":
            return literal
        if graph is None:
            raise ValueError("Cannot resolve 'current': no active graph provided")
        projects = {it.project for it in graph.feature_definitions_by_key.values()}
        if not projects:
            raise ValueError("Cannot resolve 'current': active graph is empty")
        if project is None and len(projects) == 1:
            project = projects.pop()
        return graph.project_version if project is None else graph.get_project_version(project)


class GraphDiffer:
    """Compares snapshots.

    >>> before = {"clip": {"metaxy_feature_version": "1", "fields": {"frames": "1"}}}
    >>> after = {"clip": {"metaxy_feature_version": "2", "fields": {"sound": "1"}}}
    >>> (change,) = GraphDiffer().diff(before, after).changed_nodes
    >>> [(str(it.field_key), it.is_added) for it in change.field_changes]
    [('sound', True), ('frames', False)]
    """

    def diff(
        self,
        snapshot1_data: Snapshot,
        snapshot2_data: Snapshot,
        from_project_version: str = "unknown",
        to_project_version: str = "unknown",
    ) -> GraphDiff:
        """What is different in the second.

        A feature that is only declared otherwise is different too, with equal versions.
        """
        old, new = snapshot1_data, snapshot2_data
        both = sorted(old.keys() & new.keys())
        return GraphDiff(
            from_project_version=from_project_version,
            to_project_version=to_project_version,
            added_nodes=[
                AddedNode(**_node(key, new[key])) for key in sorted(new.keys() - old.keys())
            ],
            removed_nodes=[
                RemovedNode(**_node(key, old[key])) for key in sorted(old.keys() - new.keys())
            ],
            changed_nodes=[
                _change(key, old[key], new[key])
                for key in both
                if _declared(old[key]) != _declared(new[key])
            ],
        )

    def create_merged_graph_data(
        self, snapshot1_data: Snapshot, snapshot2_data: Snapshot, diff: GraphDiff
    ) -> dict[str, Any]:
        """Both graphs in one: `nodes` by key, each with a `status`, and `edges` from upstreams."""
        changed = {str(it.feature_key): it for it in diff.changed_nodes}
        nodes: dict[str, dict[str, Any]] = {}
        edges: list[dict[str, str]] = []
        for key in sorted(snapshot1_data.keys() | snapshot2_data.keys()):
            old, new = snapshot1_data.get(key), snapshot2_data.get(key)
            feature = new or old or {}
            status: Literal["added", "removed", "changed", "unchanged"] = "unchanged"
            if old is None or new is None:
                status = "added" if old is None else "removed"
            elif key in changed:
                status = "changed"
            dependencies = [str(it) for it in _dependencies(feature)]
            nodes[key] = {
                "status": status,
                "old_version": None if old is None else old[_VERSION],
                "new_version": None if new is None else new[_VERSION],
                "fields": dict(feature.get("fields") or {}),
                "field_changes": changed[key].field_changes if key in changed else [],
                "dependencies": dependencies,
            }
            edges += [{"from": it, "to": key} for it in dependencies]
        return {"nodes": nodes, "edges": edges}

    def filter_merged_graph(
        self,
        merged_data: dict[str, Any],
        focus_feature: str | None = None,
        up: int | None = None,
        down: int | None = None,
    ) -> dict[str, Any]:
        """What is around a feature: so many steps up and down, by default all."""
        if focus_feature is None:
            return merged_data
        nodes, edges = merged_data["nodes"], merged_data["edges"]
        names = (focus_feature, focus_feature.replace("__", "/"))
        middle = next((it for it in names if it in nodes), None)
        if middle is None:
            raise ValueError(f"Feature '{focus_feature}' not found in graph")
        pairs = [(it["from"], it["to"]) for it in edges]
        upward = _around(middle, [(to, of) for of, to in pairs], up)
        kept = upward | _around(middle, pairs, down)
        return {
            "nodes": {key: it for key, it in nodes.items() if key in kept},
            "edges": [it for it in edges if it["from"] in kept and it["to"] in kept],
        }

    def load_snapshot_data(
        self, store: MetadataStore, project_version: str, project: str | None = None
    ) -> Snapshot:
        """The features of a graph on record, with the versions of their fields."""
        try:
            with store:
                storage = SystemTableStorage(store)
                graph = storage.load_graph_from_snapshot(project_version, project)
        except ValueError as problem:
            raise ValueError(f"Failed to load snapshot {project_version}: {problem}") from problem
        return snapshot_data(graph, project)


def snapshot_data(graph: FeatureGraph, project: str | None) -> Snapshot:
    """The features of a graph, with the versions of their fields."""
    return {
        key: {**feature, "fields": graph.get_feature_version_by_field(key)}
        for key, feature in graph.to_snapshot(project=project).items()
    }


def _declared(feature: Feature) -> Any:
    return feature.get("metaxy_definition_version", feature[_VERSION])


def _node(key: str, feature: Feature) -> dict[str, Any]:
    versions: Mapping[str, str] = feature.get("fields") or {}
    fields = [
        {
            "key": _text(it["key"]),
            "version": versions.get(_text(it["key"]), ""),
            "code_version": it.get("code_version"),
        }
        for it in _spec(feature).get("fields") or ()
    ]
    return {
        "feature_key": FeatureKey(key),
        "version": feature[_VERSION],
        "code_version": _spec(feature).get("code_version"),
        "fields": fields,
        "dependencies": _dependencies(feature),
    }


def _change(key: str, old: Feature, new: Feature) -> NodeChange:
    before: Mapping[str, str] = old.get("fields") or {}
    after: Mapping[str, str] = new.get("fields") or {}
    fields = [
        FieldChange(
            field_key=FieldKey(name),
            old_version=before.get(name),
            new_version=after.get(name),
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    return NodeChange(
        feature_key=FeatureKey(key),
        old_version=old[_VERSION],
        new_version=new[_VERSION],
        old_code_version=_spec(old).get("code_version"),
        new_code_version=_spec(new).get("code_version"),
        added_fields=[it for it in fields if it.is_added],
        removed_fields=[it for it in fields if it.is_removed],
        changed_fields=[it for it in fields if it.is_changed],
    )


def _spec(feature: Feature) -> Mapping[str, Any]:
    return feature.get("feature_spec") or {}


def _dependencies(feature: Feature) -> list[FeatureKey]:
    deps = _spec(feature).get("deps") or ()
    return [FeatureKey(_text(it.get("feature") or it.get("key"))) for it in deps]


def _text(key: Any) -> str:
    return key if isinstance(key, str) else "/".join(key)


def _around(start: str, edges: list[tuple[str, str]], steps: int | None) -> set[str]:
    found, edge = {start}, {start}
    while edge and (steps is None or steps > 0):
        edge = {to for of, to in edges if of in edge} - found
        found |= edge
        steps = None if steps is None else steps - 1
    return found
